"""Messages that come later, with real processes: sent once, or not at all and why."""

import asyncio
import json
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from agent.ledger import payments
from agent.ledger.sqlite import SqliteDatabase
from messaging.sandbox.records import Contact
from tests.acceptance.desk import noted
from tests.acceptance.world import World, world
from tests.actions.qris.codes import STATIC
from tests.postgres import Postgres
from tests.processes import program

OFFLINE = {"name": "offline"}
QRIS = {"qris": {"payload": STATIC}}
NUDGE: dict[str, Any] = {
    "name": "lanjut",
    "after": "2s",
    "when": {"no_reply": True},
    "text": "Jadi, {contact.first_name}?",
}
UNPAID: dict[str, Any] = {
    "name": "bayar",
    "after": "2s",
    "when": {"payment": "open", "no_reply": True},
    "text": {"id": "Halo {contact.first_name}, pesanannya masih kami simpan ya.", "en": "We still keep your order."},
}


def budi_in(here: World) -> Contact:
    return here.sandbox.phone("+6281234567802", "Budi")


async def balas(here: World, *words: str) -> str:
    """What a command prints."""
    process = await asyncio.create_subprocess_exec(
        *program(), *words, "-c", str(here.folder / "agent.yaml"),
        stdout=asyncio.subprocess.PIPE, env=os.environ,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def asked(here: World, *words: str) -> Any:
    """What a command prints with `--json`."""
    return json.loads(await balas(here, *words, "--json"))


def in_ledger(here: World, statement: str, *values: object) -> list[Any]:
    """Look into the agent's ledger, or change what it knows, as time would have."""
    connection = sqlite3.connect(here.folder / ".balas" / "balas.db", isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def never_wrote(here: World) -> None:
    in_ledger(here, "UPDATE contact SET last_inbound_at = 0")  # microseconds since 1970


async def ended(here: World, count: int = 1, within: float = 90) -> list[tuple[str, str | None]]:
    """How the follow-ups ended, once there are so many that did."""
    query = "SELECT state, reason FROM followup WHERE ended_at IS NOT NULL ORDER BY state, reason"
    async with asyncio.timeout(within):
        while len(found := in_ledger(here, query)) < count:
            await asyncio.sleep(0.1)
    return found


def all_texts(here: World, contact: Contact) -> list[str]:
    return [str(message.content.get("text")) for message in here.sandbox.sent(contact)]


async def test_an_unpaid_order_is_followed_up_once_and_the_model_knows(tmp_path: Path) -> None:
    async with world(tmp_path, model=OFFLINE, payments=QRIS, followups={"rules": [UNPAID]}) as here:
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "bayar 50rb")
        *_, caption, nudge = await here.texts(budi, count=3)
        assert "Rp50.000" in caption
        assert nudge == "Halo Budi, pesanannya masih kami simpan ya."
        await here.settled(3)
        assert all_texts(here, budi).count(nudge) == 1
        (record,) = await asked(here, "ledger", "show", "+6281234567802")
        assert [line["text"] for line in record["conversation"]][-1] == nudge
        assert [(each["rule"], each["state"]) for each in record["followups"]] == [("bayar", "sent")]


async def test_what_the_agent_did_not_know_counts_as_unanswered(tmp_path: Path) -> None:
    rule = {"name": "susulan", "after": "2s", "when": {"unanswered": True}, "text": "Pertanyaannya kami teruskan ya."}
    async with world(tmp_path, model=OFFLINE, followups={"rules": [rule]}) as here:
        await here.start()
        budi, sari = budi_in(here), here.sandbox.phone("+6281234567803", "Sari")
        here.sandbox.say(sari, "halo, selamat pagi kak")
        here.sandbox.say(budi, "apakah kalian menjual sepeda motor?")
        unknown, later = await here.texts(budi, count=2)
        assert "belum tahu" in unknown
        assert later == rule["text"]
        await here.settled()
        assert rule["text"] not in all_texts(here, sari)


async def test_a_reply_calls_it_off(tmp_path: Path) -> None:
    async with world(tmp_path, followups={"rules": [NUDGE]}) as here:
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "harga kopi susu berapa?")
        await here.texts(budi)
        here.sandbox.say(budi, "dan teh berapa?")
        await here.texts(budi, count=3)
        await here.settled()
        assert all_texts(here, budi) == [
            "Jawaban untuk: harga kopi susu berapa?",
            "Jawaban untuk: dan teh berapa?",
            "Jadi, Budi?",
        ]
        assert await ended(here, 2) == [("cancelled", "the contact replied"), ("sent", None)]


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ("human", ("skipped", "a human answers (Rina Hartono)")),
        ("opt-out", ("cancelled", "the contact replied")),
        ("paid", ("cancelled", "it is paid")),
    ],
)
async def test_it_is_not_sent_after_a_human_an_opt_out_or_the_money(
    tmp_path: Path, then: str, expected: tuple[str, str]
) -> None:
    rules = [{**UNPAID, "after": "5s"}]
    async with world(tmp_path, model=OFFLINE, payments=QRIS, followups={"rules": rules}) as here:
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "bayar 50rb")
        await here.texts(budi, count=2)
        if then == "human":
            here.sandbox.reply_as_human(budi, "Saya bantu ya", user=1)
        elif then == "opt-out":
            here.sandbox.say(budi, "stop")
        else:
            (payment,) = in_ledger(here, "SELECT id FROM payment")
            ledger = SqliteDatabase(here.folder / ".balas" / "balas.db")
            await ledger.write(lambda c: payments.mark_paid(c, payment[0], "owner", datetime.now(UTC)))
            await ledger.aclose()
        assert await ended(here) == [expected]
        await here.settled(5)
        assert not any("masih kami simpan" in text for text in all_texts(here, budi))


async def test_outside_the_window_a_template_is_sent_or_nothing_with_its_reason(tmp_path: Path) -> None:
    rule = {**NUDGE, "when": {}, "template": {"name": "sapaan", "parameters": ["{contact.first_name}"]}}
    async with world(tmp_path, followups={"rules": [rule, {**rule, "name": "lagi", "template": None}]}) as here:
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "harga kopi susu berapa?")
        await here.texts(budi)
        never_wrote(here)
        assert await ended(here, 2) == [
            ("sent", None),
            ("skipped", "the 24-hour window is closed; a template could be sent, and none is set"),
        ]
        *_, sent = await here.sandbox.replies(budi, count=2, within=60)
        assert sent.content["template"]["name"] == "sapaan"
        assert sent.content["template"]["components"][0]["parameters"] == [{"type": "text", "text": "Budi"}]
        assert len(all_texts(here, budi)) == 2


async def test_a_kill_anywhere_between_due_and_sent_leaves_exactly_one(tmp_path: Path) -> None:
    async def check(point: str) -> None:
        folder = tmp_path / point.replace(":", "-")
        folder.mkdir()
        async with world(folder, followups={"rules": [NUDGE]}) as here:
            await here.start(environment={"BALAS_KILL_AT": point})
            budi = budi_in(here)
            here.sandbox.say(budi, "harga kopi susu berapa?")
            await here.died()
            await here.start()
            await here.texts(budi, count=2)
            await here.settled(2)
            assert all_texts(here, budi) == ["Jawaban untuk: harga kopi susu berapa?", "Jadi, Budi?"], point

    for points in (("followup-due", "followup-decided"), ("before-send:2", "sent:2")):
        await asyncio.gather(*map(check, points))


async def test_no_more_than_the_daily_limit(tmp_path: Path) -> None:
    rules = [{**NUDGE, "name": f"r{number}", "text": f"nomor {number}"} for number in range(3)]
    async with world(tmp_path, followups={"limit": 2, "rules": rules}) as here:
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "harga kopi susu berapa?")
        assert await ended(here, 3) == [("sent", None)] * 2 + [("skipped", "followups.limit: 2 a day are used up")]
        await here.settled()
        assert sum("nomor" in text for text in all_texts(here, budi)) == 2


async def test_it_survives_a_restart_is_listed_and_can_be_called_off(tmp_path: Path) -> None:
    rules = [{**NUDGE, "after": "4s"}, {**NUDGE, "name": "nanti", "after": "1h", "text": "Sejam kemudian"}]
    async with world(tmp_path, followups={"rules": rules}) as here:
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "harga kopi susu berapa?")
        await here.texts(budi)
        assert await here.stop() == 0
        listed = await asked(here, "followups", "list", "+6281234567802")
        assert [(each["rule"], each["text"]) for each in listed] == [
            ("lanjut", "Jadi, {contact.first_name}?"),
            ("nanti", "Sejam kemudian"),
        ]
        await balas(here, "followups", "cancel", listed[1]["id"])
        await here.start()
        assert (await here.texts(budi, count=2))[-1] == "Jadi, Budi?"
        assert await ended(here, 2) == [("cancelled", "called off by the owner"), ("sent", None)]


async def test_a_reply_that_became_too_late_is_listed_among_the_dead(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.sandbox.fault("server_error", only="sends")
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "harga kopi susu berapa?")
        async with asyncio.timeout(90):
            while not any("delivery_postponed" in line for line in here.log):
                await asyncio.sleep(0.1)
        never_wrote(here)
        here.sandbox.heal()
        async with asyncio.timeout(90):
            while not (dead := (await asked(here, "ledger", "dead"))["deliveries"]):
                await asyncio.sleep(0.3)
        assert dead[0]["reason"] == "too late: the 24-hour window is closed"
        assert all_texts(here, budi) == []


async def test_a_reminder_is_promised_in_words_kept_after_a_reply_and_called_off(tmp_path: Path) -> None:
    async with world(tmp_path, model=OFFLINE) as here:
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "ingatkan saya 3 jam lagi ambil kopi")
        (promise,) = await here.texts(budi)
        due = datetime.now(ZoneInfo("Asia/Jakarta")) + timedelta(hours=3)
        assert promise.startswith("Baik, saya ingatkan ")
        assert f", {due.day} " in promise
        assert promise.endswith(" WIB.")
        here.sandbox.say(budi, "tolong ingatkan saya 2 jam lagi")
        await here.texts(budi, count=2)
        listed = await asked(here, "followups", "list")
        assert [(each["rule"], each["state"]) for each in listed] == [(None, "scheduled")] * 2

        here.sandbox.say(budi, "batalkan pengingat")
        assert "Yang mana" in (await here.texts(budi, count=3))[-1]
        here.sandbox.say(budi, "nomor 1")
        assert "dibatalkan" in (await here.texts(budi, count=4))[-1]
        assert await ended(here) == [("cancelled", "the customer called it off")]

        here.sandbox.say(budi, "ingatkan saya 3 hari lagi jam 9")
        assert "hanya bisa mengirim pesan sampai" in (await here.texts(budi, count=5))[-1]

        in_ledger(here, "UPDATE followup SET due_at = created_at WHERE state = 'scheduled'")
        in_ledger(here, "UPDATE contact SET wake_at = 1")
        *_, kept = await here.texts(budi, count=6, within=30)
        assert kept == "Halo! Sesuai permintaan, ini pengingatnya: “ambil kopi”"


async def test_a_promise_that_cannot_be_kept_is_left_to_colleagues(tmp_path: Path) -> None:
    async with world(tmp_path, model=OFFLINE) as here:
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "ingatkan saya 3 jam lagi ambil kopi")
        await here.texts(budi)
        here.sandbox.reply_as_human(budi, "Saya bantu ya", user=1)
        async with asyncio.timeout(60):
            while not in_ledger(here, "SELECT 1 FROM contact WHERE paused_at IS NOT NULL"):
                await asyncio.sleep(0.1)
        in_ledger(here, "UPDATE followup SET due_at = created_at")
        in_ledger(here, "UPDATE contact SET wake_at = 1")
        assert await ended(here, within=30) == [("skipped", "a human answers (Rina Hartono)")]
        assert "asked to be reminded now" in await noted(here, budi)
        assert len(all_texts(here, budi)) == 1


async def test_the_owners_tools_promise_list_and_call_off(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.config["server"]["api_token"] = "api-token-of-this-test"
        await here.start()
        budi = budi_in(here)
        here.sandbox.say(budi, "harga kopi susu berapa?")
        await here.texts(budi)
        headers = {"Authorization": "Bearer api-token-of-this-test"}
        async with httpx.AsyncClient(base_url=f"{here.url}/api/v1", headers=headers, timeout=90) as client:
            refused = [
                ({"contact": "+6281234567802", "when": "kapan-kapan", "text": "x"}, 400, "names no day and hour"),
                ({"contact": "+6281234567802", "when": "2020-01-01T09:00:00Z", "text": "x"}, 400, "has passed"),
                ({"contact": "+6281234567802", "when": "2090-01-01T09:00:00Z", "text": "x"}, 400, "days ahead"),
                ({"contact": "nobody", "when": "besok", "text": "x"}, 404, "no contact 'nobody'"),
                ({"contact": "+6281234567802", "when": "besok"}, 400, "text: Field required"),
            ]
            for body, status, why in refused:
                answer = await client.post("/followups", json=body)
                assert (answer.status_code, why in answer.json()["error"]["message"]) == (status, True), answer.text

            later = (
                await client.post("/followups", json={"contact": str(budi.id), "when": "3 jam lagi", "text": "Nanti"})
            ).json()
            soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
            await client.post("/followups", json={"contact": str(budi.id), "when": soon, "text": "Pesanan siap"})
            listed = (await client.get("/followups", params={"contact": "+6281234567802"})).json()["followups"]
            assert [each["text"] for each in listed] == ["Pesanan siap", "Nanti"]
            assert (await client.delete(f"/followups/{later['id']}")).json()["state"] == "cancelled"
            assert (await client.delete(f"/followups/{later['id']}")).status_code == 404
            assert (await here.texts(budi, count=2))[-1] == "Pesanan siap"
            await ended(here, 2)
            done = (await client.get("/followups", params={"state": "sent,cancelled"})).json()["followups"]
            assert {(each["text"], each["state"]) for each in done} == {
                ("Pesanan siap", "sent"),
                ("Nanti", "cancelled"),
            }
            assert (await client.get("/followups", params={"state": "late"})).status_code == 400


@pytest.mark.postgres
async def test_workers_follow_up_once_and_far_ones_wait_in_the_ledger(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    rules = [{**NUDGE, "after": "3s"}, {**NUDGE, "name": "nanti", "after": "20s", "text": "Masih di sini"}]
    storage = postgres_server.database("follows_up")
    async with world(tmp_path, storage=storage, workers=True, followups={"rules": rules}) as here:
        await here.start_with_workers(2)
        budi = budi_in(here)
        here.sandbox.say(budi, "harga kopi susu berapa?")
        assert (await here.texts(budi, count=3, within=90))[1:] == ["Jadi, Budi?", "Masih di sini"]
        await here.settled(3)
        assert len(all_texts(here, budi)) == 3
