"""Every operation of the OpenAPI document with anything that its callers may send: an answer in the one form, never a 500."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from agent.assembly import open_agent
from agent.config import load
from agent.ledger import inbound
from agent.web.server import create_app
from messaging.types import Contact, ContactKey, InboundMessage

TOKEN = "token-of-the-fuzz-test"
LEFT_OUT = {"read_events", "sync_knowledge"}  # without end; reads documents
WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", " ", "0", "-1", "1e999", "NaN", "null", "true", "aelyst:1", "+6281234567801", "a@b.c", "\x00", "\ud800x", "../..", "%00",
         "2026-11-28", "2026-11-28T00:00:00Z", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-14:00", "99999999999999999999", "~", "x~y",
         "besok jam 9", "${HOME}", "{contact.phone}", "data:image/png;base64,AAAA"]
    ),
)  # fmt: skip
NAMES = st.one_of(WORDS, st.just("aelyst:1"), st.just("welcome"))
"""Of what is there, and of what is not."""

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    opened = asyncio.new_event_loop()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, loop: asyncio.AbstractEventLoop) -> Iterator[httpx.AsyncClient]:
    """The API of an agent with one contact, over ASGI: what a handler raises is raised here."""
    folder = tmp_path_factory.mktemp("fuzz")
    config = {
        "name": "Melati",
        "instructions": "Jawab.",
        "model": {"name": "offline"},
        "messaging": {"platform": "aelyst", "base_url": "http://127.0.0.1:9", "token": "t", "webhook_secret": "s"},
        "voice": {"model": "none"},
        "server": {"api_token": TOKEN},
    }
    with (folder / "agent.yaml").open("w") as file:
        YAML().dump(config, file)

    async def serve(ready: asyncio.Future[httpx.AsyncClient], ended: asyncio.Event) -> None:
        async with open_agent(load(folder / "agent.yaml")) as agent:
            budi = Contact(ContactKey("aelyst", "1"), phone="+6281234567801", first_name="Budi")
            message = InboundMessage(contact=budi, message_id="m1", sent_at=agent.clock(), text="halo")
            await agent.database.write(
                lambda connection: inbound.accept(connection, message, agent.clock(), agent.rules)
            )
            headers = {"Authorization": f"Bearer {TOKEN}"}
            transport = httpx.ASGITransport(create_app(agent).state.api)
            async with httpx.AsyncClient(transport=transport, base_url="http://agent", headers=headers) as client:
                ready.set_result(client)
                await ended.wait()

    ready: asyncio.Future[httpx.AsyncClient] = loop.create_future()
    ended = asyncio.Event()
    serving = loop.create_task(serve(ready, ended))
    yield loop.run_until_complete(ready)
    loop.call_soon(ended.set)
    loop.run_until_complete(serving)


@st.composite
def requests(
    draw: st.DrawFn, operations: list[tuple[str, str, dict[str, Any]]]
) -> tuple[dict[str, Any], str, str, dict[str, Any], Any]:
    method, path, operation = draw(st.sampled_from(operations))
    query = {}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(draw(NAMES).encode("utf-8", "replace"), safe=""))
        elif draw(st.booleans()):
            fitting = _fitting(parameter["schema"], operation["schemas"]).filter(lambda value: value is not None)
            word = draw(
                st.one_of(WORDS, fitting.map(lambda value: value if isinstance(value, str) else json.dumps(value)))
            )
            query[parameter["name"]] = word.encode("utf-8", "replace").decode()
    keys = sorted(operation["keys"])
    fitting = _fitting({"type": "object", "properties": operation["properties"]}, operation["schemas"])
    body = draw(
        st.one_of(fitting, VALUES, st.dictionaries(st.sampled_from(keys), VALUES, max_size=5))
        if keys
        else st.one_of(st.none(), VALUES)
    )
    return operation, method, path, query, body


@pytest.fixture(scope="module")
def operations(api: httpx.AsyncClient, loop: asyncio.AbstractEventLoop) -> list[tuple[str, str, dict[str, Any]]]:
    document = loop.run_until_complete(api.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            named = schema.get("$ref") or next((each["$ref"] for each in schema.get("anyOf", ()) if "$ref" in each), "")
            body = schemas.get(named.rpartition("/")[2], schema)
            if operation["operationId"] not in LEFT_OUT:
                known = {"schemas": schemas, "properties": body.get("properties", {})}
                found.append((method.upper(), path, {**operation, "keys": list(body.get("properties", {})), **known}))
    return found


def test_each_operation_has_an_id_and_a_text_of_its_own(operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(operation["description"].strip() for _, _, operation in operations)


def _asked(
    loop: asyncio.AbstractEventLoop,
    api: httpx.AsyncClient,
    operation: dict[str, Any],
    method: str,
    path: str,
    query: Any,
    body: Any,
) -> None:
    content = httpx.Request("POST", "http://x", json=_sendable(body)).content if body is not None else b""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    answer = loop.run_until_complete(api.request(method, path, params=query, content=content, headers=headers))
    assert answer.status_code < 500 or answer.status_code == 502, (method, path, query, body, answer.text)
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert error["code"]
        assert error["message"]
    else:
        declared = operation["responses"]["200"]["content"].get("application/json", {}).get("schema", {})
        whole = {**declared, "components": {"schemas": operation["schemas"]}}
        errors = list(Draft202012Validator(whole).iter_errors(answer.json()))
        assert not errors, (method, path, errors[0].message, list(errors[0].absolute_path))


def _fitting(schema: dict[str, Any], schemas: dict[str, Any], depth: int = 3) -> st.SearchStrategy[Any]:
    """Values as the document describes them; what it does not describe is anything."""
    if depth == 0:
        return st.none()
    if "$ref" in schema:
        return _fitting(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth)
    if choices := schema.get("anyOf"):
        return st.one_of([_fitting(each, schemas, depth) for each in choices])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        parts = {name: _fitting(each, schemas, depth - 1) for name, each in schema["properties"].items()}
        needed = {name: each for name, each in parts.items() if name in schema.get("required", ())}
        return st.fixed_dictionaries(
            needed, optional={name: each for name, each in parts.items() if name not in needed}
        )
    simple: dict[Any, st.SearchStrategy[Any]] = {
        "string": WORDS,
        "boolean": st.booleans(),
        "integer": st.integers(schema.get("minimum", -5), schema.get("maximum", 2000)),
        "number": st.floats(-1e6, 1e6),
        "null": st.none(),
    }
    if kind == "array":
        return st.lists(_fitting(schema.get("items", {}), schemas, depth - 1), max_size=3)
    return simple.get(kind, VALUES)


def _sendable(value: Any) -> Any:
    """Lone surrogates cannot be sent as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_sendable(each) for each in value]
    if isinstance(value, dict):
        return {_sendable(key): _sendable(each) for key, each in value.items()}
    return value


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_is_answered_with_a_server_error(
    api: httpx.AsyncClient,
    loop: asyncio.AbstractEventLoop,
    operations: list[tuple[str, str, dict[str, Any]]],
    data: st.DataObject,
) -> None:
    _asked(loop, api, *data.draw(requests(operations)))
