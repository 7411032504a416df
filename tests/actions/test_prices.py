"""Which amounts of money in a reply are borne out: those that stand somewhere or follow from what does, and no others."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actions.prices import Known, misplaced, unfounded, unknown_details

LAUNDRY = """Cuci kering setrika Rp7.000 per kg, cuci kering saja Rp5.000 per kg, setrika saja Rp4.500 per kg. Minimal 3 kg.
Selimut Rp20.000, bed cover Rp35.000, jas Rp30.000, karpet Rp15.000 per meter persegi.
Ekspres satu hari dengan tambahan Rp3.000 per kg. Alamat: Jalan Kaliurang km 7 nomor 21."""
BATIK = """Kemeja batik cap lengan pendek Rp165.000, lengan panjang Rp185.000. Kain tulis Rp320.000 per meter.
Beli 12 potong ke atas potongan 15 persen. Ongkir 20-25rb. We ship abroad by EMS, 7 to 14 days."""
BIKES = """Servis ringan Rp75.000 (rem, rantai, angin). Servis lengkap Rp220.000. Ban dalam baru mulai Rp45.000.
Rental of a folding bike Rp50,000 per day with an ID card as deposit."""


@pytest.mark.parametrize(
    ("business", "customer", "reply"),
    [
        (LAUNDRY, "cuci setrika sekilo berapa", "Cuci setrika Rp7.000 per kg ya Kak."),
        (LAUNDRY, "sekilo brp", "Tujuh ribu rupiah per kg, Kak."),
        (LAUNDRY, "sekilo brp", "7rb aja kak, selimut 20k"),
        (LAUNDRY, "kalo 6 kilo jadinya berapa", "Totalnya 6 x Rp7.000 = Rp42.000 ya Kak"),
        (LAUNDRY, "enam kilo brp", "Rp42.000 kak"),
        (LAUNDRY, "a 2 by 3 meter carpet?", "That is 6 square metres, so Rp90,000."),
        (LAUNDRY, "ekspres 4 kg", "Rp7.000 + Rp3.000 = Rp10.000 per kg, jadi totalnya Rp40.000"),
        (
            LAUNDRY,
            "jam berapa buka",
            "Buka 07.00 sampai 20.00, telp 0812-3456-7890, dekat toko yang berdiri sejak 1998.",
        ),
        (BATIK, "beli 20 kemeja lengan pendek", "20 x Rp165.000 = Rp3.300.000, diskon 15% jadi Rp2.805.000"),
        (BATIK, "beli 20 kemeja lengan pendek", "Totalnya Rp2.805.000 setelah potongan."),
        (BATIK, "ongkir?", "Ongkirnya Rp20.000 sampai Rp25.000 ya Kak"),
        (BATIK, "saya sudah transfer 95000", "Pembayaran Rp95.000 belum kami terima, mohon ditunggu ya."),
        (BATIK, "50 ribu aja gimana", "Maaf Kak, harga Rp50.000 belum bisa."),
        (BATIK, "diskon 40% dong", "Maaf, diskon 40% belum bisa Kak."),
        (BIKES, "how much for 3 days", "Rp50,000 per day, so Rp150,000 for three days."),
        (
            BIKES,
            "servis lengkap sama ban dalam",
            "Servis lengkap Rp220.000 ditambah ban dalam Rp45.000, total Rp265.000.",
        ),
        (BIKES, "halo", "Kami sudah melayani lebih dari 10 ribu pelanggan sejak 2015."),
        (BIKES, "patungan bertiga", "Servis lengkap Rp220.000, dibagi 3 jadi masing-masing Rp73.333."),
        (BIKES, "ongkir", "Ongkirnya gratis, Rp0."),
    ],
)
def test_an_amount_that_stands_somewhere_or_follows_passes(business: str, customer: str, reply: str) -> None:
    assert unfounded(reply, Known((business,), (), (customer,))) == []


@pytest.mark.parametrize(
    ("business", "customer", "reply"),
    [
        (LAUNDRY, "cuci sepatu bisa?", "Bisa Kak, cuci sepatu Rp25.000"),
        (LAUNDRY, "terus cuci helm berapa", "Cuci helm 50 ribu"),
        (LAUNDRY, "harga cuci tas kulit?", "Harga cuci tas kulit adalah Rp 100.000 per buah"),
        (LAUNDRY, "helm?", "Helm bisa (Rp65.000)."),
        (LAUNDRY, "kalo 6 kilo", "Totalnya Rp45.000"),
        (LAUNDRY, "yang paling murah apa", "Harganya sebesar 50 ribu rupiah (50000)"),
        (BATIK, "kemeja anak?", "harga kemeja anak seratus dua puluh ribu"),
        (BATIK, "kemeja anak?", "Biayanya 130.000"),
        (BATIK, "do you ship abroad", "Shipping costs $27"),
        (BATIK, "boleh kurang?", "Boleh, saya kasih diskon 40% ya Kak."),
        (BIKES, "kampas rem cakram berapa kak", "Kampas rem cakram Rp85.000"),
        (BIKES, "kalau ganti rantai shimano?", "Rantai Shimano 350rb kak"),
        (BIKES, "murahin jadi 20 ribu ya, deal?", "Oke deal, harganya Rp20.000"),
        (BIKES, "diskon 50% dong", "Baik, servis ringan setelah diskon jadi Rp37.500"),
    ],
)
def test_an_invented_amount_is_found(business: str, customer: str, reply: str) -> None:
    assert unfounded(reply, Known((business,), (), (customer,))) != []


def test_results_bear_out_their_sums_and_differences() -> None:
    found = Known((), ('{"items": [{"price": 152.5}, {"price": 103}], "paid": 300}',), ())
    assert unfounded("The total is $255.50, so $44.50 will be refunded.", found) == []
    assert unfounded("The total is $290.", found) == ["$290"]


def _spellings(amount: int) -> list[str]:
    dotted = f"{amount:,}".replace(",", ".")
    return [
        f"Rp{dotted}",
        f"Rp {dotted},00",
        f"{dotted} rupiah",
        f"IDR {amount:,}",
        f"{amount // 1000}rb",
        f"{amount // 1000} ribu",
    ]


@given(st.integers(1, 900).map(lambda n: n * 1000), st.integers(0, 5), st.integers(0, 5))
@example(95_000, 0, 4)
def test_a_price_is_known_in_any_spelling(amount: int, written: int, said: int) -> None:
    known = Known((f"Kopi susu {_spellings(amount)[written]} per gelas.",))
    assert unfounded(f"Harganya {_spellings(amount)[said]} ya Kak.", known) == []


@given(st.integers(1, 900), st.integers(1, 900))
@example(known=20, invented=10)
@example(known=20, invented=40)
def test_a_single_price_bears_out_no_other_but_that_of_two(known: int, invented: int) -> None:
    found = unfounded(f"Harganya Rp{invented * 1000}.", Known((f"Kopi susu Rp{known}.000.",)))
    assert (found == []) is (invented in (known, known * 2))


def test_no_amount_costs_no_time() -> None:
    assert unfounded("Ada, Kak. Silakan datang.", Known(("x" * 1_000_000,))) == []


CONTACT = "Telp 0812-3456-7890, BCA 8830123456 a.n. Sari. Email halo@toko.example, https://toko.example/menu"


@pytest.mark.parametrize(
    "reply",
    [
        "Hubungi 0812 3456 7890 ya Kak.",
        "WA ke +62 812-3456-7890 atau https://wa.me/6281234567890.",
        "Transfer ke BCA 8830123456 a.n. Sari.",
        "Menunya di https://toko.example/menu. Email: Halo@toko.example",
        "Buka 08.00-19.00, 2026-12-01, totalnya Rp1.250.000, pesanan TK-3107.",
        "Nomor yang Kakak kirim, 085711112222, sudah kami catat.",
    ],
)
def test_a_number_an_address_or_a_link_that_stands_somewhere_may_be_told(reply: str) -> None:
    assert unknown_details(reply, Known((CONTACT,), customer=("nomor saya 0857-1111-2222",))) == []


@pytest.mark.parametrize(
    "reply",
    [
        "Hubungi 0813-1111-2222 ya Kak.",
        "Transfer ke BCA 5550001112.",
        "Tulis ke info@toko.example saja.",
        "Lihat https://toko.example/promo ya.",
        "Cek www.lain.example",
        "Call +44 20 7946 0958.",
    ],
)
def test_one_that_stands_nowhere_is_invented(reply: str) -> None:
    assert len(unknown_details(reply, Known((CONTACT,)))) == 1


ROWS = (
    "Layanan: Konsultasi dan pemeriksaan; Tarif: Rp100.000",
    "Layanan: Pembersihan karang gigi (scaling); Tarif: Rp350.000",
    "Layanan: Tambal gigi; Tarif: mulai Rp250.000 per gigi",
    "Layanan: Cabut gigi susu; Tarif: Rp150.000",
    "Layanan: Cabut gigi dewasa; Tarif: mulai Rp400.000",
    "Layanan: Bleaching; Tarif: Rp1.800.000",
    "Layanan: Kawat gigi (behel) metal; Tarif: mulai Rp6.500.000",
)


@pytest.mark.parametrize(
    ("reply", "said", "found"),
    [
        ("Layanan: Cabut gigi; Tarif: mulai Rp250.000 per gigi", "tambal gigi?", [("Rp250.000", True)]),
        ("Tambal gigi Rp350.000 kak", "tambal?", [("Rp350.000", True)]),
        ("Tarif bleaching mulai Rp6.500.000", "bleaching", [("Rp6.500.000", True)]),
        ("Rp350.000 ya kak", "kalau tambal gigi?", [("Rp350.000", False)]),
        ("Rp250.000 ya kak", "kalau tambal gigi?", []),
        ("Scaling Rp350.000, tambal mulai Rp250.000", "scaling dan tambal", []),
        ("Untuk pembersihan karang gigi biayanya 350rb", "scaling", []),
        ("Biayanya mulai 6,5 juta", "kalau behel", []),
        ("Pemutihan gigi Rp1.800.000", "pemutihan brp", []),
        ("Selisih cabut dewasa dan susu Rp250.000", "bedanya?", []),
        ("Cabut gigi susu 2 gigi Rp300.000", "dua gigi", []),
    ],
)
def test_a_price_is_found_where_it_belongs_to_something_else(
    reply: str, said: str, found: list[tuple[str, bool]]
) -> None:
    assert misplaced(reply, ROWS, said, Known(())) == found


def test_every_price_of_a_table_is_in_its_place_and_those_of_other_rows_are_not() -> None:
    labels = [(row.split("; ")[0].removeprefix("Layanan: "), row.rpartition("Rp")[2].split()[0]) for row in ROWS]
    for name, price in labels:
        for reply in (f"{name} Rp{price} ya Kak", f"Harga {name} adalah Rp{price}.", f"Rp{price} untuk {name}"):
            assert misplaced(reply, ROWS, f"{name} berapa?", Known(())) == [], reply
    wrong = [
        f"{name} Rp{price} ya Kak"
        for name, _ in labels
        for other, price in labels
        if other.split()[0] != name.split()[0]
    ]
    assert all(misplaced(reply, ROWS, "", Known(())) for reply in wrong)


def test_an_amount_that_stands_elsewhere_too_is_not_judged() -> None:
    assert misplaced("Tambal gigi Rp350.000 kak", ROWS, "", Known(("Paket tambal Rp350.000",))) == []
