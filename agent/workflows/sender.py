"""Telling other systems what happened: signed, in order for each contact, and retried for a day.

`signature` is what a receiver computes over the raw body; `docs/events.md` shows it in Python and JavaScript.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import structlog
from sqlalchemy import Connection

from actions.errors import ForbiddenTarget
from agent.config.workflows import WebhookSettings, Workflow
from agent.faults import point
from agent.ledger import webhooks
from agent.ledger.database import Database, write_with_retry
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.webhooks import Delivery
from messaging.signature import sign
from settings.backoff import Backoff

log = structlog.get_logger()

PAUSE = timedelta(seconds=0.5)
"""How often there is a look."""

SELDOM = timedelta(minutes=1)
"""How often where agent.yaml names no receiver: only what an earlier one has left is ended."""

GIVE_UP = timedelta(days=1)
"""How long a delivery is tried."""

TIMEOUT = timedelta(seconds=20)
"""How long a receiver may take."""

EVENT_ID = "X-Balas-Event-Id"
"""The header that names the event; every request that tells one has it."""

_BACKOFF = Backoff(timedelta(seconds=2), timedelta(minutes=30), least=0.5)
_AT_ONCE = 20
_LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Everything but the body that a delivery to a target needs."""

    secret: str | None = None
    headers: Mapping[str, str] | None = None


def targets_of(hooks: "tuple[WebhookSettings, ...]", flows: "tuple[Workflow, ...]") -> dict[str, Target]:
    """The targets of agent.yaml, by the name under which the ledger keeps them."""
    found = {f"webhooks:{hook.url}": Target(hook.secret.get_secret_value() if hook.secret else None) for hook in hooks}
    for flow in flows:
        for number, step in enumerate(flow.do):
            if step.post is not None:
                secret = step.post.secret.get_secret_value() if step.post.secret else None
                headers = {name: value.get_secret_value() for name, value in step.post.headers.items()}
                found[f"workflow:{flow.name}:{number}"] = Target(secret, headers)
    return found


def signature(secret: str, body: bytes) -> str:
    """`sha256=` and the hex HMAC-SHA256 of a raw body."""
    return "sha256=" + sign(secret.encode(), body, "hex")


class EventSender:
    """Sends what is queued, in every process that works; the ledger's claims keep them apart."""

    def __init__(
        self,
        database: Database,
        client: httpx.AsyncClient,
        targets: Mapping[str, Target],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Bring together what sending needs.

        Args:
            client: the guarded one.
            targets: by name.
            clock: the time, aware UTC.
        """
        self._database = database
        self._client = client
        self._targets = targets
        self._clock = clock

    async def run(self) -> None:
        """Send until cancelled. A receiver that does not answer delays only its own deliveries."""
        async with asyncio.TaskGroup() as sending:
            busy: dict[str, asyncio.Task[None]] = {}
            while True:
                due: list[Delivery] = []
                try:
                    due = await self._claim(list(busy))
                except LedgerUnavailable as error:
                    log.error("ledger_unavailable", reason=str(error))
                except Exception:  # the next look tries again
                    log.exception("webhooks_stuck")
                for target in dict.fromkeys(each.target for each in due):
                    batch = [each for each in due if each.target == target]
                    busy[target] = sending.create_task(self._send_safely(batch))
                if not due:
                    pause = asyncio.create_task(asyncio.sleep(self.pause.total_seconds()))
                    await asyncio.wait([pause, *busy.values()], return_when=asyncio.FIRST_COMPLETED)
                    pause.cancel()
                busy = {target: task for target, task in busy.items() if not task.done()}

    async def _claim(self, but: Sequence[str] = ()) -> list[Delivery]:
        return await self._database.write(lambda c: webhooks.claim(c, self._clock(), _AT_ONCE, but))

    async def _send_safely(self, batch: Sequence[Delivery]) -> None:
        """Send to one receiver; what cannot be recorded is claimed anew when its claim has run out."""
        for ended in await asyncio.gather(*map(self._send, batch), return_exceptions=True):
            if isinstance(ended, LedgerUnavailable):
                log.error("ledger_unavailable", reason=str(ended))
            elif isinstance(ended, Exception):
                log.error("webhooks_stuck", exc_info=ended)

    @property
    def pause(self) -> timedelta:
        return PAUSE if self._targets else SELDOM

    def next_due(self, connection: Connection) -> datetime | None:
        """When the next attempt at a delivery comes."""
        return webhooks.next_due(connection)

    async def work(self) -> int:
        """Send what is due now; how many deliveries there were."""
        due = await self._claim()
        await asyncio.gather(*map(self._send, due))
        return len(due)

    async def _send(self, delivery: Delivery) -> None:
        target = self._targets.get(delivery.target)
        if target is None:
            await self._mark(delivery, "failed", reason="agent.yaml does not name this receiver any more")
            return
        body = delivery.body.encode()
        headers = {**(target.headers or {}), "Content-Type": "application/json", EVENT_ID: delivery.event}
        headers["X-Balas-Event"] = delivery.name
        if target.secret is not None:
            headers["X-Balas-Signature"] = signature(target.secret, body)
        limits = {"guard": {"max_bytes": _LARGEST, "seconds": TIMEOUT.total_seconds()}}
        point("before-post")
        try:
            answer = await self._client.post(
                delivery.url, content=body, headers=headers, extensions=limits, follow_redirects=False
            )
        except ForbiddenTarget as error:
            await self._mark(delivery, "failed", reason=str(error))
            return
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            await self._postpone(delivery, None, str(error) or type(error).__name__)
            return
        point("posted")
        if answer.is_success:
            await self._mark(delivery, "sent", status=answer.status_code)
        else:
            await self._postpone(delivery, answer.status_code, f"answered with {answer.status_code}")

    async def _postpone(self, delivery: Delivery, status: int | None, reason: str) -> None:
        """Try again later, with growing pauses, for a day."""
        now = self._clock()
        if now - delivery.queued_at > GIVE_UP:
            await self._mark(delivery, "failed", status=status, reason=f"given up after a day: {reason}")
            return
        later = now + _BACKOFF.wait(delivery.attempts + 1, None)
        await self._mark(delivery, "pending", status=status, reason=reason, next_attempt_at=later)

    async def _mark(
        self,
        delivery: Delivery,
        state: str,
        *,
        status: int | None = None,
        reason: str | None = None,
        next_attempt_at: datetime | None = None,
    ) -> None:
        now = self._clock()
        await write_with_retry(
            self._database,
            lambda c: webhooks.mark(
                c, delivery.id, state, now=now, status=status, reason=reason, next_attempt_at=next_attempt_at
            ),
        )
        told = log.error if state == "failed" else log.info
        told(
            "webhook_delivery",
            delivery=delivery.event,
            name=delivery.name,
            state=state,
            status=status,
            attempts=delivery.attempts + 1,
            reason=reason,
        )
