"""Which tool a sentence asks for, and what it takes to call it."""

import pytest

from agent.models.values import Passage
from tests.models.offline.shop import CANCEL_ORDER, ask, called, exchange, result, tool


def test_an_accepted_offer_hands_over() -> None:
    offered = ask("ada cabang di Surabaya?").text
    answer = ask("ya", before=exchange("ada cabang di Surabaya?", offered))
    assert called(answer)[0][0] == "hand_over"
    assert "Surabaya" in called(answer)[0][1]["reason"]


CALLS = [
    ("status pesanan KS-10234?", [("get_order", {"order_id": "KS-10234"})]),
    ("cek pesanan ks 10234 dong kak", [("get_order", {"order_id": "KS-10234"})]),
    ("where is my order KS-10234", [("get_order", {"order_id": "KS-10234"})]),
    ("KS-10234", [("get_order", {"order_id": "KS-10234"})]),
    ("status pesanan k s satu nol dua tiga empat", [("get_order", {"order_id": "KS-10234"})]),
    (
        "cek pesanan KS-10234 dan KS-10235",
        [("get_order", {"order_id": "KS-10234"}), ("get_order", {"order_id": "KS-10235"})],
    ),
    ("tolong batalkan pesanan KS-10235", [("cancel_order", {"order_id": "KS-10235"})]),
    ("please cancel order KS-10235", [("cancel_order", {"order_id": "KS-10235"})]),
    ("batalin pesanan 10235", [("cancel_order", {"order_id": "KS-10235"})]),
    ("bayar 50rb", [("send_qris", {"amount": 50_000})]),
    ("mau bayar Rp 75.000 dong", [("send_qris", {"amount": 75_000})]),
    ("I want to pay 50k", [("send_qris", {"amount": 50_000})]),
    ("saya mau bicara dengan admin", [("hand_over", {"reason": "saya mau bicara dengan admin"})]),
    ("can I talk to a human?", [("hand_over", {"reason": "can I talk to a human?"})]),
    ("halo\nmau cek pesanan\nKS-10234", [("get_order", {"order_id": "KS-10234"})]),
]


@pytest.mark.parametrize(("text", "calls"), CALLS)
def test_what_is_plainly_asked_for_is_called(text: str, calls: list[tuple[str, dict[str, object]]]) -> None:
    assert called(ask(text)) == calls


NO_CALLS = [
    "jangan batalkan pesanan KS-10235",
    "tidak jadi batal pesanan KS-10235",
    "gimana cara membatalkan pesanan?",
    "apakah pesanan bisa dibatalkan?",
    "berapa harga latte?",
    "terima kasih",
    "saya tidak mau bicara dengan admin",
]


@pytest.mark.parametrize("text", NO_CALLS)
def test_what_is_not_asked_for_is_not_called(text: str) -> None:
    assert called(ask(text)) == []


def test_a_word_that_tools_share_does_not_cancel_anything() -> None:
    assert called(ask("pesanan saya KS-10235 gimana ya", tools=[CANCEL_ORDER])) == []


def test_a_question_about_the_same_subject_is_not_taken_for_a_request() -> None:
    rooms = tool(
        "check_availability",
        "Check whether a room is free on a date.",
        {"room": {"type": "string", "enum": ["standard", "deluxe"]}, "date": {"type": "string", "format": "date"}},
        ["room", "date"],
    )
    hotel = Passage("hotel.md", "Hotel", "Hotel Lintang has 42 rooms.")
    assert "42" in ask("how many rooms do you have?", passages=[hotel], tools=[rooms], language="en").text
    assert called(ask("is the deluxe free on 25 December?", passages=[hotel], tools=[rooms], language="en")) == [
        ("check_availability", {"room": "deluxe", "date": "2026-12-25"})
    ]


def test_what_is_missing_is_asked_for_and_then_used() -> None:
    asked = ask("batalkan pesanan saya")
    assert called(asked) == []
    assert "nomor pesanan" in asked.text
    assert called(ask("KS-10235", before=exchange("batalkan pesanan saya", asked.text))) == [
        ("cancel_order", {"order_id": "KS-10235"})
    ]


def test_an_answer_to_our_question_may_be_in_other_words() -> None:
    before = exchange("batalkan pesanan saya", ask("batalkan pesanan saya").text)
    assert called(ask("nomornya 10235", before=before)) == [("cancel_order", {"order_id": "KS-10235"})]


def test_another_question_instead_of_the_missing_value_is_answered() -> None:
    before = exchange("batalkan pesanan saya", ask("batalkan pesanan saya").text)
    answer = ask("jam buka berapa?", before=before)
    assert called(answer) == []
    assert "08.00–17.30" in answer.text


def test_a_call_that_was_made_is_not_made_again() -> None:
    done = result("cancel_order", {"order_id": "KS-10235"}, '{"status": "dibatalkan"}')
    assert called(ask("batalkan pesanan KS-10235", after=done)) == []


@pytest.mark.parametrize(
    "question",
    ["cancellation fee?", "biaya pembatalan?", "cancellation policy", "kebijakan pembatalan gimana", "denda batal?"],
)
def test_a_question_for_a_price_or_a_rule_is_no_request(question: str) -> None:
    assert not {name for name, _ in called(ask(question))} & {"cancel_order", "cancel_follow_up"}
