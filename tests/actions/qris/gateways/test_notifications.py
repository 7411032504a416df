"""A notification is a hint: whatever it says, only what the gateway answers about the charge is entered."""

import hashlib
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from actions.action import SendPayment
from actions.qris.errors import GatewayRefused, NotificationForged
from actions.qris.gateways import connect
from actions.qris.simulator import Keys, simulator
from agent.ledger import contacts, history, migrate, open_database, payments
from agent.payments import receive
from messaging.types import Contact, ContactKey
from tests.actions.qris.codes import TLS
from tests.actions.qris.gateways.test_gateways import EXPIRES, VARIANTS, now, settings_for
from tests.actions.qris.serving import serve

KEY = ContactKey("sandbox", "7")


class Shop:
    """An agent with one open payment, and what reached it."""

    def __init__(self, gateway, database, url, client):
        self.gateway, self.database, self.url, self.client = gateway, database, url, client
        self.notified = []
        self.charge = None

    async def offer(self):
        self.charge = await self.gateway.create("INV-1", 50000, now() + EXPIRES, "Pembayaran INV-1")
        offer = SendPayment(
            self.charge.payload, 50000, "INV-1", "KOPI", None, self.charge.expires, self.gateway.name,
            self.charge.provider_id, "INV-1",
        )  # fmt: skip
        await self.database.write(lambda c: payments.open_payment(c, KEY, "turn-1-0", offer, now()))

    async def simulate(self, **body):
        """What the simulator sends, kept instead of applied."""
        self.notified.clear()
        await self.client.post(f"{self.url}/pay/INV-1", json=body)
        return self.notified[-1]

    async def receive(self, headers, body, path):
        return await receive(self.gateway, self.database, headers, body, path, now())

    async def state(self):
        (payment,) = await self.database.read(lambda c: payments.of_contact(c, KEY))
        return payment.state, payment.paid_amount

    async def told(self):
        return len(await self.database.read(lambda c: history.recent(c, KEY, 10)))


@pytest.fixture
def shop(client, rsa_keys, tmp_path):
    @asynccontextmanager
    async def run(variant):
        private, public = rsa_keys
        keys = Keys(doku_public_key=public)
        database = open_database("sqlite:///shop.db", base=tmp_path)
        migrate.upgrade(database.engine)
        await database.write(lambda c: contacts.remember(c, Contact(KEY)))
        shops = []

        async def notified(request: Request):
            shops[0].notified.append((dict(request.headers), await request.body(), request.url.path))
            return JSONResponse({})

        agent = Starlette(routes=[Route("/payments/{gateway}", notified, methods=["POST"])])
        async with (
            httpx.AsyncClient(mounts={"http://agent": httpx.ASGITransport(agent)}, verify=TLS) as to_agent,
            serve(simulator("http://agent", to_agent, keys)) as url,
        ):
            gateway = connect(settings_for(variant, url, keys, private), client, now, "http://agent")
            shops.append(Shop(gateway, database, url, client))
            await shops[0].offer()
            yield shops[0]
        await database.aclose()

    return run


@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_payment_is_settled_by_the_status_that_the_gateway_answers(shop, variant):
    async with shop(variant) as here:
        settled, order = await here.receive(*await here.simulate(amount=50000, payer="DANA"))
        assert (order, settled.changed, settled.payment.payer) == ("INV-1", True, "DANA")
        assert await here.state() == ("paid", 50000)


@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_true_notification_of_a_payment_that_was_not_made_settles_nothing(shop, variant):
    """The simulator signs "paid", then forgets the payment: the signature is right, the status is not."""
    async with shop(variant) as here:
        headers, body, path = await here.simulate()
        forgotten = await here.client.post(f"{here.url}/forget/INV-1")
        assert forgotten.status_code == 200
        settled, _ = await here.receive(headers, body, path)
        assert not settled.changed
        assert await here.state() == ("open", 0)
        assert await here.told() == 0


def flipped_midtrans(headers, body):
    values = json.loads(body) | {"transaction_status": "settlement", "fraud_status": "accept"}
    return headers, json.dumps(values).encode()


def flipped_duitku(headers, body):
    return headers, urlencode(dict(parse_qsl(body.decode(), keep_blank_values=True)) | {"resultCode": "00"}).encode()


def flipped_xendit(headers, body):
    values = json.loads(body)
    values["data"]["status"] = "SUCCEEDED"
    return headers, json.dumps(values).encode()


@pytest.mark.parametrize(
    ("variant", "flip"),
    [
        ("midtrans", flipped_midtrans),
        ("duitku", flipped_duitku),
        ("xendit", flipped_xendit),
        ("xendit-v3", flipped_xendit),
    ],
)
async def test_a_status_flipped_under_a_valid_signature_settles_nothing(shop, variant, flip):
    async with shop(variant) as here:
        headers, body, path = await here.simulate(status="failed")
        await here.client.post(f"{here.url}/forget/INV-1")
        flipped = flip(headers, body)
        assert here.gateway.verify(*flipped, path).what == "paid", "its signature still holds"
        await here.receive(*flipped, path)
        assert await here.state() == ("open", 0)


async def test_a_status_flipped_at_doku_breaks_the_signature(shop):
    async with shop("doku") as here:
        headers, body, path = await here.simulate(status="failed")
        with pytest.raises(NotificationForged):
            await here.receive(headers, body.replace(b'"06"', b'"00"'), path)
        assert await here.state() == ("open", 0)


async def test_a_charge_that_the_gateway_does_not_know_is_not_settled(shop):
    async with shop("midtrans") as here:
        notification = await here.simulate()
        await here.client.post(f"{here.url}/forget/INV-1", json={"charge": True})
        with pytest.raises(GatewayRefused):
            await here.receive(*notification)
        assert await here.state() == ("open", 0)


async def test_an_order_that_is_not_ours_is_not_asked_for(shop):
    async with shop("midtrans") as here:
        headers, body, path = await here.simulate()
        values = json.loads(body) | {"order_id": "INV-2", "transaction_id": "other"}
        text = f"INV-2{values['status_code']}{values['gross_amount']}{Keys().midtrans}"
        values["signature_key"] = hashlib.sha512(text.encode()).hexdigest()
        here.gateway._settings = here.gateway._settings.model_copy(update={"base_url": "http://127.0.0.1:1"})
        assert (await here.receive(headers, json.dumps(values).encode(), path)) == ("unknown", "INV-2")


@pytest.mark.parametrize("form", ["", "old"])
@pytest.mark.parametrize("age", [timedelta(days=6 * 365), timedelta(hours=2), timedelta(minutes=-10)])
async def test_a_signed_time_of_doku_outside_its_window_is_refused(shop, age, form):
    async with shop("doku") as here:
        headers, body, path = await here.simulate(form=form)
        here.gateway._clock = lambda: now() + age
        with pytest.raises(NotificationForged, match=r"TIMESTAMP|Timestamp"):
            await here.receive(headers, body, path)
        here.gateway._clock = now
        assert (await here.receive(headers, body, path))[0].changed
