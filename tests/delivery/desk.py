"""An outbox with a platform that does as it is told, at a time that is set."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from agent.delivery.outbox import Due, Outbox
from agent.ledger import inbound, outbound
from agent.ledger.codec import Deliverable
from agent.ledger.database import Database
from agent.terminal import TerminalPlatform
from messaging.errors import OutcomeUnknown, PlatformError
from messaging.platform import Capabilities
from messaging.types import (
    ContactKey,
    Outbound,
    PlatformMessage,
    Text,
)
from tests.ledger.messages import BUDI, NOW, RULES, message

SECOND = timedelta(seconds=1)
LINDA = ContactKey("aelyst", "8")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class RecordingPlatform:
    """A platform that keeps what was asked of it, and fails as often as `errors` says. `listed` is what it says it has sent."""

    def __init__(self) -> None:
        self.capabilities = replace(TerminalPlatform.capabilities)
        self.keys: list[str | None] = []
        self.calls: list[tuple[str, Any]] = []
        self.errors: list[PlatformError] = []
        self.listed: list[PlatformMessage] | PlatformError = []

    def _called(self, name: str, what: object) -> None:
        self.calls.append((name, what))
        if self.errors:
            raise self.errors.pop(0)

    async def send(
        self, contact: ContactKey, content: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str:
        self.keys.append(key)
        self._called("send", content)
        return f"p{len(self.calls)}"

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> list[PlatformMessage]:
        if isinstance(self.listed, PlatformError):
            raise self.listed
        return self.listed

    async def assign(self, contact: ContactKey, to: str | None) -> None:
        self._called("assign", to)

    async def comment(self, contact: ContactKey, text: str) -> None:
        self._called("comment", text)

    async def add_tags(self, contact: ContactKey, tags: tuple[str, ...]) -> None:
        self._called("add_tags", tags)

    async def remove_tags(self, contact: ContactKey, tags: tuple[str, ...]) -> None:
        self._called("remove_tags", tags)

    @property
    def texts(self) -> list[str]:
        return [what.text for name, what in self.calls if name == "send"]


class Desk:
    """An outbox with its ledger, platform and clock, and a contact who has just written."""

    def __init__(self, database: Database, owner: str = "me") -> None:
        self.database = database
        self.clock = Clock()
        self.platform = RecordingPlatform()
        self.outbox = self.of(owner)

    def of(self, owner: str, repeat: Collection[str] = ()) -> Outbox:
        platforms: Any = {BUDI.platform: self.platform}
        return Outbox(
            self.database,
            platforms,
            owner=owner,
            clock=self.clock,
            repeat=repeat,
            uniform=lambda _low, high: high,
        )

    async def queue(self, *contents: Deliverable, name: str = "t1", unless_replied: bool = False) -> None:
        def work(connection: Connection) -> None:
            inbound.accept(connection, message(1), self.clock(), RULES)
            outbound.add(connection, BUDI, name, contents, now=self.clock(), turn=name, unless_replied=unless_replied)

        await self.database.write(work)

    async def begin(self, outbox: Outbox | None = None) -> Due | datetime | None:
        return await self.database.write(lambda connection: (outbox or self.outbox).begin(connection, BUDI))

    async def step(self, outbox: Outbox | None = None) -> Due | datetime | None:
        """Deal with the next delivery, if one is due."""
        due = await self.begin(outbox)
        if due is not None and not isinstance(due, datetime):
            await (outbox or self.outbox).deliver(due, lambda _connection: None)
        return due

    async def finish(self) -> None:
        """Deal with everything, letting the clock run on to what is due later."""
        while (due := await self.step()) is not None:
            if isinstance(due, datetime):
                self.clock.now = due

    async def row(self, delivery_id: str = "t1/0") -> Any:
        deliveries = await self.database.read(
            lambda connection: outbound.of_turn(connection, delivery_id.split("/", maxsplit=1)[0])
        )
        return next(delivery for delivery in deliveries if delivery.id == delivery_id)

    async def accept(self, *events: Any) -> None:
        for event in events:
            await self.database.write(
                lambda connection, event=event: inbound.accept(connection, event, self.clock(), RULES)
            )


def listed(text: str, number: str = "p9") -> PlatformMessage:
    return PlatformMessage(number, "outgoing", Text(text), text, "sent", NOW)


def without(desk: Desk, **abilities: Any) -> None:
    """Take from the platform everything but some abilities."""
    desk.platform.capabilities = Capabilities(**abilities)


def lost(times: int = 1) -> list[PlatformError]:
    return [OutcomeUnknown("no answer") for _ in range(times)]
