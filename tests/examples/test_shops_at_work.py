"""Each example of a shop system at work: a real agent, the sandbox, and the example's own small server."""

import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML
from starlette.types import ASGIApp

from agent.cli.frame import run
from agent.web.listening import listening
from examples.catalogue.feed import create_app as feed
from examples.payment_links.providers import Providers, razorpay_webhook, stripe_webhook
from examples.woocommerce.shop import ORDERS, PRODUCTS, webhook
from examples.woocommerce.shop import create_app as shop
from tests.acceptance.flow import until
from tests.acceptance.world import World, world

EXAMPLES = Path(__file__).parents[2] / "examples"
PHONE = "+6281234567801"


@pytest.mark.parametrize("example", ["woocommerce", "payment_links", "catalogue"])
def test_the_scenarios_of_the_example_come_out_as_expected(
    example: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BALAS_MODEL", raising=False)
    assert run(["test", "-c", str(EXAMPLES / example / "agent.yaml")]) == 0, capsys.readouterr().out


KEYS = {
    "WOO_WEBHOOK_SECRET": "key-of-the-woo-shop",
    "STRIPE_WEBHOOK_SECRET": "key-of-the-stripe-account",
    "RAZORPAY_WEBHOOK_SECRET": "key-of-the-razorpay-account",
}
"""Those of the examples are public: outside the sandbox an agent does not start with them."""


@asynccontextmanager
async def at_work(folder: Path, example: str, app: ASGIApp, *names: str) -> AsyncIterator[World]:
    """The example's agent, whose systems stand behind the variables `names`; commands of the agent find them there, too."""
    shutil.copytree(EXAMPLES / example, folder, dirs_exist_ok=True)
    settings: dict[str, Any] = YAML(typ="safe").load((EXAMPLES / example / "agent.yaml").read_text(encoding="utf-8"))
    kept = {key: settings[key] for key in settings if key not in ("messaging", "server", "model", "voice")}
    async with listening(app, "127.0.0.1", 0) as url, world(folder, model={"name": "offline"}, **kept) as here:
        path = "/products.json" if example == "catalogue" else ""
        with pytest.MonkeyPatch.context() as variables:
            for name in names:
                variables.setenv(name, f"{url}{path}")
            for name, key in KEYS.items():
                variables.setenv(name, key)
            here.config["server"]["api_token"] = "token-of-the-shops-agent"
            await here.start()
            yield here


async def hook(here: World, name: str, body: bytes, headers: Mapping[str, str], status: int = 200) -> Any:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{here.url}/api/v1/hooks/{name}", content=body, headers=dict(headers))
    assert answer.status_code == status, answer.text
    return answer.json()


def texts(here: World) -> list[str]:
    return [str(message.content.get("text")) for message in here.sandbox.sent(here.sandbox.phone(PHONE))]


async def test_a_woocommerce_customer_asks_for_an_order_and_is_told_of_its_change_once(tmp_path: Path) -> None:
    async with at_work(tmp_path, "woocommerce", shop(), "WOO_URL") as here:
        sari = here.sandbox.phone(PHONE, "Sari")
        here.sandbox.state.contacts.update(sari, {"email": "sari@example.com"})
        asked = here.sandbox.say(sari, "pesanan 7001 sudah sampai mana?")
        assert "processing" in (await here.texts(sari, after=asked))[0]
        body, headers = webhook({**ORDERS[0], "status": "completed"}, KEYS["WOO_WEBHOOK_SECRET"], "d-1")
        first, again = (
            await hook(here, "order-updated", body, headers),
            await hook(here, "order-updated", body, headers),
        )
        assert (first["duplicate"], again["duplicate"]) == (False, True)
        await hook(here, "order-updated", body + b" ", headers, 401)
        await until(lambda: "Pesanan 7001 sekarang completed." in texts(here), here)
        await here.settled()
        assert texts(here).count("Pesanan 7001 sekarang completed.") == 1


async def test_a_price_that_changes_in_the_shop_is_the_one_that_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_work(tmp_path, "woocommerce", shop(), "WOO_URL") as here:
        monkeypatch.setitem(PRODUCTS[1], "price", "97500")
        await here.command("knowledge", "sync")
        assert "97500" in await here.command("knowledge", "search", "harga Kopi Toraja", "--json")


async def test_a_payment_page_is_made_after_a_yes_and_settled_by_its_signed_webhook_once(tmp_path: Path) -> None:
    providers = Providers()
    async with at_work(tmp_path, "payment_links", providers.app(), "STRIPE_URL", "RAZORPAY_URL") as here:
        sari = here.sandbox.phone(PHONE, "Sari")
        asked = here.sandbox.say(sari, "bayar pakai kartu 50000")
        await here.texts(sari, after=asked)
        assert providers.links == {}
        agreed = here.sandbox.say(sari, "ya")
        assert "https://checkout.example/cs_1" in (await here.texts(sari, after=agreed))[0]
        assert [link["amount_total"] for link in providers.links.values()] == [5_000_000]
        event = {"id": "evt_1", "data": {"object": {"metadata": {"phone": PHONE}}}}
        body, headers = stripe_webhook(event, KEYS["STRIPE_WEBHOOK_SECRET"], int(time.time()))
        assert [(await hook(here, "stripe-paid", body, headers))["duplicate"] for _ in range(2)] == [False, True]
        thanks = "Pembayaran sudah kami terima, terima kasih!"
        await until(lambda: thanks in texts(here) and "paid" in here.sandbox.phone(PHONE).tags, here)
        old = stripe_webhook(event, KEYS["STRIPE_WEBHOOK_SECRET"], int(time.time()) - 3600)
        await hook(here, "stripe-paid", *old, 401)
        await hook(here, "razorpay-paid", *razorpay_webhook(event, "wrong", "e-1"), 401)
        await here.settled()
        assert texts(here).count(thanks) == 1


async def test_the_catalogue_answers_from_a_json_feed_and_sends_a_picture(tmp_path: Path) -> None:
    async with at_work(tmp_path, "catalogue", feed(), "FEED_URL") as here:
        sari = here.sandbox.phone(PHONE, "Sari")
        asked = here.sandbox.say(sari, "berapa harga Dripper V60?")
        assert "120" in (await here.texts(sari, after=asked))[0]
        asked = here.sandbox.say(sari, "kirim gambar dripper v60")
        await until(
            lambda: any("attachment" in str(each.content) for each in here.sandbox.sent(sari, after=asked)), here
        )
