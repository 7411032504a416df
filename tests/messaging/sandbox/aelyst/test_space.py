from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.sandbox import RunningSandbox
from messaging.sandbox.aelyst.wire import Window, paginate


async def walk(api: httpx.AsyncClient, path: str, link: str) -> list[list[int]]:
    """The ids on every page from here on, following one kind of link."""
    pages, url = [], path
    while url:
        answer: dict[str, Any] = (await api.get(url)).json()
        pages.append([item.get("messageId") or item["id"] for item in answer["items"]])
        url = answer["pagination"][link]
    return pages


async def test_messages_are_walked_newest_first_to_the_end_and_back(
    api: httpx.AsyncClient, sandbox: RunningSandbox
) -> None:
    numbers = [sandbox.say(1, str(n)).id for n in range(7)][::-1]
    there = await walk(api, "/contact/id:1/message/list?limit=3", "next")
    assert there == [numbers[:3], numbers[3:6], numbers[6:]]
    last = await api.get(f"/contact/id:1/message/list?limit=3&cursorId={numbers[5]}")
    previous = last.json()["pagination"]["previous"]
    assert previous.startswith(f"{sandbox.api_url}/contact/id:1/message/list?")
    assert f"cursorId=-{numbers[6]}" in previous
    assert await walk(api, previous, "previous") == [numbers[3:6], numbers[:3]]


async def test_the_contact_list_is_paged_too(api: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    body = {"timezone": "UTC", "filter": {"$or": []}}
    first = (await api.post("/contact/list?limit=2", json=body)).json()
    assert [item["id"] for item in first["items"]] == [1, 2]
    assert first["pagination"] == {"next": f"{sandbox.api_url}/contact/list?limit=2&cursorId=2", "previous": None}
    second = (await api.post("/contact/list?limit=2&cursorId=2", json=body)).json()
    assert [item["id"] for item in second["items"]] == [3]
    assert second["pagination"]["next"] is None


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "limit"),
        ("limit=51", "between 1 and 50"),
        ("limit=ten", "limit"),
        ("cursorId=abc", "cursorId"),
    ],
)
async def test_a_wrong_page_is_refused(api: httpx.AsyncClient, query: str, said: str) -> None:
    answer = await api.get(f"/contact/id:1/message/list?{query}")
    assert answer.status_code == 400
    assert said in answer.json()["message"]


@given(
    st.lists(st.integers(1, 1000), unique=True, max_size=30),
    st.integers(1, 10),
    st.booleans(),
)
def test_walking_forward_and_back_shows_everything_once(keys: list[int], limit: int, newest_first: bool) -> None:
    items = sorted(keys, reverse=newest_first)
    seen: list[int] = []
    cursor: int | None = None
    back: int | None = None
    while True:
        page = paginate(items, Window(limit, cursor), lambda item: item, newest_first=newest_first)
        seen += page.items
        back = page.previous
        if page.next is None:
            break
        cursor = page.next
    assert seen == items
    returned: list[int] = list(page.items)
    while back is not None:
        page = paginate(items, Window(limit, back), lambda item: item, newest_first=newest_first)
        returned = [*page.items, *returned]
        back = page.previous
    assert returned == items


@given(st.lists(st.integers(1, 1000), unique=True, min_size=3, max_size=30), st.integers(1, 10), st.data())
def test_a_cursor_outlives_the_item_it_names(keys: list[int], limit: int, data: st.DataObject) -> None:
    items = sorted(keys)
    gone = data.draw(st.sampled_from(items))
    rest = [item for item in items if item != gone]
    page = paginate(rest, Window(limit, gone), lambda item: item)
    assert page.items == [item for item in rest if item > gone][:limit]


async def test_the_workspace_is_listed(api: httpx.AsyncClient) -> None:
    users = (await api.get("/space/user")).json()["items"]
    assert users[1] == (await api.get("/space/user/2")).json()
    assert users[1]["team"] == {"id": 1, "name": "Toko"}
    assert {user["role"] for user in users} == {"owner", "manager", "agent"}
    channels = (await api.get("/space/channel")).json()["items"]
    assert {"id", "name", "source", "created_at"} == set(channels[0])
    (template, *_) = (await api.get("/space/channel/1/template")).json()["items"]
    assert (template["name"], template["languageCode"], template["channelId"]) == ("ordernumber", "en", 1)
    assert template["components"].startswith('[{"type": "body"')
    assert (await api.get("/space/closing_notes?limit=1")).json()["items"][0]["category"] == "Resolved"
    for missing in ("/space/user/9", "/space/channel/9/template", "/space/custom_field/99"):
        assert (await api.get(missing)).status_code == 404


async def test_a_custom_field_is_created_and_then_usable(api: httpx.AsyncClient) -> None:
    body = {"name": "Ukuran", "dataType": "list", "allowedValues": ["S", "L"], "description": "gelas"}
    made = (await api.post("/space/custom_field", json=body)).json()
    assert made | body == made
    assert made["slug"] == "ukuran"
    assert (await api.get(f"/space/custom_field/{made['id']}")).json() == made
    assert (await api.post("/space/custom_field", json=body)).status_code == 409
    put = await api.put("/contact/id:1", json={"custom_fields": [{"name": "ukuran", "value": "L"}]})
    assert put.status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"dataType": "text"}, "name"),
        ({"name": "a" * 51, "dataType": "text"}, "name"),
        ({"name": "A", "dataType": "money"}, "dataType"),
        ({"name": "A", "dataType": "text", "slug": "a b"}, "slug"),
        ({"name": "A", "dataType": "list"}, "allowedValues"),
        ({"name": "A", "dataType": "text", "allowedValues": ["x"]}, "allowedValues"),
    ],
)
async def test_a_wrong_custom_field_is_refused(api: httpx.AsyncClient, body: dict[str, Any], said: str) -> None:
    answer = await api.post("/space/custom_field", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["message"]


async def test_tags_of_the_workspace_are_made_changed_and_removed(api: httpx.AsyncClient) -> None:
    made = (await api.post("/space/tag", json={"name": "grosir", "colorCode": "#fff", "emoji": "📦"})).json()
    assert (made["code"], made["message"]["name"]) == (200, "grosir")
    changed = await api.put("/space/tag", json={"currentName": "grosir", "name": "Grosir", "colorCode": "#000"})
    assert (changed.json()["message"]["name"], changed.json()["message"]["emoji"]) == ("Grosir", "📦")
    assert changed.json()["message"]["colorCode"] == "#000"
    assert (await api.request("DELETE", "/space/tag", json={"name": "Grosir"})).status_code == 200
    assert (await api.request("DELETE", "/space/tag", json={"name": "Grosir"})).status_code == 404
