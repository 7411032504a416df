"""What the REPL shows: the reply as the customer reads it, and below it, dim, how it came about."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from messaging.errors import Invalid, NotFound, PayloadError
from messaging.platform import Capabilities
from messaging.types import (
    Address,
    Channel,
    ChannelTemplate,
    Contact,
    ContactFilter,
    ContactKey,
    CustomPayload,
    Email,
    Event,
    FieldValue,
    File,
    Outbound,
    PlatformMessage,
    QuickReplies,
    Template,
    Text,
)

_PROFILE = frozenset({"first_name", "last_name", "phone", "email", "language", "country"})


class TerminalPlatform:
    """`messaging.platform.Platform`, as far as a terminal goes: what is sent is kept until it is shown.

    `sent` holds the messages for the customer and `notes` what only colleagues would see, both oldest first; `take` and
    `take_notes` empty them.
    """

    name = "terminal"
    capabilities = Capabilities(
        tags=True,
        lifecycle=True,
        comments=True,
        assignment=True,
        conversations=True,
        contact_fields="custom",
        profiles=True,
        finds=frozenset({"phone", "email"}),
        templates=True,
        message_list=True,
        quick_replies=True,
    )
    settling = timedelta(0)

    def __init__(self) -> None:
        self._sent: list[tuple[ContactKey, Outbound]] = []
        self._notes: list[str] = []
        self._contacts: dict[ContactKey, Contact] = {}
        self._numbers = count(1)

    def greet(self, contact: Contact) -> None:
        """Make a customer known."""
        self._contacts[contact.key] = contact

    def take(self, contact: ContactKey) -> list[Outbound]:
        """What was sent to this customer since the last time."""
        taken = [message for key, message in self._sent if key == contact]
        self._sent = [(key, message) for key, message in self._sent if key != contact]
        return taken

    def take_notes(self) -> list[str]:
        """What happened for colleagues since the last time."""
        taken, self._notes = self._notes, []
        return taken

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Nothing arrives by webhook here."""

    def parse(self, body: bytes) -> list[Event]:
        raise PayloadError("the terminal has no webhooks")

    def challenge(self, query: Mapping[str, str]) -> str | None:
        return None

    async def fetch(self, reference: str, most: int) -> bytes:
        raise NotFound("the terminal has no files of its own")

    async def send(
        self, contact: ContactKey, message: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str:
        self._sent.append((contact, message))
        return f"terminal-{next(self._numbers)}"

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        return []

    async def message(self, contact: ContactKey, message_id: str) -> PlatformMessage:
        raise NotFound("the terminal keeps no messages")

    async def contact(self, contact: ContactKey) -> Contact:
        found = self._contacts.get(contact)
        if found is None:
            raise NotFound(f"there is no contact {contact} in this terminal")
        return found

    async def find_contact(self, address: Address) -> Contact:
        for contact in self._contacts.values():
            if address.value in (contact.phone, contact.email):
                return contact
        raise NotFound(f"there is no contact {address} in this terminal")

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        raise Invalid("contacts cannot be created in a terminal")

    def list_contacts(self, wanted: ContactFilter) -> AsyncIterator[Contact]:
        raise Invalid("this terminal has one customer and no list of contacts")

    async def update_contact(self, contact: ContactKey, fields: Mapping[str, FieldValue]) -> None:
        known = await self.contact(contact)
        profile: dict[str, Any] = {name: value for name, value in fields.items() if name in _PROFILE}
        custom = {name: value for name, value in fields.items() if name not in _PROFILE}
        self._contacts[contact] = replace(known, **profile, custom_fields={**known.custom_fields, **custom})
        self._notes.append(f"contact: {', '.join(f'{name} = {value}' for name, value in fields.items())}")

    async def in_format(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        return fields  # a terminal has no types of fields

    async def add_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        self._notes.append(f"tags added: {', '.join(tags)}")

    async def remove_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        self._notes.append(f"tags removed: {', '.join(tags)}")

    async def set_lifecycle(self, contact: ContactKey, name: str | None) -> None:
        self._notes.append(f"lifecycle: {name or 'none'}")

    async def assign(self, contact: ContactKey, assignee: str | None) -> None:
        self._notes.append(f"assigned to {assignee}" if assignee else "unassigned")

    async def open_conversation(self, contact: ContactKey) -> None:
        self._notes.append("conversation opened for colleagues")

    async def close_conversation(
        self, contact: ContactKey, category: str | None = None, summary: str | None = None
    ) -> None:
        self._notes.append("conversation closed" + (f": {category}" if category else ""))

    async def comment(self, contact: ContactKey, text: str) -> None:
        self._notes.append(f"comment for colleagues: {text}")

    async def channels(self) -> Sequence[Channel]:
        return []

    async def templates(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        return []

    async def aclose(self) -> None:
        """Nothing is open."""


def as_text(message: Outbound) -> str:
    """A message in words; files by their kind, buttons in brackets."""
    match message:
        case Text(text) | Email(text):
            return text
        case File(kind, url):
            return f"[{kind}: {url}]"
        case QuickReplies(title, replies):
            return f"{title} " + " ".join(f"[{reply}]" for reply in replies)
        case Template(name, language):
            return f"[template: {name} ({language})]"
        case CustomPayload():
            return "[payload]"
