"""The colleague at the sandbox's page, in a real Chromium, and the agent as a real process behind it."""

import re
from pathlib import Path

from playwright.async_api import expect

from tests.acceptance.world import world
from tests.browser import LIVENESS, MARKS, chromium

pytestmark = MARKS


async def test_a_colleague_takes_over_from_the_page_and_gives_back(tmp_path: Path) -> None:
    async with world(tmp_path) as here, chromium() as browser:
        await here.start()
        context = await browser.new_context(locale="en-GB", viewport={"width": 1400, "height": 900})
        page = await context.new_page()
        page.set_default_timeout(LIVENESS)
        await page.goto(here.sandbox.url)
        words, theirs = page.get_by_label("Type a message"), page.locator(".bubble:not(.mine) .words")

        async def ask(text: str) -> None:
            await words.fill(text)
            await page.keyboard.press("Enter")
            await expect(page.locator(".bubble.mine").last).to_contain_text(text)

        await ask("buka jam berapa?")
        await expect(theirs).to_have_text(["Jawaban untuk: buka jam berapa?"])

        await page.get_by_label("Reply as a human").fill("Saya Ayu, saya bantu.")
        await page.keyboard.press("Enter")
        await expect(page.locator(".bubble.human")).to_contain_text("Saya Ayu")
        await page.get_by_role("button", name="Take over").click()
        await expect(page.locator(".badge.person")).to_be_visible()
        await here.settled(0.5)
        await ask("besok buka?")
        await here.settled(2)
        assert len(here.sandbox.sent(1)) == 1, "a human has it"

        await page.locator("#colleague-unassign").click()
        await expect(page.locator(".badge.person")).to_have_count(0)
        await here.settled(0.5)
        await ask("kalau minggu?")
        await expect(theirs.last).to_have_text(re.compile(r"kalau minggu\?$"))
        said = " ".join(await theirs.all_inner_texts())
        assert "besok buka?" in said, "what the human left unanswered is answered with it, or just before"

        await page.get_by_label("Reply as a human").fill("Minggu tutup ya.")
        await page.keyboard.press("Enter")
        await expect(page.locator(".bubble.human").last).to_contain_text("Minggu tutup")
        await here.settled(1)
        await page.get_by_role("button", name="Close conversation").click()
        await page.get_by_role("button", name="Reopen").click()
        await here.settled(0.5)
        await ask("oke, senin?")
        await expect(theirs.last).to_have_text("Jawaban untuk: oke, senin?")
        assert "was closed" in here.model.asked[-1].context
