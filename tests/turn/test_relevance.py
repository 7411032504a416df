"""A draft that denies or misses what the conversation holds is told to the model, and a grave one never sent."""

import pytest

from actions.action import HandOver, Outcome
from tests.ledger.messages import message
from tests.turn.harness import CountedAction, Desk, calls, says

ORDER = {"pesanan": "KS-10235", "status": "dibatalkan", "resi": "JP1234567890"}
DENIAL = "Maaf, saya tidak dapat menemukan pesanan KS-10235. Silakan pesan ulang."
UNKNOWING = "Maaf, saya tidak memiliki informasi tentang pesanan Kakak."


def cancelling(desk: Desk) -> CountedAction:
    action = CountedAction("cancel_order", effect=True, description="Membatalkan pesanan.")
    action.outcome = Outcome("done", '{"status": "dibatalkan"}', data=ORDER)
    desk.actions.append(action)
    return action


def looking_up(desk: Desk) -> CountedAction:
    action = CountedAction("get_order", description="Melihat status pesanan.")
    action.outcome = Outcome("done", str(ORDER), data=ORDER)
    desk.actions.append(action)
    return action


async def test_what_was_done_is_not_denied(desk: Desk) -> None:
    cancelling(desk)
    desk.model.replies = [calls("cancel_order"), says(DENIAL), says("Pesanan KS-10235 sudah dibatalkan ya Kak.")]
    await desk.receive(message(1, "batalkan pesanan KS-10235"))
    await desk.answer()
    assert await desk.said() == ["Pesanan KS-10235 sudah dibatalkan ya Kak."]
    assert "cancel_order was done" in desk.model.asked[2][-1].text


async def test_a_denial_that_comes_again_is_not_sent_and_a_human_takes_over_who_is_told_what_was_done(
    desk: Desk,
) -> None:
    cancelling(desk)
    desk.model.replies = [calls("cancel_order"), says(DENIAL), says(DENIAL)]
    await desk.receive(message(1, "batalkan pesanan KS-10235"))
    await desk.answer()
    (said,) = await desk.said()
    assert "tidak dapat menemukan" not in said
    assert said.startswith("Yang sudah dilakukan: cancel order")


@pytest.mark.parametrize(
    "reply",
    [
        "Pesanan KS-10235 sudah dibatalkan. Yang satunya tidak bisa ya.",
        "Beres kak, sudah saya batalkan. Ada kendala lain?",
        "Statusnya sekarang dibatalkan, uang kembali 3 hari. Kalau gagal masuk, kabari ya.",
    ],
)
async def test_a_reply_that_tells_it_may_also_say_what_did_not_work(desk: Desk, reply: str) -> None:
    cancelling(desk)
    desk.model.replies = [calls("cancel_order"), says(reply)]
    await desk.receive(message(1, "batalkan pesanan KS-10235"))
    await desk.answer()
    assert await desk.said() == [reply]


async def test_a_model_that_does_not_know_what_it_has_just_looked_up_is_shown_it(desk: Desk) -> None:
    looking_up(desk)
    desk.model.replies = [calls("get_order"), says(UNKNOWING), says("Resinya JP1234567890 ya Kak.")]
    await desk.receive(message(1, "resi pesanan KS-10235?"))
    await desk.answer()
    assert await desk.said() == ["Resinya JP1234567890 ya Kak."]
    assert "JP1234567890" in desk.model.asked[2][-1].text


async def test_what_is_asked_for_by_its_name_and_was_returned_earlier_is_shown_too(desk: Desk) -> None:
    looking_up(desk)
    desk.model.replies = [
        calls("get_order"),
        says("Pesanannya dibatalkan."),
        says(UNKNOWING),
        says("JP1234567890 Kak."),
    ]
    await desk.receive(message(1, "pesanan KS-10235 gimana?"))
    await desk.answer()
    await desk.receive(message(2, "resinya berapa?"))
    await desk.answer()
    assert (await desk.said())[-1] == "JP1234567890 Kak."


async def test_a_model_that_still_does_not_know_may_say_so(desk: Desk) -> None:
    looking_up(desk)
    desk.model.replies = [calls("get_order"), says(UNKNOWING), says(UNKNOWING)]
    await desk.receive(message(1, "kapan kurirnya datang untuk KS-10235?"))
    await desk.answer()
    assert await desk.said() == [UNKNOWING]


async def test_the_same_words_to_another_message_are_asked_for_again(desk: Desk) -> None:
    same = "Maaf, pesanan Kakak tidak bisa kami ubah lagi ya."
    desk.model.replies = [says(same), says(same), says("Kami buka jam 8 sampai 21.")]
    await desk.receive(message(1, "ganti isi pesanan bisa?"))
    await desk.answer()
    await desk.receive(message(2, "besok buka jam berapa?"))
    await desk.answer()
    assert (await desk.said())[-1] == "Kami buka jam 8 sampai 21."


async def test_the_same_question_may_get_the_same_answer(desk: Desk) -> None:
    same = "Kami buka jam 8 sampai 21 setiap hari, Kak."
    desk.model.replies = [says(same), says(same)]
    for number in (1, 2):
        await desk.receive(message(number, "buka jam berapa?"))
        await desk.answer()
    assert await desk.said() == [same, same]


@pytest.mark.parametrize(
    ("asked", "promise"),
    [
        ("bisa pesan buat 50 orang?", "Saya akan menghubungi tim kami."),
        ("can I order for 50 people?", "Let me check with our team."),
    ],
)
async def test_a_colleague_is_not_promised_and_forgotten(desk: Desk, asked: str, promise: str) -> None:
    desk.model.replies = [says(promise), says(promise)]
    await desk.receive(message(1, asked))
    await desk.answer()
    assert "nothing in this conversation shows it" in desk.model.asked[1][-1].text
    assert promise not in await desk.said()
    assert (await desk.state()).paused_by is not None


async def test_a_foreign_reply_before_a_handover_leaves_the_announcement_alone(desk: Desk) -> None:
    handing = Outcome("done", "A colleague takes over when this turn ends.", None, (HandOver("complaint"),))
    desk.actions = [CountedAction("hand_over", handing)]
    foreign = says("A colleague takes over when this turn ends.")
    desk.model.replies = [calls("hand_over"), foreign, foreign]
    await desk.receive(message(1, "kecewa banget saya, tolong dong pesanannya diurus"))
    await desk.answer()
    assert await desk.said() == ["Sebentar ya, saya sambungkan ke tim kami."]


@pytest.mark.parametrize("said", ["bisa senin jam 24 ga?", "31 februari jam 9 bisa?", "besok jam 25.00 ya kak"])
async def test_a_time_that_there_is_not_is_not_agreed_to(desk: Desk, said: str) -> None:
    desk.model.replies = [says("Ya, bisa. Silakan datang."), says("Maaf, jam itu tidak ada. Maksudnya jam berapa?")]
    await desk.receive(message(1, said))
    await desk.answer()
    assert await desk.said() == ["Maaf, jam itu tidak ada. Maksudnya jam berapa?"]
    assert "no such hour or day" in desk.model.asked[1][-1].text


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("bisa senin jam 24 ga?", "Maksudnya jam berapa, Kak?"),
        ("bisa senin jam 24 ga?", "Tidak ada jam 24, Kak."),
        ("bisa senin jam 23 ga?", "Ya, bisa. Silakan datang."),
        ("buka 24 jam?", "Ya, kami buka 24 jam."),
    ],
)
async def test_what_says_so_or_speaks_of_another_time_is_a_reply(desk: Desk, said: str, reply: str) -> None:
    desk.model.replies = [says(reply)]
    await desk.receive(message(1, said))
    await desk.answer()
    assert await desk.said() == [reply]


@pytest.mark.parametrize("reply", ["Sabtu jam 4 sore bisa.", "Ya bisa kak, sabtu jam 4 sore.", "Bisa, sabtu jam 4."])
async def test_the_customers_own_question_is_no_answer_about_a_time(desk: Desk, reply: str) -> None:
    desk.model.replies = [says(reply), says("Sabtu kami tutup jam 3, Kak.")]
    await desk.receive(message(1, "sabtu jam 4 sore bisa ga kak?"))
    await desk.answer()
    assert await desk.said() == ["Sabtu kami tutup jam 3, Kak."]


async def test_a_time_that_was_looked_up_may_be_said_again(desk: Desk) -> None:
    looking_up(desk)
    desk.model.replies = [calls("get_order"), says("Bisa, sabtu jam 4 sore.")]
    await desk.receive(message(1, "sabtu jam 4 sore bisa diambil ga?"))
    await desk.answer()
    assert await desk.said() == ["Bisa, sabtu jam 4 sore."]


async def test_an_account_number_that_stands_nowhere_is_not_told(desk: Desk) -> None:
    looking_up(desk)
    desk.model.replies = [
        says("Transfer ke BCA 1234567890 ya Kak."),
        says("Nomor rekeningnya saya tanyakan dulu ya Kak."),
    ]
    await desk.receive(message(1, "transfer ke mana?"))
    await desk.answer()
    assert await desk.said() == ["Nomor rekeningnya saya tanyakan dulu ya Kak."]


@pytest.mark.parametrize(
    ("said", "reply"), [("halo kak selamat siang", "Selamat siang!"), ("good morning", "Good morning!")]
)
async def test_a_greeting_that_is_returned_is_no_echo(desk: Desk, said: str, reply: str) -> None:
    desk.model.replies = [says(reply)]
    await desk.receive(message(1, said))
    await desk.answer()
    assert await desk.said() == [reply]


@pytest.mark.parametrize(
    ("first", "reply", "then", "told"),
    [
        ("harga cabut gigi?", "Cabut gigi mulai Rp150.000 ya Kak.", "siapa nama dokternya?", True),
        ("harga cabut gigi?", "Cabut gigi mulai Rp150.000 ya Kak.", "cabut gigi berapa tadi kak", False),
        ("servis motor", "Boleh tahu nama Kakak dan alamatnya?", "ganti ban berapa?", True),
        ("halo", "Halo Kak, ada yang bisa kami bantu hari ini?", "pagi", False),
        ("besok buka?", "Besok kami buka jam 8 pagi ya Kak.", "ok kak makasih", False),
    ],
)
async def test_what_was_said_to_something_else_is_not_said_again(
    desk: Desk, first: str, reply: str, then: str, *, told: bool
) -> None:
    desk.model.replies = [says(reply), says(reply), says("Maaf Kak, saya belum tahu.")]
    for number, said in enumerate((first, then), 1):
        await desk.receive(message(number, said))
        await desk.answer()
    assert (await desk.said())[1:] == ["Maaf Kak, saya belum tahu." if told else reply]


async def test_a_model_that_wont_help_is_shown_what_it_looked_up(desk: Desk) -> None:
    looking_up(desk)
    desk.model.replies = [
        calls("get_order"),
        says("I apologize, but I can't assist with that."),
        says("Resinya JP1234567890 ya Kak."),
    ]
    await desk.receive(message(1, "status KS-10235"))
    await desk.answer()
    assert await desk.said() == ["Resinya JP1234567890 ya Kak."]


@pytest.mark.parametrize(
    ("draft", "sent"),
    [
        ("Bisa diambil Senin, 3 Desember 2026 ya Kak.", "Bisa diambil 3 Desember 2026 ya Kak."),
        ("You can collect it on Monday, December 3rd, 2026.", "You can collect it on December 3rd."),
        ("Bisa diambil Kamis, 3 Desember 2026 ya Kak.", None),
        ("Kami libur Jumat 25 Desember.", None),
        ("Senin 30 pesanan, Selasa 3 pesanan.", None),
        ("No passage of the knowledge base fits this message.", "Maaf Kak, saya belum tahu."),
    ],
)
async def test_no_day_is_named_by_a_wrong_weekday_and_nothing_of_the_prompt_is_told(
    desk: Desk, draft: str, sent: str | None
) -> None:
    desk.model.replies = [says(draft), says(sent or "")]
    await desk.receive(message(1, "kapan selesai?" if "collect" not in draft else "when is it done?"))
    await desk.answer()
    assert await desk.said() == [sent or draft]


async def test_what_the_model_was_told_of_its_draft_is_not_told_the_customer(desk: Desk) -> None:
    looking_up(desk)
    told = "It was not sent. Write the reply again with amounts, hours, addresses and names of people that stand there only."
    desk.model.replies = [says("Shipping is Rp9,000."), says(told), says("I don't know what shipping costs.")]
    await desk.receive(message(1, "how much is the shipping?"))
    await desk.answer()
    assert await desk.said() == ["I don't know what shipping costs."]
    assert "only you are told" in desk.model.asked[2][-1].text
