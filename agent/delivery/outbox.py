"""The outbox: deliver what was committed, in order for each contact.

A delivery is marked as being sent, with the time, and committed before the request leaves. What may have gone out without our
knowing (a time-out, a process that died) is looked up in the platform's list before it is sent again, and what is not listed
counts as not sent only `SETTLE` after the attempt; where there is no list, it is sent again with the same idempotency key;
where there is none either, its own echo or status may tell, and otherwise it is held.
`begin` chooses the next delivery in a transaction, `deliver` makes the request and records how it ended.
"""

import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar, assert_never

import structlog
from sqlalchemy import Connection

from actions.action import ChangeTags, CloseConversation, Comment, CreateContact, SetLifecycle, UpdateContact
from agent import slots
from agent.delivery import matching, retry, window
from agent.faults import point
from agent.ledger import broadcasts, contacts, events, outbound
from agent.ledger.codec import BROADCAST, Assign, Deliverable, OpenConversation, lane
from agent.ledger.contacts import STANDARD
from agent.ledger.database import Database, Work, write_with_retry
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.outbound import Delivery
from agent.telemetry import spans
from messaging.errors import Invalid, NotFound, PlatformError
from messaging.formatting import on_one_line
from messaging.platform import Capabilities, Platform
from messaging.transport import before_request
from messaging.types import (
    Address,
    ContactKey,
    CustomPayload,
    Email,
    File,
    Outbound,
    QuickReplies,
    Template,
    Text,
    participant_of,
)
from settings.backoff import Uniform

log = structlog.get_logger()
T = TypeVar("T")


SETTLE = timedelta(seconds=10)
"""How long after an attempt its message may still be missing in the platform's list: on the way, or not processed yet."""

_LOOK_AGAIN = timedelta(seconds=2)

UNSETTLED = "may have been sent: the platform does not list it yet"

ECHO_WAIT = timedelta(seconds=20)
"""How long the echo or status of a message whose fate is unknown is waited for, where the platform cannot be asked."""

HELD = "may have been sent: no answer came, and this platform cannot be asked"

_STALE_MARK = 2.0
"""Seconds after which the time of an attempt is written again: it waited for its rate limit, or its process was stopped."""


class _Overtaken(Exception):
    """While an attempt waited, its delivery was taken by another process, or must not go out any more; nothing was requested."""


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
        platforms: Mapping[str, Platform],
        *,
        owner: str,
        clock: Callable[[], datetime],
        repeat: Collection[str] = (),
        uniform: Uniform = random.uniform,
    ) -> None:
        """Deliver over some platforms.

        Args:
            platforms: by the name that contacts are kept under.
            owner: names this process in its marks.
            clock: the time, aware UTC.
            repeat: names of platforms where a message whose fate stays unknown is sent again instead of held.
            uniform: draws the jitter.
        """
        self._database = database
        self._platforms = platforms
        self._repeat = repeat
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
            if (reason := self._withheld(connection, delivery, now)) is not None:
                return Unsent(delivery, reason)
            if outbound.mark_sending(connection, delivery.id, self._owner, now):
                return Sending(delivery, time.monotonic())
        return min((delivery.next_attempt_at for delivery in heads), default=None)

    @staticmethod
    def _withheld(connection: Connection, delivery: Delivery, now: datetime) -> str | None:
        """End a delivery that must not go out any more, and say why."""
        state = contacts.load(connection, delivery.contact)
        obstacle = window.obstacle(delivery, state, now) if state is not None else None
        if obstacle is None:
            return None
        outbound.mark(connection, delivery.id, obstacle.state, now=now, reason=obstacle.reason)
        return obstacle.reason

    async def deliver(self, due: Due, then: Work[T]) -> T:
        """Send a delivery, or find out whether it was sent, and record it.

        Args:
            due: what `begin` returned.
            then: runs in the transaction that records the outcome, to choose what comes next.

        Returns:
            What `then` returned.
        """
        with structlog.contextvars.bound_contextvars(**spans.log_ids(due.delivery.turn)):
            return await self._deliver(due, then)

    async def _deliver(self, due: Due, then: Work[T]) -> T:
        delivery = due.delivery
        if isinstance(due, Uncertain):
            return await self._look_up(delivery, then)
        if isinstance(due, Unsent):
            log.info("delivery_not_sent", delivery=delivery.id, contact=str(delivery.contact), reason=due.reason)
            return await self._database.write(then)
        point("before-send")
        started = time.perf_counter()
        try:
            async with slots.released(), self._kept_fresh(due):
                message_id = await self._measured(delivery)
        except _Overtaken as error:
            log.info("delivery_not_sent", delivery=delivery.id, contact=str(delivery.contact), reason=str(error))
            return await self._database.write(then)
        except PlatformError as error:
            return await self._failed(delivery, error, then)
        except LedgerUnavailable:
            raise
        except Exception as error:  # it would fail again and again, and hold up what comes after it
            log.exception("delivery_failed", delivery=delivery.id, contact=str(delivery.contact))
            return await self._mark(delivery, "failed", then, reason=f"it cannot be sent: {type(error).__name__}")
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

    @asynccontextmanager
    async def _kept_fresh(self, due: Sending) -> AsyncIterator[None]:
        """Keep the time of an attempt true, which may wait long for its rate limit: a later look-up counts from it.

        Raises:
            _Overtaken: the delivery was taken by another process, or must not go out any more.
        """
        delivery, stamped = due.delivery, due.since

        def stamp(connection: Connection) -> str | None:
            now = self._clock()
            if not outbound.keep_sending(connection, delivery.id, self._owner, now):
                return "another process has taken it"
            return self._withheld(connection, delivery, now)

        async def leaving() -> None:
            nonlocal stamped
            while time.monotonic() - stamped > _STALE_MARK:
                stamped = time.monotonic()
                if (reason := await self._database.write(stamp)) is not None:
                    raise _Overtaken(reason)

        await leaving()
        token = before_request.set(leaving)
        try:
            yield
        finally:
            before_request.reset(token)

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
        wait = verdict.after
        if verdict.look_first and self._cannot_ask(delivery) and delivery.contact.platform not in self._repeat:
            wait = ECHO_WAIT
        log.warning(
            "delivery_postponed",
            delivery=delivery.id,
            contact=str(delivery.contact),
            reason=str(error),
            seconds=round(wait.total_seconds(), 2),
        )
        return await self._mark(delivery, state, then, reason=str(error), next_attempt_at=now + wait)

    async def _look_up(self, delivery: Delivery, then: Work[T]) -> T:
        """Find out about a message that may have gone out; when it has not, or it does no harm, it is pending again."""
        content = delivery.content
        if isinstance(content, Comment) and self._capabilities(delivery).comments:  # no platform lists notes
            if (reported := delivery.platform_message_id) is not None:
                return await self._found(delivery, reported, then)
            if delivery.contact.platform not in self._repeat:
                return await self._hold(delivery, then)
        if isinstance(content, Text | File | QuickReplies | Email | Template | CustomPayload):
            if (reported := delivery.platform_message_id) is not None:  # its echo or status has come
                return await self._found(delivery, reported, then)
            if self._cannot_ask(delivery):
                return await self._unasked(delivery, then)
            if not self._capabilities(delivery).message_list:  # the same key: the platform does it once
                return await self._mark(delivery, "pending", then)
            try:
                found = await self._find(delivery, content)
            except NotFound:  # this platform keeps no list: sending again is better than silence
                return await self._mark(delivery, "pending", then)
            except PlatformError as error:
                return await self._failed(delivery, error, then)
            if found is not None:
                return await self._found(delivery, found, then)
            if (again := self._not_yet(delivery)) is not None:
                return await self._mark(delivery, "uncertain", then, reason=UNSETTLED, next_attempt_at=again)
        return await self._mark(delivery, "pending", then)

    def _not_yet(self, delivery: Delivery) -> datetime | None:
        """When to look again for a message that is not listed; `None`: it is certain that it was not sent."""
        now, attempted = self._clock(), delivery.attempted_at
        if attempted is None or abs(now - attempted) >= SETTLE:  # far ahead, where the clock was set back
            return None
        return min(now + _LOOK_AGAIN, attempted + SETTLE)

    async def _found(self, delivery: Delivery, message_id: str, then: Work[T]) -> T:
        task = await self._mark(delivery, "sent", then, message_id=message_id)
        log.info("delivery_found", delivery=delivery.id, contact=str(delivery.contact), message=message_id)
        return task

    def _capabilities(self, delivery: Delivery) -> Capabilities:
        platform = self._platforms.get(delivery.contact.platform)
        return Capabilities(message_list=True) if platform is None else platform.capabilities

    def _cannot_ask(self, delivery: Delivery) -> bool:
        """Whether the fate of a message can only be learnt from an echo or a status: the platform cannot be asked."""
        can = self._capabilities(delivery)
        is_message = isinstance(delivery.content, Text | File | QuickReplies | Email | Template | CustomPayload)
        begins = participant_of(delivery.contact) is not None  # a conversation that is not there yet has no list
        return is_message and (begins or (not can.message_list and not can.idempotency_keys))

    async def _unasked(self, delivery: Delivery, then: Work[T]) -> T:
        """Wait for the echo of a message once; then hold it, or send it again where the owner prefers that."""
        if delivery.contact.platform in self._repeat:
            return await self._mark(delivery, "pending", then)
        if delivery.state == "sending":
            until = self._clock() + ECHO_WAIT
            return await self._mark(delivery, "uncertain", then, reason=HELD, next_attempt_at=until)
        return await self._hold(delivery, then)

    async def _hold(self, delivery: Delivery, then: Work[T]) -> T:
        """Make a dead letter of it, which its echo or status may still settle."""
        log.error("delivery_held", delivery=delivery.id, contact=str(delivery.contact), reason=HELD)
        return await self._mark(delivery, "failed", then, reason=HELD, may_have_been_sent=True)

    async def _create(self, platform: Platform, wanted: CreateContact) -> None:
        """Create a contact, on this platform or the first that can; one who is there already stays as they are."""
        able = (each for each in (platform, *self._platforms.values()) if wanted.by in each.capabilities.finds)
        where = next(able, None)
        if where is None:
            raise Invalid(f"no platform of messaging can create a contact by {wanted.by}: {wanted.address}")
        address = Address(wanted.by, wanted.address)
        try:
            known = await where.find_contact(address)
        except NotFound:
            await where.create_contact(
                address, {"first_name": address.value, **wanted.fields, address.by: address.value}
            )
            return
        log.info("contact_known", contact=str(known.key))

    def _platform(self, contact: ContactKey) -> Platform:
        platform = self._platforms.get(contact.platform)
        if platform is None:
            raise Invalid(f"no platform named {contact.platform} is configured in messaging")
        return platform

    async def _find(self, delivery: Delivery, content: Outbound) -> str | None:
        """The platform's id of a message like ours that is not one we already know of."""
        async with slots.released():
            messages = await self._platform(delivery.contact).messages(
                delivery.contact, since=matching.since(delivery.created_at)
            )
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
        may_have_been_sent: bool = False,
    ) -> T:
        now = self._clock()

        def work(connection: Connection) -> T:
            current = outbound.lock_receiver(connection, delivery)
            if state == "sent" and current.lane == BROADCAST:
                broadcasts.sent(connection, current.id, current.contact, message_id, now)
            if state == "sent" and lane(current.content) == "message":
                _record_sent(connection, current, message_id, now)
            outbound.mark(
                connection,
                delivery.id,
                state,
                now=now,
                reason=reason,
                message_id=message_id,
                next_attempt_at=next_attempt_at,
                may_have_been_sent=may_have_been_sent,
            )
            return then(connection)

        return await write_with_retry(self._database, work)

    async def _measured(self, delivery: Delivery) -> str | None:
        """`_perform` as a span of the turn that wanted it, whichever process that was."""
        platform = delivery.contact.platform
        about = {"messaging.operation.type": "send", "balas.delivery": delivery.id}
        with spans.measured("send", platform, about, of_turn=delivery.turn) as span:
            span.attributes |= {
                "balas.delivery.kind": type(delivery.content).__name__,
                "balas.delivery.attempts": delivery.attempts,
            }
            message_id = await self._perform(delivery)
            if message_id is not None:
                span.attributes["messaging.message.id"] = message_id
        return message_id

    async def _perform(self, delivery: Delivery) -> str | None:
        """One request to the platform; the message id, for a message."""
        key, content, platform = delivery.contact, delivery.content, self._platform(delivery.contact)
        if (lacking := lacks(content, platform.capabilities)) is not None:
            log.info(
                "kept_in_the_ledger", delivery=delivery.id, contact=str(key), reason=f"{key.platform} has no {lacking}"
            )
            return None
        match content:
            case Template():
                return await platform.send(key, on_one_line(content), delivery.channel, key=delivery.id)
            case Text() | File() | QuickReplies() | Email() | CustomPayload():
                return await platform.send(key, content, delivery.channel, key=delivery.id)
            case Assign(to):
                await platform.assign(key, to)
            case OpenConversation():
                await platform.open_conversation(key)
            case UpdateContact(fields):
                await platform.update_contact(key, fields)
            case CreateContact():
                await self._create(platform, content)
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


def _record_sent(connection: Connection, delivery: Delivery, message_id: str | None, now: datetime) -> None:
    """Record as an event that a message of ours went out."""
    if not events.wanted(connection, "message.sent"):
        return
    content = delivery.content
    text = content.text if isinstance(content, Text) else None
    data = {"text": text, "message_id": message_id, "author": "agent", "kind": type(content).__name__}
    data |= {"template": content.name} if isinstance(content, Template) else {}
    identity = f"message.sent/{delivery.id}"
    events.record(connection, "message.sent", delivery.contact, identity=identity, data=data, now=now)


def lacks(content: Deliverable, can: Capabilities) -> str | None:
    """Name what a platform would need for a task and does not have; the ledger has kept the fact already."""
    match content:
        case Assign():
            return None if can.assignment else "assignment"
        case OpenConversation() | CloseConversation():
            return None if can.conversations else "open and closed conversations"
        case UpdateContact(fields):
            standard = all(name in STANDARD for name in fields)
            fits = can.contact_fields == "custom" or (can.contact_fields == "standard" and standard)
            return None if fits else "such contact fields"
        case ChangeTags():
            return None if can.tags else "tags"
        case SetLifecycle():
            return None if can.lifecycle else "lifecycle stages"
        case Comment():
            return None if can.comments else "notes for colleagues"
    return None
