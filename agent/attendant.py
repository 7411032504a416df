"""Everything that is to be done for one contact when the engine says so: deliver, answer, deliver, look when to come back."""

from collections.abc import Callable, Sequence
from datetime import datetime

from agent.delivery.followups import FollowUps
from agent.delivery.outbox import Outbox
from agent.ledger import turns
from agent.ledger.database import Database
from agent.ledger.inbound import Waiting
from agent.turn.turn import Turns
from messaging.types import ContactKey


class Attendant:
    """Sees to one contact at a time. It may be called too often or too late: the ledger says what there is to do.

    `answered` is told of every contact whose turn is over and delivered, for what may be done when nobody waits any more.
    """

    def __init__(
        self,
        database: Database,
        turns: Turns,
        outbox: Outbox,
        followups: FollowUps,
        *,
        due: Callable[[Sequence[Waiting]], datetime],
        clock: Callable[[], datetime],
        answered: Callable[[ContactKey], None],
    ) -> None:
        self._database = database
        self._turns = turns
        self._outbox = outbox
        self._followups = followups
        self._due = due
        self._clock = clock
        self._answered = answered

    async def see_to(self, contact: ContactKey) -> datetime | None:
        """Do what is due; when this contact is next, or `None` when nothing is open."""
        await self._outbox.deliver(contact)
        if await self._turns.run(contact):
            await self._outbox.deliver(contact)
            self._answered(contact)
        wake_at = await self._settle(contact)
        if wake_at is not None and wake_at <= self._clock() and await self._followups.see_to(contact):
            await self._outbox.deliver(contact)
            wake_at = await self._settle(contact)
        return wake_at

    async def _settle(self, contact: ContactKey) -> datetime | None:
        return await self._database.write(lambda connection: turns.settle(connection, contact, self._due))
