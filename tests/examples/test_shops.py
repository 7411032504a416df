"""The examples of shop systems: right as they stand, and working against small servers of their own."""

import csv
import io
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from actions.action import Context, Outcome
from agent.assembly import open_actions, open_ledger
from agent.config import examine, load
from agent.web.listening import listening
from agent.workflows.hooks import is_signed, read_hook
from examples.catalogue.feed import PRODUCTS
from examples.catalogue.feed import create_app as feed
from examples.payment_links.providers import Providers, razorpay_webhook, stripe_webhook
from examples.woocommerce.shop import ORDERS, webhook
from examples.woocommerce.shop import create_app as shop

EXAMPLES = Path(__file__).parents[2] / "examples"
NOW = datetime.now(UTC)
LEDGER = f"sqlite:///{tempfile.mkdtemp()}/balas.db"


def context(*said: str, **results: Any) -> Context:
    contact = {"id": "1", "platform": "sandbox", "phone": "+6281234567801", "email": "sari@example.com", "custom": {}}
    return Context(contact, said, {name: [value] for name, value in results.items()}, "key-1", NOW)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    async with listening(app, "127.0.0.1", 0) as address:
        yield address


async def called(
    example: str, environment: dict[str, str], name: str, arguments: dict[str, Any], at: Context
) -> Outcome:
    config = load(EXAMPLES / example / "agent.yaml", environment={**environment, "BALAS_MODEL": "offline"})
    async with open_ledger(config, LEDGER) as database, open_actions(config, database) as actions:
        return await actions[name].run(arguments, at)


@pytest.mark.parametrize("example", ["woocommerce", "payment_links", "catalogue"])
def test_the_example_is_right_as_it_stands(example: str) -> None:
    looked = examine(EXAMPLES / example, environment={})
    assert [str(error) for error in looked.errors] == []


async def test_woocommerce_tells_orders_to_their_customer_only_and_stock() -> None:
    async with served(shop()) as url:
        environment = {"WOO_URL": url}
        said = context("pesanan 7001 sudah sampai mana?")
        order = await called("woocommerce", environment, "get_order", {"number": "7001"}, said)
        assert (order.status, "processing" in order.content) == ("done", True)
        stranger = context("pesanan 7001?")
        stranger = Context({**stranger.contact, "email": "x@example.com"}, stranger.said, {}, "key-2", NOW)
        assert (
            "processing"
            not in (await called("woocommerce", environment, "get_order", {"number": "7001"}, stranger)).content
        )
        stock = await called("woocommerce", environment, "get_stock", {"product": "gayo"}, context("stok gayo ada?"))
        assert "85000" in stock.content
        async with httpx.AsyncClient() as client:
            rows = list(csv.DictReader(io.StringIO((await client.get(f"{url}/feed/products.csv")).text)))
        assert [row["stock"] for row in rows] == ["12", "0"]


def test_the_shops_and_the_providers_webhooks_begin_their_workflows() -> None:
    flows = {
        each.name: each
        for name in ("woocommerce", "payment_links")
        for each in load(EXAMPLES / name, environment={}).workflows
    }
    at = int(NOW.timestamp())
    stripe = {"id": "evt_1", "data": {"object": {"metadata": {"phone": "+6281234567801"}}}}
    razorpay = {"payload": {"payment_link": {"entity": {"notes": {"phone": "+6281234567801"}}}}}
    for name, make in (
        ("order-updated", lambda secret: webhook(ORDERS[0], secret, "d1")),
        ("stripe-paid", lambda secret: stripe_webhook(stripe, secret, at)),
        ("razorpay-paid", lambda secret: razorpay_webhook(razorpay, secret, "e1")),
    ):
        flow = flows[name]
        assert flow.token is not None
        secret = flow.token.get_secret_value()
        body, headers = make(secret)
        plain = {key.lower(): value for key, value in headers.items()}
        assert is_signed(plain, body, secret, NOW)
        hook = read_hook(flow, plain, body)
        assert hook.address is not None
        assert hook.address["phone"] == "+6281234567801"
        # WooCommerce counts its deliveries by the second, so what was delivered belongs to the identity.
        identity = {"order-updated": "d1-[0-9a-f]{32}", "stripe-paid": "evt_1", "razorpay-paid": "e1"}[name]
        assert re.fullmatch(identity, hook.identity)


async def test_payment_links_are_made_once_a_key_and_their_state_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    providers = Providers()
    async with served(providers.app()) as url:
        monkeypatch.setenv("RAZORPAY_URL", url)
        environment = {"STRIPE_URL": url}
        said = context("bayar pakai kartu 50000")
        for _ in range(2):
            made = await called("payment_links", environment, "stripe_link", {"amount": 50000}, said)
            assert (made.status, "checkout.example/cs_1" in made.content) == ("done", True)
        assert [link["amount_total"] for link in providers.links.values()] == [5_000_000]
        assert providers.links["cs_1"]["phone"] == "+6281234567801"
        asked = context("sudah masuk?", stripe_link=made.data)
        state = await called("payment_links", environment, "stripe_status", {"session": "cs_1"}, asked)
        assert "unpaid" in state.content
        made = await called("payment_links", environment, "razorpay_link", {"amount": 500}, context("link for 500"))
        assert (made.status, providers.links["plink_2"]["amount"]) == ("done", 50_000)


async def test_the_catalogue_is_a_feed_and_its_pictures_can_be_sent() -> None:
    async with served(feed()) as url, httpx.AsyncClient() as client:
        rows = list(csv.DictReader(io.StringIO((await client.get(f"{url}/products.csv")).text)))
    assert [int(row["price"]) for row in rows] == [price for _, _, price, _ in PRODUCTS]
    config = load(EXAMPLES / "catalogue", environment={})
    async with open_ledger(config, LEDGER) as database, open_actions(config, database) as actions:
        sent = await actions["send_file"].run({"file": "pictures/dripper-v60.png"}, context("lihat dripper V60"))
    assert (sent.status, len(sent.requests)) == ("done", 1)
