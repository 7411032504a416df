"""`{contact.first_name}` in a text for a customer: which facts there are, and how they are filled in."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated

from pydantic import AfterValidator

from actions.parameters import CONTACT_FACTS
from actions.template import plain
from agent.config.texts import Text
from messaging.types import Contact

_BRACES = re.compile(r"(?P<space>\s*)\{(?P<name>[^{}|]*)(?:\|(?P<instead>[^{}]*))?\}")

_GONE = "\N{ZERO WIDTH NO-BREAK SPACE}"
_LEFT_OVER = re.compile(rf"^{_GONE}[\s,.:;!]*(\w?)", re.MULTILINE)

FACTS = (*CONTACT_FACTS, "lifecycle")
"""What a contact has beside its custom fields, which are `contact.custom.<name>`."""


def check_facts(text: str) -> str:
    """The text itself. Raises `ValueError` for braces that hold no fact of a contact."""
    for name in _names(text):
        if not _is_fact(name):
            known = ", ".join(f"contact.{each}" for each in FACTS)
            raise ValueError(f"{{{name}}} cannot be filled in; there are {known} and contact.custom.<name>")
    return text


def check_all_facts(text: Text) -> Text:
    """The same for a text in several languages."""
    for words in text.by_language.values():
        check_facts(words)
    return text


FactText = Annotated[Text, AfterValidator(check_all_facts)]
"""A text for customers in which facts of the contact may stand."""


def check_mentioned_facts(text: str) -> str:
    """The text itself, in which braces may also be just braces. Raises `ValueError` for a `{contact.…}` that is no fact."""
    check_facts("".join(match[0] for match in _BRACES.finditer(text) if match["name"].strip().startswith("contact.")))
    return text


def fill(text: str, contact: Contact, written: Callable[[str], str] = str) -> str:
    """The text with the contact's facts, each as `written` writes it.

    One that is not known leaves `{…|what stands after the bar}`, or nothing, not even the space before it or the comma after it
    at the start of a line. Braces that hold no fact stay as they are.
    """

    def write(match: re.Match[str]) -> str:
        name = match["name"].strip()
        if not _is_fact(name):
            return match[0]
        value = _fact(name.removeprefix("contact."), contact) or (match["instead"] or "").strip()
        if value:
            return match["space"] + written(value)
        return "\n" * match["space"].count("\n") + _GONE

    filled = _BRACES.sub(write, text)
    return _LEFT_OVER.sub(lambda match: match[1].upper(), filled).replace(_GONE, "").strip()


def _names(text: str) -> Iterator[str]:
    for match in _BRACES.finditer(text):
        yield match["name"].strip()


def _is_fact(name: str) -> bool:
    fact = name.removeprefix("contact.")
    return fact != name and (fact in FACTS or re.fullmatch(r"custom\..+", fact) is not None)


def _fact(name: str, contact: Contact) -> str:
    if name.startswith("custom."):
        value = contact.custom_fields.get(name.removeprefix("custom."))
    elif name == "id":
        value = contact.key.id
    else:
        value = getattr(contact, name)
    return " ".join(plain(value).split())
