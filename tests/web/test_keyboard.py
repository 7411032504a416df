"""The console by keyboard alone: everything is reached in order, the place is seen, and nothing is lost on the way."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser import MARKS
from tests.web.test_console import PAGES, _open, _write, agent, browser, console

pytestmark = [*MARKS, pytest.mark.asyncio(loop_scope="session")]
__all__ = ["browser"]

STOP = """async () => {
  let at = document.activeElement;
  while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const box = at.getBoundingClientRect(), editor = at.closest('.cm-content') && at.closest('.cm-editor');
  const shown = editor || at.closest('label.button') || at;
  const style = getComputedStyle(shown), where = document.activeElement;
  const seen = () => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  for (let n = 0; n < 50 && !seen(); n++) await new Promise((done) => setTimeout(done, 20)); // the editor is marked a moment later
  window.stops ||= [];
  const last = window.stops.at(-1), after = !last || last === where || Boolean(last.compareDocumentPosition(where) & 4);
  window.stops.push(where);
  return {
    name: `${at.tagName} ${(at.getAttribute('aria-label') || at.textContent || at.id || '').trim().slice(0, 30)}`,
    body: at === document.body, after, outline: seen(),
    inside: box.bottom > 0 && box.top < innerHeight,
  };
}"""
TOP = """() => {
  window.stops = [];
  const top = document.createElement('span');
  top.tabIndex = -1;
  document.body.prepend(top);
  top.focus();
}"""
MISSED = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
  .filter((each) => each.checkVisibility({visibilityProperty: true}) && !each.disabled && !window.stops.includes(each))
  .map((each) => each.outerHTML.slice(0, 120))"""


async def _stops(page: Page) -> list[dict[str, Any]]:
    """Every place that the tab key leads to, from the top of the page to its end."""
    await page.evaluate(TOP)
    found = []
    for _ in range(200):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(STOP)
        if stop["body"] or (found and not stop["after"]):
            return found
        found.append(stop)
    raise AssertionError("the tab key is trapped")


@pytest.mark.parametrize("width", [1280, 360])
async def test_tab_leads_to_everything_in_order_and_shows_where_it_is(
    tmp_path: Path, browser: Browser, width: int
) -> None:
    async with agent(tmp_path) as here:
        budi = here.sandbox.phone("+6281234567801")
        for text in ("jam buka?", "apakah ada parkir helikopter?", "bayar 50rb"):
            asked = here.sandbox.say(budi, text)
            await here.texts(budi, after=asked)
        async with console(browser, here, width=width) as page:
            for name in [*PAGES, f"conversations/aelyst%3A{budi.id}"]:
                await _open(page, name)
                if name == "config":
                    await expect(page.locator(".cm-content")).to_be_visible()
                if name == "knowledge":  # it may be reading the documents just now
                    await expect(page.get_by_role("button", name="Read sources again")).to_be_enabled()
                stops = await _stops(page)
                assert stops[0]["name"] == "A Skip to the page", name
                assert [each["name"] for each in stops if not each["outline"]] == [], f"{name}: no sign of the focus"
                assert [each["name"] for each in stops if not each["inside"]] == [], f"{name}: out of sight"
                assert await page.evaluate(MISSED) == [], f"{name}: not reached"


async def test_skip_enter_and_escape_keep_the_focus_where_the_work_is(tmp_path: Path, browser: Browser) -> None:
    async with agent(tmp_path) as here:
        budi = here.sandbox.phone("+6281234567801")
        asked = here.sandbox.say(budi, "apakah ada parkir helikopter?")
        await here.texts(budi, after=asked)
        async with console(browser, here) as page:
            await page.evaluate(TOP)
            await page.keyboard.press("Tab")
            await expect(page.get_by_role("link", name="Skip to the page")).to_be_in_viewport()
            await page.keyboard.press("Enter")
            await expect(page.locator("main")).to_be_focused()

            await _open(page, "knowledge")
            answer = page.get_by_role("button", name="Answer", exact=True)
            await answer.focus()
            await page.keyboard.press("Space")
            await expect(page.get_by_label("The answer")).to_be_focused()
            await page.keyboard.press("Escape")
            await expect(answer).to_be_focused()

            await _open(page, f"conversations/aelyst%3A{budi.id}")
            why = page.get_by_role("button", name="Why this answer?").first
            await why.focus()
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("button", name="Hide")).to_be_focused()
            await page.get_by_role("button", name="Take over").focus()
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("button", name="Give back")).to_be_focused()

            await _open(page, "config")
            await _write(page, page.get_by_role("textbox", name="agent.yaml"), "# ")
            await page.keyboard.type("g1 g2")
            await expect(page.get_by_role("heading", name="Configuration")).to_be_visible()
            await expect(page.get_by_role("textbox", name="agent.yaml")).to_have_text("# g1 g2")


async def test_the_menu_of_a_phone_opens_and_closes_by_keyboard(tmp_path: Path, browser: Browser) -> None:
    async with agent(tmp_path) as here, console(browser, here, width=360) as page:
        menu = page.get_by_role("button", name="Menu")
        await menu.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("link", name="Payments")).to_be_visible()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("link", name="Payments")).to_be_hidden()
        await expect(menu).to_be_focused()


async def test_a_reply_that_is_refused_keeps_its_words(tmp_path: Path, browser: Browser) -> None:
    async with agent(tmp_path) as here:
        budi = here.sandbox.phone("+6281234567801")
        here.sandbox.say(budi, "jam buka?")
        await here.texts(budi)
        async with console(browser, here) as page:
            await _open(page, f"conversations/aelyst%3A{budi.id}")
            await page.route(
                "**/reply",
                lambda route: route.fulfill(status=400, json={"error": {"code": "invalid", "message": "No."}}),
            )
            box = page.get_by_label("Reply to the customer")
            await box.fill("Saya bantu ya")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("alert")).to_contain_text("No.")
            await expect(box).to_have_value("Saya bantu ya")
