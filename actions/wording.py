"""The keys that every entry of `actions:` may have: its name, its question, its examples and its claims."""

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
    """Accept a bare text as the question."""
    return value if value is None or isinstance(value, Mapping | Confirm) else {"text": value}


class Texts(Protocol):
    """An entry of `actions:`, as far as `Wording` reads it."""

    @property
    def confirm(self) -> Confirm | None: ...

    @property
    def examples(self) -> Sequence[str]: ...

    @property
    def claims(self) -> Sequence[str]: ...


class Wording:
    """The part of `actions.action.Action` that an entry of `actions:` answers by itself."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    @property
    def confirm(self) -> str | None:
        return self._texts.confirm.text if self._texts.confirm else None

    @property
    def confirm_expires(self) -> timedelta:
        return self._texts.confirm.expires if self._texts.confirm else CONFIRM_EXPIRES

    @property
    def examples(self) -> Sequence[str]:
        return self._texts.examples

    @property
    def claims(self) -> Sequence[str]:
        return self._texts.claims
