"""The engine of many processes: a procrastinate job per wake, on PostgreSQL, worked on by any number of `balas worker`.

The job's lock is the contact, so no two workers process one contact at once; its queueing lock is the contact too, so ten
messages make one job. Short delays (the quiet window) are kept by the process that accepted: procrastinate finds scheduled
jobs only by polling, every five seconds. Long ones are left to the sweep over the ledger's wake times.

A job wakes two workers, however many there are: contacts are spread over queues, and a worker listens to its share of them
(`owned`). What a worker takes is the job with the earliest deadline of any queue, when it is woken, when it has ended one and every
five seconds: so a queue whose workers are busy or dead waits for no one in particular.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from zlib import crc32

import psycopg.conninfo
import psycopg.sql
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.worker import Worker

from agent.engine.engine import AFTER_A_FAULT, NEAR, Handle
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.postgres import UNREACHABLE, EngineConnection
from messaging.types import ContactKey

log = structlog.get_logger()

STALLED = 20.0
"""Seconds without a heartbeat after which a worker counts as dead and its contacts are given to others."""

_HEARTBEAT = STALLED / 4
_AGAIN = 1.0
"""Seconds until the database is tried again after it could not be reached."""

_GIVEN_UP = 5.0
"""Seconds after which the pool begins anew to connect: its pauses double until then, to as long as an outage has lasted."""

_SAID_AGAIN = 30.0
"""Seconds after which the session that listens says again to what: a server that is frozen is noticed by its silence."""

_TASK = "balas:process"

QUEUES = frozenset(f"contacts-{number:02}" for number in range(32))
"""Names of the queues; more than the workers of one database, so that the shares are even."""

OWNERS = 2
"""How many workers listen to a queue: one more than needed, so that the death of one delays nothing."""

_CHANNEL = "procrastinate_queue_v1#"
"""procrastinate notifies of a new job on the channel of this prefix and the job's queue."""

_PRIORITIES_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""procrastinate takes the job with the highest priority, a number of 32 bits: the seconds from a deadline until then."""

_LIVE = "SELECT id FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %(seconds)s)"


def queue_of(contact: ContactKey) -> str:
    """Return the queue of a contact: the same in every process."""
    return f"contacts-{crc32(str(contact).encode()) % len(QUEUES):02}"


def owned(worker: int, workers: Collection[int]) -> frozenset[str]:
    """Choose the queues that a worker listens to, by rendezvous hashing: few change hands when workers come and go.

    Args:
        worker: Its id in `procrastinate_workers`.
        workers: The ids of all that are alive; it counts as one of them in any case.

    Returns:
        The queues for which it is among the first `OWNERS`.
    """

    def rank(queue: str, one: int) -> bytes:
        return blake2b(f"{queue} {one}".encode(), digest_size=8).digest()

    others = set(workers) - {worker}
    return frozenset(
        queue for queue in QUEUES if sum(rank(queue, one) > rank(queue, worker) for one in others) < OWNERS
    )


class _Connector(PsycopgConnector):
    """procrastinate's connector, which listens to the queues it is given, and again after the connection was lost."""

    def __init__(self, url: str) -> None:
        super().__init__(
            conninfo=url,
            connection_class=EngineConnection,
            kwargs=dict(UNREACHABLE),
            min_size=1,
            max_size=4,
            timeout=10.0,  # seconds until one of these is free
            reconnect_timeout=_GIVEN_UP,
        )
        self._address = psycopg.conninfo.make_conninfo(url, **UNREACHABLE)
        self.queues = QUEUES

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        while True:
            try:
                async with await EngineConnection.connect(self._address, autocommit=True) as connection:
                    await self._listen(connection, on_notification)
            except psycopg.OperationalError as error:
                log.warning("not_listening", reason=str(error).strip())
            await asyncio.sleep(_AGAIN)

    async def _listen(self, connection: EngineConnection, on_notification: Notify) -> None:
        """Listen to `queues`, which may change; to say so again now and then tells whether the server still answers."""
        heard: frozenset[str] = frozenset()
        said = 0.0
        while True:
            mine = self.queues
            if mine != heard or time.monotonic() - said > _SAID_AGAIN:
                words = [("UNLISTEN", queue) for queue in heard - mine] + [("LISTEN", queue) for queue in mine]
                await connection.execute(
                    psycopg.sql.SQL("; ").join(
                        psycopg.sql.SQL(word + " {}").format(psycopg.sql.Identifier(_CHANNEL + queue))
                        for word, queue in words
                    )
                )
                heard, said = mine, time.monotonic()
            async for notification in connection.notifies(timeout=_HEARTBEAT):
                await on_notification(channel=notification.channel, payload=notification.payload)


class ProcrastinateEngine:
    """Wakes contacts across processes. One that only accepts never calls `run`."""

    exclusive = False

    def __init__(
        self, url: str, *, concurrent: int = 100, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._connector = _Connector(url)
        self._app = App(connector=self._connector)
        self.concurrent = concurrent
        self._clock = clock
        self._timers: dict[ContactKey, tuple[datetime, datetime, asyncio.TimerHandle]] = {}  # due, deadline
        self._deferring: set[asyncio.Task[None]] = set()
        self._running: set[ContactKey] = set()
        self._worker: Worker | None = None
        self._working: asyncio.Task[None] | None = None
        self._suspects: set[int] = set()
        self._stopping = False

    async def open(self) -> None:
        """Connect. The tables are made with those of the ledger (`agent.ledger.migrate`)."""
        await self._app.open_async()

    async def resize(self, concurrent: int) -> None:
        """Change nothing: procrastinate takes the number when its worker begins, and stopping that would hold all contacts up."""

    async def aclose(self) -> None:
        for _, _, timer in self._timers.values():
            timer.cancel()
        await asyncio.gather(*self._deferring)
        await self._app.close_async()

    async def wake(self, contact: ContactKey, at: datetime, deadline: datetime | None = None) -> None:
        delay = at - self._clock()
        if delay > NEAR:
            return  # the ledger knows the time, and the sweep will find it
        by = at if deadline is None else deadline
        if (earlier := self._timers.pop(contact, None)) is not None:
            by = min(by, earlier[1])
            earlier[2].cancel()
        if delay <= timedelta(0):
            self._ring(contact, by)
            return
        timer = asyncio.get_running_loop().call_later(delay.total_seconds(), self._ring, contact, by)
        self._timers[contact] = (at, by, timer)

    def _ring(self, contact: ContactKey, deadline: datetime) -> None:
        self._timers.pop(contact, None)
        task = asyncio.create_task(self._defer(contact, deadline))
        self._deferring.add(task)
        task.add_done_callback(self._deferring.discard)

    async def _defer(self, contact: ContactKey, deadline: datetime) -> None:
        name = str(contact)
        job = self._app.configure_task(
            _TASK,
            lock=name,
            queueing_lock=name,
            queue=queue_of(contact),
            priority=int((_PRIORITIES_SINCE - deadline).total_seconds()),
        )
        try:
            await job.defer_async(platform=contact.platform, contact_id=contact.id, deadline=deadline.isoformat())
        except AlreadyEnqueued:
            return
        except ConnectorException as error:
            log.error("wake_not_queued", contact=name, reason=_reason(error))  # the sweep will do it

    async def run(self, handle: Handle) -> None:
        async def process(platform: str, contact_id: str, deadline: str) -> None:
            contact = ContactKey(platform, contact_id)
            self._running.add(contact)
            try:
                next_at = await handle(contact, datetime.fromisoformat(deadline))
            except LedgerUnavailable as error:
                log.error("contact_postponed", contact=str(contact), reason=str(error))
                next_at = self._clock() + AFTER_A_FAULT
            except Exception:
                log.exception("contact_failed", contact=str(contact))
                next_at = self._clock() + AFTER_A_FAULT
            finally:
                self._running.discard(contact)
            if next_at is not None:
                await self.wake(contact, next_at)

        self._app.task(name=_TASK)(process)
        watching = asyncio.create_task(self._watch(), name="watch over jobs")
        try:
            while not self._stopping:
                await self._work()
        finally:
            watching.cancel()

    async def _work(self) -> None:
        """Be a worker of procrastinate until `stop`, or until it breaks off because the database is away."""
        self._connector.queues = QUEUES  # until the others are known
        self._worker = Worker(
            self._app,
            queues=None,
            concurrency=self.concurrent,
            install_signal_handlers=False,
            delete_jobs="always",
            update_heartbeat_interval=_HEARTBEAT,
            stalled_worker_timeout=STALLED,
            shutdown_graceful_timeout=30.0,
        )
        self._working = asyncio.create_task(self._worker.run(), name="procrastinate worker")  # type: ignore[no-untyped-call]
        try:
            await self._working
        except ConnectorException as error:
            if not self._stopping:
                log.error("worker_broke_off", reason=_reason(error))
                await asyncio.sleep(_AGAIN)

    async def stop(self, grace: timedelta) -> None:
        """Take no more contacts; the running ones are finished first."""
        self._stopping = True
        if self._worker is not None and self._working is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait([self._working], timeout=grace.total_seconds())

    def idle(self, *, within: timedelta = timedelta(0)) -> bool:
        horizon = self._clock() + within
        return not self._running and all(at > horizon for at, _, _ in self._timers.values())

    def load(self) -> tuple[int, int]:
        return len(self._running), len(self._timers)

    async def _watch(self) -> None:
        """Share the queues, and requeue jobs that no worker works on: while a job is in state `doing`, its contact is locked.

        Heartbeats are sent from here too: procrastinate's own end with the first that fails, and other workers would take this
        one for stalled. None counts as stalled right after the database was unreachable.
        """
        away = False
        while True:
            await asyncio.sleep(_HEARTBEAT)
            try:
                if self._worker is not None and self._worker.worker_id is not None:
                    await self._app.job_manager.update_heartbeat(self._worker.worker_id)
                    live = await self._connector.execute_query_all_async(_LIVE, seconds=STALLED)
                    self._connector.queues = owned(self._worker.worker_id, {row["id"] for row in live})
                    for job in await self._orphaned(self._worker.worker_id):
                        await self._requeue(job)
                stalled = [] if away else await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED)
                for job in stalled:
                    await self._requeue(job)
                away = False
            except ConnectorException as error:
                away = True
                log.error("watch_failed", reason=_reason(error))

    async def _orphaned(self, worker_id: int) -> list[Job]:
        """Return jobs in state `doing` that belong to this worker and are not running: a statement or its answer was lost."""
        mine = await self._app.job_manager.list_jobs_async(status="doing", worker_id=worker_id)
        busy = {str(contact) for contact in self._running}
        idle = {job.id: job for job in mine if job.id is not None and job.lock not in busy}
        twice = [job for number, job in idle.items() if number in self._suspects]  # not just between two states
        self._suspects = set(idle)
        return twice

    async def _requeue(self, job: Job) -> None:
        """Retry a job; when a newer one of the contact waits already, this one is done with."""
        log.warning("job_rescued", contact=job.lock)
        try:
            await self._app.job_manager.retry_job(job)
        except ConnectorException:
            await self._app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)


def _reason(error: ConnectorException) -> str:
    """What the database's driver said; procrastinate's own words only say that it was the database."""
    return str(error.__cause__ or error).strip()
