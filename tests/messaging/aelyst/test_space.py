"""The workspace against a server on loopback."""

import pytest

from messaging.aelyst import Aelyst
from messaging.aelyst.records import ClosingNote, CustomField, User
from messaging.errors import (
    Invalid,
)
from messaging.types import (
    Channel,
)
from tests.messaging.stub import Stub, page


async def test_the_workspace_is_read(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(
        page(
            [
                {
                    "id": 2,
                    "firstName": "Ani",
                    "lastName": "W",
                    "email": "a@b.id",
                    "role": "agent",
                    "team": {"id": 1, "name": "CS"},
                }
            ]
        ),
        {
            "id": 2,
            "firstName": "Ani",
            "lastName": None,
            "email": "a@b.id",
            "role": "owner",
            "team": None,
            "restrictions": ["x"],
        },
        page([{"id": "9", "name": "WA", "source": "whatsapp_cloud", "created_at": 1}]),
        page(
            [
                {
                    "id": 4,
                    "name": "order",
                    "languageCode": "id",
                    "status": "approved",
                    "category": "UTILITY",
                    "components": '[{"type":"BODY","text":"Halo {{1}}"}]',
                }
            ]
        ),
        page([{"category": "Selesai", "description": None}]),
    )
    assert [user async for user in aelyst.space.users()] == [User("2", "Ani W", "a@b.id", "agent", "CS")]
    assert await aelyst.space.user("2") == User("2", "Ani", "a@b.id", "owner", None, ("x",))
    assert await aelyst.channels() == [Channel("9", "whatsapp_cloud", "WA")]
    (template,) = [template async for template in aelyst.space.templates("9")]
    assert (template.name, template.language, template.status) == ("order", "id", "approved")
    assert template.components == ({"type": "BODY", "text": "Halo {{1}}"},)
    assert [note async for note in aelyst.space.closing_notes()] == [ClosingNote("Selesai")]
    assert [call.path for call in stub.calls] == [
        "/v1/space/user",
        "/v1/space/user/2",
        "/v1/space/channel",
        "/v1/space/channel/9/template",
        "/v1/space/closing_notes",
    ]


async def test_custom_fields_are_read_and_created(aelyst: Aelyst, stub: Stub) -> None:
    size = {
        "id": 3,
        "name": "Ukuran",
        "slug": "size",
        "dataType": "list",
        "allowedValues": ["S", "M"],
        "description": None,
    }
    stub.will(size, size, page([size]))
    field = CustomField("3", "Ukuran", "list", "size", None, ("S", "M"))
    assert await aelyst.space.custom_field("3") == field
    assert await aelyst.space.create_custom_field("Ukuran", "list", slug="size", options=["S", "M"]) == field
    assert stub.last.body == {"name": "Ukuran", "dataType": "list", "slug": "size", "allowedValues": ["S", "M"]}
    assert [found async for found in aelyst.space.custom_fields()] == [field]
    with pytest.raises(Invalid):
        await aelyst.space.create_custom_field("Ukuran", "list")
    with pytest.raises(Invalid):
        await aelyst.space.create_custom_field("Ukuran", "text", options=["S"])


async def test_tags_are_declared_renamed_and_deleted(aelyst: Aelyst, stub: Stub) -> None:
    stub.will({"code": 200, "message": {"id": 1, "name": "vip", "colorCode": "#fff"}}, {}, {})
    assert (await aelyst.space.create_tag("vip", color="#fff")).id == "1"
    await aelyst.space.rename_tag("vip", "VIP")
    assert (stub.last.method, stub.last.body) == ("PUT", {"currentName": "vip", "name": "VIP"})
    await aelyst.space.delete_tag("VIP")
    assert (stub.last.method, stub.last.path, stub.last.body) == ("DELETE", "/v1/space/tag", {"name": "VIP"})
