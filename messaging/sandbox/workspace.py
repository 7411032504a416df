"""The workspace: colleagues, channels, templates, custom fields and the values they take, tags, closing notes, lifecycles."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time
from typing import TypedDict, TypeVar, Unpack

from messaging.sandbox.errors import Conflict, Invalid, NotFound
from messaging.sandbox.records import (
    Channel,
    ClosingNote,
    Content,
    CustomField,
    DataType,
    FieldValue,
    Tag,
    Template,
    User,
    WorkspaceSettings,
)
from messaging.sandbox.storage import Feed
from settings.clock import Clock

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


class TagFields(TypedDict, total=False):
    """What may be written on a tag; a key that is absent stays as it is."""

    name: str
    description: str | None
    color: str | None
    emoji: str | None


_PHONE = re.compile(r"\+?[0-9]{6,15}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{1,63}")
_URL = re.compile(r"(https?://)?[\w-]+(\.[\w-]+)+(:\d+)?([/?#]\S*)?")


def normal_phone(text: str) -> str:
    """Normalise a phone number: `+62 812-3456` → `+628123456`; a missing plus sign is added."""
    return "+" + "".join(char for char in text if char in "0123456789")


def is_phone(text: str) -> bool:
    """Tell whether a normalised number has 6 to 15 digits."""
    return _PHONE.fullmatch(text) is not None


def check_value(field: CustomField, value: FieldValue) -> FieldValue:
    """Check the value of a custom field against its data type; `None` empties the field.

    Raises:
        Invalid: the value has not the format of the type.
    """
    if value is None:
        return None
    needed = _needed(field, value)
    if needed is not None:
        raise Invalid(f"custom_fields: {field.name!r} is a {field.data_type} field and needs {needed}, not {value!r}")
    return value


def _needed(field: CustomField, value: str | float) -> str | None:
    """What the type needs; `None` when `value` is that."""
    match field.data_type:
        case "number":
            fine = isinstance(value, int | float) and not isinstance(value, bool)
            return None if fine else "a number without quotation marks"
        case "checkbox":
            return None if isinstance(value, bool) else "true or false"
    if not isinstance(value, str):
        return "a string"
    match field.data_type:
        case "email":
            return None if _EMAIL.fullmatch(value) else "an address like user@domain.com"
        case "url":
            return None if _URL.fullmatch(value) else "an address like www.website.com"
        case "list":
            return None if value in field.allowed_values else f"one of {', '.join(field.allowed_values)}"
        case "date":
            return None if _is_date(value) else "a date as yyyy-mm-dd"
        case "time":
            return None if _is_time(value) else "a time as HH:MM, 24 hours"
    return None


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_time(value: str) -> bool:
    try:
        return time.fromisoformat(value).strftime("%H:%M") == value
    except ValueError:
        return False


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
        """Take over everything from `settings`."""
        self.users = settings.users
        self.channels = settings.channels
        self.templates = settings.templates
        self.custom_fields = settings.custom_fields
        self.closing_notes = settings.closing_notes
        self.lifecycles = settings.lifecycles
        self.tags = settings.tags
        self._feed.touch("workspace")

    def settings(self) -> WorkspaceSettings:
        """Return everything as one value."""
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
        """Return a colleague by id. Raises: `NotFound`."""
        return _by_id(self.users, wanted, "User")

    def find_user(self, wanted: int | str) -> User:
        """Return a colleague by id or e-mail. Raises: `NotFound`."""
        for user in self.users:
            if wanted in {user.id, user.email} or str(wanted) == str(user.id):
                return user
        raise NotFound(f"User not found: {wanted}")

    def channel(self, wanted: int) -> Channel:
        """Return a channel by id. Raises: `NotFound`."""
        return _by_id(self.channels, wanted, "Channel")

    def custom_field(self, wanted: int) -> CustomField:
        """Return a custom field by id. Raises: `NotFound`."""
        return _by_id(self.custom_fields, wanted, "Custom field")

    def field_named(self, name: str) -> CustomField:
        """Return a custom field by name or slug. Raises: `Invalid`."""
        for field in self.custom_fields:
            if name.casefold() in {field.name.casefold(), field.slug.casefold()}:
                return field
        known = ", ".join(field.name for field in self.custom_fields)
        raise Invalid(f"custom_fields: there is no custom field {name!r}; the workspace has {known}")

    def add_field(
        self,
        name: str,
        data_type: DataType,
        slug: str | None = None,
        description: str | None = None,
        allowed_values: Sequence[str] = (),
    ) -> CustomField:
        """Add a custom field.

        Args:
            slug: its name in the API; made of `name` when left out.
            allowed_values: of a field of type `list`, and of no other.

        Raises:
            Conflict: there is a field of this name or slug.
            Invalid: a list without allowed values, or another type with them.
        """
        slug = slug or re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or f"field_{len(self.custom_fields)}"
        if any(slug == field.slug or name.casefold() == field.name.casefold() for field in self.custom_fields):
            raise Conflict(f"name: a custom field named {name!r} exists already")
        if data_type == "list" and not allowed_values:
            raise Invalid("Validation error: allowedValues: a list field needs at least one value")
        if data_type != "list" and allowed_values:
            raise Invalid("Validation error: allowedValues: only a list field has allowed values")
        number = 1 + max((field.id for field in self.custom_fields), default=0)
        field = CustomField(number, name, slug, data_type, description, tuple(allowed_values))
        self.custom_fields += (field,)
        self._feed.touch("workspace")
        return field

    def add_tag(
        self, name: str, description: str | None = None, color: str | None = None, emoji: str | None = None
    ) -> Tag:
        """Create a tag.

        Raises:
            Conflict: there is one of this name.
        """
        if any(tag.name == name for tag in self.tags):
            raise Conflict(f"name: a tag named {name!r} exists already")
        number = 1 + max((tag.id for tag in self.tags), default=0)
        tag = Tag(number, name, self._clock(), description, color, emoji)
        self.tags += (tag,)
        self._feed.touch("workspace")
        return tag

    def change_tag(self, name: str, /, **changes: Unpack[TagFields]) -> Tag:
        """Change the tag called `name`. Raises: `NotFound`."""
        tag = self._tag(name)
        changed = replace(tag, **changes)
        self.tags = tuple(changed if other.id == tag.id else other for other in self.tags)
        self._feed.touch("workspace")
        return changed

    def remove_tag(self, name: str) -> Tag:
        """Delete the tag called `name`. Raises: `NotFound`."""
        tag = self._tag(name)
        self.tags = tuple(other for other in self.tags if other.id != tag.id)
        self._feed.touch("workspace")
        return tag

    def meet_tags(self, names: Sequence[str]) -> None:
        """Create the tags of these names that are new, as the platform does when a contact gets them."""
        known = {tag.name for tag in self.tags}
        for name in names:
            if name not in known:
                self.add_tag(name)

    def add_template(self, channel_id: int, name: str, language: str, text: str, category: str = "UTILITY") -> Template:
        """Add an approved template whose body is `text`.

        Args:
            channel_id: of the channel it belongs to.
            text: with the placeholders `{{1}}`, `{{2}}`, ….

        Raises:
            NotFound: there is no such channel.
        """
        self.channel(channel_id)
        number = 1 + max((template.id for template in self.templates), default=0)
        template = Template(number, channel_id, name, language, category, _body(text))
        self.templates += (template,)
        self._feed.touch("workspace")
        return template

    def has_template(self, channel_id: int, name: str, language: str) -> bool:
        """Tell whether a channel has this template in this language."""
        return any((t.channel_id, t.name, t.language) == (channel_id, name, language) for t in self.templates)

    def _tag(self, name: str) -> Tag:
        for tag in self.tags:
            if tag.name == name:
                return tag
        raise NotFound(f"Tag not found: {name}")
