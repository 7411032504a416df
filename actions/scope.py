"""What a part of `actions:` must know of the rest while it is validated.

A misspelt `{placeholder}` is an error of the very field it stands in, though only its surroundings know that it is
misspelt. pydantic gives a field no sight of them; a context variable, set by the outer validators, does.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from actions.template import placeholders


@dataclass(frozen=True, slots=True)
class ListScope:
    """All of `actions:`: how often each name is declared, and which contact facts bind parameters, by their `fact_key`."""

    names: Counter[str]
    has_mcp: bool
    binding_facts: frozenset[str]


@dataclass(frozen=True, slots=True)
class ActionScope:
    """One declared action: its parameters as written, and the names that its templates use."""

    parameters: Mapping[str, Any]
    used: frozenset[str] = field(default_factory=frozenset)


def fact_key(fact: str) -> str:
    """Reduce the name of a contact fact to what all its spellings share: `custom.member_no` and `Member No` are one."""
    plain = unicodedata.normalize("NFKC", fact).casefold()
    return "".join(letter for letter in plain.removeprefix("contact.").removeprefix("custom.") if letter.isalnum())


_list: ContextVar[ListScope | None] = ContextVar("list_scope", default=None)


_action: ContextVar[ActionScope | None] = ContextVar("action_scope", default=None)


def list_scope() -> ListScope | None:
    """The list being validated; None when an action is validated by itself."""
    return _list.get()


def action_scope() -> ActionScope | None:
    """The declared action being validated; None outside one."""
    return _action.get()


@contextmanager
def within_list(scope: ListScope) -> Iterator[None]:
    """Validate a list of actions; `list_scope` returns `scope` meanwhile."""
    token = _list.set(scope)
    try:
        yield
    finally:
        _list.reset(token)


@contextmanager
def within_action(scope: ActionScope) -> Iterator[None]:
    """Validate one action; `action_scope` returns `scope` meanwhile."""
    token = _action.set(scope)
    try:
        yield
    finally:
        _action.reset(token)


def check_template(text: str) -> str:
    """A template all of whose placeholders are parameters of the action around it.

    Raises:
        ValueError: one is not.
    """
    names = placeholders(text)
    if (scope := action_scope()) is not None:
        for name in names:
            if name not in scope.parameters:
                raise ValueError(f"{{{name}}} is not a parameter of this action{suggest(name, scope.parameters)}")
    return text


def suggest(word: str, known: Any) -> str:
    """`"; did you mean order_id?"`, or what there is to choose from."""
    names = [str(name) for name in known]
    if close := get_close_matches(word, names, 1):
        return f"; did you mean {close[0]}?"
    return f"; there is {', '.join(names)}" if names else "; it has none"
