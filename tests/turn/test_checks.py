"""What the model answered is checked before it is sent: claims, outdated passages; and which questions the owner hears of."""

import pytest
from langchain_core.messages import HumanMessage
from sqlalchemy import select

from actions.action import HandOver, Outcome
from agent.ledger.knowledge import SqlKnowledgeStore
from agent.ledger.tables import InboundOutcome, step
from agent.turn import checks
from agent.turn.checks import Reply, unanswered
from agent.turn.retrieval import Retrieved
from knowledge import Hit, SearchResult
from language.intents import says_dont_know
from tests.ledger.messages import NOW, message
from tests.turn.harness import CountedAction, Desk, calls, says

CLAIM = "Pesanan sudah saya batalkan."
HANDED_OVER = "Sebentar ya, saya sambungkan ke tim kami."


class Shelf:
    """A knowledge base that finds the same for everything."""

    size = 1

    def __init__(self, *hits: Hit, off_topic: bool = False) -> None:
        self._found = SearchResult(hits, hits[0].score if hits else 0.0, "keywords", off_topic)

    async def search(
        self, queries: object, limit: int | None = None, language: str | None = None, today: object = None
    ) -> SearchResult:
        return self._found


def hit(text: str, *, stale: bool = False) -> Hit:
    return Hit("faq.md#1", "faq.md", "Judul", text, 0.6, NOW, stale=stale)


async def test_a_claim_without_a_receipt_is_held_back_and_the_model_told_so(desk: Desk) -> None:
    desk.model.replies = [says(CLAIM), says("Saya cek dulu ya, nomor pesanannya berapa?")]
    await desk.receive(message(1, "batalkan pesanan saya"))
    await desk.answer()
    assert await desk.said() == ["Saya cek dulu ya, nomor pesanannya berapa?"]
    reminder = desk.model.asked[1][-1]
    assert isinstance(reminder, HumanMessage)
    assert reminder.text.startswith("<runtime>\nYour draft says 'sudah saya batalkan'")
    assert [values.rejected for values in desk.model.told if values is not None] == [False, True]


@pytest.mark.parametrize(
    "invented",
    ["Pesanan KS-10234 sudah sampai di Kawasan Kopi Senja.", "Kami akan batalkan pesanan KS-10234 segera."],
    ids=["a state", "a promise"],
)
async def test_what_a_weak_model_invents_is_not_sent(desk: Desk, invented: str) -> None:
    desk.model.replies = [says(invented), says("Maaf Kak, saya belum tahu.")]
    await desk.receive(message(1, "pesanan KS-10234 sudah sampai mana?"))
    await desk.answer()
    assert await desk.said() == ["Maaf Kak, saya belum tahu."]


async def test_a_state_may_be_told_of_what_was_looked_up_by_its_id(desk: Desk) -> None:
    desk.actions = [CountedAction("get_order", Outcome("done", "ok", {"status": "dikirim"}))]
    told = "Pesanan KS-10234 sudah dikirim ya Kak."
    desk.model.replies = [calls("get_order", order_id="KS-10234"), says(told), says(told)]
    for number in (1, 2):
        await desk.receive(message(number, "pesanan KS-10234 sudah sampai mana?"))
        await desk.answer()
    assert (await desk.said()) == [told, told]


async def test_a_claim_that_is_repeated_is_not_sent_and_a_human_takes_over(desk: Desk) -> None:
    desk.model.replies = [says(CLAIM), says(CLAIM)]
    await desk.receive(message(1, "batalkan pesanan saya"))
    await desk.answer()
    assert await desk.said() == [HANDED_OVER]
    assert (
        await desk.state()
    ).paused_by == "handed over: the agent wanted to say 'sudah saya batalkan', which nothing bears out"


async def test_a_claim_with_its_receipt_is_sent(desk: Desk) -> None:
    desk.actions = [CountedAction("cancel_order", Outcome("done", "ok", {"status": "cancelled"}), effect=True)]
    desk.model.replies = [calls("cancel_order", order_id="KS-1"), says(CLAIM)]
    await desk.receive(message(1, "batalkan KS-1"))
    await desk.answer()
    assert await desk.said() == [CLAIM]


async def test_a_receipt_of_an_earlier_turn_bears_a_claim_out(desk: Desk) -> None:
    desk.actions = [CountedAction("cancel_order", Outcome("done", "ok", {"status": "cancelled"}), effect=True)]
    desk.model.replies = [
        calls("cancel_order", order_id="KS-1"),
        says(CLAIM),
        says("Ya Kak, pesanannya sudah dibatalkan."),
    ]
    await desk.receive(message(1, "batalkan KS-1"))
    await desk.answer()
    await desk.receive(message(2, "sudah dibatalkan belum?"))
    await desk.answer()
    assert (await desk.said())[-1] == "Ya Kak, pesanannya sudah dibatalkan."
    assert len(desk.actions[0].ran) == 1


async def test_the_repair_of_a_claim_invites_no_effect(desk: Desk) -> None:
    desk.model.replies = [says(CLAIM), says("Baik, saya cek dulu.")]
    await desk.receive(message(1, "batalkan pesanan saya"))
    await desk.answer()
    assert "Do not call an action" in desk.model.asked[1][-1].text


async def test_an_invented_price_is_told_to_the_model_and_never_sent(desk: Desk) -> None:
    desk.knowledge = Shelf(hit("Kampas rem Rp60.000, ban dalam Rp45.000"))
    desk.model.replies = [says("Rantainya Rp350.000 ya Kak."), says("Maaf Kak, harga rantai saya belum tahu.")]
    await desk.receive(message(1, "ganti rantai berapa kak?"))
    await desk.answer()
    assert await desk.said() == ["Maaf Kak, harga rantai saya belum tahu."]
    assert "Rp350.000" in desk.model.asked[1][-1].text


UNKNOWN = "Maaf, saya belum tahu soal itu. Mau saya sambungkan ke tim kami?"


@pytest.mark.parametrize(
    ("said", "drafts", "sent"),
    [
        ("ganti rantai berapa kak?", ["Rantainya Rp350.000 ya Kak.", "Rantai Rp340.000.", "Rp330.000"], UNKNOWN),
        ("kampas rem berapa kak?", ["Rp350.000 ya Kak.", "Rp340.000 Kak."], "Kampas rem Rp60.000, ban dalam Rp45.000"),
        ("password wifinya apa?", ["Password wifi adalah bengkel123."] * 3, UNKNOWN),
        ("ada ruang tunggu ber-AC?", ["Ya, kami punya ruang tunggu nyaman sekali."] * 3, UNKNOWN),
    ],
    ids=["no passage", "a passage, and a model that fails", "a password", "no figure"],
)
async def test_what_is_invented_again_gives_way_to_what_the_passages_say(
    desk: Desk, said: str, drafts: list[str], sent: str
) -> None:
    desk.knowledge = Shelf(hit("Kampas rem Rp60.000, ban dalam Rp45.000"))
    desk.model.replies = [says(draft) for draft in drafts]
    await desk.receive(message(1, said))
    await desk.answer()
    assert await desk.said() == [sent]
    readings = select(step.c.output).where(step.c.kind == "reading")
    assert await desk.database.read(lambda c: c.scalars(readings).all()) == [{"sent": sent}]


@pytest.mark.parametrize(
    ("said", "draft", "sent"),
    [
        ("siapa nama mekaniknya?", "Mekanik kami bernama Pak Anton Wibowo.", "Maaf Kak, saya belum tahu namanya."),
        ("kampas rem berapa?", "Kampas rem Rp45.000 ya Kak.", "Kampas rem Rp60.000 ya Kak."),
        ("kampas rem berapa?", "Rp45.000 ya Kak.", "Rp60.000 ya Kak."),
        ("siapa mekaniknya?", "Mekanik kami Joko Susilo Kak.", None),
    ],
)
async def test_people_and_prices_of_the_passages_alone_are_told(
    desk: Desk, said: str, draft: str, sent: str | None
) -> None:
    desk.knowledge = Shelf(hit("Kampas rem: Rp60.000\nBan dalam: Rp45.000\nOli: Rp70.000\nMekanik: Joko Susilo"))
    desk.model.replies = [says(draft), says(sent or "")]
    await desk.receive(message(1, said))
    await desk.answer()
    assert await desk.said() == [sent or draft]


async def test_prices_of_passages_results_and_earlier_answers_are_sent(desk: Desk) -> None:
    desk.knowledge = Shelf(hit("Kampas rem Rp60.000, ban dalam Rp45.000"))
    desk.actions = [CountedAction("get_bill", Outcome("done", "ok", {"total": 215_000}))]
    answers = [
        "Kampas rem Rp60.000, ban dalam 45rb.",
        "Tagihannya Rp215.000.",
        "Dua ban dalam Rp90.000.",
        "Semuanya Rp305.000.",
    ]
    desk.model.replies = [says(answers[0]), calls("get_bill"), *map(says, answers[1:])]
    for number, asked in enumerate(("harga kampas rem?", "tagihan saya?", "ban dalam dua berapa", "total semua?"), 1):
        await desk.receive(message(number, asked))
        await desk.answer()
    assert await desk.said() == answers


async def test_where_only_an_outdated_copy_answers_a_human_does(desk: Desk) -> None:
    desk.knowledge = Shelf(hit("Latte 25000", stale=True))
    desk.model.replies = [says("Latte 20 ribu.")]
    await desk.receive(message(1, "harga latte berapa kak?"))
    await desk.answer()
    assert await desk.said() == [HANDED_OVER]
    assert (await desk.state()).paused_by == "handed over: only an outdated copy answers this: faq.md"


@pytest.mark.parametrize(
    ("said", "draft", "sent"),
    [
        (
            "kampas rem berapa?",
            "Maaf, saya tidak dapat menjawab pertanyaan ini.",
            ["Kampas rem Rp60.000, ban dalam Rp45.000\n\n"],
        ),
        ("kampas rem berapa?", "Kampas rem Rp60.000 ya Kak.", ["Kampas rem Rp60.000 ya Kak.\n\n"]),
        ("bisa kirim ke Kudus?", "Ya, bisa dikirim ke Kudus.", [""]),
        (
            "mau bicara sama admin",
            "Maaf, saya tidak dapat menjawab pertanyaan ini.",
            ["Maaf, saya tidak dapat menjawab pertanyaan ini.\n\n"],
        ),
    ],
)
async def test_beside_a_handover_the_customer_reads_what_is_known_and_nothing_else(
    desk: Desk, said: str, draft: str, sent: list[str]
) -> None:
    desk.knowledge = Shelf(hit("Kampas rem Rp60.000, ban dalam Rp45.000"))
    desk.actions = [CountedAction("hand_over", Outcome("done", "ok", None, (HandOver("unsure"),)))]
    desk.model.replies = [calls("hand_over"), says(draft), says(draft), says(draft)]
    await desk.receive(message(1, said))
    await desk.answer()
    assert await desk.said() == [f"{text}Sebentar ya, saya sambungkan ke tim kami." for text in sent]


async def test_a_handover_of_the_model_stays_the_reason_when_the_copy_is_outdated(desk: Desk) -> None:
    handing = Outcome("done", "ok", None, (HandOver("complaint"),))
    desk.actions = [CountedAction("hand_over", handing)]
    desk.knowledge = Shelf(hit("Latte 25000", stale=True))
    desk.model.replies = [calls("hand_over"), says("Latte 20 ribu.")]
    await desk.receive(message(1, "harga latte berapa kak?"))
    await desk.answer()
    assert (await desk.state()).paused_by == "handed over: complaint"


async def test_an_answer_that_does_not_know_is_sent_and_noted_with_the_turn(desk: Desk) -> None:
    desk.knowledge = Shelf(off_topic=True)
    desk.model.replies = [says("Maaf, saya belum tahu soal itu.")]
    await desk.receive(message(1, "ada parkir mobil ga kak"))
    turn = await desk.answer()
    assert await desk.said() == ["Maaf, saya belum tahu soal itu."]
    assert await desk.ended() == [("done", "the agent did not know")]
    gaps = await SqlKnowledgeStore(desk.database).gaps()
    assert [(gap.question, gap.times) for gap in gaps] == [("ada parkir mobil ga kak", 1)]
    assert turn.gap is not None
    assert InboundOutcome.NOT_KNOWN.state == "answered"


async def test_without_a_knowledge_base_no_question_is_a_gap(desk: Desk) -> None:
    desk.model.replies = [says("Maaf, saya belum tahu soal itu.")]
    await desk.receive(message(1, "ada parkir mobil ga kak"))
    turn = await desk.answer()
    assert turn.gap is None
    assert await desk.ended() == [("done", None)]


@pytest.mark.parametrize(
    "text",
    [
        "Maaf, saya belum tahu soal itu. Mau saya sambungkan ke tim kami?",
        "Maaf kak, aku nggak tau soal parkirnya 🙏",
        "Maaf, saya tidak memiliki informasi tentang hal tersebut.",
        "Mohon maaf, kami belum punya info soal itu, mau saya tanyakan ke rekan saya?",
        "Maaf, informasi tentang garansi tidak tersedia di catatan kami.",
        "Saya kurang yakin soal itu, Kak.",
        "Saya tidak menemukan informasi tentang itu.",
        "Maaf, saya tidak pasti tentang perkara itu.",
        "Maaf, saya tak ada maklumat tentang itu.",
        "Maaf, maklumat itu tidak dijumpai.",
        "Tiada maklumat mengenai perkara ini.",
        "Sorry, I don't know that yet. Shall I connect you with our team?",
        "I’m not sure about that, let me ask a colleague.",
        "I do not have any information about parking.",
        "Unfortunately I couldn't say. We don't have details on that.",
        "There is no information about that in our notes.",
        "I'm afraid I have no information on that.",
    ],
)
def test_a_reply_that_admits_not_to_know_is_recognised(text: str) -> None:
    assert says_dont_know(text)


@pytest.mark.parametrize(
    "text",
    [
        "Kami buka setiap hari pukul 08.00–21.00.",
        "Harga kopi susu Rp25.000, tidak termasuk ongkir.",
        "Tidak ada biaya tambahan, Kak.",
        "Kami tidak menerima kartu kredit.",
        "Stok biru tidak tersedia, yang hitam ada.",
        "Ya, ada WiFi gratis untuk tamu.",
        "No, dogs are not allowed inside.",
        "You can find us at Jalan Mawar 5. We do not deliver on Sundays.",
        "I know a good place: our roastery. Sure, you can come by!",
        "Boleh, kedai kami ada parkir. Tak perlu tempah.",
        "Kalau mau tahu lebih lanjut, tanya saja ya.",
    ],
)
def test_an_answer_is_not_taken_for_ignorance(text: str) -> None:
    assert not says_dont_know(text)


FITS = Retrieved("<passages>…", 0.5, off_topic=False, nearest="faq.md#1")
HARDLY = Retrieved("<passages>…", 0.12, off_topic=False, nearest="faq.md#1")
NOTHING = Retrieved("", 0.02, off_topic=True)
OUTDATED = Retrieved("", 0.5, off_topic=False, outdated=("harga.csv",), needs_human=True)
ANSWER, UNKNOWN = "Ada, gratis.", "Maaf, saya belum tahu soal itu."
ASKED = "ada wifi gratis ga"


@pytest.mark.parametrize(
    ("asked", "retrieved", "reply", "is_noted"),
    [
        (ASKED, FITS, Reply(ANSWER, acted=False, handed_over=False), False),
        (ASKED, FITS, Reply(UNKNOWN, acted=False, handed_over=False), True),
        (ASKED, FITS, Reply("", acted=False, handed_over=True), True),
        (ASKED, HARDLY, Reply(ANSWER, acted=False, handed_over=False), True),
        (ASKED, NOTHING, Reply(ANSWER, acted=False, handed_over=False), True),
        ("mau bicara sama manusia", NOTHING, Reply("", acted=False, handed_over=True), False),
        ("mau bicara sama manusia", NOTHING, Reply("Baik.", acted=False, handed_over=False), False),
        ("can I speak to a human please", FITS, Reply("", acted=False, handed_over=True), False),
        ("bayar 50rb ya kak", NOTHING, Reply("Ini QR-nya.", acted=True, handed_over=False), False),
        ("makasih kak", NOTHING, Reply("Sama-sama!", acted=False, handed_over=False), False),
        (ASKED, OUTDATED, Reply(UNKNOWN, acted=False, handed_over=False), False),
        ("[image]\nini", NOTHING, Reply(ANSWER, acted=False, handed_over=False), False),
    ],
)
def test_a_question_is_noted_when_the_documents_should_have_answered_and_did_not(
    asked: str, retrieved: Retrieved, reply: Reply, is_noted: bool
) -> None:
    assert (unanswered(asked, retrieved, reply) is not None) is is_noted


@pytest.mark.parametrize(
    "text",
    [
        "halo kak mau tanya dong",
        "oke makasih banyak ya kak",
        "selamat pagi kak admin",
        "good morning, I have a question",
        "thank you so much for your help",
        "siap kak ditunggu ya",
    ],
)
def test_courtesies_are_no_questions(text: str) -> None:
    assert unanswered(text, NOTHING, Reply("Halo!", acted=False, handed_over=False)) is None


@pytest.mark.parametrize("text", ["udah open blm", "bisa cod ga kak", "มีที่จอดรถไหมคะ", "有停车场吗"])
def test_a_short_question_is_one_in_whatever_script(text: str) -> None:
    assert unanswered(text, NOTHING, Reply(UNKNOWN, acted=False, handed_over=False)) is not None


def test_a_noted_question_holds_nobody_s_number() -> None:
    noted = unanswered("kirim ke 0812-3456-7890 bisa ga", NOTHING, Reply(UNKNOWN, acted=False, handed_over=False))
    assert noted is not None
    assert noted.question == "kirim ke … bisa ga"


def test_words_far_apart_are_no_admission() -> None:
    between = "menu dan harga semua cabang kami di Jakarta Selatan ini"
    assert says_dont_know("Informasi cabang tidak ada")
    assert not says_dont_know(f"Informasi {between} tidak ada")


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("[a human colleague wrote:] Refund sudah saya setujui.", "Refund sudah saya setujui."),
        ("Silakan bayar: [QRIS 50000 KS-1] terima kasih", "Silakan bayar: terima kasih"),
        ("[image: menu.png] Ini menunya [voice note] kak", "Ini menunya kak"),
        ("[FAILED] coba lagi", "coba lagi"),
        ("<colleague>\nRefund disetujui\n</colleague>", "Refund disetujui"),
        ("[ image : a.jpg ] halo 【a human colleague wrote】 x", "halo x"),
        ("\\[image: x.jpg\\] ini < colleague >x</ colleague >", "ini x"),
        ("[colleague] Diskon [human] [a colleague wrote :] 50%", "Diskon 50%"),
        ("[1] satu [System: x] [agen kami] [humas]", "[1] satu [System: x] [agen kami] [humas]"),
        ("Ya <3 a < b <b>tebal</b>", "Ya <3 a < b <b>tebal</b>"),
        ("Lihat [menu](https://kopi.id) ya [catatan]", "Lihat [menu](https://kopi.id) ya [catatan]"),
    ],
)
def test_marks_that_only_the_history_may_hold_do_not_go_out(text: str, sent: str) -> None:
    assert checks.without_marks(text) == sent


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (
            "roaming saya sudah nyala, tapi internetnya lambat",
            "Baik, roaming Kakak sudah nyala. Coba nyalakan ulang HP-nya.",
        ),
        ("roaming saya gimana?", "Maaf Kak, saya belum tahu."),
    ],
    ids=["the customer told it", "nobody told it"],
)
async def test_a_state_may_be_told_again_by_whom_it_was_told(desk: Desk, said: str, sent: str) -> None:
    desk.model.replies = [
        says("Baik, roaming Kakak sudah nyala. Coba nyalakan ulang HP-nya."),
        says("Maaf Kak, saya belum tahu."),
    ]
    await desk.receive(message(1, said))
    await desk.answer()
    assert await desk.said() == [sent]
