"""Workflows with real processes: each event once, each step at most once, and nothing that customers did not agree to."""

import json
from pathlib import Path
from typing import Any

import pytest

from messaging.sandbox.records import Contact
from tests.acceptance.flow import TOKEN, Receiver, api, call, ended, private, rows, runs, server, until
from tests.acceptance.world import World, world

WELCOME: dict[str, Any] = {
    "name": "welcome",
    "on": "contact.created",
    "once": "contact",
    "do": [
        {"send": {"text": {"id": "Selamat datang, {contact.first_name|Kak}!"}}},
        {"tag": {"add": ["new"]}},
        {"note": "Pelanggan baru"},
    ],
}
SHIPPED: dict[str, Any] = {
    "name": "shipped",
    "on": "webhook",
    "token": TOKEN,
    "do": [{"send": "Pesanan {event.number|itu} sudah dikirim."}],
}


def budi_in(here: World) -> Contact:
    return here.sandbox.phone("+6281234567802", "Budi")


def texts(here: World, contact: Contact) -> list[str]:
    return [str(message.content.get("text")) for message in here.sandbox.sent(contact)]


async def known(here: World, words: str = "halo, mau tanya harga kopi susu?") -> Contact:
    """A contact who has written and was answered."""
    budi = budi_in(here)
    here.sandbox.say(budi, words)
    await here.texts(budi)
    return budi


async def test_a_new_contact_is_welcomed_once(tmp_path: Path) -> None:
    async with world(tmp_path, workflows=[WELCOME]) as here:
        await here.start()
        budi = await known(here)
        await until(lambda: ended(here) and len(texts(here, budi)) == 2, here)
        here.sandbox.say(budi, "satu lagi ya, jam bukanya kapan?")
        await until(lambda: len(texts(here, budi)) >= 3, here)
        await here.settled()
        assert texts(here, budi).count("Selamat datang, Budi!") == 1
        assert runs(here) == [("welcome", "done", None)]
        assert "new" in budi_in(here).tags
        shown = json.loads(await here.command("workflows", "show", "welcome", "--json"))
        assert [step["outcome"] for step in shown["runs"][0]["steps"]] == ["done"] * 3
        assert "1 done" in await here.command("workflows", "list")


async def test_a_hook_that_comes_twice_runs_once(tmp_path: Path) -> None:
    async with world(tmp_path, workflows=[SHIPPED]) as here:
        await here.start()
        budi = await known(here)
        body = {"id": 7001, "phone": "0812-3456-7802", "number": "KS-1"}
        first, second = await call(here, "shipped", body), await call(here, "shipped", body)
        assert (first.status_code, first.json()["duplicate"]) == (200, False)
        assert (second.status_code, second.json()["duplicate"], second.json()["run"]) == (
            200, True, first.json()["run"],
        )  # fmt: skip
        await until(lambda: "Pesanan KS-1 sudah dikirim." in texts(here, budi), here)
        await here.settled()
        assert texts(here, budi).count("Pesanan KS-1 sudah dikirim.") == 1
        assert (await call(here, "shipped", body, **{"Idempotency-Key": "another"})).json()["duplicate"] is False
        assert (await call(here, "shipped", body, Authorization="Bearer wrong")).status_code == 401
        assert (await call(here, "nothing", body)).status_code == 404


async def test_a_hook_makes_the_contact_that_it_names(tmp_path: Path) -> None:
    flow = SHIPPED | {
        "contact": {"phone": "$.billing.phone", "first_name": "$.billing.first_name"},
        "fields": {"number": "$.order.number"},
        "do": [{"note": "Pesanan {event.number}"}, {"tag": "buyer"}],
    }
    async with world(tmp_path, workflows=[flow]) as here:
        await here.start()
        order = {"order": {"number": "KS-9"}, "billing": {"phone": "+6281234567899", "first_name": "Sari"}}
        assert (await call(here, "shipped", order, **{"X-Event-Id": "e1"})).status_code == 200
        await until(lambda: ended(here), here)
        assert runs(here) == [("shipped", "done", None)]
        made = here.sandbox.phone("+6281234567899")
        assert made.first_name == "Sari"
        await until(lambda: "buyer" in here.sandbox.phone("+6281234567899").tags, here)


@pytest.mark.parametrize("point", ["workflow-step", "workflow-stepped", "before-send", "sent"])
async def test_a_kill_in_a_step_loses_and_repeats_nothing(tmp_path: Path, point: str) -> None:
    flow = SHIPPED | {"do": [{"send": "satu"}, {"tag": "x"}, {"send": "dua"}]}
    async with world(tmp_path, workflows=[flow]) as here:
        await here.start()
        budi = await known(here)
        await here.stop()
        await here.start(environment={"BALAS_KILL_AT": f"{point}:2"})
        await call(here, "shipped", {"id": 1, "phone": budi.phone})
        await here.died()
        await here.start()
        await until(lambda: ended(here), here)
        await until(lambda: "dua" in texts(here, budi), here)
        await here.settled()
        assert [text for text in texts(here, budi) if text in ("satu", "dua")] == ["satu", "dua"]
        assert runs(here) == [("shipped", "done", None)]


async def test_a_kill_in_a_wait_goes_on_after_it(tmp_path: Path) -> None:
    flow = SHIPPED | {"do": [{"send": "satu"}, {"wait": "3s"}, {"send": "dua"}]}
    async with world(tmp_path, workflows=[flow]) as here:
        await here.start()
        budi = await known(here)
        await call(here, "shipped", {"id": 1, "phone": budi.phone})
        await until(lambda: "satu" in texts(here, budi), here)
        await here.kill()
        await here.start()
        await until(lambda: "dua" in texts(here, budi), here)
        assert [text for text in texts(here, budi) if text in ("satu", "dua")] == ["satu", "dua"]


async def test_opting_out_ends_runs_and_a_reply_those_that_wait_for_it(tmp_path: Path) -> None:
    flow = SHIPPED | {"do": [{"wait": "5s"}, {"send": "promo"}]}
    waiting = SHIPPED | {"name": "nudge", "do": [{"wait": "1h", "until": "replied"}, {"send": "masih ada?"}]}
    echo = {"name": "echo", "on": {"message.received": {"matches": "."}}, "do": [{"send": "diterima"}]}
    async with world(tmp_path, workflows=[flow, waiting, echo]) as here:
        await here.start()
        budi = await known(here)
        await until(lambda: "diterima" in texts(here, budi), here)
        for name in ("shipped", "nudge"):
            await call(here, name, {"id": 1, "phone": budi.phone})
        await until(lambda: len(rows(here, "SELECT 1 FROM workflow_step WHERE kind = 'wait'")) == 2, here)
        here.sandbox.say(budi, "stop")
        await until(lambda: ended(here, 4), here)
        await here.settled(5)
        assert "promo" not in texts(here, budi)
        assert texts(here, budi).count("diterima") == 1
        assert sorted(runs(here)) == [
            ("echo", "cancelled", "the contact opted out"),
            ("echo", "done", None),
            ("nudge", "done", "the customer replied"),
            ("shipped", "cancelled", "the contact opted out"),
        ]


async def test_the_agent_writes_by_itself_and_is_silent_while_a_human_answers(tmp_path: Path) -> None:
    flow = SHIPPED | {"do": [{"agent": "Ingatkan soal pesanan {event.number}."}]}
    async with world(tmp_path, workflows=[flow]) as here:
        here.model.answer = lambda asked: "Kak, pesanannya menunggu." if "KS-5" in asked.last else "Baik."
        await here.start()
        budi = await known(here)
        await call(here, "shipped", {"id": 1, "phone": budi.phone, "number": "KS-5"})
        await until(lambda: "Kak, pesanannya menunggu." in texts(here, budi), here)
        assert "of your own accord" in here.model.asked[-1].last
        here.sandbox.reply_as_human(budi, "saya bantu ya")
        await until(lambda: rows(here, "SELECT 1 FROM contact WHERE paused_at IS NOT NULL"), here)
        await call(here, "shipped", {"id": 2, "phone": budi.phone, "number": "KS-5"})
        await until(lambda: ended(here, 2), here)
        assert texts(here, budi).count("Kak, pesanannya menunggu.") == 1
        steps = rows(here, "SELECT outcome, reason FROM workflow_step ORDER BY started_at")
        assert [outcome for outcome, _ in steps] == ["done", "skipped"]
        assert "a human answers" in steps[1][1]


async def test_an_action_step_is_done_once_under_its_key(tmp_path: Path) -> None:
    receiver = Receiver()
    action = {
        "name": "create_ticket", "description": "Open a ticket", "effect": True,
        "parameters": {"subject": {"type": "string", "from": "conversation"}},
        "request": {"method": "POST", "url": receiver.url, "json": {"subject": "{subject}"}},
    }  # fmt: skip
    flow = SHIPPED | {"do": [{"action": {"create_ticket": {"subject": "{event.subject}"}}}, {"send": "tiket dibuat"}]}
    async with receiver.up(), world(tmp_path, workflows=[flow], actions=[action], network=private()) as here:
        await here.start()
        budi = await known(here)
        await here.stop()
        await here.start(environment={"BALAS_KILL_AT": "action-recorded"})
        await call(here, "shipped", {"id": 1, "phone": budi.phone, "subject": "Kopi tumpah"})
        await here.died()
        await here.start()
        await until(lambda: "tiket dibuat" in texts(here, budi), here, within=60)
        assert [json.loads(body) for _, body in receiver.calls] == [{"subject": "Kopi tumpah"}]


async def test_runs_that_fail_are_among_the_dead_and_can_be_retried(tmp_path: Path) -> None:
    flow = SHIPPED | {"do": [{"agent": "Ingatkan."}, {"send": "selesai"}]}
    async with world(tmp_path, workflows=[flow], limits={"seconds": 30}) as here:
        here.config["server"] = server(here)
        await here.start()
        budi = await known(here)
        here.model.answer = lambda _: "Pesanan Kakak segera datang ya."
        here.model.broken = 400
        await call(here, "shipped", {"id": 1, "phone": budi.phone})
        await until(lambda: ended(here), here)
        (failed,) = (await api(here, "GET", "/dead")).json()["runs"]
        assert failed["state"] == "failed"
        sent = len(texts(here, budi))
        here.model.broken = None
        assert (await api(here, "POST", f"/dead/{failed['id']}/retry")).status_code == 200
        await until(lambda: "selesai" in texts(here, budi), here)
        assert len(texts(here, budi)) == sent + 2
        listed = (await api(here, "GET", "/workflows/shipped/runs")).json()
        assert [run["state"] for run in listed["runs"]] == ["done"]
        assert (await api(here, "GET", "/workflows")).json()["workflows"][0]["runs"] == {"done": 1}
        assert (await api(here, "GET", "/dead")).json()["runs"] == []


async def test_a_schedule_runs_for_its_audience_and_by_hand(tmp_path: Path) -> None:
    flow = {
        "name": "pagi", "on": {"schedule": "0 9 * * *"}, "for": {"filter": {"of": "ledger"}}, "rate": "50/s",
        "do": [{"send": "Selamat pagi {contact.first_name}"}],
    }  # fmt: skip
    async with world(tmp_path, workflows=[flow]) as here:
        await here.start()
        budi = await known(here)
        await here.command("workflows", "run", "pagi")
        await until(lambda: "Selamat pagi Budi" in texts(here, budi), here)
        await until(lambda: rows(here, "SELECT 1 FROM workflow_schedule"), here)
        rows(here, "UPDATE workflow_schedule SET next_at = 0 + (SELECT MAX(at) FROM event) - 1000000")
        await until(lambda: texts(here, budi).count("Selamat pagi Budi") == 2, here)
        await here.settled()
        assert texts(here, budi).count("Selamat pagi Budi") == 2
