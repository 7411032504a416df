import httpx
import pytest

from messaging.sandbox import RunningSandbox

FIELDS = {
    "firstName": "Putri",
    "lastName": "Ayu",
    "email": "putri@example.com",
    "language": "ms",
    "countryCode": "my",
    "custom_fields": [{"name": "Company Website", "value": "https://example.com"}, {"name": "member", "value": True}],
}


async def test_a_created_contact_is_found_by_phone_email_and_id(
    api: httpx.AsyncClient, sandbox: RunningSandbox
) -> None:
    made = await api.post("/contact/phone:+60123456789", json=FIELDS)
    assert (made.status_code, made.json()) == (200, {"code": "200", "message": "Contact added successfully!"})

    contact = (await api.get("/contact/phone:+60123456789")).json()
    for identifier in ("phone%3A%2B60123456789", "email:putri@example.com", f"id:{contact['id']}"):
        assert (await api.get(f"/contact/{identifier}")).json() == contact
    assert contact["firstName"] == "Putri"
    assert contact["countryCode"] == "MY"
    assert contact["status"] == "closed"
    assert contact["assignee"] is None
    assert contact["isBlocked"] is False
    assert isinstance(contact["created_at"], int)
    assert {"name": "Member", "value": True} in contact["custom_fields"]
    assert (await api.get(f"{sandbox.url}/v2/contact/id:{contact['id']}")).json() == contact


async def test_an_update_writes_only_the_fields_that_are_given(api: httpx.AsyncClient) -> None:
    await api.post("/contact/phone:+60123456789", json=FIELDS)
    answer = await api.put("/contact/phone:+60123456789", json={"firstName": "Puteri", "language": None})
    contact = (await api.get("/contact/phone:+60123456789")).json()
    assert answer.json() == {"contactId": contact["id"]}
    assert (contact["firstName"], contact["language"], contact["email"]) == ("Puteri", None, "putri@example.com")
    await api.put("/contact/phone:+60123456789", json={"custom_fields": [{"name": "Notes", "value": "suka teh"}]})
    values = {
        item["name"]: item["value"] for item in (await api.get("/contact/phone:+60123456789")).json()["custom_fields"]
    }
    assert (values["Notes"], values["Member"]) == ("suka teh", True)


async def test_create_or_update_creates_once_and_then_updates(api: httpx.AsyncClient) -> None:
    first = await api.post("/contact/create_or_update/email:x@example.com", json={"firstName": "X"})
    second = await api.post("/contact/create_or_update/email:x@example.com", json={"firstName": "Y"})
    assert first.json() == second.json()
    assert (await api.get("/contact/email:x@example.com")).json()["firstName"] == "Y"


async def test_a_deleted_contact_is_gone_with_its_messages(api: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    sandbox.say(1, "halo")
    assert (await api.delete("/contact/id:1")).json() == {"contactId": 1}
    gone = await api.get("/contact/id:1")
    assert (gone.status_code, gone.json()) == (404, {"code": 404, "message": "Contact not found"})
    assert sandbox.state.messages.of(1) == []


async def test_merging_keeps_the_older_contact_and_both_histories(
    api: httpx.AsyncClient, sandbox: RunningSandbox
) -> None:
    sandbox.say(1, "satu")
    sandbox.say(2, "dua")
    await api.post("/contact/id:2/tag", json=["grosir"])
    answer = await api.post("/contact/merge", json={"contactIds": [2, 1], "firstName": "Sari Budi"})
    assert answer.json() == {"contactId": 1}
    assert (await api.get("/contact/id:2")).status_code == 404
    merged = (await api.get("/contact/id:1")).json()
    assert (merged["firstName"], merged["tags"]) == ("Sari Budi", ["grosir"])
    texts = [item["message"]["text"] for item in (await api.get("/contact/id:1/message/list")).json()["items"]]
    assert texts == ["dua", "satu"]


@pytest.mark.parametrize(
    ("field", "good", "bad", "named"),
    [
        ("Loyalty Points", 12, "12", "a number without quotation marks"),
        ("Loyalty Points", 1.5, True, "a number without quotation marks"),
        ("Member", False, "false", "true or false"),
        ("Company Website", "www.website.com", "bukan alamat", "www.website.com"),
        ("Invoice Email", "user@domain.com", "user@", "user@domain.com"),
        ("Favourite Drink", "Teh", "Susu", "one of Kopi Susu"),
        ("Birthday", "1999-12-31", "31-12-1999", "yyyy-mm-dd"),
        ("Birthday", "2024-02-29", "2023-02-29", "yyyy-mm-dd"),
        ("Delivery Time", "13:00", "1PM", "HH:MM"),
        ("Notes", "apa saja", 5, "a string"),
    ],
)
async def test_a_custom_field_takes_only_its_own_format(
    api: httpx.AsyncClient, field: str, good: object, bad: object, named: str
) -> None:
    body = {"firstName": "Sari", "custom_fields": [{"name": field, "value": good}]}
    assert (await api.put("/contact/id:1", json=body)).status_code == 200
    body["custom_fields"] = [{"name": field, "value": bad}]
    refused = await api.put("/contact/id:1", json=body)
    assert refused.status_code == 400
    assert field in refused.json()["message"]
    assert named in refused.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/contact/phone:+628111111111", {}, 400, "firstName"),
        ("POST", "/contact/phone:+628111111111", {"firstName": 5}, 400, "firstName"),
        ("POST", "/contact/phone:+628111111111", {"firstName": "A", "email": "kosong"}, 400, "email"),
        ("POST", "/contact/phone:+628111111111", {"firstName": "A", "countryCode": "Indonesia"}, 400, "countryCode"),
        ("POST", "/contact/phone:+628111111111", {"firstName": "A", "custom_fields": [{"name": "x"}]}, 400, "'x'"),
        ("POST", "/contact/id:99", {"firstName": "A"}, 400, "identifier"),
        ("POST", "/contact/phone:+6281234567801", {"firstName": "A"}, 409, "already exists"),
        ("GET", "/contact/phone:abc", None, 400, "identifier"),
        ("GET", "/contact/123", None, 400, "identifier"),
        ("GET", "/contact/id:99", None, 404, "Contact not found"),
        ("POST", "/contact/merge", {"contactIds": [1]}, 400, "contactIds"),
        ("POST", "/contact/merge", {"contactIds": [1, 1]}, 400, "contactIds"),
        ("POST", "/contact/id:1/tag", {"tag": "VIP"}, 400, "array"),
        ("POST", "/contact/id:1/tag", [], 400, "at least 1"),
        ("POST", "/contact/id:1/tag", ["a"] * 11, 400, "at most 10"),
        ("POST", "/contact/id:1/tag", ["a", "a"], 400, "unique"),
        ("POST", "/contact/id:1/tag", ["a" * 256], 400, "255"),
        ("POST", "/contact/id:1/lifecycle/update", {"name": "Juragan"}, 404, "Juragan"),
        ("POST", "/contact/id:1/lifecycle/update", {}, 400, "name"),
        ("PATCH", "/contact/id:1", {}, 405, "Method Not Allowed"),
        ("GET", "/nowhere", None, 404, "Not Found"),
    ],
)
async def test_a_refusal_names_what_is_wrong(
    api: httpx.AsyncClient, method: str, path: str, body: object, status: int, said: str
) -> None:
    answer = await api.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["code"] == status
    assert said in answer.json()["message"]


async def test_what_is_no_json_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.post("/contact/phone:+628111111111", content=b"{firstName")
    assert answer.status_code == 400
    assert "not JSON" in answer.json()["message"]


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic sandbox", "Bearer"])
async def test_a_request_without_the_token_is_unauthorised(sandbox: RunningSandbox, header: str | None) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {} if header is None else {"Authorization": header}
        answer = await client.get(f"{sandbox.api_url}/contact/id:1", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"code": 401, "message": "UN_AUTHORIZED"})


async def test_tags_are_added_and_removed_with_bare_arrays(api: httpx.AsyncClient) -> None:
    assert (await api.post("/contact/id:1/tag", json=["VIP", "baru"])).json() == {"contactId": 1}
    await api.request("DELETE", "/contact/id:1/tag", json=["VIP"])
    assert (await api.get("/contact/id:1")).json()["tags"] == ["baru"]


async def test_the_lifecycle_stage_is_set_and_emptied(api: httpx.AsyncClient) -> None:
    answer = await api.post("/contact/id:1/lifecycle/update", json={"name": "Hot Lead"})
    assert answer.json() == {"code": 200, "message": "Contact lifecycle stage updated successfully!"}
    assert (await api.get("/contact/id:1")).json()["lifecycle"] == "Hot Lead"
    await api.post("/contact/id:1/lifecycle/update", json={"name": None})
    assert (await api.get("/contact/id:1")).json()["lifecycle"] is None


async def test_the_channels_of_a_contact_are_those_it_wrote_on(api: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    assert (await api.get("/contact/id:1/channels")).json()["items"] == []
    sandbox.state.say(1, "halo", channel=2)
    (channel,) = (await api.get("/contact/id:1/channels")).json()["items"]
    assert (channel["id"], channel["source"], channel["meta"]) == (2, "instagram", {})
    assert channel["lastIncomingMessageTime"] == channel["lastMessageTime"]


def condition(category: str, field: str | None, operator: str, value: object) -> dict[str, object]:
    return {"category": category, "field": field, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("filtered", "found"),
    [
        ({"$or": []}, [1, 2, 3]),
        ({}, [1, 2, 3]),
        ({"$and": [condition("contactField", "firstName", "isEqualTo", "budi")]}, [2]),
        ({"$and": [condition("contactField", "firstName", "isNotEqualTo", "Budi")]}, [1, 3]),
        ({"$and": [condition("contactField", "countryCode", "hasAnyOf", ["GB", "MY"])]}, [3]),
        ({"$and": [condition("contactField", "email", "doesNotExist", None)]}, [2]),
        ({"$and": [condition("contactField", "email", "exists", None)]}, [1, 3]),
        ({"$or": [condition("contactTag", None, "hasAnyOf", ["a", "b"])]}, [1, 2]),
        ({"$or": [condition("contactTag", None, "hasAllOf", ["a", "b"])]}, [1]),
        ({"$or": [condition("contactTag", None, "hasNoneOf", ["b"])]}, [2, 3]),
        ({"$or": [condition("lifecycle", None, "isEqualTo", "Customer")]}, [3]),
        ({"$or": [condition("lifecycle", None, "doesNotExist", None)]}, [1, 2]),
        ({"$and": [condition("contactField", "loyalty_points", "isGreaterThan", 5)]}, [1]),
        ({"$and": [condition("contactField", "Loyalty Points", "isBetween", {"from": 1, "to": 4})]}, [2]),
        ({"$and": [condition("contactField", "Loyalty Points", "isLessThan", "4")]}, [2]),
        ({"$and": [condition("contactField", "created_at", "isTimestampAfter", "2020-01-01")]}, [1, 2, 3]),
        ({"$and": [condition("contactField", "created_at", "isTimestampBefore", "2020-01-01 10:00")]}, []),
        (
            {
                "$and": [
                    condition("contactField", "created_at", "isTimestampBetween", {"from": "2020-01-01", "to": 9e9})
                ]
            },
            [1, 2, 3],
        ),
    ],
)
async def test_the_contact_list_is_filtered(
    api: httpx.AsyncClient, filtered: dict[str, object], found: list[int]
) -> None:
    await api.post("/contact/id:1/tag", json=["a", "b"])
    await api.post("/contact/id:2/tag", json=["a"])
    await api.post("/contact/id:3/lifecycle/update", json={"name": "Customer"})
    for number, points in ((1, 9), (2, 3)):
        await api.put(f"/contact/id:{number}", json={"custom_fields": [{"name": "Loyalty Points", "value": points}]})
    answer = await api.post("/contact/list", json={"timezone": "Asia/Jakarta", "filter": filtered})
    assert [item["id"] for item in answer.json()["items"]] == found


async def test_the_contact_list_is_searched_by_name_phone_and_email(api: httpx.AsyncClient) -> None:
    for search, found in (("wulan", [1]), ("+44", [3]), ("EMMA@", [3]), ("zzz", [])):
        body = {"search": search, "timezone": "utc", "filter": {"$or": []}}
        answer = await api.post("/contact/list", json=body)
        assert [item["id"] for item in answer.json()["items"]] == found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"filter": {}}, "timezone"),
        ({"timezone": "Mars/Olympus", "filter": {}}, "Mars/Olympus"),
        ({"timezone": "UTC"}, "filter"),
        ({"timezone": "UTC", "filter": {"$and": [condition("contactField", "x", "exists", None)]}}, "'x'"),
        ({"timezone": "UTC", "filter": {"$and": [condition("contactField", None, "exists", None)]}}, "field"),
        ({"timezone": "UTC", "filter": {"$and": [condition("contactField", "id", "resembles", 1)]}}, "operator"),
        (
            {"timezone": "UTC", "filter": {"$and": [condition("contactField", "createdAt", "isTimestampAfter", "x")]}},
            "not a time",
        ),
    ],
)
async def test_a_wrong_filter_is_refused(api: httpx.AsyncClient, body: dict[str, object], said: str) -> None:
    answer = await api.post("/contact/list", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
