"""Aelyst and respond.io as a `Platform`: one API under two addresses."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import httpx

from messaging.aelyst.addresses import Addresses, Identifier, by_email, by_phone
from messaging.aelyst.client import Client
from messaging.aelyst.contacts import Contacts, conditions
from messaging.aelyst.conversations import Conversations
from messaging.aelyst.events import parse_events
from messaging.aelyst.space import Space
from messaging.aelyst.templates import TemplateLibrary
from messaging.api import token_of
from messaging.limiter import Limiter
from messaging.platform import BasicPlatform, Capabilities, MediaReader
from messaging.settings import MessagingSettings
from messaging.signature import Encoding, check
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
    Template,
)
from settings import Rate

SIGNATURE_HEADER = "x-webhook-signature"

DEFAULT_RATE = Rate(5, timedelta(seconds=1))
"""What Aelyst allows per method and path. respond.io states no number; its answers carry one."""

SANDBOX_TOKEN = "sandbox"  # noqa: S105 - a name, not a secret: the sandbox takes any token unless it was given one
"""What is sent as token when none is configured, which is only so towards the sandbox."""


class Aelyst(BasicPlatform):
    """The developer API of Aelyst, and of respond.io, of which it is a copy under another address.

    ```python
    async with httpx.AsyncClient() as http:
        aelyst = Aelyst(http, base_url="https://api.respond.io/v2", token=token, keys=[signing_key])
        await aelyst.send(ContactKey("aelyst", "123"), Text("Halo!"))
    ```

    `contacts`, `conversations` and `space` hold everything the API offers; the methods of this class are the part of it that
    an agent needs (`Platform`).

    Args:
        http: makes every request; not closed.
        base_url: with the version.
        token: the access token.
        keys: the signing keys of the webhooks. Empty: every webhook is refused; `None`: unsigned ones are accepted.
        encoding: how signatures are written.
        name: the platform in the keys of contacts: `aelyst` or `sandbox`.
        rate: allowed per method and path, until an answer says otherwise.
        timeout: of one request, and the longest wait after a 429.
        clock: tells the time, aware UTC.
        limiter: replaces the one made of `rate`.
        addresses: replaces the usual wait for new contacts.
    """

    capabilities = Capabilities(
        tags=True,
        lifecycle=True,
        comments=True,
        assignment=True,
        conversations=True,
        contact_fields="custom",
        profiles=True,
        finds=frozenset({"phone", "email"}),
        lists_contacts=True,
        templates=True,
        lists_templates=True,
        message_list=True,
        echoes=True,
        quick_replies=True,
    )

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        token: str,
        keys: Sequence[bytes] | None = (),
        encoding: Encoding = "base64",
        name: str = "aelyst",
        rate: Rate = DEFAULT_RATE,
        timeout: timedelta = timedelta(seconds=30),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        limiter: Limiter | None = None,
        addresses: Addresses | None = None,
    ) -> None:
        self.name = name
        self._keys = keys
        self._encoding: Encoding = encoding
        self._clock = clock
        client = Client(
            http,
            base_url=base_url,
            token=token,
            limiter=limiter or Limiter(rate, patience=timeout),
            clock=clock,
            timeout=timeout,
        )
        addresses = addresses or Addresses()
        self.settling = addresses.delay
        self.space = Space(client)
        self._library = TemplateLibrary(self.space, clock)
        self.contacts = Contacts(client, self.space, addresses, platform=name, clock=clock)
        self.conversations = Conversations(client, addresses)

    @classmethod
    def from_settings(
        cls,
        settings: MessagingSettings,
        http: httpx.AsyncClient,
        clock: Callable[[], datetime],
        media: MediaReader | None = None,
    ) -> "Aelyst":
        """Make the client that agent.yaml describes; the platform must be aelyst or sandbox. Arguments as for `open_platform`."""
        return cls(
            http,
            base_url=settings.required_base_url,
            token=token_of(settings) or SANDBOX_TOKEN,
            keys=settings.accepted_keys,
            encoding=settings.effective_encoding,
            name=settings.effective_name,
            rate=settings.rate or DEFAULT_RATE,
            timeout=settings.timeout,
            clock=clock,
        )

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        if self._keys is not None:
            check(self._keys, body, headers.get(SIGNATURE_HEADER), self._encoding)

    def parse(self, body: bytes) -> list[Event]:
        return parse_events(body, self.name, self._clock())

    async def send(
        self, contact: ContactKey, message: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str:
        if isinstance(message, Template) and message.values and not message.components:
            message = await self._library.filled(message, channel)
        return await self.conversations.send(contact, message, channel)

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        return await self.conversations.messages(contact, since)

    async def message(self, contact: ContactKey, message_id: str) -> PlatformMessage:
        return await self.conversations.message(contact, message_id)

    async def contact(self, contact: ContactKey) -> Contact:
        return await self.contacts.get(contact)

    async def find_contact(self, address: Address) -> Contact:
        return await self.contacts.get(_identifier(address))

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        return await self.contacts.create_or_update(_identifier(address), fields)

    def list_contacts(self, wanted: ContactFilter) -> AsyncIterator[Contact]:
        return self.contacts.list(conditions(wanted))

    async def update_contact(self, contact: ContactKey, fields: Mapping[str, FieldValue]) -> None:
        await self.contacts.update(contact, fields)

    async def in_format(self, fields: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        return await self.contacts.in_format(fields)

    async def add_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        await self.contacts.add_tags(contact, tags)

    async def remove_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        await self.contacts.remove_tags(contact, tags)

    async def set_lifecycle(self, contact: ContactKey, name: str | None) -> None:
        await self.contacts.set_lifecycle(contact, name)

    async def assign(self, contact: ContactKey, assignee: str | None) -> None:
        await self.conversations.assign(contact, assignee)

    async def open_conversation(self, contact: ContactKey) -> None:
        await self.conversations.open(contact)

    async def close_conversation(
        self, contact: ContactKey, category: str | None = None, summary: str | None = None
    ) -> None:
        await self.conversations.close(contact, category, summary)

    async def comment(self, contact: ContactKey, text: str) -> None:
        await self.conversations.comment(contact, text)

    async def channels(self) -> Sequence[Channel]:
        return [channel async for channel in self.space.channels()]

    async def templates(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        return await self._library.all(channel)


def _identifier(address: Address) -> Identifier:
    return by_phone(address.value) if address.by == "phone" else by_email(address.value)
