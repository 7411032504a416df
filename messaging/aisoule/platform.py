"""AIsoule, in both dialects that it documents: those of its help centre and of its developer pages contradict each other.

A contact is a telephone number (E.164). There is no list of messages and no key: of a send whose fate is unknown, the events
`message.sent`, `delivered` and `read` tell. Which field holds a voice note is documented nowhere: see `read_media`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from messaging.aisoule.client import Access, AisouleApi, Dialect, read_refusal, send_body
from messaging.aisoule.events import parse_events
from messaging.api import ApiPlatform, token_of
from messaging.errors import NotFound, OutcomeUnknown
from messaging.platform import Capabilities
from messaging.settings import MessagingSettings
from messaging.signature import check
from messaging.transport import Refusal
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
)
from messaging.values import (
    Json,
    first,
    instant,
    international,
    items,
    mapping,
    person_names,
    text,
)
from settings import Rate

RATES: Mapping[Dialect, tuple[Rate, Rate]] = {
    "help": (Rate(100, timedelta(minutes=1)), Rate(10, timedelta(seconds=1))),
    "docs": (Rate(120, timedelta(minutes=1)), Rate(5, timedelta(seconds=1))),
}
"""What a key is allowed: in a minute, which the answers' headers speak of, and in a second."""

_SIGNATURES: Mapping[Dialect, str] = {"help": "x-webhook-signature", "docs": "x-aisoule-signature"}
_SENDS: Mapping[Dialect, str] = {"help": "/messages/send", "docs": "/messages"}


class Aisoule(ApiPlatform):
    """AIsoule as a `Platform`. `api` holds what an agent does not need: campaigns, accounts, contacts by id."""

    capabilities = Capabilities(
        contact_fields="standard",
        finds=frozenset({"phone"}),
        lists_contacts=True,
        templates=True,
        echoes=True,
        quick_replies=True,
        media="link",
        message_ids="platform",
    )

    def configure(self, settings: MessagingSettings) -> None:
        self._dialect: Dialect = settings.dialect
        self._account = (settings.account or "").strip() or None
        self._ids: dict[str, str] = {}
        login = settings.login if settings.dialect == "help" else None
        self.api = AisouleApi(self._transport, settings.dialect, Access(settings.dialect, token_of(settings), login))

    @classmethod
    def capabilities_for(cls, settings: MessagingSettings) -> Capabilities:
        is_help = settings.dialect == "help"
        fields: Literal["standard", "none"] = "standard" if is_help else "none"
        return replace(cls.capabilities, contact_fields=fields, lists_templates=is_help, quick_replies=is_help)

    @classmethod
    def rates_for(cls, settings: MessagingSettings) -> Sequence[Rate]:
        return RATES[settings.dialect]

    @classmethod
    def credentials(cls, settings: MessagingSettings) -> Mapping[str, str]:
        return {}  # `Access` adds them, since a login changes them

    @classmethod
    def read_refusal(cls, status: int, answer: Mapping[str, Json]) -> Refusal:
        return read_refusal(status, answer)

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        if self._keys is not None:
            check(self._keys, body, headers.get(_SIGNATURES[self._dialect]), "hex")

    def parse(self, body: bytes) -> list[Event]:
        return parse_events(body, self.name, self._clock(), account=self._account)

    async def send(
        self, contact: ContactKey, message: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str | None:
        path = _SENDS[self._dialect]
        answer = await self.api.call("POST", path, json=send_body(message, contact.id, self._dialect, self._account))
        message_id = first(mapping(answer.get("data")), "message_id") or first(answer, "message_id")
        if message_id is None:
            raise OutcomeUnknown("the answer names no message", call=f"POST {path}")
        return message_id

    async def contact(self, contact: ContactKey) -> Contact:
        return await self._find(contact.id)

    async def find_contact(self, address: Address) -> Contact:
        if address.by != "phone":
            self._lacks(f"way to find a contact by {address.by}")
        return await self._find(address.value)

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        phone = international(address.value) if address.by == "phone" else None
        if phone is None:
            self._lacks(f"way to create a contact by {address.by}")
        await self.api.create_contact(self._fields(phone, fields))
        return ContactKey(self.name, phone)

    async def list_contacts(self, wanted: ContactFilter) -> AsyncIterator[Contact]:
        """List the contacts with the tags that are asked for; other conditions are the caller's to check."""
        async for source in self.api.contacts():
            contact = self._read(source)
            if contact is None:
                continue
            tags = set(contact.tags)
            any_tag = not wanted.any_tag or bool(tags & set(wanted.any_tag))
            if any_tag and tags >= set(wanted.all_tags) and not tags & set(wanted.no_tag):
                yield contact

    async def update_contact(self, contact: ContactKey, fields: Mapping[str, FieldValue]) -> None:
        if self.capabilities.contact_fields == "none":
            self._lacks("single contacts with dialect: docs, so no contact fields to write")
        if contact.id not in self._ids:
            await self._find(contact.id)
        await self.api.update_contact(self._ids[contact.id], self._fields(contact.id, fields))

    async def channels(self) -> Sequence[Channel]:
        listed = await self.api.accounts()
        return [
            Channel(first(one, "id", "phone_number") or self.name, "whatsapp", first(one, "name", "phone_number"))
            for one in listed
        ]

    async def templates(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        return [
            ChannelTemplate(
                first(one, "id") or name,
                name,
                first(one, "language") or first(mapping(one.get("language")), "code"),
                first(one, "status"),
                first(one, "category"),
                tuple(dict(part) for item in items(one.get("components")) if (part := mapping(item))),
            )
            for one in await self.api.templates()
            if (name := first(one, "name")) is not None
        ]

    async def _find(self, phone: str) -> Contact:
        """The contact with this number. How a list is searched is documented nowhere, so it is read."""
        async for source in self.api.contacts():
            contact = self._read(source)
            if contact is not None and contact.phone == international(phone):
                return contact
        raise NotFound(f"AIsoule has no contact {phone}")

    def _read(self, source: Mapping[str, Json]) -> Contact | None:
        phone = international(first(source, "phone_number", "phone"))
        if phone is None:
            return None
        if (identity := first(source, "id")) is not None:
            self._ids[phone] = identity
        first_name, last_name = person_names(first(source, "name"))
        return Contact(
            ContactKey(self.name, phone),
            first(source, "first_name") or first_name,
            first(source, "last_name") or last_name,
            phone,
            first(source, "email"),
            lifecycle=first(source, "stage"),
            tags=tuple(tag for item in items(source.get("tags")) if (tag := text(item))),
            created_at=instant(source.get("created_at")),
        )

    def _fields(self, phone: str, fields: Mapping[str, FieldValue]) -> dict[str, Json]:
        """Contact fields under the dialect's names."""
        if self._dialect == "docs":
            known = ("first_name", "last_name", "email")
            return {"phone": phone.removeprefix("+"), **{name: fields[name] for name in known if name in fields}}
        names = [str(fields[name]) for name in ("first_name", "last_name") if fields.get(name)]
        named: dict[str, Json] = {"name": " ".join(names)} if names else {}
        return {"phone_number": phone, **named}
