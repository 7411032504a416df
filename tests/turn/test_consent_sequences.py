"""Consent over whole conversations: whatever comes in between, an effect runs only with a yes to the newest delivered question, once."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from actions.action import Outcome
from agent.ledger import human, outbound
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import outbound as table
from agent.turn.context import TurnContext
from messaging.types import Attachment, Event, MessageDeleted, MessageEdited, Quote, Reaction, Text
from tests.ledger.messages import BUDI, contact, message, sent
from tests.turn.harness import CountedAction, Desk, calls, says
from tests.voice.servers import Reply, serve
from voice import Transcript

ORDERS = ("KS-1", "KS-2")
STEPS = (
    *(f"ask {order}" for order in ORDERS),
    *("deliver", "yes", "yes twice", "yes in a crash", "early yes", "no", "topic", "reminder", "wait"),
    *(
        "reaction",
        "spoken yes",
        "spoken no",
        "reply yes",
        "reply elsewhere",
        "yes to no",
        "yes deleted",
        "old to yes",
        "colleague",
    ),
)


class Ears:
    """A transcriber that hears these words in any note of a media store."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.words = ""
        self.stats: Any = None

    async def transcribe(self, audio: bytes, languages: Sequence[str] | None = None) -> Transcript:
        return Transcript(self.words, "id", timedelta(seconds=3), (), 0.9)

    async def warm(self) -> None:
        """Nothing is loaded."""

    async def aclose(self) -> None:
        """Nothing is open."""


_NEWEST = select(table.c.platform_message_id).where(table.c.state == "sent").order_by(table.c.n.desc()).limit(1)


@dataclass
class Talk:
    """A conversation, and what may run in it by the rule."""

    desk: Desk
    cancel: CountedAction
    ears: Ears
    number: int = 0
    pending: str | None = None
    delivered: bool = False
    due: list[str] = field(default_factory=list)

    @property
    def ran(self) -> list[str]:
        return [arguments["order_id"] for arguments, _ in self.cancel.ran]

    async def play(self, step: str) -> None:
        self.desk.now += timedelta(seconds=5)
        match step.split(" ", 1):
            case ["ask", order]:
                agrees = (
                    self.delivered and self.pending == order
                )  # to say "batalkan KS-1" once more is a yes to "Batalkan KS-1?"
                if agrees:
                    self.due.append(order)
                self.desk.model.replies = [calls("cancel_order", order_id=order), *[says("Baik.")] * 3]
                await self._write(f"batalkan {order}")
                self.pending, self.delivered = None if agrees else order, False
            case ["deliver"]:
                await self.desk.deliver()
                self.delivered = self.pending is not None
            case ["wait"]:
                self.desk.now += timedelta(minutes=31)
                self.pending = None
            case ["reminder"]:
                await self.desk.database.write(
                    lambda c: outbound.add(c, BUDI, "followup", [Text("Pesanan lain siap, ya?")], now=self.desk.now)
                )
                await self.desk.deliver()
                self.pending = None
            case ["reaction"]:  # a thumb is no word
                self.number += 1
                to = await self._newest() or "m1"
                await self.desk.receive(Reaction(contact(), f"r{self.number}", self.desk.now, to, "👍"))
            case ["colleague"]:
                self.number += 1
                await self.desk.receive(sent(self.number, by_human=True, text="Halo kak, saya bantu ya"))
                await self.desk.database.write(lambda c: human.give_back(c, BUDI, self.desk.now))
                self.pending = None
            case ["old", "to yes"] if self.number:
                await self.desk.receive(MessageEdited(contact(), f"m{self.number}", self.desk.now, "ya"))
                self.pending = None if await self._answered() else self.pending
            case ["reply" | "spoken" | "yes", "yes" | "elsewhere" | "no" | "to no" | "deleted"]:
                await self._say(step)
            case _:
                await self._answer(step)

    async def _newest(self) -> str | None:
        """The id of what the customer has read last, as the platform knows it."""
        rows = await self.desk.database.read(lambda c: c.execute(_NEWEST).all())
        return rows[0].platform_message_id if rows else None

    async def _answered(self) -> bool:
        """Answer what waits; whether anything did."""
        self.desk.model.replies = [says("Baik.")] * 4
        begun = await self.desk.database.write(lambda c: self.desk.turns().begin(c, BUDI))
        if isinstance(begun, TurnContext):
            await self.desk.turns().run(begun, lambda _: None)
        return isinstance(begun, TurnContext)

    async def _say(self, step: str) -> None:
        """The customer answers aloud, in reply to a message, or changes or takes back what they wrote before it is answered."""
        self.number += 1
        name = f"m{self.number}"
        event = replace(message(self.number, "ya"), sent_at=self.desk.now)
        newest, agrees = await self._newest(), True
        after: list[Event] = []
        match step:
            case "reply yes" if newest is not None:
                event = replace(event, quote=Quote(newest))
            case "reply elsewhere":
                agrees, event = False, replace(event, quote=Quote("before", "Kirim katalog ke WA ini?"))
            case "spoken yes" | "spoken no":
                agrees, self.ears.words = step == "spoken yes", "iya kak" if step == "spoken yes" else "jangan kak"
                note = Attachment("audio", f"{self.ears.store}/{name}.ogg", mime_type="audio/ogg")
                event = replace(event, text=None, attachments=(note,), kind="audio")
            case "yes to no":
                agrees, after = False, [MessageEdited(contact(), name, self.desk.now, "jangan")]
            case "yes deleted":
                agrees, after = False, [MessageDeleted(contact(), name)]
            case _:
                pass
        await self.desk.receive(event, *after)
        if agrees and self.pending is not None and self.delivered:
            self.due.append(self.pending)
        if await self._answered():
            self.pending = None

    async def _answer(self, step: str) -> None:
        agrees = step in ("yes", "yes twice", "yes in a crash")
        if agrees and self.pending is not None and self.delivered:
            self.due.append(self.pending)
        self.pending = None
        self.desk.model.replies = [says("Baik.")] * 4
        text = {"no": "jangan", "topic": "ongkir ke Bandung berapa?"}.get(step, "ya")
        await self._write(
            text, copies=1 + (step == "yes twice"), early=step == "early yes", dies=step == "yes in a crash"
        )

    async def _write(self, text: str, *, copies: int = 1, early: bool = False, dies: bool = False) -> None:
        self.number += 1
        event = message(self.number, text)
        if early:
            event = replace(event, sent_at=self.desk.now - timedelta(hours=1))
        await self.desk.receive(*[event] * copies)
        if dies:
            await self.desk.claim("dead")
            self.desk.now += timedelta(minutes=2)
        await self.desk.answer()


async def played(empty_ledger: Path, steps: Sequence[str]) -> Talk:
    audio = Reply(200, {"Content-Type": "audio/ogg"}, b"heard")
    with tempfile.TemporaryDirectory() as folder, serve(lambda request: audio) as store:
        shutil.copy(empty_ledger, Path(folder) / "ledger.db")
        database = SqliteDatabase(Path(folder) / "ledger.db")
        done = Outcome("done", "Pesanan dibatalkan.", {"status": "cancelled"})
        cancel = CountedAction("cancel_order", done, effect=True, confirm="Batalkan pesanan {order_id}?")
        ears = Ears(store.url)
        talk = Talk(Desk(database, actions=[cancel], transcriber=ears), cancel, ears)
        try:
            for step in steps:
                await talk.play(step)
        finally:
            await talk.desk.client.aclose()
            await database.aclose()
    return talk


@example(["ask KS-1", "deliver", "yes"])
@example(["ask KS-1", "deliver", "yes twice", "yes"])
@example(["ask KS-1", "deliver", "yes in a crash", "yes"])
@example(["ask KS-1", "yes", "deliver", "yes"])
@example(["ask KS-1", "deliver", "ask KS-2", "yes", "deliver", "yes"])
@example(["ask KS-1", "deliver", "topic", "deliver", "yes"])
@example(["ask KS-1", "deliver", "reminder", "yes"])
@example(["ask KS-1", "deliver", "early yes", "yes"])
@example(["ask KS-1", "deliver", "wait", "yes"])
@example(["ask KS-1", "deliver", "ask KS-1", "yes"])
@example(["ask KS-2", "deliver", "ask KS-1"])
@example(["ask KS-1", "deliver", "reply elsewhere"])
@example(["topic", "ask KS-1", "deliver", "old to yes"])
@example(["ask KS-1", "deliver", "yes to no", "yes"])
@example(["ask KS-1", "deliver", "yes deleted", "reaction", "spoken yes"])
@example(["ask KS-1", "deliver", "colleague", "reply yes"])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(STEPS), min_size=2, max_size=8))
def test_only_a_yes_to_the_newest_delivered_question_runs_what_it_asked_for(
    empty_ledger: Path, steps: list[str]
) -> None:
    talk = asyncio.run(played(empty_ledger, steps))
    allowed = list(talk.due)
    for order in talk.ran:
        assert order in allowed, (steps, talk.ran, talk.due)
        allowed.remove(order)


def test_a_yes_to_the_newest_delivered_question_runs_it(empty_ledger: Path) -> None:
    for steps in (
        ["ask KS-1", "deliver", "yes"],
        ["ask KS-1", "deliver", "ask KS-2", "deliver", "yes"],
        ["ask KS-1", "deliver", "topic", "deliver", "ask KS-1", "deliver", "yes in a crash", "yes"],
        ["ask KS-1", "deliver", "reaction", "spoken yes"],
        ["ask KS-1", "deliver", "yes deleted", "reply yes"],
        ["ask KS-1", "deliver", "reply elsewhere", "deliver", "ask KS-1", "deliver", "reply yes"],
    ):
        talk = asyncio.run(played(empty_ledger, steps))
        assert talk.ran == talk.due
        assert len(talk.ran) == 1
