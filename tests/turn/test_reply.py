"""What a turn writes: the model's text, what the actions asked for, and what colleagues read."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from actions.action import (
    CancelFollowUp,
    ChangeTags,
    CloseConversation,
    Comment,
    HandOver,
    Outcome,
    Remember,
    Request,
    ScheduleFollowUp,
    SendFile,
    SendPayment,
    SendQuickReplies,
    UpdateContact,
)
from actions.qris.actions import CheckPayment
from agent.ledger import contacts, followups, media, memory, payments
from agent.ledger.codec import Assign, Deliverable, OpenConversation
from messaging.types import Channel, File, InboundMessage, QuickReplies, Text
from tests.ledger.messages import BUDI, NOW, contact, message
from tests.turn.harness import CountedAction, Desk, calls, says
from tests.turn.test_listen import hearing
from voice.errors import EndpointFailed
from voice.settings import SpeechSettings
from voice.speech import Format

HANDED_OVER = "Sebentar ya, saya sambungkan ke tim kami."
PAYLOAD = (
    "00020101021126570011ID.DANA.WWW011893600915302259148102090225914810303UMI51440014ID.CO.QRIS.WWW0215ID10200176114730303UMI"
    "5204581253033605802ID5910Kopi Senja6013Jakarta Pusat61051022062070703A016304BC9C"
)


async def asked_for(desk: Desk, *requests: Request, text: str = "Baik.") -> None:
    """A turn in which an action asks for these."""
    desk.actions = [CountedAction("act", Outcome("done", "ok", None, requests))]
    desk.model.replies = [calls("act"), says(text)]
    await desk.receive(message(1, "tolong ya kak"))
    await desk.answer()


def notes(contents: list[Deliverable]) -> list[str]:
    return [content.text for content in contents if isinstance(content, Comment)]


async def test_the_text_comes_first_and_then_what_was_asked_for_in_order(desk: Desk) -> None:
    tags, fields, closing = ChangeTags(add=("vip",)), UpdateContact({"email": "b@example.com"}), CloseConversation()
    await asked_for(desk, tags, fields, closing)
    assert await desk.contents() == [Text("Baik."), tags, fields, closing]


async def test_a_long_text_becomes_several_messages_and_one_line_of_history(desk: Desk) -> None:
    text = "\n\n".join(["Kalimat yang cukup panjang untuk satu pesan. " * 60] * 3)
    desk.model.replies = [says(text)]
    await desk.receive(message(1, "ceritakan semuanya"))
    await desk.answer()
    assert len(await desk.said()) > 1
    assert [line.text for line in await desk.history()] == ["ceritakan semuanya", text.strip()]


async def test_a_handover_tells_customer_and_colleagues_and_pauses_the_agent(desk: Desk) -> None:
    desk.conversation = {"handover": {"assign_to": "budi@shop.example"}}
    await asked_for(desk, HandOver("complaint", "Gelas pecah"), text="Saya mengerti.")
    contents = await desk.contents()
    assert contents[0] == Text(f"Saya mengerti.\n\n{HANDED_OVER}")
    assert contents[1:3] == [OpenConversation(), Assign("budi@shop.example")]
    (note,) = notes(contents)
    assert note.splitlines()[:3] == [
        "Alih ke tim: complaint",
        "Ringkasan: Gelas pecah",
        "Pelanggan menulis: “tolong ya kak”",
    ]
    state = await desk.state()
    assert (state.paused_by, state.paused_until) == ("handed over: complaint", NOW + timedelta(hours=12))


async def test_a_handover_that_the_model_announced_itself_is_not_announced_twice(desk: Desk) -> None:
    text = "Baik, saya sambungkan ke tim kami ya."
    handing = Outcome("done", "ok", None, (HandOver("asked"),))
    desk.actions = [CountedAction("hand_over", handing, builtin="hand_over")]
    desk.model.replies = [calls("hand_over"), says(text)]
    await desk.receive(message(1, "ada yang bisa bantu?"))
    await desk.answer()
    assert await desk.said() == [text]


async def test_who_asks_for_a_human_gets_one_whatever_the_model_says(desk: Desk) -> None:
    desk.model.replies = [says("Saya bisa bantu semuanya!")]
    await desk.receive(message(1, "mau bicara sama manusia"))
    await desk.answer()
    assert await desk.said() == [HANDED_OVER]
    assert (await desk.state()).paused_by == "handed over: the customer asked for a human"


async def test_who_asks_for_a_human_still_hears_what_was_done(desk: Desk) -> None:
    desk.actions = [CountedAction("cancel_order", effect=True)]
    desk.model.replies = [calls("cancel_order", order_id="1"), says("Pesanan dibatalkan.")]
    await desk.receive(message(1, "batalkan, lalu sambungkan ke admin"))
    await desk.answer()
    assert await desk.said() == [f"Pesanan dibatalkan.\n\n{HANDED_OVER}"]


async def test_an_unknown_outcome_leads_to_a_human_with_the_doubt_in_the_note(desk: Desk) -> None:
    desk.actions = [CountedAction("refund", Outcome("unknown", "no answer"), effect=True)]
    desk.model.replies = [calls("refund", order_id="1"), says("Kami cek dulu.")]
    await desk.receive(message(1, "uang saya kembali dong"))
    await desk.answer()
    assert (await desk.state()).paused_by == "handed over: the outcome of refund is unknown"
    (note,) = notes(await desk.contents())
    assert "TIDAK PASTI, mohon dicek: refund(order_id=1)" in note


async def test_a_file_is_kept_under_an_address_that_cannot_be_guessed_and_named_in_the_history(desk: Desk) -> None:
    await asked_for(desk, SendFile("menu.pdf", "Menu kami"))
    _, file, caption = await desk.contents()
    assert isinstance(file, File)
    assert (file.kind, caption) == ("file", Text("Menu kami"))
    kept = await desk.database.read(lambda c: media.get(c, file.url.rpartition("/")[2], NOW))
    assert kept is not None
    assert kept.content == b"menu"
    line = (await desk.history())[-1]
    assert (line.text, line.own_words) == ("Baik.\n\n[menu.pdf]\n\nMenu kami", "Baik.\n\nMenu kami")


async def test_a_payment_is_a_picture_with_a_caption_and_a_row(desk: Desk) -> None:
    due = SendPayment(PAYLOAD, 50_000, "KS-1", "Kopi Senja", None, NOW + timedelta(minutes=15), "static")
    await asked_for(desk, due)
    _, picture, caption = await desk.contents()
    assert isinstance(picture, File)
    assert isinstance(caption, Text)
    assert "50.000" in caption.text
    open_now = await desk.database.read(lambda c: payments.of_contact(c, BUDI))
    assert [(each.amount, each.reference, each.state) for each in open_now] == [(50_000, "KS-1", "open")]
    line = (await desk.history())[-1]
    assert "[QRIS 50000 KS-1]" in line.text
    assert "QRIS 50000" not in line.own_words


async def test_a_payment_that_is_sent_again_is_no_second_payment(desk: Desk) -> None:
    await asked_for(desk, SendPayment(PAYLOAD, 50_000, "KS-1", "Kopi Senja", None, None, "static", resend=True))
    assert await desk.database.read(lambda c: payments.of_contact(c, BUDI)) == []


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("telegram", QuickReplies("Ukuran?", ("S", "M"))),
        ("email", Text("Ukuran?\n\n1. S\n2. M")),
    ],
)
async def test_choices_are_buttons_where_the_channel_has_them_and_numbers_elsewhere(
    desk: Desk, source: str, content: Deliverable
) -> None:
    desk.actions = [CountedAction("act", Outcome("done", "ok", None, (SendQuickReplies("Ukuran?", ("S", "M")),)))]
    desk.model.replies = [calls("act"), says("Baik.")]
    await desk.receive(InboundMessage(contact(), "m1", NOW, "ukuran apa saja?", channel=Channel("1", source)))
    await desk.answer()
    assert type((await desk.contents())[1]) is type(content)


async def test_what_is_promised_for_later_is_scheduled_with_the_turn_and_can_be_called_off(desk: Desk) -> None:
    due = NOW + timedelta(days=1)
    await asked_for(desk, ScheduleFollowUp(due, "Halo Budi"))
    (promised,) = await desk.database.read(lambda c: followups.promised(c, BUDI))
    assert (promised.due_at, promised.text) == (due, "Halo Budi")
    desk.actions = [CountedAction("act", Outcome("done", "ok", None, (CancelFollowUp(promised.id),)))]
    desk.model.replies = [calls("act"), says("Baik.")]
    desk.now += timedelta(seconds=5)
    await desk.receive(message(2, "batalkan pengingatnya"))
    await desk.answer()
    assert await desk.database.read(lambda c: followups.promised(c, BUDI)) == []


async def test_what_the_customer_told_of_themselves_is_remembered(desk: Desk) -> None:
    await asked_for(desk, Remember({"address": "tolong ya"}))
    facts = await desk.database.read(lambda c: memory.of_contact(c, BUDI))
    assert [(fact.key, fact.value) for fact in facts] == [("address", "tolong ya")]


async def test_a_contact_that_comes_back_after_opting_out_loses_the_tag(desk: Desk) -> None:
    desk.conversation = {"opt_out": {"tag": "opt-out"}}
    desk.model.replies = [says("Selamat datang kembali.")]
    await desk.receive(message(1, "stop"))
    await desk.answer()
    assert ChangeTags(add=("opt-out",)) in await desk.contents()
    desk.now += timedelta(seconds=5)
    await desk.receive(message(2, "mulai"))
    await desk.answer()
    assert (await desk.state()).opted_out_at is None
    assert (await desk.contents())[-1] == ChangeTags(remove=("opt-out",))


async def test_a_limit_of_the_day_hands_over_with_its_name(desk: Desk) -> None:
    desk.limits = {"turns_per_contact_per_day": 1}
    desk.model.replies = [says("Halo.")]
    await desk.receive(message(1, "halo"))
    await desk.answer()
    desk.now += timedelta(seconds=5)
    await desk.receive(message(2, "satu lagi ya"))
    await desk.answer()
    assert (await desk.said())[1:] == [HANDED_OVER]
    expected = "handed over: limits.turns_per_contact_per_day: 1 are used up"
    assert (await desk.state()).paused_by == expected


@dataclass
class Voice:
    """Speaks anything as the same bytes, or fails."""

    failure: Exception | None = None
    when: str = "voice"
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def settings(self) -> SpeechSettings:
        given = {"model": "tts-1", "base_url": "https://tts.example/v1", "when": self.when}
        return SpeechSettings.model_validate(given)

    async def speak(self, text: str, format_: Format) -> bytes:
        self.asked.append((text, format_.name))
        if self.failure is not None:
            raise self.failure
        return b"OggS"


async def test_a_voice_note_is_answered_by_one_with_the_text_beside_it(desk: Desk) -> None:
    async with hearing(desk, "buka jam berapa") as ears:
        desk.speaker = voice = Voice()
        desk.model.replies = [says("_Buka_ jam 8.")]
        await desk.receive(ears.note(1))
        turn = await desk.answer()
    note, text = await desk.contents()
    assert isinstance(note, File)
    assert (note.kind, text) == ("audio", Text("_Buka_ jam 8."))
    assert voice.asked == [("Buka jam 8.", "opus")]
    kept = await desk.database.read(lambda c: media.get(c, note.url.rpartition("/")[2], desk.now))
    assert kept is not None
    assert (kept.content, kept.type) == (b"OggS", "audio/ogg")
    assert (await desk.history())[-1].text == "_Buka_ jam 8."
    assert (await desk.steps(turn))[-1] == "speech"


async def test_a_written_message_is_answered_in_writing_and_a_voice_that_fails_leaves_the_text(desk: Desk) -> None:
    desk.speaker = written = Voice()
    desk.model.replies = [says("Jam 8.")]
    await desk.receive(message(1, "buka jam berapa?"))
    await desk.answer()
    assert (written.asked, await desk.contents()) == ([], [Text("Jam 8.")])
    desk.now += timedelta(minutes=5)
    desk.speaker = failing = Voice(EndpointFailed("away"), "always")
    desk.model.replies = [says("Jam 9.")]
    await desk.receive(message(2, "kalau minggu?"))
    await desk.answer()
    assert (failing.asked, (await desk.contents())[1:]) == ([("Jam 9.", "opus")], [Text("Jam 9.")])


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [
        ("Pembayaran Kakak sudah kami terima, terima kasih!", "paid", 1),
        ("Sudah masuk ya Kak, Rp50.000 untuk INV-1.", "paid", 1),
        ("Baik Kak, ada lagi?", "paid", 2),
        ("Pembayaran sudah kami terima, kelebihannya kami cek.", "overpaid", 2),
    ],
)
async def test_money_that_a_turn_finds_to_have_arrived_is_told_once(
    desk: Desk, answer: str, state: str, told: int
) -> None:
    offer = SendPayment(PAYLOAD, 50_000, "INV-1", "Kopi Senja", None, None, "static", None, "INV-1")
    await desk.database.write(lambda c: contacts.remember(c, contact()))
    await desk.database.write(lambda c: payments.open_payment(c, BUDI, "p1", offer, NOW))

    async def gateway_says_so() -> None:
        paid = 50_000 if state == "paid" else 60_000
        await desk.database.write(lambda c: payments.mark_paid(c, "p1", "the gateway", NOW, paid))

    data = {"reference": "INV-1", "amount": 50_000, "state": state}
    outcome = Outcome("done", "Pembayaran Rp50.000 untuk INV-1 sudah kami terima.", data)
    found = CountedAction("check_payment", outcome, before=gateway_says_so, builtin="check_payment")
    found.claims = CheckPayment.claims
    desk.actions = [found]
    desk.model.replies = [calls("check_payment"), says(answer)]
    await desk.receive(message(1, "sudah saya bayar, masuk belum?"))
    await desk.answer()
    texts = [text for text in await desk.said() if "?" in text or "Rp" in text or "terima" in text]
    assert (len(texts), answer in texts) == (told, True)
    assert len([line for line in await desk.history() if line.author == "agent"]) == told
