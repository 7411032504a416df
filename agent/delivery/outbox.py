"""The outbox: deliver what was committed, in order for each contact.

A delivery is marked as being sent and committed before the request leaves. What may have gone out without our knowing (a
time-out, a process that died) is looked up in the platform's list before it is sent again. `begin` chooses the next delivery
in a transaction, `deliver` makes the request and records how it ended.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, assert_never

import structlog
from sqlalchemy import Connection

from actions.action import ChangeTags, CloseConversation, Comment, SetLifecycle, UpdateContact
from agent import slots
from agent.delivery import matching, retry, window
from agent.faults import point
from agent.ledger import broadcasts, contacts, outbound
from agent.ledger.codec import BROADCAST, Assign, OpenConversation
from agent.ledger.database import Database, Work, lock_contact, write_with_retry
from agent.ledger.outbound import Delivery
from messaging.errors import NotFound, PlatformError
from messaging.platform import Platform
from messaging.types import ContactKey, CustomPayload, Email, File, Outbound, QuickReplies, Template, Text
from settings.backoff import Uniform

log = structlog.get_logger()
T = TypeVar("T")


_STALE_MARK = 2.0
"""Seconds after which a process that was stopped (SIGSTOP) must treat its own mark as stale."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A delivery that is marked as being sent, `since` then on the monotonic clock (seconds)."""

    delivery: Delivery
    since: float


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A delivery that may have gone out already; the platform's list says whether."""

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Unsent:
    """A delivery that was due and must not be sent any more."""

    delivery: Delivery
    reason: str


Due = Sending | Uncertain | Unsent


class Outbox:
    """Delivers to one contact at a time; the engine ensures that no two deliver to the same contact at once."""

    def __init__(
        self,
        database: Database,
        platform: Platform,
        *,
        owner: str,
        clock: Callable[[], datetime],
        uniform: Uniform = random.uniform,
    ) -> None:
        self._database = database
        self._platform = platform
        self._owner = owner
        self._clock = clock
        self._uniform = uniform

    def begin(self, connection: Connection, contact: ContactKey) -> Due | datetime | None:
        """Choose the next delivery of a contact and mark it as being sent.

        Returns:
            The delivery, or when the first one is due, or `None` when there is none.
        """
        now = self._clock()
        heads = outbound.heads(connection, contact)
        for delivery in heads:
            if delivery.next_attempt_at > now:
                continue
            if delivery.state != "pending":
                return Uncertain(delivery)
            state = contacts.load(connection, contact)
            obstacle = window.obstacle(delivery, state, now) if state is not None else None
            if obstacle is not None:
                outbound.mark(connection, delivery.id, obstacle.state, now=now, reason=obstacle.reason)
                return Unsent(delivery, obstacle.reason)
            if outbound.mark_sending(connection, delivery.id, self._owner):
                return Sending(delivery, time.monotonic())
        return min((delivery.next_attempt_at for delivery in heads), default=None)

    async def deliver(self, due: Due, then: Work[T]) -> T:
        """Send a delivery, or find out whether it was sent, and record it.

        Args:
            due: what `begin` returned.
            then: runs in the transaction that records the outcome, to choose what comes next.

        Returns:
            What `then` returned.
        """
        delivery = due.delivery
        if isinstance(due, Uncertain):
            return await self._look_up(delivery, then)
        if isinstance(due, Unsent):
            log.info("delivery_not_sent", delivery=delivery.id, contact=str(delivery.contact), reason=due.reason)
            return await self._database.write(then)
        if time.monotonic() - due.since > _STALE_MARK:
            reason = "the process was stopped just before sending"
            return await self._mark(delivery, "uncertain", then, reason=reason)
        point("before-send")
        started = time.perf_counter()
        try:
            async with slots.released():
                message_id = await self._perform(delivery)
        except PlatformError as error:
            return await self._failed(delivery, error, then)
        point("sent")
        task = await self._mark(delivery, "sent", then, message_id=message_id)
        log.info(
            "delivery_sent",
            delivery=delivery.id,
            contact=str(delivery.contact),
            kind=type(delivery.content).__name__,
            message=message_id,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return task

    async def _failed(self, delivery: Delivery, error: PlatformError, then: Work[T]) -> T:
        now = self._clock()
        verdict = retry.decide(
            error,
            attempts=delivery.attempts + 1,
            age=now - delivery.created_at,
            lane=delivery.lane,
            uniform=self._uniform,
        )
        if isinstance(verdict, retry.GiveUp):
            log.error("delivery_failed", delivery=delivery.id, contact=str(delivery.contact), reason=verdict.reason)

            def mark_stale(connection: Connection) -> T:
                if isinstance(delivery.content, UpdateContact | ChangeTags | SetLifecycle):
                    contacts.mark_stale(connection, delivery.contact)
                return then(connection)

            return await self._mark(delivery, "failed", mark_stale, reason=verdict.reason)
        state = "uncertain" if verdict.look_first else "pending"
        log.warning(
            "delivery_postponed",
            delivery=delivery.id,
            contact=str(delivery.contact),
            reason=str(error),
            seconds=round(verdict.after.total_seconds(), 2),
        )
        return await self._mark(delivery, state, then, reason=str(error), next_attempt_at=now + verdict.after)

    async def _look_up(self, delivery: Delivery, then: Work[T]) -> T:
        """Look a message up that may have gone out; when it has not, it is pending again."""
        content = delivery.content
        if isinstance(content, Text | File | QuickReplies | Email | Template | CustomPayload):
            try:
                found = await self._find(delivery, content)
            except NotFound:
                found = None  # this platform keeps no list: sending again is better than silence
            except PlatformError as error:
                return await self._failed(delivery, error, then)
            if found is not None:
                task = await self._mark(delivery, "sent", then, message_id=found)
                log.info("delivery_found", delivery=delivery.id, contact=str(delivery.contact), message=found)
                return task
        return await self._mark(delivery, "pending", then)

    async def _find(self, delivery: Delivery, content: Outbound) -> str | None:
        """The platform's id of a message like ours that is not one we already know of."""
        async with slots.released():
            messages = await self._platform.messages(delivery.contact, since=matching.since(delivery.created_at))
        known = await self._database.read(lambda connection: outbound.known_message_ids(connection, delivery.contact))
        ours = (message.id for message in messages if matching.is_ours(message, content, delivery.created_at, known))
        return next(ours, None)

    async def _mark(
        self,
        delivery: Delivery,
        state: str,
        then: Work[T],
        *,
        reason: str | None = None,
        message_id: str | None = None,
        next_attempt_at: datetime | None = None,
    ) -> T:
        now, contact = self._clock(), delivery.contact

        def work(connection: Connection) -> T:
            lock_contact(connection, contact.platform, contact.id)
            if state == "sent" and delivery.lane == BROADCAST:
                broadcasts.sent(connection, delivery.id, contact, message_id, now)
            outbound.mark(
                connection,
                delivery.id,
                state,
                now=now,
                reason=reason,
                message_id=message_id,
                next_attempt_at=next_attempt_at,
            )
            return then(connection)

        return await write_with_retry(self._database, work)

    async def _perform(self, delivery: Delivery) -> str | None:
        """One request to the platform; the message id, for a message."""
        key, content, platform = delivery.contact, delivery.content, self._platform
        match content:
            case Text() | File() | QuickReplies() | Email() | Template() | CustomPayload():
                return await platform.send(key, content, delivery.channel)
            case Assign(to):
                await platform.assign(key, to)
            case OpenConversation():
                await platform.open_conversation(key)
            case UpdateContact(fields):
                await platform.update_contact(key, fields)
            case ChangeTags(add, remove):
                if add:
                    await platform.add_tags(key, add)
                if remove:
                    await platform.remove_tags(key, remove)
            case SetLifecycle(name):
                await platform.set_lifecycle(key, name)
            case Comment(text):
                await platform.comment(key, text)
            case CloseConversation(category, summary):
                await platform.close_conversation(key, category, summary)
            case _:
                assert_never(content)
        return None
