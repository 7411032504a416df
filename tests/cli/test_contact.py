"""`balas contact`: what it shows, what it asks, what it refuses."""

import asyncio
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from agent.cli.frame import run
from agent.ledger import contacts, history, memory, migrate, turns
from agent.ledger.history import Line
from agent.ledger.inbound import accept
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Result
from messaging.types import Contact, ContactKey
from tests.ledger.messages import BUDI, NOW, RULES, contact, message


@pytest.fixture
def config(tmp_path: Path) -> str:
    """An agent whose ledger knows one customer."""
    (tmp_path / "agent.yaml").write_text("name: Melati\ninstructions: Jawab.\nmodel: {name: offline}\n")
    asyncio.run(_fill(tmp_path))
    return str(tmp_path / "agent.yaml")


async def _fill(folder: Path) -> None:
    database = SqliteDatabase(folder / ".balas" / "balas.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)

    def work(connection: Connection) -> None:
        accept(connection, message(1, "alamat saya Jl. Braga 1"), NOW, RULES)
        claim = turns.claim(connection, BUDI, "me", NOW, timedelta(seconds=30))
        assert isinstance(claim, turns.Claim)
        lines = (Line("contact", "alamat saya Jl. Braga 1", NOW, turn=claim.turn),)
        turns.commit(connection, claim, "me", Result(InboundOutcome.ANSWERED, lines=lines), NOW)
        memory.learn(connection, BUDI, {"address": "Jl. Braga 1"}, claim.turn, NOW)
        contacts.remember(connection, contact(email="budi@contoh.id", tags=("vip",)))
        history.append(connection, BUDI, [Line("agent", "Baik, dicatat", NOW)])

    await database.write(work)
    await database.aclose()


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    shown = capsys.readouterr()
    return shown.out + shown.err


@pytest.mark.parametrize("who", ["7", "aelyst:7", "+6281234567802", "budi@contoh.id"])
def test_a_contact_is_found_by_whatever_is_at_hand(config: str, capsys: pytest.CaptureFixture[str], who: str) -> None:
    assert run(["contact", "show", who, "-c", config]) == 0
    shown = _said(capsys)
    for part in ("aelyst:7  Budi", "vip", "address: Jl. Braga 1  (message 1", "agent    Baik, dicatat", "0 reminders"):
        assert part in shown


def test_json_holds_the_same(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contact", "show", "7", "--json", "-c", config]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["facts"][0]["value"] == "Jl. Braga 1"
    assert [line["text"] for line in shown["lines"]] == ["alamat saya Jl. Braga 1", "Baik, dicatat"]


def test_forgetting_asks_first_and_a_no_changes_nothing(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer, code in (("n\n", 1), ("", 130)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert run(["contact", "forget", "7", "-c", config]) == code
    assert run(["contact", "show", "7", "-c", config]) == 0
    assert "Erase aelyst:7 (Budi) for good?" in _said(capsys)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run(["contact", "forget", "7", "-c", config]) == 0
    shown = _said(capsys)
    assert "message        2 erased" in shown
    assert "the platform keeps its own copy" in shown
    assert run(["contact", "show", "7", "-c", config]) == 1
    assert "no contact '7' in this ledger" in _said(capsys)


def test_silence_shows_until_it_is_given_back(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contact", "pause", "7", "-c", config]) == 0
    assert run(["contact", "show", "7", "-c", config]) == 0
    assert "balas contact pause" in _said(capsys)
    assert run(["contact", "resume", "7", "-c", config]) == 0
    assert run(["contact", "resume", "7", "-c", config]) == 0
    assert "as it did before" in _said(capsys)


def test_what_cannot_be_meant_is_said_in_one_line(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contact", "pause", "7", "--for", "sebentar", "-c", config]) == 1
    assert "--for 'sebentar'" in _said(capsys)
    assert run(["contact", "pause", "nobody", "-c", config]) == 1
    assert len(_said(capsys).strip().splitlines()) == 1


def test_two_contacts_are_joined_only_after_a_yes_and_parted_again(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = SqliteDatabase(Path(config).parent / ".balas" / "balas.db")
    other = Contact(ContactKey("telegram", "99"), first_name="Budi S")

    async def add() -> None:
        await database.write(lambda connection: contacts.remember(connection, other))
        await database.aclose()

    asyncio.run(add())
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run(["contact", "merge", "+6281234567802", "telegram:99", "-c", config]) == 1
    assert run(["contact", "split", "telegram:99", "-c", config]) == 1
    assert run(["contact", "merge", "+6281234567802", "telegram:99", "--yes", "-c", config]) == 0
    assert "one person now" in capsys.readouterr().out
    assert run(["contact", "merge", "telegram:99", "+6281234567802", "--yes", "-c", config]) == 1
    assert run(["contact", "merge", "telegram:99", "telegram:99", "--yes", "-c", config]) == 1
    assert run(["contact", "split", "telegram:99", "-c", config]) == 0
    assert run(["contact", "merge", "telegram:99", "telegram:98", "--yes", "-c", config]) == 1
