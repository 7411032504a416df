"""Texts with `{parameters}` in them, as agent.yaml writes them. `{{` and `}}` are literal braces."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field

from actions.action import Json
from actions.settings import check_template, list_scope
from settings import Duration, Settings

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def placeholders(text: str) -> list[str]:
    """The parameters that a template names, in order, repeated when repeated.

    Raises:
        ValueError: braces hold something that is no name.
    """
    names = [match[1] for match in _BRACES.finditer(text) if match[1] is not None]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{{{name}}} is not the name of a parameter; write literal braces as {{{{ and }}}}")
    return names


def whole(text: str) -> str | None:
    """The parameter's name when the template is one placeholder and nothing else: such a value keeps its type."""
    match = _BRACES.fullmatch(text)
    return match[1] if match else None


def fill(text: str, render: Callable[[str], str]) -> str:
    """The template with each placeholder replaced by `render(name)`."""
    return _BRACES.sub(lambda match: match[0][0] if match[1] is None else render(match[1]), text)


def texts(value: object) -> Iterator[str]:
    """Every text in a structure of mappings and lists; keys are no templates."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def plain(value: Json) -> str:
    """A value inside a text: `true` and `3` as JSON writes them, whole floats without `.0`, lists with commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return ",".join(map(plain, value))
    return str(value)


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
    expires: Duration = Field(timedelta(minutes=15), description="how long a yes is waited for")


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
        return self._words.confirm.expires if self._words.confirm else timedelta(minutes=15)

    @property
    def examples(self) -> Sequence[str]:
        return self._words.examples

    @property
    def claims(self) -> Sequence[str]:
        return self._words.claims
