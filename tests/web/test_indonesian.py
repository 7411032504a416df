"""The console in Indonesian, over an agent on which everything happens that it has words for: no English sentence on any page."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.acceptance.flow import rows
from tests.browser import LIVENESS, MARKS
from tests.web.test_console import TOKEN, agent, browser

pytestmark = [*MARKS, pytest.mark.asyncio(loop_scope="session")]
__all__ = ["browser"]

ENGLISH = re.compile(
    r"\b(the|and|is|are|was|were|been|of|for|to|from|with|without|must|cannot|not|no|this|that|there|found|which|before|after|give|than|has|have|"
    r"asked|human|does|answers?|replied|closed)\b",
    re.IGNORECASE,
)
SHOWN = """() => [...document.querySelectorAll('main *, aside *, .toast *')]
  .filter((each) => each.checkVisibility() && !each.closest('pre, .mono, code, .bubble .words,'
    + ' .cm-editor, .brand, svg, script, .list b, .list a p'))
  .flatMap((each) => [[...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent).join(' '),
    each.placeholder, each.title, each.ariaLabel]).map((text) => (text || '').trim()).filter(Boolean)"""
PAGES = (
    "overview",
    "conversations",
    "playground",
    "knowledge",
    "actions",
    "payments",
    "broadcasts",
    "workflows",
    "config",
)
FLOWS: list[dict[str, Any]] = [
    {"name": "sapa", "on": "message.received", "if": {"tag": "vip"}, "once": "contact", "do": [{"note": "x"}]},
    {"name": "tunggu", "on": "handover", "do": [{"wait": "1h"}, {"send": "masih ada?"}]},
]
TOOLS = [{"builtin": name} for name in ("comment", "close_conversation", "remember", "follow_up", "quick_replies")]


async def _english(page: Page) -> list[str]:
    """Texts on the page that hold words of English sentences; what a library of PDF says is its own."""
    found = await page.evaluate(SHOWN)
    sentences = [text for text in found if " " in text]  # a single word is a name
    return [text for text in sentences if ENGLISH.search(re.sub(r"/\S+|Failed to load document.*", "", text))]


async def test_no_page_says_an_english_sentence(tmp_path: Path, browser: Browser) -> None:
    sources = {"sources": ["docs/*.md", "docs/*.pdf"]}
    async with agent(tmp_path, workflows=FLOWS, actions=TOOLS, knowledge=sources) as here:
        (tmp_path / "docs" / "rusak.pdf").write_bytes(b"%PDF-1.4 broken")
        budi, sari = here.sandbox.phone("+6281234567801"), here.sandbox.phone("+6281234567802")
        for one, texts in (
            (budi, ("jam buka?", "apakah ada parkir helikopter?", "bayar 50rb", "mau bicara dengan orang")),
            (sari, ("jam buka?", "stop")),
        ):
            for text in texts:
                asked = here.sandbox.say(one, text)
                await here.texts(one, after=asked)
        here.sandbox.say(sari, "halo?")
        await here.settled()
        rows(here, "UPDATE turn SET handover = 'the customer asked for a human' WHERE handover IS NOT NULL")
        context = await browser.new_context(locale="id-ID", viewport={"width": 1280, "height": 820})
        page = await context.new_page()
        page.set_default_timeout(LIVENESS)
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
        await page.goto(f"{here.url}/console/")
        await page.get_by_label("Token").fill("token-yang-salah")
        await page.get_by_role("button", name="Masuk").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        assert await _english(page) == []
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_role("button", name="Masuk").click()
        await expect(page.get_by_role("heading", name="Ringkasan")).to_be_visible()
        found: list[tuple[str, str]] = []
        for name in (*PAGES, f"conversations/aelyst%3A{budi.id}", f"conversations/aelyst%3A{sari.id}"):
            await page.evaluate("(name) => { location.hash = `#/${name}`; }", name)
            await expect(page.locator(".skeleton")).to_have_count(0)
            await _open_all(page, name.partition("/")[0])
            found += [(name, text) for text in await _english(page)]
        assert found == []
        await context.close()


async def _open_all(page: Page, name: str) -> None:
    """Open and use what a page has, also wrongly."""
    if name == "overview":
        await expect(page.get_by_text("pelanggan minta bicara dengan orang")).to_be_visible()
    if name == "conversations":
        for text in ("Mengapa jawaban ini?", "Mengapa?"):
            buttons = page.get_by_role("button", name=text, exact=True)
            for _ in range(await buttons.count()):
                await buttons.first.click()
        for summary in await page.locator(".steps summary").all():
            await summary.click()
    if name == "playground":
        for text in ("jam buka?", "mau bicara dengan orang"):
            await page.locator("#say").fill(text)
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("button", name="Kirim")).to_be_visible()
            await expect(page.locator(".steps [role=status]")).to_have_count(0)
        await expect(page.get_by_text("diserahkan:")).to_be_visible()
    if name == "knowledge":
        await page.get_by_role("button", name="Baca ulang sumber").click()
        await expect(page.get_by_text("Sumber sudah dibaca.")).to_be_visible()
        await expect(page.get_by_text("bukan PDF yang dapat dibaca").first).to_be_visible()
        await page.get_by_label("Alamat atau path").fill("../../etc/passwd")
        await page.get_by_role("button", name="Tambah", exact=True).click()
        await expect(page.locator(".toast.bad")).to_contain_text("di dalam folder agen")
    if name == "actions":
        for summary in await page.locator("details summary").all():
            await summary.click()
        await page.locator("details[open]").first.get_by_role("button", name="Periksa saja").click()
        await expect(page.get_by_role("alert").or_(page.locator("details[open] [role=status]")).first).to_be_visible()
    if name == "broadcasts":
        await page.get_by_role("button", name="Siaran baru").click()
        await page.get_by_label("Nama").fill("promo")
        await page.get_by_label("Teks").fill("Hai")
        csv = b"phone\n+6281234567801\n+6281234567801\n+62811\nhalo\n"
        await page.get_by_label("Penerima").set_input_files({"name": "p.csv", "mimeType": "text/csv", "buffer": csv})
        await page.get_by_role("button", name="Lihat rencana").click()
        await expect(page.get_by_role("heading", name="Rencana").or_(page.get_by_role("alert"))).to_be_visible()
    if name == "workflows":
        for _ in FLOWS:  # each is called otherwise once it is open
            await page.get_by_role("button", name="Tampilkan riwayat").first.click()
        for summary in await page.locator(".steps > li > details > summary").all():
            await summary.click()
    if name == "config":
        editor = page.get_by_role("textbox", name="agent.yaml")
        await editor.focus()
        await page.keyboard.press("Control+End")
        await page.keyboard.insert_text("\nnonsense: 1\nlimits: {actions: -1}\n")
        await expect(page.get_by_role("list", name="Masalah")).to_contain_text("tidak dikenal")
        await page.locator("summary", has_text="Siapa melakukan apa").click()
        await expect(page.locator("td").first).to_be_visible()
