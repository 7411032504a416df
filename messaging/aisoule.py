"""AIsoule, in both dialects that it documents: those of its help centre and of its developer pages contradict each other.

A contact is a telephone number (E.164). There is no list of messages and no key: of a send whose fate is unknown, the events
`message.sent`, `delivered` and `read` tell. Which field holds a voice note is documented nowhere: see `read_media`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote, urlsplit

import httpx
import structlog

from messaging.errors import (
    Failed,
    Invalid,
    NotFound,
    OutcomeUnknown,
    PayloadError,
    PlatformError,
    RateLimited,
    Unauthorized,
    Unsupported,
)
from messaging.formatting import numbered
from messaging.limiter import Limiter, Quota
from messaging.platform import BasicPlatform, Capabilities, MediaReader
from messaging.settings import LoginSettings, MessagingSettings
from messaging.signature import check, read_document
from messaging.transport import LONGEST_MESSAGE, Transport, explanation, json_of, kind_of_status, success_of
from messaging.types import (
    Address,
    AssigneeChanged,
    Attachment,
    AttachmentKind,
    Channel,
    ChannelTemplate,
    Contact,
    ContactChanged,
    ContactFilter,
    ContactKey,
    DeliveryReport,
    DeliveryState,
    Event,
    FieldValue,
    File,
    InboundMessage,
    OtherEvent,
    Outbound,
    Person,
    QuickReplies,
    Quote,
    Reaction,
    ReceivedKind,
    Template,
    Text,
)
from messaging.values import (
    Json,
    cards_of,
    first,
    instant,
    integer,
    international,
    items,
    location_of,
    mapping,
    person_names,
    text,
)
from messaging.whatsapp import CODES, interactive_of, template_components
from settings import Rate

log = structlog.get_logger()

Dialect = Literal["help", "docs"]

RATES: Mapping[Dialect, tuple[Rate, Rate]] = {
    "help": (Rate(100, timedelta(minutes=1)), Rate(10, timedelta(seconds=1))),
    "docs": (Rate(120, timedelta(minutes=1)), Rate(5, timedelta(seconds=1))),
}
"""What a key is allowed: in a minute, which the answers' headers speak of, and in a second."""

_SIGNATURES: Mapping[Dialect, str] = {"help": "x-webhook-signature", "docs": "x-aisoule-signature"}
_SENDS: Mapping[Dialect, str] = {"help": "/messages/send", "docs": "/messages"}
_STATES: Mapping[str, DeliveryState] = {
    "message.sent": "sent",
    "message.delivered": "delivered",
    "message.read": "read",
    "message.failed": "failed",
}
_KINDS: Mapping[str, ReceivedKind] = {
    "image": "image",
    "sticker": "sticker",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
    "document": "file",
    "file": "file",
}
_SENT_AS: Mapping[AttachmentKind, str] = {"image": "image", "video": "video", "audio": "audio", "file": "document"}
_ACCOUNTS = ("whatsapp_account_id", "waba_number", "account_id")
_MOST_PAGES = 200


def parse_events(body: bytes, platform: str, received_at: datetime, *, account: str | None) -> list[Event]:
    """Parse the event of a webhook body; both dialects' names of every field are read.

    Args:
        body: the raw body.
        platform: the name in the keys of contacts.
        received_at: dates what carries no readable time; aware UTC.
        account: whose events count, where one is configured.

    Raises:
        PayloadError: not JSON, not an event, or a message without sender or id.
    """
    found = [payload for item in items(read_document(body)) if (payload := mapping(item))]
    if not found:
        raise PayloadError("the webhook body is not a JSON object with an event")
    return [_event(payload, platform, received_at, account) for payload in found]


def _event(payload: Mapping[str, Json], platform: str, received_at: datetime, account: str | None) -> Event:
    name, data = text(payload.get("event")), mapping(payload.get("data"))
    if name is None:
        raise PayloadError("the webhook body names no event")
    named = {value for key in _ACCOUNTS if (value := text(data.get(key))) is not None}
    listening = text(data.get("whatsapp_account_id"))
    if account is not None and listening not in (None, account):
        return OtherEvent(f"{name} of another account")
    at = instant(payload.get("timestamp")) or instant(data.get("timestamp")) or received_at
    message_id = first(data, "message_id", "id")
    if name in ("message.incoming", "message.received"):
        return _message(data, message_id, platform, at, named)
    if (state := _STATES.get(name)) is not None:
        if message_id is None:
            return OtherEvent(name)
        receiver = international(first(data, "to", "recipient", "phone_number", "phone"))
        contact = None if receiver is None else Contact(ContactKey(platform, receiver), phone=receiver)
        problem = mapping(data.get("error"))
        said = [text(problem.get("code")), first(problem, "message") or first(data, "error", "reason", "error_message")]
        return DeliveryReport(message_id, state, at, contact, " ".join(part for part in said if part) or None)
    contact = _contact(data, platform)
    if contact is None:
        return OtherEvent(name)
    if name in ("contact.created", "contact.updated"):
        return ContactChanged(contact, "created" if name == "contact.created" else "updated")
    if name == "transfer.created":  # to a colleague, who answers from now on
        agent = mapping(data.get("agent")) or mapping(data.get("assigned_to"))
        who = (
            first(agent, "name", "email", "id") or first(data, "agent_name", "assigned_to", "agent_id") or "a colleague"
        )
        return AssigneeChanged(
            Contact(contact.key, contact.first_name, contact.last_name, contact.phone, assignee=Person(who, who))
        )
    return OtherEvent(name, contact)


def _contact(data: Mapping[str, Json], platform: str) -> Contact | None:
    person = mapping(data.get("contact")) or data
    phone = international(first(person, "from", "sender", "phone_number", "phone", "contact_phone"))
    if phone is None:
        return None
    name = first(person, "contact_name", "name", "sender_name")
    first_name, last_name = person_names(name)
    return Contact(
        ContactKey(platform, phone),
        first(person, "first_name") or first_name,
        first(person, "last_name") or last_name,
        phone,
    )


def _message(
    data: Mapping[str, Json], message_id: str | None, platform: str, at: datetime, accounts: set[str]
) -> Event:
    contact = _contact(data, platform)
    if contact is None or message_id is None:
        raise PayloadError("the webhook names no sender (data.from, data.sender) or no message (data.message_id)")
    own = {number for account in accounts if (number := international(account)) is not None}
    if contact.phone in own or (first(data, "direction") or "").startswith("out"):
        return DeliveryReport(message_id, "sent", at)
    kind = first(data, "type") or "text"
    part, quoted = mapping(data.get(kind)), first(mapping(data.get("context")), "id", "message_id")
    if kind == "reaction":
        to = first(part, "message_id")
        emoji = first(part, "emoji")
        return OtherEvent(kind, contact) if to is None else Reaction(contact, message_id, at, to, emoji)
    attachments = read_media(data, kind)
    return InboundMessage(
        contact,
        message_id,
        at,
        _words(data, kind),
        attachments,
        Channel(next(iter(accounts), platform), "whatsapp"),
        kind,
        location=location_of(part or data) if kind == "location" else None,
        cards=cards_of(data.get("contacts")) if kind == "contacts" else (),
        quote=None if quoted is None else Quote(quoted),
    )


def _words(data: Mapping[str, Json], kind: str) -> str | None:
    part = mapping(data.get(kind))
    tapped = mapping(data.get("interactive")) or part
    replies = (mapping(tapped.get(name)) for name in ("button_reply", "list_reply"))
    chosen = next((found for reply in replies if (found := first(reply, "title", "id"))), None)
    said = first(data, "text", "body") or first(mapping(data.get("text")), "body")
    return said or chosen or first(part, "caption", "text") or first(data, "caption")


def read_media(data: Mapping[str, Json], kind: str) -> tuple[Attachment, ...]:
    """Read the file of a message: `audio.url` (`help`) or `audio.link` (`docs`), likewise for the other types.

    No document shows one; a file that cannot be found is `pending`, and the names of the fields go into the log.
    """
    what = _KINDS.get(kind)
    if what is None:
        return ()
    part = mapping(data.get(kind))
    url = first(part, "url", "link")
    if url is None:
        log.warning("aisoule_file_not_found", type=kind, fields=sorted(data), inside=sorted(part))
    mime = first(part, "mime_type", "mimetype")
    return (Attachment(what, url or "", first(part, "filename", "name"), mime, pending=url is None),)


def send_body(message: Outbound, receiver: str, dialect: Dialect, account: str | None = None) -> dict[str, Json]:
    """Build the body of a message.

    Args:
        message: what is sent.
        receiver: E.164.
        dialect: whose words are spoken.
        account: the account to send from. The help centre cut off how the field is called; its webhooks say `whatsapp_account_id`.

    Raises:
        Invalid: an empty text.
        Unsupported: a kind of message that the dialect does not know.
    """
    is_help = dialect == "help"
    body: dict[str, Json] = {"to": receiver if is_help else receiver.removeprefix("+")}
    if is_help and account is not None:
        body["whatsapp_account_id"] = account
    match message:
        case Text(words) if not words.strip():
            raise Invalid("the text of a message is empty")
        case Text(words):
            return {**body, "type": "text", "text": words if is_help else {"body": words}}
        case File():
            kind = _SENT_AS[message.kind]
            media: dict[str, Json] = {"url" if is_help else "link": message.url}
            if kind == "document" and not is_help:
                media["filename"] = urlsplit(message.url).path.rpartition("/")[2] or "file"
            return {**body, "type": kind, kind: media}
        case QuickReplies():
            interactive = interactive_of(message) if is_help else None
            if interactive is None or interactive["type"] != "button":
                return send_body(Text(numbered(message.title, message.replies)), receiver, dialect, account)
            return {**body, "type": "interactive", "interactive": interactive}
        case Template():
            language: Json = message.language if is_help else {"code": message.language}
            template: dict[str, Json] = {
                "name": message.name,
                "language": language,
                "components": template_components(message),
            }
            return {**body, "type": "template", "template": template}
    raise Unsupported(f"AIsoule sends no {type(message).__name__}")


def error_of(response: httpx.Response, quota: Quota, call: str) -> PlatformError:
    """Build the exception for `{"message", "status": "error"}` or `{"success": false, "error": {code, message}}`."""
    answer = json_of(response)
    problem = mapping(answer.get("error")) or answer
    status, code = response.status_code, first(problem, "code")
    kind = kind_of_status(status)
    said_so = answer.get("status") == "error" or answer.get("success") is False
    if status >= 500 and said_so:
        kind = Failed
    if kind is not RateLimited and (number := integer(code)) is not None:
        kind = CODES.get(number, kind)
    retry_after = quota.retry_after
    seconds = integer(problem.get("retry_after_seconds"))
    if seconds is not None and 0 <= seconds <= 86_400:
        retry_after = timedelta(seconds=seconds)
    message = (first(problem, "message") or first(answer, "error") or explanation(response))[:LONGEST_MESSAGE]
    return kind(message, code=code, status=status, retry_after=retry_after, call=call)


class Access:
    """Proves who we are: a key in a header, or the cookie of a login."""

    def __init__(self, dialect: Dialect, token: str, login: LoginSettings | None) -> None:
        self.login = login
        self._cookie: str | None = None
        self._header = {"X-API-Key": token} if dialect == "help" else {"Authorization": f"Bearer {token}"}

    @property
    def headers(self) -> Mapping[str, str] | None:
        """What a request carries; `None` before the login."""
        if self.login is None:
            return self._header
        return None if self._cookie is None else {"Cookie": self._cookie}

    def logged_in(self, response: httpx.Response) -> None:
        """Keep the session of an answer to a login. Raises `Unauthorized` when it sets no cookie."""
        cookies = "; ".join(f"{name}={value}" for name, value in response.cookies.items())
        if not cookies:
            raise Unauthorized("the login set no session cookie", status=response.status_code, call="POST /auth/login")
        self._cookie = cookies

    def logged_out(self) -> bool:
        """Forget the session; whether there is a way to get another."""
        self._cookie = None
        return self.login is not None


class AisouleApi:
    """The HTTP calls of one dialect: contacts, templates, campaigns and accounts; answers without their envelope."""

    def __init__(self, transport: Transport, dialect: Dialect, access: Access) -> None:
        self._transport = transport
        self._dialect = dialect
        self._access = access

    async def call(self, method: str, path: str, **content: object) -> Mapping[str, Json]:
        """Make one request, after a login where there is none; one that the session has expired for is made again."""
        for last in (False, True):
            if self._access.headers is None:
                await self._log_in()
            response, quota = await self._request(method, path, **content)
            if response.status_code != 401 or last or not self._access.logged_out():
                break
        call = f"{method} {path}"
        if response.status_code >= 400:
            raise error_of(response, quota, call)
        return success_of(response, call)

    async def _request(self, method: str, path: str, **content: object) -> tuple[httpx.Response, Quota]:
        headers = self._access.headers
        return await self._transport.request(method, path, key="key", headers=headers, **content)  # type: ignore[arg-type]

    async def _log_in(self) -> None:
        login = self._access.login
        assert login is not None  # noqa: S101 - a key needs no login
        credentials = {"email": login.email, "password": login.password.get_secret_value()}
        response, quota = await self._request("POST", "/auth/login", json=credentials)
        if response.status_code >= 400:
            raise error_of(response, quota, "POST /auth/login")
        self._access.logged_in(response)

    async def contacts(self) -> AsyncIterator[Mapping[str, Json]]:
        """List all contacts, page by page."""
        seen = 0
        for page in range(1, _MOST_PAGES + 1):
            query = {"page": str(page)} if self._dialect == "help" else {"limit": "100", "offset": str(seen)}
            answer = await self.call("GET", "/contacts", params=query)
            data = mapping(answer.get("data")) or answer
            found = [one for item in items(data.get("contacts")) if (one := mapping(item))]
            for one in found:
                yield one
            seen += len(found)
            total = integer(data.get("total")) or integer(mapping(data.get("pagination")).get("total")) or 0
            if not found or seen >= total:
                return

    async def contact(self, identity: str) -> Mapping[str, Json]:
        """Fetch one contact by AIsoule's own id (`help` only)."""
        return _inside(await self.call("GET", self._one(identity)), "contact")

    async def create_contact(self, fields: Mapping[str, Json]) -> Mapping[str, Json]:
        """Create a contact from fields under AIsoule's names. Raises `Conflict` for a number that is there."""
        return _inside(await self.call("POST", "/contacts", json=dict(fields)), "contact")

    async def update_contact(self, identity: str, fields: Mapping[str, Json]) -> None:
        """Set fields of a contact by its id (`help` only)."""
        await self.call("PUT", self._one(identity), json=dict(fields))

    async def delete_contact(self, identity: str) -> None:
        """Delete a contact by its id (`help` only)."""
        await self.call("DELETE", self._one(identity))

    async def templates(self) -> Sequence[Mapping[str, Json]]:
        """List the message templates (`help` only)."""
        return await self._list("/templates", "templates")

    async def campaigns(self) -> Sequence[Mapping[str, Json]]:
        """List the campaigns (`help` only)."""
        return await self._list("/campaigns", "campaigns")

    async def create_campaign(self, campaign: Mapping[str, Json]) -> Mapping[str, Json]:
        """Create a campaign (`help` only). Its fields are documented nowhere and passed on as they are."""
        self._only_help("campaigns")
        return _inside(await self.call("POST", "/campaigns", json=dict(campaign)), "campaign")

    async def accounts(self) -> Sequence[Mapping[str, Json]]:
        """List the WhatsApp accounts (`help`), or the key's own status (`docs`)."""
        if self._dialect == "docs":
            return [await self.call("GET", "/status")]
        return await self._list("/accounts", "accounts")

    async def _list(self, path: str, name: str) -> Sequence[Mapping[str, Json]]:
        self._only_help(name)
        answer = await self.call("GET", path)
        data = answer.get("data")
        listed = items(mapping(data).get(name)) if isinstance(data, Mapping) else items(data)
        return [one for item in listed if (one := mapping(item))]

    def _one(self, identity: str) -> str:
        self._only_help("single contacts")
        if not identity.strip("."):
            raise Invalid(f"{identity!r} is not the id of a contact")
        return f"/contacts/{quote(identity, safe='')}"

    def _only_help(self, what: str) -> None:
        if self._dialect != "help":
            raise Unsupported(f"AIsoule's developer documents know no {what}; use dialect: help")


def _inside(answer: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    data = mapping(answer.get("data")) or answer
    return mapping(data.get(name)) or data


class Aisoule(BasicPlatform):
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

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        token: str = "",
        login: LoginSettings | None = None,
        dialect: Dialect = "help",
        account: str | None = None,
        keys: Sequence[bytes] | None,
        name: str = "aisoule",
        rate: Rate | None = None,
        timeout: timedelta = timedelta(seconds=30),
        clock: Callable[[], datetime],
    ) -> None:
        """Speak for one key or user.

        Args:
            http: makes every request; not closed.
            base_url: e.g. `https://app.aisoule.com/api`.
            token: the API key; not needed with `login`.
            login: a user's e-mail address and password (`help` only).
            dialect: whose words are spoken.
            account: the WhatsApp account to send from, and to listen to.
            keys: the webhook secrets; `None` accepts unsigned webhooks.
            name: of this platform in the keys of contacts.
            rate: replaces what a key is allowed in a minute.
            timeout: of one request.
            clock: tells the time, aware UTC.
        """
        self.name = name
        self._dialect: Dialect = dialect
        self._account = account
        self._keys = keys
        self._clock = clock
        self._ids: dict[str, str] = {}
        minute, second = RATES[dialect]
        transport = Transport(
            http,
            base_url=base_url,
            limiters=[Limiter(rate or minute, patience=timeout), Limiter(second, patience=timeout)],
            clock=clock,
            timeout=timeout,
            headers={"Accept": "application/json"},
        )
        self.api = AisouleApi(transport, dialect, Access(dialect, token, login))

    @classmethod
    def from_settings(
        cls,
        settings: MessagingSettings,
        http: httpx.AsyncClient,
        clock: Callable[[], datetime],
        media: MediaReader | None = None,
    ) -> "Aisoule":
        """Make the client that agent.yaml describes; arguments as for `open_platform`."""
        return cls(
            http,
            base_url=settings.required_base_url,
            token=settings.token.get_secret_value().strip(),
            login=settings.login if settings.dialect == "help" else None,
            dialect=settings.dialect,
            account=(settings.account or "").strip() or None,
            keys=settings.accepted_keys,
            name=settings.effective_name,
            rate=settings.rate,
            timeout=settings.timeout,
            clock=clock,
        )

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
