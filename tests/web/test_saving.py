"""The button *Save as scenario* in a real Chromium: conversations of every kind, and the playground's, pass as tests elsewhere."""

import asyncio
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.acceptance.test_missed_voice_notes import OPENING
from tests.acceptance.test_saved_scenarios import KINDS, TOKEN, passes, shop_agent
from tests.browser import MARKS
from tests.web.test_console import _open, browser, console

pytestmark = [*MARKS, pytest.mark.asyncio(loop_scope="session")]
__all__ = ["browser"]


async def _saved(page: Page) -> tuple[str, str, str]:
    """The files that the button gives: the scenario's name, its text, and that of its cassette."""
    files: dict[str, str] = {}
    taking: list[asyncio.Task[None]] = []

    async def take(download: object) -> None:
        files[download.suggested_filename] = Path(await download.path()).read_text()  # type: ignore[attr-defined]

    def begin(download: object) -> None:
        taking.append(asyncio.create_task(take(download)))

    page.on("download", begin)
    await page.get_by_role("button", name="Save as scenario").click()
    await expect(page.get_by_text("balas test runs it").last).to_be_visible()
    async with asyncio.timeout(90):
        while len(taking) < 2:
            await asyncio.sleep(0.05)
    await asyncio.gather(*taking)
    page.remove_listener("download", begin)
    cassette, scenario = sorted(files)
    assert cassette == scenario.replace(".yaml", ".cassette.yaml")
    return scenario, files[scenario], files[cassette]


async def _said_again_stays(page: Page) -> None:
    """What is said a second time stays as long as the first time: the end of the first does not take it away."""
    told = page.get_by_text("balas test runs it")
    await page.clock.install()
    await page.clock.pause_at(await page.evaluate("Date.now() + 60000"))
    for _ in range(2):
        async with page.expect_response("**/scenario"):
            await page.get_by_role("button", name="Save as scenario").click()
        await expect(told).to_be_visible()
        await page.clock.run_for(3000)
    await expect(told).to_be_visible()
    await page.clock.run_for(3000)
    await expect(told).to_have_count(0)


async def _say(page: Page, text: str, file: FilePayload | None = None) -> None:
    before = await page.locator(".bubble.agent").count()
    if file is not None:
        await page.locator("input[type=file]").set_input_files(file)
    await page.get_by_label("Message", exact=True).fill(text)
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".bubble.agent")).not_to_have_count(before)
    await expect(page.get_by_text("Working…")).to_have_count(0)


def _picture() -> bytes:
    drawn = BytesIO()
    Image.new("RGB", (40, 40), "red").save(drawn, "PNG")
    return drawn.getvalue()


async def test_what_the_console_saves_passes_elsewhere(tmp_path: Path, browser: Browser) -> None:
    folder = tmp_path / "here"
    texts: dict[str, tuple[str, str | None]] = {}
    async with shop_agent(folder, "language model") as here:
        people = {kind: here.sandbox.phone(f"+62813111122{at:02}", "Ratna") for at, kind in enumerate(KINDS)}
        await asyncio.gather(*(happen(here, people[kind]) for kind, happen in KINDS.items()))
        await here.settled()
        async with console(browser, here, token=TOKEN) as page:
            for who in people.values():
                await page.evaluate("(name) => { location.hash = name; }", f"#/conversations/aelyst%3A{who.id}")
                await expect(page.locator(".bubble.contact").first).to_be_visible()
                name, scenario, cassette = await _saved(page)
                assert name.removesuffix(".yaml") not in texts, "two conversations have one name"
                texts[name.removesuffix(".yaml")] = scenario, cassette
            await _open(page, "playground")
            await page.get_by_label("As this customer (optional)").fill(people["knowledge"].phone)
            await _say(page, "jam berapa toko buka?")
            await _say(page, "batalkan pesanan KS-10234")
            await _say(page, "ya")
            await _say(page, "", {"name": "note.ogg", "mimeType": "audio/ogg", "buffer": OPENING.read_bytes()})
            await _say(page, "ini Ratna, rusak", {"name": "foto.png", "mimeType": "image/png", "buffer": _picture()})
            await _say(page, "bayar 50rb")
            await _say(page, "saya mau bicara dengan manusia")
            name, scenario, cassette = await _saved(page)
            for kind in (
                "history:",
                "cancel_order: {}",
                "send_qris: {}",
                "voice:",
                "image:",
                "handover: true",
                "passage:",
            ):
                assert kind in scenario, scenario
            texts[name.removesuffix(".yaml")] = scenario, cassette
            await _said_again_stays(page)
    await passes(folder, texts, tmp_path / "elsewhere")
