"""Payments in the ledger: offered once, settled once, told once."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from actions.action import Comment, Context, SendPayment
from actions.qris import with_amount
from actions.qris.actions import CheckPayment
from actions.qris.errors import GatewayRefused, GatewayUnavailable, NotificationForged
from actions.qris.gateways.gateway import Event
from agent.ledger import contacts, history, payments
from agent.ledger.codec import unpack
from agent.ledger.payments import LedgerPaymentBook, Settled
from agent.ledger.tables import outbound as table
from agent.payments import end_overdue, receive
from messaging.types import Contact, ContactKey, Text
from tests.actions.qris.codes import STATIC

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
KEY = ContactKey("sandbox", "7")
OTHER = ContactKey("sandbox", "8")


def offer(**changes):
    facts = {
        "payload": with_amount(STATIC, 50000).text, "amount": 50000, "reference": "INV-1", "merchant": "WARUNG",
        "nmid": "ID1099000000017", "expires": NOW + timedelta(minutes=15), "provider": "midtrans", "provider_id": "T1",
        "order": "INV-1-ABC",
    }  # fmt: skip
    return SendPayment(**facts | changes)


def event(**changes):
    facts = {
        "gateway": "midtrans", "order": "INV-1-ABC", "provider_id": "T1", "what": "paid", "amount": 50000, "currency": "IDR",
        "at": NOW + timedelta(minutes=2), "receipt": "R1", "payer": "gopay",
    }  # fmt: skip
    return Event(**facts | changes)


@pytest.fixture
async def ledger(database):
    await database.write(lambda c: contacts.remember(c, Contact(KEY, first_name="Budi")))
    await database.write(lambda c: contacts.remember(c, Contact(OTHER)))
    await database.write(lambda c: payments.open_payment(c, KEY, "p1", offer(), NOW))
    return database


async def settle(ledger, happened, at=NOW + timedelta(minutes=2)):
    return await ledger.write(lambda c: payments.settle(c, happened, at))


async def sent(ledger, key=KEY):
    """The texts and comments that wait to go out, in order."""
    waiting = select(table.c.payload).where(table.c.contact == key.id).order_by(table.c.n)
    rows = await ledger.read(lambda c: c.execute(waiting).scalars().all())
    return [unpack(row) for row in rows]


async def test_a_payment_is_settled_and_told_once(ledger):
    first = await settle(ledger, event())
    again = await settle(ledger, event())
    assert isinstance(first, Settled)
    assert (first.changed, again.changed) == (True, False)
    assert (first.payment.state, first.payment.paid_amount, first.payment.payer) == ("paid", 50000, "gopay")
    assert first.payment.paid_at == NOW + timedelta(minutes=2)
    (message,) = await sent(ledger)
    assert isinstance(message, Text)
    assert "Rp50.000" in message.text
    assert "INV-1" in message.text
    lines = await ledger.read(lambda c: history.recent(c, KEY, 10))
    assert [line.text for line in lines] == [message.text]
    due = await ledger.read(lambda c: contacts.due(c, NOW + timedelta(minutes=3)))
    assert [(each.key, each.at) for each in due] == [(KEY, NOW + timedelta(minutes=2))]


async def test_the_same_notification_at_the_same_instant_is_told_once(ledger):
    results = await asyncio.gather(*(settle(ledger, event()) for _ in range(6)))
    assert sorted(result.changed for result in results) == [False] * 5 + [True]
    assert len(await sent(ledger)) == 1


async def test_offering_the_same_charge_twice_keeps_one_row(ledger):
    await ledger.write(lambda c: payments.open_payment(c, KEY, "p1", offer(amount=1), NOW))
    await ledger.write(lambda c: payments.open_payment(c, KEY, "p2", offer(amount=1), NOW))
    (one,) = await ledger.read(lambda c: payments.of_contact(c, KEY))
    assert one.amount == 50000


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"provider_id": "T2", "order": "other"}, "unknown"),
        ({"gateway": "xendit"}, "unknown"),
        ({"order": "other"}, "contradicted"),
        ({"provider_id": "T2"}, "contradicted"),
        ({"currency": "USD"}, "contradicted"),
    ],
)
async def test_an_event_that_does_not_fit_settles_nothing(ledger, change, result):
    assert await settle(ledger, event(**change)) == result
    assert not await sent(ledger)
    assert (await ledger.read(lambda c: payments.find(c, "p1")))[0].state == "open"


async def test_an_event_without_the_charges_id_is_matched_by_our_order(ledger):
    assert (await settle(ledger, event(provider_id=None))).payment.state == "paid"


@pytest.mark.parametrize(
    ("change", "state"),
    [({"amount": 20000}, "partial"), ({"amount": 60000}, "overpaid"), ({"at": NOW + timedelta(hours=1)}, "paid_late")],
)
async def test_what_is_not_plainly_paid_is_told_to_colleagues_too(ledger, change, state):
    assert (await settle(ledger, event(**change))).payment.state == state
    customer, colleagues = await sent(ledger)
    assert isinstance(customer, Text)
    assert isinstance(colleagues, Comment)
    assert "INV-1" in colleagues.text


async def test_a_second_payment_is_recorded_beside_the_first(ledger):
    await settle(ledger, event())
    second = await settle(ledger, event(receipt="R2"))
    assert (second.payment.state, second.payment.paid_amount) == ("paid_twice", 100_000)
    assert len(await sent(ledger)) == 3


async def test_the_end_of_a_code_is_told_once_and_money_after_it_is_late(ledger):
    await end_overdue(ledger, NOW + timedelta(minutes=14), None)
    assert not await sent(ledger)
    await end_overdue(ledger, NOW + timedelta(minutes=15), None)
    await end_overdue(ledger, NOW + timedelta(minutes=16), None)
    (message,) = await sent(ledger)
    assert "kirim ulang" in message.text
    assert (await settle(ledger, event(at=NOW + timedelta(minutes=17)))).payment.state == "paid_late"


async def test_who_has_opted_out_is_not_written_to(ledger):
    await ledger.write(lambda c: contacts.set_columns(c, KEY, opted_out_at=NOW))
    assert (await settle(ledger, event())).changed
    assert not await sent(ledger)


async def test_the_operator_marks_a_payment_as_paid_once(ledger):
    def mark(c):
        return payments.mark_paid(c, "p1", "ani", NOW + timedelta(minutes=5))

    first, again = await ledger.write(mark), await ledger.write(mark)
    assert (first.changed, again.changed) == (True, False)
    assert (first.payment.state, first.payment.marked_by) == ("paid", "ani")
    assert len(await sent(ledger)) == 1


async def test_the_last_state_is_what_follow_ups_ask_for(ledger):
    def state(at, key=KEY):
        return ledger.read(lambda c: payments.state_of_last(c, key, at))

    assert await state(NOW) == "open"
    assert await state(NOW + timedelta(minutes=15)) == "expired"
    assert await state(NOW, OTHER) is None
    await settle(ledger, event())
    assert await state(NOW) == "paid"


async def test_lists_are_newest_first_and_by_state(ledger):
    for n in range(3):
        later = offer(provider_id=f"X{n}", reference=f"INV-{n + 2}")
        at = NOW + timedelta(minutes=n + 1)
        await ledger.write(lambda c, n=n, later=later, at=at: payments.open_payment(c, OTHER, f"q{n}", later, at))
    await settle(ledger, event())
    everything = await ledger.read(payments.newest)
    assert [one.id for one in everything] == ["q2", "q1", "q0", "p1"]
    assert [one.id for one in await ledger.read(lambda c: payments.newest(c, states=("paid",)))] == ["p1"]
    assert len(await ledger.read(lambda c: payments.newest(c, limit=2))) == 2


async def test_the_book_shows_a_contact_its_own_payments_only(ledger):
    book = LedgerPaymentBook(ledger, "sandbox")

    def context(contact_id, platform=None):
        return Context({"id": contact_id, "platform": platform}, (), {}, "k", NOW)

    (known,) = await book.payments(context("7"))
    assert (known.reference, known.state, known.order) == ("INV-1", "open", "INV-1-ABC")
    assert known.live(NOW)
    assert not known.live(NOW + timedelta(hours=1))
    assert not await book.payments(context("8"))
    assert not await book.payments(context("7", "aelyst"))


async def test_a_unique_amount_is_held_by_one_step_until_its_time_is_over(ledger):
    book = LedgerPaymentBook(ledger, "sandbox")

    def take(key, at=NOW):
        context = Context({"id": "7"}, (), {}, key, at)
        return book.reserve(context, [50001, 50002], NOW + timedelta(hours=1))

    assert await take("a") == 50001
    assert await take("a") == 50001
    assert await take("b") == 50002
    assert await take("c") is None
    assert await take("d", NOW + timedelta(hours=1)) == 50001


async def test_a_notification_is_verified_before_the_ledger_is_touched(ledger):
    def verify(headers, body, path):
        if headers.get("token") != "right":
            raise NotificationForged("token is wrong")
        return event(**json.loads(body))

    async def status(order, provider_id):
        return event(amount=50000)

    gateway = SimpleNamespace(name="midtrans", verify=verify, status=status)
    with pytest.raises(NotificationForged):
        await receive(gateway, ledger, {}, b"{}", "/", NOW)
    settled, order = await receive(gateway, ledger, {"token": "right"}, b'{"amount": 50000}', "/", NOW)
    assert (settled.payment.state, order) == ("paid", "INV-1-ABC")


class Asked:
    """A gateway that answers one thing about every charge."""

    name = "midtrans"

    def __init__(self, answer):
        self.answer, self.cancelled = answer, []

    async def status(self, order, provider_id):
        assert (order, provider_id) == ("INV-1-ABC", "T1")
        if isinstance(self.answer, Exception):
            raise self.answer
        return event(what=self.answer)

    async def cancel(self, order, provider_id):
        self.cancelled.append(order)
        raise GatewayRefused("it cannot")


async def state(ledger):
    return (await ledger.read(lambda c: payments.find(c, "p1")))[0].state


async def test_a_lost_notification_is_found_when_the_time_runs_out(ledger):
    await end_overdue(ledger, NOW + timedelta(minutes=16), Asked("paid"))
    assert await state(ledger) == "paid"
    assert len(await sent(ledger)) == 1


async def test_an_unpaid_charge_is_called_off_at_the_gateway_when_its_time_runs_out(ledger):
    gateway = Asked("pending")
    await end_overdue(ledger, NOW + timedelta(minutes=16), gateway)
    assert await state(ledger) == "expired"
    assert gateway.cancelled == ["INV-1-ABC"]


async def test_a_payment_stays_open_while_its_gateway_is_silent_but_not_for_ever(ledger):
    silent = Asked(GatewayUnavailable("silence"))
    await end_overdue(ledger, NOW + timedelta(minutes=16), silent)
    assert await state(ledger) == "open"
    await end_overdue(ledger, NOW + timedelta(minutes=80), silent)
    assert await state(ledger) == "expired"


def asking():
    return Context({"id": "7", "platform": "sandbox"}, ("sudah saya bayar",), {}, "k", NOW + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("answer", "status"), [("paid", "done"), ("pending", "refused"), (GatewayRefused("?"), "refused")]
)
async def test_a_customer_who_says_paid_is_believed_only_with_the_gateways_word(ledger, answer, status):
    action = CheckPayment(LedgerPaymentBook(ledger, "sandbox"), Asked(answer))
    outcome = await action.run({}, asking())
    assert outcome.status == status
    assert await state(ledger) == ("paid" if status == "done" else "open")


async def test_a_payment_on_the_merchants_own_code_waits_for_the_operator(ledger):
    static = offer(provider="static", provider_id=None, reference="QR-1", order=None)
    await ledger.write(lambda c: payments.open_payment(c, OTHER, "s1", static, NOW))
    action = CheckPayment(LedgerPaymentBook(ledger, "sandbox"))
    context = Context({"id": "8"}, ("sudah saya bayar",), {}, "k", NOW)
    assert "manual" in (await action.run({}, context)).content
    await ledger.write(lambda c: payments.mark_paid(c, "s1", "ani", NOW))
    assert (await action.run({}, context)).status == "done"


async def test_somebody_elses_payment_is_not_found(ledger):
    action = CheckPayment(LedgerPaymentBook(ledger, "sandbox"))
    outcome = await action.run({"reference": "INV-1"}, Context({"id": "8"}, (), {}, "k", NOW))
    assert (outcome.status, outcome.data) == ("refused", None)


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("Pembayaran Rp50.000 sudah kami terima, terima kasih!", True),
        ("Pembayarannya sudah masuk ya Kak", True),
        ("Pesanan Kakak sudah lunas", True),
        ("Your payment has been received.", True),
        ("We have received your payment", True),
        ("Silakan scan QRIS ini untuk pembayaran.", False),
        ("Kalau pembayaran berhasil, konfirmasi otomatis dikirim.", False),
        ("Your payment code is ready.", False),
    ],
)
def test_what_may_only_be_said_with_the_money(text, claims):
    assert any(re.search(pattern, text, re.IGNORECASE) for pattern in CheckPayment.claims) is claims
