"""A declared action against a real server."""

import asyncio
import hmac
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.action import Outcome
from actions.arguments import Arguments, Values
from actions.http.action import HttpAction
from actions.http.build import BadValueError, build
from actions.http.response import wait_before
from actions.http.settings import Request
from actions.parameters import Parameter
from actions.redaction import Redactor
from actions.settings import DeclaredAction
from tests.actions.conftest import NOW, Reply, Shop, context

ORDER = {"type": "string", "pattern": "^KS-[0-9]{5}$", "description": "nomor pesanan", "from": "conversation"}


def declared(**entry: Any) -> DeclaredAction:
    action = {"name": "get_order", "description": "Status of an order.", **entry}
    return DeclaredAction.model_validate(action)


def opened(client: httpx.AsyncClient, *, secrets: tuple[str, ...] = (), clock: Any = None, **entry: Any) -> HttpAction:
    def now() -> datetime:
        return NOW

    return HttpAction(declared(**entry), client, Redactor(secrets), clock or now, chance=lambda: 0.0)


def get_order(client: httpx.AsyncClient, shop: Shop, **entry: Any) -> HttpAction:
    return opened(
        client,
        **{
            "parameters": {"order_id": ORDER, "phone": {"from": "contact.phone"}},
            "request": {
                "url": shop.url("/orders/{order_id}"),
                "query": {"phone": "{phone}"},
                "auth": {"bearer": "t0ken"},
            },
            "response": {"pick": {"status": "$.status", "resi": "$.shipment.tracking"}},
            **entry,
        },
    )


async def test_a_declared_get_becomes_one_request_and_its_picked_answer(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/orders/KS-10345", Reply(body={"status": "dikirim", "shipment": {"tracking": "JNE1"}, "internal": "x"}))
    outcome = await get_order(client, shop).run({"order_id": "KS-10345"}, context(said=["pesanan KS-10345 gimana?"]))
    assert outcome.status == "done"
    assert outcome.data == {"status": "dikirim", "resi": "JNE1"}
    (request,) = shop.requests
    assert (request.method, request.path, request.query) == ("GET", "/orders/KS-10345", {"phone": "+6281234567890"})
    assert request.headers["authorization"] == "Bearer t0ken"


async def test_a_bound_parameter_is_not_in_the_models_schema_and_cannot_be_set(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    action = get_order(client, shop)
    assert list(action.parameters["properties"]) == ["order_id"]  # type: ignore[arg-type]
    outcome = await action.run({"order_id": "KS-10345", "phone": "+62800000000"}, context(said=["KS-10345"]))
    assert outcome.status == "refused"
    assert shop.requests == []


@pytest.mark.parametrize("order_id", ["KS-99999", "KS-1034", "", "../../admin", "KS-10345\r\nX: y"])
async def test_an_invented_or_malformed_id_is_refused_without_a_call(
    client: httpx.AsyncClient, shop: Shop, order_id: str
) -> None:
    outcome = await get_order(client, shop).run({"order_id": order_id}, context(said=["mana pesanan saya KS-10345?"]))
    assert outcome.status == "refused"
    assert "sk the customer" in outcome.content
    assert shop.requests == []


async def test_a_post_sends_typed_json_and_its_idempotency_key(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/orders", Reply(201, {"id": "KS-1"}))
    action = opened(
        client,
        name="create_order",
        parameters={
            "item": {"enum": ["kopi", "teh"]},
            "count": {"type": "integer", "minimum": 1, "from": "conversation"},
            "gift": {"type": "boolean", "optional": True},
            "note": {"optional": True},
        },
        request={
            "method": "POST",
            "url": shop.url("/orders"),
            "json": {
                "lines": [{"sku": "{item}", "n": "{count}"}],
                "gift": "{gift}",
                "note": "{note}",
                "by": "Kak {item}",
            },
        },
    )
    outcome = await action.run({"item": "kopi", "count": "3", "gift": True}, context(said=["pesan tiga kopi"]))
    assert outcome.status == "done"
    assert action.effect
    assert shop.requests[0].json == {"lines": [{"sku": "kopi", "n": 3}], "gift": True, "by": "Kak kopi"}
    assert shop.requests[0].headers["idempotency-key"] == "turn-1:step-1"


async def pay(client: httpx.AsyncClient, shop: Shop, **request: Any) -> Outcome:
    """Run an effect without parameters."""
    action = opened(client, name="pay", request={"method": "POST", "url": shop.url("/pay"), "timeout": "5s", **request})
    return await action.run({}, context())


async def look(client: httpx.AsyncClient, shop: Shop, **entry: Any) -> Outcome:
    """Run a read without parameters."""
    request = {"url": shop.url("/look"), "timeout": "5s", **entry.pop("request", {})}
    return await opened(client, request=request, **entry).run({}, context())


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_read_is_repeated_until_it_succeeds(client: httpx.AsyncClient, shop: Shop, status: int) -> None:
    shop.on("/look", Reply(status), Reply(status), Reply(body={"ok": 1}))
    assert (await look(client, shop)).data == {"ok": 1}
    assert len(shop.requests) == 3


async def test_a_read_that_keeps_failing_ends_after_its_retries(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/look", Reply(503))
    outcome = await look(client, shop, request={"retries": 1})
    assert (outcome.status, len(shop.requests)) == ("failed", 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_a_refusal_by_the_server_is_told_and_not_repeated(
    client: httpx.AsyncClient, shop: Shop, status: int
) -> None:
    shop.on("/look", Reply(status, {"reason": "terlambat"}))
    outcome = await look(client, shop)
    assert (outcome.status, len(shop.requests)) == ("failed", 1)
    assert str(status) in outcome.content
    assert "terlambat" in outcome.content
    assert outcome.data is None, "an error is no result to take arguments from"


async def test_an_effect_is_sent_once_and_a_failure_on_the_way_is_unknown(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    shop.on("/pay", Reply(502))
    assert (await pay(client, shop)).status == "unknown"
    assert len(shop.requests) == 1
    shop.on("/pay", Reply(hang_up=True))
    assert (await pay(client, shop)).status == "unknown"
    assert len(shop.requests) == 2
    shop.on("/pay", Reply(delay=30))
    assert (await pay(client, shop, timeout="100ms")).status == "unknown"
    assert len(shop.requests) == 3


async def test_an_effect_that_never_left_is_a_failure_and_one_that_is_not_reached_is_tried_again(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    outcome = await opened(
        client, name="pay", request={"method": "POST", "url": "http://127.0.0.1:1/pay", "retries": 1, "timeout": "2s"}
    ).run({}, context())
    assert outcome.status == "failed"


async def test_an_effect_turned_away_for_the_moment_is_sent_again(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/pay", Reply(429, headers={"Retry-After": "0"}), Reply(201, {"id": 1}))
    assert (await pay(client, shop)).status == "done"
    assert len(shop.requests) == 2


async def test_an_idempotent_effect_is_repeated_with_the_same_key(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/pay", Reply(hang_up=True), Reply(500), Reply(200, {"id": 1}))
    assert (await pay(client, shop, idempotent=True)).status == "done"
    assert {request.headers["idempotency-key"] for request in shop.requests} == {"turn-1:step-1"}
    assert len(shop.requests) == 3


async def test_retry_after_is_kept_to_and_too_long_a_wait_is_not_waited(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/look", Reply(503, headers={"Retry-After": "3600"}))
    outcome = await look(client, shop)
    assert (outcome.status, len(shop.requests)) == ("failed", 1)


def test_how_long_to_wait() -> None:
    assert wait_before(2, {"retry-after": "7"}, NOW, 0.5) == 7
    assert wait_before(2, {"retry-after": "Sat, 21 Nov 2026 03:00:09 GMT"}, NOW, 0.5) == 9
    assert wait_before(2, {"retry-after": "soon"}, NOW, 0.5) == pytest.approx(0.3)
    assert [wait_before(attempt, {}, NOW, 1.0) for attempt in (2, 3, 4, 9)] == [0.6, 1.2, 2.4, 8.0]
    assert wait_before(5, {}, NOW, 0.0) == 0


async def test_what_the_model_is_told_for_a_status(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/orders/KS-10345", Reply(404))
    errors = {404: "Pesanan {order_id} tidak ada.", "5xx": "Toko sedang tutup."}
    action = get_order(client, shop, response={"errors": errors})
    told = context(said=["KS-10345"])
    assert (await action.run({"order_id": "KS-10345"}, told)).content == "Pesanan KS-10345 tidak ada."
    shop.on("/orders/KS-10345", Reply(500))
    assert (await action.run({"order_id": "KS-10345"}, told)).content == "Toko sedang tutup."


@pytest.mark.parametrize(
    ("pick", "body", "data"),
    [
        (None, {"a": 1}, {"a": 1}),
        ("$.items[*].name", {"items": [{"name": "kopi"}]}, ["kopi"]),
        ("$.a.b", {"a": {"b": 2}}, 2),
        ({"x": "$.nope", "n": "$.list[0]"}, {"list": [5]}, {"x": None, "n": 5}),
        ({"open": "$.orders[?@.state == 'open'].id"}, {"orders": [{"id": 1, "state": "open"}]}, {"open": [1]}),
    ],
)
async def test_the_picked_parts_of_an_answer(
    client: httpx.AsyncClient, shop: Shop, pick: Any, body: Any, data: Any
) -> None:
    shop.on("/look", Reply(body=body))
    assert (await look(client, shop, response={"pick": pick})).data == data


async def test_answers_that_are_not_json_or_empty_or_too_large(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/look", Reply(body=b"halo kak", content_type="text/plain"))
    assert (await look(client, shop)).content == "halo kak"
    shop.on("/look", Reply(204))
    assert (await look(client, shop)).content == "Done; the answer is empty."
    shop.on("/look", Reply(body=b"\x89PNG", content_type="image/png"))
    assert (await look(client, shop)).status == "failed"
    shop.on("/look", Reply(body="x" * 3000))
    assert (await look(client, shop, response={"limit": "2kB"})).status == "failed"
    shop.on("/look", Reply(body="x" * 9000))
    assert "(cut; 9,000 characters in all)" in (await look(client, shop)).content
    shop.on("/pay", Reply(body=b"\x89PNG", content_type="image/png"))
    assert (await pay(client, shop)).status == "unknown", "it was sent, whatever came back"


async def test_json_nested_beyond_reason_is_taken_as_text(client: httpx.AsyncClient, shop: Shop) -> None:
    for depth in (900, 100_000):
        shop.on("/look", Reply(body=b'{"a":' * depth + b"1" + b"}" * depth))
        outcome = await look(client, shop, response={"pick": "$..b"})
        assert (outcome.status, outcome.data) == ("done", None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
_FUZZED = {
    "text": {"from": "conversation"},
    "pattern": {"pattern": "^KS-[0-9]+$", "from": "conversation"},
    "at": {"format": "date-time", "from": "conversation"},
    "n": {"type": "integer", "from": ["conversation", "get_order"]},
    "list": {"type": "array", "items": {"type": "number"}},
    "tree": {"type": "object", "properties": {"a": {}}},
    "any": {"anyOf": [{"type": "string"}, {"type": "object"}]},
}


@given(
    st.dictionaries(st.sampled_from(list(_FUZZED)) | st.text(max_size=3), _JSON),
    st.lists(st.text(max_size=20), max_size=2),
)
@settings(max_examples=50)
def test_whatever_a_model_sends_is_answered_and_can_be_sent(arguments: dict[str, Any], said: list[str]) -> None:
    parameters = {name: Parameter.model_validate({**schema, "optional": True}) for name, schema in _FUZZED.items()}
    values = Arguments(parameters).take(arguments, context(said=[*said, json.dumps(arguments)]))
    if isinstance(values, Outcome):
        assert values.status == "refused"
        return
    body = {name: f"{{{name}}}" for name in _FUZZED}
    request = Request.model_validate({"method": "POST", "url": "https://x.example/?q={text}&a={any}", "json": body})
    call = build(request, values.all)
    httpx.Request(**call.arguments())


def test_what_no_request_can_carry_is_taken_out() -> None:
    odd = {"text": "kopi \ud800 susu", "tree": {"a": "x", "\udfff": float("nan")}, "any": {"n": float("inf")}}
    parameters = {name: Parameter.model_validate(_FUZZED[name] | {"from": "model"}) for name in odd}
    values = Arguments(parameters).take(odd, context())  # type: ignore[arg-type]
    assert isinstance(values, Values)
    assert values.all == {"text": "kopi  susu", "tree": {"a": "x", "": None}, "any": {"n": None}}


async def test_arguments_nested_beyond_reason_are_refused(client: httpx.AsyncClient, shop: Shop) -> None:
    tree: Any = 1
    for _ in range(5000):
        tree = [tree]
    action = opened(
        client,
        parameters={"tree": {"type": "array"}},
        request={"method": "POST", "url": shop.url("/"), "json": {"t": "{tree}"}},
    )
    assert (await action.run({"tree": tree}, context())).status == "refused"


async def test_a_number_in_a_custom_field_binds_a_text(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/me", Reply(body=1))
    action = opened(
        client,
        parameters={"no": {"from": "contact.custom.member", "pattern": "^[0-9]+$"}},
        request={"url": shop.url("/me"), "query": {"no": "{no}"}},
    )
    await action.run({}, context(contact={"custom": {"member": 77}}))
    assert shop.requests[0].query == {"no": "77"}
    outcome = await action.run({}, context(contact={"custom": {"member": "x"}}))
    assert (outcome.status, "no valid member on record" in outcome.content) == ("failed", True)


async def test_a_safe_answer_is_used_again_until_its_time_is_over(client: httpx.AsyncClient, shop: Shop) -> None:
    at = [NOW]
    shop.on("/look", Reply(500), Reply(body=1), Reply(body=2))
    action = opened(
        client, clock=lambda: at[0], request={"url": shop.url("/look"), "retries": 0}, response={"cache": "60s"}
    )
    seen = [(await action.run({}, context())).data for _ in range(3)]
    at[0] += timedelta(seconds=61)
    seen.append((await action.run({}, context())).data)
    assert seen == [None, 1, 1, 2], "a failure is not kept"


async def test_redirects_stay_on_the_declared_host_and_keep_its_auth(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/look", Reply(307, headers={"Location": "/there"}))
    shop.on("/there", Reply(body="ok"))
    assert (await look(client, shop, request={"auth": {"api_key": {"name": "X-Key", "value": "abcdef"}}})).data == "ok"
    assert shop.requests[1].headers["x-key"] == "abcdef"
    shop.on("/look", Reply(302, headers={"Location": f"http://localhost:{shop.port}/there"}))
    outcome = await look(client, shop, request={"auth": {"bearer": "t0ken"}})
    assert (outcome.status, len(shop.requests)) == ("failed", 3)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": "t0ken"}, "authorization", "Bearer t0ken"),
        ({"basic": {"username": "u", "password": "p:w"}}, "authorization", "Basic dTpwOnc="),
        ({"api_key": {"name": "X-Key", "value": "abcdef"}}, "x-key", "abcdef"),
    ],
)
async def test_simple_kinds_of_auth(
    client: httpx.AsyncClient, shop: Shop, auth: dict[str, Any], header: str, value: str
) -> None:
    shop.on("/look", Reply(body=1))
    await look(client, shop, request={"auth": auth})
    assert shop.requests[0].headers[header] == value


async def test_an_api_key_in_the_query_stands_beside_the_other_parameters(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    shop.on("/look", Reply(body=1))
    auth = {"api_key": {"name": "key", "in": "query", "value": "a b&c"}}
    await look(client, shop, request={"auth": auth, "query": {"q": "kopi & susu", "n": [1, 2], "on": True}})
    assert parse_qsl(urlsplit(shop.requests[0].target).query) == [
        ("q", "kopi & susu"),
        ("n", "1"),
        ("n", "2"),
        ("on", "true"),
        ("key", "a b&c"),
    ]


async def test_a_signature_covers_the_bytes_that_are_sent(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/pay", Reply(body=1))
    settings = {
        "secret": "k3y",
        "signed": "{method}\n{path}\n{timestamp}\n{body}",
        "header": "X-Sign",
        "prefix": "v1=",
        "timestamp_header": "X-Time",
        "key_header": "X-Client",
        "key_id": "kopi",
    }
    await pay(client, shop, auth={"hmac": settings}, json={"a": "é"})
    request = shop.requests[0]
    stamp = str(int(NOW.timestamp()))
    message = f"POST\n/pay\n{stamp}\n".encode() + request.body
    expected = "v1=" + hmac.new(b"k3y", message, "sha256").hexdigest()
    assert request.headers["x-sign"] == expected
    assert (request.headers["x-time"], request.headers["x-client"]) == (stamp, "kopi")


async def test_an_oauth_token_is_fetched_once_shared_and_renewed(client: httpx.AsyncClient, shop: Shop) -> None:
    at = [NOW]
    tokens = iter(["one", "two", "three"])
    shop.on("/token", lambda _request: Reply(body={"access_token": next(tokens), "expires_in": 3600}))
    shop.on("/look", Reply(body=1), Reply(body=1), Reply(body=1), Reply(body=1), Reply(401), Reply(body=1))
    oauth = {"token_url": shop.url("/token"), "client_id": "id", "client_secret": "s3cret", "scopes": ["a", "b"]}
    action = opened(client, clock=lambda: at[0], request={"url": shop.url("/look"), "auth": {"oauth2": oauth}})
    await asyncio.gather(*(action.run({}, context()) for _ in range(3)))
    at[0] += timedelta(hours=1)
    assert (await action.run({}, context())).status == "done"
    assert (await action.run({}, context())).status == "done", "a token revoked early is replaced at once"
    used = [request.headers["authorization"] for request in shop.requests if request.path == "/look"]
    assert used == ["Bearer one"] * 3 + ["Bearer two"] * 2 + ["Bearer three"]
    asked = next(request for request in shop.requests if request.path == "/token")
    assert asked.body == b"grant_type=client_credentials&scope=a+b"
    assert asked.headers["authorization"] == "Basic aWQ6czNjcmV0"


async def test_a_token_server_that_gives_none_is_a_failure(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/token", Reply(400, {"error": "invalid_client"}))
    oauth = {"token_url": shop.url("/token"), "client_id": "id", "client_secret": "s3cret"}
    outcome = await pay(client, shop, auth={"oauth2": oauth}, retries=0)
    assert outcome.status == "failed"
    assert "access_token" in outcome.content


async def test_forms_and_files(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/pay", Reply(body=1))
    await pay(client, shop, form={"a": "x & y", "tags": ["1", "2"]})
    assert parse_qsl(shop.requests[0].body.decode()) == [("a", "x & y"), ("tags", "1"), ("tags", "2")]
    assert shop.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"
    multipart = {"note": "hai", "doc": {"content": "a,b\n1,2", "filename": 'x"\r\nEvil: 1.csv', "type": "text/csv"}}
    await pay(client, shop, multipart=multipart)
    body = shop.requests[1].body.decode()
    assert 'name="note"\r\n\r\nhai' in body
    assert 'filename="x___Evil_ 1.csv"\r\nContent-Type: text/csv\r\n\r\na,b\n1,2' in body


async def test_a_header_takes_no_line_break_from_a_value(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/look", Reply(body=1))
    action = opened(
        client, parameters={"who": {}}, request={"url": shop.url("/look"), "headers": {"X-Who": "Kak {who}"}}
    )
    assert (await action.run({"who": "Budi\r\nX-Admin: 1"}, context())).status == "refused"
    assert shop.requests == []
    await action.run({"who": "Búdi"}, context())
    assert shop.requests[0].headers["x-who"].encode("latin-1").decode() == "Kak Búdi"


@given(st.text(min_size=1, max_size=30))
def test_a_value_in_the_path_is_one_segment_or_refused(value: str) -> None:
    request = Request.model_validate({"url": "https://api.example/orders/{id}/status?x=1&y={id}"})
    try:
        call = build(request, {"id": value})
    except BadValueError:
        return
    url = httpx.URL(call.url)
    assert url.host == "api.example"
    assert url.raw_path.split(b"?")[0].count(b"/") == 3
    assert url.raw_path.startswith(b"/orders/")
    assert url.raw_path.split(b"?")[0].endswith(b"/status")
    assert dict(parse_qsl(url.query.decode(), keep_blank_values=True)) == {"x": "1", "y": value}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_a_whole_placeholder_keeps_the_type_of_its_value(value: Any) -> None:
    request = Request.model_validate(
        {"method": "POST", "url": "https://x.example/", "json": {"v": "{v}", "c": [1, "{v}"]}}
    )
    call = build(request, {"v": value})
    assert call.json == ({"c": [1]} if value is None else {"v": value, "c": [1, value]})


async def test_arguments_are_taken_in_the_type_that_is_meant_and_checked(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/pay", Reply(body=1))
    action = opened(
        client,
        name="order",
        parameters={
            "n": {"type": "integer", "minimum": 1, "maximum": 9},
            "size": {"enum": ["S", "L"], "default": "S"},
            "hot": {"type": "boolean", "optional": True},
            "extra": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "optional": True},
            "at": {"format": "date", "optional": True},
            "to": {
                "type": "object",
                "properties": {"street": {}, "no": {"type": "integer"}},
                "required": ["street"],
                "optional": True,
            },
        },
        request={
            "method": "POST",
            "url": shop.url("/pay"),
            "json": {"n": "{n}", "size": "{size}", "hot": "{hot}", "extra": "{extra}", "at": "{at}", "to": "{to}"},
        },
    )
    outcome = await action.run(
        {"n": " 3", "hot": "true", "extra": '["es"]', "to": {"street": "Melati", "no": "5"}}, context()
    )
    assert outcome.status == "done"
    to = {"street": "Melati", "no": 5}
    assert shop.requests[0].json == {"n": 3, "size": "S", "hot": True, "extra": ["es"], "to": to}
    for wrong in (
        {"n": 0},
        {"n": 10},
        {"n": "tiga"},
        {"n": 1.5},
        {"n": True},
        {"n": 1, "size": "XL"},
        {"n": 1, "extra": ["a", "b", "c"]},
        {"n": 1, "at": "2026-02-30"},
        {"n": 1, "to": {"no": 5}},
        {"n": 1, "unknown": 1},
        {},
    ):
        outcome = await action.run(wrong, context())  # type: ignore[arg-type]
        assert outcome.status == "refused", wrong
    assert len(shop.requests) == 1
