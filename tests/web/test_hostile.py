"""Texts of others stay texts: in titles, attributes, file names, lists, problems of the editor, plans of broadcasts, and events."""

from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser import MARKS
from tests.web.test_console import PAGES, TOKEN, _open, _write, agent, browser, console

pytestmark = [*MARKS, pytest.mark.asyncio(loop_scope="session")]
__all__ = ["browser"]
HOSTILE = "\"'><img src=x onerror=window.hacked=1><svg onload=window.hacked=1>"
FOREIGN = "img[src=x], svg[onload], [onerror]"


async def _still_text(page: Page, where: str) -> None:
    assert await page.evaluate("window.hacked") is None, where
    assert await page.locator(FOREIGN).count() == 0, where


async def test_names_files_problems_and_plans_are_shown_as_they_are(tmp_path: Path, browser: Browser) -> None:
    async with agent(tmp_path, name=HOSTILE) as here:
        budi = here.sandbox.phone("+6281234567801")
        here.sandbox.state.contacts.update(budi, {"first_name": HOSTILE[:60], "email": "x@example.com"})
        asked = here.sandbox.say(budi, f"apakah ada parkir {HOSTILE}?")
        await here.texts(budi, after=asked)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=f"{here.url}/api/v1", headers=headers, timeout=60) as client:
            await client.put(f"/contacts/{budi.id}", json={"tags": [HOSTILE]})
            document = {"file": (f"{HOSTILE}.md", f"# {HOSTILE}\n\nParkir {HOSTILE} ada.\n".encode(), "text/markdown")}
            assert (await client.post("/knowledge/files", files=document)).status_code == 200
            await client.post(f"/conversations/{budi.id}/pause", json={"by": HOSTILE})
        async with console(browser, here) as page:
            for name in [*PAGES, f"conversations/aelyst%3A{budi.id}"]:
                await _open(page, name)
                await _still_text(page, name)
                assert HOSTILE in await page.title()

            await _open(page, "knowledge")
            await page.get_by_label("Question", exact=True).fill(HOSTILE)
            await page.keyboard.press("Enter")
            await _open(page, "playground")
            await page.get_by_label("Message", exact=True).fill(f"parkir {HOSTILE}?")
            await page.keyboard.press("Enter")
            await expect(page.locator(".bubble.contact .words")).to_have_text(f"parkir {HOSTILE}?")
            await expect(page.locator(".steps summary").first).to_be_visible()
            await _still_text(page, "playground")

            await _open(page, "config")
            await _write(
                page,
                page.get_by_role("textbox", name="agent.yaml"),
                f"# {HOSTILE}\n'{HOSTILE.replace(chr(39), '')}': 1\n",
            )
            await expect(page.get_by_role("list", name="Problems")).to_contain_text("onerror")
            await _still_text(page, "config")

            await _open(page, "broadcasts")
            await page.get_by_role("button", name="New broadcast").click()
            await page.get_by_label("Name", exact=True).fill("promo")
            await page.locator("form textarea").fill(f"Hai {HOSTILE}")
            rows = f"phone,first_name\n+6281234567801,{HOSTILE}\n{HOSTILE},x\n".encode()
            await page.locator("input[type=file]").set_input_files(
                {"name": f"{HOSTILE}.csv", "mimeType": "text/csv", "buffer": rows}
            )
            await page.get_by_role("button", name="Look at the plan").click()
            await expect(page.get_by_role("status").or_(page.get_by_role("alert")).first).to_be_visible()
            await _still_text(page, "broadcasts")

            here.sandbox.say(budi, HOSTILE)  # comes as an event
            await _open(page, f"conversations/aelyst%3A{budi.id}")
            await expect(page.locator(".bubble.contact .words").last).to_have_text(HOSTILE)
            await _still_text(page, "events")
