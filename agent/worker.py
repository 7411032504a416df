"""Processing one contact when the engine wakes it: deliver, answer, deliver, and say when it is due again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from agent.delivery.followups import FollowUps
from agent.delivery.outbox import Due, Outbox
from agent.ledger import turns
from agent.ledger.database import Database, lock_contact
from agent.slots import Slots
from agent.turn.context import TurnContext
from messaging.types import ContactKey

if TYPE_CHECKING:
    from agent.turn.turn import Turns
    from agent.workflows.runner import Workflows


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is due before `until` (aware UTC); `None`: nothing is open."""

    until: datetime | None


class ContactWorker:
    """Processes one contact at a time. It may be woken too often or too late: the ledger says what is due.

    The next task is chosen in the transaction that ends the previous one. This halves the number of transactions, and leaves
    no moment in between at which a crash could lose anything.
    """

    def __init__(
        self,
        database: Database,
        turns: "Turns",
        outbox: Outbox,
        followups: FollowUps,
        workflows: "Workflows",
        *,
        clock: Callable[[], datetime],
        answered: Callable[[TurnContext], None],
        slots: Slots,
    ) -> None:
        """Bring the parts together.

        Args:
            turns: answers what waits.
            outbox: sends what is due.
            followups: sends what was scheduled.
            workflows: takes their steps.
            clock: the time, aware UTC.
            answered: called with every turn that is committed and delivered, for work that no customer waits for.
            slots: the CPU slots of this process.
        """
        self._database = database
        self._turns = turns
        self._outbox = outbox
        self._followups = followups
        self._workflows = workflows
        self._clock = clock
        self._answered = answered
        self._slots = slots

    async def process(self, contact: ContactKey, deadline: datetime | None = None) -> datetime | None:
        """Do everything that is due for a contact.

        Args:
            deadline: by when to (aware UTC): of those who wait for the CPU, the earliest comes first.

        Returns:
            When the contact is due again (aware UTC); `None` when nothing is open.
        """
        async with self._slots.held(deadline or self._clock()):
            return await self._process(contact)

    async def _process(self, contact: ContactKey) -> datetime | None:
        def next_task(connection: Connection) -> Due | TurnContext | Idle:
            lock_contact(connection, contact.platform, contact.id)
            work = turns.open_work(connection, contact)
            delivery = self._outbox.begin(connection, contact) if work.deliveries else None
            if isinstance(delivery, Due):
                return delivery
            turn = self._turns.begin(connection, contact) if work.turns else None
            if isinstance(turn, TurnContext):
                return turn
            return Idle(turns.settle(connection, contact, work, delivery, turn))

        answered: TurnContext | None = None
        task = await self._database.write(next_task)
        while True:
            match task:
                case TurnContext():
                    answered = task
                    task = await self._turns.run(task, next_task)
                case Idle(until):
                    if answered is not None:
                        self._answered(answered)
                    answered = None
                    if until is None or until > self._clock() or not await self._later(contact):
                        return until
                    task = await self._database.write(next_task)
                case _:
                    task = await self._outbox.deliver(task, next_task)

    async def _later(self, contact: ContactKey) -> bool:
        """Do what was scheduled for now; whether there was anything."""
        followed_up = await self._followups.process(contact)
        return await self._workflows.process(contact) or followed_up
