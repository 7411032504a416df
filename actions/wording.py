"""The part of an action that is words of agent.yaml, whatever the action does."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from actions.naming import Confirm


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
