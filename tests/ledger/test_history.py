from datetime import timedelta

from agent.ledger import history
from agent.ledger.database import Database
from agent.ledger.history import Line
from tests.ledger.messages import BUDI, NOW


async def _read(database: Database, *lines: tuple[str, str, int]) -> list[str]:
    written = [Line(author, text, NOW + timedelta(seconds=at)) for author, text, at in lines]  # type: ignore[arg-type]
    await database.write(lambda connection: history.append(connection, BUDI, written))
    return [line.text for line in await database.read(lambda connection: history.recent(connection, BUDI, 10))]


async def test_what_a_human_answered_stands_before_the_answer(database: Database) -> None:
    """The question is written down when its turn ends, which is after the human's word."""
    texts = await _read(
        database,
        ("agent", "halo", 0),
        ("human", "saya cek", 9),
        ("human", "sebentar", 10),
        ("contact", "di mana?", 5),
        ("contact", "halo?", 6),
        ("contact", "makasih", 12),
    )
    assert texts == ["halo", "di mana?", "halo?", "saya cek", "sebentar", "makasih"]


async def test_a_message_that_came_while_the_agent_thought_stays_behind_its_answer(database: Database) -> None:
    texts = await _read(database, ("contact", "satu", 0), ("agent", "jawab satu", 5), ("contact", "dua", 2))
    assert texts == ["satu", "jawab satu", "dua"]


async def test_a_window_begins_at_the_same_line_until_half_of_it_is_new(database: Database) -> None:
    begins = []
    for n in range(1, 26):
        line = Line("contact", f"line {n}", NOW)
        await database.write(lambda connection, line=line: history.append(connection, BUDI, [line]))
        lines, before = await database.read(lambda connection: history.window(connection, BUDI, 10))
        assert len(lines) <= 10
        assert (lines[0].text, lines[-1].text) == (f"line {before + 1}", f"line {n}")
        begins.append(before)
    assert begins == [0] * 10 + [5] * 5 + [10] * 5 + [15] * 5
