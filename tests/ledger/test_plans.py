"""What a message costs does not grow with the ledger: how its statements are carried out, and how much work they are."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import Connection, Engine, event, text

from agent.app import Agent
from agent.cli.serve import running
from agent.config import load
from bench.filling import fill
from bench.subject import QUESTIONS
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.sandbox.records import Contact
from tests.acceptance.shop import shop
from tests.acceptance.stub_model import stub_model
from tests.acceptance.world import SECRET, free_port
from tests.postgres import Postgres

FILLED = {"inbound", "turn", "step", "message", "outbound", "contact"}
GROWING = FILLED | {
    "media",
    "event",
    "workflow_run",
    "webhook_delivery",
    "payment",
}
_ORDER = re.compile(r"KS-[0-9]{5}")
WORK = 20
"""SQLite's instructions between two looks at the count."""


class Talk:
    """One agent in this process, and a customer who writes to it."""

    def __init__(self, agent: Agent, sandbox: RunningSandbox, customer: Contact) -> None:
        self.agent = agent
        self.customer = customer
        self._sandbox = sandbox
        self._said = 0

    async def say(self) -> None:
        """One message, answered with a model, an action and the model again, and delivered."""
        self._said += 1
        self._sandbox.say(self.customer, QUESTIONS[self._said % len(QUESTIONS)].format(10_000 + self._said))
        await self._sandbox.replies(self.customer, count=self._said, within=120)
        async with asyncio.timeout(60):
            while not self.agent.engine.idle():
                await asyncio.sleep(0.01)

    async def fill(self, *, messages: int = 0, others: int = 0) -> None:
        """Multiply the conversation, and let the database count its rows."""

        def work(connection: Connection) -> None:
            fill(connection, "aelyst", str(self.customer.id), messages=messages, others=others)

        await self.agent.database.write(work)
        with self.agent.database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


@asynccontextmanager
async def talk(folder: Path, **changes: Any) -> AsyncIterator[Talk]:
    port = free_port()
    options = SandboxOptions(port=0, webhook_url=f"http://127.0.0.1:{port}/webhooks/aelyst", webhook_secret=SECRET)
    async with RunningSandbox(options) as sandbox, stub_model() as model, shop() as orders:
        model.answer = lambda asked: (
            "Dikirim."
            if asked.results or not _ORDER.search(asked.question)
            else {"call": "get_order", "arguments": {"order_id": _ORDER.findall(asked.question)[-1]}}
        )
        config = {
            "name": "Melati",
            "instructions": "Kamu Melati.",
            "model": {"name": "stub", "base_url": model.url, "fallbacks": []},
            "messaging": {
                "base_url": sandbox.api_url,
                "token": sandbox.token,
                "webhook_secret": SECRET,
                "rate": "1000/s",
            },
            "conversation": {"quiet_window": {"finished": "0s", "unfinished": "0s", "longest": "0s"}},
            "actions": [each for each in orders.actions() if each["name"] == "get_order"],
            "network": {"allow_private": ["127.0.0.1"]},
            "limits": {"turns_per_contact_per_day": 1_000_000},
            "voice": {"model": "none"},
            **changes,
        }
        with (folder / "agent.yaml").open("w") as file:
            YAML().dump(config, file)
        async with running(load(folder / "agent.yaml"), port=port) as (agent, _address):
            async with asyncio.timeout(60):
                while not agent.ready:
                    await asyncio.sleep(0.01)
            yield Talk(agent, sandbox, sandbox.phone("+6281234567802"))


@contextmanager
def recorded() -> Iterator[dict[str, Any]]:
    """All statements that are run inside, each with the last of its parameters."""
    found: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        found[statement] = parameters[0] if many else parameters

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _explained(statements: dict[str, Any]) -> dict[str, Any]:
    words = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
    return {sql: given for sql, given in statements.items() if sql.lstrip().startswith(words)}


async def test_no_statement_of_a_message_scans_sqlite(tmp_path: Path) -> None:
    async with talk(tmp_path) as here:
        await here.say()
        await here.fill(messages=200, others=200)
        with recorded() as statements:
            await here.say()
        wrong = []
        with here.agent.database.engine.connect() as connection:
            for statement, given in _explained(statements).items():
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given):
                    detail = str(row[3])
                    table = detail.split(" ")[1] if " " in detail else ""
                    if (detail.startswith("SCAN") and table in GROWING) or detail.endswith("(platform=?)"):
                        wrong.append((detail, statement))
        assert len(statements) > 15
        assert wrong == []


@pytest.mark.postgres
async def test_no_statement_of_a_message_scans_postgresql(tmp_path: Path, postgres_server: Postgres) -> None:
    async with talk(tmp_path, storage=postgres_server.database("plans")) as here:
        await here.say()
        await here.fill(messages=3000, others=3000)
        with recorded() as statements:
            await here.say()
        wrong = []
        with here.agent.database.engine.connect() as connection:
            for statement, given in _explained(statements).items():
                for tables, setting in (
                    (FILLED, "on"),
                    (GROWING - FILLED, "off"),
                ):  # empty tables are scanned where they may
                    connection.exec_driver_sql(f"SET enable_seqscan = {setting}")
                    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", given).scalar_one()
                    scans = [node["Relation Name"] for node in _nodes(plan["Plan"]) if node["Node Type"] == "Seq Scan"]
                    wrong += [(table, statement) for table in scans if table in tables]
        assert len(statements) > 15
        assert wrong == []


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


async def test_the_work_of_a_message_stays_the_same_when_the_ledger_grows(tmp_path: Path) -> None:
    """Counted in SQLite's own instructions, which no busy machine changes."""
    looks = [0]

    def count() -> int:
        looks[0] += 1
        return 0

    async def work(here: Talk) -> int:
        best = []
        for _ in range(3):  # the sweep of the housekeeping falls into one of them at most
            before = looks[0]
            await here.say()
            best.append(looks[0] - before)
        return min(best) * WORK

    def connected(connection: Any, _record: object) -> None:
        connection.set_progress_handler(count, WORK)

    event.listen(Engine, "connect", connected)
    try:
        async with talk(tmp_path) as here:
            await here.say()
            await here.fill(messages=120)  # more than what every turn reads of the past
            small = await work(here)
            await here.fill(messages=500)
            long = await work(here)
            await here.fill(others=1000)
            many = await work(here)
    finally:
        event.remove(Engine, "connect", connected)
    assert small > 1000
    assert (round(long / small, 2), round(many / small, 2)) == (pytest.approx(1, abs=0.1), pytest.approx(1, abs=0.1))
