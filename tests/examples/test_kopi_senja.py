import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from actions.qris import parse
from agent.cli.session import FIRST_CUSTOMER, open_session
from agent.cli.stage import load_script, shortcomings
from agent.config import load
from agent.terminal import as_text
from agent.web.listening import listening
from examples.kopi_senja.orders import DEMO_PHONE, DEMO_PHONES, DEMO_TOKEN, PRICES, create_app
from messaging.sandbox.options import SEED_CONTACTS

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples/kopi_senja"
KEYS = (
    "OPENAI_API_KEY",
    "AELYST_TOKEN",
    "AELYST_WEBHOOK_SECRET",
    "QRIS_STATIC",
    "BALAS_MODEL",
    "SHOP_TOKEN",
    "SHOP_URL",
)


@asynccontextmanager
async def api() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app())
    headers = {"Authorization": f"Bearer {DEMO_TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://shop", headers=headers) as client:
        yield client


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing of the sample is set."""
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    return monkeypatch


async def test_an_order_is_shown_to_whoever_placed_it() -> None:
    async with api() as client:
        answer = await client.get("/orders/KS-10234", params={"phone": DEMO_PHONE})
        assert (answer.status_code, answer.json()["status"], answer.json()["total"]) == (200, "dikirim", 170_000)


async def test_every_phone_of_the_demo_has_orders_of_its_own() -> None:
    assert set(DEMO_PHONES) == {seed.phone for seed in SEED_CONTACTS}
    assert FIRST_CUSTOMER == DEMO_PHONE == DEMO_PHONES[0]
    async with api() as client:
        for phone in DEMO_PHONES:
            assert (await client.get("/orders/KS-10234", params={"phone": phone})).json()["status"] == "dikirim"
            assert (await client.post("/orders/KS-10235/cancel", json={"phone": phone})).status_code == 200


@pytest.mark.parametrize("query", [{}, {"phone": "+6281234567899"}, {"phone": ""}])
async def test_to_anybody_else_an_order_does_not_exist(query: dict[str, str]) -> None:
    async with api() as client:
        assert (await client.get("/orders/KS-10234", params=query)).status_code == 404
        assert (await client.post("/orders/KS-10235/cancel", json=query)).status_code == 404


async def test_without_the_token_nothing_is_told() -> None:
    async with api() as client:
        answer = await client.get(
            "/orders/KS-10234", params={"phone": DEMO_PHONE}, headers={"Authorization": "Bearer x"}
        )
        assert answer.status_code == 401


async def test_a_repeated_cancellation_with_the_same_key_gets_the_first_answer() -> None:
    async with api() as client:
        body, key = {"phone": DEMO_PHONE}, {"Idempotency-Key": "one"}
        first = await client.post("/orders/KS-10235/cancel", json=body, headers=key)
        again = await client.post("/orders/KS-10235/cancel", json=body, headers=key)
        other = await client.post("/orders/KS-10235/cancel", json=body, headers={"Idempotency-Key": "two"})
        assert (
            first.json()
            == again.json()
            == {"id": "KS-10235", "status": "dibatalkan", "refund": "Rp285.000 dalam 3 hari kerja"}
        )
        assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)


async def test_a_shipped_order_cannot_be_cancelled() -> None:
    async with api() as client:
        assert (await client.post("/orders/KS-10234/cancel", json={"phone": DEMO_PHONE})).status_code == 409


async def test_an_order_is_placed_once_for_a_key() -> None:
    async with api() as client:
        body = {"phone": DEMO_PHONE, "items": [{"product": "Kopi Susu Senja", "quantity": 2}]}
        made = [await client.post("/orders", json=body, headers={"Idempotency-Key": "a"}) for _ in range(2)]
        assert made[0].json() == made[1].json()
        assert (made[0].status_code, made[0].json()["total"]) == (201, 50_000)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"phone": DEMO_PHONE},
        {"phone": DEMO_PHONE, "items": [{"product": "Emas"}]},
        {"items": [{"product": "Americano"}]},
    ],
)
async def test_an_order_without_customer_or_goods_is_refused(body: dict[str, object]) -> None:
    async with api() as client:
        assert (await client.post("/orders", json=body)).status_code == 422


def test_the_shop_charges_what_the_menu_says() -> None:
    with (SAMPLE / "menu.csv").open(encoding="utf-8") as file:
        menu = {row["nama"]: int(row["harga"].removeprefix("Rp").replace(".", "")) for row in csv.DictReader(file)}
    assert {name: menu[name] for name in PRICES} == PRICES


@pytest.mark.usefixtures("environment")
def test_the_sample_needs_no_account_and_no_key() -> None:
    config = load(ROOT / "agent.yaml")
    assert config.model.offline
    assert config.platforms[0].effective_platform == "sandbox"


def test_with_a_key_the_sample_uses_the_model_and_with_a_token_the_platform(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OPENAI_API_KEY", "sk-test")
    environment.setenv("AELYST_TOKEN", "token")
    environment.setenv("AELYST_WEBHOOK_SECRET", "the key that the platform shows")
    config = load(ROOT / "agent.yaml")
    assert not config.model.offline
    assert config.platforms[0].effective_platform == "aelyst"


async def test_the_scripted_conversation_goes_as_written(environment: pytest.MonkeyPatch) -> None:
    wrong = {}
    async with listening(create_app(), "127.0.0.1", 0) as shop:
        environment.setenv("SHOP_URL", shop)
        async with open_session(load(ROOT / "agent.yaml"), DEMO_PHONE) as session:
            for scene in load_script(SAMPLE / "script.yaml"):
                answer = await (
                    session.send_file(ROOT / scene.voice, "audio") if scene.voice else session.say(*scene.texts)
                )
                codes = [picture.qris for picture in answer.pictures if picture.qris]
                amounts = [int(amount) for code in codes if (amount := parse(code).amount) is not None]
                missing = shortcomings(scene, [as_text(message) for message in answer.messages], amounts)
                if missing:
                    wrong[scene.shown()] = (missing, answer.text)
    assert wrong == {}
