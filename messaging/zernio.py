"""Zernio: one inbox for Instagram, Facebook, Threads, TikTok, WhatsApp and others.

A contact is a conversation. Every send carries an `Idempotency-Key`, so one whose fate is unknown is repeated with the same key.
Public comments are answered only with `comments: true`; such a contact is `comment-POST-COMMENT`, and its replies are public.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import quote, unquote, urlsplit

from messaging.api import ApiPlatform
from messaging.errors import (
    Failed,
    Forbidden,
    Invalid,
    NotFound,
    OutcomeUnknown,
    PayloadError,
    PlatformError,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from messaging.formatting import numbered
from messaging.platform import Capabilities
from messaging.settings import MessagingSettings
from messaging.signature import check, read_document
from messaging.transport import Refusal, kind_of_status
from messaging.types import (
    MEDIA_KINDS,
    Address,
    Attachment,
    Channel,
    Contact,
    ContactKey,
    CustomPayload,
    DeliveryReport,
    DeliveryState,
    Email,
    Event,
    FieldValue,
    File,
    InboundMessage,
    Location,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    OtherEvent,
    Outbound,
    QuickReplies,
    Quote,
    Reaction,
    ReceivedKind,
    Template,
    Text,
    participant_of,
    platform_file,
    stand_in,
)
from messaging.values import (
    Json,
    address_of,
    cards_of,
    files_of,
    first,
    instant,
    international,
    items,
    location_of,
    mapping,
    mime_of,
    person_names,
    text,
)
from messaging.whatsapp import interactive_of, template_components
from settings import Rate

DEFAULT_RATE = Rate(60, timedelta(minutes=1))
"""Of the smallest plan; the answers of a larger one say so."""

_STATES: Mapping[str, DeliveryState] = {
    "message.delivered": "delivered",
    "message.read": "read",
    "message.failed": "failed",
}
_MACHINES = frozenset({"api", "automation", "broadcast", "workflow", "sequence", "ai"})
_VOICE = (".ogg", ".oga", ".opus")
"""Sound that WhatsApp shows as a voice note."""

_TAPPED = ("postbackTitle", "quickReplyPayload", "callbackData", "postbackPayload", "buttonPayload", "interactiveId")
"""What was chosen of what could be tapped, where the message has no words of its own; the best words first."""

_KINDS = {
    "storyReply": "story_reply",
    "isStoryMention": "story_mention",
    "order": "order",
    "referral": "referral",
    "unsupported": "unsupported",
    "noRenderableContent": "unsupported",
}
"""What a message without words or files is, by what `metadata` says of it."""

_FILE: ReceivedKind = "file"
_COMMENT = "comment-"
_MOST_BUTTONS, _MOST_REPLIES, _LONGEST_REPLY = 3, 13, 20


def parse_events(
    body: bytes, platform: str, received_at: datetime, *, account: str, base_url: str, comments: bool
) -> list[Event]:
    """Parse the event of a webhook body.

    Args:
        body: the raw body.
        platform: the name in the keys of contacts.
        received_at: dates a message without a readable time; aware UTC.
        account: whose events count; those of other accounts need no answer.
        base_url: of the API, below which files need the token.
        comments: whether public comments are messages.

    Raises:
        PayloadError: not JSON, not an event, or a message without conversation or id.
    """
    found = [payload for item in items(read_document(body)) if (payload := mapping(item))]
    if not found:
        raise PayloadError("the webhook body is not a JSON object with an event")
    return [_Reader(payload, platform, received_at, account, base_url).event(comments=comments) for payload in found]


class _Reader:
    def __init__(
        self, payload: Mapping[str, Json], platform: str, received_at: datetime, account: str, base_url: str
    ) -> None:
        self._payload = payload
        self._platform = platform
        self._received_at = received_at
        self._account = account
        self._base_url = base_url
        self._message = mapping(payload.get("message"))
        self._conversation = mapping(payload.get("conversation"))

    def event(self, *, comments: bool) -> Event:
        name = text(self._payload.get("event"))
        if name is None:
            raise PayloadError("the webhook body names no event")
        account = mapping(self._payload.get("account"))
        named = {value for key in ("id", "accountId", "_id") if (value := text(account.get(key))) is not None}
        if named and self._account not in named:
            return OtherEvent(f"{name} of another account")
        if name in ("message.received", "message.sent"):
            outgoing = text(self._message.get("direction")) == "outgoing"
            return self._outgoing() if outgoing or name == "message.sent" else self._incoming()
        if name in ("message.edited", "message.deleted"):
            return self._changed(name)
        if name == "reaction.received":
            return self._reaction()
        if (state := _STATES.get(name)) is not None:
            message_id = first(self._message, "id", "messageId") or first(self._payload, "messageId")
            if message_id is None:
                return OtherEvent(name)
            reason = first(self._message, "error", "errorMessage") or first(self._payload, "error", "reason")
            return DeliveryReport(message_id, state, self._time(), self._contact_if_any(), reason)
        if name == "comment.received" and comments:
            return self._comment()
        return OtherEvent(name, self._contact_if_any())

    def _time(self) -> datetime:
        return instant(self._message.get("sentAt")) or instant(self._payload.get("timestamp")) or self._received_at

    def _channel(self) -> Channel:
        account = mapping(self._payload.get("account"))
        source = first(self._message, "platform") or first(account, "platform")
        return Channel(self._account, source, first(account, "displayName", "username"))

    def _conversation_id(self) -> str | None:
        return first(self._message, "conversationId") or first(self._conversation, "id")

    def _contact_if_any(self) -> Contact | None:
        conversation = self._conversation_id()
        return None if conversation is None else self._contact(conversation)

    def _contact(self, conversation: str) -> Contact:
        """The customer: the sender of what came in, the conversation's participant otherwise."""
        outgoing = text(self._message.get("direction")) == "outgoing"
        sender: Mapping[str, Json] = {} if outgoing else mapping(self._message.get("sender"))
        shown = first(sender, "name") or first(self._conversation, "participantName")
        first_name, last_name = person_names(
            shown or first(sender, "username") or first(self._conversation, "participantUsername")
        )
        phone = international(first(sender, "phoneNumber"))
        before = None if phone is None else stand_in(self._platform, phone.removeprefix("+"))
        return Contact(ContactKey(self._platform, conversation), first_name, last_name, phone, stand_in=before)

    def _identity(self) -> tuple[Contact, str]:
        conversation, message_id = self._conversation_id(), first(self._message, "id", "platformMessageId")
        if conversation is None or message_id is None:
            raise PayloadError("the webhook names no message (message.id) or no conversation (conversation.id)")
        return self._contact(conversation), message_id

    def _incoming(self) -> Event:
        contact, message_id = self._identity()
        words = text(self._message.get("text"))
        metadata = mapping(self._payload.get("metadata")) or mapping(self._message.get("metadata"))
        place = location_of(mapping(metadata.get("location")))
        quoted = first(metadata, "quotedMessageId")
        words = words or first(metadata, *_TAPPED)
        listed = [mapping(item) for item in items(self._message.get("attachments")) if mapping(item)]
        attachments = tuple(map(self._attachment, listed or files_of(self._message, None)))
        return InboundMessage(
            contact,
            message_id,
            self._time(),
            words,
            attachments,
            self._channel(),
            _kind(metadata, attachments, place),
            location=place,
            cards=cards_of(metadata.get("contacts")),
            quote=None if quoted is None else Quote(quoted),
        )

    def _changed(self, name: str) -> Event:
        """What a customer made of an earlier message: another text, or nothing."""
        if text(self._message.get("direction")) == "outgoing":
            return OtherEvent(name, self._contact_if_any())
        contact, message_id = self._identity()
        if name == "message.deleted":
            return MessageDeleted(contact, message_id)
        words = text(self._message.get("text"))
        if words is None:
            return OtherEvent(name, contact)
        return MessageEdited(contact, message_id, self._received_at, words, self._channel())

    def _reaction(self) -> Event:
        reaction = mapping(self._payload.get("reaction")) or self._message
        contact, to = self._contact_if_any(), first(reaction, "messageId", "id", "platformMessageId")
        if contact is None or to is None or text(reaction.get("direction")) == "outgoing":
            return OtherEvent("reaction.received", contact)
        emoji = first(reaction, "emoji", "reaction")
        return Reaction(contact, f"{to}/reaction/{emoji or ''}", self._time(), to, emoji)

    def _attachment(self, source: Mapping[str, Json]) -> Attachment:
        url = address_of(source) or ""
        if _below(url, self._base_url):
            url = platform_file(self._platform, url[len(self._base_url) :])
        mime = mime_of(source)
        told = (first(source, "type"), first(source, "originalType"), (mime or "").partition("/")[0])
        kind = next((MEDIA_KINDS[name.lower()] for name in told if name and name.lower() in MEDIA_KINDS), _FILE)
        return Attachment(kind, url, first(source, "filename", "name"), mime, pending=not url)

    def _outgoing(self) -> Event:
        contact, message_id = self._identity()
        source = text(self._message.get("sentVia"))
        return MessageSent(
            contact,
            message_id,
            self._time(),
            by_human=(source or "").lower() not in _MACHINES,
            text=text(self._message.get("text")),
            source=source or "echo",
            channel=self._channel(),
        )

    def _comment(self) -> Event:
        comment, post = mapping(self._payload.get("comment")), mapping(self._payload.get("post"))
        author = mapping(comment.get("author"))
        comment_id = first(comment, "id", "commentId")
        post_id = first(post, "id", "platformPostId") or first(comment, "postId", "platformPostId")
        if comment_id is None or post_id is None:
            raise PayloadError("the webhook names no comment (comment.id) or no post (post.id)")
        if first(author, "id") == self._account or author.get("isOwner") is True or comment.get("isOwner") is True:
            return OtherEvent("comment.received of ours")
        first_name, last_name = person_names(first(author, "name", "username"))
        key = ContactKey(self._platform, f"{_COMMENT}{_escaped(post_id)}-{_escaped(comment_id)}")
        at = instant(comment.get("createdAt")) or self._time()
        source = first(comment, "platform") or first(mapping(self._payload.get("account")), "platform")
        words = first(comment, "text", "message")
        channel = Channel(self._account, source)
        return InboundMessage(Contact(key, first_name, last_name), comment_id, at, words, (), channel, "comment")


def _kind(metadata: Mapping[str, Json], attachments: Sequence[Attachment], place: Location | None) -> str:
    if attachments:
        return "attachment"
    if place is not None:
        return "location"
    return next((kind for name, kind in _KINDS.items() if metadata.get(name)), "text")


def _below(url: str, base_url: str) -> bool:
    """Whether a file lies on the API's own host, below its path; only there the token is sent along."""
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
    except ValueError:
        return False
    same = (parts.scheme, parts.netloc) == (base.scheme, base.netloc) and url.startswith(f"{base_url}/")
    return same and ".." not in parts.path.split("/")


def _escaped(identity: str) -> str:
    return quote(identity, safe="").replace("-", "%2D")


def send_body(message: Outbound, account: str, source: str | None = None) -> dict[str, Json]:
    """Build the body of a message into a conversation.

    Args:
        message: what is sent. A `CustomPayload` holds Zernio's own keys, e.g. `location`, `contacts`, `interactive` or `buttons`.
        account: the account that sends.
        source: the platform behind it, e.g. `whatsapp`, as far as it is known.

    Raises:
        Invalid: an empty text.
        Unsupported: a kind of message that Zernio does not take.
    """
    body: dict[str, Json] = {"accountId": account}
    match message:
        case Text():
            if not message.text.strip():
                raise Invalid("the text of a message is empty")
            tagged: dict[str, Json] = (
                {} if message.tag is None else {"messagingType": "MESSAGE_TAG", "messageTag": message.tag}
            )
            return {**body, "message": message.text, **tagged}
        case File():
            name = urlsplit(message.url).path.rpartition("/")[2]
            return {
                **body,
                "attachmentUrl": message.url,
                "attachmentType": message.kind,
                "attachmentName": name or "file",
                **({"voiceNote": True} if message.kind == "audio" and name.endswith(_VOICE) else {}),
            }
        case QuickReplies():
            return {**body, **_choices(message, source)}
        case Template():
            template: dict[str, Json] = {
                "name": message.name,
                "language": message.language,
                "components": template_components(message),
            }
            return {**body, "template": {"elements": [template]}}
        case CustomPayload(payload):
            own: dict[str, Json] = dict(payload)  # type: ignore[arg-type]
            return {**own, **body}
        case Email():
            raise Unsupported("Zernio sends no Email")
    assert_never(message)


def first_body(message: Outbound, account: str, participant: str) -> dict[str, Json]:
    """Build the body that begins a conversation: with a template, which WhatsApp wants there, or with a text.

    Args:
        message: what is sent.
        account: the account that sends.
        participant: whom to, e.g. the digits of a number.

    Raises:
        Unsupported: a kind of message that begins no conversation.
    """
    body: dict[str, Json] = {"accountId": account, "participantId": participant}
    match message:
        case Text(words) if words.strip():
            return {**body, "message": words}
        case Template():
            parameters: list[Json] = list(message.texts)
            named: dict[str, Json] = {"templateName": message.name, "templateLanguage": message.language}
            return {**body, **named, **({"templateParams": parameters} if parameters else {})}
        case Text():
            raise Invalid("the text of a message is empty")
    raise Unsupported(f"a conversation of Zernio begins with a text or a template, not with {type(message).__name__}")


def _choices(message: QuickReplies, source: str | None) -> dict[str, Json]:
    """Choices to tap: WhatsApp shows three as buttons and up to ten as a list, others up to thirteen; more become numbered lines."""
    if source == "whatsapp" and (spelt := interactive_of(message)) is not None and spelt["type"] == "list":
        return {"interactive": spelt}
    most = _MOST_BUTTONS if source in ("whatsapp", None) else _MOST_REPLIES
    if len(message.replies) > most or any(len(one) > _LONGEST_REPLY for one in message.replies):
        return {"message": numbered(message.title, message.replies)}
    replies: list[Json] = [{"title": reply, "payload": reply} for reply in message.replies]
    return {"message": message.title, "quickReplies": replies}


_TYPES: Mapping[str, type[PlatformError]] = {
    "authentication_error": Unauthorized,
    "permission_error": Forbidden,
    "not_found": NotFound,
    "rate_limit_error": RateLimited,
    "invalid_request_error": Invalid,
    "api_error": Unavailable,
}


class Zernio(ApiPlatform):
    """Zernio as a `Platform`."""

    capabilities = Capabilities(
        finds=frozenset({"phone"}),
        templates=True,
        idempotency_keys=True,
        echoes=True,
        quick_replies=True,
        media="link",
        message_ids="platform",
    )

    def configure(self, settings: MessagingSettings) -> None:
        self._account = settings.required_account
        self._comments = settings.comments
        self._source: str | None = None
        """The platform behind the account, once a message has told."""

    @classmethod
    def rates_for(cls, settings: MessagingSettings) -> Sequence[Rate]:
        return (DEFAULT_RATE,)

    @classmethod
    def read_refusal(cls, status: int, answer: Mapping[str, Json]) -> Refusal:
        """`{error, type, code, param, platform, platformError}`"""
        kind, code, words = None, first(answer, "code"), [first(answer, "error", "message")]
        if status in (401, 403, 404, 429) or kind_of_status(status) is Invalid:
            kind = _TYPES.get(first(answer, "type") or "")
        if status == 409 and "idempot" in f"{code} {words[0]}".lower():
            kind = Failed  # the first attempt with this key still runs; its result comes with the key, later
        problem = answer.get("platformError")
        words.append(first(mapping(problem), "message") or text(problem))
        return Refusal(": ".join(part for part in words if part) or None, code, kind)

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        if self._keys is not None:
            check(self._keys, body, headers.get("x-zernio-signature") or headers.get("x-late-signature"), "hex")

    def parse(self, body: bytes) -> list[Event]:
        events = parse_events(
            body,
            self.name,
            self._clock(),
            account=self._account,
            base_url=self._transport.base_url,
            comments=self._comments,
        )
        for event in events:
            if isinstance(event, InboundMessage) and event.channel is not None and event.kind != "comment":
                self._source = event.channel.source
        return events

    async def send(
        self, contact: ContactKey, message: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str | None:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        if contact.id.startswith(_COMMENT):
            post, _, comment = contact.id.removeprefix(_COMMENT).partition("-")
            if not isinstance(message, Text):
                raise Unsupported("a public comment is answered with text only")
            body: dict[str, Json] = {"accountId": self._account, "message": message.text, "commentId": unquote(comment)}
            path = f"/inbox/comments/{post}"
        elif (participant := participant_of(contact)) is not None:
            body, path = first_body(message, self._account, participant), "/inbox/conversations"
        else:
            body = send_body(message, self._account, self._source)
            path = f"/inbox/conversations/{quote(contact.id, safe='')}/messages"
        answer = await self._call("POST", path, json=body, headers=headers)
        data = mapping(answer.get("data"))
        message_id = first(data, "messageId", "commentId", "id") or next(
            (one for item in items(data.get("messageIds")) if (one := text(item))), None
        )
        if message_id is None and answer.get("success") is False:
            raise OutcomeUnknown(first(answer, "error") or "success is false", call=f"POST {path}")
        return message_id

    async def fetch(self, reference: str, most: int) -> bytes:
        return await self._transport.download(reference, key=self.name, most=most)

    async def find_contact(self, address: Address) -> Contact:
        """Any number can be written to over a WhatsApp account: whether it is on WhatsApp, only a send tells."""
        number = international(address.value) if address.by == "phone" else None
        if number is None:
            self._lacks(f"way to find a contact by {address.by}")
        return Contact(stand_in(self.name, number.removeprefix("+")), phone=number)

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        return (await self.find_contact(address)).key

    async def contact(self, contact: ContactKey) -> Contact:
        if contact.id.startswith(_COMMENT) or participant_of(contact) is not None:
            return Contact(contact)
        path = f"/inbox/conversations/{quote(contact.id, safe='')}"
        answer = await self._call("GET", path, params={"accountId": self._account})
        found = mapping(answer.get("conversation")) or mapping(answer.get("data")) or answer
        return Contact(contact, *person_names(first(found, "participantName", "participantUsername")))

    async def channels(self) -> Sequence[Channel]:
        query = {"accountId": self._account, "limit": "1"}
        answer = await self._call("GET", "/inbox/conversations", params=query)
        listed = answer.get("conversations") or answer.get("data")
        source = next((first(mapping(item), "platform") for item in items(listed)), None)
        return [Channel(self._account, source)]
