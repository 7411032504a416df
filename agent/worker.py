"""Everything that is to be done for one contact when the engine says so: deliver, answer, deliver, look when to come back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from agent.delivery.followups import FollowUps
from agent.delivery.outbox import Due, Outbox
from agent.ledger import turns
from agent.ledger.database import Database, lock_contact
from agent.slots import Seats
from agent.turn.context import Brief
from messaging.types import ContactKey

if TYPE_CHECKING:
    from agent.turn.turn import Turns


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is to be done before `until`, or at all."""

    until: datetime | None


class Attendant:
    """Sees to one contact at a time. It may be called too often or too late: the ledger says what there is to do.

    What comes next is decided in the transaction that ends what went before: half of the transactions, and no moment
    in between at which anything could be lost.

    `answered` is told of every turn that is over and delivered, for what may be done when nobody waits any more.
    """

    def __init__(
        self,
        database: Database,
        turns: "Turns",
        outbox: Outbox,
        followups: FollowUps,
        *,
        clock: Callable[[], datetime],
        answered: Callable[[Brief], None],
        seats: Seats,
    ) -> None:
        self._database = database
        self._turns = turns
        self._outbox = outbox
        self._followups = followups
        self._clock = clock
        self._answered = answered
        self._seats = seats

    async def see_to(self, contact: ContactKey) -> datetime | None:
        """Do what is due; when this contact is next, or `None` when nothing is open."""
        async with self._seats.taken():
            return await self._see_to(contact)

    async def _see_to(self, contact: ContactKey) -> datetime | None:
        def next_task(connection: Connection) -> Due | Brief | Rest:
            lock_contact(connection, contact.platform, contact.id)
            delivery = self._outbox.begin(connection, contact)
            if isinstance(delivery, Due):
                return delivery
            turn = self._turns.begin(connection, contact)
            return turn if isinstance(turn, Brief) else Rest(turns.settle(connection, contact, delivery, turn))

        answered: Brief | None = None
        task = await self._database.write(next_task)
        while True:
            match task:
                case Brief():
                    answered = task
                    task = await self._turns.run(task, next_task)
                case Rest(until):
                    if answered is not None:
                        self._answered(answered)
                    answered = None
                    if until is None or until > self._clock() or not await self._followups.see_to(contact):
                        return until
                    task = await self._database.write(next_task)
                case _:
                    task = await self._outbox.see_to(task, next_task)
