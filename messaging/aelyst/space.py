"""The workspace: users, channels, templates, custom fields, closing notes, tags."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeVar

from messaging.aelyst.addresses import segment
from messaging.aelyst.client import Client
from messaging.aelyst.records import (
    ClosingNote,
    CustomField,
    FieldType,
    Tag,
    User,
    read_channel,
    read_closing_note,
    read_custom_field,
    read_tag,
    read_template,
    read_user,
)
from messaging.errors import Invalid, OutcomeUnknown
from messaging.types import Channel, ChannelTemplate
from messaging.values import Json, mapping

T = TypeVar("T")


class Space:
    """The workspace behind a token. Lists are async iterators that fetch page by page as they are read."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def users(self) -> AsyncIterator[User]:
        """List the colleagues; pending invitations are not among them."""
        return self._list("/space/user", read_user)

    async def user(self, user_id: str) -> User:
        """Fetch a colleague. Raises `NotFound`."""
        return self._one(read_user, await self._client.call("GET", f"/space/user/{segment(user_id)}"), "user")

    def channels(self) -> AsyncIterator[Channel]:
        """List the connected numbers and accounts."""
        return self._list("/space/channel", read_channel)

    def templates(self, channel_id: str) -> AsyncIterator[ChannelTemplate]:
        """List the WhatsApp templates of a channel, in every status."""
        return self._list(f"/space/channel/{segment(channel_id)}/template", read_template)

    def custom_fields(self) -> AsyncIterator[CustomField]:
        """List the fields that the workspace added to its contacts."""
        return self._list("/space/custom_field", read_custom_field)

    async def custom_field(self, field_id: str) -> CustomField:
        """Fetch a custom field. Raises `NotFound`."""
        answer = await self._client.call("GET", f"/space/custom_field/{segment(field_id)}")
        return self._one(read_custom_field, answer, "custom field")

    async def create_custom_field(
        self,
        name: str,
        kind: FieldType,
        *,
        slug: str | None = None,
        description: str | None = None,
        options: Sequence[str] = (),
    ) -> CustomField:
        """Add a field to the workspace's contacts.

        Args:
            name: as people see it.
            kind: its type.
            slug: its name in webhooks; made by the platform when left out.
            description: for colleagues.
            options: the values of a `list`, which needs some.

        Raises:
            Invalid: options for another type, or a list without any.
        """
        if (kind == "list") != bool(options):
            raise Invalid(f"contact field {name!r}: a list field needs options, and only a list field has them")
        body: dict[str, Json] = {"name": name, "dataType": kind}
        if slug is not None:
            body["slug"] = slug
        if description is not None:
            body["description"] = description
        if options:
            body["allowedValues"] = list(options)
        return self._one(
            read_custom_field, await self._client.call("POST", "/space/custom_field", body=body), "custom field"
        )

    def closing_notes(self) -> AsyncIterator[ClosingNote]:
        """List the categories that a conversation may be closed with."""
        return self._list("/space/closing_notes", read_closing_note)

    async def create_tag(self, name: str, *, description: str | None = None, color: str | None = None) -> Tag:
        """Create a tag (respond.io; not in the Aelyst documentation)."""
        body: dict[str, Json] = {"name": name}
        if description is not None:
            body["description"] = description
        if color is not None:
            body["colorCode"] = color
        answer = await self._client.call("POST", "/space/tag", body=body)
        return self._one(read_tag, mapping(answer.get("message")) or {"name": name}, "tag")

    async def rename_tag(self, current: str, name: str) -> None:
        """Rename a tag (respond.io)."""
        await self._client.call("PUT", "/space/tag", body={"currentName": current, "name": name})

    async def delete_tag(self, name: str) -> None:
        """Delete a tag (respond.io)."""
        await self._client.call("DELETE", "/space/tag", body={"name": name})

    async def _list(self, path: str, read: Callable[[Mapping[str, Json]], T | None]) -> AsyncIterator[T]:
        async for item in self._client.items("GET", path):
            if (found := read(item)) is not None:
                yield found

    @staticmethod
    def _one(read: Callable[[Mapping[str, Json]], T | None], answer: Mapping[str, Json], what: str) -> T:
        """The object of an answer, which some endpoints wrap in `data`."""
        found = read(answer) or read(mapping(answer.get("data")))
        if found is None:
            raise OutcomeUnknown(f"the platform's answer is no {what}")
        return found
