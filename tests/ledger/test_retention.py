"""What is older than it is kept goes, in small steps; what is under way, and whom it was about, stays."""

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, Table, delete, insert, select

from agent.assembly import open_ledger
from agent.config import load
from agent.config.config import RetentionSettings
from agent.housekeeping import Retention
from agent.ledger import retention
from agent.ledger.database import Database
from agent.ledger.tables import contact, inbound, media, message, outbound, step, turn
from tests.ledger.messages import NOW

DAY = timedelta(days=1)


def _conversation(connection: Connection, name: str, at: datetime, state: str = "done") -> None:
    """One message, its turn with a step, and its answer."""
    common: dict[str, Any] = {"platform": "aelyst", "contact": name}
    waits = state == "running"
    connection.execute(
        insert(turn).values(
            id=f"turn-{name}", state=state, started_at=at, takeovers=0, restarts=0, tokens=0, cost=0, **common
        )
    )
    connection.execute(
        insert(step).values(
            turn=f"turn-{name}",
            n=1,
            key="model/1",
            kind="model",
            name="m",
            input_hash="x",
            started_at=at,
            tokens=0,
            cost=0,
        )
    )
    connection.execute(
        insert(inbound).values(
            message_id=f"m{name}", payload={}, received_at=at, state="waiting" if waits else "answered", **common
        )
    )
    connection.execute(
        insert(message).values(author="contact", text="halo", attachments=[], at=at, turn=f"turn-{name}", **common)
    )
    connection.execute(
        insert(outbound).values(
            id=f"turn-{name}/0", lane="message", payload={}, state="pending" if waits else "sent", attempts=1,
            next_attempt_at=at, unless_replied=False, may_have_been_sent=False, created_at=at, **common,
        )
    )  # fmt: skip
    connection.execute(
        insert(media).values(id=f"{name}.png", content=b"x", type="image/png", created_at=at, expires_at=at + 900 * DAY)
    )
    connection.execute(insert(contact).values(platform="aelyst", id=name, profile={}))


async def _fill(database: Database, count: int) -> None:
    def work(connection: Connection) -> None:
        for number in range(count):
            _conversation(connection, f"old{number}", NOW - 400 * DAY + timedelta(seconds=number))
        _conversation(connection, "unfinished", NOW - 400 * DAY, "running")
        _conversation(connection, "month", NOW - 40 * DAY)
        _conversation(connection, "week", NOW - 8 * DAY)
        _conversation(connection, "today", NOW)

    await database.write(work)


async def _left(database: Database, table: Table) -> set[str]:
    column = table.c.id if table in (media, contact) else table.c.turn if table is step else table.c.contact
    found = await database.read(lambda connection: connection.execute(select(column)).scalars().all())
    return {str(name).removesuffix(".png").removeprefix("turn-") for name in found}


async def test_each_kind_goes_after_its_own_time(database: Database) -> None:
    await _fill(database, 3)
    settings = RetentionSettings.model_validate({"messages": "365d", "steps": "30d", "media": "7d"})
    await Retention(database, lambda: NOW).trim(settings)
    for table in (inbound, outbound, turn):
        assert await _left(database, table) == {"unfinished", "month", "week", "today"}
    assert await _left(database, message) == {"month", "week", "today"}
    assert await _left(database, step) == {"unfinished", "week", "today"}
    assert await _left(database, media) == {"today"}
    assert len(await _left(database, contact)) == 7


async def test_without_a_time_everything_stays(database: Database) -> None:
    await _fill(database, 3)
    await Retention(database, lambda: NOW).trim(RetentionSettings())
    for table in (message, inbound, outbound, turn, step, media):
        assert len(await _left(database, table)) == 7


async def test_a_long_past_goes_in_many_short_transactions(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    await _fill(database, 45)
    sizes: list[int] = []
    write = database.write

    async def counted(work: Callable[[Connection], Any]) -> Any:
        found = await write(work)
        sizes.append(found)
        return found

    monkeypatch.setattr(database, "write", counted)
    await Retention(database, lambda: NOW).trim(RetentionSettings.model_validate({"messages": "365d", "steps": "30d"}))
    assert max(sizes) <= 4 * 10
    assert len(sizes) >= 6
    assert await _left(database, turn) == {"unfinished", "month", "week", "today"}
    assert await _left(database, step) == {"unfinished", "week", "today"}


async def test_what_is_under_way_does_not_keep_what_came_after_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 5)

    def stuck(connection: Connection) -> None:
        for number in range(12):
            _conversation(connection, f"stuck{number}", NOW - 500 * DAY, "running")

    await database.write(stuck)
    await _fill(database, 7)
    await Retention(database, lambda: NOW).trim(RetentionSettings.model_validate({"messages": "365d"}))
    for table in (inbound, outbound):
        left = await _left(database, table)
        assert {name for name in left if not name.startswith("stuck")} == {"unfinished", "month", "week", "today"}
        assert len(left) == 12 + 4


async def test_a_second_trim_takes_what_has_grown_old_since(database: Database) -> None:
    await _fill(database, 2)
    clock = [NOW]
    keeper = Retention(database, lambda: clock[0])
    settings = RetentionSettings.model_validate({"steps": "30d"})
    await keeper.trim(settings)
    clock[0] = NOW + 25 * DAY
    await keeper.trim(settings)
    assert await _left(database, step) == {"unfinished", "today"}


async def test_compacting_gives_the_disk_its_room_back(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("name: Melati\ninstructions: Kamu Melati.\n")
    async with open_ledger(load(tmp_path / "agent.yaml")) as database:
        await _fill(database, 2)
        await database.write(
            lambda connection: (
                connection.execute(
                    insert(media).values(
                        id="big.png",
                        content=b"x" * 5_000_000,
                        type="image/png",
                        created_at=NOW - 9 * DAY,
                        expires_at=NOW,
                    )
                ).rowcount
            )
        )
        await Retention(database, lambda: NOW).trim(RetentionSettings.model_validate({"media": "7d"}))
        await asyncio.to_thread(retention.compact, database.engine)
        assert len(await _left(database, message)) == 6
    assert (tmp_path / ".balas" / "balas.db").stat().st_size < 2_000_000


async def test_compacting_leaves_every_row(database: Database) -> None:
    await _fill(database, 2)
    await asyncio.to_thread(retention.compact, database.engine)
    assert len(await _left(database, message)) == 6
    await database.write(lambda connection: _conversation(connection, "later", NOW))


@pytest.mark.parametrize("given", [{"messages": "7d"}, {"steps": "1h"}, {"media": "0s"}])
def test_a_time_that_would_break_promises_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="shorter than"):
        RetentionSettings.model_validate(given)


async def test_a_compacting_that_is_killed_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("name: Melati\ninstructions: Kamu Melati.\n")

    def files(connection: Connection) -> None:
        for number in range(20):
            content = number.to_bytes(1, "big") * 4_000_000
            connection.execute(
                insert(media).values(
                    id=f"file{number}.png", content=content, type="image/png", created_at=NOW, expires_at=NOW
                )
            )
        connection.execute(delete(media).where(media.c.id == "file0.png"))

    async with open_ledger(load(tmp_path / "agent.yaml")) as database:
        await database.write(files)
        await asyncio.to_thread(retention.compact, database.engine)
        await database.write(lambda connection: _conversation(connection, "last", NOW))
    log = tmp_path / ".balas" / "balas.db-wal"
    command = [sys.executable, "-m", "agent", "ledger", "compact", "-c", str(tmp_path / "agent.yaml")]
    process = await asyncio.create_subprocess_exec(*command)
    while not log.exists() or log.stat().st_size < 4_000_000:  # the new file is written here first
        assert process.returncode is None, "it ended before it could be killed"
        await asyncio.sleep(0.001)
    process.kill()
    await process.wait()
    async with open_ledger(load(tmp_path / "agent.yaml")) as database:
        assert len(await _left(database, media)) == 20
        assert await _left(database, message) == {"last"}
        checked = await database.read(
            lambda connection: connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        )
        assert checked == ["ok"]
