"""What happens now, for `GET /api/v1/events`: read from the ledger, so that it is told whichever process did it.

As long as somebody reads, the ledger is polled; without readers nothing runs.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, func, select

from agent.app import Agent
from agent.ledger import broadcasts, reports
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.tables import contact, inbound, message, payment, turn

log = structlog.get_logger()

POLL = 0.5
"""Seconds between two looks."""

HEARTBEAT = 15.0
"""Seconds after which a silent stream says something: a connection that is gone is noticed, and proxies keep it open."""

BEHIND = 1000
"""Events that a reader may be behind before its stream ends; it connects again and reads afresh."""

_MOST = 500


@dataclass(slots=True)
class _Marks:
    """Up to where events were told."""

    message: int = 0
    inbound: int = 0
    started: datetime | None = None
    running: set[str] = field(default_factory=set)
    paused: dict[tuple[str, str], datetime] = field(default_factory=dict)
    payments: dict[str, int] = field(default_factory=dict)
    broadcasts: dict[str, Any] = field(default_factory=dict)
    sync: Any = None


class Feed:
    """The readers of one server, and the task that polls for them."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._readers: set[asyncio.Queue[str | None]] = set()
        self._polling: asyncio.Task[None] | None = None
        self._closed = False

    @contextmanager
    def reader(self) -> Iterator[AsyncIterator[str]]:
        """Read events from now on, as text of the stream; a heartbeat where nothing happens."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(BEHIND)
        if self._closed:
            queue.put_nowait(None)
        self._readers.add(queue)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(), name="event feed")
        try:
            yield self._read(queue)
        finally:
            self._readers.discard(queue)
            if not self._readers and self._polling is not None:
                self._polling.cancel()
                self._polling = None

    def close(self) -> None:
        """End all streams: the server stops."""
        self._closed = True
        for queue in self._readers:
            _end(queue)

    async def _read(self, queue: asyncio.Queue[str | None]) -> AsyncIterator[str]:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    text = await queue.get()
            except TimeoutError:
                yield ": alive\n\n"
                continue
            if text is None:
                return
            yield text

    async def _poll(self) -> None:
        marks: _Marks | None = None
        while True:
            try:
                if marks is None:
                    marks = await self._agent.database.read(_begin)
                told = [*await self._agent.database.read(partial(_look, marks=marks)), *self._sync(marks)]
            except LedgerUnavailable as error:
                log.warning("events_postponed", reason=str(error))
                told = []
            for name, data in told:
                self._tell(f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, default=_plain)}\n\n")
            await asyncio.sleep(POLL)

    def _tell(self, text: str) -> None:
        for queue in list(self._readers):
            if queue.full():
                _end(queue)
            else:
                queue.put_nowait(text)

    def _sync(self, marks: _Marks) -> list[tuple[str, Any]]:
        """Progress of a sync of this process."""
        knowledge = self._agent.knowledge
        progress = [asdict(each) for each in knowledge.progress.values()] if knowledge.is_syncing else []
        state = {"syncing": knowledge.is_syncing, "progress": progress, "passages": knowledge.size}
        if state == marks.sync:
            return []
        first, marks.sync = marks.sync is None, state
        return [] if first and not knowledge.is_syncing else [("sync", state)]


def _end(queue: asyncio.Queue[str | None]) -> None:
    """End a stream: what it has not read is dropped."""
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)


def _plain(value: Any) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _begin(connection: Connection) -> _Marks:
    marks = _Marks(
        message=connection.scalar(select(func.max(message.c.n))) or 0,
        inbound=connection.scalar(select(func.max(inbound.c.n))) or 0,
        started=connection.scalar(select(func.max(turn.c.started_at))),
        running=set(connection.scalars(select(turn.c.id).where(turn.c.state == "running").limit(_MOST))),
    )
    _handovers(connection, marks)
    _payments(connection, marks)
    _broadcasts(connection, marks)
    return marks


def _look(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    """Everything since the last look; `marks` are moved on."""
    return [
        *_received(connection, marks),
        *_messages(connection, marks),
        *_turns(connection, marks),
        *_handovers(connection, marks),
        *_payments(connection, marks),
        *_broadcasts(connection, marks),
    ]


def _key(platform: str, identity: str) -> str:
    return f"{platform}:{identity}"


def _received(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    rows = connection.execute(
        select(inbound.c.n, inbound.c.platform, inbound.c.contact, inbound.c.payload, inbound.c.received_at)
        .where(inbound.c.n > marks.inbound)
        .order_by(inbound.c.n)
        .limit(_MOST)
    ).all()
    if rows:
        marks.inbound = rows[-1].n
    return [
        ("received", {"contact": _key(r.platform, r.contact), "text": r.payload.get("text"), "at": r.received_at})
        for r in rows
    ]


def _messages(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    rows = connection.execute(
        select(message).where(message.c.n > marks.message).order_by(message.c.n).limit(_MOST)
    ).all()
    if rows:
        marks.message = rows[-1].n
    return [
        (
            "message",
            {"contact": _key(r.platform, r.contact), "author": r.author, "text": r.text, "at": r.at, "turn": r.turn},
        )
        for r in rows
    ]


def _turns(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    statement = select(turn)
    if marks.started is not None:
        statement = statement.where((turn.c.started_at > marks.started) | turn.c.id.in_(marks.running))
    told = []
    for row in connection.execute(statement.order_by(turn.c.started_at).limit(_MOST)).all():
        is_new = marks.started is None or row.started_at > marks.started
        if is_new:
            marks.started = row.started_at
        if row.state == "running":
            marks.running.add(row.id)
        if is_new or row.state != "running":
            told.append(
                (
                    "turn",
                    {
                        "id": row.id,
                        "contact": _key(row.platform, row.contact),
                        "state": row.state,
                        "reason": row.reason,
                        "handover": row.handover,
                    },
                )
            )
        if row.state != "running":
            marks.running.discard(row.id)
    return told


def _handovers(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    rows = connection.execute(
        select(
            contact.c.platform, contact.c.id, contact.c.paused_at, contact.c.paused_until, contact.c.paused_by
        ).where(contact.c.paused_at.is_not(None))
    ).all()
    now = {(row.platform, row.id): row.paused_at for row in rows}
    told = [
        (
            "handover",
            {"contact": _key(r.platform, r.id), "paused": True, "by": r.paused_by, "until": r.paused_until},
        )
        for r in rows
        if marks.paused.get((r.platform, r.id)) != r.paused_at
    ]
    told += [("handover", {"contact": _key(*key), "paused": False}) for key in marks.paused.keys() - now.keys()]
    marks.paused = now
    return told


def _payments(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    rows = connection.execute(select(payment.c.state, func.count().label("charges")).group_by(payment.c.state))
    now = {row.state: row.charges for row in rows}
    changed, marks.payments = now != marks.payments, now
    return [("payment", {"counts": now})] if changed else []


def _broadcasts(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    now = {
        each.name: {"state": each.state, "counts": dict(reports.counts(connection, each.name))}
        for each in broadcasts.every(connection)
        if each.state in ("running", "paused") or marks.broadcasts.get(each.name, {}).get("state") == "running"
    }
    told = [("broadcast", {"name": name, **now[name]}) for name in now if marks.broadcasts.get(name) != now[name]]
    marks.broadcasts = now
    return told
