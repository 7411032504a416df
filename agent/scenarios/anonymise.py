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
_EMAIL_STAND_IN = re.compile(r"customer(\d{1,9})@example\.com")
_PART = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
"""A word of a name, whatever stands beside it: an emoji, a digit, a hyphen."""

_SHORT = 3
"""Letters of a name that no word of a language has by accident."""

_ADDRESSES = frozenset(
    "bapak bpk pak ibu bu kak kakak mas mba mbak bang om tante mr mrs ms dr drs ir toko pt cv".split()
)
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
        self._written: dict[str, str] = {}  # from each stand-in to what it replaces, as it was written first
        self._last_phone = self._last_email = 0

    def learn_name(self, name: str | None) -> str | None:
        """Replace a name from now on, each part of it wherever it stands as a word; its stand-in.

        Many people have the whole of their name in one field, and are called by a part of it. Forms of address, and letters that stand
        for a name, stay: they identify no one.
        """
        if not name or not name.strip():
            return name
        for part in dict.fromkeys(each.casefold() for each in _PART.findall(name)):
            if part not in self._names and len(part) > 1 and part not in _ADDRESSES:
                number = len(self._names)
                repeat = number // len(_NAMES)
                self._names[part] = _NAMES[number % len(_NAMES)] + (str(repeat + 1) if repeat else "")
        return self._without_names(name)

    def phone(self, number: str) -> str:
        """The stand-in of a phone number."""
        exact = _exact(number)
        if not exact.startswith("+"):
            return number
        if exact.startswith(_STAND_IN):  # of an earlier recording: the next one is another
            self._last_phone = max(self._last_phone, int(exact.removeprefix(_STAND_IN) or 0))
            return number
        if exact in self._keep:
            return number
        if exact not in self._phones:
            self._last_phone += 1
            self._phones[exact] = f"{_STAND_IN}{self._last_phone:04}"
            self._written[self._phones[exact]] = number
        stand_in = self._phones[exact]
        if number.lstrip().startswith("+"):
            return stand_in
        return "0" + stand_in[3:] if number.lstrip().startswith("0") else stand_in[1:]

    def text(self, text: str) -> str:
        """A text without secrets and personal data."""
        text = self._redactor.text(text)
        text = _EMAIL.sub(lambda match: self._email(match[0]), text)
        text = _PHONE.sub(lambda match: self.phone(match[0]), text)
        return self._without_names(text)

    def _without_names(self, text: str) -> str:
        return _PART.sub(lambda match: self._stand_in(match[0]), text) if self._names else text

    def _stand_in(self, word: str) -> str:
        """What stands for a word. A very short name is written with a capital, or else it is another word."""
        if len(word) < _SHORT and not word[0].isupper():
            return word
        return self._names.get(word.casefold(), word)

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
        if known := _EMAIL_STAND_IN.fullmatch(address):
            self._last_email = max(self._last_email, int(known[1]))
        if address in self._keep or address.endswith(("@example.com", ".invalid")):
            return address
        folded = address.casefold()
        if folded not in self._emails:
            self._last_email += 1
            self._emails[folded] = f"customer{self._last_email}@example.com"
            self._written[self._emails[folded]] = address
        return self._emails[folded]

    def hide(self, value: Any) -> Any:
        """As a call, for an answer: what it says first is never revealed, since who plays the recording does not know it."""
        written = dict(self._written)
        hidden = self(value)
        self._written = written
        return hidden

    def reveal(self, value: Any) -> Any:
        """The same structure with what stand-ins stand for, as far as it was seen: a recorded answer speaks of what is said now."""
        if isinstance(value, str):
            text = _EMAIL.sub(lambda match: self._written.get(match[0], match[0]), value)
            return _PHONE.sub(lambda match: self._written.get(_exact(match[0]), match[0]), text)
        if isinstance(value, Mapping):
            return {key: self.reveal(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.reveal(item) for item in value]
        return value


def _exact(number: str) -> str:
    try:
        return to_e164(number, "ID")
    except InvalidPhone:
        return number
