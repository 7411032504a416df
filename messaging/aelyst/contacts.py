"""Contacts: fetching, creating, updating, merging, listing by conditions, tags, lifecycle and custom fields."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from messaging.aelyst.addresses import Addresses, Identifier, identify
from messaging.aelyst.client import Client
from messaging.aelyst.fields import STANDARD, Writable, contact_body, in_format
from messaging.aelyst.records import ContactChannel, CustomField, read_contact, read_contact_channel
from messaging.aelyst.space import Space
from messaging.errors import Invalid, OutcomeUnknown
from messaging.types import Contact, ContactFilter, ContactKey, FieldValue
from messaging.values import Json, mapping, text

Category = Literal["contactField", "contactTag", "lifecycle"]
Operator = Literal[
    "isEqualTo",
    "isNotEqualTo",
    "isTimestampAfter",
    "isTimestampBefore",
    "isTimestampBetween",
    "exists",
    "doesNotExist",
    "isGreaterThan",
    "isLessThan",
    "isBetween",
    "hasAnyOf",
    "hasAllOf",
    "hasNoneOf",
]
Operand: TypeAlias = str | Sequence[str] | tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: `Condition("contactTag", None, "hasAnyOf", ["vip"])`. The between-operators take `(from, to)`."""

    category: Category
    field: str | None
    operator: Operator
    value: Operand = None


@dataclass(frozen=True, slots=True)
class Filter:
    """All contacts for which `all_of` holds, or any of `any_of` does; one of the two. Empty: every contact."""

    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()


def conditions(wanted: ContactFilter) -> Filter:
    """Translate a filter of the agent into conditions of the platform."""
    found: list[Condition] = []
    if wanted.any_tag:
        found.append(Condition("contactTag", None, "hasAnyOf", wanted.any_tag))
    if wanted.all_tags:
        found.append(Condition("contactTag", None, "hasAllOf", wanted.all_tags))
    if wanted.no_tag:
        found.append(Condition("contactTag", None, "hasNoneOf", wanted.no_tag))
    if wanted.lifecycles:
        found.append(Condition("lifecycle", None, "hasAnyOf", wanted.lifecycles))
    if wanted.languages:
        found.append(Condition("contactField", "language", "hasAnyOf", wanted.languages))
    if wanted.countries:
        found.append(Condition("contactField", "countryCode", "hasAnyOf", wanted.countries))
    found += [Condition("contactField", name, "isEqualTo", value) for name, value in wanted.fields.items()]
    return Filter(all_of=tuple(found))


def filter_body(wanted: Filter, search: str | None, timezone: str) -> dict[str, Json]:
    """Build the body of `POST /contact/list`.

    Args:
        wanted: the conditions.
        search: looked for in names, phones and e-mails.
        timezone: IANA name; in it the platform reads timestamps of conditions.
    """
    joined: Mapping[str, Json] = (
        {"$and": [_condition(condition) for condition in wanted.all_of]}
        if wanted.all_of
        else {"$or": [_condition(condition) for condition in wanted.any_of]}
    )
    return {"search": search or "", "timezone": timezone, "filter": joined}


def _condition(condition: Condition) -> dict[str, Json]:
    value: Json
    if condition.operator in ("isBetween", "isTimestampBetween") and isinstance(condition.value, Sequence):
        value = dict(zip(("from", "to"), condition.value, strict=True))
    else:
        value = (
            condition.value if condition.value is None or isinstance(condition.value, str) else list(condition.value)
        )
    return {"category": condition.category, "field": condition.field, "operator": condition.operator, "value": value}


_TAGS_PER_CALL = 10
_LONGEST_TAG = 255
_FIELDS_CACHED = timedelta(minutes=10)


class Contacts:
    """The contacts behind a token, under the name of the platform they belong to.

    A contact is given as its `ContactKey`, or as an `Identifier` by phone or e-mail. `fields` are the standard names
    (`first_name`, `last_name`, `phone`, `email`, `language`, `country`, `picture`) and custom fields by name or slug; their
    values are put into the format of the field's type before they are sent.
    """

    def __init__(
        self, client: Client, space: Space, addresses: Addresses, *, platform: str, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._space = space
        self._addresses = addresses
        self._platform = platform
        self._clock = clock
        self._fields: dict[str, CustomField] = {}
        self._fields_read_at: datetime | None = None

    async def get(self, contact: ContactKey | Identifier) -> Contact:
        """Fetch a contact with everything the platform knows, tags and custom fields included.

        Raises:
            NotFound: there is no such contact.
        """
        answer = await self._client.call("GET", await self._addresses.path(contact))
        found = read_contact(answer, self._platform) or read_contact(mapping(answer.get("data")), self._platform)
        if found is None:
            raise OutcomeUnknown("the platform's answer is no contact")
        return found

    async def create(self, identifier: Identifier, fields: Mapping[str, Writable]) -> None:
        """Create a contact by phone or e-mail; `first_name` is required. The platform does not answer with an id.

        Raises:
            Invalid: an id cannot be chosen, a first name is missing, or the platform knows the contact already.
        """
        if identifier.by == "id":
            raise Invalid("a contact is created by phone or e-mail; its id is the platform's to choose")
        if not fields.get("first_name"):
            raise Invalid(f"a contact needs a first_name to be created ({identifier.by} given)")
        await self._client.call("POST", f"/contact/{identifier.path}", body=await self._body(fields))
        self._addresses.created(identifier)

    async def update(self, contact: ContactKey | Identifier, fields: Mapping[str, Writable]) -> None:
        """Change these fields and no others.

        Without a `first_name` the current one is fetched and sent along: the Aelyst schema requires it, also in a partial update.
        """
        if not fields:
            return
        body = await self._body(fields)
        if not body.get("firstName") and (first_name := (await self.get(contact)).first_name) is not None:
            body["firstName"] = first_name
        await self._client.call("PUT", await self._addresses.path(contact), body=body)

    async def create_or_update(self, identifier: Identifier, fields: Mapping[str, Writable]) -> ContactKey:
        """Update the first contact with this phone or e-mail, or create one. Returns its key."""
        body = await self._body(fields)
        answer = await self._client.call("POST", f"/contact/create_or_update/{identifier.path}", body=body)
        key = self._key(answer)
        self._addresses.created(identifier, identify(key))
        return key

    async def delete(self, contact: ContactKey | Identifier) -> None:
        """Delete a contact. Raises `NotFound`."""
        await self._client.call("DELETE", await self._addresses.path(contact))

    async def merge(
        self, first: ContactKey, second: ContactKey, fields: Mapping[str, Writable] | None = None
    ) -> ContactKey:
        """Merge two contacts; at Aelyst the older one stays.

        Args:
            fields: are set on it.

        Returns:
            Its key.

        Raises:
            Invalid: these are not two different contacts of this platform.
        """
        ids: list[Json] = [int(key.id) for key in (first, second) if key.id.isdigit()]
        if len(ids) != 2 or ids[0] == ids[1]:
            raise Invalid(f"two different contacts can be merged, not {first} and {second}")
        body = {"contactIds": ids, **await self._body(fields or {})}
        return self._key(await self._client.call("POST", "/contact/merge", body=body))

    async def list(
        self, wanted: Filter | None = None, *, search: str | None = None, timezone: str = "UTC"
    ) -> AsyncIterator[Contact]:
        """List the contacts that match, fetched page by page as they are read; without a filter, all of them."""
        body = filter_body(wanted or Filter(), search, timezone)
        async for item in self._client.items("POST", "/contact/list", body=body):
            if (found := read_contact(item, self._platform)) is not None:
                yield found

    async def channels(self, contact: ContactKey | Identifier) -> AsyncIterator[ContactChannel]:
        """List the channels on which a contact can be reached, and when it last wrote there."""
        async for item in self._client.items("GET", f"{await self._addresses.path(contact)}/channels"):
            if (found := read_contact_channel(item)) is not None:
                yield found

    async def add_tags(self, contact: ContactKey | Identifier, tags: Sequence[str]) -> None:
        """Put tags on a contact, ten per call. Raises `Invalid` for a tag over 255 characters."""
        await self._tags("POST", contact, tags)

    async def remove_tags(self, contact: ContactKey | Identifier, tags: Sequence[str]) -> None:
        """Take tags off a contact, ten per call."""
        await self._tags("DELETE", contact, tags)

    async def set_lifecycle(self, contact: ContactKey | Identifier, name: str | None) -> None:
        """Move a contact to the stage of this name; None removes its stage."""
        path = f"{await self._addresses.path(contact)}/lifecycle/update"
        await self._client.call("POST", path, body={"name": name})

    async def _tags(self, method: str, contact: ContactKey | Identifier, tags: Sequence[str]) -> None:
        """The body is a bare array, also on DELETE, of at most ten tags."""
        unique = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
        if (long := next((tag for tag in unique if len(tag) > _LONGEST_TAG), None)) is not None:
            raise Invalid(f"the tag {long[:40]!r}… has {len(long)} characters; {_LONGEST_TAG} are allowed")
        for start in range(0, len(unique), _TAGS_PER_CALL):
            path = f"{await self._addresses.path(contact)}/tag"
            await self._client.call(method, path, body=unique[start : start + _TAGS_PER_CALL])

    async def in_format(self, fields: Mapping[str, Writable]) -> dict[str, FieldValue]:
        """Convert fields to the workspace's names and the formats of their types.

        Raises:
            UnknownField: the workspace has no such field.
            Invalid: the type of a field does not allow its value.
        """
        own = {name.lower() for name in fields if name not in STANDARD}
        if own:
            await self._read_fields(own)
        return in_format(fields, self._fields)

    async def _body(self, fields: Mapping[str, Writable]) -> dict[str, Json]:
        return contact_body(await self.in_format(fields))

    async def _read_fields(self, wanted: set[str]) -> None:
        """Custom fields change rarely: they are cached for ten minutes, and fetched again when one is missing."""
        now = self._clock()
        fresh = self._fields_read_at is not None and now - self._fields_read_at < _FIELDS_CACHED
        if fresh and wanted <= self._fields.keys():
            return
        found: dict[str, CustomField] = {}
        async for field in self._space.custom_fields():
            found |= {name.lower(): field for name in (field.slug, field.name) if name}
        self._fields, self._fields_read_at = found, now

    def _key(self, answer: Mapping[str, Json]) -> ContactKey:
        identity = text(answer.get("contactId"))
        if identity is None:
            raise OutcomeUnknown("the platform's answer names no contactId")
        return ContactKey(self._platform, identity)
