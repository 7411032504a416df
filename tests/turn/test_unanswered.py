"""Which questions the owner hears of."""

import pytest

from agent.turn.checks import Reply, says_dont_know, unanswered
from agent.turn.retrieval import Retrieved


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
