"""One message to many, through real processes and the local platform: each once, whatever happens on the way."""

import asyncio
import os
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from agent.broadcasts.feeder import IDLE
from tests.acceptance.campaign import Campaign, numbers
from tests.acceptance.flow import until
from tests.acceptance.test_clock import Clock
from tests.acceptance.world import World, free_port, world
from tests.postgres import Postgres
from tests.processes import program


def received(here: World) -> Counter[str]:
    """How many templates each phone number got."""
    book = here.sandbox.state.contacts
    templates = [message for message in here.sandbox.sent() if message.content["type"] == "whatsapp_template"]
    return Counter(str(book.get(message.contact).phone) for message in templates)


async def test_a_dry_run_counts_everybody_and_sends_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        campaign.write([], price={"template": 500})
        campaign.csv(
            "phone;first_name\n+6281234567801;Sari\n0812-3456-7802;Budi\n0812;Salah\n\n6281234567801;Sari lagi\n8.12E+11;Excel\n;Kosong\n"
        )
        code, output = await campaign.run("--dry-run")
        assert code == 0, output
        assert "to send     2 (2 template; 2 id)" in output
        assert "cost        Rp1.000" in output
        assert "orang.csv:4: '0812' is no phone number of ID: it is too short" in output
        assert "orang.csv:6: +6281234567801 is on line 2 already" in output
        assert "orang.csv:7: '8.12E+11' was rounded by a spreadsheet" in output
        assert "orang.csv:8: no phone number, e-mail address or id" in output
        assert "Halo Sari, ada yang bisa kami bantu?" in output
        assert "says how to stop" in output
        await here.start()
        await here.settled(3)
        assert not here.sandbox.sent()
        code, output = await campaign.run("--report")
        assert (code, output.strip()) == (1, "no broadcast 'promo' is recorded; `balas broadcast` lists them")


async def test_a_hundred_get_it_once_each_through_kills_and_restarts(tmp_path: Path) -> None:
    people = numbers(100)
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        campaign.write(people, rate="8/s")
        await campaign.send()
        dice = random.Random(20261121)
        for point in ("broadcast-taken:2", "broadcast-queued:7", "before-send:9", "sent:5"):
            await here.start(environment={"BALAS_KILL_AT": point})
            await here.died(60)
        for _ in range(2):
            await here.start()
            enough = len(here.sandbox.sent()) + 5
            await until(lambda enough=enough: len(here.sandbox.sent()) >= enough, here)
            await asyncio.sleep(dice.uniform(0.0, 0.4))
            await here.kill()
        assert 0 < len(here.sandbox.sent()) < 100, "the kills came too late to prove anything"
        await here.start()
        report = await campaign.finished()
        assert report["counts"] == {"waiting": 0, "sending": 0, "sent": 100, "skipped": 0, "failed": 0}
        assert received(here) == Counter(people)
        again = await campaign.send()
        assert "no new recipients" in again
        await here.settled(3)
        assert received(here) == Counter(people)


async def test_a_longer_list_under_the_same_name_reaches_the_new_ones_only(tmp_path: Path) -> None:
    people = numbers(8)
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        campaign.write(people[:5])
        await here.start()
        await campaign.send()
        await campaign.finished()
        campaign.write(people)
        assert "recorded: 3 recipients" in await campaign.send()
        await campaign.finished()
        assert received(here) == Counter(people)
        campaign.settings["template"]["parameters"] = ["Kak"]
        campaign.save()
        code, output = await campaign.run("--yes")
        assert code == 1
        assert "'promo' was recorded with another template; give a new broadcast a name of its own" in output


async def test_a_pause_takes_hold_at_once_and_a_resume_goes_on(tmp_path: Path) -> None:
    people = numbers(60)
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        campaign.write(people, rate="4/s")
        await here.start()
        await campaign.send()
        await until(lambda: len(here.sandbox.sent()) >= 10, here)
        code, output = await campaign.run("--pause")
        assert code == 0, output
        await asyncio.sleep(1)
        stopped = len(here.sandbox.sent())
        assert stopped < 60
        await asyncio.sleep(3)
        assert len(here.sandbox.sent()) == stopped
        assert (await campaign.report())["counts"]["waiting"] == 60 - stopped
        await campaign.run("--resume")
        await campaign.finished()
        assert received(here) == Counter(people)


async def test_stop_and_a_human_in_the_middle_count_and_the_model_knows_what_was_sent(tmp_path: Path) -> None:
    people = numbers(30)
    async with world(tmp_path) as here:
        here.model.answer = lambda asked: "Jawaban"
        first, helped, last = (
            here.sandbox.phone(people[n], name) for n, name in ((0, "Pertama"), (28, "Dibantu"), (29, "Terakhir"))
        )
        campaign = Campaign(here)
        campaign.write(people, rate="5/s")
        await here.start()
        await campaign.send()
        await here.texts(first)
        await campaign.run("--pause")  # so that a slow machine does not send to them before they have spoken
        here.sandbox.assign(helped)
        here.sandbox.say(last, "stop")
        here.sandbox.say(first, "promonya sampai kapan?")
        await here.texts(last)
        await here.texts(first, count=2)
        assert not {people[-1], people[-2]} & set(received(here)), "the pause came too late to prove anything"
        await campaign.run("--resume")
        report = await campaign.finished()
        assert report["counts"]["sent"] == 28
        reasons = sorted(each["reason"] for each in report["reasons"])
        assert reasons[0].startswith("a human is in the conversation")
        assert reasons[1] == "the contact opted out"
        assert not {people[-1], people[-2]} & set(received(here))
        seen = [str(message) for asked in here.model.asked for message in asked.messages]
        assert any("Halo Pertama, ada yang bisa kami bantu?" in message for message in seen)


async def test_a_broadcast_that_must_wait_holds_no_answer_to_the_same_customer_up(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        budi = here.sandbox.phone("+6281234567802")
        campaign.write(["+6281234567802"])
        here.sandbox.fault("queued", times=1)  # 449: come back in five to ten seconds
        await here.start()
        await campaign.send()
        await until(lambda: any("delivery_postponed" in line for line in here.log), here)
        here.sandbox.say(budi, "buka jam berapa?")
        await campaign.finished()
        await here.texts(budi, count=2)
        assert [message.content["type"] for message in here.sandbox.sent(budi)] == ["text", "whatsapp_template"]


async def test_an_answer_does_not_wait_for_a_broadcast_of_five_hundred(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        campaign.write(numbers(500), rate="20/s")
        budi = here.sandbox.phone("+6281234567802")
        await here.start()
        loop = asyncio.get_running_loop()
        began = loop.time()
        here.sandbox.say(budi, "buka jam berapa?")
        await here.texts(budi)
        alone = loop.time() - began
        await campaign.send()
        await until(lambda: len(here.sandbox.sent()) >= 40, here)
        after = here.sandbox.sent(budi)[-1]
        began = loop.time()
        here.sandbox.say(budi, "alamatnya di mana?")
        await here.texts(budi, after=after)
        beside = loop.time() - began
        assert len(here.sandbox.sent()) < 450, "the broadcast was over already"
        assert beside < alone + 4, "the rest of the broadcast takes longer than that"


async def test_a_platform_in_trouble_delays_a_broadcast_and_doubles_nothing(tmp_path: Path) -> None:
    people = numbers(30)
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        campaign.write(people)
        await campaign.send()
        here.sandbox.fault("rate_limited", times=12, seconds=1)
        here.sandbox.fault("server_error", times=6)
        here.sandbox.fault("drop_answer", times=3, seconds=0.1)
        await here.start()
        report = await campaign.finished(120)
        assert report["counts"]["sent"] == 30
        assert received(here) == Counter(people)


async def test_inside_the_window_the_text_is_sent_and_outside_it_the_template(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.model.answer = lambda asked: "Jawaban"
        await here.start()
        near = here.sandbox.phone("+6281234567801")
        here.sandbox.say(near, "halo, buka jam berapa?")
        await here.texts(near)
        campaign = Campaign(here)
        campaign.write(
            ["+6281234567801", "+6281234567802"],
            text="Halo {contact.first_name}, kode {row.first_name}. Balas STOP untuk berhenti.",
        )
        output = await campaign.send()
        assert "to send     2 (1 text, 1 template; 2 id)" in output
        await campaign.finished()
        assert "Halo Sari, kode Orang0. Balas STOP untuk berhenti." in await here.texts(near, count=2)
        assert received(here) == Counter(["+6281234567802"])


async def test_somebody_made_a_contact_by_a_broadcast_can_answer_it_and_stop_it(tmp_path: Path) -> None:
    (phone,) = numbers(1)
    async with world(tmp_path) as here:
        here.model.answer = lambda asked: "Jawaban"
        campaign = Campaign(here)
        campaign.write([phone])
        await here.start()
        await campaign.send()
        await campaign.finished()
        made = here.sandbox.phone(phone)
        assert made.first_name == "Orang0"
        here.sandbox.say(made, "promonya sampai kapan?")
        await here.texts(made, count=2)
        assert "Halo Orang0, ada yang bisa kami bantu?" in str(here.model.asked[-1].messages)
        here.sandbox.say(made, "stop")
        await here.texts(made, count=3)
        campaign.settings["name"] = "lagi"
        campaign.save()
        assert "skipped     1: the contact opted out" in await campaign.send()
        report = await campaign.finished()
        assert report["counts"]["skipped"] == 1
        assert len(here.sandbox.sent(made)) == 3


async def test_an_audience_may_be_a_filter_over_the_platforms_contacts(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        book = here.sandbox.state.contacts
        for number, phone in enumerate(numbers(6)):
            person = here.sandbox.phone(phone, f"Orang{number}")
            book.add_tags(person, ["vip", "keluhan"] if number == 5 else ["vip"] if number % 2 else ["baru"])
        campaign = Campaign(here)
        campaign.write([], audience={"filter": {"any_tag": ["vip"], "no_tag": ["keluhan"]}})
        await here.start()
        assert "to send     2" in await campaign.send()
        await campaign.finished()
        assert received(here) == Counter([numbers(6)[1], numbers(6)[3]])


async def test_the_api_tells_how_far_it_is_and_stops_it(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.config["server"]["api_token"] = "rahasia"
        campaign = Campaign(here)
        campaign.write(numbers(40), rate="4/s")
        await here.start()
        await campaign.send()
        headers = {"Authorization": "Bearer rahasia"}
        async with httpx.AsyncClient(base_url=f"{here.url}/api/v1", headers=headers) as api:
            assert (await httpx.AsyncClient().get(f"{here.url}/api/v1/broadcasts")).status_code == 401
            (listed,) = (await api.get("/broadcasts")).json()["broadcasts"]
            assert (listed["name"], listed["state"], sum(listed["counts"].values())) == ("promo", "running", 40)
            assert (await api.post("/broadcasts/promo/pause")).json()["state"] == "paused"
            assert (await api.post("/broadcasts/promo/pause")).status_code == 409
            assert (await api.post("/broadcasts/promo/resume")).json()["state"] == "running"
            assert (await api.post("/broadcasts/promo/cancel")).json()["state"] == "cancelled"
            assert (await api.get("/broadcasts/promo")).json()["counts"]["waiting"] == 0
            assert (await api.get("/broadcasts/lain")).status_code == 404


@pytest.mark.parametrize(
    ("answer", "said"), [(b"n\n", "nothing was recorded or sent"), (b"y\n", "recorded: 2 recipients")]
)
async def test_at_a_terminal_it_asks_before_it_records(tmp_path: Path, answer: bytes, said: str) -> None:
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        campaign.write(numbers(2))
        here.write()
        ours, theirs = os.openpty()
        words = ("broadcast", str(tmp_path / "broadcast.yaml"), "-c", str(tmp_path / "agent.yaml"))
        process = await asyncio.create_subprocess_exec(
            *program(),
            *words,
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        os.write(ours, answer)
        output, _ = await process.communicate()
        os.close(ours)
        os.close(theirs)
        assert process.returncode == 0, output.decode()
        assert "Send it?" in output.decode()
        assert said in output.decode()


async def test_what_is_asked_wrongly_is_told_in_one_line(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        campaign.write(numbers(2), channel="sms")
        place = f"{tmp_path}/broadcast.yaml"
        line = next(n for n, text in enumerate(Path(place).read_text().splitlines(), 1) if text.startswith("channel"))
        code, output = await campaign.run("--dry-run")
        assert (code, output.splitlines()[0][: len(place) + 40]) == (
            1,
            f"{place}:{line}:10: channel: there is no channel 'sms'"[: len(place) + 40],
        )
        campaign.write(numbers(2), template={"name": "sapaan", "language": "id"})
        code, output = await campaign.run("--dry-run")
        assert code == 1
        assert "template 'sapaan' has more placeholders than values" in output
        campaign.write(numbers(2), text="Halo {row.kode}")
        code, output = await campaign.run("--dry-run")
        assert code == 1
        assert f"{{row.kode}} is used, and {tmp_path}/orang.csv has no such column; it has phone, first_name" in output
        campaign.write(numbers(2))
        assert (await campaign.run("--pause"))[0] == 1
        assert (await campaign.run("--pause", "--report"))[0] == 2
        assert (await campaign.run())[0] == 2, "nobody can be asked"
        here.config["messaging"]["base_url"] = f"http://127.0.0.1:{free_port()}/v1"
        code, output = await campaign.run("--yes")
        assert (code, len(output.splitlines())) == (3, 1), output


@pytest.mark.postgres
async def test_two_workers_of_whom_one_dies_send_it_once_each(tmp_path: Path, postgres_server: Postgres) -> None:
    people = numbers(80)
    async with world(tmp_path, storage=postgres_server.database("broadcasts"), workers=True) as here:
        campaign = Campaign(here)
        campaign.write(people, rate="10/s")
        first, _second = await here.start_with_workers(2)
        await campaign.send()
        await until(lambda: len(here.sandbox.sent()) >= 15, here)
        first.kill()
        report = await campaign.finished(180)
        assert report["counts"]["sent"] == 80
        assert received(here) == Counter(people)
        times = sorted(message.at for message in here.sandbox.sent())
        assert times[-1] - times[0] >= timedelta(seconds=80 / 10 - 3), "two workers are not faster than the rate"


async def test_a_broadcast_waits_for_its_time_and_a_cancelled_one_never_comes(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    async with world(tmp_path) as here:
        campaign = Campaign(here)
        soon = here.sandbox.state.options.clock() + timedelta(hours=1)
        campaign.write(numbers(3), at=soon.isoformat())
        later = Campaign(here, {**campaign.settings, "name": "lain"})
        await here.start(environment=clock.environment)
        await campaign.send()
        later.save()
        await later.send()
        code, output = await later.run("--cancel")
        assert code == 0, output
        await here.settled(2 * IDLE.total_seconds())
        assert not here.sandbox.sent()
        clock.set(3600)
        campaign.save()
        await campaign.finished()
        await here.settled(2 * IDLE.total_seconds())
        assert len(here.sandbox.sent()) == 3
