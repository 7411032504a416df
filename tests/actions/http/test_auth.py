"""How a request proves who sends it."""

import asyncio
import hmac
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.actions.conftest import NOW, Reply, Shop, context
from tests.actions.http.declared import look, opened, pay


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
