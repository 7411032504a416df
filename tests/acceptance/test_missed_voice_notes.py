"""Voice notes that came while a human had the conversation: the agent has listened to them when it speaks again."""

import asyncio
from pathlib import Path

from messaging.sandbox.records import Contact
from tests.acceptance.desk import write
from tests.acceptance.world import World, world

VOICE = Path(__file__).parent.parent / "data" / "voice"
OPENING = VOICE / "samples" / "01-id-jam-berapa-toko-buka.ogg"
LATE = VOICE / "samples" / "04-id-pesanan-saya-belum-sampai.ogg"
HEARING = {
    "voice": {"model": str(VOICE / "tiny-whisper"), "allow_toy": True, "threads": 1},
    "network": {"allow_private": ["127.0.0.1"]},
}


async def _held(here: World, contact: Contact, count: int) -> None:
    """Wait until so many messages have joined the history although nobody answered them."""
    async with asyncio.timeout(90):
        while (await here.command("ledger", "show", contact.phone, code=None)).count(
            " held "
        ) < count:  # nobody knows them at first
            await asyncio.sleep(0.5)


def _said(here: World) -> list[str]:
    """What the model was last told of the conversation."""
    return here.model.asked[-1].conversation


async def test_what_was_said_in_a_voice_note_to_a_human_is_known_when_the_agent_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path, **HEARING) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "halo, buka jam berapa?")
        await here.texts(budi)
        await write(here, budi, "Saya bantu ya.")
        here.sandbox.attach(budi, LATE.read_bytes(), "note.ogg")
        await _held(here, budi, 1)
        here.sandbox.close(budi)
        asked = here.sandbox.say(budi, "tadi saya bilang apa ya?")
        await here.texts(budi, after=asked, within=60)
        assert _said(here)[-2] == "[voice note] pesanan saya belum sampai"
        asked = here.sandbox.say(budi, "lalu?")
        await here.texts(budi, after=asked)
        assert _said(here)[-4] == "[voice note] pesanan saya belum sampai", "it stays so"
        shown = await here.command("ledger", "show", budi.phone)
        assert shown.count("transcription voice") == 1, "and is listened to once"


async def test_a_turn_that_dies_after_listening_goes_on_with_what_it_heard(tmp_path: Path) -> None:
    async with world(tmp_path, **HEARING) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.assign(budi, 2)
        here.sandbox.attach(budi, LATE.read_bytes(), "note.ogg")
        await _held(here, budi, 1)
        here.sandbox.close(budi)
        async with here.model.held():
            here.sandbox.say(budi, "tadi saya bilang apa ya?")
            await here.model.working()
            await here.kill()
        await here.start()
        assert len(await here.texts(budi)) == 1
        assert _said(here)[0] == "[voice note] pesanan saya belum sampai"
        shown = await here.command("ledger", "show", budi.phone)
        assert shown.count("transcription voice") == 1


async def test_the_newest_few_are_listened_to_and_noise_stays_a_mark(tmp_path: Path) -> None:
    async with world(tmp_path, **HEARING) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.assign(budi, 2)
        noise = VOICE / "samples" / "14-id-noise.ogg"
        for note in (OPENING, LATE, noise, OPENING, LATE, OPENING):
            here.sandbox.attach(budi, note.read_bytes(), "note.ogg")
        async with asyncio.timeout(90):
            while (await here.command("ledger", "show", budi.phone)).count("[audio]") < 6:
                await asyncio.sleep(0.1)
        here.sandbox.close(budi)
        here.sandbox.say(budi, "tadi saya bilang apa ya?")
        await here.texts(budi, within=60)
        opening, late = "[voice note] jam berapa toko buka", "[voice note] pesanan saya belum sampai"
        assert [line.rstrip("?") for line in _said(here)[:-1]] == ["[audio]", late, "[audio]", opening, late, opening]


async def test_one_that_is_given_back_unanswered_is_heard_and_answered(tmp_path: Path) -> None:
    async with world(tmp_path, **HEARING) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.assign(budi, 2)
        here.sandbox.attach(budi, LATE.read_bytes(), "note.ogg")
        await _held(here, budi, 1)
        here.sandbox.unassign(budi)
        heard = "[voice note] pesanan saya belum sampai"
        assert await here.texts(budi, within=60) == [
            "Jawaban untuk: pesanan saya belum sampai"
        ]  # our mark stays inside
        assert here.model.asked[-1].question == heard
        shown = await here.command("ledger", "show", budi.phone)
        assert shown.count(f"contact  {heard}") == 1
        assert "[audio]" not in shown
