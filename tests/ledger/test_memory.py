"""The running summary of a conversation, and the facts that customers told about themselves."""

from datetime import timedelta

from sqlalchemy import Connection, select

from agent.ledger import contacts, history, memory, steps, turns
from agent.ledger.database import Database
from agent.ledger.history import Line
from agent.ledger.inbound import accept
from agent.ledger.memory import Portion
from agent.ledger.tables import InboundOutcome, turn
from agent.ledger.tables import message as messages
from agent.ledger.turns import Result
from tests.ledger.messages import BUDI, NOW, RULES, contact, message

WINDOW = 10


def _talk(connection: Connection, count: int) -> None:
    lines = [Line("contact" if n % 2 else "agent", f"line {n}", NOW) for n in range(1, count + 1)]
    history.append(connection, BUDI, lines)


def _answered_turn(connection: Connection) -> str:
    """A turn as it is when it is over, with what it cost."""
    accept(connection, message(1), NOW, RULES)
    claim = turns.claim(connection, BUDI, "me", NOW, timedelta(seconds=30))
    assert isinstance(claim, turns.Claim)
    turns.commit(connection, claim, "me", Result(InboundOutcome.ANSWERED, tokens=100, cost=0.5), NOW)
    return claim.turn


def _finish(connection: Connection, portion: Portion, text: str) -> bool:
    return memory.finish(connection, portion, text, model="m", tokens=7, cost=0.25, started_at=NOW, now=NOW)


async def test_nothing_is_summarised_while_the_model_sees_everything(database: Database) -> None:
    def work(connection: Connection) -> Portion | None:
        _answered_turn(connection)
        _talk(connection, WINDOW)
        return memory.begin(connection, BUDI, WINDOW, NOW)

    assert await database.write(work) is None


async def test_what_falls_out_of_the_window_is_taken_in_large_steps(database: Database) -> None:
    def work(connection: Connection) -> None:
        _answered_turn(connection)
        _talk(connection, WINDOW + 1)
        portion = memory.begin(connection, BUDI, WINDOW, NOW)
        assert portion is not None
        assert [line.text for line in portion.lines] == [f"line {n}" for n in range(1, 7)]
        assert _finish(connection, portion, "first")
        _talk(connection, 5)
        assert memory.begin(connection, BUDI, WINDOW, NOW) is None
        _talk(connection, 1)
        portion = memory.begin(connection, BUDI, WINDOW, NOW)
        assert portion is not None
        assert (portion.before, len(portion.lines)) == ("first", 6)

    await database.write(work)


async def test_a_step_that_was_taken_on_is_not_paid_twice_and_the_next_one_covers_it(database: Database) -> None:
    def work(connection: Connection) -> None:
        _answered_turn(connection)
        _talk(connection, WINDOW + 1)
        lost = memory.begin(connection, BUDI, WINDOW, NOW)  # whoever took it on is killed now
        assert lost is not None
        assert memory.begin(connection, BUDI, WINDOW, NOW) is None
        assert memory.load(connection, BUDI) is None
        _talk(connection, 6)
        later = memory.begin(connection, BUDI, WINDOW, NOW)
        assert later is not None
        assert later.lines[0].text == "line 1"
        assert later.upto > lost.upto
        assert not _finish(connection, lost, "too late")
        assert _finish(connection, later, "all of it")
        found = memory.load(connection, BUDI)
        assert found is not None
        assert found.text == "all of it"

    await database.write(work)


async def test_a_step_that_no_model_answered_is_taken_on_again(database: Database) -> None:
    def work(connection: Connection) -> None:
        _answered_turn(connection)
        _talk(connection, WINDOW + 1)
        first = memory.begin(connection, BUDI, WINDOW, NOW)
        assert first is not None
        memory.give_up(connection, first)
        again = memory.begin(connection, BUDI, WINDOW, NOW)
        assert again is not None
        assert again.lines == first.lines

    await database.write(work)


async def test_the_cost_is_on_the_turn_and_in_the_days_budget(database: Database) -> None:
    def work(connection: Connection) -> None:
        turn_id = _answered_turn(connection)
        _talk(connection, WINDOW + 1)
        portion = memory.begin(connection, BUDI, WINDOW, NOW)
        assert portion is not None
        _finish(connection, portion, "short")
        row = connection.execute(select(turn).where(turn.c.id == turn_id)).one()
        assert (row.tokens, row.cost) == (107, 0.75)
        assert turns.dollars(connection, NOW - timedelta(days=1)) == 0.75
        _finish(connection, portion, "short")  # the database's answer to the first time was lost
        assert turns.dollars(connection, NOW - timedelta(days=1)) == 0.75
        (step,) = steps.of_turn(connection, turn_id)
        assert (step.kind, step.output) == ("summary", {"text": "short"})

    await database.write(work)


async def test_a_turn_that_still_runs_is_not_charged(database: Database) -> None:
    def work(connection: Connection) -> None:
        over = _answered_turn(connection)
        _talk(connection, WINDOW + 1)
        accept(connection, message(2), NOW, RULES)
        running = turns.claim(connection, BUDI, "me", NOW + timedelta(seconds=1), timedelta(seconds=30))
        assert isinstance(running, turns.Claim)
        portion = memory.begin(connection, BUDI, WINDOW, NOW)
        assert portion is not None
        assert portion.turn == over != running.turn

    await database.write(work)


async def test_what_the_customer_wrote_long_ago_is_still_theirs(database: Database) -> None:
    def work(connection: Connection) -> None:
        contacts.remember(connection, contact())
        _talk(connection, 60)
        said = history.said(connection, BUDI)
        assert (said[0], said[-1], len(said)) == ("line 1", "line 59", 30)

    await database.write(work)


async def test_a_fact_names_its_message_and_a_newer_one_takes_its_place(database: Database) -> None:
    def work(connection: Connection) -> None:
        said = ["nama saya Budi", "alamat saya Jl. Braga 1", "eh, alamatnya Jl. Dago 5"]
        history.append(connection, BUDI, [Line("contact", text, NOW) for text in said])
        history.append(connection, BUDI, [Line("agent", "Baik, Jl. Dago 5 ya", NOW)])
        numbers = list(connection.execute(select(messages.c.n).order_by(messages.c.n)).scalars())
        memory.learn(connection, BUDI, {"name": "Budi", "address": "jl braga 1"}, "t1", NOW)
        memory.learn(connection, BUDI, {"address": "Jl. Dago 5"}, "t2", NOW)
        found = {fact.key: fact for fact in memory.of_contact(connection, BUDI)}
        assert (found["name"].value, found["name"].message, found["name"].turn) == ("Budi", numbers[0], "t1")
        assert (found["address"].value, found["address"].message) == ("Jl. Dago 5", numbers[2])

    await database.write(work)
