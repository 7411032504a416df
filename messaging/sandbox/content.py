"""What may be sent: the message types of the send endpoint, checked field by field."""

import re
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from messaging.sandbox.errors import Invalid
from messaging.sandbox.records import Channel, Contact, Content

PAYLOAD_SOURCES = {"telegram", "facebook", "viber", "line"}
EMAIL_SOURCES = {"gmail", "other_email"}


class Body(BaseModel):
    """A request body: camelCase on the wire, strict types, unknown keys ignored as the platform does."""

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)


HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$", max_length=2048)]
Words = Annotated[str, Field(min_length=1, pattern=r"\S")]
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


Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class Email(Body):
    type: Literal["email"]
    text: Words
    subject: str | None = None
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
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
    channel_id: Annotated[int, Field(strict=False)] | None = None
    message: Outgoing


ModelT = TypeVar("ModelT", bound=BaseModel)
AnyT = TypeVar("AnyT")


def read_body(model: type[ModelT], raw: bytes) -> ModelT:
    """Raises: `Invalid`, naming the first field that is wrong."""
    try:
        return model.model_validate_json(raw or b"null")
    except ValidationError as error:
        raise Invalid(describe(error)) from error


def read_json(adapter: TypeAdapter[AnyT], raw: bytes) -> AnyT:
    """Like `read_body` for a body that is no object, e.g. a bare array."""
    try:
        return adapter.validate_json(raw or b"null")
    except ValidationError as error:
        raise Invalid(describe(error)) from error


def describe(error: ValidationError) -> str:
    """`Validation error: message.text: Field required`."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ""
    for before, part in zip((None, *first["loc"]), first["loc"], strict=False):
        if isinstance(part, int):
            path += f"[{part}]"
        elif not (_is_union_tag(before, part)):
            path += f".{part}" if path else part
    message = first["msg"].removeprefix("Value error, ")
    return f"Validation error: {path}: {message}" if path else f"Validation error: {message}"


_TAGS = {
    "text", "attachment", "custom_payload", "quick_reply", "email", "whatsapp_template", "facebook_template",
    "header", "body", "footer", "buttons",
}  # fmt: skip


def _is_union_tag(before: int | str | None, part: str) -> bool:
    """pydantic puts the chosen member of a union into the path; the sender never wrote it."""
    return part in _TAGS and (before == "message" or isinstance(before, int))


def check_channel(message: Any, channel: Channel) -> None:
    """Raises: `Invalid` when this type of message cannot go out on this channel."""
    kind, source = message.type, channel.source
    if kind == "custom_payload" and source not in PAYLOAD_SOURCES:
        raise Invalid(f"message.type: custom_payload is for {', '.join(sorted(PAYLOAD_SOURCES))}, not {source}")
    if kind == "email" and source not in EMAIL_SOURCES:
        raise Invalid(f"message.type: email needs an e-mail channel; channel {channel.id} is {source}")
    if kind == "whatsapp_template" and "whatsapp" not in source:
        raise Invalid(f"message.type: whatsapp_template needs a WhatsApp channel; channel {channel.id} is {source}")
    if kind == "facebook_template" and source != "facebook":
        raise Invalid(f"message.type: facebook_template needs a Facebook channel; channel {channel.id} is {source}")


_VARIABLE = re.compile(r"\{\{\s*\$contact\.(\w+)\s*\}\}")


def fill_in(text: str, contact: Contact) -> str:
    """Replace `{{$contact.name}}` and its kind; an unknown variable becomes empty, as on the platform."""
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
    return _VARIABLE.sub(lambda match: str(facts.get(match[1].lower()) or ""), text)


def dump(message: BaseModel, contact: Contact) -> Content:
    """The message as it is kept and shown: only what was given, variables filled in."""
    content: dict[str, JsonValue] = message.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for key in ("text", "title", "subject"):
        if isinstance(value := content.get(key), str):
            content[key] = fill_in(value, contact)
    return content


def plain_text(content: Content) -> str | None:
    """The words of a message, template parameters filled in; `None` when it has none."""
    match content:
        case {"type": "quick_reply", "title": str(title)}:
            return title
        case {"type": "attachment"}:
            description = content.get("description")
            return description if isinstance(description, str) else None
        case {"template": {"components": [*components]}}:
            return "\n".join(_component_text(part) for part in components if isinstance(part, dict)).strip() or None
        case {"template": {"name": str(name)}}:
            return f"[{name}]"
        case {"text": str(text)}:
            return text
    return None


def _component_text(component: dict[str, JsonValue]) -> str:
    text, parameters = component.get("text"), component.get("parameters")
    if not isinstance(text, str):
        return ""
    values = parameters if isinstance(parameters, list) else []
    for n, value in enumerate(values, 1):
        if isinstance(value, dict):
            text = text.replace(f"{{{{{n}}}}}", str(value.get("text", "")))
    return text
