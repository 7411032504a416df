"""Connections to PostgreSQL that do not wait for good for a server that has fallen silent.

libpq notices a host that is gone (`UNREACHABLE`), PostgreSQL a statement that takes too long (`LIMITS`). Nobody notices a
server that is there and frozen: the kernel goes on acknowledging for it. So a connection that owes an answer for
`ANSWER` is closed, by us. Whether what was asked was done is then unknown, as after any lost connection.
"""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, TypeVar

from psycopg import AsyncConnection, Connection, Notify, OperationalError
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout

RV = TypeVar("RV")

ANSWER = timedelta(seconds=5)
"""How long one answer is waited for: longer than the server's own limit, so that a healthy server says no by itself."""

PING = timedelta(seconds=2)
"""How long a connection from the pool may take to say that it is still there, before a new one is made instead."""

UNREACHABLE = {
    "connect_timeout": 3,  # seconds until a new connection stands; the system's own is two minutes
    "tcp_user_timeout": 10_000,  # milliseconds that sent bytes may stay unacknowledged: the network drops them
    "keepalives_idle": 10,  # seconds without traffic until the other side is asked whether it is there
    "keepalives_interval": 5,  # seconds between such questions; after the third, …
    "keepalives_count": 3,  # … nobody is: the system's own is two hours
}
"""When a PostgreSQL host that does not answer counts as gone."""

LIMITS = {
    "statement_timeout": timedelta(seconds=4),  # waiting for locks included, so a lock_timeout would add nothing
    "idle_in_transaction_session_timeout": timedelta(seconds=15),  # a session we cannot reach lets go of its locks
}
"""What the server itself puts an end to. Our transactions are nothing but SQL, so none is idle for long."""

_ENDLESS = timedelta(days=365).total_seconds()
_INTERVAL = 0.1
"""Seconds between two looks for a signal, as in psycopg."""


class LedgerConnection(Connection[Any]):
    """One that waits `answer_within` seconds for each answer."""

    answer_within = ANSWER.total_seconds()

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None) -> RV:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.answer_within)
        except _WaitTimeout:
            self.pgconn.finish()
            raise OperationalError(f"no answer within {self.answer_within:g} s") from None


class EngineConnection(AsyncConnection[Any]):
    """The same for asyncio; only notifications are waited for as long as it takes."""

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
            raise OperationalError(f"no answer within {ANSWER.total_seconds():g} s") from None

    def notifies(self, *, timeout: float | None = None, stop_after: int | None = None) -> AsyncGenerator[Notify]:
        return super().notifies(timeout=_ENDLESS if timeout is None else timeout, stop_after=stop_after)


def limit(connection: Connection[Any]) -> None:
    """Tell the server its limits, for as long as the connection lives."""
    connection.autocommit = True  # what is set in a transaction ends with it
    connection.execute(
        "; ".join(f"SET {name} = {round(value.total_seconds() * 1000)}" for name, value in LIMITS.items()).encode()
    )
    connection.autocommit = False
