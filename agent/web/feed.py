"""What happens now, for `GET /api/v1/events`: read from the ledger, so that it is told whichever process did it.

As long as somebody reads, the ledger is polled; without readers nothing runs.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Table, func, or_, select

from agent.app import Agent
from agent.ledger import broadcasts, reports
from agent.ledger.columns import EPOCH
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


_LONGEST = timedelta(days=1)
"""A turn that began before is none whose end is awaited."""

_LATE = timedelta(seconds=10)
"""How much later than a row with a larger number, or a later time, another may be committed: PostgreSQL hands numbers out before."""


class _Tail:
    """The rows that come to the end of a table, each once."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self._table = table
        self._low = self._last = connection.scalar(select(func.max(table.c.n))) or 0
        self._seen: set[int] = set()
        self._before: deque[int] = deque()

    def rows(self, connection: Connection) -> Sequence[Row[Any]]:
        """Read what has come since the last look, also where it has a smaller number than what was read."""
        n = self._table.c.n
        numbers = connection.scalars(
            select(n).where(n > self._low).order_by(n).limit(_MOST + len(self._seen))
        )  # the numbers alone: most of them were read before
        new = [number for number in numbers if number not in self._seen]
        self._seen.update(new)
        self._last = max(self._last, *new) if new else self._last
        self._before.append(self._last)
        if len(self._before) > _LATE.total_seconds() / POLL:
            self._low = self._before.popleft()
            self._seen = {number for number in self._seen if number > self._low}
        return connection.execute(select(self._table).where(n.in_(new)).order_by(n)).all() if new else ()


@dataclass(slots=True)
class _Marks:
    """Up to where events were told."""

    messages: _Tail
    inbound: _Tail
    started: datetime = EPOCH
    turns: dict[str, str] = field(default_factory=dict)
    paused: dict[tuple[str, str], datetime] = field(default_factory=dict)
    payments: Any = None
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
                    marks = await self._agent.database.read(partial(_begin, now=self._agent.clock()))
                look = partial(_look, marks=marks, now=self._agent.clock())
                told = [*await self._agent.database.read(look), *self._sync(marks)]
            except LedgerUnavailable as error:
                log.warning("events_ended", reason=str(error))
                marks, told = None, []
                for queue in self._readers:  # what happens meanwhile is not told: they connect again and read afresh
                    _end(queue)
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


def _begin(connection: Connection, now: datetime) -> _Marks:
    marks = _Marks(_Tail(connection, message), _Tail(connection, inbound))
    marks.started = connection.scalar(select(func.max(turn.c.started_at))) or EPOCH
    running = select(turn.c.id).where(turn.c.state == "running", turn.c.started_at > now - _LONGEST)
    marks.turns = dict.fromkeys(connection.scalars(running), "running")
    for look in (_turns, _payments, _broadcasts):
        look(connection, marks)
    _handovers(connection, marks, now)
    return marks


def _look(connection: Connection, marks: _Marks, now: datetime) -> list[tuple[str, Any]]:
    """Everything since the last look; `marks` are moved on."""
    return [
        *_received(connection, marks),
        *_messages(connection, marks),
        *_turns(connection, marks),
        *_handovers(connection, marks, now),
        *_payments(connection, marks),
        *_broadcasts(connection, marks),
    ]


def _key(platform: str, identity: str) -> str:
    return f"{platform}:{identity}"


def _received(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    return [
        ("received", {"contact": _key(r.platform, r.contact), "text": r.payload.get("text"), "at": r.received_at})
        for r in marks.inbound.rows(connection)
    ]


def _messages(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    return [
        (
            "message",
            {"contact": _key(r.platform, r.contact), "author": r.author, "text": r.text, "at": r.at, "turn": r.turn},
        )
        for r in marks.messages.rows(connection)
    ]


def _turns(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    running = [identity for identity, state in marks.turns.items() if state == "running"]
    recent = turn.c.started_at > marks.started - _LATE
    statement = select(turn).where(or_(recent, turn.c.id.in_(running)) if running else recent)
    rows = connection.execute(statement.order_by(turn.c.started_at).limit(_MOST + len(marks.turns))).all()
    told = [
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
        for row in rows
        if marks.turns.get(row.id) != row.state
    ]
    marks.turns = {row.id: row.state for row in rows}
    marks.started = max((marks.started, *(row.started_at for row in rows)))
    return told


def _handovers(connection: Connection, marks: _Marks, now: datetime) -> list[tuple[str, Any]]:
    lasting = or_(contact.c.paused_until.is_(None), contact.c.paused_until > now)
    rows = connection.execute(
        select(
            contact.c.platform, contact.c.id, contact.c.paused_at, contact.c.paused_until, contact.c.paused_by
        ).where(contact.c.paused_at.is_not(None), lasting)
    ).all()
    paused = {(row.platform, row.id): row.paused_at for row in rows}
    told = [
        (
            "handover",
            {"contact": _key(r.platform, r.id), "paused": True, "by": r.paused_by, "until": r.paused_until},
        )
        for r in rows
        if marks.paused.get((r.platform, r.id)) != r.paused_at
    ]
    told += [("handover", {"contact": _key(*key), "paused": False}) for key in marks.paused.keys() - paused.keys()]
    marks.paused = paused
    return told


def _payments(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    newest = select(func.max(payment.c.created_at)), select(func.max(payment.c.paid_at))
    waiting = select(func.count()).where(payment.c.state == "open")
    now = tuple(connection.scalar(each) for each in (*newest, waiting))
    changed, marks.payments = now != marks.payments, now
    if not changed:
        return []
    rows = connection.execute(select(payment.c.state, func.count().label("charges")).group_by(payment.c.state))
    return [("payment", {"counts": {row.state: row.charges for row in rows}})]


def _broadcasts(connection: Connection, marks: _Marks) -> list[tuple[str, Any]]:
    found = {each.name: each for each in broadcasts.under_way(connection)}
    for name in marks.broadcasts.keys() - found.keys():  # one that has just ended
        if (ended := broadcasts.load(connection, name)) is not None:
            found[name] = ended
    now = {
        name: {"state": each.state, "counts": dict(reports.counts(connection, name))} for name, each in found.items()
    }
    told = [("broadcast", {"name": name, **now[name]}) for name in now if marks.broadcasts.get(name) != now[name]]
    marks.broadcasts = {name: each for name, each in now.items() if each["state"] in ("running", "paused")}
    return told
