"""What a customer wants to be reminded of, without the words that only say when, please, and to whom."""

import pytest

from actions.reminders.wording import names_a_time, subject


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("ingatkan saya besok jam 9 bayar pesanan ya kak", "bayar pesanan"),
        ("kak tolong ingatkan saya untuk transfer pembayaran pesanan nanti malam ya", "transfer pembayaran pesanan"),
        ("besok saya mau ambil kopi, tolong ingatkan jam 9", "ambil kopi"),
        (
            "halo kak, ingatkan saya besok jam sembilan pagi buat ambil pesanan KS-10234 ya, makasih",
            "ambil pesanan KS-10234",
        ),
        ("ingatkan saya dua jam lagi angkat jemuran", "angkat jemuran"),
        ("ingatkan saya setengah jam lagi ambil pesanan saya", "ambil pesanan saya"),
        ("ingetin gw besok pagi beli 2 kopi susu", "beli 2 kopi susu"),
        ("ingatkan saya jam 12 makan siang", "makan siang"),
        ("ingatkan aku tanggal 25 Desember bayar tagihan", "bayar tagihan"),
        ("ingatkan saya 25/12 jam 10.30 WIB bayar DP", "bayar DP"),
        ("ingatkan saya minggu depan hari selasa jam 10 perpanjang langganan", "perpanjang langganan"),
        ("pasang pengingat besok jam 9: bayar listrik", "bayar listrik"),
        ("ingatkan setiap Senin jam 8 pesan kopi", "pesan kopi"),
        ("tiap hari ingatkan minum obat jam 7 malam dong min", "minum obat"),
        ("tolong peringatkan saya esok pukul 9 pagi hantar bungkusan", "hantar bungkusan"),
        ("Halo kak.\nIngatkan saya besok bayar pesanan ya.\nMakasih", "bayar pesanan"),
        ("could you remind me to pick up my beans tomorrow morning?", "pick up my beans"),
        ("remind me tomorrow at 9 about the refund please", "the refund"),
        ("please remind me every Monday to order beans", "order beans"),
        ("Can you set a reminder for 5 pm to call the bank? Thanks!", "call the bank"),
        ("Remind me on the 5th of December to renew", "renew"),
        ("remind me in two hours to pay", "pay"),
        ("remind me daily at 9 to drink water", "drink water"),
    ],
)
def test_what_is_left_is_what_it_is_about(said: str, left: str) -> None:
    assert subject(said) == left


@pytest.mark.parametrize(
    "said",
    [
        "ingatkan saya dong",
        "tolong ingatkan saya lusa sore",
        "kabari saya lagi besok pagi ya",
        "ingatkan 2 jam lagi",
        "ingatkan saya tiap hari jam 9 ya",
        "set me a reminder",
        "remind me on Friday at 3pm",
        "please remind me every week",
    ],
)
def test_who_only_says_when_is_reminded_of_nothing_in_particular(said: str) -> None:
    assert subject(said) == ""


@pytest.mark.parametrize("gap", [" ", "  ", "\n"])
@pytest.mark.parametrize(("said", "timely"), [("halo{}kak", False), ("besok{}ya", True), ("jam 9{}boleh", True)])
def test_a_time_is_named_by_words_and_not_by_how_they_are_spaced(said: str, gap: str, *, timely: bool) -> None:
    assert names_a_time(said.format(gap)) is timely
