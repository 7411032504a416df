from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.qris.states import MESSAGES, SETTLED, Happened, Happening, PaymentState, Standing, happen, message

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
OPEN = Standing("open", 50000, "INV-1", NOW + timedelta(minutes=15))


def paid(amount=50000, receipt="r1", at=NOW):
    return Happened("paid", at, amount, receipt)


def after(standing, *events):
    for event in events:
        transition = happen(standing, event)
        standing = Standing(
            transition.state,
            standing.amount,
            standing.reference,
            standing.expires,
            transition.paid,
            transition.receipts,
        )
    return standing


def test_the_amount_in_time_is_paid_and_the_customer_is_told():
    transition = happen(OPEN, paid())
    assert (transition.state, transition.paid, transition.customer, transition.owner) == ("paid", 50000, "paid", None)


def test_the_same_notification_again_changes_nothing_and_tells_nobody():
    once = after(OPEN, paid())
    again = happen(once, paid())
    assert not again.changes(once)
    assert (again.customer, again.owner) == (None, None)


def test_a_second_payment_is_a_state_of_its_own():
    transition = happen(after(OPEN, paid()), paid(receipt="r2"))
    assert (transition.state, transition.paid, transition.owner) == ("paid_twice", 100_000, "paid_twice")


def test_a_payment_after_the_end_is_late():
    late = paid(at=NOW + timedelta(minutes=16))
    assert happen(OPEN, late).state == "paid_late"
    assert happen(after(OPEN, Happened("expired", NOW)), paid()).state == "paid_late"
    assert happen(after(OPEN, Happened("cancelled", NOW)), paid()).state == "paid_late"


def test_too_little_is_partial_and_may_be_completed():
    partial = happen(OPEN, paid(20000))
    assert (partial.state, partial.owner) == ("partial", "partial")
    assert after(OPEN, paid(20000), paid(30000, "r2")).state == "paid"
    rest = after(OPEN, paid(20000), paid(50000))
    assert (rest.state, rest.paid, rest.receipts) == ("paid", 50000, ("r1",)), (
        "the gateway counts both under one charge"
    )
    assert not happen(rest, paid(60000)).changes(rest)


def test_a_payment_that_failed_may_still_be_made_in_time():
    assert after(OPEN, Happened("failed", NOW), paid()).state == "paid"


def test_money_that_came_and_went_unseen_is_told_as_gone():
    assert happen(OPEN, Happened("refunded", NOW)).customer == "refunded"


def test_too_much_is_told_to_both():
    transition = happen(OPEN, paid(60000))
    assert (transition.state, transition.customer, transition.owner) == ("overpaid", "overpaid", "overpaid")


def test_an_end_that_comes_after_the_money_undoes_nothing():
    settled = after(OPEN, paid())
    for what in ("expired", "cancelled", "failed", "pending"):
        assert not happen(settled, Happened(what, NOW)).changes(settled)


def test_a_refund_ends_a_payment():
    assert after(OPEN, paid(), Happened("refunded", NOW)).state == "refunded"
    assert after(OPEN, paid(), Happened("refunded", NOW), paid(receipt="r2")).state == "paid_twice"


BROUGHT = {"r1": 20_000, "r2": 30_000, "r3": 70_000}
events = st.builds(
    Happened,
    st.sampled_from(get_args(Happening)),
    st.integers(-60, 60).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    st.none(),
    st.sampled_from(["r1", "r2", "r3"]),
).flatmap(lambda one: st.just(replace(one, amount=BROUGHT[one.receipt])))


@given(st.lists(events, max_size=8))
def test_money_is_counted_once_and_never_lost(happened):
    standing = OPEN
    for event in happened:
        before = standing
        standing = after(standing, event)
        assert standing == after(standing, event) or event.what == "refunded"
        assert standing.paid >= before.paid
        if before.state in SETTLED:
            assert standing.state in SETTLED | {"refunded"}
    assert len(set(standing.receipts)) == len(standing.receipts)
    first = {}
    for event in happened:
        if event.what == "paid":
            first.setdefault(event.receipt, event.amount)
    assert standing.paid == sum(first.values())


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_there_in_both_languages(name):
    for language in ("id", "en"):
        text = message(name, language, amount=50000, paid=20000, reference="INV-1")
        assert "INV-1" in text
        assert "{" not in text


def test_every_state_but_open_can_be_reached_and_told():
    assert set(get_args(PaymentState)) - {"open"} == set(MESSAGES)
