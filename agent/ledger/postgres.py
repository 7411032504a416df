"""The ledger in PostgreSQL, on connections that do not wait forever for a server that has stopped answering.

libpq notices a host that is gone (`UNREACHABLE`), PostgreSQL a statement that takes too long (`LIMITS`). Neither notices a
server that is frozen: the kernel goes on acknowledging for it. So a connection that has owed an answer for `ANSWER` is closed
from this side. Whether the statement was executed is then unknown, as after any lost connection.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, Notify
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from agent.ledger.database import Work
from agent.ledger.errors import LedgerUnavailable
from settings.text import to_json

T = TypeVar("T")
RV = TypeVar("RV")

ANSWER = timedelta(seconds=5)
"""How long to wait for one answer: longer than the server's own time-out, so that a healthy server ends the statement itself."""

PING = timedelta(seconds=2)
"""How long a pooled connection may take to answer a ping before a new one is opened instead."""

_FRESH = 1.0
"""Seconds for which a connection that has just answered is not pinged: under load each ping would be a round trip more."""

UNREACHABLE = {
    "connect_timeout": 3,  # seconds to open a connection; the system's own limit is two minutes
    "tcp_user_timeout": 10_000,  # milliseconds that sent bytes may stay unacknowledged: the network drops them
    "keepalives_idle": 10,  # seconds without traffic until the first keepalive
    "keepalives_interval": 5,  # seconds between keepalives
    "keepalives_count": 3,  # unanswered keepalives until the host counts as gone; the system's own limits add up to two hours
}
"""When a PostgreSQL host that does not answer counts as gone."""

LIMITS = {
    "statement_timeout": timedelta(seconds=4),  # waiting for locks included, so a lock_timeout would add nothing
    "idle_in_transaction_session_timeout": timedelta(
        seconds=15
    ),  # a session that has lost its client releases its locks
}
"""Time-outs of the server. Our transactions are nothing but SQL, so none is idle for long."""

_LONGEST_QUEUE = 3.0
"""Seconds that work may wait for a thread while the server answers nothing. While it is only slow, all work waits its turn."""

_ENDLESS = timedelta(days=365).total_seconds()
_INTERVAL = 0.1
"""Seconds between two checks for a signal, as in psycopg."""


class LedgerConnection(psycopg.Connection[Any]):
    """A connection that waits `answer_within` seconds for each answer."""

    answer_within = ANSWER.total_seconds()
    answered = -_FRESH
    """When it was last given back to its pool, by the monotonic clock."""

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None) -> RV:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.answer_within)
        except _WaitTimeout:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {self.answer_within:g} s") from None


class EngineConnection(AsyncConnection[Any]):
    """The same for asyncio, for the engine's job queue; notifications have no time limit."""

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = _INTERVAL,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's
    ) -> RV:
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        try:
            return await super().wait(gen, interval, ANSWER.total_seconds())
        except _WaitTimeout:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {ANSWER.total_seconds():g} s") from None

    def notifies(self, *, timeout: float | None = None, stop_after: int | None = None) -> AsyncGenerator[Notify]:
        return super().notifies(timeout=_ENDLESS if timeout is None else timeout, stop_after=stop_after)


def _limit(connection: psycopg.Connection[Any]) -> None:
    """Set the server's time-outs for the life of the connection."""
    connection.autocommit = True  # what is set in a transaction ends with it
    connection.execute(
        "; ".join(f"SET {name} = {round(value.total_seconds() * 1000)}" for name, value in LIMITS.items()).encode()
    )
    connection.autocommit = False


class PostgresDatabase:
    """PostgreSQL: a bounded number of threads, each unit of work in a transaction of its own."""

    def __init__(self, url: str, *, connections: int = 8) -> None:
        self.url = url
        self.engine = _engine(url, connections)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="ledger")
        self._heard = time.monotonic()

    @property
    def remote(self) -> bool:
        return True

    def describe(self) -> str:
        return f"PostgreSQL {self.engine.url.render_as_string(hide_password=True)}"

    async def write(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work, time.monotonic())

    read = write

    def process_lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def drop_log(self) -> bool:
        return True  # the server's own log is the server's business

    async def aclose(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self.engine.dispose()

    def _run(self, work: Work[T], asked: float) -> T:
        if time.monotonic() - max(asked, self._heard) > _LONGEST_QUEUE:
            raise LedgerUnavailable(f"{self.describe()} has answered nothing for {_LONGEST_QUEUE:g} s")
        for attempt in (1, 2, 3):
            try:
                with self.engine.begin() as connection:
                    result = work(connection)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) in {"40001", "40P01"} and attempt < 3:
                    continue  # a deadlock or serialization failure: the transaction was undone, run it again
                if isinstance(error, OperationalError) or error.connection_invalidated:
                    raise LedgerUnavailable(f"{self.describe()} cannot be reached: {error.orig}") from error
                raise
            self._heard = time.monotonic()
            return result
        raise LedgerUnavailable(f"{self.describe()}: a transaction kept colliding with others")


def _engine(url: str, connections: int) -> Engine:
    given = make_url(url)
    engine = create_engine(
        given.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in UNREACHABLE.items() if name not in given.query},
        pool_size=connections,
        max_overflow=0,
        json_serializer=to_json,
        pool_pre_ping=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, arguments: Any, parameters: Any) -> LedgerConnection:
        return LedgerConnection.connect(*arguments, **parameters)

    @event.listens_for(engine, "connect")
    def set_limits(connection: LedgerConnection, _record: object) -> None:
        _limit(connection)

    @event.listens_for(engine, "checkin")
    def expect_ping(connection: LedgerConnection | None, _record: object) -> None:
        if connection is not None:
            connection.answer_within = PING.total_seconds()
            connection.answered = time.monotonic()

    @event.listens_for(engine, "checkout")
    def expect_answers(connection: LedgerConnection, _record: object, _proxy: object) -> None:
        connection.answer_within = ANSWER.total_seconds()

    ping = engine.dialect.do_ping

    def do_ping(connection: Any) -> bool:
        return time.monotonic() - connection.answered < _FRESH or ping(connection)

    engine.dialect.do_ping = do_ping  # type: ignore[method-assign, assignment]
    return engine
