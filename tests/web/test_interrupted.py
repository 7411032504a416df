"""Broadcasts and the playground while the connection is lost or the server restarts: what was begun goes on, nothing begins twice."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.acceptance.world import World
from tests.browser import MARKS
from tests.web.test_console import TOKEN, _open, agent, browser, console

pytestmark = [*MARKS, pytest.mark.asyncio(loop_scope="session")]
__all__ = ["browser"]
VALUES = """() => { window.seen = []; setInterval(() => { const bar = document.querySelector('progress');
  if (bar && bar.hasAttribute('value') && window.seen.at(-1) !== bar.value) window.seen.push(bar.value); }, 20); }"""


async def _customers(here: World, many: int) -> list[Any]:
    """Customers who wrote a moment ago, so that texts may go to them."""
    people = [here.sandbox.phone(f"+6281234567{n:03}") for n in range(many)]
    for one in people:
        here.sandbox.say(one, "jam buka?")
    for one in people:
        await here.texts(one)
    await here.settled()
    return people


async def _until(page: Page, what: str) -> None:
    """Wait for something on the page; its policy forbids Playwright's own way."""
    async with asyncio.timeout(120):
        while not await page.evaluate(what):
            await asyncio.sleep(0.05)


def _promos(here: World, one: Any) -> int:
    return sum("promo" in str(each.content) for each in here.sandbox.sent(one))


def _csv(people: list[Any]) -> bytes:
    return ("phone\n" + "".join(f"+6281234567{n:03}\n" for n in range(len(people)))).encode()


async def test_a_broadcasts_bar_rises_also_over_a_restart_and_each_gets_it_once(
    tmp_path: Path, browser: Browser
) -> None:
    async with agent(tmp_path) as here:
        people = await _customers(here, 6)
        async with console(browser, here) as page:
            await _open(page, "broadcasts")
            await page.evaluate(VALUES)
            keys = {"name": "pelan", "text": "Ada promo.", "between": "00:00-24:00", "rate": "1/s"}
            async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
                form = {"file": ("p.csv", _csv(people), "text/csv")}
                made = await client.post(
                    f"{here.url}/api/v1/broadcasts", data={"broadcast": json.dumps(keys)}, files=form
                )
            assert made.json()["recorded"] == len(people), made.text
            await _until(page, "window.seen.some((value) => value > 0 && value < 6)")
            await here.stop()
            await expect(page.get_by_text("The connection is lost.")).to_be_visible()
            await here.start()
            await _until(page, "document.querySelector('progress')?.value === 6")
            seen = await page.evaluate("window.seen")
            assert seen == sorted(seen)
            assert len(seen) >= 3
            assert await page.locator("section.card h2", has_text="pelan").count() == 1
        assert [_promos(here, one) for one in people] == [1] * len(people)


def _where_it_is_noon() -> str:
    """A time zone in whose day a broadcast is sent at once: the form has no hours, and by default none goes out at night."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


async def test_a_broadcast_whose_answer_was_lost_is_not_begun_twice(tmp_path: Path, browser: Browser) -> None:
    async with agent(tmp_path, timezone=_where_it_is_noon()) as here:
        people = await _customers(here, 2)

        async def lose(route: Route) -> None:
            await route.fetch()  # the server has it
            await route.abort()

        async with console(browser, here) as page:
            await _open(page, "broadcasts")
            await page.get_by_role("button", name="New broadcast").click()
            await page.get_by_label("Name", exact=True).fill("sekali")
            await page.get_by_role("textbox", name="Text For customers").fill("Ada promo.")
            csv = {"name": "p.csv", "mimeType": "text/csv", "buffer": _csv(people)}
            await page.get_by_label("Recipients").set_input_files(csv)
            await page.get_by_role("button", name="Look at the plan").click()
            await expect(page.get_by_role("button", name="Send to 2")).to_be_enabled()
            await page.route("**/api/v1/broadcasts?dry_run=false", lose)
            await page.get_by_role("button", name="Send to 2").click()
            await expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
            await page.unroute("**/api/v1/broadcasts?dry_run=false")
            await page.get_by_role("button", name="Look at the plan").click()
            await expect(page.get_by_role("heading", name="The plan").or_(page.get_by_role("alert"))).to_be_visible()
            send = page.get_by_role("button", name="Send")
            if await send.is_enabled():
                await send.click()
            async with asyncio.timeout(120):
                while not all(_promos(here, one) for one in people):
                    await asyncio.sleep(0.1)
            await here.settled()
            await expect(page.locator("progress")).to_have_count(1)
        assert [_promos(here, one) for one in people] == [1, 1]


async def test_a_turn_in_flight_when_the_server_goes_is_said_so_and_said_again(
    tmp_path: Path, browser: Browser
) -> None:
    async with agent(tmp_path) as here, console(browser, here) as page:
        await _open(page, "playground")
        box = page.get_by_label("Message", exact=True)

        async def cut(route: Route) -> None:
            body = 'event: step\ndata: {"kind":"retrieval","name":"x","input":{},"output":{},"ms":1,"tokens":0,"cost":0,"dry":false}\n\n'
            await route.fulfill(status=200, content_type="text/event-stream", body=body)

        await page.route("**/api/v1/agent/test", cut)
        await box.fill("jam buka toko?")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("broke off before the answer")
        await expect(box).to_have_value("jam buka toko?")
        await expect(page.locator(".steps [role=status]")).to_have_count(0)
        await page.unroute("**/api/v1/agent/test")
        await here.stop()
        await box.press("Enter")
        await expect(page.get_by_role("alert")).to_have_count(2)
        await expect(box).to_have_value("jam buka toko?")
        await here.start()
        await expect(page.get_by_text("The connection is lost.")).to_have_count(0)
        await box.press("Enter")
        await expect(page.locator(".bubble.agent")).to_contain_text("08.00")
        await expect(box).to_have_value("")
        assert await page.locator(".bubble.agent").count() == 1
