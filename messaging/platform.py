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
    """One messaging platform: verifying and parsing are plain functions on bytes; everything else is one HTTP call.

    A call makes exactly one attempt (the outbox decides about retries) and raises from `messaging.errors`.
    The limiter of the platform is waited for inside the call.
    """

    name: str
    settling: timedelta
    """How long a contact that was just created is to be left alone."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise `SignatureError` unless `body` was signed by the platform. `headers` has lower-case names."""

    def parse(self, body: bytes) -> list[Event]:
        """The events of a webhook body. Raises `PayloadError` for what is not the platform's JSON."""

    async def send(self, contact: ContactKey, message: Outbound, channel: str | None = None) -> str:
        """Send one message; the platform's message id."""

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        """The newest messages of a contact, newest first, at least as far back as `since` where times are known."""

    async def contact(self, contact: ContactKey) -> Contact: ...

    async def find_contact(self, address: Address) -> Contact:
        """Who has this phone number or e-mail address. Raises `NotFound` when nobody does."""

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        """Make a contact; one that another process has made meanwhile gets these fields. `first_name` is needed.

        Platforms work on a new contact for a while: calls for it wait in this process, other processes must wait `settling`.
        """

    def list_contacts(self, wanted: ContactFilter) -> AsyncIterator[Contact]:
        """The contacts that match, fetched page by page as they are read."""

    async def update_contact(self, contact: ContactKey, fields: Mapping[str, FieldValue]) -> None:
        """Set standard fields (`first_name`, `last_name`, `phone`, `email`, `language`, `country`) or custom fields by name."""

    async def in_format(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        """These fields as `update_contact` sends them: under the platform's names, in the formats of their types.

        Raises:
            UnknownField: the platform has no such field.
            Invalid: a value that the type of its field does not allow; the message shows one that it does.
        """

    async def add_tags(self, contact: ContactKey, tags: Sequence[str]) -> None: ...

    async def remove_tags(self, contact: ContactKey, tags: Sequence[str]) -> None: ...

    async def set_lifecycle(self, contact: ContactKey, name: str | None) -> None: ...

    async def assign(self, contact: ContactKey, assignee: str | None) -> None:
        """`assignee` is a user id or e-mail on the platform; `None` unassigns."""

    async def open_conversation(self, contact: ContactKey) -> None: ...

    async def close_conversation(
        self, contact: ContactKey, category: str | None = None, summary: str | None = None
    ) -> None: ...

    async def comment(self, contact: ContactKey, text: str) -> None:
        """Leave a note that colleagues see and the customer does not."""

    async def channels(self) -> Sequence[Channel]: ...

    async def templates(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        """The message templates of a channel, in every status; of all channels that have some when none is named."""

    async def aclose(self) -> None: ...
