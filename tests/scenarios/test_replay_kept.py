"""Replaying and saving what the ledger no longer holds whole: steps that retention has dropped, names that the platform has changed."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.engine import make_url

from agent.cli.frame import run as balas
from agent.config import load
from agent.ledger.columns import EPOCH
from agent.ledger.retention import drop_steps
from agent.ledger.tables import turn
from tests.postgres import Postgres
from tests.scenarios.recorded import record
from tests.scenarios.test_cassette import serving, with_model
from tests.scenarios.test_replay import OTHER, PHONE, knowing, replay, talk

HEAD = f"contact: {{phone: '{PHONE}', first_name: Ratna, last_name: Wulandari}}\nnow: 2026-11-27T10:00:00\n"
ANSWERS = "actions: {get_order: {return: {id: KS-10234, status: dikirim, courier: JNE}}}\n"
TALK = (
    "  - customer: pesanan KS-10234 sudah sampai mana?\n"
    "  - customer: bayar 50rb\n  - event: payment.paid\n  - wait: 3h\n"
    "  - colleague: saya bantu ya\n  - wait: 2h\n"
    "  - customer: bayar 50rb\n  - event: payment.paid\n"
    "  - customer: jam berapa toko buka?\n"
)


def drop(shop: Path, count: int) -> None:
    """Let retention drop the steps of the first turns."""
    config = load(shop)
    ledger = Path(str(make_url(config.storage_url).database))
    engine = create_engine(f"sqlite:///{ledger if ledger.is_absolute() else config.folder / ledger}")
    with engine.begin() as connection:
        began: list[datetime] = list(
            connection.execute(select(turn.c.started_at).order_by(turn.c.started_at)).scalars()
        )
        drop_steps(connection, began[count - 1] + timedelta(microseconds=1), EPOCH)
    engine.dispose()


@pytest.mark.parametrize("model", ["offline", "language model"])
def test_turns_whose_steps_are_no_longer_kept_are_said_to_be_and_are_no_difference(
    shop: Path, capsys: pytest.CaptureFixture[str], clear_clients: Callable[[], None], model: str
) -> None:
    if model == "offline":
        record(shop, f"{HEAD}{ANSWERS}turns:\n{TALK}")
    else:
        with serving(knowing) as server:
            with_model(shop, server.url)
            record(shop, f"{HEAD}{ANSWERS}turns:\n{TALK}", live=True)
        clear_clients()
    code, out = replay(shop, capsys, PHONE)
    assert (code, out.splitlines()[-1]) == (0, "4 turns, no difference"), out
    drop(shop, 2)
    code, out = replay(shop, capsys, PHONE)
    assert (code, out.splitlines()[-1]) == (0, "2 turns, no difference; the steps of 2 more are no longer kept"), out
    assert out.count("its steps are no longer kept, so it is not replayed") == 2
    found = json.loads(replay(shop, capsys, PHONE, "--json")[1])
    assert (found["different"], found["not_kept"]) == (0, 2)
    turns = found["conversations"][0]["turns"]
    assert [(each["kept"], each["same"]) for each in turns] == [(False, None)] * 2 + [(True, True)] * 2
    path = shop / "tests" / "saved.yaml"
    code, out = replay(shop, capsys, PHONE, "--save", str(path))
    assert code == 0, out
    text = path.read_text()
    assert "KS-10234" not in text
    assert text.count("payment.paid") == 1
    assert "colleague" not in text
    code = balas(["test", "-c", str(shop / "agent.yaml"), str(path)])
    assert code == 0, capsys.readouterr().out


def test_a_conversation_without_any_step_is_not_replayed_and_cannot_be_saved(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(shop, f"{HEAD}{ANSWERS}turns:\n{TALK}")
    drop(shop, 4)
    code, out = replay(shop, capsys, PHONE)
    assert (code, out.splitlines()[-1]) == (0, "0 turns, no difference; the steps of 4 more are no longer kept")
    path = shop / "tests" / "saved.yaml"
    assert balas(["replay", "-c", str(shop / "agent.yaml"), PHONE, "--save", str(path)]) == 1
    assert "no longer kept" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize("model", ["offline", "language model"])
def test_a_yes_whose_question_is_no_longer_kept_is_left_out_and_said_to_be(
    shop: Path, capsys: pytest.CaptureFixture[str], clear_clients: Callable[[], None], model: str
) -> None:
    answers = "actions: {cancel_order: {return: {status: batal}}}\n"
    turns = "  - customer: batalkan pesanan KS-10234\n  - customer: ya\n  - customer: jam berapa toko buka?\n"
    if model == "offline":
        record(shop, f"{HEAD}{answers}turns:\n{turns}")
    else:
        with serving(knowing) as server:
            with_model(shop, server.url)
            record(shop, f"{HEAD}{answers}turns:\n{turns}", live=True)
        clear_clients()
    path = shop / "tests" / "saved.yaml"
    assert balas(["replay", "-c", str(shop / "agent.yaml"), PHONE, "--save", str(path)]) == 0
    assert "not kept" not in path.read_text() + capsys.readouterr().err
    assert "cancel_order" in path.read_text()
    drop(shop, 1)
    assert balas(["replay", "-c", str(shop / "agent.yaml"), PHONE, "--save", str(path)]) == 0
    said = "not kept: the first 2 turns are left out, because steps that they need were dropped"
    assert said in capsys.readouterr().err
    assert path.read_text().startswith(f"# {said}")
    assert "customer: ya" not in path.read_text()
    assert "cancel_order" not in path.read_text()
    code = balas(["test", "-c", str(shop / "agent.yaml"), str(path)])
    assert code == 0, capsys.readouterr().out


def test_every_name_that_the_contact_ever_had_is_replaced(
    shop: Path, capsys: pytest.CaptureFixture[str], clear_clients: Callable[[], None]
) -> None:
    with serving(lambda asked: f"Baik, {asked.question.splitlines()[-1][:60]}") as model:
        with_model(shop, model.url)
        turns = (
            "  - customer: halo saya Ratna Wulandari\n"
            "  - event: {contact.updated: {first_name: Kartika}}\n  - customer: sekarang Kartika, dulu ratna\n"
            "  - event: {contact.updated: {first_name: Lestari, last_name: Anggraini}}\n"
            "  - customer: Lestari Anggraini di sini, bukan Kartika atau Wulandari\n"
        )
        record(shop, f"{HEAD}turns:\n{turns}", live=True)
    clear_clients()
    path = shop / "tests" / "saved.yaml"
    assert replay(shop, capsys, PHONE, "--save", str(path))[0] == 0
    kept = path.read_text() + path.with_name("saved.cassette.yaml").read_text()
    assert not re.search("ratna|wulandari|kartika|lestari|anggraini", kept, re.IGNORECASE), kept
    assert len(set(re.findall(r"\b(?:Budi|Sari|Rina|Andi|Dewi)\b", path.read_text()))) == 5
    code = balas(["test", "-c", str(shop / "agent.yaml"), str(path)])
    assert code == 0, capsys.readouterr().out


@pytest.mark.postgres
def test_conversations_in_postgresql_are_replayed_like_those_in_a_file(
    shop: Path, capsys: pytest.CaptureFixture[str], postgres_server: Postgres
) -> None:
    agent = shop / "agent.yaml"
    agent.write_text(f"storage: {postgres_server.database('replayed')}\n{agent.read_text()}")
    asyncio.run(talk(shop, ("jam berapa toko buka?", "bayar 50rb"), PHONE))
    asyncio.run(talk(shop, ("harga americano berapa?", "jam berapa toko buka?"), OTHER))
    code, out = replay(shop, capsys, "--last", "5")
    assert (code, out.splitlines()[-1]) == (0, "4 turns, no difference"), out
    hours = shop / "jam.md"
    hours.write_text(hours.read_text().replace("07.00", "09.30"))
    code, out = replay(shop, capsys, "--last", "5", "--json")
    assert code == 0
    answered = {
        (one["contact"].rpartition(":")[2], each["customer"][0])
        for one in json.loads(out)["conversations"]
        for each in one["turns"]
        if "text" in each["differences"]
    }
    assert answered == {(phone.lstrip("+"), "jam berapa toko buka?") for phone in (PHONE, OTHER)}
