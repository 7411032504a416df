"""Personal data and secrets out of what is kept: each value has one stand-in, the same everywhere, so that the talk still makes sense."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from actions.redaction import Redactor
from settings.phone import InvalidPhone, to_e164

_PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d{1,3}[ -]?\d{2,4}(?:[ -]?\d{2,4}){1,3}|08\d{1,2}(?:[ -]?\d{3,5}){2,3}|628\d{8,11})(?![\w-])"
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}(?![\w-])")
_STAND_IN = "+628120000"
"""How the number of a stand-in begins; what is one already stays."""
_NAMES = ("Budi", "Sari", "Rina", "Andi", "Dewi", "Agus", "Putri", "Joko", "Wati", "Hadi")


class Anonymiser:
    """Replaces secrets, phone numbers, e-mail addresses and the names that it was told of.

    Stand-ins are given in the order of appearance: `+6281200000001`, `customer1@example.com`, `Budi`.
    """

    def __init__(self, redactor: Redactor | None = None, keep: Iterable[str] = ()) -> None:
        """Begin without stand-ins.

        Args:
            redactor: masks the agent's secrets.
            keep: phone numbers (E.164) and addresses that stay: those that a scenario itself gives its customer.
        """
        self._redactor = redactor or Redactor()
        self._keep = set(keep)
        self._phones: dict[str, str] = {}
        self._emails: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def learn_name(self, name: str | None) -> str | None:
        """Replace a name from now on, wherever it stands as a word; its stand-in."""
        if not name or not name.strip():
            return name
        if name not in self._names:
            number = len(self._names)
            repeat = number // len(_NAMES)
            self._names[name] = _NAMES[number % len(_NAMES)] + (str(repeat + 1) if repeat else "")
        return self._names[name]

    def phone(self, number: str) -> str:
        """The stand-in of a phone number."""
        try:
            exact = to_e164(number, "ID")
        except InvalidPhone:
            return number
        if exact in self._keep or exact.startswith(_STAND_IN):
            return number
        stand_in = self._phones.setdefault(exact, f"{_STAND_IN}{len(self._phones) + 1:04}")
        if number.lstrip().startswith("+"):
            return stand_in
        return "0" + stand_in[3:] if number.lstrip().startswith("0") else stand_in[1:]

    def text(self, text: str) -> str:
        """A text without secrets and personal data."""
        text = self._redactor.text(text)
        text = _EMAIL.sub(lambda match: self._email(match[0]), text)
        text = _PHONE.sub(lambda match: self.phone(match[0]), text)
        if self._names:
            longest = sorted(self._names, key=len, reverse=True)
            pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)"
            folded = {name.casefold(): stand_in for name, stand_in in self._names.items()}
            text = re.sub(pattern, lambda match: folded.get(match[0].casefold(), match[0]), text, flags=re.IGNORECASE)
        return text

    def __call__(self, value: Any) -> Any:
        """The same structure of mappings, lists and texts without them."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        return value

    def _email(self, address: str) -> str:
        if address in self._keep or address.endswith(("@example.com", ".invalid")):
            return address
        return self._emails.setdefault(address.casefold(), f"customer{len(self._emails) + 1}@example.com")
