"""Bodies that are long to read: each operation takes a megabyte at most, and what is costly is read without the event loop."""

import importlib
import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from actions.redaction import MASK
from agent.assembly import open_agent
from agent.config import load
from agent.web.auth import LARGEST_BODY, LARGEST_UPLOAD
from agent.web.server import Swaps, create_app

TOKEN = "token-of-the-test-of-bodies"
UPLOADS = {"test_agent", "upload_file", "create_broadcast"}
"""Operations that take files: a form, or a trial with sounds and pictures."""

DEEP = b'{"a":' * 60_000
WIDE = json.dumps({f"k{number}": number for number in range(60_000)}).encode()
NUMBERS = b"[" + b"1," * 500_000 + b"1]"
ALIASES = "a: &a [x,x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1 or ''},*a{n - 1 or ''}]\n" for n in range(1, 60))
REFERENCES = "name: " + "${A" * 100_000
PATHS = {"id": "aelyst:1", "contact": "aelyst:1", "workflow": "bayar", "n": "1"}


@asynccontextmanager
async def api(folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """The API, and the whole application."""
    config = {
        "name": "Melati",
        "instructions": "Jawab.",
        "model": {"name": "offline"},
        "messaging": {"platform": "aelyst", "base_url": "http://127.0.0.1:9", "token": "t", "webhook_secret": "s"},
        "voice": {"model": "none"},
        "server": {"api_token": TOKEN},
        "workflows": [
            {
                "name": "bayar",
                "on": "webhook",
                "token": TOKEN,
                "contact": {"phone": "$..phone"},
                "do": [{"send": "Halo"}],
            }
        ],
    }
    with (folder / "agent.yaml").open("w") as file:
        YAML().dump(config, file)

    async def probe(_config: object) -> list[str]:
        return []

    async with open_agent(load(folder / "agent.yaml")) as agent:
        app = create_app(agent, Swaps(lambda config: config, probe))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app.state.api), base_url="http://agent", headers=headers, timeout=120
            ) as client,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://agent", headers=headers, timeout=120
            ) as whole,
        ):
            yield client, whole
            await app.state.mcp.aclose()


async def _operations(client: httpx.AsyncClient) -> list[tuple[str, str, str]]:
    """The operations that take a body: name, method and a path."""
    document = (await client.get("/openapi.json")).json()
    found = []
    for template, methods in document["paths"].items():
        path = re.sub(r"\{(\w+)\}", lambda match: PATHS.get(match[1], match[1]), template)
        for method, operation in methods.items():
            if method in ("post", "put", "patch", "delete"):
                found.append((operation["operationId"], method.upper(), path))
    return found


async def test_no_operation_reads_more_than_a_megabyte_of_json(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, _):
        operations = await _operations(client)
        assert len(operations) > 30

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(LARGEST_BODY // 65_536 + 1):
                yield b"[" * 65_536

        for name, method, path in operations:
            limit = LARGEST_UPLOAD if name == "test_agent" else LARGEST_BODY
            told = {"Content-Type": "application/json", "Content-Length": str(limit + 1)}
            assert (await client.request(method, path, content=b"[", headers=told)).status_code == 413, name
            if name not in UPLOADS and method != "DELETE" and not path.endswith(("/pause", "/resume", "/cancel")):
                answer = await client.request(
                    method, path, content=chunks(), headers={"Content-Type": "application/json"}
                )
                assert 400 <= answer.status_code < 500, name


async def test_a_form_is_an_upload_and_bounded_too(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, _):
        told = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(LARGEST_UPLOAD + 1)}
        for path in ("/knowledge/files", "/broadcasts"):
            assert (await client.post(path, content=b"--x", headers=told)).status_code == 413


async def test_what_calls_itself_a_form_is_one_only_where_files_are_taken(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, _):
        told = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(LARGEST_BODY + 1)}
        for path in ("/hooks/bayar", "/followups", "/knowledge/sources"):
            assert (await client.post(path, content=b"--x", headers=told)).status_code == 413, path


async def test_mcp_and_a_login_read_no_more_either(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, whole):
        told = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        assert (await whole.post("/mcp", content=b"[" * (LARGEST_BODY + 1), headers=told)).status_code == 413
        assert (await whole.post("/mcp", content=b"[" * LARGEST_BODY, headers=told)).status_code == 400
        assert (await client.post("/session", content=b'{"token": "' + b"x" * LARGEST_BODY)).status_code == 413
        assert (await client.post("/session", content=b"[" * 5_000)).status_code == 401


class Spy:
    """Records on which threads a function runs."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work
        self.on_main: list[bool] = []

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.on_main.append(threading.current_thread() is threading.main_thread())
        return self._work(*given, **named)


COSTLY: list[tuple[str, str, str, str, bytes, str, int]] = [
    ("agent.config.document", "compose", "PUT", "/agent/config", DEEP, "application/yaml", 422),
    ("agent.config.document", "compose", "PUT", "/agent/config", ALIASES.encode(), "application/yaml", 422),
    ("agent.config.document", "compose", "PUT", "/agent/config?check=true", WIDE, "application/yaml", 422),
    ("agent.config.document", "compose", "PUT", "/agent/config", REFERENCES.encode(), "application/yaml", 422),
    ("agent.swap", "compose", "PUT", "/agent/config", f"name: {MASK}\n".encode() + DEEP, "application/yaml", 422),
    (
        "agent.swap",
        "compose",
        "PUT",
        "/agent/config",
        f"name: {MASK}\na: &a [*a]\n".encode(),
        "application/yaml",
        422,
    ),
    ("agent.config.document", "compose", "GET", "/agent/config", b"", "", 200),
    ("agent.workflows.hooks", "read_hook", "POST", "/hooks/bayar", NUMBERS, "application/json", 200),
    ("agent.workflows.hooks", "read_hook", "POST", "/hooks/bayar", DEEP, "application/json", 400),
    ("agent.web.agents", "_as_test_body", "POST", "/agent/test", NUMBERS * 30, "application/json", 400),
    ("agent.web.agents", "_as_test_body", "POST", "/agent/test", DEEP, "application/json", 400),
    ("agent.config.document", "compose", "POST", "/broadcasts", WIDE, "application/json", 400),
]


@pytest.mark.parametrize("case", COSTLY, ids=[f"{case[3]}-{number}" for number, case in enumerate(COSTLY)])
async def test_what_is_costly_is_read_without_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: tuple[str, str, str, str, bytes, str, int]
) -> None:
    module, name, method, path, body, kind, status = case
    async with api(tmp_path) as (client, _):
        chapter = importlib.import_module(module)
        spy = Spy(getattr(chapter, name))
        monkeypatch.setattr(chapter, name, spy)
        answer = await client.request(method, path, content=body, headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == status, answer.text[:300]
        assert spy.on_main
        assert not any(spy.on_main)


async def test_a_file_of_recipients_is_read_without_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.broadcasts import audience, plan

    spy = Spy(audience.read_csv)
    monkeypatch.setattr(audience, "read_csv", spy)

    async def channels(*_given: object) -> list[object]:
        return []

    async with api(tmp_path) as (client, _):
        monkeypatch.setattr(plan, "_channel", lambda *_given: None)
        monkeypatch.setattr("messaging.aelyst.platform.Aelyst.channels", channels)
        form = {"broadcast": json.dumps({"name": "promo", "text": "Halo", "rate": "60/min"})}
        wide = ("phone," + ",".join(f"c{n}" for n in range(300_000)) + "\n").encode()
        answer = await client.post("/broadcasts?dry_run=true", data=form, files={"file": ("a.csv", wide)})
        assert "more than 200 columns" in answer.text
        assert spy.on_main == [False]
