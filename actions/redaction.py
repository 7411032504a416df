"""Secrets out of everything that is shown, logged, recorded or told to a model."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

MASK = "•••"
_SHORTEST = 4  # a "secret" of three letters would mask half of every text


class Redactor:
    """Replaces known secrets in texts and structures.

    A secret is also found percent-encoded, as it stands in a URL.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secret for secret in secrets if len(secret) >= _SHORTEST)
        spellings = {form for secret in self._secrets for form in (secret, quote(secret, safe=""))}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def also(self, secrets: Iterable[str]) -> "Redactor":
        """A redactor that knows further secrets."""
        return Redactor(self._secrets.union(secrets))

    def text(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def __call__(self, value: Any) -> Any:
        """The same structure of mappings, lists and texts without secrets; keys are texts too."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(map(self, value))
        return value
