"""What may be sent: the message types of the send endpoint, checked field by field."""

import re
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, JsonValue, model_validator

from messaging.sandbox.errors import Invalid
from messaging.sandbox.records import Channel, Contact, Content
from messaging.sandbox.requests import Body, EmailAddress, HttpUrl, Words
from messaging.types import ChannelKind

PAYLOAD_KINDS = frozenset({ChannelKind.TELEGRAM, ChannelKind.FACEBOOK, ChannelKind.VIBER, ChannelKind.LINE})


FileKind = Literal["image", "video", "audio", "file"]


class Text(Body):
    type: Literal["text"]
    text: Words
    message_tag: Literal["ACCOUNT_UPDATE", "POST_PURCHASE_UPDATE", "CONFIRMED_EVENT_UPDATE"] | None = None


class File(Body):
    type: FileKind
    url: HttpUrl


class Attachment(Body):
    type: Literal["attachment"]
    attachment: File


class CustomPayload(Body):
    type: Literal["custom_payload"]
    payload: dict[str, JsonValue]


class QuickReply(Body):
    type: Literal["quick_reply"]
    title: Words
    replies: Annotated[tuple[Words, ...], Field(min_length=1)]


class EmailFile(Body):
    type: FileKind
    url: HttpUrl
    file_name: Words


class Email(Body):
    type: Literal["email"]
    text: Words
    subject: str | None = None
    cc: tuple[EmailAddress, ...] = ()
    bcc: tuple[EmailAddress, ...] = ()
    reply_to_message_id: int | None = None
    attachments: tuple[EmailFile, ...] = ()


class MediaLink(Body):
    link: HttpUrl
    caption: str | None = None
    filename: str | None = None


class Location(Body):
    name: str
    address: str
    latitude: str  # strings on this platform
    longitude: str


class Parameter(Body):
    type: Literal["text", "image", "video", "document", "location", "action", "payload"]
    text: str | None = None
    image: MediaLink | None = None
    video: MediaLink | None = None
    document: MediaLink | None = None
    location: Location | None = None
    action: dict[str, JsonValue] | None = None
    payload: str | None = None

    @model_validator(mode="after")
    def _carries_its_type(self) -> Self:
        if getattr(self, self.type) is None:
            raise ValueError(f"a parameter of type {self.type} needs the key {self.type!r}")
        if self.document is not None and not self.document.filename:
            raise ValueError("a document needs a filename")
        return self


class Button(Body):
    model_config = ConfigDict(alias_generator=None)
    type: Words
    text: str | None = None
    url: str | None = None
    phone_number: str | None = None
    parameters: tuple[Parameter, ...] = ()
    example: tuple[str, ...] = ()


class Header(Body):
    type: Literal["header"]
    format: Literal["text", "image", "video", "document", "location"]
    text: str | None = None
    parameters: tuple[Parameter, ...] = ()


class Lines(Body):
    type: Literal["body", "footer"]
    text: str
    parameters: tuple[Parameter, ...] = ()


class Buttons(Body):
    type: Literal["buttons"]
    buttons: Annotated[tuple[Button, ...], Field(min_length=1)]


class TemplateBody(Body):
    name: Words
    language_code: Words
    components: tuple[Annotated[Header | Lines | Buttons, Field(discriminator="type")], ...] = ()


class TemplateMessage(Body):
    type: Literal["whatsapp_template", "facebook_template"]
    template: TemplateBody


Outgoing: TypeAlias = Annotated[
    Text | Attachment | CustomPayload | QuickReply | Email | TemplateMessage, Field(discriminator="type")
]


class SendBody(Body):
    """The body of the send endpoint. Without `channel_id` the contact's last channel is used."""

    union_tags: ClassVar = frozenset(
        {
            "text", "attachment", "custom_payload", "quick_reply", "email", "whatsapp_template", "facebook_template",
            "header", "body", "footer", "buttons",
        }
    )  # fmt: skip

    channel_id: Annotated[int, Field(strict=False)] | None = None
    message: Outgoing

    def content(self) -> Content:
        """Return the message as the sandbox keeps it: only what was given."""
        content: dict[str, JsonValue] = self.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return content


def check_channel(message: Outgoing, channel: Channel) -> None:
    """Refuse a type of message that cannot go out on this channel.

    Raises:
        Invalid: names the channels that would do.
    """
    kind, source = message.type, channel.source
    if kind == "custom_payload" and channel.kind not in PAYLOAD_KINDS:
        raise Invalid(f"message.type: custom_payload is for {', '.join(sorted(PAYLOAD_KINDS))}, not {source}")
    if kind == "email" and channel.kind is not ChannelKind.EMAIL:
        raise Invalid(f"message.type: email needs an e-mail channel; channel {channel.id} is {source}")
    if kind == "whatsapp_template" and channel.kind is not ChannelKind.WHATSAPP:
        raise Invalid(f"message.type: whatsapp_template needs a WhatsApp channel; channel {channel.id} is {source}")
    if kind == "facebook_template" and channel.kind is not ChannelKind.FACEBOOK:
        raise Invalid(f"message.type: facebook_template needs a Facebook channel; channel {channel.id} is {source}")


_VARIABLE = re.compile(r"\{\{\s*\$contact\.(\w+)\s*\}\}")


def fill_in(content: Content, contact: Contact) -> Content:
    """Replace `{{$contact.name}}` and its kind in the words of a message; an unknown variable becomes empty."""
    facts = {
        "id": contact.id,
        "name": contact.name,
        "firstname": contact.first_name,
        "lastname": contact.last_name,
        "email": contact.email,
        "phone": contact.phone,
        "language": contact.language,
        "country": contact.country_code,
    }
    filled = {
        key: _VARIABLE.sub(lambda match: str(facts.get(match[1].lower()) or ""), value)
        for key in ("text", "title", "subject")
        if isinstance(value := content.get(key), str)
    }
    return {**content, **filled}
