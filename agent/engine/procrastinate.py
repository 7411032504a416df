"""The engine of many processes: a procrastinate job per wake, on PostgreSQL, worked on by any number of `balas worker`.

The job's lock is the contact, so no two workers see to one contact at once; its queueing lock is the contact too, so ten
messages make one job. Short delays (the quiet window) are kept by the process that accepted: procrastinate finds scheduled
jobs only by polling, every five seconds. Long ones are left to the sweep over the ledger's wake times.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from agent.engine.engine import NEAR, Handle
from messaging.types import ContactKey

log = structlog.get_logger()

STALLED = 20.0
"""Seconds without a heartbeat after which a worker counts as dead and its contacts are given to others."""

_TASK = "balas:see_to"
_AFTER_A_FAULT = timedelta(seconds=5)


class ProcrastinateEngine:
    """Wakes contacts across processes. One that only accepts never calls `run`."""

    def __init__(
        self, url: str, *, concurrent: int = 100, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=4))
        self._concurrent = concurrent
        self._clock = clock
        self._timers: dict[ContactKey, tuple[datetime, asyncio.TimerHandle]] = {}
        self._deferring: set[asyncio.Task[None]] = set()
        self._running: set[ContactKey] = set()
        self._worker: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect. The tables are made with those of the ledger (`agent.ledger.migrate`)."""
        await self._app.open_async()

    async def aclose(self) -> None:
        for _, timer in self._timers.values():
            timer.cancel()
        await self._app.close_async()

    async def wake(self, contact: ContactKey, at: datetime) -> None:
        delay = at - self._clock()
        if delay > NEAR:
            return  # the ledger knows the time, and the sweep will find it
        if (earlier := self._timers.pop(contact, None)) is not None:
            earlier[1].cancel()
        if delay <= timedelta(0):
            await self._defer(contact)
            return
        timer = asyncio.get_running_loop().call_later(delay.total_seconds(), self._ring, contact)
        self._timers[contact] = (at, timer)

    def _ring(self, contact: ContactKey) -> None:
        self._timers.pop(contact, None)
        task = asyncio.create_task(self._defer(contact))
        self._deferring.add(task)
        task.add_done_callback(self._deferring.discard)

    async def _defer(self, contact: ContactKey) -> None:
        name = str(contact)
        job = self._app.configure_task(_TASK, lock=name, queueing_lock=name, queue="contacts")
        try:
            await job.defer_async(platform=contact.platform, contact_id=contact.id)
        except AlreadyEnqueued:
            return
        except ConnectorException as error:
            log.error("wake_not_queued", contact=name, reason=str(error))  # the sweep will do it

    async def run(self, handle: Handle) -> None:
        async def see_to(platform: str, contact_id: str) -> None:
            contact = ContactKey(platform, contact_id)
            self._running.add(contact)
            try:
                next_at = await handle(contact)
            except Exception:
                log.exception("contact_failed", contact=str(contact))
                next_at = self._clock() + _AFTER_A_FAULT
            finally:
                self._running.discard(contact)
            if next_at is not None:
                await self.wake(contact, next_at)

        self._app.task(name=_TASK, queue="contacts")(see_to)
        rescue = asyncio.create_task(self._rescue(), name="rescue")
        self._worker = asyncio.create_task(
            self._app.run_worker_async(
                queues=["contacts"],
                concurrency=self._concurrent,
                install_signal_handlers=False,
                delete_jobs="always",
                update_heartbeat_interval=5.0,
                stalled_worker_timeout=STALLED,
                shutdown_graceful_timeout=30.0,
            ),
            name="procrastinate worker",
        )
        try:
            await self._worker
        except asyncio.CancelledError:
            if not self._worker.done():
                raise
        finally:
            rescue.cancel()

    async def stop(self, grace: timedelta) -> None:
        if self._worker is not None:
            self._worker.cancel()  # procrastinate takes this as the wish to stop: running jobs are finished first
            await asyncio.wait([self._worker], timeout=grace.total_seconds())

    def idle(self, *, within: timedelta = timedelta(0)) -> bool:
        horizon = self._clock() + within
        return not self._running and all(at > horizon for at, _ in self._timers.values())

    def load(self) -> tuple[int, int]:
        return len(self._running), len(self._timers)

    async def _rescue(self) -> None:
        """Put the jobs of dead workers back into the queue: while they count as being done, their contacts are locked."""
        while True:
            await asyncio.sleep(STALLED / 4)
            try:
                for job in await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED):
                    log.warning("job_rescued", contact=job.lock)
                    await _put_back(self._app, job)
            except ConnectorException as error:
                log.error("rescue_failed", reason=str(error))


async def _put_back(app: App, job: Any) -> None:
    """Retry a job; when a newer one of the contact waits already, this one is done with."""
    from procrastinate.jobs import Status

    try:
        await app.job_manager.retry_job(job)
    except ConnectorException:
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
