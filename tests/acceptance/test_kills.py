"""`kill -9` at every named point of the code: exactly one reply, and an effect at most once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.acceptance.shop import Shop, shop
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.world import World, world

ROAD = [
    "before-accept",
    "accepted",
    "after-claim",
    "model-call",
    "model-answered",
    "model-recorded",
    "before-commit",
    "after-commit",
    "before-send",
    "sent",
]
REPEATABLE = ["effect-started", "effect-done", "model-recorded:2", "sent"]
ONCE = ["effect-started", "effect-done", "action-recorded"]


def cancel_then_report(asked: Asked) -> Answer:
    if not asked.results:
        return {"call": "cancel_order", "arguments": {"order_id": "KS-10234"}}
    if "may or may not have been done" in asked.results[-1]:
        return "Belum pasti apakah pesanannya batal; rekan kami akan memeriksa."
    return "Pesanan sudah dibatalkan." if "dibatalkan" in asked.results[-1] else asked.results[-1]


async def _killed_at(here: World, point: str, text: str) -> list[str]:
    """Say something, let the agent die at the point, start it again: what the customer got."""
    await here.start(environment={"BALAS_KILL_AT": point})
    budi = here.sandbox.phone("+6281234567802")
    here.sandbox.say(budi, text)
    await here.died()
    await here.start()
    await here.texts(budi)
    await here.settled()
    return [str(message.content.get("text")) for message in here.sandbox.sent(budi)]


async def _at_each(points: list[str], folder: Path, check: Callable[[str, Path], Awaitable[None]]) -> None:
    """Check every point, a few at a time; all that went wrong is told together."""
    slots = asyncio.Semaphore(3)

    async def one(number: int, point: str) -> str | None:
        own = folder / str(number)
        own.mkdir()
        async with slots:
            try:
                await check(point, own)
            except (AssertionError, TimeoutError) as error:
                return f"{point}: {error}"
        return None

    wrong = await asyncio.gather(*(one(number, point) for number, point in enumerate(points)))
    assert not any(wrong), "\n\n".join(filter(None, wrong))


async def test_a_kill_anywhere_on_the_road_leaves_exactly_one_reply(tmp_path: Path) -> None:
    async def check(point: str, folder: Path) -> None:
        async with world(folder) as here:
            replies = await _killed_at(here, point, "harga kopi susu berapa?")
            assert replies == ["Jawaban untuk: harga kopi susu berapa?"]
            most = 2 if point == "model-answered" else 1
            assert len(here.model.asked) <= most, "a recorded model call is not paid for twice"

    await _at_each(ROAD, tmp_path, check)


async def test_a_repeatable_effect_happens_once_and_is_reported(tmp_path: Path) -> None:
    async def check(point: str, folder: Path) -> None:
        async with shop() as store, world(folder, actions=_repeatable(store), network=_LOOPBACK) as here:
            here.model.answer = cancel_then_report
            (reply,) = await _killed_at(here, point, "batalkan KS-10234")
            assert "dibatalkan" in reply
            assert store.cancelled == {"KS-10234": 1}

    await _at_each(REPEATABLE, tmp_path, check)


async def test_an_effect_that_cannot_be_repeated_happens_at_most_once(tmp_path: Path) -> None:
    async def check(point: str, folder: Path) -> None:
        async with shop() as store, world(folder, actions=store.actions(), network=_LOOPBACK) as here:
            here.model.answer = cancel_then_report
            (reply,) = await _killed_at(here, point, "batalkan KS-10234")
            assert store.cancelled["KS-10234"] <= 1
            unknown = point in {"effect-started", "effect-done"}
            assert ("Belum pasti" in reply) == unknown, "without the mark, which is the model's"
            comments = [comment.text for comment in here.sandbox.state.conversations.comments.values()]
            assert any("unknown" in comment for comment in comments) == unknown

    await _at_each(ONCE, tmp_path, check)


async def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    dice = random.Random(20261121)
    async with world(tmp_path) as here:
        here.model.delay = 1.0
        people = [here.sandbox.phone(f"+62812000000{n:02d}") for n in range(8)]
        await here.start()
        asked = 0
        for _ in range(3):
            for person in people:
                here.sandbox.say(person, f"pertanyaan nomor {asked}?")
                asked += 1
            await here.model.working()
            await asyncio.sleep(dice.uniform(0.0, 0.8))
            assert here.model.busy or len(here.sandbox.sent()) < asked, "nothing was in flight at the kill"
            await here.kill()
            await here.start()
        async with asyncio.timeout(60):
            while not all(_covered(here, person.id) for person in people):
                await asyncio.sleep(0.1)
        await here.settled()
        for person in people:
            texts = [str(message.content["text"]) for message in here.sandbox.sent(person)]
            numbers = [int(word.rstrip("?")) for text in texts for word in text.split() if word.rstrip("?").isdigit()]
            assert numbers == sorted(set(numbers)), "answered once each, in order"
            assert len(numbers) == 3


def _covered(here: World, contact: int) -> bool:
    texts = " ".join(str(message.content["text"]) for message in here.sandbox.sent(contact))
    return sum(word.rstrip("?").isdigit() for word in texts.split()) >= 3


_LOOPBACK = {"allow_private": ["127.0.0.1"]}


def _repeatable(store: Shop) -> list[dict[str, object]]:
    request = {"method": "POST", "url": f"{store.url}/orders/{{order_id}}/cancel", "idempotent": True}
    return store.actions(request=request)
