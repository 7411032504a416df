"""What a page looks like when it is not simply filled: empty, loading, broken, opened, signed out. Each is accessible, on a phone too."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.acceptance.world import World
from tests.browser import MARKS
from tests.web.test_console import PAGES, TOKEN, _open, agent, browser, console, violations

pytestmark = [*MARKS, pytest.mark.asyncio(loop_scope="session")]
__all__ = ["browser"]

WAYS = ((1280, "light"), (360, "dark"))
CUT = """() => [...document.querySelectorAll('button, .button, h1, h2, .badge, td, th, dd, dt')]
  .filter((each) => each.checkVisibility() && !each.closest('.cm-editor') && getComputedStyle(each).display !== 'inline'
    && each.scrollWidth > each.clientWidth + 1)
  .map((each) => each.textContent.slice(0, 40))"""


async def look(page: Page, name: str, *, menu: bool = False) -> None:
    """Hold the page as it is now to axe's rules, at each width in one of the themes; nothing is cut off or too wide."""
    for width, theme in WAYS:
        await page.set_viewport_size({"width": width, "height": 820})
        await page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        assert await violations(page) == [], f"{name}, {theme}, {width} px"
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name} is {wide} px too wide at {width} px"
        assert await page.evaluate(CUT) == [], f"{name}, {width} px"
    await page.set_viewport_size({"width": 1280, "height": 820})


async def _go(page: Page, name: str) -> None:
    """Open a page without waiting for what it loads."""
    await page.evaluate("(name) => { location.hash = `#/${name}`; }", name)
    await expect(page.get_by_role("heading", name=PAGES[name.partition("/")[0]], exact=True)).to_be_visible()


async def test_without_anything_each_page_says_what_to_do(tmp_path: Path, browser: Browser) -> None:
    async with agent(tmp_path, knowledge={}, payments={}) as here, console(browser, here) as page:
        for name in PAGES:
            await _open(page, name)
            if name not in ("playground", "config", "actions"):  # those are never without anything
                await expect(page.locator(".empty p").first).not_to_be_empty()
            await look(page, f"{name}, empty")


async def test_a_page_that_loads_or_cannot_shows_it_and_comes_back(tmp_path: Path, browser: Browser) -> None:
    async with agent(tmp_path) as here, console(browser, here) as page:
        held = asyncio.Event()

        async def hold(route: Route) -> None:
            await held.wait()
            await route.continue_()

        async def break_(route: Route) -> None:
            error = {"error": {"code": "unavailable", "message": "the ledger cannot be used now"}}
            await route.fulfill(status=503, json=error)

        for name in [each for each in PAGES if each != "playground"]:
            other = "actions" if name != "actions" else "payments"
            await _open(page, other)
            held.clear()
            await page.route("**/api/v1/**", hold)
            await _go(page, name) if name != "config" else await page.evaluate("location.hash = '#/config'")
            await expect(page.locator(".skeleton").first).to_be_visible()
            await look(page, f"{name}, loading")
            held.set()
            await expect(page.locator(".skeleton")).to_have_count(0)
            await page.unroute("**/api/v1/**")
            await _open(page, other)
            await page.route("**/api/v1/**", break_)
            await page.evaluate("(name) => { location.hash = `#/${name}`; }", name)
            await expect(page.get_by_role("alert").first).to_contain_text("Nothing was lost")
            await look(page, f"{name}, broken")
            await page.unroute("**/api/v1/**")
            await page.get_by_role("button", name="Try again").first.click()
            await expect(page.get_by_role("alert")).to_have_count(0)


Open = Callable[[Page, World], Awaitable[Any]]


async def _steps(page: Page, _here: World) -> None:
    await page.locator(".list a").first.click()
    await page.get_by_role("button", name="Why this answer?").first.click()
    for n in range(await page.locator(".steps summary").count()):
        await page.locator(".steps summary").nth(n).click()
    await page.get_by_role("button", name="Same person elsewhere …").click()


async def _taken(page: Page, _here: World) -> None:
    await page.get_by_role("button", name="Take over").click()
    await expect(page.get_by_role("button", name="Give back")).to_be_visible()


async def _gap(page: Page, _here: World) -> None:
    await page.get_by_role("button", name="Answer", exact=True).first.click()
    await expect(page.get_by_label("The answer")).to_be_focused()  # it takes the focus, and would take the Enter below
    await page.get_by_label("Question", exact=True).fill("jam buka?")
    await page.get_by_label("Question", exact=True).press("Enter")
    await expect(page.locator(".hit").first).to_be_visible()


async def _refused_source(page: Page, _here: World) -> None:
    await page.get_by_label("Address or path").fill("/etc/passwd")
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.locator(".toast.bad")).to_be_visible()


async def _call(page: Page, _here: World) -> None:
    await page.locator("summary", has_text="send_qris").click()
    await page.get_by_role("button", name="Check only").first.click()
    await expect(
        page.locator("details[open]").get_by_role("status").or_(page.get_by_role("alert")).first
    ).to_be_visible()


async def _broadcast(page: Page, _here: World) -> None:
    await page.get_by_role("button", name="New broadcast").click()
    await expect(page.locator("form").first).to_be_visible()


async def _runs(page: Page, _here: World) -> None:
    await page.get_by_role("button", name="Show runs").click()
    await page.get_by_label("For this customer").fill("+6281234567801")
    await page.keyboard.press("Enter")
    await page.locator(".steps summary").first.click()
    await expect(page.locator(".problems li").first).to_be_visible()


async def _tried(page: Page, _here: World) -> None:
    for text in ("jam buka?", "bayar 50rb"):
        await page.get_by_label("Message", exact=True).fill(text)
        await page.keyboard.press("Enter")
        await expect(page.locator(".bubble.agent").last).to_be_visible()
        await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await page.locator(".steps summary").first.click()


async def _problems(page: Page, _here: World) -> None:
    editor = page.get_by_role("textbox", name="agent.yaml")
    await editor.focus()
    await page.keyboard.press("Control+End")
    await page.keyboard.insert_text("\nnonsense: 1\n")
    await expect(page.get_by_role("list", name="Problems")).to_be_visible()
    await page.locator("summary", has_text="Who did what").click()
    await expect(page.locator("td").first).to_be_visible()


async def _lost(page: Page, here: World) -> None:
    await here.stop()
    await expect(page.get_by_text("The connection is lost.")).to_be_visible()


OPENED: list[tuple[str, Open]] = [
    ("conversations", _steps), ("conversations", _taken), ("knowledge", _gap), ("knowledge", _refused_source), ("actions", _call),
    ("broadcasts", _broadcast), ("workflows", _runs), ("playground", _tried), ("config", _problems), ("payments", _lost),
]  # fmt: skip


async def test_what_is_opened_on_a_page_is_accessible_too(tmp_path: Path, browser: Browser) -> None:
    flow = {"name": "remind", "on": "handover", "do": [{"note": "x"}, {"wait": "1h"}, {"send": "masih ada?"}]}
    async with agent(tmp_path, workflows=[flow]) as here:
        budi = here.sandbox.phone("+6281234567801")
        for text in ("jam buka?", "apakah ada parkir helikopter?", "bayar 50rb"):
            asked = here.sandbox.say(budi, text)
            await here.texts(budi, after=asked)
        async with console(browser, here) as page:
            for name, opened in OPENED:
                if opened is not _taken:
                    await _open(page, name)
                await opened(page, here)
                await look(page, f"{name}, {opened.__name__}")
            await page.set_viewport_size({"width": 360, "height": 820})
            await page.get_by_role("button", name="Menu").click()
            await look(page, "the menu")


async def test_who_is_signed_out_by_the_server_is_told_why_and_comes_back_to_the_page(
    tmp_path: Path, browser: Browser
) -> None:
    async with agent(tmp_path) as here, console(browser, here) as page:
        await _open(page, "knowledge")
        await here.stop()
        await expect(page.get_by_text("The connection is lost.")).to_be_visible()
        here.config["server"]["api_token"] = "another-token-of-this-test"
        await here.start()
        await expect(page.get_by_text("You were signed out")).to_be_visible()
        await look(page, "signed out")
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("alert")).to_contain_text("agent.yaml")
        await look(page, "a wrong token")
        await page.get_by_label("Token").fill("another-token-of-this-test")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", name="Knowledge", exact=True)).to_be_visible()


async def test_after_a_restart_each_live_page_is_as_before_with_nothing_twice(tmp_path: Path, browser: Browser) -> None:
    flow = {"name": "remind", "on": "handover", "do": [{"note": "x"}]}
    async with agent(tmp_path, workflows=[flow]) as here:
        budi = here.sandbox.phone("+6281234567801")
        for text in ("jam buka?", "apakah ada parkir helikopter?", "bayar 50rb"):
            asked = here.sandbox.say(budi, text)
            await here.texts(budi, after=asked)
        await here.settled()
        items = ".list > li, tbody tr, .bubble, .card > details, details.card, section.card"
        async with console(browser, here) as page:
            for name in [
                "overview",
                "conversations",
                "knowledge",
                "payments",
                "workflows",
                f"conversations/aelyst%3A{budi.id}",
            ]:
                await _open(page, name)
                before = await page.locator(items).count()
                assert before > 0
                await here.stop()
                await expect(page.get_by_text("The connection is lost.")).to_be_visible()
                await here.start()
                await expect(page.get_by_text("The connection is lost.")).to_have_count(0)
                await expect(page.locator(".skeleton")).to_have_count(0)
                await expect(page.locator(items)).to_have_count(before)
            here.sandbox.say(budi, "masih buka?")
            await expect(page.locator(".bubble.contact", has_text="masih buka?")).to_have_count(1)
