"""`balas followups`: what an owner sees, and what happens to a name that nobody has."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.cli.frame import run
from agent.ledger import contacts, followups, migrate
from agent.ledger.followups import FollowUp
from agent.ledger.sqlite import SqliteDatabase
from messaging.types import Contact, ContactKey

BUDI = ContactKey("aelyst", "7")
DUE = datetime(2030, 11, 21, 2, 0, tzinfo=UTC)


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An agent with a promise, and a rule that was skipped."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.yaml").write_text("name: Melati\ninstructions: Jawab singkat.\nvoice: {model: none}\n")
    database = SqliteDatabase(tmp_path / ".balas" / "balas.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    for one in (
        FollowUp("f1", BUDI, DUE, "Ambil kopi", None, {}, DUE - timedelta(days=1)),
        FollowUp("f2", BUDI, DUE, "Jadi?", "lanjut", {"no_reply": True}, DUE),
    ):
        await database.write(lambda connection, one=one: followups.schedule(connection, one))
    await database.write(lambda c: contacts.remember(c, Contact(BUDI, first_name="Budi", phone="+6281234567802")))
    await database.write(lambda c: followups.end(c, "f2", "skipped", "a human answers (Rina)", DUE))
    await database.aclose()
    return tmp_path


async def _run(*words: str) -> int:
    return await asyncio.to_thread(run, ["followups", *words])


async def test_what_waits_is_listed_in_the_business_time_and_what_ended_with_its_reason(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _run("list", "+6281234567802") == 0
    assert capsys.readouterr().out == "f1  aelyst:7  2030-11-21 09:00:00  reminder  Ambil kopi\n"
    assert await _run("list", "--all") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "f2  aelyst:7  2030-11-21 09:00:00  lanjut skipped: a human answers (Rina)  Jadi?"


async def test_one_is_called_off_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _run("cancel", "f1") == 0
    assert "f1 will not be sent to aelyst:7" in capsys.readouterr().out
    for identifier in ("f1", "f2", "nope"):
        assert await _run("cancel", identifier) == 1
        assert f"nothing scheduled has the id '{identifier}'; `balas followups list`" in capsys.readouterr().err
    assert await _run("list") == 0
    assert capsys.readouterr().out == "nothing is scheduled\n"


async def test_a_contact_that_nobody_knows_is_the_users_mistake(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _run("list", "nobody") == 1
    assert "no contact 'nobody' in this ledger" in capsys.readouterr().err
