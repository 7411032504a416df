"""Feeding broadcasts to the outbox: as fast as their rate allows, never far ahead of what has gone out.

Every process that works feeds; the ledger sees to it that two together are not faster than one and that nobody gets anything
twice (`agent.ledger.broadcasts`). Since only a few messages are ever in the outbox, answers to customers find the way free, and
a pause takes hold at once.
"""

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from agent.broadcasts.message import Occasion, compose
from agent.broadcasts.pace import BUSY, IDLE, pace
from agent.broadcasts.settings import BroadcastSettings
from agent.delivery.window import Skip
from agent.engine.engine import Engine
from agent.faults import point
from agent.ledger import broadcasts, contacts
from agent.ledger.broadcasts import Broadcast, Recipient
from agent.ledger.database import Database, lock_contact
from agent.ledger.errors import LedgerUnavailable
from messaging.errors import Forbidden, NotFound, PlatformError, Unauthorized
from messaging.platform import Platform
from messaging.types import Address, Contact, ContactKey

log = structlog.get_logger()

_MOST_ATTEMPTS = 100
_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=5)
_LANGUAGE = re.compile(r"[a-z]{2}")


class Feeder:
    """Feeds from one process."""

    def __init__(
        self,
        database: Database,
        platform: Platform,
        engine: Engine,
        *,
        zone: ZoneInfo,
        default_language: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._platform = platform
        self._engine = engine
        self._zone = zone
        self._default_language = default_language
        self._clock = clock

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            running = 0
            try:
                running = await self.feed()
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", reason=str(error))
            await asyncio.sleep((BUSY if running else IDLE).total_seconds())

    async def feed(self) -> int:
        """Give every running broadcast what is due now; how many broadcasts there were."""
        running = await self._database.read(lambda connection: broadcasts.due(connection, self._clock()))
        for broadcast in running:
            try:
                await self._feed(broadcast)
            except LedgerUnavailable:
                raise
            except Exception:  # the others go on
                log.exception("broadcast_stuck", broadcast=broadcast.name)
        return len(running)

    async def _feed(self, broadcast: Broadcast) -> None:
        settings = BroadcastSettings.model_validate(broadcast.settings)
        taken = await self._database.write(lambda connection: self._take(connection, broadcast, settings))
        if not taken:
            return
        point("broadcast-taken")
        occasion = Occasion(settings, broadcast.channel, broadcast.template, self._default_language)
        await asyncio.gather(*(self._prepare(occasion, recipient) for recipient in taken))

    def _take(self, connection: Connection, broadcast: Broadcast, settings: BroadcastSettings) -> list[Recipient]:
        now = self._clock()
        local = now.astimezone(self._zone)
        hours = settings.hours()
        if not hours.is_open(local):
            opening = hours.next_opening(local)
            broadcasts.take(
                connection, broadcast, 0, opening.astimezone(UTC) if opening else now + timedelta(days=1), now
            )
            return []
        on_the_way = broadcasts.on_the_way(connection, now)
        count, next_at = pace(settings, broadcast.next_at, now, on_the_way)
        return broadcasts.take(connection, broadcast, count, next_at, now)

    async def _prepare(self, occasion: Occasion, recipient: Recipient) -> None:
        """See who it is, and put the message into the outbox, or note why not."""
        try:
            contact, send_at = await self._contact(recipient)
        except NotFound:
            reason = f"the platform knows no contact {recipient.address}"
            await self._database.write(lambda connection: broadcasts.end(connection, recipient, "failed", reason))
        except PlatformError as error:
            await self._trouble(recipient, error)
        else:
            key = await self._database.write(
                lambda connection: self._decide(connection, occasion, recipient, contact, send_at)
            )
            point("broadcast-queued")
            if key is not None:
                await self._engine.wake(key, send_at)

    async def _contact(self, recipient: Recipient) -> tuple[Contact, datetime]:
        """The contact as the platform has it now, made there if need be, and from when on it may be written to."""
        now = self._clock()
        kind, _, value = recipient.address.partition(":")
        if kind == "id":
            return await self._platform.contact(ContactKey(self._platform.name, value)), now
        address = Address("phone" if kind == "phone" else "email", value)
        try:
            return await self._platform.find_contact(address), now
        except NotFound:
            fields = _fields(address, recipient)
            key = await self._platform.create_contact(address, fields)
            log.info("contact_made", contact=str(key), broadcast=recipient.broadcast)
            settled = self._clock() + self._platform.settling
            return replace(Contact(key), **fields), settled

    async def _trouble(self, recipient: Recipient, error: PlatformError) -> None:
        attempts = recipient.attempts + 1
        may_pass = error.retryable or isinstance(error, Unauthorized | Forbidden)  # a new token, and it goes on
        if not may_pass or attempts >= _MOST_ATTEMPTS:
            reason = str(error) if attempts == 1 else f"given up after {attempts} attempts: {error}"
            log.error("broadcast_recipient_failed", broadcast=recipient.broadcast, line=recipient.line, reason=reason)
            await self._database.write(lambda connection: broadcasts.end(connection, recipient, "failed", reason))
            return
        wait = error.retry_after or min(_FIRST_WAIT * 2 ** min(attempts - 1, 10), _LONGEST_WAIT)
        log.warning(
            "broadcast_recipient_postponed", broadcast=recipient.broadcast, line=recipient.line, reason=str(error)
        )
        until = self._clock() + wait * random.uniform(1.0, 1.2)
        await self._database.write(lambda connection: broadcasts.put_off(connection, recipient, until, str(error)))

    def _decide(
        self, connection: Connection, occasion: Occasion, recipient: Recipient, contact: Contact, send_at: datetime
    ) -> ContactKey | None:
        key, now = contact.key, self._clock()
        lock_contact(connection, key.platform, key.id)
        contacts.remember(connection, contact)
        state = contacts.load(connection, key)
        assert state is not None  # noqa: S101 - it was written a line above
        message = compose(occasion, state, recipient.row, now)
        if isinstance(message, Skip):
            broadcasts.end(connection, recipient, "skipped", message.reason)
            return None
        queued = broadcasts.queue(
            connection,
            recipient,
            key,
            message.content,
            said=message.said,
            now=now,
            send_at=send_at,
            channel=message.channel,
        )
        return key if queued else None


def _fields(address: Address, recipient: Recipient) -> dict[str, Any]:
    """What the platform is told of a new contact. It wants a first name: without one, number or address stand there."""
    row = recipient.row
    fields = {name: row[name] for name in ("first_name", "last_name") if row.get(name)}
    if _LANGUAGE.fullmatch(row.get("language", "")):
        fields["language"] = row["language"]
    return {"first_name": address.value, **fields, address.by: address.value}
