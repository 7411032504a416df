"""Contacts against a server on loopback."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from messaging.aelyst import Aelyst, Condition, Filter, by_email, by_phone
from messaging.aelyst.addresses import Addresses
from messaging.errors import (
    Invalid,
)
from messaging.types import (
    ContactKey,
    Text,
)
from tests.messaging.stub import CONTACT, SARI, Stub, page


async def test_a_contact_is_read_whole(aelyst: Aelyst, stub: Stub) -> None:
    fields = [
        {"name": "Ulang Tahun", "value": "1990-01-02"},
        {"name": "Poin", "value": 12},
        {"name": "Anggota", "value": True},
    ]
    stub.will({**CONTACT, "custom_fields": fields, "tags": ["vip"], "isBlocked": False})
    contact = await aelyst.contact(SARI)
    assert stub.last.path == "/v1/contact/id:123"
    assert contact.key == ContactKey("aelyst", "1")
    assert contact.tags == ("vip",)
    assert contact.custom_fields == {"Ulang Tahun": "1990-01-02", "Poin": 12, "Anggota": True}
    assert contact.status == "open"
    stub.will({**CONTACT, "isBlocked": True})
    assert (await aelyst.contact(SARI)).status == "blocked"


async def test_a_contact_is_created_by_phone_or_email(aelyst: Aelyst, stub: Stub) -> None:
    stub.will({"code": "200", "message": "Contact added successfully!"}, {"contactId": 5})
    await aelyst.contacts.create(by_phone("+62 812-3456-7890"), {"first_name": "Sari", "country": "ID"})
    assert stub.last.path == "/v1/contact/phone:%2B6281234567890"
    assert stub.last.body == {"firstName": "Sari", "countryCode": "ID"}
    key = await aelyst.contacts.create_or_update(by_email("sari@example.com"), {"first_name": "Sari"})
    assert key == ContactKey("aelyst", "5")
    assert stub.last.path == "/v1/contact/create_or_update/email:sari@example.com"
    with pytest.raises(Invalid, match="first_name"):
        await aelyst.contacts.create(by_email("sari@example.com"), {"email": "sari@example.com"})
    with pytest.raises(Invalid, match="0812"):
        by_phone("0812 3456")
    with pytest.raises(Invalid):
        by_email("sari")


async def test_a_new_contact_is_left_alone_for_a_moment(stub: Stub, http: httpx.AsyncClient) -> None:
    now, slept = [100.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    addresses = Addresses(delay=timedelta(seconds=2), clock=lambda: now[0], sleep=sleep)
    aelyst = Aelyst(http, base_url=stub.url, token="t", addresses=addresses)
    stub.will({"contactId": 5})
    key = await aelyst.contacts.create_or_update(by_phone("+6281234567890"), {"first_name": "Sari"})
    await aelyst.send(SARI, Text("another contact does not wait"))
    assert slept == []
    await aelyst.send(key, Text("Halo"))
    await aelyst.send(key, Text("Halo lagi"))
    assert slept == [2.0]


async def test_an_update_sends_the_first_name_along_and_custom_fields_in_their_format(
    aelyst: Aelyst, stub: Stub
) -> None:
    fields = [
        {"id": 1, "name": "Tanggal Lahir", "slug": "birthday", "dataType": "date"},
        {"id": 2, "name": "Poin", "slug": "points", "dataType": "number"},
        {"id": 3, "name": "Ukuran", "slug": "size", "dataType": "list", "allowedValues": ["S", "M"]},
    ]
    stub.will(page(fields), CONTACT, {"contactId": 123}, {"contactId": 123})
    await aelyst.update_contact(SARI, {"last_name": "Wulan", "birthday": "1990-01-02", "Poin": "12", "ukuran": "m"})
    assert [(call.method, call.path) for call in stub.calls] == [
        ("GET", "/v1/space/custom_field"),
        ("GET", "/v1/contact/id:123"),
        ("PUT", "/v1/contact/id:123"),
    ]
    assert stub.last.body == {
        "firstName": "John",
        "lastName": "Wulan",
        "custom_fields": [
            {"name": "Tanggal Lahir", "value": "1990-01-02"},
            {"name": "Poin", "value": 12},
            {"name": "Ukuran", "value": "M"},
        ],
    }
    await aelyst.update_contact(SARI, {"first_name": "Sari", "points": 13})
    assert len(stub.calls) == 4  # the fields are known by now


async def test_an_unknown_custom_field_is_named_with_the_known_ones(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(page([{"id": 1, "name": "Poin", "dataType": "number"}]))
    with pytest.raises(Invalid, match="'alamat'; it has: Poin"):
        await aelyst.update_contact(SARI, {"alamat": "Jl. Braga"})
    assert [call.method for call in stub.calls] == ["GET"]


async def test_contacts_are_merged_and_deleted(aelyst: Aelyst, stub: Stub) -> None:
    stub.will({"contactId": 123}, {"contactId": 123})
    assert await aelyst.contacts.merge(SARI, ContactKey("aelyst", "124"), {"first_name": "Sari"}) == SARI
    assert stub.last.body == {"contactIds": [123, 124], "firstName": "Sari"}
    await aelyst.contacts.delete(SARI)
    assert (stub.last.method, stub.last.path, stub.last.body) == ("DELETE", "/v1/contact/id:123", None)
    with pytest.raises(Invalid):
        await aelyst.contacts.merge(SARI, SARI)


async def test_contacts_are_listed_page_by_page_with_the_cursor_taken_out_of_a_url_that_is_never_called(
    aelyst: Aelyst, stub: Stub
) -> None:
    elsewhere = "https://api.aelyst.ai/contact/list?limit=99&cursorId="
    stub.will(
        page([{**CONTACT, "id": 1}, {**CONTACT, "id": 2}], elsewhere + "2"),
        page([{**CONTACT, "id": 3}], elsewhere + "-7"),
        page([{**CONTACT, "id": 4}], ""),
    )
    wanted = Filter(all_of=(Condition("contactTag", None, "hasAnyOf", ["vip"]),))
    found = [contact.key.id async for contact in aelyst.contacts.list(wanted, search="sari", timezone="Asia/Jakarta")]
    assert found == ["1", "2", "3", "4"]
    assert [call.query for call in stub.calls] == [
        {"limit": "99"},
        {"limit": "99", "cursorId": "2"},
        {"limit": "99", "cursorId": "-7"},
    ]
    assert stub.last.body == {
        "search": "sari",
        "timezone": "Asia/Jakarta",
        "filter": {"$and": [{"category": "contactTag", "field": None, "operator": "hasAnyOf", "value": ["vip"]}]},
    }


async def test_a_filter_may_compare_ranges_and_be_empty(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(page([]), page([]))
    ranged = Filter(
        any_of=(Condition("contactField", "created_at", "isTimestampBetween", ("2026-01-01", "2026-02-01")),)
    )
    assert [contact async for contact in aelyst.contacts.list(ranged)] == []
    assert stub.last.body["filter"]["$or"][0]["value"] == {"from": "2026-01-01", "to": "2026-02-01"}
    assert [contact async for contact in aelyst.contacts.list()] == []
    assert stub.last.body == {"search": "", "timezone": "UTC", "filter": {"$or": []}}


async def test_tags_are_a_bare_array_of_at_most_ten(aelyst: Aelyst, stub: Stub) -> None:
    await aelyst.add_tags(SARI, ["vip", " vip ", "", *(f"t{n}" for n in range(10))])
    assert [call.body for call in stub.calls] == [["vip", *(f"t{n}" for n in range(9))], ["t9"]]
    await aelyst.remove_tags(SARI, ["vip"])
    assert (stub.last.method, stub.last.path, stub.last.body) == ("DELETE", "/v1/contact/id:123/tag", ["vip"])
    await aelyst.add_tags(SARI, [])
    assert len(stub.calls) == 3
    with pytest.raises(Invalid, match="256"):
        await aelyst.add_tags(SARI, ["x" * 256])


async def test_the_channels_of_a_contact_tell_when_it_last_wrote(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(
        page([{"id": 9, "name": "WA", "source": "whatsapp_cloud", "meta": {}, "lastIncomingMessageTime": 1662965213}])
    )
    (reached,) = [found async for found in aelyst.contacts.channels(SARI)]
    assert reached.channel.source == "whatsapp_cloud"
    assert reached.last_incoming_at == datetime.fromtimestamp(1662965213, UTC)
