"""WhatsApp templates: the parts of a template message, filling in a channel's template, and the cache of templates.

Unlike at Meta, the whole text with its `{{1}}` travels along with the parameters. Coordinates are text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from messaging.aelyst.space import Space
from messaging.errors import Invalid
from messaging.types import ChannelKind, ChannelTemplate, Template
from messaging.values import Json, first, items, mapping, text

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextParameter(_Part):
    type: Literal["text"] = "text"
    text: str


class Media(_Part):
    """A file by public URL; a document needs a file name."""

    link: str = Field(pattern=r"^https?://")
    caption: str | None = None
    filename: str | None = None


class ImageParameter(_Part):
    type: Literal["image"] = "image"
    image: Media


class VideoParameter(_Part):
    type: Literal["video"] = "video"
    video: Media


class NamedMedia(Media):
    filename: str


class DocumentParameter(_Part):
    type: Literal["document"] = "document"
    document: NamedMedia


class Place(_Part):
    """A point on the map; latitude and longitude in degrees, as text."""

    name: str
    address: str
    latitude: str
    longitude: str


class LocationParameter(_Part):
    type: Literal["location"] = "location"
    location: Place


HeaderParameter: TypeAlias = Annotated[
    TextParameter | ImageParameter | VideoParameter | DocumentParameter | LocationParameter, Field(discriminator="type")
]


class Header(_Part):
    type: Literal["header"] = "header"
    format: Literal["text", "image", "video", "document", "location"]
    text: str | None = None
    parameters: tuple[HeaderParameter, ...] = ()


class Body(_Part):
    """`text` is the template's text with its placeholders, `parameters` one text for each."""

    type: Literal["body"] = "body"
    text: str
    parameters: tuple[TextParameter, ...] = ()


class Footer(_Part):
    type: Literal["footer"] = "footer"
    text: str


class ProductItem(_Part):
    """One product of a multi-product message, as the catalogue has it."""

    product_retailer_id: str
    image_url: str | None = None
    name: str | None = None
    price: str | None = None
    availability: str | None = None
    currency: str | None = None
    description: str | None = None


class ProductSection(_Part):
    product_items: tuple[ProductItem, ...]
    title: str | None = None


class ProductAction(_Part):
    thumbnail_product_image_url: str
    thumbnail_product_retailer_id: str
    sections: tuple[ProductSection, ...] = ()


class ActionParameter(_Part):
    type: Literal["action"] = "action"
    action: ProductAction


class QuickReplyButton(_Part):
    type: Literal["quick_reply"] = "quick_reply"
    text: str


class UrlButton(_Part):
    type: Literal["url"] = "url"
    text: str
    url: str
    parameters: tuple[TextParameter, ...] = ()
    example: tuple[str, ...] = ()


class PhoneButton(_Part):
    type: Literal["phone_number"] = "phone_number"
    text: str
    phone_number: str


class ProductButton(_Part):
    """Opens the catalogue, or a selection of it (`mpm`, multi-product message)."""

    type: Literal["catalog", "mpm"]
    text: str
    parameters: tuple[ActionParameter, ...] = ()


Button: TypeAlias = Annotated[QuickReplyButton | UrlButton | PhoneButton | ProductButton, Field(discriminator="type")]


class Buttons(_Part):
    type: Literal["buttons"] = "buttons"
    buttons: tuple[Button, ...]


Component: TypeAlias = Header | Body | Footer | Buttons

_COMPONENT: TypeAdapter[Component] = TypeAdapter(Annotated[Component, Field(discriminator="type")])


def template(name: str, language: str, components: Sequence[Component] = ()) -> Template:
    """Build a template message of typed parts.

    ```python
    template("order", "id", [Body(text="Halo {{1}}", parameters=(TextParameter(text="Ani"),))])
    ```
    """
    dumped: list[Mapping[str, Any]] = [component.model_dump(exclude_none=True, mode="json") for component in components]
    return Template(name, language, tuple(_without_empty(part) for part in dumped))


def read_component(source: Mapping[str, object]) -> Component:
    """Read a part as written in agent.yaml or in an API example.

    Raises:
        Invalid: not a part of a template; the message says where and why.
    """
    try:
        return _COMPONENT.validate_python(source)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in found["loc"])
        raise Invalid(f"template component {place or source.get('type')}: {found['msg']}") from None


def fill(found: ChannelTemplate, values: Sequence[str]) -> Template:
    """Fill in a channel's template.

    Args:
        found: the template as the platform lists it.
        values: for its placeholders: those of a text header first, then the body's, then the buttons' URLs, each in the order
            in which they are written there.

    Raises:
        Invalid: too few or too many values, or a header that needs a file (send such a template by its typed parts).
    """
    rest = list(values)
    parts: list[Component] = []
    by_kind = {(text(part.get("type")) or "").lower(): part for part in found.components}
    if (header := by_kind.get("header")) is not None:
        if (text(header.get("format")) or "text").lower() != "text":
            raise Invalid(f"template {found.name!r} begins with a file; give its components instead of values")
        words = text(header.get("text")) or ""
        parts.append(Header(format="text", text=words, parameters=_take(found, words, rest)))
    if (body := by_kind.get("body")) is not None:
        words = text(body.get("text")) or ""
        parts.append(Body(text=words, parameters=_take(found, words, rest)))
    if (footer := by_kind.get("footer")) is not None:
        parts.append(Footer(text=text(footer.get("text")) or ""))
    if (buttons := by_kind.get("buttons")) is not None:
        made = tuple(_button(found, mapping(item), rest) for item in items(buttons.get("buttons")))
        parts.append(Buttons(buttons=made))
    if rest:
        raise Invalid(
            f"template {found.name!r} has {len(values) - len(rest)} placeholders, {len(values)} values were given"
        )
    return template(found.name, found.language or "en", parts)


def _button(found: ChannelTemplate, source: Mapping[str, Json], rest: list[str]) -> Button:
    label = text(source.get("text")) or ""
    match (text(source.get("type")) or "").lower():
        case "quick_reply":
            return QuickReplyButton(text=label)
        case "url":
            address = text(source.get("url")) or ""
            return UrlButton(text=label, url=address, parameters=_take(found, address, rest))
        case "phone_number":
            return PhoneButton(text=label, phone_number=first(source, "phone_number", "phoneNumber") or "")
    raise Invalid(f"template {found.name!r} has a {source.get('type')} button; give its components instead of values")


def _take(found: ChannelTemplate, words: str, rest: list[str]) -> tuple[TextParameter, ...]:
    """A value for each different placeholder in `words`, taken from the front of `rest`."""
    wanted = len(dict.fromkeys(_PLACEHOLDER.findall(words)))
    if wanted > len(rest):
        raise Invalid(f"template {found.name!r} has more placeholders than values; one is missing for {words[:60]!r}")
    taken, rest[:] = rest[:wanted], rest[wanted:]
    return tuple(TextParameter(text=value) for value in taken)


def _without_empty(value: Any) -> Any:
    """Without the lists that hold nothing, at any depth: the documented examples leave them out."""
    if isinstance(value, Mapping):
        return {name: _without_empty(item) for name, item in value.items() if item != []}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


KEPT = timedelta(hours=1)
"""How long a list of templates is cached."""

_WITH_TEMPLATES = frozenset({ChannelKind.WHATSAPP, ChannelKind.UNKNOWN})


class TemplateLibrary:
    """The templates of a workspace. Channels that are not WhatsApp have none and are not asked."""

    def __init__(self, space: Space, clock: Callable[[], datetime]) -> None:
        self._space = space
        self._clock = clock
        self._known: dict[str, tuple[datetime, list[ChannelTemplate]]] = {}

    async def all(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        """Fetch the templates of a channel, or of all channels, past the cache."""
        found: list[ChannelTemplate] = []
        for one in [channel] if channel is not None else await self._whatsapp():
            found += await self._fetch(one)
        return found

    async def filled(self, template: Template, channel: str | None = None) -> Template:
        """Return the template with its components, made from its `values`.

        Raises:
            Invalid: the platform has no such template, or the values do not fit its placeholders.
        """
        for one in [channel] if channel is not None else await self._whatsapp():
            found = _named(self._remembered(one), template) or _named(await self._fetch(one), template)
            if found is not None:
                return fill(found, template.values)
        raise Invalid(
            f"the platform has no template {template.name!r} in {template.language!r}; `balas check --online` lists what is missing"
        )

    async def _whatsapp(self) -> list[str]:
        return [channel.id async for channel in self._space.channels() if channel.kind in _WITH_TEMPLATES]

    def _remembered(self, channel: str) -> list[ChannelTemplate]:
        at, found = self._known.get(channel, (None, []))
        return found if at is not None and self._clock() - at < KEPT else []

    async def _fetch(self, channel: str) -> list[ChannelTemplate]:
        found = [template async for template in self._space.templates(channel)]
        self._known[channel] = (self._clock(), found)
        return found


def _named(templates: Sequence[ChannelTemplate], wanted: Template) -> ChannelTemplate | None:
    return next((one for one in templates if (one.name, one.language) == (wanted.name, wanted.language)), None)
