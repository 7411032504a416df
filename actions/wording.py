"""Texts with `{parameters}` in them, as agent.yaml writes them. `{{` and `}}` are literal braces."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field

from actions.action import CONFIRM_EXPIRES
from actions.scope import check_template, list_scope
from settings import Duration, Settings


def _is_single(name: str) -> str:
    scope = list_scope()
    if scope is not None and scope.names[name] > 1:
        raise ValueError(f"the name {name} is taken by another action of this list; names must be different")
    return name


ActionName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"), AfterValidator(_is_single)]
"""A tool name as every model server accepts it, different from all others of the list."""


class Confirm(Settings):
    """The question that the customer must say yes to first."""

    text: Annotated[str, Field(min_length=1), AfterValidator(check_template)] = Field(
        description="the question, with {parameters}"
    )
    expires: Duration = Field(CONFIRM_EXPIRES, description="how long a yes is waited for")


def to_confirm(value: Any) -> Any:
    """A bare text is the question."""
    return value if value is None or isinstance(value, Mapping | Confirm) else {"text": value}


class Words(Protocol):
    """The keys that every entry of `actions:` may have."""

    @property
    def confirm(self) -> Confirm | None: ...

    @property
    def examples(self) -> Sequence[str]: ...

    @property
    def claims(self) -> Sequence[str]: ...


class Wording:
    """What of `actions.action.Action` an entry of `actions:` answers by itself."""

    def __init__(self, words: Words) -> None:
        self._words = words

    @property
    def confirm(self) -> str | None:
        return self._words.confirm.text if self._words.confirm else None

    @property
    def confirm_expires(self) -> timedelta:
        return self._words.confirm.expires if self._words.confirm else CONFIRM_EXPIRES

    @property
    def examples(self) -> Sequence[str]:
        return self._words.examples

    @property
    def claims(self) -> Sequence[str]:
        return self._words.claims
