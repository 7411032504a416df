"""Messages become words: typed ones as they are, voice notes by way of the transcriber, once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from agent.ledger import human
from agent.turn.listen import MOST_MISSED, is_voice, prepared_unheard
from messaging.admission import LONGEST_TEXT
from messaging.types import Attachment, ContactCard, InboundMessage, Location, Quote
from tests.ledger.messages import BUDI, NOW, contact, message
from tests.turn.harness import Desk, says
from tests.voice.servers import Reply, serve
from voice import Transcript
from voice.errors import LowConfidence, Unavailable

UNCLEAR = "Maaf, pesan suaranya belum bisa kami pahami. Boleh ditulis saja pesannya? 🙏"


@dataclass
class Ears:
    """A transcriber that hears these words in any note, or fails."""

    store: str
    heard: list[str | Exception]
    language: str = "id"
    notes: list[bytes] = field(default_factory=list)
    stats: Any = None

    async def transcribe(self, audio: bytes, languages: Sequence[str] | None = None) -> Transcript:
        self.notes.append(audio)
        words = self.heard.pop(0)
        if isinstance(words, Exception):
            raise words
        return Transcript(words, self.language, timedelta(seconds=3), (), 0.9)

    async def warm(self) -> None:
        """Nothing is loaded."""

    async def aclose(self) -> None:
        """Nothing is open."""

    def note(self, number: int) -> InboundMessage:
        """A voice note that lies in the media store."""
        attachment = Attachment("audio", f"{self.store}/{number}.ogg", mime_type="audio/ogg")
        return InboundMessage(contact(), f"m{number}", NOW, attachments=(attachment,), kind="audio")


@asynccontextmanager
async def hearing(desk: Desk, *heard: str | Exception, language: str = "id") -> AsyncIterator[Ears]:
    """A desk with ears, and a media store that has every note."""
    with serve(lambda request: Reply(200, {"Content-Type": "audio/ogg"}, request.path.encode())) as store:
        ears = Ears(store.url, list(heard), language)
        async with httpx.AsyncClient() as client:
            desk.client, desk.transcriber = client, ears
            yield ears


async def test_a_voice_note_is_read_with_its_amounts_in_digits_and_kept_as_it_was_said(desk: Desk) -> None:
    async with hearing(desk, "bayar tujuh puluh lima ribu") as ears:
        desk.model.replies = [says("Baik.")]
        await desk.receive(ears.note(1))
        turn = await desk.answer()
    assert ears.notes == [b"/1.ogg"]
    assert desk.model.asked[0][-1].text.endswith("</context>\n\n[voice note] bayar 75000")
    assert turn.said[-2:] == ("bayar tujuh puluh lima ribu", "bayar 75000")
    assert await desk.steps(turn) == ["voice/m1/0", "model/1"]
    (line, _) = await desk.history()
    assert line.attachments[0]["transcript"] == "bayar tujuh puluh lima ribu"


async def test_what_was_heard_is_as_long_as_a_written_message_at_most(desk: Desk) -> None:
    async with hearing(desk, "berapa harganya ya " * 2_000) as ears:
        desk.model.replies = [says("Rp20.000")]
        await desk.receive(ears.note(1))
        await desk.answer()
    (line, _) = await desk.history()
    assert len(line.attachments[0]["transcript"]) == LONGEST_TEXT


async def test_a_spoken_question_is_answered_in_its_language(desk: Desk) -> None:
    async with hearing(desk, "what time do you open", language="en") as ears:
        desk.model.replies = [says("At eight.")]
        await desk.receive(ears.note(1))
        turn = await desk.answer()
    assert turn.language == "en"
    assert "Answer in English." in desk.model.asked[0][-1].text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (LowConfidence("mumbling"), UNCLEAR),
        (Unavailable("no model"), "Maaf, kami belum bisa mendengarkan pesan suara. Boleh ditulis saja pesannya? 🙏"),
    ],
)
async def test_a_note_that_yields_no_words_gets_the_text_of_its_reason(desk: Desk, error: Exception, text: str) -> None:
    async with hearing(desk, error) as ears:
        await desk.receive(ears.note(1))
        await desk.answer()
    assert await desk.said() == [text]


async def test_a_resumed_turn_listens_to_no_note_again(desk: Desk) -> None:
    async with hearing(desk, "buka jam berapa") as ears:
        await desk.receive(ears.note(1))
        turn = await desk.claim()
        for _ in range(2):
            await desk.turns()._prepare(turn)
    assert len(ears.notes) == 1


async def test_notes_that_came_while_a_human_answered_are_caught_up_with_newest_first_and_once(desk: Desk) -> None:
    missed = MOST_MISSED + 1
    async with hearing(desk, *(f"kata {n}" for n in range(missed, 1, -1))) as ears:
        await desk.receive(message(100, "halo"))
        await desk.database.write(lambda c: human.begin(c, BUDI, NOW, NOW + timedelta(minutes=1), "Rina"))
        await desk.answer()
        for number in range(1, missed + 1):
            await desk.receive(ears.note(number))
        await desk.answer()
        desk.now += timedelta(minutes=2)
        desk.model.replies = [says("Baik."), says("Ya.")]
        await desk.receive(message(101, "bagaimana?"))
        turn = await desk.answer()
        assert ears.notes == [f"/{n}.ogg".encode() for n in range(missed, 1, -1)]
        texts = [line.text for line in turn.history]
        assert texts[-missed:] == ["[audio]", *(f"[voice note] kata {n}" for n in range(2, missed + 1))]
        desk.now += timedelta(seconds=5)
        await desk.receive(message(102, "dan sekarang?"))
        await desk.answer()
    assert len(ears.notes) == MOST_MISSED


def test_files_are_named_and_anything_else_by_its_kind() -> None:
    files = (Attachment("image", "https://m/1", "kopi  \n enak.jpg"), Attachment("file", "https://m/2"))
    both = prepared_unheard(replace(message(1, "lihat"), attachments=files))
    assert both.text == "lihat\n[image: kopi enak.jpg]\n[file]"
    assert (both.said, [record["kind"] for record in both.attachments]) == (("lihat",), ["image", "file"])
    assert prepared_unheard(replace(message(1), text=None, kind="location")).text == "[location]"


async def test_what_is_shared_is_said_and_what_is_quoted_is_not(desk: Desk) -> None:
    place, card = Location(-6.9, 107.6, address="Jl. Braga 1"), ContactCard("Rina", ("+62811",))
    desk.model.replies = [says("Baik.")]
    await desk.receive(replace(message(1, "ke sini"), location=place, cards=(card,), quote=Quote("w", "Kode [KS-1]?")))
    turn = await desk.answer()
    marked = "ke sini\n[location: Jl. Braga 1 (-6.9, 107.6)]\n[contact card: Rina, +62811]"
    assert desk.model.asked[0][-1].text.endswith(f'</context>\n\n[in reply to: "Kode (KS-1)?"]\n{marked}')
    assert turn.text == marked
    assert turn.said == ("ke sini", "Jl. Braga 1 (-6.9, 107.6)", "Rina, +62811")
    line, _ = await desk.history()
    assert (line.text, line.own_words) == (f'[in reply to: "Kode (KS-1)?"]\n{marked}', "\n".join(turn.said))
    desk.now += timedelta(minutes=1)
    desk.model.replies = [says("Ya.")]
    await desk.receive(message(2, "berapa?"))
    assert not any("KS-1" in said for said in (await desk.answer()).said)


def test_audio_is_told_by_kind_or_by_mime_type() -> None:
    assert is_voice(Attachment("audio", "https://m/1"))
    assert is_voice(Attachment("file", "https://m/1", mime_type="audio/ogg"))
    assert not is_voice(Attachment("video", "https://m/1", mime_type="video/mp4"))
