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
        ("KS-99999", "hand_over"),
        ("ada kopi apa aja?", "send_qris"),
        ("KS-10234", "send_qris"),
        ("ingatkan saya ya", "follow_up"),
        ("oke kak", "follow_up"),
        ("ada kopi susu?", "follow_up"),
    ],
)
def test_a_builtin_action_that_nothing_asks_for_has_none(said: str, name: str) -> None:
    assert not Talk(said).asks_for(builtin(name))


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
