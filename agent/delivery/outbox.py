"""The outbox: sends what turns have written, in order per contact, once, whatever happens on the way."""

import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import assert_never

import structlog
from sqlalchemy import Connection

from actions.action import ChangeTags, CloseConversation, Comment, SetLifecycle, UpdateContact
from agent.delivery import retry, window
from agent.delivery.tasks import Assign, OpenConversation
from agent.faults import point
from agent.ledger import broadcasts, contacts, outbound, patience
from agent.ledger.codec import BROADCAST
from agent.ledger.database import Database
from agent.ledger.outbound import Delivery
from messaging.errors import NotFound, PlatformError
from messaging.platform import Platform
from messaging.types import ContactKey, CustomPayload, Email, File, Outbound, QuickReplies, Template, Text

log = structlog.get_logger()

_STALE_MARK = 2.0
"""Seconds after which a process that was stopped (SIGSTOP) must not trust its own mark any more."""


class Outbox:
    """Delivers to one contact at a time; the engine sees to it that no two deliver to the same contact at once."""

    def __init__(
        self,
        database: Database,
        platform: Platform,
        *,
        owner: str,
        clock: Callable[[], datetime],
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._database = database
        self._platform = platform
        self._owner = owner
        self._clock = clock
        self._spread = spread

    async def deliver(self, contact: ContactKey) -> None:
        """Send everything of this contact that is due."""
        while True:
            now = self._clock()
            heads = await self._database.read(lambda connection: outbound.heads(connection, contact))
            due = [head for head in heads if head.next_attempt_at <= now]
            if not due:
                return
            for delivery in due:
                await self._attempt(delivery)

    async def _attempt(self, delivery: Delivery) -> None:
        if delivery.state != "pending" and await self._went_out(delivery):
            return
        marked = time.monotonic()
        obstacle = await self._database.write(lambda connection: self._begin(connection, delivery))
        if obstacle is not None:
            log.info("delivery_not_sent", delivery=delivery.id, contact=str(delivery.contact), reason=obstacle)
            return
        if time.monotonic() - marked > _STALE_MARK:
            await self._mark(delivery, "uncertain", reason="the process was stopped just before sending")
            return
        point("before-send")
        started = time.perf_counter()
        try:
            message_id = await self._perform(delivery)
        except PlatformError as error:
            await self._failed(delivery, error)
            return
        point("sent")
        await self._mark(delivery, "sent", message_id=message_id)
        log.info(
            "delivery_sent",
            delivery=delivery.id,
            contact=str(delivery.contact),
            kind=type(delivery.content).__name__,
            message=message_id,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )

    def _begin(self, connection: Connection, delivery: Delivery) -> str | None:
        """Mark it as being sent, unless it must not be; why not."""
        now = self._clock()
        state = contacts.load(connection, delivery.contact)
        obstacle = window.obstacle(delivery, state, now) if state is not None else None
        if obstacle is not None:
            outbound.mark(connection, delivery.id, obstacle.state, now=now, reason=obstacle.reason)
            return obstacle.reason
        if not outbound.mark_sending(connection, delivery.id, self._owner):
            return "somebody else has dealt with it"
        return None

    async def _failed(self, delivery: Delivery, error: PlatformError) -> None:
        now = self._clock()
        verdict = retry.decide(
            error,
            attempts=delivery.attempts + 1,
            age=now - delivery.created_at,
            lane=delivery.lane,
            spread=self._spread,
        )
        if isinstance(verdict, retry.GiveUp):
            log.error("delivery_failed", delivery=delivery.id, contact=str(delivery.contact), reason=verdict.reason)
            await self._mark(delivery, "failed", reason=verdict.reason)
            return
        state = "uncertain" if verdict.look_first else "pending"
        log.warning(
            "delivery_postponed",
            delivery=delivery.id,
            contact=str(delivery.contact),
            reason=str(error),
            seconds=round(verdict.after.total_seconds(), 2),
        )
        await self._mark(delivery, state, reason=str(error), next_attempt_at=now + verdict.after)

    async def _went_out(self, delivery: Delivery) -> bool:
        """Look on the platform for a message that may have gone out; True when that settled the delivery."""
        content = delivery.content
        if isinstance(content, Text | File | QuickReplies | Email | Template | CustomPayload):
            try:
                found = await self._find(delivery, content)
            except NotFound:
                found = None  # this platform keeps no list: sending again is better than silence
            except PlatformError as error:
                await self._failed(delivery, error)
                return True
            if found is not None:
                await self._mark(delivery, "sent", message_id=found)
                log.info("delivery_found", delivery=delivery.id, contact=str(delivery.contact), message=found)
                return True
        await self._mark(delivery, "pending")
        return False

    async def _find(self, delivery: Delivery, content: Outbound) -> str | None:
        """The platform's id of a message like ours that is not one we already know of."""
        messages = await self._platform.messages(delivery.contact, since=delivery.created_at)
        known = await self._database.read(lambda connection: outbound.known_message_ids(connection, delivery.contact))
        for message in messages:
            if message.direction == "outgoing" and message.id not in known and _same(message.content, content):
                return message.id
        return None

    async def _mark(
        self,
        delivery: Delivery,
        state: str,
        *,
        reason: str | None = None,
        message_id: str | None = None,
        next_attempt_at: datetime | None = None,
    ) -> None:
        now = self._clock()

        def write(connection: Connection) -> None:
            outbound.mark(
                connection,
                delivery.id,
                state,
                now=now,
                reason=reason,
                message_id=message_id,
                next_attempt_at=next_attempt_at,
            )
            if state == "sent" and delivery.lane == BROADCAST:
                broadcasts.sent(connection, delivery.id, delivery.contact, message_id, now)

        await patience.write(self._database, write)

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


def _same(listed: Outbound | None, ours: Outbound) -> bool:
    """Whether a message on the platform is what we sent; a template is listed with its components, whichever way it was given."""
    if isinstance(listed, Template) and isinstance(ours, Template):
        return (listed.name, listed.language, listed.texts) == (ours.name, ours.language, ours.texts)
    return listed == ours
