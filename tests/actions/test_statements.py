"""No state is told that nobody looked up, and nothing is promised that nothing does; what is known may be said."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.action import Json
from actions.claims import unproven
from actions.evidence import Heard
from tests.actions.test_claims import Known
from tests.actions.test_claims_corpus import ACTIONS

FOUND: dict[str, list[Json]] = {"get_order": [{"id": "KS-10234", "status": "dikirim"}]}


def untold(
    reply: str,
    results: dict[str, list[Json]],
    said: Sequence[str] = (),
    known: Sequence[str] = (),
    asked: Sequence[Json] = (),
) -> list[str]:
    """What a reply tells of a state that nothing shows."""
    heard = Heard(customer=said, told=known, asked=asked)
    return [claim.text for claim in unproven(reply, ACTIONS, set(results), results, heard)]  # type: ignore[arg-type]


def empty(reply: str, actions: Sequence[Known], done: Sequence[str], business: Sequence[str] = ()) -> list[str]:
    """What a reply promises and nothing does."""
    claims = unproven(reply, actions, done, None, Heard(business=business))  # type: ignore[arg-type]
    return [claim.text for claim in claims if claim.kind == "promise"]


INVENTED = [
    "Pesanan KS-10234 sudah sampai di Kawasan Kopi Senja.",
    "Pesanan Anda sudah sampai.",
    "Pesanan KS-10234 sedang dalam perjalanan ya Kak.",
    "Pesanan Kakak masih diproses.",
    "Paketnya sudah di jalan Kak, ditunggu ya.",
    "Your order KS-10234 is on its way.",
    "Order #W2378156 has been shipped and will arrive tomorrow.",
    "Your booking RC7712 is confirmed and ready for pickup.",
    "Status pesanan KS-10234: selesai.",
    "Your package is currently delayed.",
]


@pytest.mark.parametrize("reply", INVENTED)
def test_a_state_that_nobody_looked_up_is_found(reply: str) -> None:
    assert untold(reply, {}, ["pesanan KS-10234 sudah sampai mana?", "where is order #W2378156"])


@pytest.mark.parametrize(
    "reply",
    [
        "Pesanan KS-10234 sudah dikirim.",
        "Pesanan Kakak sedang dalam perjalanan.",
        "Pesanannya sudah diserahkan ke kurir.",
        "Your order is on its way.",
    ],
)
def test_a_state_after_a_look_up_may_be_told(reply: str) -> None:
    assert untold(reply, FOUND) == []


def test_a_look_up_of_one_order_tells_nothing_of_another() -> None:
    assert untold("Pesanan KS-99999 sudah dikirim.", FOUND)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Maaf Kak, pesanan KS-1000 sudah sampai tapi rusak ya.", "pesanan KS-1000 sudah sampai tapi rusak"),
        ("Your order KS-1000 was delivered broken.", "my order KS-1000 was delivered but the cup is broken"),
    ],
)
def test_what_the_customer_told_may_be_repeated(reply: str, said: str) -> None:
    assert untold(reply, {}, [said]) == []
    assert untold(reply, {}, ["halo"])


@pytest.mark.parametrize(
    "reply",
    [
        "Pesanan KS-10234 belum saya temukan.",
        "Apakah pesanan Kakak sudah sampai?",
        "Kalau pesanan Kakak sudah dikirim, tidak bisa dibatalkan.",
        "Your order is shipped within a day of payment.",
        "Pesanan dikirim dalam 1 sampai 2 hari.",
        "You can have your order delivered or picked up.",
        "Kopi kami sudah siap minum.",
        "Boleh minta nomor pesanannya, nanti saya cek statusnya?",
    ],
)
def test_what_is_no_state_of_the_customers_order_is_none(reply: str) -> None:
    assert untold(reply, {}, ["pesanan saya mana?"]) == []


def test_what_a_colleague_or_a_workflow_wrote_is_known() -> None:
    reply = "Ya Kak, pesanan KS-10234 sudah dikirim."
    assert untold(reply, {}, [], ["Pesanan KS-10234 sudah dikirim dengan JNE."]) == []
    assert untold(reply, {}, [], ["Pesanan KS-20000 sudah dikirim dengan JNE."])


PROMISES = [
    "Kami akan batalkan pesanan KS-10234 segera.",
    "I will cancel it right away.",
    "Baik, saya akan membatalkan pesanan Anda.",
    "Saya akan segera refund dananya.",
    "Let me update your address right away.",
    "Segera kami ubah alamatnya ya.",
    "Kami akan segera membatalkannya.",
    "I'll book the table for you.",
]


@pytest.mark.parametrize("reply", PROMISES)
def test_a_promise_that_nothing_keeps_is_found(reply: str) -> None:
    assert empty(reply, ACTIONS, [])


@pytest.mark.parametrize(
    "reply",
    [
        "Saya akan batalkan pesanan KS-10234. Lanjut?",
        "I will cancel order #W1 for you. Do you want to proceed (yes/no)?",
        "Kirimkan nomor pesanannya, nanti saya batalkan.",
        "Please share your order number and I will cancel it.",
        "Once you confirm, I'll cancel it.",
        "Setelah dikonfirmasi, kami akan segera refund dananya.",
        "Saya akan bantu cek ya Kak.",
        "Kami akan kirim kabar lagi besok.",
        "I'll let the team know.",
        "Kami buka jam 8.",
    ],
)
def test_what_depends_on_the_customer_or_does_nothing_is_no_promise(reply: str) -> None:
    assert empty(reply, ACTIONS, []) == []


def test_a_deed_that_was_done_may_be_announced_again() -> None:
    assert empty("I will cancel it right away.", ACTIONS, ["cancel_order"]) == []
    assert empty("I will cancel it right away.", ACTIONS, ["get_order", "change_address"])


def test_a_deed_of_an_action_that_tells_no_kind_may_be_any() -> None:
    assert empty("I will cancel it right away.", [Known("x77", "Runs.")], ["x77"]) == []


def test_what_the_business_says_of_itself_is_no_promise_of_the_moment() -> None:
    policy = "Kami akan segera mengganti barang Kakak yang rusak."
    assert empty(policy, ACTIONS, [])
    assert empty(policy, ACTIONS, [], [f"# Retur\n{policy}"]) == []


@given(
    st.sampled_from(["KS-{}", "#W{}", "RC{}"]),
    st.integers(1000, 99999),
    st.sampled_from(
        ["Pesanan {} sudah sampai.", "Order {} has been shipped.", "{} sedang dikirim ya Kak.", "{} is on its way."]
    ),
)
def test_no_invented_id_gets_a_state(form: str, number: int, reply: str) -> None:
    name = form.format(number)
    told = reply.format(name)
    status = "delivered" if "sampai" in reply else "sent"
    assert untold(told, {})
    assert untold(told, {"get_order": [{"id": name, "status": status}]}) == []
    assert untold(told, {"get_order": [{"id": f"{name}7", "status": status}]})


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("Pesanan KS-10234 sudah sampai.", "sent"),
        ("KS-10234 is out for delivery.", "siap diambil"),
        ("Klaim KL-204 sudah disetujui dan dibayarkan.", "dalam verifikasi dokumen"),
    ],
)
def test_another_state_than_the_one_that_was_found_is_not_told(reply: str, status: str) -> None:
    name = "KL-204" if "KL" in reply else "KS-10234"
    assert untold(reply, {"get_order": [{"id": name, "status": status}]})


def test_what_a_look_up_returned_no_state_of_was_not_done() -> None:
    assert untold("Meja untuk 4 orang sudah dikunci buat Kakak.", {"find_table": [{"tables": [{"seats": 4}]}]})


@pytest.mark.parametrize(
    "reply",
    [
        "Rider's five minutes away from you.",
        "The refund left our account this morning.",
        "Bella's medicine is waiting for you at the front desk.",
        "Your freeze starts Monday, enjoy your trip!",
        "Escalated to level 2 👍",
        "Meja 7 atas nama Bu Rina, ditunggu ya!",
    ],
)
def test_where_nothing_was_done_or_looked_up_no_sign_of_completion_is_needed(reply: str) -> None:
    assert untold(reply, {})


@pytest.mark.parametrize(
    "reply",
    [
        "To proceed with cancelling your reservation, I'll need your user ID.",
        "I'm unable to remove a passenger from your reservation.",
        "Looking forward to assisting you again.",
        "Try turning it off and on again.",
        "The first flight tomorrow is full.",
        "Halo Kak Dewi!",
    ],
)
def test_what_is_asked_for_told_to_do_or_impossible_is_no_state(reply: str) -> None:
    assert untold(reply, {}) == []


def test_what_a_passage_says_in_other_words_may_be_told_where_nothing_was_looked_up() -> None:
    reply = "Bonus kuota nongol di akun kakak hari ini."
    heard = Heard(business=["Promo. Hari ini bonus kuota nongol di akun semua kakak."])
    assert [claim.text for claim in unproven(reply, ACTIONS, set(), {})]  # type: ignore[arg-type]
    assert unproven(reply, ACTIONS, set(), {}, heard) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "action", "result"),
    [
        (
            "I've issued a $200 certificate to your account.",
            Known("send_certificate", "Send a certificate"),
            {"ok": True},
        ),
        (
            "The refund has been processed to your card.",
            Known("update_flights", "Change the flights of a booking"),
            {"payment_history": [{"amount": -2571}]},
        ),
    ],
)
def test_a_receipt_proves_what_follows_from_it(reply: str, action: Known, result: Json) -> None:
    def claimed(receipts: dict[str, list[Json]]) -> bool:
        return bool(unproven(reply, [action], set(receipts), receipts))  # type: ignore[list-item]

    assert not claimed({action.name: [result]})
    assert claimed({})


def test_an_amount_that_a_result_holds_may_be_told() -> None:
    reply = "The difference of $2,787 has been charged to your card."
    assert untold(reply, {"get_order": [{"id": "KS-10234", "status": "dikirim", "total": 2787}]}) == []
    assert untold(reply, {})
