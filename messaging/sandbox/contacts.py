"""The address book: finding, creating, changing, merging and deleting contacts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

from messaging.sandbox import events
from messaging.sandbox.errors import Conflict, Invalid, NotFound
from messaging.sandbox.records import Contact, FieldValue
from messaging.sandbox.storage import Feed
from messaging.sandbox.webhooks import Webhooks
from messaging.sandbox.workspace import Workspace, check_value, is_phone, normal_phone
from settings.clock import Clock


class ContactFields(TypedDict, total=False):
    """What may be written on a contact; a key that is absent stays as it is, `None` empties it.

    `phone` may hold spaces and lack its plus sign. `custom_fields` are values by the field's name or slug.
    """

    first_name: str | None
    last_name: str | None
    phone: str | None
    email: str | None
    language: str | None
    profile_pic: str | None
    country_code: str | None
    custom_fields: Mapping[str, FieldValue]


_MERGED = ("last_name", "phone", "email", "language", "profile_pic", "country_code", "assignee", "lifecycle")


def parse_identifier(text: str) -> tuple[str, str]:
    """Split the name of a contact: `phone:+62 812` → `("phone", "+62812")`; the kinds are id, email and phone.

    Raises:
        Invalid: it is none of them.
    """
    kind, colon, value = text.partition(":")
    match kind if colon else "":
        case "id" if value.isascii() and value.isdigit():
            return kind, str(int(value))
        case "email" if "@" in value:
            return kind, value.strip().casefold()
        case "phone" if is_phone(normal_phone(value)):
            return kind, normal_phone(value)
    raise Invalid(f"identifier: {text!r} is not id:123, email:name@example.com or phone:+60121233112")


def _keys(contact: Contact) -> list[tuple[str, str]]:
    found = [("phone", contact.phone), ("email", contact.email and contact.email.casefold())]
    return [(kind, value) for kind, value in found if value]


class ContactBook:
    """All contacts by id, in the order of their creation."""

    def __init__(self, workspace: Workspace, webhooks: Webhooks, feed: Feed, clock: Clock) -> None:
        self._workspace = workspace
        self._webhooks = webhooks
        self._feed = feed
        self._clock = clock
        self._contacts: dict[int, Contact] = {}
        self._by: dict[tuple[str, str], int] = {}  # (phone or email, value) → id
        self._number = 0

    def all(self) -> tuple[Contact, ...]:
        """List all contacts, the oldest first."""
        return tuple(self._contacts.values())

    def peek(self, number: int) -> Contact | None:
        """Return the contact with this id, if there is one."""
        return self._contacts.get(number)

    def get(self, number: int) -> Contact:
        """Return the contact with this id. Raises: `NotFound`."""
        try:
            return self._contacts[number]
        except KeyError:
            raise NotFound("Contact not found") from None

    def look_up(self, identifier: str) -> Contact | None:
        """Return the first contact with this identifier, if there is one. Raises: `Invalid` for a malformed one."""
        kind, value = parse_identifier(identifier)
        if kind == "id":
            return self._contacts.get(int(value))
        number = self._by.get((kind, value))
        return None if number is None else self._contacts[number]

    def find(self, identifier: str) -> Contact:
        """Return the first contact with this identifier. Raises: `NotFound`, `Invalid`."""
        contact = self.look_up(identifier)
        if contact is None:
            raise NotFound("Contact not found")
        return contact

    def keep(self, contact: Contact) -> Contact:
        """Store a new version of a contact; no event is sent."""
        self._number = max(self._number, contact.id)
        self._forget_keys(contact.id)
        self._contacts[contact.id] = contact
        self._by |= dict.fromkeys(_keys(contact), contact.id)
        self._feed.touch("contact", contact.id)
        return contact

    def create(self, identifier: str, fields: ContactFields) -> Contact:
        """Create a contact named by phone or e-mail.

        Raises:
            Conflict: phone or e-mail belong to another contact.
            Invalid: no first name, an id as identifier, or a custom field that does not exist or fit.
        """
        kind, value = parse_identifier(identifier)
        if kind == "id":
            raise Invalid("identifier: a contact is created by email: or phone:, the platform gives the id")
        changes = self._changes(fields) | {kind: value}
        if not changes.get("first_name"):
            raise Invalid("Validation error: firstName: Field required")
        self._refuse_taken(changes, None)
        contact = self.keep(Contact(id=self._number + 1, created_at=self._clock(), **changes))
        self._webhooks.emit(events.ContactCreated(contact))
        return contact

    def update(self, contact: Contact, fields: ContactFields) -> Contact:
        """Write the fields that are given; the others stay. Raises: `Conflict`, `Invalid`."""
        changes = self._changes(fields)
        self._refuse_taken(changes, contact.id)
        custom = {**contact.custom_fields, **changes.pop("custom_fields", {})}
        changed = replace(contact, custom_fields=custom, **changes)
        if changed != contact:
            self.keep(changed)
            self._webhooks.emit(events.ContactUpdated(changed))
        return changed

    def delete(self, contact: Contact) -> None:
        """Remove a contact; its messages are `MessageLog`'s to forget."""
        self._forget_keys(contact.id)
        del self._contacts[contact.id]
        self._feed.touch("contact", contact.id)

    def merge(self, first: Contact, second: Contact, fields: ContactFields) -> tuple[Contact, Contact]:
        """Join two contacts: the older stays, takes over what it lacks, and gets `fields`.

        Returns:
            The contact that stays and the one that is gone.
        """
        older, newer = sorted((first, second), key=lambda contact: contact.id)
        gained = {name: getattr(newer, name) for name in _MERGED if getattr(older, name) is None}
        newest = max(older, newer, key=lambda contact: contact.last_incoming_at or contact.created_at)
        joined = replace(
            older,
            **gained,
            tags=tuple(dict.fromkeys((*older.tags, *newer.tags))),
            custom_fields={**newer.custom_fields, **older.custom_fields},
            channel=newest.channel or older.channel or newer.channel,
            last_incoming_at=newest.last_incoming_at,
            last_message_at=newest.last_message_at,
            conversation=older.conversation or newer.conversation,
        )
        self.delete(newer)
        changed = self.update(self.keep(joined), fields)
        if changed == joined:
            self._webhooks.emit(events.ContactUpdated(joined))
        return changed, newer

    def add_tags(self, contact: Contact, names: Sequence[str]) -> Contact:
        """Put tags on a contact; those that are new to the workspace are created."""
        self._workspace.meet_tags(names)
        for name in dict.fromkeys(names):
            if name not in contact.tags:
                contact = self.keep(replace(contact, tags=(*contact.tags, name)))
                self._webhooks.emit(events.TagAdded(contact, name))
        return contact

    def remove_tags(self, contact: Contact, names: Sequence[str]) -> Contact:
        """Take tags off a contact."""
        for name in dict.fromkeys(names):
            if name in contact.tags:
                contact = self.keep(replace(contact, tags=tuple(tag for tag in contact.tags if tag != name)))
                self._webhooks.emit(events.TagRemoved(contact, name))
        return contact

    def set_lifecycle(self, contact: Contact, stage: str | None) -> Contact:
        """Move a contact to a stage, or with `None` out of every stage. Raises: `NotFound` for an unknown stage."""
        if stage is not None and stage not in self._workspace.lifecycles:
            known = ", ".join(self._workspace.lifecycles)
            raise NotFound(f"Lifecycle stage not found: {stage!r}; the workspace has {known}")
        before = contact.lifecycle
        if stage != before:
            contact = self.keep(replace(contact, lifecycle=stage))
            self._webhooks.emit(events.LifecycleUpdated(contact, before))
        return contact

    def clear(self) -> None:
        """Forget all contacts; no event is sent."""
        self._contacts.clear()
        self._by.clear()
        self._number = 0

    def _forget_keys(self, number: int) -> None:
        known = self._contacts.get(number)
        for key in () if known is None else _keys(known):
            if self._by.get(key) == number:
                del self._by[key]

    def _changes(self, fields: ContactFields) -> dict[str, Any]:
        """The attributes of `Contact` that `fields` write."""
        given: dict[str, Any] = dict(fields)
        if given.get("first_name", "x") is None:
            del given["first_name"]
        if given.get("phone"):
            given["phone"] = normal_phone(given["phone"])
        if given.get("country_code"):
            given["country_code"] = given["country_code"].upper()
        if "custom_fields" in given:
            own = [(self._workspace.field_named(name), value) for name, value in given["custom_fields"].items()]
            given["custom_fields"] = {field.name: check_value(field, value) for field, value in own}
        return given

    def _refuse_taken(self, changes: Mapping[str, Any], but: int | None) -> None:
        for kind in ("phone", "email"):
            if changes.get(kind):
                other = self.look_up(f"{kind}:{changes[kind]}")
                if other is not None and other.id != but:
                    raise Conflict(f"Contact already exists: {kind} {changes[kind]} belongs to contact {other.id}")
