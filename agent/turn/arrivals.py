"""Whether the customer has written again while a turn is at work."""

import time

from sqlalchemy import Connection

from agent.ledger import turns
from agent.ledger.database import Database
from messaging.types import ContactKey

_GOOD_FOR = 0.5
"""Seconds for which a look is as good as a new one: nobody writes to two answers of the machine faster than that."""


class Arrivals:
    """The messages of one contact that no turn has taken. `noticed` is what the last look found."""

    def __init__(self, database: Database, contact: ContactKey) -> None:
        self.noticed = False
        self._database = database
        self._contact = contact
        self._looked = -_GOOD_FOR

    def look(self, connection: Connection) -> None:
        """Look in a transaction that is made anyway."""
        self.noticed = turns.newer_messages(connection, self._contact)
        self._looked = time.monotonic()

    async def newer(self) -> bool:
        """Whether there are any, as of now."""
        if time.monotonic() - self._looked > _GOOD_FOR:
            await self._database.read(self.look)
        return self.noticed
