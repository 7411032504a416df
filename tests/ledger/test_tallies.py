"""Sums of what is over: always exactly those of the rows, whatever changes afterwards and whenever they are added up."""

from collections import Counter
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, delete, insert, select, update

from agent.housekeeping import bring_up_to_date
from agent.ledger import migrate, overview, stats, tallies
from agent.ledger.columns import EPOCH
from agent.ledger.database import Database, is_postgres
from agent.ledger.tables import inbound, outbound, step, tally, tally_changed, tally_state, trial, turn
from agent.ledger.tallies import QUARTER, SETTLED, Sums

NOW = datetime.fromisoformat("2030-03-10T12:00:00+00:00")
FAR = EPOCH + timedelta(days=365_000)


def _rows(connection: Connection) -> dict[int, Sums]:
    """The sums of every quarter, from the rows alone."""
    return dict(tallies._counted(connection, EPOCH, FAR))


def _given(connection: Connection) -> dict[int, Sums]:
    found: dict[int, Sums] = {}
    for quarter, sums in tallies.between(connection, EPOCH, FAR):
        assert quarter not in found
        found[quarter] = sums
    return {quarter: sums for quarter, sums in found.items() if sums != Sums()}


async def _keep_house(database: Database, now: datetime) -> None:
    """Tally as the agent does in the minutes from `now`: a quarter that is closed at the second time is settled at the third."""
    for later in range(3):
        await bring_up_to_date(database, now + later * SETTLED)


class Shop:
    """Changes rows at random; times lie within some hours before `now`, so that many share a quarter."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = NOW
        self.n = 0

    def at(self) -> datetime:
        return self.now - timedelta(seconds=self.random.randrange(0, 6 * 3600))

    def change(self, connection: Connection) -> None:
        self.random.choice([self.say, self.say, self.answer, self.move, self.remove, self.call, self.tick])(connection)

    def say(self, connection: Connection) -> None:
        self.n += 1
        platform = self.random.choice(["aelyst", "telegram"])
        connection.execute(
            insert(inbound).values(
                platform=platform, message_id=f"m{self.n}", contact="c1", payload={}, received_at=self.at(), state="waiting",
            )
        )  # fmt: skip

    def answer(self, connection: Connection) -> None:
        """A turn for some messages, which may lie in different quarters, and its replies."""
        self.n += 1
        name, began = f"t{self.n}", self.at()
        waiting = list(connection.execute(select(inbound.c.n).where(inbound.c.turn.is_(None))).scalars())
        taken = self.random.sample(waiting, min(len(waiting), self.random.randrange(3)))
        outcome = self.random.choice(["answered", "not_known", "failed"])
        connection.execute(
            update(inbound).where(inbound.c.n.in_(taken)).values(turn=name, state="answered", outcome=outcome)
        )
        values = {"tokens": self.random.randrange(9), "cost": 0.25, "state": self.random.choice(["done", "failed"])}
        why = self.random.choice([None, "asked", "a complaint"])
        connection.execute(
            insert(turn).values(id=name, platform="aelyst", contact="c1", started_at=began, handover=why, **values)
        )
        for part in range(self.random.randrange(3)):
            state = self.random.choice(["pending", "sent"])
            sent = began + timedelta(seconds=self.random.randrange(8000)) if state == "sent" else None
            connection.execute(
                insert(outbound).values(
                    id=f"{name}/{part}", platform="aelyst", contact="c1", lane=self.random.choice(["message", "desk"]),
                    payload={}, state=state, next_attempt_at=began, created_at=began, sent_at=sent, turn=name,
                )
            )  # fmt: skip

    def move(self, connection: Connection) -> None:
        """One row becomes another state or time."""
        one = self.random.choice(["inbound", "turn", "outbound"])
        if one == "inbound" and (n := self._any(connection, inbound.c.n)) is not None:
            connection.execute(
                update(inbound).where(inbound.c.n == n).values(
                    received_at=self.at(), state="held", turn=self._any(connection, turn.c.id)
                )
            )  # fmt: skip
        elif one == "turn" and (name := self._any(connection, turn.c.id)) is not None:
            connection.execute(update(turn).where(turn.c.id == name).values(state="failed", tokens=7))
        elif (name := self._any(connection, outbound.c.id)) is not None:
            state = self.random.choice(["sent", "failed"])
            connection.execute(update(outbound).where(outbound.c.id == name).values(state=state, sent_at=self.at()))

    def remove(self, connection: Connection) -> None:
        key = self.random.choice([inbound.c.n, turn.c.id, outbound.c.id, step.c.turn, trial.c.id])
        if (value := self._any(connection, key)) is not None:
            connection.execute(delete(key.table).where(key == value))

    def call(self, connection: Connection) -> None:
        self.n += 1
        kind = self.random.choice(["action", "model"])
        values = {"key": "k", "kind": kind, "name": "x", "input_hash": "x", "started_at": self.at()}
        connection.execute(insert(step).values(turn=f"s{self.n}", n=0, **values))
        connection.execute(insert(trial).values(id=f"x{self.n}", at=self.at(), tokens=3, cost=0.5))

    def tick(self, _connection: Connection) -> None:
        self.now += timedelta(minutes=self.random.choice([1, 10, 50]))

    def _any(self, connection: Connection, column):  # type: ignore[no-untyped-def]
        found = list(connection.execute(select(column).order_by(column)).scalars())
        return self.random.choice(found) if found else None


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(10, 60))
@example(0, 60)
@example(7, 60)
def test_whatever_changes_in_whatever_order_the_sums_are_those_of_the_rows(seed: int, many: int) -> None:
    shop = Shop(Random(seed))
    engine = create_engine("sqlite://")
    migrate.upgrade(engine)
    with engine.begin() as connection:
        for _ in range(many):
            shop.change(connection)
            if shop.random.random() < 0.3:
                tallies.close(connection, shop.now)
            if shop.random.random() < 0.4 and (found := tallies.count(connection, shop.now)) is not None:
                if shop.random.random() < 0.5:
                    shop.change(connection)  # between the count and its end
                tallies.store(connection, found)
            assert _given(connection) == _rows(connection)
    engine.dispose()


async def test_it_is_so_in_the_database_of_the_ledger_and_what_is_over_is_tallied_soon(database: Database) -> None:
    shop = Shop(Random(4))
    for _ in range(12):
        for _ in range(12):
            await database.write(shop.change)
        await _keep_house(database, shop.now)
        assert await database.read(_given) == await database.read(_rows)
        state = await database.read(lambda c: c.execute(select(tally_state)).one())
        assert state.closed_until - QUARTER <= state.tallied_until
        late = select(tally_changed).where(tally_changed.c.quarter < tallies.quarter_of(state.tallied_until))
        assert await database.read(lambda c, late=late: c.execute(late).all()) == []
        assert state.tallied_until > shop.now - timedelta(hours=1, minutes=15)
    assert await database.read(lambda c: c.execute(select(tally)).all())


async def test_a_count_that_another_process_has_overtaken_is_not_kept(database: Database) -> None:
    shop = Shop(Random(5))
    for _ in range(30):
        await database.write(shop.change)
    await _keep_house(database, shop.now)
    await database.write(lambda c: c.execute(update(inbound).values(state="held", outcome="human")))
    late = shop.now + 2 * SETTLED
    old = await database.read(lambda c: tallies.count(c, late))
    assert old is not None
    await database.write(lambda c: c.execute(update(inbound).values(state="answered", outcome="not_known")))
    await bring_up_to_date(database, late)  # another process
    await database.write(lambda c: tallies.store(c, old))
    assert await database.read(_given) == await database.read(_rows)


async def test_a_message_that_is_being_written_while_its_quarter_is_closed_is_counted(database: Database) -> None:
    if not await database.read(is_postgres):
        pytest.skip("SQLite writes one transaction at a time")
    with database.engine.begin() as slow:
        Shop(Random(1)).say(slow)  # not committed yet, and closed meanwhile
        at = NOW + timedelta(hours=9)
        await bring_up_to_date(database, at)
        await bring_up_to_date(database, at + timedelta(seconds=30))
    await bring_up_to_date(database, at + SETTLED)
    assert await database.read(_given) == await database.read(_rows) != {}


async def test_figures_and_counts_read_sums_and_not_every_row(database: Database) -> None:
    shop = Shop(Random(6))
    for _ in range(150):
        await database.write(shop.change)
    zone = ZoneInfo("Asia/Kathmandu")  # 5 hours and three quarters from UTC

    def figures(connection: Connection) -> list[stats.Figures]:
        begin = NOW - timedelta(days=2)
        return stats.figures(connection, begin, shop.now + timedelta(minutes=7), "hour", zone)

    before = await database.read(figures), await database.read(overview.counts)
    await _keep_house(database, shop.now + timedelta(hours=9))
    after = await database.read(figures), await database.read(overview.counts)
    assert after == before
    assert sum(each.messages for each in after[0]) > 0

    def without_rows(connection: Connection) -> tuple[list[stats.Figures], dict[str, int]]:
        for table in (inbound, turn, step, trial):
            connection.execute(delete(table))
        connection.execute(delete(tally_changed))  # as if nobody had noticed
        return figures(connection), overview.counts(connection).tables["inbound"]

    assert await database.write(without_rows) == (before[0], before[1].tables["inbound"])


def test_sums_survive_their_way_through_json() -> None:
    sums = Sums(
        3, 1, 2, Counter({"a": 1}), Counter({300: 2}), 4, 5, 0.25, 6, 0.5, Counter({("p", "held"): 3}), Counter()
    )
    assert tallies._read(tallies._written(sums)) == sums
    assert tallies.quarter_of(NOW + QUARTER) == tallies.quarter_of(NOW) + 1
