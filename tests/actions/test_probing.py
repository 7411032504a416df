"""Hosts of actions are asked whether they are there, and nothing is called."""

import httpx
from pydantic import TypeAdapter

from actions.probing import hosts, unreachable
from actions.settings import ActionList
from tests.actions.conftest import Shop


async def test_each_host_is_asked_once_and_what_does_not_answer_is_told(client: httpx.AsyncClient, shop: Shop) -> None:
    settings = TypeAdapter(ActionList).validate_python(
        [
            {"name": "a", "description": "a", "request": {"url": shop.url("/a"), "method": "POST"}},
            {"name": "b", "description": "b", "request": {"url": shop.url("/b")}},
            {"name": "c", "description": "c", "request": {"url": "http://127.0.0.1:1/c"}},
            {"name": "d", "description": "d", "request": {"url": "http://10.0.0.1/d"}},
            {"builtin": "comment"},
        ]
    )
    assert hosts(settings)[shop.url("").rstrip("/")] == ["a", "b"]
    found = await unreachable(settings, client)
    assert set(found) == {"http://127.0.0.1:1", "http://10.0.0.1:80"}
    assert "allow_private" in found["http://10.0.0.1:80"]
    assert [(request.method, request.path) for request in shop.requests] == [("HEAD", "/")]
