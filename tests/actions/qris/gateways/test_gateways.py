"""Every gateway against its simulator, over real HTTP: what one side signs, the other verifies."""

import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from actions.qris import parse
from actions.qris.errors import GatewayRefused, GatewayUnavailable, NotificationForged, NotificationUnreadable
from actions.qris.gateways import GatewaySettings, connect
from actions.qris.settings import QrisSettings
from actions.qris.simulator import Keys, examples, simulator
from tests.actions.qris.codes import TLS
from tests.actions.qris.serving import serve

VARIANTS = ["midtrans", "xendit", "xendit-v3", "duitku", "doku"]
EXPIRES = timedelta(minutes=15)


def now():
    return datetime.now(UTC)


def settings_for(variant, base_url, keys, private_key):
    name = variant.partition("-")[0]
    fields = {
        "midtrans": {"server_key": keys.midtrans},
        "xendit": {"secret_key": keys.xendit, "callback_token": keys.xendit_token},
        "duitku": {"merchant_code": keys.duitku_merchant, "api_key": keys.duitku},
        "doku": {
            "client_id": keys.doku_client,
            "secret_key": keys.doku,
            "private_key": private_key,
            "merchant_id": "1",
        },
    }[name]
    if variant == "xendit-v3":
        fields["version"] = "2024-11-11"
    return TypeAdapter(GatewaySettings).validate_python({"name": name, "base_url": f"{base_url}/{name}", **fields})


@pytest.fixture
def play(client, rsa_keys):
    """A gateway with its simulator, and an agent that keeps what it could verify."""

    @asynccontextmanager
    async def run(variant):
        private, public = rsa_keys
        keys = Keys(doku_public_key=public)
        received, gateways = [], []

        async def notified(request: Request):
            body = await request.body()
            try:
                received.append(gateways[0].verify(dict(request.headers), body, request.url.path))
            except NotificationForged as error:
                return JSONResponse({"error": str(error)}, 401)
            return JSONResponse({"accepted": True})

        agent = Starlette(routes=[Route("/payments/{gateway}", notified, methods=["POST"])])
        mounts = {"http://agent": httpx.ASGITransport(agent)}
        async with (
            httpx.AsyncClient(mounts=mounts, verify=TLS) as to_agent,
            serve(simulator("http://agent", to_agent, keys)) as url,
        ):
            settings = settings_for(variant, url, keys, private)
            gateways.append(connect(settings, client, now, "http://agent"))
            yield gateways[0], received, Pay(client, url), settings

    return run


class Pay:
    def __init__(self, client, url):
        self.client, self.url = client, url

    async def __call__(self, order, **body):
        answer = await self.client.post(f"{self.url}/pay/{order}", json=body)
        return answer.json()["answers"]


@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_charge_is_created_paid_and_reported(play, variant):
    async with play(variant) as (gateway, received, pay, _):
        charge = await gateway.create("INV-1", 50000, now() + EXPIRES, "Pembayaran INV-1")
        code = parse(charge.payload)
        assert code.crc_ok
        assert (code.amount, charge.amount, charge.order) == (50000, 50000, "INV-1")
        assert abs(charge.expires - now() - EXPIRES) < timedelta(seconds=30)
        before = await gateway.status("INV-1", charge.provider_id)
        assert before.what == "pending"
        assert await pay("INV-1", payer="DANA", times=2) == [200, 200]
        one, again = received
        assert (one.gateway, one.order, one.what, one.amount, one.currency) == (
            gateway.name,
            "INV-1",
            "paid",
            50000,
            "IDR",
        )
        assert one.provider_id == charge.provider_id
        assert one.payer == "DANA"
        assert one.receipt == again.receipt
        assert abs(one.at - now()) < timedelta(seconds=30)
        after = await gateway.status("INV-1", charge.provider_id)
        assert (after.what, after.amount) == ("paid", 50000)


@pytest.mark.parametrize("variant", VARIANTS)
async def test_creating_the_same_order_again_gives_the_same_charge(play, variant):
    async with play(variant) as (gateway, _, _, _):
        expires = now() + EXPIRES
        first = await gateway.create("INV-1", 50000, expires, "Pembayaran")
        again = await gateway.create("INV-1", 50000, expires, "Pembayaran")
        assert (again.provider_id, again.payload) == (first.provider_id, first.payload)


@pytest.mark.parametrize("variant", VARIANTS)
async def test_the_amount_that_arrived_is_the_one_reported(play, variant):
    async with play(variant) as (gateway, received, pay, _):
        await gateway.create("INV-1", 50000, now() + EXPIRES, "Pembayaran")
        await pay("INV-1", amount=20000)
        assert (received[0].what, received[0].amount) == ("paid", 20000)


@pytest.mark.parametrize(
    ("variant", "what"), [(v, "failed") for v in VARIANTS] + [("midtrans", "expired"), ("doku", "expired")]
)
async def test_what_is_not_paid_is_reported_too(play, variant, what):
    async with play(variant) as (gateway, received, pay, _):
        await gateway.create("INV-1", 50000, now() + EXPIRES, "Pembayaran")
        await pay("INV-1", status=what)
        assert received[0].what == what


@pytest.mark.parametrize("variant", ["midtrans", "xendit-v3", "doku"])
async def test_a_charge_can_be_cancelled_where_the_gateway_can(play, variant):
    async with play(variant) as (gateway, _, _, _):
        charge = await gateway.create("INV-1", 50000, now() + EXPIRES, "Pembayaran")
        await gateway.cancel("INV-1", charge.provider_id)
        assert (await gateway.status("INV-1", charge.provider_id)).what == "cancelled"
        with pytest.raises(GatewayRefused):
            await gateway.cancel("INV-1", charge.provider_id)


@pytest.mark.parametrize("variant", ["xendit", "duitku"])
async def test_a_gateway_that_cannot_cancel_says_so(play, variant):
    async with play(variant) as (gateway, _, _, _):
        with pytest.raises(GatewayRefused, match="cannot cancel"):
            await gateway.cancel("INV-1", "x")


async def test_a_signature_of_another_key_is_refused(play):
    secrets = {
        "midtrans": "server_key", "xendit": "callback_token", "duitku": "api_key", "doku": "secret_key",
    }  # fmt: skip
    for variant, field in secrets.items():
        async with play(variant) as (gateway, received, pay, settings):
            await gateway.create("INV-1", 50000, now() + EXPIRES, "Pembayaran")
            other = settings.model_copy(update={field: type(getattr(settings, field))("another")})
            gateway._settings = other
            assert await pay("INV-1") == [401], variant
            assert not received


async def test_the_older_notification_of_doku_is_verified_too(play):
    async with play("doku") as (gateway, received, pay, _):
        await gateway.create("INV-1", 50000, now() + EXPIRES, "Pembayaran")
        assert await pay("INV-1", form="old") == [200]
        assert (received[0].order, received[0].what, received[0].amount) == ("INV-1", "paid", 50000)


async def test_a_gateway_that_is_down_or_busy_is_unavailable_and_one_that_says_no_refuses(client):
    answers = {"/v2/charge": 503}

    async def answer(request: Request):
        status = answers[request.url.path]
        return JSONResponse({"status_message": "no"}, status)

    settings = TypeAdapter(GatewaySettings).validate_python({"name": "midtrans", "server_key": "k"})
    async with serve(Starlette(routes=[Route("/v2/charge", answer, methods=["POST"])])) as url:
        gateway = connect(settings.model_copy(update={"base_url": url}), client, now, None)
        for answers["/v2/charge"] in (429, 500, 503):
            with pytest.raises(GatewayUnavailable):
                await gateway.create("INV-1", 50000, now() + EXPIRES, "x")
        for answers["/v2/charge"] in (400, 401, 404):
            with pytest.raises(GatewayRefused, match="no"):
                await gateway.create("INV-1", 50000, now() + EXPIRES, "x")
    with pytest.raises(GatewayUnavailable, match="does not answer"):
        await gateway.create("INV-1", 50000, now() + EXPIRES, "x")


def gateway_of(**fields):
    settings = TypeAdapter(GatewaySettings).validate_python(fields)
    return connect(settings, httpx.AsyncClient(verify=TLS), now, None)


MIDTRANS = {
    "transaction_type": "on-us", "transaction_time": "2021-06-23 14:02:42", "transaction_status": "settlement",
    "transaction_id": "513f1f01", "status_message": "midtrans payment notification", "status_code": "200",
    "settlement_time": "2021-06-23 14:03:42", "payment_type": "qris", "order_id": "qris-01", "merchant_id": "G141532850",
    "issuer": "gopay", "gross_amount": "5539.00", "fraud_status": "accept", "currency": "IDR", "acquirer": "gopay",
}  # fmt: skip


def midtrans(**changes):
    values = MIDTRANS | changes
    text = f"{values['order_id']}{values['status_code']}{MIDTRANS['gross_amount']}key"
    values.setdefault("signature_key", hashlib.sha512(text.encode()).hexdigest())
    return json.dumps(values).encode()


def test_a_notification_of_midtrans_as_documented():
    event = gateway_of(name="midtrans", server_key="key").verify({}, midtrans(), "/payments/midtrans")
    assert (event.order, event.what, event.amount, event.payer) == ("qris-01", "paid", 5539, "gopay")
    assert event.at == datetime(2021, 6, 23, 7, 3, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    "change", [{"gross_amount": "1.00"}, {"order_id": "x", "signature_key": "0"}, {"signature_key": ""}]
)
def test_a_changed_notification_of_midtrans_is_forged(change):
    with pytest.raises(NotificationForged):
        gateway_of(name="midtrans", server_key="key").verify({}, midtrans(**change), "/")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"x"', b"\xff\xfe", b'{"order_id": "x"}'])
@pytest.mark.parametrize(
    "fields",
    [
        {"name": "midtrans", "server_key": "key"},
        {"name": "xendit", "secret_key": "key", "callback_token": "token"},
        {"name": "duitku", "merchant_code": "D1", "api_key": "key"},
        {"name": "doku", "client_id": "c", "secret_key": "s", "private_key": "p", "merchant_id": "1"},
    ],
)
def test_garbage_is_refused_and_never_breaks(fields, body):
    with pytest.raises((NotificationForged, NotificationUnreadable)):
        gateway_of(**fields).verify({"x-callback-token": "token"}, body, "/")


def test_a_notification_without_its_signature_is_forged():
    headers = {"content-type": "application/x-www-form-urlencoded"}
    duitku = gateway_of(name="duitku", merchant_code="D1", api_key="key")
    with pytest.raises(NotificationForged, match="missing"):
        duitku.verify(headers, b"merchantCode=D1&amount=5&merchantOrderId=a&resultCode=00&reference=r", "/")
    doku = gateway_of(name="doku", client_id="c", secret_key="s", private_key="p", merchant_id="1")
    with pytest.raises(NotificationForged, match="missing"):
        doku.verify({}, b'{"amount": {}}', "/")
    xendit = gateway_of(name="xendit", secret_key="key", callback_token="token")
    with pytest.raises(NotificationForged, match="missing"):
        xendit.verify({}, b"{}", "/")


def test_the_callback_of_duitku_signs_the_amount_before_the_order():
    duitku = gateway_of(name="duitku", merchant_code="D1", api_key="key")
    body = "merchantCode=D1&amount=50000&merchantOrderId=INV-1&resultCode=00&reference=R1&signature="

    def signed_as(text):
        return hashlib.md5(text, usedforsecurity=False).hexdigest()

    assert duitku.verify({}, (body + signed_as(b"D150000INV-1key")).encode(), "/").amount == 50000
    with pytest.raises(NotificationForged):
        duitku.verify({}, (body + signed_as(b"D1INV-150000key")).encode(), "/")
    newer = gateway_of(name="duitku", merchant_code="D1", api_key="key", signature="hmac-sha256")
    signed = hmac.digest(b"key", b"D150000INV-1", "sha256").hex()
    assert newer.verify({}, (body + signed).encode(), "/").order == "INV-1"


def test_a_snap_provider_that_signs_with_its_rsa_key(rsa_keys):
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private, public = rsa_keys
    body = (
        b'{ "originalReferenceNo": "R1", "originalPartnerReferanceNo": "INV-1", "latestTransactionStatus": "00", '
        b'"amount": {"value": "50000.00", "currency": "IDR"}, "additionalInfo": {"rrn": "123"} }'
    )
    minified = json.dumps(json.loads(body), separators=(",", ":")).encode()
    timestamp = now().isoformat()
    text = f"POST:/payments/doku:{hashlib.sha256(minified).hexdigest()}:{timestamp}"
    key = load_pem_private_key(private.encode(), None)
    signature = base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
    gateway = gateway_of(
        name="doku", client_id="c", secret_key="s", private_key=private, public_key=public, merchant_id="1"
    )
    headers = {"x-timestamp": timestamp, "x-signature": signature}
    event = gateway.verify(headers, body, "/payments/doku")
    assert (event.order, event.amount, event.receipt) == ("INV-1", 50000, "R1")
    with pytest.raises(NotificationForged):
        gateway.verify(headers, body, "/payments/other")
    with pytest.raises(NotificationForged):
        gateway.verify({**headers, "x-signature": "!"}, body, "/payments/doku")


def test_an_amount_that_is_no_whole_rupiah_is_unreadable():
    text = "qris-012005539.50key"
    body = midtrans(gross_amount="5539.50", signature_key=hashlib.sha512(text.encode()).hexdigest())
    with pytest.raises(NotificationUnreadable, match=r"5539\.50"):
        gateway_of(name="midtrans", server_key="key").verify({}, body, "/")


def test_what_the_simulator_says_to_write_into_agent_yaml_is_right():
    for example in examples(Keys(), "http://127.0.0.1:8795"):
        gateway = YAML(typ="safe").load(example)
        assert QrisSettings.model_validate({"gateway": gateway}).describe() == f"codes of {gateway['name']}"
