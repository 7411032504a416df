"""Feeding a running broadcast into the outbox: at its rate, within its hours, a few seconds ahead of sending.

`pace` and `mended` decide by the clock alone; `Feeder` carries it out.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from agent.broadcasts.addresses import reach, with_names
from agent.broadcasts.audience import fits
from agent.broadcasts.compose import Occasion, compose
from agent.broadcasts.plan import possible
from agent.broadcasts.settings import BroadcastSettings
from agent.delivery.window import Skip
from agent.engine.engine import Engine
from agent.faults import point
from agent.ledger import broadcasts, contacts
from agent.ledger.broadcasts import Broadcast, Recipient
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database, lock_contact
from agent.ledger.errors import LedgerUnavailable
from messaging.admission import admitted_contact
from messaging.errors import Forbidden, NotFound, PlatformError, Unauthorized
from messaging.platform import Platform
from messaging.types import Address, Contact, ContactKey
from settings.backoff import Backoff

log = structlog.get_logger()


IDLE = timedelta(seconds=2)
"""How often to look for a broadcast that begins."""

BUSY = timedelta(seconds=0.5)
"""How often to feed while one runs."""

AHEAD = timedelta(seconds=3)
"""So much of a broadcast may be in the outbox: at its rate, this long."""

MOST = 40
"""So many messages of all broadcasts are on their way at most: the HTTP client has 100 connections, and answers need them."""


def pace(settings: BroadcastSettings, next_at: datetime, now: datetime, on_the_way: int) -> tuple[int, datetime]:
    """Tell how many recipients to take now, and when the next is due; both by the rate.

    Time that passed unused (the process was down, the platform slow) is made up for by two seconds' worth, no more.

    Args:
        next_at: when the next one was due.
        on_the_way: how many are being prepared or in the outbox.
    """
    step = settings.rate.per / settings.rate.count
    begin = max(next_at, now - IDLE)
    due = (now - begin) // step + 1
    room = min(MOST, math.ceil(AHEAD / step)) - on_the_way
    count = max(0, min(due, room))
    return count, begin + count * step if count else now + min(step, BUSY)


def mended(
    settings: BroadcastSettings, next_at: datetime, now: datetime, *, zone: ZoneInfo, tolerance: timedelta
) -> datetime:
    """Tell when the next recipient is due where the clock may have been ahead when `next_at` was written.

    The time that the owner wrote stays, and nothing goes out before it. A time that was computed from the clock is at most one step of
    the rate ahead, or the next opening of its hours.

    Args:
        zone: of the business.
        tolerance: how far clocks of processes may differ.
    """
    begins = settings.begins(zone)
    soon = now + settings.rate.per / settings.rate.count
    if next_at <= soon + tolerance or next_at in (begins, _opening(settings, now.astimezone(zone))):
        return next_at
    return soon if begins is None else max(begins, soon)


def _opening(settings: BroadcastSettings, local: datetime) -> datetime | None:
    """When its hours begin next; `None` within them."""
    hours = settings.hours()
    return None if hours.is_open(local) else hours.next_opening(local)


def mend(connection: Connection, now: datetime, *, zone: ZoneInfo, tolerance: timedelta) -> list[str]:
    """Bring back the broadcasts whose next recipient would wait for a time that a wrong clock gave.

    Args:
        zone: of the business.
        tolerance: how far clocks of processes may differ.

    Returns:
        The names of those that were moved.
    """
    moved = []
    for broadcast in broadcasts.ahead(connection, now + tolerance):
        settings = BroadcastSettings.model_validate(broadcast.settings)
        next_at = mended(settings, broadcast.next_at, now, zone=zone, tolerance=tolerance)
        if next_at != broadcast.next_at and broadcasts.redate(connection, broadcast, next_at):
            moved.append(broadcast.name)
    return moved


NO_LONGER = "the filter does not find the contact any more"
"""Why a recipient gets nothing who was one when the broadcast was recorded."""

_MOST_ATTEMPTS = 100
_BACKOFF = Backoff(timedelta(seconds=5), timedelta(minutes=5), least=0.5)


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
        others: Sequence[Platform] = (),
    ) -> None:
        self._others = {other.name: other for other in others}
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
                running = await self.work()
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", reason=str(error))
            await asyncio.sleep((BUSY if running else IDLE).total_seconds())

    pause = BUSY

    def next_due(self, connection: Connection) -> datetime | None:
        """When the next recipient's turn comes."""
        return broadcasts.next_due(connection)

    async def work(self) -> int:
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
        occasion = Occasion(
            settings, broadcast.channel, broadcast.template, self._default_language, self._platform.name
        )
        await asyncio.gather(*(self._prepare(occasion, recipient, broadcast.created_at) for recipient in taken))

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

    async def _prepare(self, occasion: Occasion, recipient: Recipient, recorded_at: datetime) -> None:
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
                lambda connection: self._decide(connection, occasion, recipient, contact, send_at, recorded_at)
            )
            point("broadcast-queued")
            if key is not None:
                await self._engine.wake(key, send_at)

    def _still_meant(
        self, settings: BroadcastSettings, contact: Contact, state: ContactState, recorded_at: datetime
    ) -> bool:
        """Whether the filter that found a contact finds them still: they may have lost a tag, or written."""
        wanted, platform = settings.audience.filter, self._others.get(contact.key.platform, self._platform)
        if wanted is None:
            return True
        now_is = contact if platform.capabilities.profiles else state.contact
        return fits(possible(wanted, platform), now_is, state, recorded_at)

    async def _contact(self, recipient: Recipient) -> tuple[Contact, datetime]:
        """The contact as the platform has it now, made there if need be, and from when on it may be written to."""
        now = self._clock()
        kind, _, value = recipient.address.partition(":")
        name = kind.removeprefix("id@")
        if name != kind:
            if (other := self._others.get(name)) is None:
                raise NotFound(f"no platform named {name} is configured in messaging")
            if not other.capabilities.profiles:
                return Contact(ContactKey(name, value)), now
            return admitted_contact(await other.contact(ContactKey(name, value))), now
        if kind == "id":
            return admitted_contact(await self._platform.contact(ContactKey(self._platform.name, value))), now
        address = Address("phone" if kind == "phone" else "email", value)
        return await reach(self._platform, address, recipient.row, self._clock)

    async def _trouble(self, recipient: Recipient, error: PlatformError) -> None:
        attempts = recipient.attempts + 1
        may_pass = error.retryable or isinstance(error, Unauthorized | Forbidden)  # a new token, and it goes on
        if not may_pass or attempts >= _MOST_ATTEMPTS:
            reason = str(error) if attempts == 1 else f"given up after {attempts} attempts: {error}"
            log.error("broadcast_recipient_failed", broadcast=recipient.broadcast, line=recipient.line, reason=reason)
            await self._database.write(lambda connection: broadcasts.end(connection, recipient, "failed", reason))
            return
        log.warning(
            "broadcast_recipient_postponed", broadcast=recipient.broadcast, line=recipient.line, reason=str(error)
        )
        until = self._clock() + _BACKOFF.wait(attempts, error.retry_after)
        await self._database.write(lambda connection: broadcasts.put_off(connection, recipient, until, str(error)))

    def _decide(
        self,
        connection: Connection,
        occasion: Occasion,
        recipient: Recipient,
        contact: Contact,
        send_at: datetime,
        recorded_at: datetime,
    ) -> ContactKey | None:
        key, now = contact.key, self._clock()
        lock_contact(connection, key.platform, key.id)
        if contacts.load(connection, key) is None:
            contact = with_names(contact, recipient.row)
        contacts.remember(connection, contact)
        state = contacts.load(connection, key)
        assert state is not None  # noqa: S101 - it was written a line above
        message = (
            compose(occasion.on(key.platform), state, recipient.row, now)
            if self._still_meant(occasion.settings, contact, state, recorded_at)
            else Skip(NO_LONGER)
        )
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
