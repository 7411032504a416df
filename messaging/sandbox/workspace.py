"""What belongs to the workspace rather than to a contact: colleagues, channels, templates, fields, tags, closing notes."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, TypeVar

from pydantic import Field

from messaging.sandbox.content import Body
from messaging.sandbox.errors import Conflict, Invalid, NotFound
from messaging.sandbox.fields import CustomFieldBody
from messaging.sandbox.options import Clock
from messaging.sandbox.records import Channel, ClosingNote, Content, CustomField, Tag, Template, User, WorkspaceSettings
from messaging.sandbox.storage import Feed

LIFECYCLES = ("New Lead", "Hot Lead", "Payment", "Customer", "Cold Lead")

_USERS = (
    User(1, "Rina", "Hartono", "rina@example.com", "owner"),
    User(2, "Dimas", "Pratama", "dimas@example.com", "manager", (1, "Toko")),
    User(3, "Ayu", "Lestari", "ayu@example.com", "agent", (1, "Toko")),
)
_CHANNELS = (
    (1, "WhatsApp", "whatsapp_cloud"),
    (2, "Instagram", "instagram"),
    (3, "Facebook", "facebook"),
    (4, "Telegram", "telegram"),
    (5, "E-mail", "gmail"),
)
_CLOSING_NOTES = (
    ClosingNote("Resolved", "The question is answered"),
    ClosingNote("Order", "The contact has ordered"),
    ClosingNote("Spam", "Not a customer"),
)
_CUSTOM_FIELDS = (
    CustomField(1, "Company Website", "company_website", "url"),
    CustomField(2, "Birthday", "birthday", "date"),
    CustomField(3, "Loyalty Points", "loyalty_points", "number"),
    CustomField(4, "Member", "member", "checkbox"),
    CustomField(5, "Favourite Drink", "favourite_drink", "list", None, ("Kopi Susu", "Americano", "Teh")),
    CustomField(6, "Notes", "notes", "text"),
    CustomField(7, "Delivery Time", "delivery_time", "time"),
    CustomField(8, "Invoice Email", "invoice_email", "email"),
)


def _body(text: str) -> tuple[Content, ...]:
    return ({"type": "body", "text": text},)


_TEMPLATES = (
    Template(
        1, 1, "ordernumber", "en", "UTILITY", _body("Hello {{1}}, thank you for your order. Order number: {{2}}.")
    ),
    Template(
        2, 1, "pengingat_pembayaran", "id", "UTILITY", _body("Halo {{1}}, pesanan {{2}} masih menunggu pembayaran.")
    ),
    Template(3, 1, "sapaan", "id", "MARKETING", _body("Halo {{1}}, ada yang bisa kami bantu?")),
)


class TagBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    description: str | None = None
    color_code: str | None = None
    emoji: str | None = None


class TagChange(Body):
    current_name: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    description: str | None = None
    color_code: str | None = None
    emoji: str | None = None


ItemT = TypeVar("ItemT", User, Channel, CustomField, Template)


def _by_id(items: Sequence[ItemT], wanted: int, what: str) -> ItemT:
    for item in items:
        if item.id == wanted:
            return item
    raise NotFound(f"{what} not found")


class Workspace:
    """The team's settings. Lists are tuples that are replaced, never changed in place."""

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self.fill()

    def fill(self) -> None:
        """Put the workspace into the state of a fresh sandbox."""
        began = self._clock()
        self.restore(
            WorkspaceSettings(
                _USERS,
                tuple(Channel(*row, created_at=began) for row in _CHANNELS),
                _TEMPLATES,
                _CUSTOM_FIELDS,
                _CLOSING_NOTES,
                LIFECYCLES,
                (Tag(1, "VIP", began, color="#f5b942", emoji="⭐"),),
            )
        )

    def restore(self, settings: WorkspaceSettings) -> None:
        self.users = settings.users
        self.channels = settings.channels
        self.templates = settings.templates
        self.custom_fields = settings.custom_fields
        self.closing_notes = settings.closing_notes
        self.lifecycles = settings.lifecycles
        self.tags = settings.tags
        self._feed.touch("workspace")

    def settings(self) -> WorkspaceSettings:
        return WorkspaceSettings(
            self.users,
            self.channels,
            self.templates,
            self.custom_fields,
            self.closing_notes,
            self.lifecycles,
            self.tags,
        )

    def user(self, wanted: int) -> User:
        return _by_id(self.users, wanted, "User")

    def find_user(self, wanted: int | str) -> User:
        """A colleague by id or e-mail. Raises: `NotFound`."""
        for user in self.users:
            if wanted in {user.id, user.email} or str(wanted) == str(user.id):
                return user
        raise NotFound(f"User not found: {wanted}")

    def channel(self, wanted: int) -> Channel:
        return _by_id(self.channels, wanted, "Channel")

    def custom_field(self, wanted: int) -> CustomField:
        return _by_id(self.custom_fields, wanted, "Custom field")

    def field_named(self, name: str) -> CustomField:
        """A custom field by name or slug. Raises: `Invalid`."""
        for field in self.custom_fields:
            if name.casefold() in {field.name.casefold(), field.slug.casefold()}:
                return field
        known = ", ".join(field.name for field in self.custom_fields)
        raise Invalid(f"custom_fields: there is no custom field {name!r}; the workspace has {known}")

    def add_field(self, body: CustomFieldBody) -> CustomField:
        slug = (
            body.slug or re.sub(r"[^a-z0-9]+", "_", body.name.lower()).strip("_") or f"field_{len(self.custom_fields)}"
        )
        if any(slug == field.slug or body.name.casefold() == field.name.casefold() for field in self.custom_fields):
            raise Conflict(f"name: a custom field named {body.name!r} exists already")
        if body.data_type == "list" and not body.allowed_values:
            raise Invalid("Validation error: allowedValues: a list field needs at least one value")
        if body.data_type != "list" and body.allowed_values:
            raise Invalid("Validation error: allowedValues: only a list field has allowed values")
        field = CustomField(
            1 + max((field.id for field in self.custom_fields), default=0),
            body.name,
            slug,
            body.data_type,
            body.description,
            tuple(body.allowed_values or ()),
        )
        self.custom_fields += (field,)
        self._feed.touch("workspace")
        return field

    def add_tag(self, body: TagBody) -> Tag:
        if any(tag.name == body.name for tag in self.tags):
            raise Conflict(f"name: a tag named {body.name!r} exists already")
        tag = Tag(
            1 + max((tag.id for tag in self.tags), default=0),
            body.name,
            self._clock(),
            body.description,
            body.color_code,
            body.emoji,
        )
        self.tags += (tag,)
        self._feed.touch("workspace")
        return tag

    def change_tag(self, body: TagChange) -> Tag:
        tag = self._tag(body.current_name)
        given = body.model_dump(exclude_unset=True, exclude={"current_name"})
        if "color_code" in given:
            given["color"] = given.pop("color_code")
        changed: Tag = replace(tag, **given)
        self.tags = tuple(changed if other.id == tag.id else other for other in self.tags)
        self._feed.touch("workspace")
        return changed

    def remove_tag(self, name: str) -> Tag:
        tag = self._tag(name)
        self.tags = tuple(other for other in self.tags if other.id != tag.id)
        self._feed.touch("workspace")
        return tag

    def meet_tags(self, names: Sequence[str]) -> None:
        """Create the tags of these names that are new, as the platform does when a contact gets them."""
        known = {tag.name for tag in self.tags}
        for name in names:
            if name not in known:
                self.add_tag(TagBody(name=name))

    def add_template(self, channel_id: int, name: str, language: str, text: str, category: str = "UTILITY") -> Template:
        self.channel(channel_id)
        number = 1 + max((template.id for template in self.templates), default=0)
        template = Template(number, channel_id, name, language, category, _body(text))
        self.templates += (template,)
        self._feed.touch("workspace")
        return template

    def has_template(self, channel_id: int, name: str, language: str) -> bool:
        return any((t.channel_id, t.name, t.language) == (channel_id, name, language) for t in self.templates)

    def _tag(self, name: str) -> Tag:
        for tag in self.tags:
            if tag.name == name:
                return tag
        raise NotFound(f"Tag not found: {name}")
