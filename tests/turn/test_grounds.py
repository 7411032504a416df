"""An effect that nobody asked for is refused; what a customer, an owner or the talk gives a ground for is not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actions.action import Action, HandOver, Outcome
from agent.ledger.history import Line
from agent.turn.context import TurnContext
from agent.turn.grounds import lacking
from agent.turn.listen import PreparedMessage
from tests.ledger.messages import NOW, message
from tests.turn.harness import CountedAction, Desk, calls, says

CANCEL = CountedAction("cancel_order", effect=True, confirm="Batalkan pesanan {order_id}?")
RETURN = CountedAction("return_delivered_order_items", effect=True)
SHIP = CountedAction("confirm_delivery", effect=True, confirm="Kirim pesanan {order_id}?")
EXCHANGE = CountedAction("exchange_items", effect=True)
RESERVE = CountedAction("book_table", effect=True, confirm="Pesan meja untuk {people} orang?")


class Asking(CountedAction):
    """An action of the runtime that asks it for something."""

    reads = False  # type: ignore[assignment]


def builtin(name: str, *, effect: bool = True) -> CountedAction:
    return Asking(name, effect=effect, builtin=name)


@dataclass
class Talk:
    """What was said: the lines of the customer and of the agent before, and the customer's new message."""

    new: str
    before: Sequence[tuple[str, str]] = ()
    instructions: str = ""
    answered: list[str] = field(default_factory=list)

    def asks_for(self, action: CountedAction) -> bool:
        lines = [
            Line("contact" if who == "c" else "agent", text, datetime(2026, 11, 28, 9, at, tzinfo=UTC))
            for at, (who, text) in enumerate(self.before)
        ]
        turn = SimpleNamespace(
            task=None,
            messages=[PreparedMessage(self.new, (self.new,))],
            contact=SimpleNamespace(closed_at=None),
            history=lines,
            instructions=self.instructions,
            answered=self.answered,
            unknown=[],
        )
        return lacking(cast("TurnContext", turn), cast("Action", action)) is None


GREETINGS = ["halo kak", "halo", "hi", "hello there", "selamat pagi", "good morning!", "assalamualaikum", "permisi min"]
BARE = [
    "KS-99999",
    "pesanan KS-10234",
    "#W2378156",
    "KS-10234 ya kak",
    "12345",
    "oke",
    "ya",
    "👍",
    "makasih kak",
    "my order number is KS-1",
]


@pytest.mark.parametrize("said", [*GREETINGS, *BARE])
@pytest.mark.parametrize("action", [CANCEL, RETURN, SHIP, RESERVE], ids=lambda action: str(action.name))
def test_a_message_that_asks_for_nothing_is_no_ground_for_an_effect(said: str, action: CountedAction) -> None:
    assert not Talk(said).asks_for(action)


@pytest.mark.parametrize("said", GREETINGS)
@pytest.mark.parametrize(
    "name",
    [
        "follow_up",
        "hand_over",
        "tags",
        "lifecycle",
        "comment",
        "close_conversation",
        "send_qris",
        "send_file",
        "cancel_reminder",
    ],
)
def test_a_greeting_is_no_ground_for_a_builtin_action(said: str, name: str) -> None:
    assert not Talk(said).asks_for(builtin(name, effect=name not in ("comment", "send_file", "send_qris")))


@given(
    st.from_regex(r"\A[A-Z]{1,3}-?[0-9]{4,8}\Z"),
    st.sampled_from(["{}", "pesanan {}", "{} kak", "order {}", "halo kak {}"]),
)
@example("KS-99999", "{}")
def test_an_id_alone_is_no_wish_to_undo(number: str, form: str) -> None:
    assert not Talk(form.format(number)).asks_for(CANCEL)


@pytest.mark.parametrize(
    "said",
    [
        "pesanan KS-10234 sudah sampai mana?",
        "pesanan saya belum sampai",
        "where is my order KS-1?",
        "what is the status of order KS-1",
        "jam buka hari minggu?",
        "halo kak, mau tanya, harga kopi susu berapa?",
    ],
)
def test_a_question_about_an_order_is_no_wish_to_undo_it(said: str) -> None:
    assert not Talk(said).asks_for(CANCEL)


@pytest.mark.parametrize(
    ("said", "action"),
    [
        ("batalkan pesanan KS-1", CANCEL),
        ("KS-10235 batalin dong", CANCEL),
        ("gak jadi kak yang KS-1", CANCEL),
        ("please cancel my order KS-1", CANCEL),
        ("I don't need it any more", CANCEL),
        ("saya mau refund", RETURN),
        ("kopinya tumpah semua, kecewa banget", RETURN),
        ("I'd like to send the lamp back, it's broken", RETURN),
        ("I want my money back for #W1", RETURN),
        ("nggak mau lagi", CANCEL),
        ("quiero cancelar mi pedido", CANCEL),
        ("私の注文をやめたい", CANCEL),
        ("bestellung stornieren bitte sofort", CANCEL),
        ("meja buat 4 orang besok jam 7", RESERVE),
        ("2 latte sama 1 croissant", CountedAction("create_order", effect=True)),
        ("ganti alamat ke Jalan Melati 5", CountedAction("update_address", effect=True)),
        ("445 Maple Drive, Suite 10", CountedAction("modify_pending_order_address", effect=True)),
    ],
)
def test_a_wish_in_the_customers_own_words_is_a_ground(said: str, action: CountedAction) -> None:
    assert Talk(said).asks_for(action)


@pytest.mark.parametrize(
    ("new", "before", "action"),
    [
        ("KS-10235", [("c", "saya mau batalin pesanan"), ("a", "Boleh minta nomornya?")], CANCEL),
        ("KS-10235", [("c", "halo"), ("a", "Nomor pesanan yang mau dibatalkan berapa ya?")], CANCEL),
        ("yes", [("c", "order KS-1?"), ("a", "It has not shipped. Shall I cancel it for you?")], CANCEL),
        ("yes please", [("c", "the shoes are too small"), ("a", "Would you like to return them?")], RETURN),
        ("ya", [("c", "besok bisa dateng?"), ("a", "Mau kami pesankan meja untuk besok?")], RESERVE),
        ("The second one", [("c", "I need a refund"), ("a", "Which order?")], RETURN),
        ("yusuf_rossi_9620, zip 19122", [("c", "I want to exchange my keyboard"), ("a", "Your user id?")], EXCHANGE),
        ("oke", [("c", "kopi susu 2"), ("a", "Totalnya Rp50.000, mau bayar sekarang?")], builtin("send_qris")),
        ("KS-10234", [("c", "mau bayar pesanan"), ("a", "Nomornya?")], builtin("send_qris")),
        ("KS-1", [("c", "parah banget, barangnya rusak!"), ("a", "Maaf Kak. Nomor pesanannya?")], builtin("hand_over")),
        ("boleh", [("c", "bisa custom?"), ("a", "Mau saya sambungkan ke tim kami?")], builtin("hand_over")),
        ("jam 9", [("c", "ingetin besok"), ("a", "Jam berapa?")], builtin("follow_up")),
        ("ya boleh", [("c", "besok saya ambil"), ("a", "Mau saya ingatkan besok jam 9?")], builtin("follow_up")),
        ("1", [("c", "batalkan pengingat"), ("a", "Ada beberapa pengingat. Yang mana yang mau dibatalkan?")], builtin("cancel_reminder")),
        ("nggak kak", [("c", "jam buka?"), ("a", "Jam 8. Ada lagi?")], builtin("close_conversation")),
    ],
)  # fmt: skip
def test_what_the_message_answers_is_a_ground(new: str, before: list[tuple[str, str]], action: CountedAction) -> None:
    assert Talk(new, before).asks_for(action)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ingatkan saya besok jam 9", "follow_up"),
        ("remind me on Friday", "follow_up"),
        ("besok sore saya ambil ya", "follow_up"),
        ("saya mau bicara dengan admin", "hand_over"),
        ("kopinya basi, gimana nih", "hand_over"),
        ("asdf qwer", "hand_over"),
        ("bayar 50rb", "send_qris"),
        ("minta kode qris lagi", "send_qris"),
        ("can I pay now?", "send_qris"),
        ("makasih ya kak", "close_conversation"),
        ("udah itu aja", "close_conversation"),
        ("that's all, bye", "close_conversation"),
        ("minta menunya dong", "send_file"),
        ("saya pelanggan baru, ada promo?", "tags"),
    ],
)
def test_a_builtin_action_that_was_asked_for_has_its_ground(said: str, name: str) -> None:
    assert Talk(said).asks_for(builtin(name))


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("jam buka hari minggu?", "close_conversation"),
        ("KS-99999", "close_conversation"),
        ("asdf qwer zxcv", "close_conversation"),
        ("oke saya datang besok", "close_conversation"),
        ("KS-99999", "hand_over"),
        ("ada kopi apa aja?", "send_qris"),
        ("KS-10234", "send_qris"),
        ("ingatkan saya ya", "follow_up"),
        ("oke kak", "follow_up"),
        ("ada kopi susu?", "follow_up"),
        ("eh besok buka jam brp", "follow_up"),
        ("what time do you open on Monday", "follow_up"),
        ("esok kedai buka pukul berapa ya", "follow_up"),
        ("hari jumat ada promo gak?", "follow_up"),
    ],
)
def test_a_builtin_action_that_nothing_asks_for_has_none(said: str, name: str) -> None:
    assert not Talk(said).asks_for(builtin(name))


def made(name: str, confirm: str | None = None, description: str = "Does something.") -> CountedAction:
    return CountedAction(name, effect=True, confirm=confirm, description=description)


@pytest.mark.parametrize(
    ("new", "before", "action"),
    [
        (
            "My name is Mei Davis, zip 80217. I have received the water bottle and the lamp and I'd like to return both",
            [],
            made("return_delivered_order_items"),
        ),
        (
            "Yes, that is correct",
            [
                ("c", "I want to return the water bottle"),
                ("a", "Order #W2890441: return the water bottle to your gift card? (yes/no)"),
            ],
            made("return_delivered_order_items"),
        ),
        (
            "gift_card_6276644",
            [("c", "lamp doesn't fit my desk"), ("a", "How would you like the refund?")],
            made("return_delivered_order_items"),
        ),
        (
            "The blue one, size M",
            [("c", "shirt is too small"), ("a", "Which would you like instead?")],
            made("exchange_delivered_order_items"),
        ),
        (
            "Omar, 445 Pine Lane, 80217",
            [("c", "I moved recently and my order would go to the old place"), ("a", "What is the new address?")],
            made("modify_pending_order_address"),
        ),
        (
            "No longer needed",
            [("c", "Order #W4284542 please"), ("a", "What is the reason?")],
            made("cancel_pending_order", description="Cancel a pending order"),
        ),
        (
            "ordered by mistake",
            [("c", "I placed two orders today"), ("a", "What can I do?")],
            made("cancel_pending_order"),
        ),
        (
            "Please proceed",
            [("c", "I'd like to fly SFO to JFK on May 20"), ("a", "Flight HAT023, $152. Shall I book it?")],
            made("book_reservation"),
        ),
        (
            "yes",
            [
                ("c", "I need to change my flight to the 21st"),
                ("a", "New flight HAT100 on May 21, fare difference $40 to card 1234. Confirm?"),
            ],
            made("update_reservation_flights"),
        ),
        (
            "3 bags",
            [("c", "I want to add baggage to my reservation EHGLP3"), ("a", "How many?")],
            made("update_reservation_baggages"),
        ),
        ("My mother died and I can't travel any more", [], made("cancel_reservation")),
        ("the airline cancelled the flight, I want compensation", [], made("send_certificate")),
        ("I don't think I will be making this trip", [], made("cancel_reservation")),
        (
            "Yes please, credit card ending 7334",
            [("c", "get me out of this booking"), ("a", "To refund I need the method. Which card?")],
            made("cancel_reservation"),
        ),
        ("turn on roaming", [], made("enable_roaming")),
        ("2 GB", [("c", "my data is used up"), ("a", "How many GB shall I add?")], made("refuel_data")),
        ("resume it", [("c", "my line is suspended"), ("a", "Line L1002 was suspended. Resume?")], made("resume_line")),
        (
            "Yes, pay the bill",
            [("c", "why is my line off"), ("a", "You have an overdue bill B1. Shall I send a payment request?")],
            made("send_payment_request"),
        ),
        (
            "can't make it tomorrow",
            [("a", "Reminder: dentist tomorrow at 9")],
            made("cancel_appointment", "Cancel the appointment of {when}?"),
        ),
        ("gak bisa dateng besok kak", [], made("cancel_appointment", "Batalkan janji {when}?")),
        ("ada acara mendadak, boleh diundur lusa?", [], made("reschedule_appointment", "Pindah ke {when}?")),
        ("salah pesan kak, harusnya yang L", [], made("cancel_order", "Batalkan {order_id}?")),
        ("uang saya balikin aja", [], made("refund_order", "Refund {order_id}?")),
        ("yaudah batalin", [], made("cancel_order")),
        (
            "iya itu aja",
            [("c", "2 kopi susu 1 roti"), ("a", "Total Rp70.000. Ada tambahan?")],
            made("create_order", "Pesan {items}?"),
        ),
        (
            "Budi, 0812345, besok jam 7 malam, 4 orang",
            [("c", "halo"), ("a", "Mau reservasi? Nama, nomor, jam, jumlah orang?")],
            made("book_table"),
        ),
        ("KS-1", [("c", "ga jadi deh pesanan yang tadi"), ("a", "Nomor pesanannya?")], made("cancel_order")),
        (
            "#W123",
            [("c", "hi"), ("a", "How can I help?"), ("c", "cancel an order please"), ("a", "Which?")],
            made("cancel_order"),
        ),
        ("Budi", [("c", "daftarin saya member dong"), ("a", "Atas nama siapa?")], made("register_member")),
        ("budi@example.com", [("c", "subscribe me to the newsletter"), ("a", "Your e-mail?")], made("subscribe")),
        ("08123456789", [("c", "minta ditelpon balik"), ("a", "Nomornya?")], made("request_callback")),
        (
            "ok",
            [("c", "2 malam dari 3 desember"), ("a", "Kamar deluxe Rp900.000, saya pesankan ya?")],
            made("book_room"),
        ),
        ("👍", [("c", "ganti alamat jl mawar 1"), ("a", "Ganti alamat ke Jl Mawar 1?")], made("change_address")),
        ("yang kedua", [("c", "mau servis AC"), ("a", "Pilih jadwal: 1) Senin 2) Selasa")], made("book_service")),
        ("senin jam 10", [("c", "mau servis AC"), ("a", "Kapan?")], made("book_service")),
        ("5", [("c", "tambah tamu"), ("a", "Jadi berapa orang?")], made("update_guests")),
        ("bintang 5, mantap", [("a", "Bagaimana pengalamannya? Beri nilai 1 sampai 5.")], made("submit_rating")),
        ("4", [("a", "Beri nilai 1 sampai 5 untuk layanan kami ya.")], made("submit_rating")),
        (
            "ya",
            [("c", "pengen stop langganan"), ("a", "Langganan dihentikan per 1 Des?")],
            made("stop_subscription", "Hentikan langganan?"),
        ),
        ("lepas aja kak bookingannya", [], made("release_booking", "Lepas booking {id}?")),
        ("balikin barangnya gimana?", [], made("create_return", "Buat retur {id}?")),
        ("I got the wrong size", [], made("create_return", "Create a return for {id}?")),
        ("wrong item, order #W77", [], made("return_items")),
        ("it arrived damaged", [], made("request_refund", "Refund {id}?")),
        ("barang cacat nih", [], made("request_refund", "Refund {id}?")),
        ("kopinya tumpah", [], made("request_refund", "Refund {id}?")),
        ("KS-1 rusak", [], made("request_refund", "Refund {id}?")),
        ("Same as before please", [("c", "latte oat"), ("a", "Baik")], made("create_order")),
    ],
)
def test_a_call_of_a_plain_conversation_has_its_ground(
    new: str, before: list[tuple[str, str]], action: CountedAction
) -> None:
    assert Talk(new, before).asks_for(action)


def test_what_was_looked_up_in_the_turn_may_be_beyond_the_agent() -> None:
    assert Talk("KS-99999", answered=["get_order"]).asks_for(builtin("hand_over"))


@pytest.mark.parametrize(
    ("said", "name", "instructions"),
    [
        ("halo kak", "tags", "Tandai kontak baru dengan tag lead."),
        ("halo kak", "comment", "Leave a note about every first message."),
        ("halo kak", "send_file", "Sapa pelanggan dan kirim menu.pdf."),
        ("makasih", "follow_up", "Setelah pesanan selesai, ingatkan pelanggan lusa untuk memberi ulasan."),
    ],
)
def test_the_owner_may_have_an_action_done_by_itself(said: str, name: str, instructions: str) -> None:
    assert Talk(said, instructions=instructions).asks_for(builtin(name))
    assert not Talk(said).asks_for(builtin(name))


@pytest.mark.parametrize("name", ["remember", "update_contact", "quick_replies"])
def test_what_keeps_or_offers_something_needs_no_wish(name: str) -> None:
    assert Talk("halo kak").asks_for(builtin(name, effect=False))


async def test_a_reading_action_needs_no_wish(desk: Desk) -> None:
    look = CountedAction("get_order")
    desk.actions = [look]
    desk.model.replies = [calls("get_order", order_id="KS-1"), says("Belum ada.")]
    await desk.receive(message(1, "KS-1"))
    await desk.answer()
    assert len(look.ran) == 1


async def test_a_bare_number_never_leads_to_the_question_whether_to_cancel(desk: Desk) -> None:
    cancel = CountedAction("cancel_order", effect=True, confirm="Batalkan pesanan {order_id}?")
    desk.actions = [cancel]
    desk.model.replies = [calls("cancel_order", order_id="KS-99999"), says("Ada yang bisa dibantu dengan pesanan ini?")]
    await desk.receive(message(1, "KS-99999"))
    await desk.answer()
    assert await desk.said() == ["Ada yang bisa dibantu dengan pesanan ini?"]
    assert "nothing that the customer wrote asks for cancel_order" in desk.model.asked[1][-1].text
    assert cancel.ran == []


async def test_a_greeting_never_hands_over(desk: Desk) -> None:
    over = Outcome("done", "A colleague takes over.", requests=(HandOver("?"),))
    desk.actions = [CountedAction("hand_over", over, effect=True, builtin="hand_over")]
    desk.model.replies = [calls("hand_over", reason="saya mau bicara"), says("Halo Kak! Ada yang bisa dibantu?")]
    await desk.receive(message(1, "halo kak"))
    await desk.answer()
    assert await desk.said() == ["Halo Kak! Ada yang bisa dibantu?"]
    assert (await desk.state()).paused_until is None


async def test_a_model_that_insists_still_does_nothing(desk: Desk) -> None:
    cancel = CountedAction("cancel_order", effect=True)
    desk.actions = [cancel]
    desk.model.replies = [*(calls("cancel_order", order_id="KS-1") for _ in range(4)), says("Ada yang bisa dibantu?")]
    desk.now = NOW
    await desk.receive(message(1, "KS-1"))
    await desk.answer()
    assert cancel.ran == []
