"""Delivery of events to webhook targets: signed, in order per contact, retried until accepted or given up."""

import asyncio
import json
import time
import uuid
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx

from messaging.sandbox.errors import Invalid, NotFound
from messaging.sandbox.events import Event, EventType, MessageReceived, MessageSent
from messaging.sandbox.face import Face
from messaging.sandbox.faults import Faults
from messaging.sandbox.media import open_client
from messaging.sandbox.records import Attempt, Delivery, WebhookTarget
from messaging.sandbox.storage import Feed
from messaging.sandbox.workspace import Workspace
from settings.backoff import Backoff
from settings.clock import Clock

MOST_TARGETS = 35
_LONGEST_WAIT = timedelta(minutes=1)
_KEPT = 2000


def parse_events(names: object) -> tuple[str, ...]:
    """Check a list of event types. Raises: `Invalid` for one that does not exist, or none at all."""
    if not isinstance(names, list | tuple) or not names:
        raise Invalid("events: give a list of event types")
    unknown = [name for name in names if name not in list(EventType)]
    if unknown:
        raise Invalid(f"events: there is no event type {unknown[0]!r}; choose from {', '.join(EventType)}")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class RetryRule:
    """`tries` deliveries in all; the first wait is `backoff`, each further one twice as long, at most a minute."""

    tries: int
    backoff: timedelta
    timeout: timedelta

    def wait(self, tried: int) -> float:
        """Seconds to wait after so many tries."""
        return Backoff(self.backoff, _LONGEST_WAIT).ceiling(tried).total_seconds()


@dataclass(slots=True)
class _Queue:
    """The waiting deliveries of one contact to one target, in order, and the task that carries them out."""

    waiting: deque[int] = field(default_factory=deque)
    worker: asyncio.Task[None] | None = None


class Webhooks:
    """The targets, the log of deliveries, and the workers that carry them out.

    Args:
        face: spells and signs the bodies.
        workspace: what the face looks colleagues and channels up in.
        rule: how often and how long a delivery is tried.
    """

    def __init__(
        self, feed: Feed, faults: Faults, clock: Clock, rule: RetryRule, face: Face, workspace: Workspace
    ) -> None:
        self._feed = feed
        self._faults = faults
        self._clock = clock
        self.rule = rule
        self._face = face
        self._workspace = workspace
        self.targets: dict[int, WebhookTarget] = {}
        self.deliveries: dict[int, Delivery] = {}
        self._queues: dict[tuple[int, int], _Queue] = {}
        self._number = 0
        self._http: httpx.AsyncClient | None = None
        self._slots = asyncio.Semaphore(32)

    async def start(self) -> None:
        """Open the client and go on with what was waiting."""
        self._http = open_client()
        for key in self._queues:
            self._work(key)

    async def stop(self) -> None:
        """Stop at once; what is waiting stays waiting."""
        await self._halt()
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _halt(self) -> None:
        workers = [queue.worker for queue in self._queues.values() if queue.worker is not None]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for queue in self._queues.values():
            queue.worker = None

    def clear(self) -> None:
        """Forget every delivery; targets stay."""
        for queue in self._queues.values():
            if queue.worker is not None:
                queue.worker.cancel()
        self._queues.clear()
        self.deliveries.clear()

    def add(
        self, url: str, secret: str, events: tuple[str, ...] = tuple(EventType), name: str | None = None
    ) -> WebhookTarget:
        """Add a target. One of the same `name` is replaced, and what waits for it goes to the new address.

        Args:
            secret: signs each delivery; empty for none.
            events: their names, as `EventType`.

        Raises:
            Invalid: no http(s) address, or the 36th target.
        """
        if not url.startswith(("http://", "https://")):
            raise Invalid(f"url: {url!r} is not an http or https address")
        known = next((target.id for target in self.targets.values() if name is not None and target.name == name), None)
        if known is None and len(self.targets) >= MOST_TARGETS:
            raise Invalid(f"webhooks: a workspace has at most {MOST_TARGETS}")
        target = WebhookTarget(known or 1 + max(self.targets, default=0), url, secret, events, name)
        self.restore_target(target)
        return target

    def remove(self, number: int) -> None:
        """Remove a target; what waits for it is given up. Raises: `NotFound`."""
        if self.targets.pop(number, None) is None:
            raise NotFound("Webhook not found")
        self._feed.touch("webhooks")

    def restore_target(self, target: WebhookTarget) -> None:
        """Store a target under the id it has."""
        self.targets[target.id] = target
        self._feed.touch("webhooks")

    def restore(self, delivery: Delivery) -> None:
        """Store a delivery that was read from a file; a waiting one is queued again."""
        self._number = max(self._number, delivery.id)
        self.deliveries[delivery.id] = delivery
        if delivery.state == "waiting":
            self._queues.setdefault((delivery.target, delivery.contact), _Queue()).waiting.append(delivery.id)

    def emit(self, event: Event) -> None:
        """Queue an event for every target that subscribed to its type. It has one `event_id` for all targets."""
        targets = [target for target in self.targets.values() if event.type in target.events]
        if not targets:
            return
        event_id = str(uuid.uuid4())
        spelt = self._face.webhook(event, event_id, self._workspace)
        if spelt is None:
            return
        body = json.dumps(spelt, ensure_ascii=False)
        at, contact = self._clock(), event.contact.id
        message = event.message.id if isinstance(event, MessageReceived | MessageSent) else None
        for target in targets:
            self._number += 1
            self._keep(Delivery(self._number, target.id, event_id, event.type.value, contact, body, at, message))
            key = (target.id, contact)
            self._queues.setdefault(key, _Queue()).waiting.append(self._number)
            self._work(key)
        self._forget_old()

    async def settled(self) -> None:
        """Wait until nothing is waiting."""
        while any(queue.worker for queue in self._queues.values()):
            await asyncio.gather(
                *(queue.worker for queue in self._queues.values() if queue.worker), return_exceptions=True
            )

    def redeliver(self, number: int) -> Delivery:
        """Deliver once more what was delivered or given up, with the same bytes.

        Raises:
            NotFound: there is no delivery of this number.
        """
        delivery = self.deliveries.get(number)
        if delivery is None:
            raise NotFound("Delivery not found")
        if delivery.state != "waiting":
            delivery = replace(delivery, state="waiting")
            self._keep(delivery)
            key = (delivery.target, delivery.contact)
            self._queues.setdefault(key, _Queue()).waiting.append(number)
            self._work(key)
        return delivery

    def _keep(self, delivery: Delivery) -> None:
        self.deliveries[delivery.id] = delivery
        self._feed.touch("delivery", delivery.id)

    def _forget_old(self) -> None:
        if len(self.deliveries) > _KEPT:
            for number in list(self.deliveries)[: len(self.deliveries) - _KEPT]:
                if self.deliveries[number].state != "waiting":
                    del self.deliveries[number]
                    self._feed.touch("delivery", number)

    def _work(self, key: tuple[int, int]) -> None:
        queue = self._queues[key]
        if queue.worker is None and queue.waiting and self._http is not None:
            queue.worker = asyncio.create_task(self._run(key, queue, self._http))

    async def _run(self, key: tuple[int, int], queue: _Queue, http: httpx.AsyncClient) -> None:
        try:
            while queue.waiting:
                while self._faults.peek("hold_webhooks"):
                    await self._feed.wait(self._feed.seq, 60)
                    if self._feed.closed:
                        return
                if len(queue.waiting) == 1 and (fault := self._faults.peek("reorder_webhooks")):
                    await asyncio.sleep(fault.seconds)
                newest_first = len(queue.waiting) > 1 and self._faults.strike("reorder_webhooks")
                number = queue.waiting.pop() if newest_first else queue.waiting.popleft()
                try:
                    await self._deliver(number, http)
                except asyncio.CancelledError:
                    queue.waiting.appendleft(number)
                    raise
        finally:
            queue.worker = None
            if not queue.waiting and self._queues.get(key) is queue:
                del self._queues[key]

    async def _deliver(self, number: int, http: httpx.AsyncClient) -> None:
        tried = 0
        while (target := self.targets.get(self.deliveries[number].target)) is not None:
            first = self._attempt(number, target, http)
            fault = self._faults.strike("duplicate_webhooks")
            if fault is None:
                taken = await first
            else:
                taken, _ = await asyncio.gather(first, self._attempt(number, target, http, fault.seconds))
            tried += 1
            if taken or tried >= self.rule.tries:
                break
            await asyncio.sleep(self.rule.wait(tried))
        else:
            taken = False
        self._keep(replace(self.deliveries[number], state="delivered" if taken else "failed"))

    async def _attempt(self, number: int, target: WebhookTarget, http: httpx.AsyncClient, delay: float = 0) -> bool:
        await asyncio.sleep(delay)
        body = self.deliveries[number].body.encode()
        headers = {"content-type": "application/json", "user-agent": "balas-sandbox"}
        if target.secret:
            headers |= self._face.sign(target.secret, body)
        status: int | None = None
        error: str | None = None
        at = self._clock()
        async with self._slots:
            began = time.monotonic()
            try:
                async with asyncio.timeout(self.rule.timeout.total_seconds()):
                    status = (await http.post(target.url, content=body, headers=headers)).status_code
            except TimeoutError:
                error = f"no answer within {self.rule.timeout.total_seconds():g} s"
            except (httpx.HTTPError, httpx.InvalidURL) as reason:
                error = str(reason) or type(reason).__name__
            spent = round((time.monotonic() - began) * 1000)
        delivery = self.deliveries[number]
        attempts = (*delivery.attempts, Attempt(at, status, error, spent))
        self._keep(replace(delivery, attempts=attempts))
        return status is not None and 200 <= status < 300
