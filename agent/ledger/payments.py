"""Payments: offered with a reply, settled by a notification or the operator, each exactly once.

The message about a change is queued in the transaction that makes it: a notification that comes twice is reported once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, select, update

from actions.action import Comment, Context, SendPayment
from actions.qris.actions import KnownPayment
from actions.qris.gateways.gateway import Event
from actions.qris.states import SETTLED, Happened, PaymentState, Standing, Transition, happen, message
from actions.qris.texts import language_of
from agent.ledger import contacts, events, followups, history, outbound
from agent.ledger.codec import Deliverable
from agent.ledger.database import Cursor, Database, insert_new, older
from agent.ledger.tables import amount_hold
from agent.ledger.tables import payment as table
from messaging.types import ContactKey, Text

SHOWN = 20
"""How many payments of a contact an action sees."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One row, for lists and exports. Amounts in rupiah, times aware UTC."""

    id: str
    contact: ContactKey
    reference: str
    amount: int
    state: PaymentState
    provider: str
    provider_id: str | None
    order: str
    merchant: str
    nmid: str | None
    payload: str
    created_at: datetime
    expires_at: datetime | None
    paid_at: datetime | None
    paid_amount: int
    payer: str | None
    marked_by: str | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What an event did: the payment after it, and whether anything changed (else it was a repetition)."""

    payment: Payment
    changed: bool


Unmatched = Literal["unknown", "contradicted"]
"""`unknown`: no such payment; `contradicted`: the ids belong to another charge, or the money is not rupiah."""


def open_payment(connection: Connection, key: ContactKey, payment_id: str, offer: SendPayment, now: datetime) -> None:
    """Keep what a reply offers. The same id, or the same charge of a gateway, again changes nothing."""
    insert_new(
        connection,
        table,
        id=payment_id,
        platform=key.platform,
        contact=key.id,
        reference=offer.reference,
        amount=offer.amount,
        asked=offer.asked,
        payload=offer.payload,
        merchant=offer.merchant,
        nmid=offer.nmid,
        provider=offer.provider,
        provider_id=offer.provider_id,
        order_id=offer.order or offer.reference,
        created_at=now,
        expires_at=offer.expires,
        state="open",
        paid_amount=0,
        receipts=[],
    )


def of_contact(connection: Connection, key: ContactKey, limit: int = SHOWN) -> list[Payment]:
    """List a contact's payments, newest first."""
    rows = connection.execute(
        select(table)
        .where(table.c.platform == key.platform, table.c.contact == key.id)
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(limit)
    )
    return [_payment(row) for row in rows]


def last(connection: Connection, key: ContactKey, now: datetime) -> tuple[str, PaymentState] | None:
    """Read the id and the state of a contact's newest payment; one whose time has run out counts as expired."""
    newest_of_contact = next(iter(of_contact(connection, key, 1)), None)
    if newest_of_contact is None:
        return None
    expires_at, state = newest_of_contact.expires_at, newest_of_contact.state
    overdue = state == "open" and expires_at is not None and expires_at <= now
    return newest_of_contact.id, "expired" if overdue else state


def state_of_last(connection: Connection, key: ContactKey, now: datetime) -> PaymentState | None:
    """Read only the state of a contact's newest payment."""
    found = last(connection, key, now)
    return None if found is None else found[1]


def newest(
    connection: Connection,
    *,
    states: Sequence[PaymentState] = (),
    since: datetime | None = None,
    last: Cursor | None = None,
    limit: int = 100,
) -> list[Payment]:
    """List payments of all contacts, newest first.

    Args:
        states: only in these; empty for all.
        since: only created at or after this time.
        last: the last one of the page before.
    """
    statement = select(table).order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)
    if states:
        statement = statement.where(table.c.state.in_(states))
    if since is not None:
        statement = statement.where(table.c.created_at >= since)
    if last is not None:
        statement = statement.where(older(table.c.created_at, table.c.id, last))
    return [_payment(row) for row in connection.execute(statement)]


def find(connection: Connection, name: str) -> list[Payment]:
    """Payments by id, reference, or the order id at the gateway, newest first."""
    rows = connection.execute(
        select(table)
        .where((table.c.id == name) | (table.c.reference == name) | (table.c.order_id == name))
        .order_by(table.c.created_at.desc())
    )
    return [_payment(row) for row in rows]


def matching(connection: Connection, event: Event) -> Payment | Unmatched:
    """Find the payment that an event of a gateway is about."""
    row = _match(connection, event)
    return row if isinstance(row, str) else _payment(row)


def settle(connection: Connection, event: Event, now: datetime) -> Settled | Unmatched:
    """Apply what a gateway reports. The customer and the colleagues are told what `states.MESSAGES` says, once."""
    row = _match(connection, event)
    if isinstance(row, str):
        return row
    changed = False
    for one in (*event.earlier, event):
        happened = Happened(one.what, one.at, one.amount, one.receipt, one.payer)
        settled = _apply(connection, _lock(connection, row.id), happened, now)
        changed = changed or settled.changed
    return Settled(settled.payment, changed)


def mark_paid(connection: Connection, payment_id: str, by: str, now: datetime, amount: int | None = None) -> Settled:
    """Record that the operator has seen the money: for static codes, which no gateway reports.

    Marking the same payment as paid again with the same amount changes nothing. The payment has to be in the ledger.

    Args:
        by: who says so.
        amount: what arrived, in rupiah; `None` for the amount of the payment.
    """
    row = _lock(connection, payment_id)
    paid = row.amount if amount is None else amount
    happened = Happened("paid", now, paid, receipt=f"marked {paid}")
    return _apply(connection, row, happened, now, by=by)


def overdue(connection: Connection, now: datetime, limit: int = 100) -> list[Payment]:
    """Open payments whose time has run out, the oldest first."""
    statement = select(table).where(table.c.state == "open", table.c.expires_at <= now)
    return [_payment(row) for row in connection.execute(statement.order_by(table.c.expires_at).limit(limit))]


def next_expiry(connection: Connection) -> datetime | None:
    """When the next open payment expires; `None` where none does."""
    open_ones = select(table.c.expires_at).where(table.c.state == "open", table.c.expires_at.is_not(None))
    found: datetime | None = connection.execute(open_ones.order_by(table.c.expires_at).limit(1)).scalar()
    return found


def expire(connection: Connection, payment_ids: Sequence[str], now: datetime) -> list[Settled]:
    """End payments whose time has run out, and tell their customers, who may ask for a new code."""
    return [
        _apply(connection, _lock(connection, payment_id), Happened("expired", now), now) for payment_id in payment_ids
    ]


def _match(connection: Connection, event: Event) -> Row[Any] | Unmatched:
    row = _row_of(connection, event)
    if row is None:
        return "unknown"
    other_charge = event.provider_id is not None and row.provider_id not in (None, event.provider_id)
    return "contradicted" if other_charge or row.order_id != event.order or event.currency != "IDR" else row


def _row_of(connection: Connection, event: Event) -> Row[Any] | None:
    """By the gateway's id of the charge; by our order where it sent none, or one we never saw."""
    mine = table.c.provider == event.gateway
    row = None
    if event.provider_id is not None:
        row = connection.execute(select(table).where(mine, table.c.provider_id == event.provider_id)).first()
    if row is None:
        row = connection.execute(
            select(table).where(mine, table.c.order_id == event.order).order_by(table.c.created_at.desc())
        ).first()
    return row


def _lock(connection: Connection, payment_id: str) -> Row[Any]:
    """The row, kept from others until this transaction ends (SQLite has a single writer anyway)."""
    return connection.execute(select(table).where(table.c.id == payment_id).with_for_update()).one()


def _apply(connection: Connection, row: Row[Any], happened: Happened, now: datetime, by: str | None = None) -> Settled:
    standing = Standing(row.state, row.amount, row.reference, row.expires_at, row.paid_amount, tuple(row.receipts))
    transition = happen(standing, happened)
    if not transition.changes(standing):
        return Settled(_payment(row), changed=False)
    arrived = len(transition.receipts) > len(standing.receipts)
    values: dict[str, Any] = {
        "state": transition.state,
        "paid_amount": transition.paid,
        "receipts": list(transition.receipts),
    }
    if arrived:
        values |= {"paid_at": happened.at, "payer": happened.payer or row.payer, "marked_by": by or row.marked_by}
    connection.execute(update(table).where(table.c.id == row.id).values(**values))
    if transition.state in SETTLED:
        followups.cancel_about(connection, ContactKey(row.platform, row.contact), row.id, "it is paid", now)
    _record(connection, row, transition, now)
    _tell(connection, row, transition, now)
    return Settled(_payment(_lock(connection, row.id)), changed=True)


def _record(connection: Connection, row: Row[Any], transition: Transition, now: datetime) -> None:
    """Record as an event that the money has arrived, or the time ran out."""
    paid = transition.state in SETTLED and row.state not in SETTLED
    if not paid and transition.state != "expired":
        return
    name = "payment.paid" if paid else "payment.expired"
    key = ContactKey(row.platform, row.contact)
    data = {
        "id": row.id,
        "reference": row.reference,
        "order": row.order_id,
        "amount": row.amount,
        "paid": transition.paid,
        "state": transition.state,
        "merchant": row.merchant,
    }
    events.record(connection, name, key, identity=f"{name}/{row.id}", data=data, now=now)


def _tell(connection: Connection, row: Row[Any], transition: Transition, now: datetime) -> None:
    """Queue what the customer and the colleagues are told, and keep it in the history."""
    key = ContactKey(row.platform, row.contact)
    contact = contacts.load(connection, key)
    if contact is None:
        return
    facts = {"amount": row.amount, "paid": transition.paid, "reference": row.reference}
    contents: list[Deliverable] = []
    if transition.customer is not None and contact.opted_out_at is None:
        text = message(transition.customer, language_of(contact.language), **facts)
        contents.append(Text(text))
        history.append(connection, key, [history.Line("agent", text, now)])
    if transition.owner is not None:
        contents.append(Comment(message(transition.owner, "owner", **facts)))
    prefix = f"payment/{row.id}/{transition.state}/{len(transition.receipts)}"
    channel = contact.channel.id if contact.channel else None
    outbound.add(connection, key, prefix, contents, now=now, channel=channel)
    if contents and (contact.wake_at is None or contact.wake_at > now):
        contacts.set_columns(connection, key, wake_at=now)


def leave_to_answer(connection: Connection, key: ContactKey, reference: str) -> None:
    """Take back the message that a payment has arrived, as far as it has not gone out: the answer of a turn says the same.

    What was paid twice, in part or too much is told by its own message in any case.
    """
    mine = select(table.c.id).where(
        table.c.platform == key.platform, table.c.contact == key.id, table.c.reference == reference
    )
    for payment in connection.execute(mine).scalars().all():
        for state in ("paid", "paid_late"):
            reason = "the answer of a turn said it"
            for text in outbound.skip_texts(connection, key, f"payment/{payment}/{state}", reason):
                history.remove_unsent_text(connection, key, text)


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        id=row.id,
        contact=ContactKey(row.platform, row.contact),
        reference=row.reference,
        amount=row.amount,
        state=row.state,
        provider=row.provider,
        provider_id=row.provider_id,
        order=row.order_id,
        merchant=row.merchant,
        nmid=row.nmid,
        payload=row.payload,
        created_at=row.created_at,
        expires_at=row.expires_at,
        paid_at=row.paid_at,
        paid_amount=row.paid_amount,
        payer=row.payer,
        marked_by=row.marked_by,
    )


def hold_amount(connection: Connection, key: str, amounts: Sequence[int], until: datetime, now: datetime) -> int | None:
    """Hold the first amount that is free, or keep the one held already for the same `key`.

    Args:
        key: what the amount is held for.
        amounts: in rupiah, the preferred one first.
        until: when the hold ends.

    Returns:
        The amount; `None` when all are held.
    """
    connection.execute(delete(amount_hold).where(amount_hold.c.until <= now))
    held: int | None = connection.execute(select(amount_hold.c.amount).where(amount_hold.c.key == key)).scalar()
    if held is not None:
        return held
    taken = set(connection.execute(select(amount_hold.c.amount).where(amount_hold.c.amount.in_(amounts))).scalars())
    for amount in amounts:
        if amount not in taken and insert_new(connection, amount_hold, key=key, amount=amount, until=until) is not None:
            return amount
    return None


class LedgerPaymentBook:
    """`actions.qris.actions.PaymentBook` over the ledger, for the contacts of one platform."""

    def __init__(self, database: Database, platform: str) -> None:
        self._database = database
        self._platform = platform

    async def payments(self, context: Context) -> list[KnownPayment]:
        key = self._key(context)
        found = await self._database.read(lambda connection: of_contact(connection, key))
        return [_known(payment) for payment in found]

    async def reserve(self, context: Context, amounts: Sequence[int], until: datetime) -> int | None:
        return await self._database.write(
            lambda connection: hold_amount(connection, context.key, amounts, until, context.now)
        )

    async def report(self, event: Event, now: datetime) -> None:
        await self._database.write(lambda connection: settle(connection, event, now))

    def _key(self, context: Context) -> ContactKey:
        return ContactKey(str(context.contact.get("platform") or self._platform), str(context.contact["id"]))


def _known(payment: Payment) -> KnownPayment:
    return KnownPayment(
        state=payment.state,
        payload=payment.payload,
        amount=payment.amount,
        reference=payment.reference,
        merchant=payment.merchant,
        nmid=payment.nmid,
        provider=payment.provider,
        provider_id=payment.provider_id,
        created=payment.created_at,
        expires=payment.expires_at,
        order=payment.order,
        paid=payment.paid_amount,
    )
