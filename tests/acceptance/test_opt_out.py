"""Who says stop gets one confirmation and then nothing, until they say they want to be back."""

from pathlib import Path

from tests.acceptance.desk import seen, write
from tests.acceptance.flow import until
from tests.acceptance.world import world

GONE, BACK = "Baik, kami berhenti.", "mulai"
OPT_OUT = {"opt_out": {"text": {"id": GONE, "en": "All right."}, "tag": "opt-out"}}


async def test_stop_is_confirmed_once_marked_on_the_contact_and_taken_back_by_the_word(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=OPT_OUT) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "STOP!")
        assert await here.texts(budi) == [GONE]
        for text in ("stop", "halo, harga kopi berapa?"):
            here.sandbox.say(budi, text)
            await here.settled(1)
        assert len(here.sandbox.sent(budi)) == 1
        assert here.model.asked == []
        assert "opt-out" in seen(here, budi).tags
        assert "opted out since" in await here.command("ledger", "show", "+6281234567802")
        asked = here.sandbox.say(budi, BACK)
        assert await here.texts(budi, after=asked) == [f"Jawaban untuk: {BACK}"]
        await here.settled(0.5)
        assert "opt-out" not in seen(here, budi).tags
        asked = here.sandbox.say(budi, "harga kopi berapa?")
        assert await here.texts(budi, after=asked) == ["Jawaban untuk: harga kopi berapa?"]


async def test_stop_inside_a_sentence_is_none(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=OPT_OUT) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "bus stop terdekat di mana?")
        assert await here.texts(budi) == ["Jawaban untuk: bus stop terdekat di mana?"]


async def test_stop_also_stops_what_was_written_and_not_sent_yet(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=OPT_OUT) as here:
        here.sandbox.fault("rate_limited", times=1, seconds=3, only="sends")
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "harga kopi berapa?")
        await until(lambda: any("delivery_postponed" in line for line in here.log), here)
        here.sandbox.say(budi, "stop")
        assert await here.texts(budi) == [GONE]
        await here.settled(3.5)
        assert len(here.sandbox.sent(budi)) == 1


async def test_stop_said_to_a_human_is_recorded_and_confirmed_too(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=OPT_OUT) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "halo?")
        await here.texts(budi)
        await write(here, budi, "Halo, saya Rina.")
        asked = here.sandbox.say(budi, "berhenti")
        assert await here.texts(budi, after=asked) == [GONE]


async def test_a_contact_that_the_platform_blocks_is_not_answered_and_the_record_says_why(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.block(budi)
        here.sandbox.say(budi, "harga kopi berapa?")
        await here.settled(1.5)
        assert here.sandbox.sent(budi) == []
        assert here.model.asked == []
        shown = await here.command("ledger", "show", "+6281234567802")
        assert "blocked on the platform" in shown
        here.sandbox.unblock(budi)
        asked = here.sandbox.say(budi, "halo lagi?")
        assert await here.texts(budi, after=asked) == ["Jawaban untuk: halo lagi?"]
