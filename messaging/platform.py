"""The seam between the agent and a messaging platform."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

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


class Platform(Protocol):
    """One messaging platform: `verify` and `parse` do no I/O; every other method is an HTTP call.

    A call makes exactly one attempt (the outbox decides about retries) and raises from `messaging.errors`.
    Waiting for the platform's rate limit happens inside the call.
    """

    name: str
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
        """Read the events of a webhook body, in order. Raises `PayloadError` for what is not the platform's JSON."""

    async def send(self, contact: ContactKey, message: Outbound, channel: str | None = None) -> str:
        """Send one message.

        Args:
            contact: the receiver.
            message: a text must fit the channel, see `messaging.splitting`.
            channel: the platform's id of the channel; when left out, the one the contact wrote on last.

        Returns:
            The platform's message id: it has accepted the message, not yet delivered it.
        """

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        """List the newest messages of a contact, newest first, at least as far back as `since` where times are known."""

    async def contact(self, contact: ContactKey) -> Contact:
        """Fetch a contact with tags and custom fields. Raises `NotFound`."""

    async def find_contact(self, address: Address) -> Contact:
        """Find the contact with this phone number or e-mail address. Raises `NotFound`."""

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        """Create a contact, or update the one that another process has created meanwhile. `first_name` is needed.

        A new contact cannot be used at once: calls for it wait in this process, other processes must wait `settling`.
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
