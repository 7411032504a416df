"""The content of a message, which has the same shape in webhooks and in message lists: text, attachments, what can be sent."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from messaging.types import (
    MEDIA_KINDS,
    Attachment,
    AttachmentKind,
    ContactCard,
    CustomPayload,
    Email,
    File,
    Location,
    MessageTag,
    Outbound,
    QuickReplies,
    Quote,
    Template,
    Text,
)
from messaging.values import (
    Json,
    address_of,
    cards_of,
    files_of,
    first,
    integer,
    items,
    location_of,
    mapping,
    mime_of,
    text,
)

_TAGS: Mapping[str, MessageTag] = {
    "ACCOUNT_UPDATE": "ACCOUNT_UPDATE",
    "POST_PURCHASE_UPDATE": "POST_PURCHASE_UPDATE",
    "CONFIRMED_EVENT_UPDATE": "CONFIRMED_EVENT_UPDATE",
}
_REPLIES = ("button_reply", "list_reply", "nfm_reply")


@dataclass(frozen=True, slots=True)
class Content:
    """A message as a reader sees it. `kind` is the platform's own type, `text` what can be read of it."""

    kind: str
    text: str | None
    attachments: tuple[Attachment, ...] = ()
    location: Location | None = None
    cards: tuple[ContactCard, ...] = ()
    quote: Quote | None = None

    @property
    def words(self) -> str | None:
        """Everything that can be read of it."""
        parts = (self.text, self.location and str(self.location), *map(str, self.cards))
        return "\n".join(part for part in parts if part) or None


def read_content(message: Mapping[str, Json]) -> Content:
    """Read a message of any type, also of an unknown one.

    What can be read is read, and an attachment that cannot be fetched yet stays visible.
    """
    kind = text(message.get("type")) or "unknown"
    attachments = tuple(
        read_attachment(item)
        for source in ("attachment", "attachments")
        for item in map(mapping, items(message.get(source)))
        if item
    )
    if not attachments and (kind in MEDIA_KINDS or kind in ("document", "file")):  # as other platforms write it
        files = files_of(message, kind) or [mapping(message.get(kind))]
        attachments = tuple(read_attachment({"type": kind, **part}) for part in files)
    readers = {"email": _email, "whatsapp_interactive": _interactive, "whatsapp_order": _order}
    reader = readers.get(kind, _plain)
    described = (
        None
        if not attachments
        else first(mapping(message.get("attachment") or message.get(kind)), "description", "caption")
    )
    place = location_of({**message, **mapping(message.get("location"))}) if kind == "location" else None
    answered = (
        mapping(message.get("context")) or mapping(message.get("replyTo")) or mapping(message.get("quotedMessage"))
    )
    quoted = first(answered, "messageId", "id")
    return Content(
        kind,
        None if place is not None else reader(message) or described,
        attachments,
        place,
        cards_of(message.get("contacts") or message.get("contact")) if kind in ("contacts", "contact") else (),
        None if quoted is None else Quote(quoted, first(answered, "text")),
    )


def read_attachment(source: Mapping[str, Json]) -> Attachment:
    """Read an attachment; `url` is empty and `pending` set while the platform has not stored the file, or names no URL."""
    name = first(source, "fileName", "name", "filename")
    mime_type = mime_of(source)
    guessed = mime_type or mimetypes.guess_type(name or "")[0] or ""
    kind = MEDIA_KINDS.get((first(source, "type", "mediaType") or "").lower())
    if kind is None:  # a voice note can come as a `file` with an audio type
        kind = MEDIA_KINDS.get(guessed.partition("/")[0], "file")
    url = address_of(source)
    pending = source.get("isPending") is True or url is None
    size = integer(source.get("size"))
    return Attachment(
        kind=kind,
        url="" if pending or url is None else url.strip(),
        name=name,
        mime_type=mime_type,
        size=size if size is not None and 0 <= size < 2**63 else None,
        pending=pending,
    )


def read_outbound(message: Mapping[str, Json]) -> Outbound | None:
    """Read a message as one that could be sent; None for a type that cannot be, or with required parts missing."""
    match message.get("type"):
        case "text" if body := text(message.get("text")):
            return Text(body, _TAGS.get(text(message.get("messageTag")) or ""))
        case "attachment":
            return _file(mapping(message.get("attachment")))
        case "quick_reply" if title := text(message.get("title")):
            return QuickReplies(title, tuple(reply for item in items(message.get("replies")) if (reply := text(item))))
        case "email" if body := text(message.get("text")):
            return Email(
                body,
                subject=text(message.get("subject")),
                cc=tuple(address for item in items(message.get("cc")) if (address := text(item))),
                bcc=tuple(address for item in items(message.get("bcc")) if (address := text(item))),
                reply_to=integer(message.get("replyToMessageId")),
                files=tuple(
                    (file.kind, file.url, first(mapping(item), "fileName", "name") or "")
                    for item in items(message.get("attachments"))
                    if (file := _file(mapping(item))) is not None
                ),
            )
        case "whatsapp_template":
            template = mapping(message.get("template"))
            name, language = first(template, "name"), first(template, "languageCode", "language")
            components = tuple(dict(part) for item in items(template.get("components")) if (part := mapping(item)))
            return Template(name, language, components) if name and language else None
        case "custom_payload":
            return CustomPayload(dict(mapping(message.get("payload"))))
    return None


def _file(source: Mapping[str, Json]) -> File | None:
    """An attachment as it was sent: by the type it was given, whatever the file turned out to be."""
    attachment = read_attachment(source)
    received: AttachmentKind = "image" if attachment.kind == "sticker" else attachment.kind
    declared = next((kind for kind in get_args(AttachmentKind) if kind == source.get("type")), received)
    return File(declared, attachment.url) if attachment.url else None


def _plain(message: Mapping[str, Json]) -> str | None:
    return first(message, "text", "title", "caption", "description")


def _email(message: Mapping[str, Json]) -> str | None:
    parts = (first(message, "subject"), first(message, "text", "message", "body"))
    return "\n\n".join(part for part in parts if part) or None


def _interactive(message: Mapping[str, Json]) -> str | None:
    """The title of the button or list row that was tapped; where it stands differs, so the known places are tried."""
    places = [message, *(mapping(message.get(name)) for name in ("interactive", "payload", "whatsapp_interactive"))]
    for place in places:
        for reply in (mapping(place.get(name)) for name in _REPLIES):
            if found := first(reply, "title", "body", "response_json"):
                return found
    return next((found for place in places if (found := first(place, "text", "title", "body"))), None)


def _order(message: Mapping[str, Json]) -> str | None:
    """A cart from a WhatsApp catalogue, a line per product: `2 × KS-LATTE (25000 IDR)`."""
    order = {**message, **mapping(message.get("order"))}
    lines = []
    for item in map(mapping, items(order.get("product_items") or order.get("productItems"))):
        product = first(item, "name", "product_retailer_id", "productRetailerId")
        if product is None:
            continue
        price = " ".join(part for key in ("item_price", "currency") if (part := _amount(item.get(key))))
        lines.append(f"{integer(item.get('quantity')) or 1} × {product}" + (f" ({price})" if price else ""))
    return "\n".join(part for part in (_plain(order), *lines) if part) or None


def _amount(value: Json) -> str | None:
    return repr(value) if isinstance(value, float) else text(value)
