"""The port through which reminders are looked up: the actions ask, the runtime's ledger answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from actions.action import Context


@dataclass(frozen=True, slots=True)
class Reminder:
    """One that waits. `due` is aware UTC."""

    id: str
    due: datetime
    text: str


class ReminderBook(Protocol):
    """What is promised to the contact of `context`."""

    async def waiting(self, context: Context) -> Sequence[Reminder]:
        """The reminders that are still to be sent, the next first."""

    async def free_until(self, context: Context) -> datetime | None:
        """Until when the business may write to this contact without being asked; `None`: for ever."""
