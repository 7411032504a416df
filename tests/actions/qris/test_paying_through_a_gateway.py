"""From "bayar 50rb" through a gateway to "received", with nothing left out but the model and the platform."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from actions.action import Context
from actions.qris.picture import read_image
from actions.qris.settings import PaymentsSettings
from actions.qris.simulator import Keys, simulator
from actions.qris.texts import picture
from agent.ledger import contacts, history, migrate, open_database, payments
from agent.payments import open_gateway, payment_actions, receive
from messaging.types import Contact, ContactKey
from tests.actions.qris.codes import TLS
from tests.actions.qris.serving import serve

KEY = ContactKey("sandbox", "7")
KEYS = Keys()


def now():
    return datetime.now(UTC)


def settings(name, url):
    gateway = {
        "midtrans": {"server_key": KEYS.midtrans},
        "xendit": {"secret_key": KEYS.xendit, "callback_token": KEYS.xendit_token},
        "duitku": {"merchant_code": KEYS.duitku_merchant, "api_key": KEYS.duitku},
    }[name]
    return PaymentsSettings.model_validate(
        {"qris": {"gateway": {"name": name, "base_url": f"{url}/{name}", **gateway}, "merchant": "KOPI SENJA"}}
    )


@pytest.mark.parametrize("name", ["midtrans", "xendit", "duitku"])
async def test_a_customer_pays_through_a_gateway(name, client, tmp_path):
    database = open_database("sqlite:///road.db", base=tmp_path)
    migrate.upgrade(database.engine)
    await database.write(lambda c: contacts.remember(c, Contact(KEY)))
    gateways = []

    async def notified(request: Request):
        body = await request.body()
        settled, _ = await receive(gateways[0], database, dict(request.headers), body, request.url.path, now())
        return JSONResponse({"changed": settled.changed})

    agent = Starlette(routes=[Route("/payments/{gateway}", notified, methods=["POST"])])
    async with (
        httpx.AsyncClient(mounts={"http://agent": httpx.ASGITransport(agent)}, verify=TLS) as to_agent,
        serve(simulator("http://agent", to_agent, KEYS)) as url,
    ):
        configured = settings(name, url)
        gateway = open_gateway(configured, client, now, "http://agent")
        gateways.append(gateway)
        send, check = payment_actions(configured, database, "sandbox", gateway)
        context = Context({"id": "7", "platform": "sandbox"}, ("bayar 50rb",), {}, "turn-1", now())

        outcome = await send.run({"amount": 50000}, context)
        again = await send.run({"amount": 50000}, context)
        (offer,) = outcome.requests
        assert again.requests[0].provider_id == offer.provider_id
        assert (offer.merchant, offer.provider) == ("KOPI SENJA", name)
        assert read_image(picture(offer, ZoneInfo("Asia/Jakarta"))) == [offer.payload]
        await database.write(lambda c: payments.open_payment(c, KEY, "turn-1-0", offer, now()))

        resent = await send.run({}, Context({"id": "7"}, ("kirim ulang",), {}, "turn-2", now()))
        assert resent.requests[0].resend
        assert resent.requests[0].provider_id == offer.provider_id

        before = await check.run({}, Context({"id": "7"}, ("sudah saya bayar",), {}, "turn-3", now()))
        assert before.status == "refused"
        paid = await client.post(f"{url}/pay/{offer.order or offer.reference}", json={"times": 2})
        assert paid.json() == {"answers": [200, 200]}
        after = await check.run({}, Context({"id": "7"}, ("sudah masuk?",), {}, "turn-4", now()))
        assert after.status == "done"

    (payment,) = await database.read(lambda c: payments.of_contact(c, KEY))
    assert (payment.state, payment.paid_amount) == ("paid", 50000)
    lines = await database.read(lambda c: history.recent(c, KEY, 10))
    assert len(lines) == 1
    assert "Rp50.000" in lines[0].text
    await database.aclose()


async def test_a_gateway_that_does_not_answer_sends_no_code(client, tmp_path):
    database = open_database("sqlite:///road.db", base=tmp_path)
    migrate.upgrade(database.engine)
    configured = settings("midtrans", "http://127.0.0.1:1")
    send, _ = payment_actions(configured, database, "sandbox", open_gateway(configured, client, now))
    outcome = await send.run({}, Context({"id": "7"}, ("bayar 50rb",), {}, "turn-1", now()))
    assert outcome.status == "failed"
    assert not outcome.requests
    unconnected, _ = payment_actions(configured, database, "sandbox", None)
    assert (await unconnected.run({}, Context({"id": "7"}, ("bayar 50rb",), {}, "t", now()))).status == "failed"
    await database.aclose()
