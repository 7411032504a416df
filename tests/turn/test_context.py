"""What a turn knows: of newer messages, and of everything that was ever said and found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection

from actions.action import Context, Json, Outcome
from agent.ledger import history, inbound, steps, turns
from agent.ledger.codec import pack_outcome
from agent.ledger.database import Database, insert_row
from agent.ledger.tables import turn as turn_table
from agent.turn.context import Arrivals
from tests.ledger.messages import BUDI, NOW, RULES, message, quiet
from tests.turn.harness import CountedAction, Desk, calls, says


async def test_a_look_along_with_a_write_spares_the_next_one_for_a_moment(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("agent.turn.context.time", SimpleNamespace(monotonic=lambda: clock[0]))
    await database.write(lambda connection: inbound.accept(connection, message(1), NOW, RULES))
    await database.write(lambda connection: turns.claim(connection, BUDI, "me", NOW, turns.LEASE, quiet))
    arrivals = Arrivals(database, BUDI)
    await database.write(arrivals.look)
    assert not arrivals.noticed
    await database.write(lambda connection: inbound.accept(connection, message(2), NOW, RULES))
    clock[0] += 0.4
    assert not await arrivals.newer(), "it was looked a moment ago"
    clock[0] += 0.2
    assert await arrivals.newer()
    assert arrivals.noticed


async def test_the_first_question_is_always_looked_up(database: Database) -> None:
    await database.write(lambda connection: inbound.accept(connection, message(1), NOW, RULES))
    assert await Arrivals(database, BUDI).newer()


@dataclass
class Cancelling(CountedAction):
    """Cancels an order that `find` has named, or the customer."""

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        known = {found["id"] for found in context.results.get("find", ()) if isinstance(found, dict)}
        if arguments["order_id"] in known or any(arguments["order_id"] in said for said in context.said):
            return None
        return Outcome("refused", "Nobody named that order.")

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        return await self.check(arguments, context) or await CountedAction.run(self, arguments, context)


async def _long_ago(desk: Desk, number: int) -> None:
    """As many turns in which an order was found each; the first message of all names one too."""
    at = NOW - timedelta(days=30)

    def write(connection: Connection) -> None:
        lines = [history.Line("contact", f"pesan {n} KS-S{n}", at) for n in range(history.RECENTLY_SAID + 2)]
        history.append(connection, BUDI, lines)
        for n in range(number):
            begun = at + timedelta(minutes=n)
            row = {"id": f"t{n}", "platform": BUDI.platform, "contact": BUDI.id, "state": "done", "started_at": begun}
            insert_row(connection, turn_table, row)
            output = pack_outcome(Outcome("done", "ok", {"id": f"KS-{n}"}))
            steps.record(
                connection,
                f"t{n}",
                key="action/1/1#x",
                kind="action",
                name="find",
                input_hash="x",
                given={"name": "find", "arguments": {"n": n}},
                output=output,
                started_at=begun,
                finished_at=begun,
            )

    await desk.database.write(write)


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize("order", ["KS-0", "KS-S0", "KS-399"])
async def test_no_result_and_no_word_is_ever_forgotten_as_a_source(desk: Desk, effect: bool, order: str) -> None:
    await _long_ago(desk, 400)
    desk.actions = [cancel := Cancelling("cancel", effect=effect)]
    desk.model.replies = [calls("cancel", order_id=order), says("Sudah.")]
    await desk.receive(message(1, "batalkan"))
    turn = await desk.answer()
    assert [arguments for arguments, _ in cancel.ran] == [{"order_id": order}]
    assert turn.recollected is (order != "KS-399"), "the long way is gone only where the short one leads nowhere"


async def test_what_nobody_named_is_refused_after_all(desk: Desk) -> None:
    await _long_ago(desk, 301)
    desk.actions = [cancel := Cancelling("cancel", effect=True)]
    desk.model.replies = [calls("cancel", order_id="KS-9999"), says("Nomornya berapa?")]
    await desk.receive(message(1, "batalkan"))
    await desk.answer()
    assert cancel.ran == []
