"""A stranger with the browser alone, in a shop that is not the sample's: why, correct, next answer right, take over, give back, test."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser import MARKS
from tests.processes import ROOT
from tests.web.test_console import TOKEN, _open, agent, browser, console

pytestmark = [*MARKS, pytest.mark.asyncio(loop_scope="session")]
__all__ = ["browser"]

BAKERY = """# Jam buka

Toko Roti Lestari buka Senin sampai Sabtu pukul 06.00 sampai 20.00. Hari Minggu tutup.

# Pengantaran

Pengantaran gratis dalam radius 5 km untuk pesanan di atas Rp100.000.
"""


async def _said(page: Page, text: str) -> str:
    """What the playground answers."""
    before = await page.locator(".bubble.agent").count()
    await page.get_by_label("Message", exact=True).fill(text)
    await page.keyboard.press("Enter")
    await expect(page.locator(".bubble.agent")).not_to_have_count(before)
    await expect(page.get_by_text("Working…")).to_have_count(0)
    return str(await page.locator(".bubble.agent").last.inner_text())


async def test_a_stranger_walks_the_whole_way(tmp_path: Path, browser: Browser) -> None:
    async with agent(tmp_path, name="Roti", instructions="Kamu Roti, asisten Toko Roti Lestari.") as here:
        (tmp_path / "docs" / "toko.md").write_text(BAKERY)
        siti = here.sandbox.phone("+6281234500001")
        async with console(browser, here) as page:
            # the document that was changed is read again, with a bar that says how far
            await _open(page, "knowledge")
            await page.get_by_role("button", name="Read sources again").click()
            await expect(page.get_by_text("The sources were read.")).to_be_visible()

            # two customers ask; the page is live
            here.sandbox.say(siti, "antar gratis sampai berapa km?")
            assert "5 km" in (await here.texts(siti))[0]
            asked = here.sandbox.say(siti, "ada roti tanpa gluten?")
            await here.texts(siti, after=asked)

            # why that answer was given
            await _open(page, "conversations")
            await page.locator(".list a").first.click()
            answer = page.locator(".bubble.agent", has_text="5 km").first
            await answer.get_by_role("button", name="Why this answer?").click()
            await page.locator(".steps summary", has_text="Searched the documents").first.click()
            await expect(page.locator(".hit").first).to_contain_text("docs/toko.md")
            await expect(page.locator(".hit").first).to_contain_text("Pengantaran")

            # the gap, in two clicks
            await _open(page, "knowledge")
            gap = page.locator("section", has=page.get_by_role("heading", name="Questions without an answer"))
            await expect(gap).to_contain_text("gluten")
            await gap.get_by_role("button", name="Answer", exact=True).click()
            await page.keyboard.type("Ya, roti tapioka kami tanpa gluten, Rp25.000.")
            await page.get_by_role("button", name="Save answer").click()
            await expect(page.get_by_text("No open questions")).to_be_visible()
            asked = here.sandbox.say(siti, "ada roti tanpa gluten?")
            assert "tapioka" in (await here.texts(siti, after=asked))[0]

            # a person takes over, answers and gives back
            await _open(page, f"conversations/aelyst%3A{siti.id}")
            await page.get_by_role("button", name="Take over").click()
            await expect(page.get_by_role("button", name="Give back")).to_be_visible()
            await page.get_by_label("Reply to the customer").fill("Saya Dewi dari toko, mau pesan berapa?")
            await page.keyboard.press("Enter")
            await expect(page.locator(".bubble.human")).to_contain_text("Dewi")
            await here.texts(siti, after=asked, count=2)
            silent = len(here.sandbox.sent(siti))
            here.sandbox.say(siti, "dua ya, minggu buka?")
            await expect(page.locator(".bubble.contact").last).to_contain_text("minggu buka?")
            await here.settled()
            assert len(here.sandbox.sent(siti)) == silent
            await page.get_by_role("button", name="Give back").click()
            async with asyncio.timeout(120):
                while not any("tutup" in str(each.content) for each in here.sandbox.sent(siti)):
                    await asyncio.sleep(0.1)

            # the playground's conversation becomes a test
            await _open(page, "playground")
            assert "06.00" in await _said(page, "jam buka?")
            assert "tapioka" in await _said(page, "roti tanpa gluten ada?")
            async with page.expect_download() as waiting:
                await page.get_by_role("button", name="Save as scenario").click()
            saved = await waiting.value
            (tmp_path / "tests").mkdir()
            await saved.save_as(tmp_path / "tests" / saved.suggested_filename)

            # the overview has figures and plots of it
            await _open(page, "overview")
            await expect(page.locator(".tile", has_text="Messages").first).to_contain_text("4")
            await expect(page.locator(".plot canvas")).to_have_count(4)
        await here.stop()
    command = [sys.executable, "-m", "agent", "test", "-c", str(tmp_path / "agent.yaml"), "--json"]
    ended = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    results = json.loads(ended.stdout)["scenarios"]
    assert [each["passed"] for each in results] == [True], ended.stdout
    assert TOKEN not in ended.stdout
