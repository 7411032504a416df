"""The seam between the agent and a messaging platform: what it must do, and what it says that it cannot do."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NoReturn, Protocol

from messaging.errors import Invalid, Unsupported
from messaging.settings import MessagingSettings
from messaging.types import (
    Address,
    Channel,
    ChannelTemplate,
    Contact,
    ContactFilter,
    ContactKey,
    Event,
    FieldValue,
    Outbound,
    PlatformMessage,
)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file to send. `type` is its MIME type."""

    content: bytes
    type: str
    name: str


MediaReader = Callable[[str], Awaitable[MediaFile]]
"""Reads the file behind the URL of a `File`, for platforms that take uploads. Raises `Invalid` where it cannot be had."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can do. What it cannot is known before it is asked, and `balas check` names it.

    Attributes:
        tags, lifecycle, comments: the platform keeps them; otherwise the ledger does, or `balas check` objects.
        assignment: conversations are assigned to colleagues.
        conversations: they are opened and closed.
        contact_fields: which facts of a contact can be written.
        profiles: `contact` tells more than webhooks do.
        finds: how a contact can be found, or created, who never wrote; where contacts are conversations, the key is a stand-in
            (`messaging.types.stand_in`), and the first message to it begins the conversation.
        lists_contacts: `list_contacts` works.
        templates: messages that may be sent at any time.
        lists_templates: `templates` works.
        message_list: `messages` works, so that a send whose fate is unknown can be looked up.
        idempotency_keys: the same send with the same key is carried out once.
        echoes: what was sent comes back as an event.
        quick_replies: choices to tap; elsewhere they become numbered lines.
        media: whether files are fetched by the platform (`link`) or handed to it (`upload`).
        message_ids: the scope in which a message id is unique; where the platform says nothing, the contact.
    """

    tags: bool = False
    lifecycle: bool = False
    comments: bool = False
    assignment: bool = False
    conversations: bool = False
    contact_fields: Literal["none", "standard", "custom"] = "none"
    profiles: bool = False
    finds: frozenset[Literal["phone", "email"]] = frozenset()
    lists_contacts: bool = False
    templates: bool = False
    lists_templates: bool = False
    message_list: bool = False
    idempotency_keys: bool = False
    echoes: bool = False
    quick_replies: bool = False
    media: Literal["link", "upload"] = "link"
    message_ids: Literal["platform", "contact"] = "contact"


EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{1,63}")
_FORMATS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "email": (EMAIL, "ani@example.com"),
    "phone": (re.compile(r"\+?[0-9][0-9 ().-]{5,23}"), "+6281234567890"),
    "language": (re.compile(r"[a-z]{2}(-[A-Za-z]{2,4})?"), "id (ISO 639-1)"),
    "country": (re.compile(r"[A-Za-z]{2}"), "ID (ISO 3166-1 alpha-2)"),
}


def standard_field(name: str, value: str) -> str:
    """Return the value of a standard contact field, or of any other. Raises `Invalid`: the field cannot hold such a value."""
    pattern, right = _FORMATS.get(name, (None, ""))
    if pattern is not None and not pattern.fullmatch(value):
        raise Invalid(f"contact field {name!r} cannot hold {value!r}; write e.g. {right}")
    return value


class Platform(Protocol):
    """One messaging platform: `verify` and `parse` do no I/O; every other method is an HTTP call.

    A call makes exactly one attempt; the outbox decides about retries. Waiting for the platform's rate limit happens inside the call.

    Every call raises a `PlatformError` (see `messaging.errors`) where it fails: `Unsupported`, without a request, for what
    `capabilities` denies; else by the platform's answer, or the lack of one. Only errors that are worth a note are named below.
    """

    name: str
    """Begins the keys of its contacts, and ends the path of its webhooks."""
    capabilities: Capabilities
    settling: timedelta
    """How long after its creation a contact must not be used, by any process."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check that a webhook comes from the platform.

        Args:
            headers: of the webhook, with lower-case names.
            body: the raw body.

        Raises:
            SignatureError: the signature is missing or wrong, or no key is configured.
        """

    def parse(self, body: bytes) -> list[Event]:
        """Read the events of a webhook body, in order; `[]` when it tells nothing that concerns the agent.

        Raises:
            PayloadError: it is not what the platform sends.
        """

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """Answer the request with which a platform makes sure of a webhook's address; `None` refuses it.

        Args:
            query: the parameters of the URL.
        """

    async def send(
        self, contact: ContactKey, message: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str | None:
        """Send one message.

        Args:
            contact: the receiver.
            message: a text must fit the channel, see `messaging.splitting`.
            channel: the platform's id of the channel; when left out, the one the contact wrote on last.
            key: the same for every attempt at this message, for platforms with idempotency keys.

        Returns:
            The platform's message id: it has accepted the message, not yet delivered it. `None` where it names none.

        Raises:
            Invalid: the platform will never take this message.
            OutcomeUnknown: it may have gone out; so may it after any error with `certain=False`. Look it up before it is sent again.
        """

    async def fetch(self, reference: str, most: int) -> bytes:
        """Fetch a file that came with a message.

        Args:
            reference: what the client itself wrote into the attachment with `messaging.types.platform_file`.
            most: bytes.

        Raises:
            Invalid: the file is larger, or the platform names no place of it.
            NotFound: the platform does not have it, or not any more.
        """

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        """List the newest messages of a contact, newest first, at least as far back as `since` where times are known."""

    async def message(self, contact: ContactKey, message_id: str) -> PlatformMessage:
        """Fetch one message as it is now, e.g. for a file that was still `pending`. Raises `NotFound`, or `Unsupported`."""

    async def contact(self, contact: ContactKey) -> Contact:
        """Fetch a contact with tags and custom fields. Raises `NotFound`."""

    async def find_contact(self, address: Address) -> Contact:
        """Find the contact with this phone number or e-mail address. Raises `NotFound`."""

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        """Create a contact, or update the one that another process has created meanwhile. `first_name` is needed.

        A new contact cannot be used at once: calls for it wait in this process, other processes must wait `settling`.

        Raises:
            Invalid: `first_name` is missing, or a value is not in the format of its field.
            UnknownField: the platform has no such field.
        """

    def list_contacts(self, wanted: ContactFilter) -> AsyncIterator[Contact]:
        """List the contacts that match, fetched page by page as they are read."""

    async def update_contact(self, contact: ContactKey, fields: Mapping[str, FieldValue]) -> None:
        """Set standard fields (`first_name`, `last_name`, `phone`, `email`, `language`, `country`) or custom fields by name."""

    async def in_format(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        """Convert fields to what `update_contact` sends: under the platform's names, in the formats of their types.

        Raises:
            UnknownField: the platform has no such field.
            Invalid: a value that the type of its field does not allow; the message shows one that it does.
        """

    async def add_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        """Put tags on a contact; those that are new to the platform are created."""

    async def remove_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        """Take tags off a contact."""

    async def set_lifecycle(self, contact: ContactKey, name: str | None) -> None:
        """Move a contact to the stage of this name; `None` removes its stage."""

    async def assign(self, contact: ContactKey, assignee: str | None) -> None:
        """Assign a contact to a colleague, by the platform's user id or e-mail; `None` unassigns."""

    async def open_conversation(self, contact: ContactKey) -> None:
        """Open the conversation with a contact; nothing happens when it is open."""

    async def close_conversation(
        self, contact: ContactKey, category: str | None = None, summary: str | None = None
    ) -> None:
        """Close the conversation; `category` is the name of a closing note of the workspace."""

    async def comment(self, contact: ContactKey, text: str) -> None:
        """Leave a note that colleagues see and the customer does not."""

    async def channels(self) -> Sequence[Channel]:
        """List the connected channels."""

    async def templates(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        """List the message templates of a channel, in every status; of all channels when none is named."""

    async def aclose(self) -> None:
        """Release what the client holds; the HTTP client it was given stays open."""


class BasicPlatform:
    """What a platform without further abilities answers: `Unsupported`, without a request. A client overrides what it can do."""

    name: str
    capabilities = Capabilities()
    settling = timedelta(0)

    @classmethod
    def capabilities_for(cls, settings: MessagingSettings) -> Capabilities:
        """Tell what the platform can do as it is configured."""
        return cls.capabilities

    def challenge(self, query: Mapping[str, str]) -> str | None:
        return None

    async def fetch(self, reference: str, most: int) -> bytes:
        self._lacks("files that are fetched through its API")

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        self._lacks("list of messages")

    async def message(self, contact: ContactKey, message_id: str) -> PlatformMessage:
        self._lacks("look-up of a message")

    async def contact(self, contact: ContactKey) -> Contact:
        return Contact(contact)

    async def find_contact(self, address: Address) -> Contact:
        self._lacks(f"way to find a contact by {address.by}")

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        self._lacks(f"way to create a contact by {address.by}")

    async def list_contacts(self, wanted: ContactFilter) -> AsyncIterator[Contact]:
        self._lacks("list of contacts")
        yield

    async def update_contact(self, contact: ContactKey, fields: Mapping[str, FieldValue]) -> None:
        self._lacks("contact fields")

    async def in_format(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        return {
            name: value if value is None or name not in _FORMATS else standard_field(name, str(value).strip())
            for name, value in fields.items()
        }

    async def add_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        self._lacks("tags")

    async def remove_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        self._lacks("tags")

    async def set_lifecycle(self, contact: ContactKey, name: str | None) -> None:
        self._lacks("lifecycle stages")

    async def assign(self, contact: ContactKey, assignee: str | None) -> None:
        self._lacks("assignment")

    async def open_conversation(self, contact: ContactKey) -> None:
        self._lacks("open and closed conversations")

    async def close_conversation(
        self, contact: ContactKey, category: str | None = None, summary: str | None = None
    ) -> None:
        self._lacks("open and closed conversations")

    async def comment(self, contact: ContactKey, text: str) -> None:
        self._lacks("notes for colleagues")

    async def channels(self) -> Sequence[Channel]:
        return []

    async def templates(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        self._lacks("list of templates")

    async def aclose(self) -> None:
        """Release what the client holds."""

    def _lacks(self, what: str) -> NoReturn:
        raise Unsupported(f"{self.name} has no {what}")
