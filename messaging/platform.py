"""The seam between the agent and a messaging platform."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from messaging.types import Channel, Contact, ContactKey, Event, FieldValue, Outbound, PlatformMessage


class Platform(Protocol):
    """One messaging platform: verifying and parsing are plain functions on bytes; everything else is one HTTP call.

    A call makes exactly one attempt (the outbox decides about retries) and raises from `messaging.errors`.
    The limiter of the platform is waited for inside the call.
    """

    name: str

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise `SignatureError` unless `body` was signed by the platform. `headers` has lower-case names."""

    def parse(self, body: bytes) -> list[Event]:
        """The events of a webhook body. Raises `PayloadError` for what is not the platform's JSON."""

    async def send(self, contact: ContactKey, message: Outbound, channel: str | None = None) -> str:
        """Send one message; the platform's message id."""

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        """The newest messages of a contact, newest first, at least as far back as `since` where times are known."""

    async def contact(self, contact: ContactKey) -> Contact: ...

    async def update_contact(self, contact: ContactKey, fields: Mapping[str, FieldValue]) -> None:
        """Set standard fields (`first_name`, `last_name`, `phone`, `email`, `language`, `country`) or custom fields by name."""

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

    async def aclose(self) -> None: ...
