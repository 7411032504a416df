"""What short messages mean."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import language
from language.intents import mood, questions_in, says_dont_know, small_talk, wants_human, without_opener


@pytest.mark.parametrize(
    "text",
    [
        "saya mau bicara dengan admin",
        "mau ngomong sama orang dong",
        "mau ngomong sama orang/admin/CS dong",
        "Bisa sambungkan ke CS?",
        "tolong hubungkan saya dengan staf",
        "sambungin ke adminnya dong kak",
        "admin",
        "CS dong",
        "minta cs",
        "mau chat langsung sama manusia aja",
        "gak mau bot, mau orang asli",
        "ini bot ya? mau sama manusia aja",
        "panggilin adminnya kak",
        "ya udah panggilin bosnya aja",
        "panggilkan manajernya",
        "get me your manager",
        "boleh ngobrol dengan orang toko?",
        "pesanan saya rusak, saya mau komplain ke manajer",
        "bisa bicara dengan seseorang? mau ngomong sama orang langsung",
        "can I talk to a human?",
        "I want to speak to a real person",
        "please connect me to an agent",
        "get me a human",
        "Human please!",
        "I'd like to speak with your manager",
        "can I speak to someone about my order?",
        "I need to talk to someone",
        "nak cakap dengan orang",
        "boleh sambung ke agen?",
        "saya nak bercakap dengan pegawai",
        "nak jumpa manusia je",
        "halo\nmau bicara dengan admin dong",
    ],
)
def test_who_asks_for_a_human_in_plain_words_is_understood(text: str) -> None:
    assert wants_human(text)


@pytest.mark.parametrize(
    "text",
    [
        "orang tua saya mau datang, bisa reservasi?",
        "saya mau ngobrol dulu sama orang tua saya",
        "mau bicara dengan orang rumah dulu ya",
        "mau pesan meja untuk 5 orang",
        "saya tidak mau bicara dengan admin",
        "gak usah disambungkan ke CS",
        "jangan sambungkan ke admin dulu",
        "ada biaya admin berapa?",
        "mau bayar admin berapa ya",
        "admin kemarin bilang bisa refund",
        "saya chat dengan admin kemarin belum dibalas",
        "halo admin, mau tanya harga kopi",
        "min mau tanya, buka jam berapa?",
        "saya sudah transfer ke tim kalian 50rb",
        "mau kirim hadiah ke orang di Bandung",
        "kenapa orang suka kopi susu?",
        "tim kalian ramah banget",
        "can I get a table for one person?",
        "I spoke with an agent yesterday and they said it is fine",
        "how do I reach your office?",
        "is the human resources office open?",
        "do you have agents in Surabaya?",
        "don't connect me to an agent, just tell me the price",
        "orang dewasa bayar berapa?",
        "kalau transfer ke orang lain bisa?",
    ],
)
def test_who_only_uses_such_a_word_is_not_handed_over(text: str) -> None:
    assert not wants_human(text)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("halo kak", "greeting"),
        ("Selamat pagi!", "greeting"),
        ("makasih banyak ya", "thanks"),
        ("thank you so much", "thanks"),
        ("sampai jumpa", "goodbye"),
        ("apa khabar", "wellbeing"),
        ("siapa ini?", "identity"),
        ("what can you do", "ability"),
        ("halo, berapa ongkirnya?", None),
        ("terima pesanan tidak?", None),
    ],
)
def test_a_line_of_small_talk_alone_is_told_by_its_kind(line: str, kind: str | None) -> None:
    assert small_talk(line) == kind


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    wants_human(text)
    small_talk(text)
    says_dont_know(text)


def test_a_further_language_is_one_more_file(tmp_path: Path) -> None:
    """Esperanto, in a copy of the package."""
    shutil.copytree(Path(language.__file__).parent, tmp_path / "language")
    (tmp_path / "language" / "data" / "eo.toml").write_text(
        "[language]\nname = 'Esperanto'\n[intents]\ndont_know = ['mi ne scias']\n[intents.human]\ntalk = ['paroli']\n"
        "with = ['kun']\nstaff = ['oficisto']\nwish = ['volas']\n"
        "[intents.talk]\ngreeting = ['saluton']\naddress = 'amiko'\n"
    )
    program = (
        "from language.intents import says_dont_know, small_talk, wants_human\n"
        "print(wants_human('mi volas paroli kun oficisto'), "
        "small_talk('saluton amiko'), says_dont_know('bedaŭrinde mi ne scias'))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "greeting", "True"]


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("selamat sore kak, saya mau tanya nih, jas berapa ya?", "jas berapa ya?"),
        ("hi there, quick question: is there parking?", "is there parking?"),
        ("assalamualaikum, harga bed cover", "harga bed cover"),
        ("sore bisa dijemput?", "sore bisa dijemput?"),
        ("test drive mobil bisa?", "test drive mobil bisa?"),
        ("halo", "halo"),
    ],
)
def test_what_stands_before_a_question_is_left_out(line: str, rest: str) -> None:
    assert without_opener(line) == rest


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("kecewa banget", "complaint"),
        ("the wifi is not working!!", "complaint"),
        ("bego", "insult"),
        ("😡", "complaint"),
        ("harga kopi berapa?", None),
        ("is the pool open?", None),
    ],
)
def test_anger_is_told_from_a_question(line: str, found: str | None) -> None:
    assert mood(line) == found


@pytest.mark.parametrize(
    ("sentence", "questions"),
    [
        ("harga latte, jam buka, sama alamatnya?", ["harga latte", "jam buka", "alamatnya?"]),
        ("do you have wifi and parking?", ["do you have wifi", "parking?"]),
        ("jam buka berapa?", ["jam buka berapa?"]),
    ],
)
def test_the_questions_of_a_sentence_are_told_apart(sentence: str, questions: list[str]) -> None:
    assert questions_in(sentence) == questions
