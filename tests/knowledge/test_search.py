"""The right passage for how people really write."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from knowledge.documents.passage import Document, Passage
from knowledge.index.keywords import KeywordIndex, Record
from knowledge.index.repair import Repair
from knowledge.index.words import grams, words
from knowledge.library import Library, top

SHOP = {
    "jam": ("Jam buka", "Kedai buka setiap hari pukul 08.00 sampai 21.00. Hari Minggu mulai pukul 10.00."),
    "kirim": (
        "Pengiriman",
        "Ongkos kirim ke Bandung Rp15.000 dan ke Medan Rp30.000. Pesanan dikirim pada hari yang sama.",
    ),
    "retur": ("Retur", "Barang rusak kami ganti dalam tujuh hari. Sertakan foto dan nomor pesanan."),
    "bayar": ("Pembayaran", "Pembayaran dengan QRIS, transfer bank atau tunai di kedai."),
    "menu": ("Menu", "Kopi susu gula aren 25.000, teh tarik 18.000, roti bakar 20.000."),
    "halal": ("Halal", "Semua minuman dan makanan kami bersertifikat halal."),
    "parkir": ("Parkir", "Tersedia tempat parkir untuk sepuluh mobil dan dua puluh motor."),
    "kerja": ("Lowongan", "Kami mencari barista berpengalaman untuk cabang Surabaya."),
}


def best(question: str, shop: dict[str, tuple[str, str]] = SHOP) -> str:
    names = list(shop)
    index = KeywordIndex([Record(at, *shop[name]) for at, name in enumerate(names)], len(names))
    [(at, _)] = top(index.scores(question), 1)
    return names[at]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("jam buka hari minggu?", "jam"),
        ("bk jm brp kak", "jam"),
        ("JAM BUKAAAA", "jam"),
        ("ongkir bandung brp min", "kirim"),
        ("pengirman ke medn brapa", "kirim"),
        ("how much is shipping", "kirim"),
        ("brg rusk bs ganti ga", "retur"),
        ("refund for a broken item please", "retur"),
        ("bs byr pk qris ga", "bayar"),
        ("pembyrn lwt trnsfer", "bayar"),
        ("harga kopi ssu gl aren", "menu"),
        ("yang 25rb apa", "menu"),
        ("yg 18k apa ya", "menu"),
        ("is it halal", "halal"),
        ("prkiran mobil ada", "parkir"),
        ("any job vacancy", "kerja"),
    ],
)
def test_chat_language_finds_what_was_meant(question: str, answer: str) -> None:
    assert best(question) == answer


def test_scripts_without_spaces_are_searched_by_pairs_of_characters() -> None:
    thai = {
        "jam": ("", "ร้านกาแฟเปิดทุกวันตั้งแต่แปดโมงเช้าถึงสามทุ่ม"),
        "kirim": ("", "ค่าจัดส่งไปเชียงใหม่ห้าสิบบาทต่อกิโลกรัม"),
        "zh": ("", "我们的咖啡店每天早上八点开门,晚上九点关门。"),
        "zh2": ("", "配送到上海需要三天,运费十五元。"),
    }
    assert best("ร้านเปิดกี่โมง", thai) == "jam"
    assert best("ค่าจัดส่งเท่าไหร่", thai) == "kirim"
    assert best("咖啡店几点开门?", thai) == "zh"
    assert best("运费多少", thai) == "zh2"


def test_numbers_are_one_however_they_are_written() -> None:
    assert words("Rp25rb 25.000 25k 25ribu Rp 25,000") == ["25000"] * 5
    assert words("1,5jt") == ["1500000"]
    assert words("10.000.000 dan 3.5 kg") == ["10000000", "dan", "3", "5", "kg"]


def test_accents_and_apostrophes_do_not_matter() -> None:
    assert words("Café O'Neil jum’at") == ["cafe", "oneil", "jumat"]


def test_grams_mark_where_a_word_begins_and_ends() -> None:
    assert grams("kopi") == (" kop", "kopi", "opi ")
    assert grams("ya") == (" ya ",)
    assert grams("咖啡店") == ("咖啡", "啡店")


def test_a_word_of_the_language_is_not_taken_for_a_typo() -> None:
    repair = Repair({"sama": 3, "berapa": 2, "pesanan": 5})
    assert repair.text("siapa brp psanan") == "siapa berapa pesanan"


def test_a_word_that_a_document_has_is_left_alone() -> None:
    repair = Repair({"brp": 1, "kopi": 1, "kopo": 1})
    assert {term.word for term in repair("kopi") if term.weight == 1} == {"kopi"}
    assert "brp" in {term.word for term in repair("brp")}


def library(passages: Sequence[Passage], languages: dict[str, str | None] | None = None) -> Library:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    spoken = languages or {}
    documents = [
        Document(name, "s", "h", "", now, language=spoken.get(name))
        for name in dict.fromkeys(p.document for p in passages)
    ]
    return Library.build(passages, documents, (), ())


def test_a_phrasing_of_an_entry_finds_the_entry_once() -> None:
    entry = Passage(
        "a#1", "a", "Ada di lantai dua.", 0, 9, ("Musala",), aliases=("tempat sholat dimana", "bisa salat ga")
    )
    other = Passage("b#1", "b", "Tempat duduk di teras boleh untuk merokok.", 0, 9)
    found = top(library([entry, other]).scores(["sholatnya dmn"], None), 10)
    assert found[0][0] == 0
    assert len(found) == len({at for at, _ in found})


def test_several_questions_at_once_count_by_the_one_that_fits_best() -> None:
    both = library(
        [Passage("a#1", "a", "Kedai buka pukul delapan.", 0, 1), Passage("b#1", "b", "We ship worldwide.", 0, 1)]
    )
    alone, together = both.scores(["do you ship"], None), both.scores(["zzz qqq", "do you ship"], None)
    assert together[1] == alone[1] > together[0]


def test_a_passage_in_another_language_counts_a_little_less() -> None:
    both = library(
        [Passage("id#1", "id", "Menu kopi", 0, 1), Passage("en#1", "en", "Menu kopi", 0, 1)], {"id": "id", "en": "en"}
    )
    assert [at for at, _ in top(both.scores(["menu kopi"], "en"), 2)] == [1, 0]
    assert [at for at, _ in top(both.scores(["menu kopi"], "id"), 2)] == [0, 1]


def test_an_empty_library_and_an_empty_question_find_nothing() -> None:
    assert len(library([]).scores(["apa"], None)) == 0
    assert top(library([Passage("a#1", "a", "...", 0, 3)]).scores(["apa"], None), 5) == []
    assert top(library([Passage("a#1", "a", "kopi", 0, 3)]).scores(["", "?!"], None), 5) == []
