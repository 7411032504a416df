"""`balas backup` and `balas restore`: one moment's ledger while it is written to, nothing overwritten, nothing done twice."""

import asyncio
import io
import json
import sqlite3
import tarfile
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from agent.assembly import open_ledger
from agent.cli.frame import run
from agent.config import load
from agent.ledger import inbound
from agent.ledger.tables import followup, outbound, turn
from messaging.types import Contact, ContactKey, InboundMessage
from settings.clock import now
from tests.ledger.messages import RULES

KEY = ContactKey("sandbox", "1")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    assert run(["init", str(folder)]) == 0
    (folder / ".env").write_text("OPENAI_API_KEY=\nRAHASIA=sangat-rahasia\n")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "big").write_text("x")
    return folder


def message(number: int) -> InboundMessage:
    return InboundMessage(
        contact=Contact(KEY, phone="+6281234567801"), message_id=f"m{number}", sent_at=now(), text="halo"
    )


async def fill(shop: Path) -> None:
    """A message that waits, a turn that runs, a delivery on its way, a follow-up that is due."""
    moment = now()
    async with open_ledger(load(shop)) as database:
        await database.write(lambda connection: inbound.accept(connection, message(1), moment, RULES))

        def work(connection):  # type: ignore[no-untyped-def]
            times = {"created_at": moment, "next_attempt_at": moment}
            common = {"platform": KEY.platform, "contact": KEY.id}
            payload = {"type": "Text", "text": "halo"}
            connection.execute(
                outbound.insert().values(id="t/0", lane="chat", payload=payload, state="sending", **times, **common)
            )
            connection.execute(turn.insert().values(id="t", state="running", started_at=moment, **common))
            for name, due in (("due", moment - timedelta(minutes=1)), ("later", moment + timedelta(days=1))):
                connection.execute(
                    followup.insert().values(
                        id=name, due_at=due, text="x", conditions={}, created_at=moment, state="scheduled", **common
                    )
                )

        await database.write(work)


def rows(ledger: Path, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(ledger) as connection:
        return connection.execute(statement).fetchall()


def test_what_was_backed_up_is_restored_without_keys_and_index(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(shop))
    archive = tmp_path / "b.tar.gz"
    assert run(["backup", str(archive), "-c", str(shop)]) == 0
    assert archive.stat().st_mode & 0o077 == 0

    target = tmp_path / "elsewhere"
    assert run(["restore", str(archive), str(target)]) == 0

    for name in ("agent.yaml", "docs/faq.md", "docs/harga.csv", "toko.py", "tests/pesanan.yaml"):
        assert (target / name).read_bytes() == (shop / name).read_bytes()
    assert not (target / ".env").exists()
    assert not (target / ".venv").exists()
    with tarfile.open(archive) as packed:
        assert not any(b"sangat-rahasia" in packed.extractfile(entry).read() for entry in packed)  # type: ignore[union-attr]
    assert run(["ledger", "show", "+6281234567801", "-c", str(target)]) == 0
    assert "sandbox:1" in capsys.readouterr().out


def test_what_was_under_way_is_held_back_after_a_restore(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(shop))
    archive, target = tmp_path / "b.tar.gz", tmp_path / "elsewhere"
    run(["backup", str(archive), "-c", str(shop)])
    run(["restore", str(archive), str(target)])

    ledger = target / ".balas" / "balas.db"
    assert rows(ledger, "SELECT state, may_have_been_sent FROM outbound") == [("failed", 1)]
    assert rows(ledger, "SELECT state FROM turn") == [("failed",)]
    assert rows(ledger, "SELECT state, outcome FROM inbound") == [("held", "human")]
    assert rows(ledger, "SELECT id, state FROM followup ORDER BY id") == [("due", "skipped"), ("later", "scheduled")]
    assert "1 messages to send, 1 turns, 1 unanswered messages, 1 follow-ups that were due" in capsys.readouterr().out
    run(["ledger", "dead", "-c", str(target)])
    assert "restored from a backup of" in capsys.readouterr().out
    assert rows(shop / ".balas" / "balas.db", "SELECT state FROM outbound") == [("sending",)], (
        "the original is left alone"
    )


def test_a_restore_overwrites_nothing(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(fill(shop))
    archive = tmp_path / "b.tar.gz"
    run(["backup", str(archive), "-c", str(shop)])
    before = {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}
    assert run(["restore", str(archive), str(shop)]) == 1
    assert "nothing was restored, because there is already" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()} == before

    target = tmp_path / "only-a-ledger"
    (target / ".balas").mkdir(parents=True)
    (target / ".balas" / "balas.db-wal").write_bytes(b"of another ledger")
    assert run(["restore", str(archive), str(target)]) == 1
    assert not (target / "agent.yaml").exists()

    assert run(["backup", str(archive), "-c", str(shop)]) == 1, "nor does a backup overwrite another"


async def test_a_backup_taken_while_messages_arrive_is_one_moment_of_the_ledger(shop: Path, tmp_path: Path) -> None:
    async with open_ledger(load(shop)) as database:
        database.process_lock()
        done = asyncio.Event()

        async def arrive() -> int:
            number = 0
            while not done.is_set():
                number += 1
                await database.write(partial(inbound.accept, event=message(number), now=now(), rules=RULES))
            return number

        arriving = asyncio.create_task(arrive())
        archives = [tmp_path / f"{n}.tar.gz" for n in range(3)]
        for archive in archives:
            assert await asyncio.to_thread(run, ["backup", str(archive), "-c", str(shop)]) == 0
        done.set()
        total = await arriving
    for number, archive in enumerate(archives):
        target = tmp_path / f"restored-{number}"
        assert await asyncio.to_thread(run, ["restore", str(archive), str(target)]) == 0
        ledger = target / ".balas" / "balas.db"
        assert rows(ledger, "PRAGMA integrity_check") == [("ok",)]
        names = [row[0] for row in rows(ledger, "SELECT message_id FROM inbound ORDER BY n")]
        assert names == [f"m{n}" for n in range(1, len(names) + 1)], "all up to one moment, and none after it"
        assert len(names) <= total


@pytest.mark.parametrize("name", ["../evil", "/evil", "files/../../evil"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    archive = tmp_path / "b.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        entry = tarfile.TarInfo(name)
        entry.size = 1
        packed.addfile(entry, io.BytesIO(b"x"))
    assert run(["restore", str(archive), str(tmp_path / "t")]) == 1
    assert "is not a whole backup of balas" in capsys.readouterr().err
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("damage", ["cut", "ledger", "manifest", "text"])
def test_a_damaged_archive_is_told_and_nothing_is_written(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    asyncio.run(fill(shop))
    archive, target = tmp_path / "b.tar.gz", tmp_path / "t"
    if damage == "text":
        archive.write_text("no archive")
    elif damage == "cut":
        run(["backup", str(archive), "-c", str(shop)])
        archive.write_bytes(archive.read_bytes()[:-2000])
    else:
        manifest = {"format": 1, "ledger": "x.db", "agent": "A", "taken_at": now().isoformat()}
        with tarfile.open(archive, "w:gz") as packed:
            for name, content in (
                ("manifest.json", json.dumps(manifest if damage == "ledger" else {}).encode()),
                ("ledger.db", b"SQLite format 3\0" + b"\0" * 5000),
            ):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))
    capsys.readouterr()
    assert run(["restore", str(archive), str(target)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not any(target.rglob("*"))


def test_a_ledger_in_postgresql_says_what_to_use_instead(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop / "agent.yaml"
    file.write_text(file.read_text().replace("sqlite:///.balas/balas.db", "postgresql://a@127.0.0.1:1/b"))
    assert run(["backup", str(tmp_path / "b.tar.gz"), "-c", str(shop)]) == 1
    assert "pg_dump" in capsys.readouterr().err


def test_without_a_ledger_there_is_nothing_to_back_up(shop: Path, tmp_path: Path) -> None:
    assert run(["backup", str(tmp_path / "b.tar.gz"), "-c", str(shop)]) == 1
    assert list(tmp_path.glob("*.tar.gz")) == []
