"""What every platform's webhooks begin: one run for each event, however often, in whatever order and to how many processes it comes."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from agent.ledger import contacts, workflows
from agent.ledger.database import Database
from agent.ledger.inbound import accept
from agent.web.server import webhook_id
from messaging.admission import admitted
from messaging.conformance import Kit
from messaging.types import (
    ContactChanged,
    ConversationClosed,
    ConversationOpened,
    Event,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    MessageSent,
)
from tests.ledger.messages import RULES
from tests.messaging.test_conformance import KITS
from tests.workflows.stage import Stage, flow

WEBHOOKS = Path(__file__).parents[1] / "data" / "messaging" / "webhooks"
NAMES = (
    "message.received", "conversation.opened", "conversation.closed", "contact.created", "contact.updated", "tag.added",
    "lifecycle.changed", "handover",
)  # fmt: skip
FLOWS = [flow(name=name.replace(".", "-"), on=name) for name in NAMES]


def bodies_of(name: str) -> list[bytes]:
    """Everything that a platform tells, as far as we have samples."""
    kit = KITS[name]
    found = [kit.received, *([kit.own] if kit.own else []), *kit.samples.values()]
    if name == "aelyst":
        found += [  # the samples of the documentation share one id
            json.dumps({**json.loads(each.read_bytes()), "event_id": each.stem}).encode()
            for each in sorted(WEBHOOKS.glob("*.json"))
        ]
    platform = kit.open(httpx.AsyncClient())
    return [  # one that is changed later is written anew, under an id of its own; one that was taken back before is none
        body
        for body in dict.fromkeys(found)
        if not any(isinstance(event, MessageEdited | MessageDeleted) for event in platform.parse(body))
    ]


class Door:
    """Takes webhooks as `POST /webhooks/{platform}` does."""

    def __init__(self, database: Database, kit: Kit) -> None:
        self.stage = Stage(database, FLOWS)
        self.platform = kit.open(httpx.AsyncClient())

    def read(self, body: bytes) -> list[Event]:
        return [admitted(event, self.stage.now) for event in self.platform.parse(body)]

    async def take(self, body: bytes) -> None:
        events, webhook = self.read(body), webhook_id(body)
        rules = [replace(RULES, platform=self.platform.name, webhook=f"{webhook}-{n}") for n in range(len(events))]
        await self.stage.database.write(
            lambda c: [accept(c, event, self.stage.now, rule) for event, rule in zip(events, rules, strict=True)]
        )

    async def begun(self) -> Counter[str]:
        """How many runs each event has begun."""
        runs = await self.stage.database.read(lambda c: workflows.listed(c, limit=1000))
        assert len({(run.workflow, run.event) for run in runs}) == len(runs)
        return Counter(run.workflow.replace("-", ".") for run in runs)


def expected(door: Door, bodies: Sequence[bytes]) -> tuple[Counter[str], Counter[str]]:
    """How many runs there must be of what has an id or happens once, and can be of what is told apart by its webhook."""
    events = [event for body in bodies for event in door.read(body)]
    written = {(event.key, event.message_id) for event in events if isinstance(event, InboundMessage)}
    created = {event.contact.key for event in events if isinstance(event, ContactChanged) and event.change == "created"}
    exactly = Counter(
        {
            "message.received": len(written),
            "contact.created": len(created | {key for key, _ in written}),
            "conversation.opened": sum(isinstance(event, ConversationOpened) for event in events),
            "conversation.closed": sum(isinstance(event, ConversationClosed) for event in events),
        }
    )
    changes = sum(isinstance(event, ContactChanged) for event in events)
    humans = sum(isinstance(event, MessageSent) and event.by_human for event in events)
    most = Counter(dict.fromkeys(("contact.updated", "tag.added", "lifecycle.changed"), changes))
    return exactly, most + Counter({"handover": humans + 2})  # and two assignments


def check(door: Door, bodies: Sequence[bytes], begun: Counter[str]) -> None:
    exactly, most = expected(door, bodies)
    assert exactly["message.received"]
    assert {name: begun[name] for name in exactly} == dict(exactly)
    assert all(begun[name] <= count for name, count in most.items())


@pytest.mark.parametrize("name", sorted(KITS))
@pytest.mark.parametrize("seed", range(3))
async def test_what_comes_again_in_another_order_begins_nothing_more(database: Database, name: str, seed: int) -> None:
    door, bodies, order = Door(database, KITS[name]), bodies_of(name), random.Random(seed)
    order.shuffle(bodies)
    for body in bodies:
        await door.take(body)
    begun = await door.begun()
    check(door, bodies, begun)
    order.shuffle(bodies)
    for body in (*bodies, *bodies):
        await door.take(body)
    again = await door.begun()
    check(door, bodies, again)
    del begun["handover"], again["handover"]  # an assignment that came while a human answered may count later
    assert again == begun


async def test_a_colleagues_message_that_is_reported_again_after_the_closing_begins_nothing(database: Database) -> None:
    door = Door(database, KITS["aelyst"])
    report, closing = (WEBHOOKS / name for name in ("message-sent-user.json", "conversation-closed.json"))
    first, second = (json.loads(each.read_bytes()) | {"event_id": each.stem} for each in (report, closing))
    second["contact"] = first["contact"]
    for told in (first, second, first, first | {"event_id": "of another endpoint"}):
        await door.take(json.dumps(told).encode())
    assert (await door.begun())["handover"] == 1
    state = await database.read(lambda c: contacts.load(c, door.read(json.dumps(first).encode())[0].contact.key))
    assert state is not None
    assert not state.paused(door.stage.now)


async def test_who_reacts_before_they_write_is_new_when_they_write(database: Database) -> None:
    door, samples = Door(database, KITS["whatsapp"]), KITS["whatsapp"].samples
    for body in (samples["reaction"], samples["status"], samples["voice"], samples["voice"]):
        await door.take(body)
    assert (await door.begun())["contact.created"] == 1


@pytest.mark.parametrize("name", sorted(KITS))
async def test_what_reaches_several_processes_at_once_begins_one_run(database: Database, name: str) -> None:
    doors, bodies = [Door(database, KITS[name]) for _ in range(2)], bodies_of(name)
    for body in bodies:
        await asyncio.gather(*(door.take(body) for door in doors for _ in range(3)))
    check(doors[0], bodies, await doors[0].begun())
