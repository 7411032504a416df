"""Statements, built once and run with parameters: building one costs several times as much as running it."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Table,
    and_,
    bindparam,
    create_engine,
    event,
    insert,
    literal_column,
    make_url,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from agent.ledger.errors import LedgerUnavailable
from agent.ledger.sqlite import LockFile

T = TypeVar("T")


def at(name: str) -> BindParameter[Any]:
    """A value that is given when the statement runs."""
    return bindparam(f"at_{name}")


def where(table: Table, *names: str) -> ColumnElement[bool]:
    """The columns `names` have the values given as `at_…` when the statement runs."""
    return and_(*(table.c[name] == at(name) for name in names))


def one_of(column: ColumnElement[str], *values: str) -> ColumnElement[bool]:
    """The column has one of the values, which are written into the statement: bound ones are expanded anew at every run."""
    return column.in_([literal_column(f"'{value}'") for value in values])


def insert_new(connection: Connection, table: Table, **values: Any) -> int | str | None:
    """Insert a row unless its key is there already; its first primary key column, or `None` when it was there."""
    statement = _insert_new(table, is_postgres(connection), tuple(values))
    result: int | str | None = connection.execute(statement, values).scalar()
    return result


@cache
def _insert_new(table: Table, postgres: bool, names: tuple[str, ...]) -> Executable:
    make = postgresql.insert if postgres else sqlite.insert
    key = next(iter(table.primary_key.columns))
    row: dict[str, Any] = {name: bindparam(name) for name in names}
    return make(table).values(row).on_conflict_do_nothing().returning(key)


def upsert(connection: Connection, table: Table, **values: Any) -> None:
    """Insert a row, or set all of its other columns when its primary key is there already."""
    connection.execute(_upsert(table, is_postgres(connection), tuple(values)), values)


@cache
def _upsert(table: Table, postgres: bool, names: tuple[str, ...]) -> Executable:
    make = postgresql.insert if postgres else sqlite.insert
    keys = [column.name for column in table.primary_key.columns]
    statement = make(table).values({name: bindparam(name) for name in names})
    changes = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row."""
    connection.execute(_insert(table, tuple(values)), dict(values))


@cache
def _insert(table: Table, names: tuple[str, ...]) -> Executable:
    return insert(table).values({name: bindparam(name) for name in names}).inline()


def change(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Set columns of the rows whose columns `key` have these values; how many rows there were."""
    statement = _change(table, tuple(key), tuple(values))
    return connection.execute(statement, {**{f"at_{name}": value for name, value in key.items()}, **values}).rowcount


@cache
def _change(table: Table, keys: Sequence[str], names: tuple[str, ...]) -> Executable:
    return update(table).where(where(table, *keys)).values({name: bindparam(name) for name in names})


Work = Callable[[Connection], T]


class Database(Protocol):
    """A database that runs units of work. `engine` is SQLAlchemy's, for migrations."""

    engine: Engine

    @property
    def remote(self) -> bool:
        """Whether a server keeps it: more units of work then wait for an answer at the same time."""

    def describe(self) -> str: ...

    def process_lock(self) -> AbstractContextManager[object]:
        """Keep other processes from working on it, where it can have only one. Raises `LedgerLocked`."""

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction; when this returns, what it wrote survives a power cut.

        `work` may run twice (after a deadlock), so it must not do anything but SQL.
        Raises `LedgerUnavailable` when the database cannot be written; nothing was changed then.
        """

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a consistent snapshot."""

    async def drop_log(self) -> bool:
        """Remove what was erased from the write-ahead log too; False while another process reads what is in it."""

    async def aclose(self) -> None: ...


def open_database(url: str, *, base: Path) -> Database:
    """`sqlite:///PATH` (relative to `base`), or `postgresql://…`."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///")).expanduser()
        return SqliteDatabase(path if path.is_absolute() else base / path)
    return PostgresDatabase(url)


class SqliteDatabase:
    """SQLite with one writer thread and group commit: what arrives while a commit is on its way shares the next one.

    SQLite's own lock queue is unfair: 50 concurrent writers gave a p99 of 437 ms, one writer with group commit 5 ms.
    """

    def __init__(self, path: Path, *, readers: int = 2) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.engine = _sqlite_engine(path, begin="BEGIN IMMEDIATE")
        self._reader = _sqlite_engine(path, begin="BEGIN")
        self._local = threading.local()
        self._open_readers: list[Connection] = []
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="ledger-read")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._writer = threading.Thread(target=self._write_loop, name="ledger-write", daemon=True)
        self._writer.start()

    remote = False

    def describe(self) -> str:
        return f"SQLite {self.path}"

    def process_lock(self) -> LockFile:
        return LockFile(self.path.with_name(self.path.name + ".lock"))

    async def write(self, work: Work[T]) -> T:
        if self._closed:
            raise LedgerUnavailable(f"the ledger {self.path} is closed")
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        self._jobs.put(job)
        return cast("T", await job.future)

    async def read(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._open_readers:
            connection.close()
        self.engine.dispose()
        self._reader.dispose()

    async def drop_log(self) -> bool:
        return await asyncio.to_thread(self._drop_log)

    def _drop_log(self) -> bool:
        with self._reader.connect() as connection:
            autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
            busy = autocommit.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        return not busy

    def _read(self, work: Work[T]) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._local.connection = self._reader.connect()
                self._open_readers.append(connection)
            with connection.begin():
                return work(connection)
        except DatabaseError as error:
            raise LedgerUnavailable(f"the ledger {self.path} cannot be read: {error.orig}") from error

    def _write_loop(self) -> None:
        connection: Connection | None = None
        while (job := self._jobs.get()) is not None:
            batch = [job]
            while not self._jobs.empty() and (more := self._jobs.get()) is not None:
                batch.append(more)
            try:
                connection = connection or self.engine.connect()
                self._run_batch(connection, batch)
            except Exception as error:  # noqa: BLE001 - whatever it is: those who wait hear of it, and the next ones are served
                reason = error.orig if isinstance(error, DBAPIError) else error
                unavailable = LedgerUnavailable(f"the ledger {self.path} cannot be written: {reason}")
                for one in batch:
                    one.error = unavailable
                if connection is not None:
                    connection.invalidate()
                    connection.close()
                    connection = None
            _deliver(batch)
            if self._closed and self._jobs.empty():
                break
        if connection is not None:
            connection.close()

    def _run_batch(self, connection: Connection, batch: "list[_Job]") -> None:
        if len(batch) == 1:
            self._run_alone(connection, batch[0])
            return
        with connection.begin():
            for job in batch:
                savepoint = connection.begin_nested()
                try:
                    job.result = job.work(connection)
                    savepoint.commit()
                except OperationalError:
                    raise
                except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                    savepoint.rollback()
                    job.error = error

    def _run_alone(self, connection: Connection, job: "_Job") -> None:
        """Without neighbours to protect, the transaction itself is undone when the work fails."""
        try:
            with connection.begin():
                job.result = job.work(connection)
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            job.error = error


class _Job:
    """A unit of work on its way through the writer thread."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Work[Any], loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]") -> None:
        self.work = work
        self.loop = loop
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


def _deliver(batch: list[_Job]) -> None:
    """Hand the results back, with one wake-up of each event loop."""
    for loop in {job.loop for job in batch}:
        mine = [job for job in batch if job.loop is loop]
        try:
            loop.call_soon_threadsafe(_resolve, mine)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _resolve(batch: list[_Job]) -> None:
    for job in batch:
        if job.future.cancelled():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _sqlite_engine(path: Path, *, begin: str) -> Engine:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    def start(connection: Any) -> None:
        connection.execute(begin)

    # the dialect's own hook: a listener for "begin" has every statement look for listeners, a tenth of its cost
    engine.dialect.do_begin = start  # type: ignore[method-assign, assignment]
    return engine


class PostgresDatabase:
    """PostgreSQL: a bounded number of threads, each unit of work in a transaction of its own."""

    def __init__(self, url: str, *, connections: int = 8) -> None:
        self.url = url
        self.engine = _postgres_engine(url, connections)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="ledger")
        self._heard = time.monotonic()

    remote = True

    async def drop_log(self) -> bool:
        return True  # what the server keeps in its own log is the server's affair

    def process_lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    def describe(self) -> str:
        return f"PostgreSQL {self.engine.url.render_as_string(hide_password=True)}"

    async def write(self, work: Work[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work, time.monotonic())

    read = write

    async def aclose(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self.engine.dispose()

    def _run(self, work: Work[T], asked: float) -> T:
        if time.monotonic() - max(asked, self._heard) > _LONGEST_QUEUE:
            raise LedgerUnavailable(f"{self.describe()} has not answered anybody for {_LONGEST_QUEUE:g} s")
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


_LONGEST_QUEUE = 3.0
"""Seconds that work may wait for a thread while the server answers nobody. Where it is only slow, all wait their turn."""


def _postgres_engine(url: str, connections: int) -> Engine:
    from agent.ledger import postgres

    given = make_url(url)
    engine = create_engine(
        given.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in postgres.UNREACHABLE.items() if name not in given.query},
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, arguments: Any, parameters: Any) -> postgres.LedgerConnection:
        return postgres.LedgerConnection.connect(*arguments, **parameters)

    @event.listens_for(engine, "connect")
    def limit(connection: postgres.LedgerConnection, _record: object) -> None:
        postgres.limit(connection)

    @event.listens_for(engine, "checkin")
    def expect_ping(connection: postgres.LedgerConnection | None, _record: object) -> None:
        if connection is not None:
            connection.answer_within = postgres.PING.total_seconds()

    @event.listens_for(engine, "checkout")
    def expect_answers(connection: postgres.LedgerConnection, _record: object, _proxy: object) -> None:
        connection.answer_within = postgres.ANSWER.total_seconds()

    return engine


def take_time(connection: Connection, longest: timedelta = timedelta(seconds=90)) -> None:
    """Say that the statements of this transaction may take so long each, by their nature: a report, house-keeping, an audience.

    All others count as unanswered after a few seconds on PostgreSQL (`agent.ledger.postgres`).
    """
    if is_postgres(connection):
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(longest.total_seconds() * 1000)}")
        own: Any = connection.connection.driver_connection
        own.answer_within = longest.total_seconds() + 1


def is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def lock_contact(connection: Connection, platform: str, contact: str) -> None:
    """Let one transaction at a time work on a contact, so that arrival numbers are given in commit order.

    SQLite has a single writer anyway; on PostgreSQL it is an advisory lock that ends with the transaction.
    """
    if is_postgres(connection):
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"{platform}:{contact}"}
        )
