"""What may reach the receiver of notifications, at every gateway: money moves by the gateway's own answer about exactly that charge."""

import asyncio
import json
import shutil
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from actions.action import SendPayment
from actions.qris.errors import GatewayRefused, GatewayUnavailable, NotificationError
from actions.qris.gateways import connect, gateway
from actions.qris.simulator import Keys, simulator
from agent.ledger import contacts, history, migrate, open_database, payments
from agent.payments import end_overdue, receive
from messaging.types import Contact, ContactKey
from tests.actions.qris.gateways.test_gateways import EXPIRES, VARIANTS, now, settings_for

KEY = ContactKey("sandbox", "7")
ORDERS = {"order_id", "reference_id", "merchantOrderId", "originalPartnerReferenceNo"}
CHARGES = {"transaction_id", "qr_id", "payment_request_id", "reference", "originalReferenceNo"}
MERCHANTS = {"merchant_id", "business_id", "merchantCode", "merchantId"}
AMOUNTS = {"gross_amount", "amount", "request_amount", "value"}
STATUSES = {"transaction_status", "status", "statusCode", "latestTransactionStatus"}


def replaced(value, names, new):
    """`value` with what stands under any of `names` replaced; an object keeps its shape."""
    if isinstance(value, dict):
        return {
            name: new if name in names and not isinstance(one, dict) else replaced(one, names, new)
            for name, one in value.items()
        }
    return [replaced(one, names, new) for one in value] if isinstance(value, list) else value


class Line(httpx.AsyncBaseTransport):
    """The line to the gateway; `answer`, where it is set, makes another answer of each one about a status."""

    def __init__(self, simulated):
        self._inside, self.answer, self.asked = httpx.ASGITransport(simulated), None, 0

    async def handle_async_request(self, request):
        answer = await self._inside.handle_async_request(request)
        path = request.url.path
        creates = path.endswith(
            ("/charge", "/qr_codes", "/payment_requests", "/inquiry", "-generate", "/b2b", "/cancel")
        )
        if creates or self.answer is None:
            return answer
        self.asked += 1
        return self.answer(json.loads(await answer.aread()))


class Shop:
    """An agent with one open payment, and the notifications that the simulator sent it."""

    def __init__(self, database, client, line, notified):
        self.database, self.client, self.line, self.notified, self.gateway = database, client, line, notified, None

    async def offer(self, order="INV-1", amount=50000):
        charge = await self.gateway.create(order, amount, now() + EXPIRES, f"Pembayaran {order}")
        offer = SendPayment(
            charge.payload, amount, order, "KOPI", None, charge.expires, self.gateway.name, charge.provider_id, order
        )
        await self.database.write(lambda c: payments.open_payment(c, KEY, order, offer, now()))

    async def simulate(self, order="INV-1", **body):
        """What the simulator sends, kept instead of applied."""
        self.notified.clear()
        answer = await self.client.post(f"http://gateways/pay/{order}", json=body)
        assert answer.status_code == 200
        return self.notified[-1]

    async def receive(self, notification):
        headers, body, path = notification
        return (await receive(self.gateway, self.database, headers, body, path, now()))[0]

    async def refused(self, notification):
        """Whether a notification changes nothing."""
        try:
            settled = await self.receive(notification)
        except (GatewayRefused, GatewayUnavailable, NotificationError):
            return True
        return isinstance(settled, str) or not settled.changed

    async def standing(self, order="INV-1"):
        """State, rupiah that arrived, and how much the customer was told."""
        (payment,) = await self.database.read(lambda c: payments.find(c, order))
        told = await self.database.read(lambda c: history.recent(c, KEY, 50))
        return payment.state, payment.paid_amount, len(told)


@pytest.fixture(scope="module")
def empty_ledger(tmp_path_factory):
    base = tmp_path_factory.mktemp("ledger")
    migrate.upgrade(open_database("sqlite:///shop.db", base=base).engine)
    return base / "shop.db"


@pytest.fixture(params=VARIANTS)
async def shop(request, rsa_keys, tmp_path, empty_ledger):
    private, public = rsa_keys
    keys, notified = Keys(doku_public_key=public), []

    async def take(received: Request):
        notified.append((dict(received.headers), await received.body(), received.url.path))
        return JSONResponse({})

    agent = httpx.ASGITransport(Starlette(routes=[Route("/payments/{gateway}", take, methods=["POST"])]))
    shutil.copy(empty_ledger, tmp_path)
    database = open_database("sqlite:///shop.db", base=tmp_path)
    await database.write(lambda c: contacts.remember(c, Contact(KEY)))
    async with httpx.AsyncClient(transport=agent) as to_agent:
        line = Line(simulator("http://agent", to_agent, keys))
        async with httpx.AsyncClient(transport=line) as client:
            here = Shop(database, client, line, notified)
            here.gateway = connect(
                settings_for(request.param, "http://gateways", keys, private), client, now, "http://agent"
            )
            here.variant = request.param
            await here.offer()
            yield here
    await database.aclose()


async def test_reordered_and_repeated_notifications_end_in_what_the_gateway_says(shop):
    paid = await shop.simulate()
    expired = await shop.simulate(status="expired")
    await shop.client.post("http://gateways/forget/INV-1")
    pending = await shop.receive(paid)
    assert not pending.changed
    await shop.simulate()
    for notification in (expired, paid, paid, expired):
        await shop.receive(notification)
    assert await shop.standing() == ("paid", 50000, 1)


SEQUENCES = [
    (("paid", "expired"), ("paid", 50000, 1)),
    (("expired", "paid"), ("paid_late", 50000, 2)),
    (("cancelled", "paid"), ("paid_late", 50000, 2)),
    (("failed", "paid"), ("paid", 50000, 2)),
    (("paid", "refunded"), ("refunded", 50000, 2)),
    (("paid", "refunded", "refunded", "paid"), ("refunded", 50000, 2)),
    (("refunded",), ("refunded", 0, 1)),
    (("paid", "pending", "failed", "cancelled"), ("paid", 50000, 1)),
]


@pytest.mark.parametrize(("sequence", "right"), SEQUENCES)
async def test_what_the_gateway_answers_one_after_another(shop, sequence, right):
    if shop.variant == "duitku" and {"refunded", "failed"} & set(sequence):
        return  # it knows paid, pending and over only
    notification = await shop.simulate()
    for one in sequence:
        shop.line.answer = lambda answer, one=one: httpx.Response(
            200, json=replaced(answer, STATUSES, WORDS[shop.variant][one])
        )
        await shop.receive(notification)
    assert await shop.standing() == right


WORDS = {
    "midtrans": {
        "paid": "settlement",
        "expired": "expire",
        "cancelled": "cancel",
        "failed": "deny",
        "refunded": "refund",
        "pending": "pending",
    },
    "xendit": {
        "paid": "SUCCEEDED",
        "expired": "EXPIRED",
        "cancelled": "CANCELED",
        "failed": "FAILED",
        "refunded": "REFUNDED",
        "pending": "ACTIVE",
    },
    "xendit-v3": {
        "paid": "SUCCEEDED",
        "expired": "EXPIRED",
        "cancelled": "CANCELED",
        "failed": "FAILED",
        "refunded": "REFUNDED",
        "pending": "REQUIRES_ACTION",
    },
    "duitku": {"paid": "00", "expired": "02", "cancelled": "02", "failed": "02", "refunded": "02", "pending": "01"},
    "doku": {"paid": "00", "expired": "08", "cancelled": "05", "failed": "06", "refunded": "04", "pending": "03"},
}


async def test_two_payments_that_were_both_missed_are_both_counted(shop):
    first = await shop.simulate()
    second = await shop.simulate()
    await shop.receive(second)
    await shop.receive(first)
    state, paid, _ = await shop.standing()
    assert (state, paid) == ("paid_twice" if shop.variant == "xendit" else "overpaid", 100_000)


async def test_a_part_and_the_rest(shop):
    await shop.receive(await shop.simulate(amount=20000))
    assert await shop.standing() == ("partial", 20000, 1)
    await shop.receive(await shop.simulate(amount=30000))
    assert await shop.standing() == ("paid", 50000, 2)


async def test_two_orders_of_a_customer_are_not_taken_for_each_other(shop):
    await shop.offer("INV-2", 70000)
    second = await shop.simulate("INV-2")
    await shop.receive(second)
    assert (await shop.standing("INV-1"))[0] == "open"
    assert (await shop.standing("INV-2"))[:2] == ("paid", 70000)


CONTRADICTIONS = {
    "another order": (ORDERS, "INV-2"),
    "an order that is not ours": (ORDERS, "X-9"),
    "another charge": (CHARGES, "other"),
    "another merchant than the notification's": (MERCHANTS, "G999"),
    "another currency": ({"currency"}, "USD"),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
async def test_an_answer_about_something_else_settles_nothing(shop, kind):
    await shop.offer("INV-2", 70000)
    notification = await shop.simulate()
    names, value = CONTRADICTIONS[kind]
    seen = []

    def other(answer):
        changed = replaced(answer, names, value)
        seen.append(changed != answer)
        return httpx.Response(200, json=changed)

    shop.line.answer = other
    if not await shop.refused(notification):
        assert not any(seen), "nothing of it is in an answer of this gateway"
        return
    assert await shop.standing() == ("open", 0, 0)
    assert await shop.standing("INV-2") == ("open", 0, 0)
    if "merchant" not in kind:
        await end_overdue(shop.database, now() + timedelta(minutes=20), shop.gateway)
        assert (await shop.standing())[0] == "open"
    shop.line.answer = None
    await shop.receive(notification)
    assert (await shop.standing())[:2] == ("paid", 50000)


def broken(value):
    """Every leaf of another kind."""
    if isinstance(value, dict):
        return {name: broken(one) for name, one in value.items()}
    return [broken(one) for one in value] if isinstance(value, list) else {"a": [None]}


async def endless():
    while True:
        yield b" " * 65536


def away(_answer):
    raise httpx.ConnectError("no route")


FAILURES = {
    "down": away,
    "500": lambda _answer: httpx.Response(500, text="oops"),
    "401": lambda _answer: httpx.Response(401, json={"status_code": "401", "message": "Unknown key"}),
    "403": lambda _answer: httpx.Response(403, json={"message": "forbidden"}),
    "429": lambda _answer: httpx.Response(429, json={}),
    "HTML": lambda _answer: httpx.Response(200, text="<html>maintenance</html>"),
    "a redirect that says paid": lambda answer: httpx.Response(302, json=answer, headers={"location": "http://x"}),
    "a list": lambda _answer: httpx.Response(200, json=[]),
    "nothing": lambda _answer: httpx.Response(200, json={}),
    "no content": lambda _answer: httpx.Response(204),
    "null": lambda _answer: httpx.Response(200, text="null"),
    "fields of another kind": lambda answer: httpx.Response(200, json=broken(answer)),
    "all null": lambda answer: httpx.Response(200, json=dict.fromkeys(answer)),
    "all text": lambda answer: httpx.Response(200, json=dict.fromkeys(answer, "x")),
    "an amount that is no number": lambda answer: httpx.Response(200, json=replaced(answer, AMOUNTS, "banyak")),
    "half rupiah": lambda answer: httpx.Response(200, json=replaced(answer, AMOUNTS, "50000.50")),
    "without end": lambda _answer: httpx.Response(200, content=endless()),
}


@pytest.mark.parametrize("kind", FAILURES)
async def test_a_status_that_is_not_told_settles_nothing_and_comes_again(shop, kind):
    notification = await shop.simulate()
    shop.line.answer = FAILURES[kind]
    with pytest.raises((GatewayRefused, GatewayUnavailable)):
        await shop.receive(notification)
    await end_overdue(shop.database, now() + timedelta(minutes=20), shop.gateway)
    assert await shop.standing() == ("open", 0, 0)
    shop.line.answer = None
    await shop.receive(notification)
    assert await shop.standing() == ("paid", 50000, 1)


async def test_a_status_that_does_not_come_holds_nobody_for_long(shop, monkeypatch):
    async def silent():
        await asyncio.Event().wait()
        yield b""

    notification = await shop.simulate()
    shop.line.answer = lambda _answer: httpx.Response(200, content=silent())
    monkeypatch.setattr(gateway, "STATUS_TIMEOUT", timedelta(milliseconds=20))
    with pytest.raises(GatewayUnavailable, match="in time"):
        await shop.receive(notification)
    await end_overdue(shop.database, now() + timedelta(minutes=20), shop.gateway)
    assert await shop.standing() == ("open", 0, 0)


async def test_a_notification_for_another_merchant_is_refused(shop):
    headers, body, path = await shop.simulate()
    if shop.variant.startswith(("midtrans", "xendit")):
        body = json.dumps(replaced(json.loads(body), MERCHANTS, "G999")).encode()
    elif shop.variant == "duitku":
        body = body.replace(b"merchantCode=DS0000", b"merchantCode=DS9999")
    else:
        headers = headers | {"x-partner-id": "BRN-9999"}
    assert await shop.refused((headers, body, path))
    assert await shop.standing() == ("open", 0, 0)


async def test_fields_of_another_kind_in_a_notification_do_not_break_what_is_true(shop):
    headers, body, path = await shop.simulate()
    if shop.variant.startswith("xendit"):
        body = json.dumps(replaced(json.loads(body), {"source", "issuer_name"}, ["x"])).encode()
    elif shop.variant == "midtrans":
        body = json.dumps(json.loads(body) | {"issuer": {"a": 1}}).encode()
    assert (await shop.receive((headers, body, path))).changed
    assert await shop.standing() == ("paid", 50000, 1)


async def test_a_replay_settles_nothing_more_however_often(shop):
    notification = await shop.simulate()
    assert [(await shop.receive(notification)).changed for _ in range(4)] == [True, False, False, False]
    assert await shop.standing() == ("paid", 50000, 1)
