"""Every operation of the API, asked as a stranger would: rightly, for what is not there, wrongly, and without the right to."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import insert

from agent.app import Agent
from agent.assembly import open_agent
from agent.config import loads
from agent.ledger import broadcasts, knowledge_tables
from agent.ledger.broadcasts import Addressed, Broadcast
from agent.web.server import Swaps, create_app
from bench.lists import fill
from messaging.sandbox import RunningSandbox, SandboxOptions

TOKENS = {"viewer": "token-of-a-viewer", "operator": "token-of-an-operator", "admin": "token-of-an-admin"}
HOOK = "token-of-the-hook"
CONFIG = f"""
name: Melati
instructions: Jawab.
model: {{name: offline}}
voice: {{model: none}}
messaging: {{platform: aelyst, base_url: "SANDBOX", token: PLATFORM, webhook_secret: s}}
knowledge: {{sources: [docs/*.md]}}
actions: [{{python: "own.py:stock", effect: false}}]
webhooks: [{{url: "https://example.com/hook", events: [handover], secret: secret-of-the-hook}}]
workflows:
  - {{name: welcome, on: message.received, do: [{{note: "Halo!"}}]}}
  - {{name: shop, on: webhook, token: {HOOK}, do: [{{note: "Pesanan"}}]}}
server:
  tokens:
    - {{name: v, token: {TOKENS["viewer"]}, role: viewer}}
    - {{name: o, token: {TOKENS["operator"]}, role: operator}}
    - {{name: a, token: {TOKENS["admin"]}, role: admin}}
"""
ONE = "c7"
LATER = (datetime.now(UTC) + timedelta(days=2)).isoformat()
CSV = b"phone,first_name\n+6281234567801,Budi\n"
PROMO = {"name": "baru", "text": "Hai", "between": "00:00-24:00"}

FORM: dict[str, Any] = {"data": {"broadcast": json.dumps(PROMO)}, "files": {"file": ("p.csv", CSV, "text/csv")}}

# operation: the path, and what else is sent; the order matters where one needs what another has made
RIGHT: dict[str, tuple[str, dict[str, Any]]] = {
    "list_conversations": ("/conversations?limit=3&only=failed&q=Budi", {}),
    "read_conversation": (f"/conversations/{ONE}?limit=2", {}),
    "pause_conversation": (f"/conversations/{ONE}/pause", {"json": {"for": "2h", "by": "Rina"}}),
    "resume_conversation": (f"/conversations/{ONE}/resume", {}),
    "reply_to_customer": (f"/conversations/{ONE}/reply", {"json": {"text": "Saya bantu"}}),
    "leave_note": (f"/conversations/{ONE}/note", {"json": {"text": "Pelanggan lama"}}),
    "list_contacts": ("/contacts?q=Budi&limit=2", {}),
    "read_contact": (f"/contacts/{ONE}", {}),
    "change_contact": (f"/contacts/{ONE}", {"json": {"tags": ["vip"]}}),
    "merge_contacts": (f"/contacts/{ONE}/merge", {"json": {"with": "c8", "by": "Rina"}}),
    "split_contact": (f"/contacts/{ONE}/split", {}),
    "forget_contact": ("/contacts/c9", {}),
    "read_turn": ("/turns/t7", {}),
    "list_dead": ("/dead?limit=5", {}),
    "retry_dead": ("/dead/t0/retry", {}),
    "test_agent": ("/agent/test", {"json": {"text": "jam buka?", "contact": ONE, "history": [{"author": "contact", "text": "halo"}]}}),
    "trial_as_scenario": ("/agent/test/SESSION/scenario", {}),
    "read_config": ("/agent/config", {}),
    "replace_config": ("/agent/config?check=true", {"json": {"yaml": CONFIG.replace("SANDBOX", "http://127.0.0.1:9")}}),
    "sync_knowledge": ("/knowledge/sync", {"json": {}}),
    "search_knowledge": ("/knowledge/search?q=jam buka&limit=3", {}),
    "read_knowledge_status": ("/knowledge/status", {}),
    "upload_file": ("/knowledge/files", {"files": {"file": ("menu.md", b"# Menu\n\nKopi 18.000.\n", "text/markdown")}}),
    "add_source": ("/knowledge/sources", {"json": {"path": "docs/lain.txt"}}),
    "list_sources": ("/knowledge/sources?limit=2", {}),
    "remove_source_named": ("/knowledge/sources?id=docs/lain.txt", {}),
    "remove_source": ("/knowledge/sources/knowledge/uploads/menu.md", {}),
    "list_gaps": ("/knowledge/gaps?limit=2", {}),
    "close_gap": ("/knowledge/gaps/1", {"json": {"drop": True}}),
    "list_actions": ("/actions?limit=2", {}),
    "test_action": ("/actions/stock/test", {"json": {"arguments": {"item": "kopi"}, "live": True, "contact": ONE}}),
    "create_broadcast": ("/broadcasts?dry_run=true", FORM),
    "list_broadcasts": ("/broadcasts?limit=2", {}),
    "read_broadcast": ("/broadcasts/besok", {}),
    "pause_broadcast": ("/broadcasts/besok/pause", {}),
    "resume_broadcast": ("/broadcasts/besok/resume", {}),
    "cancel_broadcast": ("/broadcasts/besok/cancel", {}),
    "list_workflows": ("/workflows?limit=1", {}),
    "read_workflow": ("/workflows/welcome", {}),
    "list_runs": ("/workflows/welcome/runs?state=failed&limit=2", {}),
    "read_run": ("/workflows/welcome/runs/r0", {}),
    "run_workflow": ("/workflows/welcome/run", {"json": {"contact": ONE}}),
    "retry_run": ("/workflows/welcome/runs/r0/retry", {}),
    "cancel_run": ("/workflows/welcome/runs/r0/cancel", {}),
    "hook": ("/hooks/shop", {"json": {"event_id": "1", "phone": "+628111000007"}, "headers": {"Authorization": f"Bearer {HOOK}"}}),
    "list_deliveries": ("/webhooks/deliveries?state=failed&limit=2", {}),
    "replay": ("/webhooks/replay", {"json": {"since": "2026-01-01T00:00:00Z"}}),
    "list_followups": (f"/followups?contact={ONE}&state=scheduled,sent&limit=2", {}),
    "create_followup": ("/followups", {"json": {"contact": ONE, "when": LATER, "text": "Ingat"}}),
    "cancel_followup_named": ("/followups?id=f0", {}),
    "cancel_followup": ("/followups/f3", {}),
    "list_payments": ("/payments?state=open,paid&limit=2", {}),
    "mark_paid": ("/payments/p0/paid", {"json": {"amount": 50000, "by": "Rina"}}),
    "read_stats": ("/stats?from=2026-11-01&to=2026-11-02&by=hour", {}),
    "read_counts": ("/counts", {}),
    "read_session": ("/session", {}),
    "list_audit": ("/audit?limit=2", {}),
}  # fmt: skip
ELSEWHERE = {"read_events": "/events", "conversation_as_scenario": f"/conversations/{ONE}/scenario"}
"""Without end; of a conversation that a turn has answered."""


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "toko.md").write_text("# Jam buka\n\nKami buka setiap hari pukul 08.00 sampai 21.00.\n")
    (tmp_path / "docs" / "lain.txt").write_text("Teh tarik 12.000 rupiah.\n")
    (tmp_path / "own.py").write_text(
        'def stock(item: str) -> str:\n    """Say how many there are."""\n    return item\n'
    )
    async with (
        RunningSandbox(SandboxOptions(port=0)) as sandbox,
        open_agent(
            loads(
                CONFIG.replace("SANDBOX", sandbox.api_url).replace("PLATFORM", sandbox.token),
                file=tmp_path / "agent.yaml",
            )
        ) as opened,
    ):
        sandbox.phone("+6281234567801")
        await opened.knowledge.sync()
        now = opened.clock()
        await opened.database.write(lambda connection: fill(connection, 100, 4, now))
        tomorrow = Broadcast("besok", {"name": "besok", "text": "Hai"}, None, [], {}, now, now + timedelta(days=1))
        await opened.database.write(lambda connection: broadcasts.record(connection, tomorrow, [Addressed("id:c7")]))
        gap = {
            "question": "ada parkir?",
            "confidence": 0.1,
            "times": 1,
            "first_at": now,
            "last_at": now,
            "state": "open",
        }
        await opened.database.write(lambda connection: connection.execute(insert(knowledge_tables.gap).values(gap)))
        yield opened


@pytest.fixture
async def client(agent: Agent) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(agent, Swaps(lambda config: config, _probe)).state.api)
    async with httpx.AsyncClient(transport=transport, base_url="http://agent") as opened:
        yield opened


@pytest.fixture
async def operations(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    """The operations of the OpenAPI document by their id, with method, path and all schemas."""
    document = (await client.get("/openapi.json", headers=_as("viewer"))).json()
    return {
        each["operationId"]: {**each, "method": method.upper(), "path": path, "components": document["components"]}
        for path, methods in document["paths"].items()
        for method, each in methods.items()
    }


async def _probe(_config: object) -> list[str]:
    return []


def _as(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}


async def _ask(client: httpx.AsyncClient, method: str, path: str, role: str = "admin", **more: Any) -> httpx.Response:
    return await client.request(method, path, **{"headers": _as(role), **more})


def _refused(answer: httpx.Response, status: int, field: str | None = None) -> None:
    assert answer.status_code == status, (answer.request.method, answer.request.url, answer.text)
    error = answer.json()["error"]
    assert set(error) <= {"code", "message", "field", "problems"}
    assert error["code"]
    assert error["message"]
    if field is not None:
        assert error["field"].split(".")[0] == field, (answer.request.url, error)


async def test_each_operation_answers_what_its_document_says(
    client: httpx.AsyncClient, operations: dict[str, dict[str, Any]]
) -> None:
    session = ""
    assert set(RIGHT) == set(operations) - set(ELSEWHERE)
    for name, (path, more) in RIGHT.items():
        operation = operations[name]
        answer = await _ask(client, operation["method"], path.replace("SESSION", session), **more)
        assert answer.status_code == 200, (name, answer.text)
        session = answer.json().get("session", session)
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert schema.get("$ref") or schema.get("properties"), f"{name} does not say what it answers"
        whole = json.loads(json.dumps({**schema, "components": operation["components"]}))
        errors = list(Draft202012Validator(whole).iter_errors(answer.json()))
        assert not errors, (name, errors[0].message, list(errors[0].absolute_path))


async def test_whatever_may_change_something_is_in_the_audit_trail(
    client: httpx.AsyncClient, operations: dict[str, dict[str, Any]]
) -> None:
    session = ""
    for name, (path, more) in RIGHT.items():
        answer = await _ask(client, operations[name]["method"], path.replace("SESSION", session), **more)
        session = answer.json().get("session", session)
    trail = (await _ask(client, "GET", "/audit?limit=1000")).json()["audit"]
    done = {
        (each["method"], each["path"].replace(":path}", "}"))
        for each in trail
        if each["status"] == 200 and each["name"]
    }
    writing = {name for name, each in operations.items() if each["method"] != "GET" and name != "hook"}
    assert {name for name in writing if (operations[name]["method"], operations[name]["path"]) not in done} == set()


async def test_what_is_not_there_is_not_found_everywhere(
    client: httpx.AsyncClient, operations: dict[str, dict[str, Any]]
) -> None:
    for name, operation in operations.items():
        if "{" not in operation["path"]:
            continue
        path = operation["path"]
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                number = parameter["schema"].get("type") == "integer"
                path = path.replace(f"{{{parameter['name']}}}", "987654" if number else "tidak-ada")
        _refused(await _ask(client, operation["method"], path, **_body(RIGHT.get(name, ("", {}))[1])), 404)


def _body(more: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in more.items() if key != "headers"}


async def test_each_wrong_parameter_and_key_is_named(
    client: httpx.AsyncClient, operations: dict[str, dict[str, Any]]
) -> None:
    for name, (path, more) in RIGHT.items():
        operation = operations[name]
        for parameter in operation.get("parameters", ()):
            kinds = json.dumps(parameter["schema"])
            if parameter["in"] == "path":
                continue
            if any(kind in kinds for kind in ("integer", "boolean", "enum")) or parameter["name"] in (
                "before",
                "state",
                "from",
                "to",
            ):
                url = httpx.URL(path).copy_merge_params({parameter["name"]: "salah!"})
                _refused(await _ask(client, operation["method"], str(url), **_body(more)), 400, parameter["name"])
        if "json" in more and name not in ("replace_config", "hook"):
            unknown = {**more["json"], "tidak_ada": 1}
            _refused(await _ask(client, operation["method"], path, json=unknown), 400, "tidak_ada")
            for key in more["json"]:
                wrong = {**more["json"], key: [{"x": 1}]}
                _refused(await _ask(client, operation["method"], path, json=wrong), 400, key)
            for body, kind in ((b"{", "application/json"), (b"[]", "application/json"), (b"a,b", "text/csv")):
                headers = {**_as("admin"), "Content-Type": kind}
                answer = await _ask(client, operation["method"], path, content=body, headers=headers)
                _refused(answer, 415 if kind == "text/csv" else 400)


async def test_nobody_does_what_their_token_may_not(
    client: httpx.AsyncClient, operations: dict[str, dict[str, Any]]
) -> None:
    reads = {"test_agent", "test_action"}
    for name, operation in operations.items():
        path, more = RIGHT[name] if name in RIGHT else (ELSEWHERE[name], {})
        if name == "hook":
            continue
        _refused(await client.request(operation["method"], path, **_body(more)), 401)
        needed = operation.get("x-role") or ("viewer" if operation["method"] == "GET" or name in reads else "operator")
        if needed != "viewer":
            _refused(await _ask(client, operation["method"], path, "viewer", **_body(more)), 403)
        if needed == "admin":
            _refused(await _ask(client, operation["method"], path, "operator", **_body(more)), 403)
    trail = (await _ask(client, "GET", "/audit?limit=1000")).json()["audit"]
    refused = {each["name"] for each in trail if each["status"] == 403}
    assert refused == {"v", "o"}
    assert {each["status"] for each in trail if each["name"] in refused} == {403}


async def test_what_was_changed_is_in_the_audit_trail_by_name(client: httpx.AsyncClient) -> None:
    await _ask(client, "POST", f"/conversations/{ONE}/pause", "operator")
    await _ask(client, "POST", "/payments/p0/paid", "admin")
    first, second = (await _ask(client, "GET", "/audit?limit=2")).json()["audit"]
    assert (first["name"], first["role"], first["path"], first["target"], first["status"]) == (
        "a",
        "admin",
        "/payments/{id}/paid",
        "p0",
        200,
    )
    assert (second["name"], second["role"], second["path"], second["contact"]["id"]) == (
        "o",
        "operator",
        "/conversations/{contact}/pause",
        ONE,
    )
