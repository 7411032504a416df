"""The request that a declaration and its values become."""

from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.http.build import BadValueError, build
from actions.http.settings import Request
from tests.actions.conftest import Reply, Shop, context
from tests.actions.http.declared import opened, pay


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
    assert build(request, {"v": value}).json == {"v": value, "c": [1, value]}
    assert build(request, {}).json == {"c": [1]}


@pytest.mark.parametrize(
    "value",
    [
        "a/b",
        "a\\b",
        "..;",
        "..;/admin",
        "a%2Fb",
        "%2e%2e",
        "x;y",
        "..",
        "%252e%252e%252f",
        ". .",
        "．．",
        "‥／x",
        "a／b",
        "a％2fb",
    ],
)
def test_a_path_parameter_never_changes_the_route(value: str) -> None:
    request = Request.model_validate({"url": "https://api.example/orders/{id}/status"})
    try:
        url = httpx.URL(build(request, {"id": value}).url)
    except BadValueError:
        return
    assert url.raw_path == b"/orders/.%20./status"


def test_a_pattern_may_allow_a_slash_in_a_path_but_no_step() -> None:
    request = Request.model_validate({"url": "https://api.example/orders/{id}"})
    assert build(request, {"id": "KS/7"}, {"id"}).url == "https://api.example/orders/KS%2F7"
    for value in ("../admin", "KS/../x", "KS/%2e%2e/x", "..;/x"):
        with pytest.raises(BadValueError):
            build(request, {"id": value}, {"id"})
