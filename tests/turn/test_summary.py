"""The summariser beside the conversation: asked only when something is due, and what was paid for is kept."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from sqlalchemy import Connection

from agent.ledger import history, inbound, memory, migrate, steps, turns
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.history import Line
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Result
from agent.models.chat import ChatModel
from agent.turn import context
from agent.turn.context import TurnContext
from agent.turn.summary import Summariser, SummarySettings
from tests.ledger.messages import BUDI, NOW, RULES, message, quiet

WINDOW = 10


class _Ledger(SqliteDatabase):
    """Counts what is asked of it; `away` writes after the first fail, after they were done, as when the answer is lost."""

    reads = 0
    writes = 0
    away = 0

    async def read(self, work: Any) -> Any:
        self.reads += 1
        return await super().read(work)

    async def write(self, work: Any) -> Any:
        self.writes += 1
        result = await super().write(work)
        if self.writes > 1 and self.away:
            self.away -= 1
            raise LedgerUnavailable("its answer got lost")
        return result


async def _after_a_turn(folder: Path, lines: int) -> tuple[_Ledger, TurnContext]:
    """A ledger in which a turn has just ended, with so many messages before it."""
    ledger = _Ledger(folder / "ledger.db")
    await asyncio.to_thread(migrate.upgrade, ledger.engine)

    def work(connection: Connection) -> TurnContext:
        said = [Line("contact" if n % 2 else "agent", f"line {n}", NOW) for n in range(1, lines + 1)]
        history.append(connection, BUDI, said)
        inbound.accept(connection, message(1), NOW, RULES)
        begun = context.begin(
            connection,
            BUDI,
            "me",
            database=ledger,
            clock=lambda: NOW,
            quiet=quiet,
            lines=WINDOW,
            default_language="id",
        )
        assert isinstance(begun, TurnContext)
        answer = [Line("contact", "halo", NOW), Line("agent", "ya", NOW)]
        turns.commit(connection, begun.claim, "me", Result(InboundOutcome.ANSWERED, lines=answer), NOW)
        return begun

    begun = await ledger.write(work)
    ledger.reads = ledger.writes = 0
    return ledger, begun


async def _considered(ledger: _Ledger, begun: TurnContext) -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("Budi asked.")]))
    settings = SummarySettings(WINDOW, 1.0, timedelta(seconds=5))
    summariser = Summariser(ledger, [ChatModel("m", model)], settings, clock=lambda: NOW)
    summariser.consider(begun)
    await summariser.stop(timedelta(seconds=20))


async def test_a_short_conversation_costs_no_look_at_the_ledger(tmp_path: Path) -> None:
    ledger, begun = await _after_a_turn(tmp_path, WINDOW - 2)
    await _considered(ledger, begun)
    assert (ledger.reads, ledger.writes) == (0, 0)
    await ledger.aclose()


async def test_it_is_extended_as_soon_as_the_model_no_longer_sees_everything(tmp_path: Path) -> None:
    ledger, begun = await _after_a_turn(tmp_path, WINDOW - 1)
    await _considered(ledger, begun)
    found = await ledger.read(lambda connection: memory.load(connection, BUDI))
    assert found is not None
    assert found.text == "Budi asked."
    await ledger.aclose()


async def test_a_summary_that_was_paid_for_is_kept_though_the_answer_to_writing_it_got_lost(tmp_path: Path) -> None:
    ledger, begun = await _after_a_turn(tmp_path, WINDOW)
    ledger.away = 1
    await _considered(ledger, begun)
    assert (ledger.away, ledger.writes) == (0, 3)
    found = await ledger.read(lambda connection: memory.load(connection, BUDI))
    assert found is not None
    assert found.text == "Budi asked."
    recorded = await ledger.read(lambda connection: steps.of_turn(connection, begun.claim.turn))
    assert [step.kind for step in recorded] == ["summary"]
    await ledger.aclose()
