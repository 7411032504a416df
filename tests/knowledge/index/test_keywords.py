"""The right passage for how people really write."""

import pytest

from knowledge.index.keywords import KeywordIndex, Record
from knowledge.index.repair import Repair
from knowledge.library import top

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


def test_a_word_of_the_language_is_not_taken_for_a_typo() -> None:
    repair = Repair({"sama": 3, "berapa": 2, "pesanan": 5})
    assert repair.text("siapa brp psanan") == "siapa berapa pesanan"


def test_a_word_that_a_document_has_is_left_alone() -> None:
    repair = Repair({"brp": 1, "kopi": 1, "kopo": 1})
    assert {term.word for term in repair("kopi") if term.weight == 1} == {"kopi"}
    assert "brp" in {term.word for term in repair("brp")}
