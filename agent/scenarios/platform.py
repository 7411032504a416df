"""The platform of a scenario and its clock: it keeps the customers, takes what is sent to them, and fails when it is told to."""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.scenarios.format import PlatformFault
from agent.terminal import TerminalPlatform
from messaging.errors import NotFound, OutcomeUnknown
from messaging.platform import Capabilities
from messaging.transport import kind_of_status
from messaging.types import (
    Address,
    Channel,
    Contact,
    ContactFilter,
    ContactKey,
    FieldValue,
    Outbound,
    PlatformMessage,
    Text,
)


class Timeline:
    """The conversation's clock: it stands still unless it is moved, and never goes back."""

    def __init__(self, begins: datetime) -> None:
        self._now = begins

    def __call__(self) -> datetime:
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Let time pass until a moment; one that is past changes nothing."""
        self._now = max(self._now, moment)

    def move_by(self, span: timedelta) -> None:
        """Let a span of time pass."""
        self._now += span

    async def sleep(self, seconds: float) -> None:
        """Let time pass instead of waiting."""
        self.move_by(timedelta(seconds=seconds))


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that a customer has got."""

    to: ContactKey
    id: str
    content: Outbound
    at: datetime


class ScenarioPlatform(TerminalPlatform):
    """The platform of a scenario: it can do what the configured one can, and fails when it is told to."""

    def __init__(self, name: str, capabilities: Capabilities, channel: Channel, clock: Timeline) -> None:
        """Play a platform.

        Args:
            name: under which contacts are kept.
            capabilities: of the platform that it plays.
            channel: the only one.
            clock: the conversation's.
        """
        super().__init__()
        self.name = name
        self.capabilities = replace(capabilities, lists_templates=False, lists_contacts=True)  # templates: as declared
        self.channel = channel
        self._clock = clock
        self._faults: deque[PlatformFault] = deque()
        self._keys: dict[str, str] = {}
        self.delivered: list[Sent] = []

    def fail(self, fault: PlatformFault) -> None:
        """Let the next sends fail, after those that are to fail already."""
        self._faults.extend([fault] * fault.times)

    async def send(
        self, contact: ContactKey, message: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str:
        """Take a message, or fail as the scenario says. A fault is used up by each attempt."""
        fault = self._faults.popleft() if self._faults else None
        call = f"POST {self.name}/{contact.id}"
        if fault is not None and isinstance(fault.fail, int):
            raise kind_of_status(fault.fail)(
                "as the scenario says", status=fault.fail, retry_after=fault.retry_after, call=call
            )
        if fault is not None and fault.fail == "timeout":
            raise OutcomeUnknown("no answer in time, as the scenario says", call=call)
        known = self._keys.get(key or "") if self.capabilities.idempotency_keys else None
        if known is None:
            known = f"{self.name}-{len(self.delivered) + 1}"
            self.delivered.append(Sent(contact, known, message, self._clock()))
            self._keys[key or known] = known
        if fault is not None:
            raise OutcomeUnknown("the answer was lost, as the scenario says", call=call)
        return known

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        """List what the customer has got, newest first."""
        return [
            PlatformMessage(
                each.id,
                "outgoing",
                each.content,
                each.content.text if isinstance(each.content, Text) else None,
                "delivered",
                each.at,
                "api",
            )
            for each in reversed(self.delivered)
            if each.to == contact
        ]

    async def list_contacts(self, wanted: ContactFilter) -> AsyncIterator[Contact]:
        """List the customers; the caller holds them against the filter."""
        for contact in list(self._contacts.values()):
            yield contact

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        """Make a customer whom something else than a message names: a hook, the file of a broadcast."""
        key = ContactKey(self.name, address.value.removeprefix("+"))
        self.greet(Contact(key))
        await self.update_contact(key, fields)
        self.take_notes()
        return key

    async def add_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        known = await self.contact(contact)
        self.greet(replace(known, tags=tuple(dict.fromkeys((*known.tags, *tags)))))
        await super().add_tags(contact, tags)

    async def remove_tags(self, contact: ContactKey, tags: Sequence[str]) -> None:
        known = await self.contact(contact)
        self.greet(replace(known, tags=tuple(tag for tag in known.tags if tag not in tags)))
        await super().remove_tags(contact, tags)

    async def channels(self) -> Sequence[Channel]:
        return [self.channel]

    async def set_lifecycle(self, contact: ContactKey, name: str | None) -> None:
        self.greet(replace(await self.contact(contact), lifecycle=name))
        await super().set_lifecycle(contact, name)

    async def fetch(self, reference: str, most: int) -> bytes:
        raise NotFound("a scenario's files have addresses")
