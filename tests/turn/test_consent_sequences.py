"""Consent over whole conversations: whatever comes in between, an effect runs only with a yes to the newest delivered question, once."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from actions.action import Outcome
from agent.ledger import migrate, outbound
from agent.ledger.sqlite import SqliteDatabase
from messaging.types import Text
from tests.ledger.messages import BUDI, message
from tests.turn.harness import CountedAction, Desk, calls, says

ORDERS = ("KS-1", "KS-2")
STEPS = (
    *(f"ask {order}" for order in ORDERS),
    *("deliver", "yes", "yes twice", "yes in a crash", "early yes", "no", "topic", "reminder", "wait"),
)


@dataclass
class Talk:
    """A conversation, and what may run in it by the rule."""

    desk: Desk
    cancel: CountedAction
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
            case _:
                await self._answer(step)

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


async def played(steps: Sequence[str]) -> Talk:
    with tempfile.TemporaryDirectory() as folder:
        database = SqliteDatabase(Path(folder) / "ledger.db")
        await asyncio.to_thread(migrate.upgrade, database.engine)
        done = Outcome("done", "Pesanan dibatalkan.", {"status": "cancelled"})
        cancel = CountedAction("cancel_order", done, effect=True, confirm="Batalkan pesanan {order_id}?")
        talk = Talk(Desk(database, actions=[cancel]), cancel)
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
@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(STEPS), min_size=2, max_size=8))
def test_only_a_yes_to_the_newest_delivered_question_runs_what_it_asked_for(steps: list[str]) -> None:
    talk = asyncio.run(played(steps))
    allowed = list(talk.due)
    for order in talk.ran:
        assert order in allowed, (steps, talk.ran, talk.due)
        allowed.remove(order)


def test_a_yes_to_the_newest_delivered_question_runs_it() -> None:
    for steps in (
        ["ask KS-1", "deliver", "yes"],
        ["ask KS-1", "deliver", "ask KS-2", "deliver", "yes"],
        ["ask KS-1", "deliver", "topic", "deliver", "ask KS-1", "deliver", "yes in a crash", "yes"],
    ):
        talk = asyncio.run(played(steps))
        assert talk.ran == talk.due
        assert len(talk.ran) == 1
