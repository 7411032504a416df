"""Lists of the API over many rows: each reads no more than its page, and a pager is told each row once."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, delete, event, insert, text

from agent.app import Agent
from agent.assembly import open_agent
from agent.config import loads
from agent.ledger import tables
from agent.ledger.database import Database, is_postgres
from agent.ledger.sqlite import SqliteDatabase
from agent.web.server import create_app
from bench.lists import TOKEN, fill

PEOPLE, FEW, MESSAGES = 3000, 1000, 4
GROWING = {"contact", "inbound", "turn", "step", "message", "outbound", "followup", "payment", "event", "workflow_run",
           "webhook_delivery", "audit"}  # fmt: skip
CONFIG = """
name: Melati
instructions: Jawab.
model: {name: offline}
voice: {model: none}
messaging: {platform: aelyst, base_url: "http://127.0.0.1:9", token: t, webhook_secret: s}
workflows: [{name: welcome, on: contact.created, do: [{send: "Halo!"}]}]
"""
LISTS = {
    "/conversations": "conversations",
    "/conversations?only=paused": "conversations",
    "/conversations?only=opted_out": "conversations",
    "/conversations?only=failed": "conversations",
    "/conversations?only=unanswered": "conversations",
    "/contacts": "contacts",
    "/payments": "payments",
    "/payments?state=open": "payments",
    "/payments?state=paid,expired": "payments",
    "/dead": "dead",
    "/followups": "followups",
    "/followups?state=sent": "followups",
    "/followups?state=scheduled,sent,cancelled": "followups",
    "/workflows/welcome/runs": "runs",
    "/workflows/welcome/runs?state=failed": "runs",
    "/webhooks/deliveries": "deliveries",
    "/webhooks/deliveries?state=failed,sent": "deliveries",
    "/broadcasts": "broadcasts",
    "/audit": "audit",
}
SHOWN = (
    "/conversations/c7",
    "/conversations/%2B628111000007",
    "/turns/t7",
    "/contacts/c7",
    "/contacts/%2B628111000007",
)


@pytest.fixture
async def agent(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Agent]:
    """An agent over a full ledger: 3,000 conversations, or as many as a test says."""
    people = getattr(request, "param", PEOPLE)
    url = (
        f"sqlite:///{database.path}"
        if isinstance(database, SqliteDatabase)
        else database.engine.url.render_as_string(False)
    )
    config = f"{CONFIG}storage: {json.dumps(url)}\nserver: {{api_token: {TOKEN}}}\n"
    await database.write(lambda connection: fill(connection, people, MESSAGES, datetime.now(UTC)))
    async with open_agent(loads(config, file=tmp_path / "agent.yaml")) as opened:
        yield opened


@pytest.fixture
async def client(agent: Agent) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(agent).state.api)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://agent", headers=headers) as opened:
        yield opened


async def _get(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    url = httpx.URL(path).copy_merge_params(params)
    answer = await client.get(url)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()


async def test_no_list_reads_a_growing_table_whole(agent: Agent, client: httpx.AsyncClient) -> None:
    asked: list[tuple[str, Any]] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT") and "advisory" not in statement:
            asked.append((statement, parameters))

    engines = {agent.database.engine, getattr(agent.database, "_reader", agent.database.engine)}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", record)
    plans: dict[str, list[tuple[str, Any]]] = {}
    for path in (*LISTS, *SHOWN):
        asked.clear()
        found = await _get(client, path, **({"limit": 20} if path in LISTS else {}))
        plans[path] = list(asked)
        if path in LISTS and found["next"] is not None:
            asked.clear()
            await _get(client, path, limit=20, before=found["next"])
            plans[f"{path}, the next page"] = list(asked)
    for engine in engines:
        event.remove(engine, "before_cursor_execute", record)
    assert all(plans.values())

    def explain(connection: Connection) -> dict[str, list[str]]:
        read = _rows_read if is_postgres(connection) else _whole_scans
        return {
            path: wrong
            for path, statements in plans.items()
            if (wrong := [w for s in statements for w in read(connection, *s)])
        }

    wrong = await agent.database.write(explain)
    assert not wrong, json.dumps(wrong, indent=1)


def _whole_scans(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """What SQLite would read whole: not in the order that is asked for up to the end of the page."""
    plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    scans = [line for line in plan if (scan := re.match(r"SCAN (\w+)", line)) and scan[1] in GROWING]
    ordered = "LIMIT" in statement and not any("TEMP B-TREE FOR ORDER BY" in line for line in plan)
    return [f"{line}: {statement}" for line in scans if not ordered]


def _rows_read(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Where PostgreSQL has read many more rows than a page needs."""
    connection.execute(text("SET LOCAL enable_seqscan = off"))  # these tables are small
    plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
    waiting, wrong = [plan[0]["Plan"]], []
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        seen = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        # what a last message got is looked for from the newest conversation on, up to the end of the page
        most = PEOPLE if "inbound.outcome" in statement else PEOPLE / 2
        if node.get("Relation Name") in GROWING and seen > most:
            wrong.append(f"{node['Node Type']} of {node['Relation Name']} reads {seen}: {statement}")
    return wrong


@pytest.mark.parametrize("agent", [FEW], indirect=True)
@pytest.mark.parametrize("limit", [7, 50])
async def test_a_pager_is_told_each_row_once_also_where_times_are_equal_and_rows_are_added(
    agent: Agent, client: httpx.AsyncClient, limit: int
) -> None:
    whole = {path: await _all(client, path, 1000) for path in LISTS}
    assert len(whole["/contacts"]) == FEW
    assert len(whole["/dead"]) > 30
    assert len({json.loads(each)["kind"] for each in whole["/dead"]}) == 4
    for path, rows in whole.items():
        assert max(Counter(rows).values()) == 1, path
        few = rows[: limit * 4]
        read: list[str] = []
        before: dict[str, str] = {}
        while len(read) < len(few):
            page = await _get(client, path, limit=limit, **before)
            read += [_name(each) for each in page[LISTS[path]]]
            await _add(agent, len(read))
            if page["next"] is None:
                break
            before = {"before": page["next"]}
        assert [each for each in read if each in few] == few, path
        assert max(Counter(read).values()) == 1, path
        await _remove(agent)


async def _all(client: httpx.AsyncClient, path: str, limit: int) -> list[str]:
    rows: list[str] = []
    before: dict[str, str] = {}
    most = 200 if path.startswith("/conversations") else limit
    while True:
        page = await _get(client, path, limit=most, **before)
        rows += [_name(each) for each in page[LISTS[path]]]
        if page["next"] is None:
            return rows
        before = {"before": page["next"]}


def _name(row: dict[str, Any]) -> str:
    """What tells a row from others."""
    if "contact" in row and isinstance(row["contact"], dict) and "key" in row["contact"]:
        return json.dumps(row["contact"]["key"])
    return json.dumps({name: row.get(name) for name in ("id", "n", "name", "kind")})


async def _add(agent: Agent, number: int) -> None:
    """Rows that are newer than all others, as they come in while somebody reads."""
    now = datetime.now(UTC) + timedelta(seconds=number)
    new = f"zz-new-{number}"
    whose = {"platform": "aelyst", "contact": new}
    rows: Sequence[tuple[Any, dict[str, Any]]] = [
        (tables.contact, {"platform": "aelyst", "id": new, "profile": {}, "last_inbound_at": now, "paused_at": now,
                          "opted_out_at": now}),
        (tables.inbound, {**whose, "message_id": new, "payload": {}, "received_at": now, "state": "failed", "outcome": "failed"}),
        (tables.payment, {**whose, "id": new, "reference": new, "amount": 1, "payload": "", "merchant": "", "provider": "static",
                          "order_id": new, "created_at": now, "state": "open", "receipts": []}),
        (tables.turn, {**whose, "id": new, "state": "failed", "started_at": now}),
        (tables.outbound, {**whose, "id": new, "lane": "message", "payload": {"type": "Text", "text": "x"}, "state": "failed",
                           "next_attempt_at": now, "created_at": now}),
        (tables.followup, {**whose, "id": new, "due_at": now - timedelta(days=300), "text": "x", "conditions": {}, "created_at": now,
                           "state": "scheduled"}),
        (tables.workflow_run, {**whose, "id": new, "workflow": "welcome", "event": new, "trigger": "x", "data": {}, "depth": 0,
                               "state": "failed", "step": 0, "attempt": 0, "until_replied": False, "created_at": now}),
        (tables.webhook_delivery, {**whose, "id": new, "event": new, "name": "x", "target": "x", "url": "x", "body": "x",
                                   "state": "failed", "attempts": 0, "next_attempt_at": now, "created_at": now, "queued_at": now}),
        (tables.broadcast, {"name": new, "settings": {}, "template": [], "left_out": {}, "state": "done", "created_at": now,
                            "next_at": now}),
    ]  # fmt: skip
    for table, row in rows:
        await agent.database.write(
            lambda connection, table=table, row=row: connection.execute(insert(table).values(row))
        )


async def _remove(agent: Agent) -> None:
    for table in (tables.contact, tables.payment, tables.turn, tables.outbound, tables.followup, tables.workflow_run,
                  tables.webhook_delivery):  # fmt: skip
        await agent.database.write(
            lambda connection, table=table: connection.execute(delete(table).where(table.c.id.like("zz-new-%")))
        )
    await agent.database.write(
        lambda connection: connection.execute(
            delete(tables.inbound).where(tables.inbound.c.message_id.like("zz-new-%"))
        )
    )
    await agent.database.write(
        lambda connection: connection.execute(delete(tables.broadcast).where(tables.broadcast.c.name.like("zz-new-%")))
    )


@pytest.mark.parametrize("agent", [1], indirect=True)
async def test_a_before_that_was_never_a_next_is_named(client: httpx.AsyncClient) -> None:
    for path in LISTS:
        wrongs = () if path == "/audit" else ("nope", "~", "x~y", "2026-13-01T00:00:00Z~x", "2026-11-21T09:00:00~x")
        for wrong in wrongs[:3] if path == "/contacts" else wrongs:
            answer = await client.get(path, params={**httpx.URL(path).params, "before": wrong})
            assert answer.status_code == 400, (path, wrong, answer.text)
            assert answer.json()["error"]["field"] == "before"
