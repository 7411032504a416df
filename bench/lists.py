"""The lists of the API over a ledger of many conversations: how long each takes to open.

`make bench ARGS=lists` fills a new SQLite ledger with 10,000 conversations of 200 messages, directly in SQL, and asks over HTTP.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML
from sqlalchemy import Connection, text

from agent.assembly import open_agent
from agent.config import load
from agent.housekeeping import bring_up_to_date
from agent.ledger.columns import EPOCH
from agent.ledger.database import is_postgres, take_time
from agent.web.listening import listening
from agent.web.server import create_app

TOKEN = "token-of-the-benchmark"

_NUMBERS = (
    "WITH RECURSIVE number(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM number WHERE i + 1 < :many) "
)
_DEAD = 97
"""One in so many turns, deliveries, runs and webhooks has failed; 7 rows in a row have the same time."""

_ROWS: dict[str, tuple[str, str]] = {  # table: how many, the columns with their values for row `i`
    "contact": (
        "people",
        "platform 'aelyst', id 'c'||i, profile {'{\"first_name\": \"Budi '||i||'\", \"phone\": \"+62811'||(1000000+i)||'\"}'}, "
        "phone '+62811'||(1000000+i), email 'budi'||i||'@example.com', last_inbound_at :now-i/5*1000000, "
        "paused_at CASE WHEN i%50=0 THEN :now END, opted_out_at CASE WHEN i%60=0 THEN :now END",
    ),
    "message": (
        "messages",
        "platform 'aelyst', contact 'c'||(i%:people), author CASE WHEN i/:people%2=0 THEN 'contact' ELSE 'agent' END, "
        "text 'pesan '||i, position i/:people+1, attachments {'[]'}, at :begun+i/7*:every, turn 't'||(i/:people/2*:people+i%:people)",
    ),
    "inbound": (
        "turns",
        "platform 'aelyst', message_id 'm'||i, contact 'c'||(i%:people), payload {'{\"text\": \"pesan\"}'}, "
        "received_at :begun+i/7*:every*2, state CASE WHEN i%97=0 THEN 'failed' ELSE 'answered' END, "
        "outcome CASE WHEN i%97=0 THEN 'failed' ELSE 'answered' END, turn 't'||i",
    ),
    "turn": (
        "turns",
        "id 't'||i, platform 'aelyst', contact 'c'||(i%:people), state CASE WHEN i%97=0 THEN 'failed' ELSE 'done' END, "
        "started_at :begun+i/7*:every*2, finished_at :begun+i/7*:every*2, takeovers 0, restarts 0, tokens 100, cost 0.001",
    ),
    "step": (
        "turns",
        "turn 't'||i, n 0, key 'retrieval/0', kind 'retrieval', name 'search', input_hash 'x', input {'{}'}, output {'{}'}, "
        "started_at :begun+i/7*:every*2, tokens 0, cost 0",
    ),
    "outbound": (
        "turns",
        "id 't'||i||'/0', platform 'aelyst', contact 'c'||(i%:people), lane 'message', "
        "payload {'{\"type\": \"Text\", \"text\": \"pesan\"}'}, "
        "state CASE WHEN i%97=0 THEN 'failed' ELSE 'sent' END, attempts 1, next_attempt_at :now, unless_replied {false}, "
        "may_have_been_sent {false}, created_at :begun+i/7*:every*2, sent_at :begun+i/7*:every*2+3000000, turn 't'||i",
    ),
    "followup": (
        "people",
        "id 'f'||i, platform 'aelyst', contact 'c'||i, due_at :now+i/7*1000000, text 'ingat', conditions {'{}'}, "
        "created_at :begun+i/7*1000000, state CASE WHEN i%3=0 THEN 'scheduled' WHEN i%3=1 THEN 'sent' ELSE 'cancelled' END, "
        "ended_at CASE WHEN i%3>0 THEN :now-i*1000 END",
    ),
    "payment": (
        "people",
        "id 'p'||i, platform 'aelyst', contact 'c'||i, reference 'R'||i, amount 50000, payload '000201', merchant 'Kopi', "
        "provider 'static', order_id 'R'||i, created_at :begun+i/7*1000000, paid_amount 0, receipts {'[]'}, "
        "state CASE WHEN i%3=0 THEN 'open' WHEN i%3=1 THEN 'paid' ELSE 'expired' END, paid_at CASE WHEN i%3=1 THEN :now-i*1000 END",
    ),
    "event": (
        "people",
        "id 'e'||i, name 'message.received', platform 'aelyst', contact 'c'||i, data {'{}'}, at :begun+i/7*1000000",
    ),
    "workflow_run": (
        "people",
        "id 'r'||i, workflow 'welcome', event 'e'||i, platform 'aelyst', contact 'c'||i, trigger 'message.received', data {'{}'}, "
        "depth 0, state CASE WHEN i%97=0 THEN 'failed' ELSE 'done' END, step 1, attempt 0, until_replied {false}, "
        "created_at :begun+i/7*1000000",
    ),
    "webhook_delivery": (
        "people",
        "id 'e'||i||'@w', event 'e'||i, name 'message.received', target 'webhooks:w', url 'https://example.com', "
        "platform 'aelyst', contact 'c'||i, body '{}', state CASE WHEN i%97=0 THEN 'failed' ELSE 'sent' END, attempts 1, "
        "next_attempt_at :now, created_at :begun+i/7*1000000, queued_at :now",
    ),
    "broadcast": (
        "broadcasts",
        "name 'promo '||i, settings {'{}'}, template {'[]'}, left_out {'{}'}, state 'done', "
        "created_at :begun+i/7*1000000, next_at :now",
    ),
    "audit": (
        "people",
        "at :begun+i*1000000, name 'Rina', role 'admin', method 'POST', path '/conversations/{contact}/reply', status 200",
    ),
}  # fmt: skip


def fill(connection: Connection, people: int, messages: int, now: datetime) -> None:
    """Fill an empty ledger: conversations with turns, deliveries and all that is listed; failures and equal times among them.

    Args:
        connection: the transaction.
        people: how many contacts.
        messages: of each.
        now: the newest of them wrote then; the messages lie in the 30 days before.
    """
    take_time(connection, timedelta(hours=1))
    end, begun = (round((at - EPOCH) / timedelta(microseconds=1)) for at in (now, now - timedelta(days=30)))
    counts = {"people": people, "messages": people * messages, "turns": people * messages // 2, "broadcasts": 60}
    values = {"now": end, "begun": begun, "people": people, "every": 7 * (end - begun) // counts["messages"]}
    for table, (many, columns) in _ROWS.items():
        names, expressions = zip(*(column.split(" ", 1) for column in _split(columns)), strict=True)
        selected = ", ".join(_literal(each, is_postgres(connection)) for each in expressions)
        statement = f"INSERT INTO {table} ({', '.join(names)}) {_NUMBERS} SELECT {selected} FROM number"
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        connection.execute(text(statement), {"many": counts[many], **used})
    connection.execute(text("ANALYZE"))


def _split(columns: str) -> list[str]:
    """The columns, at the commas outside of brackets and quotes."""
    parts, depth, quoted = [""], 0, False
    for letter in columns:
        quoted ^= letter == "'"
        depth += (not quoted) * ((letter in "({") - (letter in ")}"))
        if letter == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _literal(expression: str, postgres: bool) -> str:
    """`{…}` is JSON or a truth value, which the databases write differently; a colon in it is no parameter."""
    if not expression.startswith("{"):
        return expression
    inside = expression[1:-1].replace(":", r"\:")
    if inside == "false":
        return "FALSE" if postgres else "0"
    return f"CAST({inside} AS JSON)" if postgres else inside


@asynccontextmanager
async def served(folder: Path, people: int, messages: int, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The API of an agent with a full ledger, over HTTP."""
    config = {
        "name": "Melati", "instructions": "Jawab.", "model": {"name": "offline"}, "voice": {"model": "none"},
        "messaging": {"platform": "aelyst", "base_url": "http://127.0.0.1:9", "token": "t", "webhook_secret": "s"},
        "server": {"api_token": TOKEN}, **changes,
    }  # fmt: skip
    with (folder / "agent.yaml").open("w") as file:
        YAML().dump(config, file)
    async with open_agent(load(folder / "agent.yaml")) as agent:
        await agent.database.write(lambda connection: fill(connection, people, messages, datetime.now(UTC)))
        await bring_up_to_date(agent.database, datetime.now(UTC))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            listening(create_app(agent), "127.0.0.1", 0) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=120) as client,
        ):
            yield client


QUESTIONS: Mapping[str, str] = {
    "conversations": "/conversations",
    "conversations, needs a human": "/conversations?only=paused",
    "conversations, failed": "/conversations?only=failed",
    "conversations, unanswered": "/conversations?only=unanswered",
    "conversations, a name": "/conversations?q=Budi 77",
    "conversations, nobody's name": "/conversations?q=Zainuddin",
    "one conversation": "/conversations/c77",
    "one conversation by phone": "/conversations/%2B628111000077",
    "a turn": "/turns/t77",
    "contacts": "/contacts",
    "contacts, a number": "/contacts?q=0811-1000-777",
    "stats of a week": "/stats",
    "stats of a month": "/stats?from={month}",
    "counts": "/counts",
    "payments": "/payments",
    "payments, open": "/payments?state=open",
    "dead": "/dead",
    "follow-ups": "/followups",
    "follow-ups, all": "/followups?state=scheduled,sent,cancelled,skipped",
    "runs of a workflow": "/workflows/welcome/runs",
    "webhook deliveries": "/webhooks/deliveries",
    "broadcasts": "/broadcasts",
    "audit": "/audit",
}


async def measure(people: int, messages: int) -> None:
    month = (datetime.now(UTC) - timedelta(days=29)).date().isoformat()
    flow = {"name": "welcome", "on": "contact.created", "do": [{"send": "Halo!"}]}
    with tempfile.TemporaryDirectory(prefix="balas-lists-") as folder:
        begun = time.perf_counter()
        async with served(Path(folder), people, messages, workflows=[flow]) as client:
            size = sum(file.stat().st_size for file in Path(folder).rglob("*.db*"))
            print(f"{people:,} conversations of {messages} messages, {size / 1e9:.1f} GB, ", end="")
            print(
                f"filled in {time.perf_counter() - begun:.0f} s; seconds at the first time and the best of three after it"
            )
            for name, path in QUESTIONS.items():
                took = []
                for _ in range(4):
                    begun = time.perf_counter()
                    (await client.get(path.format(month=month))).raise_for_status()
                    took.append(time.perf_counter() - begun)
                print(f"{name:32}{took[0]:8.3f}{min(took[1:]):8.3f}", flush=True)
            begun = time.perf_counter()
            async with client.stream("GET", "/events") as events:
                await anext(events.aiter_lines())
                print(f"{'events, begun':32}{time.perf_counter() - begun:8.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=200)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.people, arguments.messages))


if __name__ == "__main__":
    main()
