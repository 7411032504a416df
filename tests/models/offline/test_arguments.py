"""The arguments of a call, read off what the customer wrote."""

from agent.models.offline.arguments import values_named
from tests.models.offline.shop import ask, called, exchange, tool


def test_an_amount_that_can_mean_two_things_is_asked_back() -> None:
    asked = ask("bayar 50")
    assert called(asked) == []
    assert "Rp50.000" in asked.text
    assert called(ask("50rb", before=exchange("bayar 50", asked.text))) == [("send_qris", {"amount": 50_000})]


def test_a_number_from_earlier_in_the_conversation_is_used() -> None:
    before = exchange("status pesanan KS-10235?", "Status: diproses.")
    assert called(ask("batalkan saja pesanan itu", before=before)) == [("cancel_order", {"order_id": "KS-10235"})]


def test_of_two_numbers_from_earlier_none_is_guessed() -> None:
    before = exchange("cek pesanan KS-10234 dan KS-10235", "Keduanya diproses.")
    answer = ask("batalkan pesanan", before=before)
    assert called(answer) == []
    assert "nomor pesanan" in answer.text


def test_an_amount_is_never_taken_for_an_order_number() -> None:
    before = exchange("bayar 50000", "Ini kodenya.")
    answer = ask("cek status pesanan saya", before=before)
    assert called(answer) == []
    assert "nomor pesanan" in answer.text


def test_an_enumeration_a_quantity_and_a_date_are_read_off() -> None:
    book = tool(
        "book_class",
        "Mendaftar kelas.",
        {
            "kelas": {"type": "string", "enum": ["seduh manual", "latte art"], "description": "kelas yang mana"},
            "tanggal": {"type": "string", "format": "date", "description": "tanggalnya"},
            "jumlah": {"type": "integer", "minimum": 1, "maximum": 10, "description": "berapa orang"},
        },
        ["kelas", "tanggal", "jumlah"],
        ["daftar kelas latte art"],
    )
    assert called(ask("daftar kelas latte art besok untuk 2 orang", tools=[book])) == [
        ("book_class", {"kelas": "latte art", "tanggal": "2026-11-22", "jumlah": 2})
    ]
    assert ask("daftar kelas latte art untuk 2 orang", tools=[book]).text == "Boleh sebutkan tanggalnya?"


def test_a_plain_text_is_asked_for_and_taken_from_the_answer() -> None:
    complain = tool(
        "set_address",
        "Mengubah alamat kirim.",
        {"address": {"type": "string", "description": "alamat lengkap"}},
        ["address"],
    )
    asked = ask("ubah alamat kirim dong", tools=[complain])
    assert asked.text == "Boleh sebutkan alamat lengkap?"
    answer = ask("Jalan Mawar 8, Bogor", tools=[complain], before=exchange("ubah alamat kirim dong", asked.text))
    assert called(answer) == [("set_address", {"address": "Jalan Mawar 8, Bogor"})]


def test_a_pattern_that_takes_too_long_over_a_message_reads_nothing() -> None:
    assert list(values_named("id", {"pattern": "(a|aa)+"}, "nomornya aaa")) == ["aaa"]
    assert list(values_named("id", {"pattern": "(a|aa)+"}, f"nomornya {'a' * 80}1")) == []
