"""The pages that the console promises, word by word: what each shows and lets one do, over one agent that has had a day's work."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Request, expect
from starlette.applications import Starlette
from starlette.requests import Request as Asking
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from agent.web.listening import listening
from messaging.sandbox.records import Contact
from tests.acceptance.flow import rows
from tests.acceptance.shop import shop
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.world import World, world
from tests.actions.qris.codes import STATIC
from tests.browser import MARKS
from tests.web.test_console import PAGES, TOKEN, _open, _write, browser

pytestmark = [*MARKS, pytest.mark.asyncio(loop_scope="session")]
__all__ = ["browser"]
VOICE = Path(__file__).parent.parent / "data" / "voice"
HEARD = VOICE / "samples" / "01-id-jam-berapa-toko-buka.ogg"
ORDER = "pesanan KS-10234 sudah sampai mana?"
MENU = "# Menu\n\nKopi susu gula aren Rp22.000.\n"
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c626001000000ffff03000006000557bfabd40000000049454e44ae426082"
)
WORKFLOW = {"name": "ingatkan", "on": "handover", "do": [{"note": "x"}, {"wait": "1h"}, {"send": "masih ada?"}]}


def _answer(asked: Asked) -> Answer:
    said = asked.question
    if asked.results:
        return (
            "Pesanan **KS-10234** sudah dikirim." if "dikirim" in asked.results[-1] else "Boleh sebutkan nomornya, Kak?"
        )
    if "bayar" in said:
        return {"call": "send_qris", "arguments": {"amount": 50000}}
    if "pesanan" in said:
        number = re.search(r"KS-\d+", said)
        return {"call": "get_order", "arguments": {"order_id": number.group() if number else "KS-77777"}}
    return "Maaf, saya belum tahu." if "parkir" in said else f"Jawaban untuk: {said}"


@dataclass
class Site:
    """Pages of a web site, the fourth of which waits until `held` is set."""

    url: str = ""
    held: asyncio.Event = field(default_factory=asyncio.Event)

    async def page(self, request: Asking) -> Response:
        number = int(request.path_params["number"])
        if number == 3:
            await self.held.wait()
        links = "".join(f'<a href="/{n}">{n}</a>' for n in range(5))
        return HTMLResponse(
            f"<html><body><main><h1>Halaman {number}</h1><p>Isi {number}.</p>{links}</main></body></html>"
        )


@dataclass
class Stage:
    """The agent, the customers who wrote, and all that the browser asked for."""

    here: World
    people: dict[str, Contact]
    site: Site
    asked: list[str]

    def of(self, name: str) -> str:
        """The page of a customer's conversation."""
        return f"conversations/aelyst%3A{self.people[name].id}"

    async def says(self, name: str, text: str) -> None:
        """A customer writes, and is answered."""
        asked = self.here.sandbox.say(self.people[name], text)
        await self.here.texts(self.people[name], after=asked)


async def _day(here: World) -> dict[str, Contact]:
    """A day's work: an order looked up, a call refused, a payment, a failure, a question without an answer, a person."""
    texts = {
        "Budi": [ORDER, "dan pesanan yang satunya?"], "Siti": ["jam buka toko?", "bayar 50rb"], "Rudi": ["halo"],
        "Wati": ["apakah ada parkir helikopter?"], "Tono": ["halo"],
    }  # fmt: skip
    people = {name: here.sandbox.phone(f"+62812345678{n:02}") for n, name in enumerate(texts)}

    async def writes(name: str) -> None:
        here.sandbox.state.contacts.update(people[name], {"first_name": name, "last_name": ""})
        for text in texts[name]:
            asked = here.sandbox.say(people[name], text)
            await here.texts(people[name], after=asked)

    await asyncio.gather(*map(writes, texts))
    await here.settled()
    failed = (people["Rudi"].id,)
    rows(here, "UPDATE inbound SET state = 'failed', outcome = 'failed' WHERE contact = ?", *failed)
    rows(here, "UPDATE turn SET state = 'failed', reason = 'the model is away' WHERE contact = ?", *failed)
    rows(here, "UPDATE contact SET paused_at = last_inbound_at WHERE id = ?", people["Tono"].id)
    return people


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder, site = tmp_path_factory.mktemp("pages"), Site()
    (folder / "docs").mkdir()
    (folder / "docs" / "toko.md").write_text("# Jam buka\n\nKami buka setiap hari pukul 08.00 sampai 21.00.\n")
    settings: dict[str, Any] = {
        "knowledge": {"sources": ["docs/*.md"]},
        "payments": {"qris": {"payload": STATIC}},
        "voice": {"model": str(VOICE / "tiny-whisper"), "allow_toy": True, "threads": 1},
        "workflows": [WORKFLOW],
        "network": {"allow_private": ["127.0.0.1"]},
    }
    async with AsyncExitStack() as stack:
        app = Starlette(routes=[Route("/{number:int}", site.page)])
        site.url = await stack.enter_async_context(listening(app, "127.0.0.1", 0))
        store = await stack.enter_async_context(shop())
        here = await stack.enter_async_context(world(folder, actions=store.actions(), **settings))
        here.model.answer = _answer
        here.config["model"]["price"] = {"input": 1.0, "output": 2.0}
        here.config["server"]["api_token"] = TOKEN
        await here.start()
        yield Stage(here, await _day(here), site, [])
        site.held.set()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def page(stage: Stage, browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    opened = await context.new_page()

    def asked(request: Request) -> None:
        stage.asked.append(request.url)

    opened.on("request", asked)
    opened.on("dialog", lambda dialog: dialog.accept())
    await opened.goto(f"{stage.here.url}/console/")
    await opened.get_by_label("Token").fill(TOKEN)
    await opened.get_by_role("button", name="Log in").click()
    await expect(opened.get_by_role("heading", name="Overview")).to_be_visible()
    yield opened
    await context.close()


async def _step(page: Page, words: str) -> Locator:
    """Open the first step of that kind of the reply that is open."""
    step = page.locator(".steps details", has=page.locator("summary", has_text=words)).first
    await step.locator("summary").first.click()
    return step


async def _why(page: Page, stage: Stage, name: str, reply: str) -> None:
    await _open(page, "actions")  # what is open already is shut
    await _open(page, stage.of(name))
    bubble = page.locator(".bubble.agent", has_text=reply).last
    await bubble.get_by_role("button", name="Why this answer?").click()


async def _cookie(page: Page, _stage: Stage) -> None:
    (cookie,) = await page.context.cookies()
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Strict"
    assert TOKEN not in str(cookie.get("value"))
    refused = "fetch('/api/v1/conversations/x/pause', {method: 'POST'}).then((answer) => answer.status)"
    assert await page.evaluate(refused) == 403, "a page that cannot send the console's header changes nothing"


async def _searched(page: Page, _stage: Stage) -> None:
    await _open(page, "conversations")
    await expect(page.locator(".list a")).to_have_count(5)
    for words, found in (("siti", "Siti"), ("0812-3456-7802", "Rudi")):
        await page.get_by_label("Search").fill(words)
        await expect(page.locator(".list a")).to_have_count(1)
        await expect(page.locator(".list a")).to_contain_text(found)
    await page.get_by_label("Search").fill("")
    await expect(page.locator(".list a")).to_have_count(5)


async def _filtered(page: Page, _stage: Stage) -> None:
    await _open(page, "conversations")
    for label, names in (("A person answers", ["Tono"]), ("Failed", ["Rudi"]), ("Not answered", ["Wati", "Rudi"])):
        await page.get_by_label("Show").select_option(label=label)
        await expect(page.locator(".list a")).to_have_count(len(names))
        for name in names:
            await expect(page.locator(".list a b", has_text=name)).to_be_visible()
    await page.get_by_label("Show").select_option(label="All")
    await expect(page.locator(".list a")).to_have_count(5)


async def _live(page: Page, stage: Stage) -> None:
    await _open(page, "conversations")
    await stage.says("Siti", "terima kasih ya")
    await expect(page.locator(".list a").first).to_contain_text("terima kasih ya")
    await expect(page.locator(".list a b").first).to_have_text("Siti")


async def _as_seen(page: Page, stage: Stage) -> None:
    await _open(page, stage.of("Budi"))
    await expect(page.locator(".bubble.contact").first).to_contain_text(ORDER)
    await expect(page.locator(".bubble.agent").first).to_contain_text("Pesanan KS-10234 sudah dikirim.")
    await expect(page.locator(".bubble.agent b").first).to_have_text("KS-10234")
    await _open(page, stage.of("Siti"))
    await expect(page.locator(".bubble.agent img").first).to_be_visible()
    assert await page.locator(".bubble.agent img").first.evaluate(
        "(image) => image.complete && image.naturalWidth > 100"
    )


async def _passages(page: Page, stage: Stage) -> None:
    await _why(page, stage, "Siti", "jam buka toko?")
    step = await _step(page, "Searched the documents")
    await expect(step.locator(".hit").first).to_contain_text("docs/toko.md")
    await expect(step.locator(".hit .num").first).to_have_text(re.compile(r"^[01]\.\d\d$"))
    await step.locator("summary", has_text="What the model read").click()
    await expect(step.locator("pre")).to_contain_text("08.00 sampai 21.00")


async def _called(page: Page, stage: Stage) -> None:
    await _why(page, stage, "Budi", "sudah dikirim")
    step = await _step(page, "get_order")
    await expect(step.locator("pre").first).to_contain_text('"order_id": "KS-10234"')
    await expect(step.locator("pre").nth(1)).to_contain_text("dikirim")
    await expect(step.locator("summary").first).to_contain_text("done")


async def _model(page: Page, stage: Stage) -> None:
    await _why(page, stage, "Budi", "sudah dikirim")
    line = page.locator(".steps summary", has_text="Asked the model").first
    await expect(line).to_contain_text(re.compile(r"110 tokens · \$0\.0001 · \d+ ms"))
    step = await _step(page, "Asked the model")
    await expect(step).to_contain_text("get_order")
    await step.locator("summary", has_text="The prompt").click()
    await expect(step.locator("pre").last).to_contain_text("asisten Kopi Senja")


async def _refused(page: Page, stage: Stage) -> None:
    await _why(page, stage, "Budi", "sebutkan nomornya")
    step = await _step(page, "get_order")
    await expect(step.locator("summary").first).to_contain_text("refused")
    await expect(step.locator("pre").first).to_contain_text("KS-77777")
    await expect(step.locator("pre").nth(1)).to_contain_text("order_id")


async def _taken_over(page: Page, stage: Stage) -> None:
    siti = stage.people["Siti"]
    await _open(page, stage.of("Siti"))
    await page.get_by_role("button", name="Take over").click()
    await expect(page.get_by_role("button", name="Give back")).to_be_visible()
    before = len(stage.here.sandbox.sent(siti))
    asked = stage.here.sandbox.say(siti, "halo, ada orang?")
    await expect(page.locator(".bubble.contact").last).to_contain_text("ada orang?")
    await page.get_by_label("Reply to the customer").fill("Saya Dewi, ada yang bisa dibantu?")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".bubble.human").last).to_contain_text("Saya Dewi")
    assert await stage.here.texts(siti, after=asked) == ["Saya Dewi, ada yang bisa dibantu?"]
    assert len(stage.here.sandbox.sent(siti)) == before + 1
    await page.get_by_label("Kind").select_option(label="Note")
    await page.get_by_label("Note for colleagues").fill("Pelanggan lama")
    await page.get_by_role("button", name="Leave note").click()
    await expect(page.get_by_text("The note is left for your colleagues.")).to_be_visible()
    await page.get_by_label("Kind").select_option(label="Reply")
    await page.get_by_role("button", name="Give back").click()
    await expect(page.get_by_role("button", name="Take over")).to_be_visible()
    await stage.says("Siti", "terima kasih")


async def _retried(page: Page, stage: Stage) -> None:
    await _open(page, stage.of("Rudi"))
    failed = page.locator(".bubble.agent", has=page.locator(".badge", has_text="failed"))
    await expect(failed).to_contain_text("the model is away")
    before = await page.locator(".bubble.agent").count()
    await failed.get_by_role("button", name="Try again").click()
    await expect(page.locator(".bubble.agent")).to_have_count(before + 1)
    await expect(failed).to_have_count(0)
    assert len(stage.here.sandbox.sent(stage.people["Rudi"])) == before + 1


async def _played(page: Page, stage: Stage) -> None:
    before = rows(stage.here, "SELECT count(*) FROM payment")
    await _open(page, "playground")
    await page.get_by_label("Message", exact=True).fill(ORDER)
    await page.keyboard.press("Enter")
    await expect(page.locator(".bubble.agent").last).to_contain_text("sudah dikirim")
    for words in ("Searched the documents", "Asked the model", "get_order"):
        await expect(page.locator(".steps summary", has_text=words).first).to_be_visible()
    await expect(page.locator(".steps summary", has_text="Asked the model").first).to_contain_text("$0.0001")
    await page.get_by_label("Message", exact=True).fill("bayar 50rb")
    await page.keyboard.press("Enter")
    await expect(page.get_by_alt_text("QRIS payment code")).to_be_visible()
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Save as scenario").click()
    text = Path(await (await waiting.value).path()).read_text()
    for words in (f"customer: {ORDER}", "get_order", "amount: 50000"):
        assert words in text
    assert rows(stage.here, "SELECT count(*) FROM payment") == before, "drawn, not recorded"


async def _played_files(page: Page, _stage: Stage) -> None:
    await _open(page, "playground")
    for name, kind, content in (("note.ogg", "audio/ogg", HEARD.read_bytes()), ("foto.png", "image/png", DOT)):
        before = await page.locator(".bubble.agent").count()
        await page.get_by_label("Voice or picture").set_input_files({"name": name, "mimeType": kind, "buffer": content})
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator(".bubble.contact").last).to_contain_text(name)
        await expect(page.locator(".bubble.agent")).not_to_have_count(before)
    step = await _step(page, "Listened to the voice note")
    await expect(step.locator("pre")).to_contain_text("buka")


async def _gaps(page: Page, _stage: Stage) -> None:
    await _open(page, "knowledge")
    gap = page.locator(".list li", has_text="parkir helikopter")
    await gap.get_by_role("button", name="Answer", exact=True).click()
    await page.keyboard.type("Ya, helipad ada di atap gedung.")
    await page.get_by_role("button", name="Save answer").click()
    await expect(gap).to_have_count(0)
    await page.get_by_label("Question", exact=True).fill("parkir helikopter")
    await page.keyboard.press("Enter")
    await expect(page.locator(".hit").first).to_contain_text("helipad ada di atap gedung")


async def _uploaded(page: Page, _stage: Stage) -> None:
    await _open(page, "knowledge")
    await expect(page.locator("tbody tr", has_text="docs/*.md")).to_contain_text("1")
    document = {"name": "menu.md", "mimeType": "text/markdown", "buffer": MENU.encode()}
    await page.get_by_label("Upload a document").set_input_files(document)
    row = page.locator("tbody tr", has_text="menu.md")
    await expect(row.locator("time")).to_be_visible()
    await page.get_by_label("Question", exact=True).fill("kopi susu gula aren")
    await page.keyboard.press("Enter")
    await expect(page.locator(".hit").first).to_contain_text("Rp22.000")
    await row.get_by_role("button", name="Remove").click()
    await expect(row).to_have_count(0)


async def _synced(page: Page, stage: Stage) -> None:
    """A site is crawled, held at one of its pages: the bar shows how far, also to who opens the page meanwhile; then it goes."""
    await _open(page, "knowledge")
    body = {"crawl": {"url": f"{stage.site.url}/0", "depth": 1}}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=f"{stage.here.url}/api/v1", headers=headers, timeout=60) as client:
        assert (await client.post("/knowledge/sources", json=body)).status_code == 200
    bar = page.get_by_role("progressbar", name=f"{stage.site.url}/0")
    await expect(page.get_by_role("button", name="Reading …")).to_be_disabled()
    await expect(bar).to_have_attribute("max", "5")
    await expect(bar).to_have_attribute("value", re.compile("[1-4]"))
    await page.reload()
    await _open(page, "knowledge")
    await expect(bar).to_have_attribute("value", re.compile("[1-4]"))
    stage.site.held.set()
    await expect(bar).to_have_count(0)
    await expect(page.get_by_role("button", name="Read sources again")).to_be_enabled()
    await expect(page.locator("tbody tr", has_text=stage.site.url).locator("td").nth(1)).to_have_text("5")


async def _acted(page: Page, _stage: Stage) -> None:
    await _open(page, "actions")
    card = page.locator("details.card", has=page.locator("h2", has_text=re.compile("^get_order$")))
    await card.locator("summary").click()
    await card.get_by_role("button", name="Check only").click()
    await expect(card.get_by_role("alert")).to_contain_text("order_id")
    await card.get_by_label("order_id").fill("KS-10234")
    await card.get_by_role("button", name="Check only").click()
    await expect(card.get_by_role("status")).to_contain_text("done")
    await card.get_by_role("button", name="Call for real").click()
    await expect(card.get_by_role("status")).to_contain_text("dikirim")
    await expect(page.locator("details.card", has_text="cancel_order").first).to_contain_text("changes something")


async def _paid(page: Page, stage: Stage) -> None:
    await _open(page, "payments")
    row = page.locator("tbody tr").first
    await expect(row).to_contain_text("Rp50.000")
    await expect(row).to_contain_text("open")
    sent = len(stage.here.sandbox.sent(stage.people["Siti"]))
    await row.get_by_role("button", name="Mark as paid").click()
    await expect(row).to_contain_text("paid")
    await stage.here.settled()
    assert len(stage.here.sandbox.sent(stage.people["Siti"])) == sent + 1
    await page.get_by_label("Show").select_option(label="expired")
    await expect(page.get_by_text("No payments")).to_be_visible()


async def _broadcast(page: Page, stage: Stage) -> None:
    await _open(page, "broadcasts")
    later = datetime.now(ZoneInfo("Asia/Jakarta")) + timedelta(hours=2)
    await page.get_by_role("button", name="New broadcast").click()
    await page.get_by_label("Name", exact=True).fill("promo")
    await page.get_by_label("Begins (empty: at once)").fill(f"{later:%Y-%m-%dT%H:%M}")
    await page.get_by_label("Text").first.fill("Halo {contact.first_name|Kak}, ada promo.")
    lines = "phone\n" + "".join(f"{each.phone}\n" for each in stage.people.values()) + "bukan-nomor\n"
    form = {"name": "p.csv", "mimeType": "text/csv", "buffer": lines.encode()}
    await page.get_by_label("Recipients: CSV with a column phone, email or id").set_input_files(form)
    await page.get_by_role("button", name="Look at the plan").click()
    plan = page.locator("form").get_by_role("status")
    await expect(plan).to_contain_text("get it")
    await expect(plan).to_contain_text("Line 7")
    await page.get_by_role("button", name=re.compile("Send to")).click()
    card = page.locator("section.card", has=page.get_by_role("heading", name="promo", exact=True))
    await expect(card.get_by_role("progressbar")).to_be_visible()
    await expect(card).to_contain_text("waiting")
    for button, state in (("Pause", "paused"), ("Go on", "running"), ("End for good", "cancelled")):
        await card.get_by_role("button", name=button).click()
        await expect(card.locator(".badge").first).to_have_text(state)


async def _flowed(page: Page, stage: Stage) -> None:
    await _open(page, "workflows")
    card = page.get_by_role("region", name="ingatkan")
    await expect(card).to_contain_text("begins with handover")
    await expect(card.get_by_role("list", name="Steps").locator("li")).to_have_text(["1. note", "2. wait", "3. send"])
    await card.get_by_role("button", name="Show runs").click()
    await card.get_by_label("For this customer").fill(stage.people["Wati"].phone)
    await page.keyboard.press("Enter")
    run = card.locator(".steps summary", has_text=str(stage.people["Wati"].id)).first
    await run.click()
    await expect(card.locator(".problems li").first).to_contain_text("done")
    await card.get_by_role("button", name="End this run").click()
    await expect(run).to_contain_text("cancelled")


async def _configured(page: Page, stage: Stage) -> None:
    await _open(page, "config")
    editor, file = page.get_by_role("textbox", name="agent.yaml"), stage.here.folder / "agent.yaml"
    ask = "fetch('/api/v1/agent/config').then((answer) => answer.json()).then((it) => it.yaml)"
    text, before = str(await page.evaluate(ask)), file.read_text()
    assert TOKEN not in text
    await _write(page, editor, f"{text}nonsense: 1\n")
    problem = page.get_by_role("list", name="Problems")
    await expect(problem).to_contain_text(f"Line {text.count(chr(10)) + 1}")
    await problem.get_by_role("button").click()
    await expect(editor).to_be_focused()
    await expect(page.locator(".cm-activeLine")).to_have_text("nonsense: 1")
    await expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    await _write(page, editor, text.replace("asisten Kopi Senja", "asisten Kopi Fajar"))
    await expect(problem).to_have_count(0)
    await expect(page.locator(".diff .del")).to_contain_text("Kopi Senja")
    await expect(page.locator(".diff .add")).to_contain_text("Kopi Fajar")
    await page.get_by_role("button", name="Put in place and save").click()
    await expect(page.get_by_role("button", name="Roll back")).to_be_enabled()
    assert "asisten Kopi Fajar" in file.read_text()
    assert TOKEN in file.read_text(), "a mask that comes back means the secret in place"
    await page.get_by_role("button", name="Roll back").click()
    await expect(page.get_by_role("button", name="Roll back")).to_have_count(0)
    assert file.read_text() == before
    await page.locator("summary", has_text="Who did what").click()
    await expect(page.locator("td", has_text="PUT /agent/config").first).to_be_visible()


async def _overviewed(page: Page, _stage: Stage) -> None:
    await _open(page, "overview")
    ask = "fetch('/api/v1/stats').then((answer) => answer.json()).then((it) => it.stats)"
    told = (await page.evaluate(ask))[-1]
    for tile, name in (("Messages", "messages"), ("Replies", "replies"), ("Handed to a person", "handovers")):
        shown = page.locator(".tile", has=page.get_by_text(tile, exact=True)).locator("dd")
        await expect(shown).to_have_text(str(told[name]))
    await expect(page.locator(".plot canvas")).to_have_count(4)
    for words in ("Messages", "Time to first reply", "Handed over and not answered", "Cost"):
        await expect(page.get_by_role("img", name=re.compile(words)).first).to_be_visible()
    for span in ("Last 24 hours", "Last 30 days"):
        await page.get_by_label("Time span").select_option(label=span)
        await expect(page.locator(".plot canvas")).to_have_count(4)


@dataclass(frozen=True)
class Promise:
    """What the contract says of a page, and the browser's part in it."""

    page: str
    words: str
    kept: Callable[[Page, Stage], Awaitable[None]]


PROMISES = [
    Promise("overview", "a cookie, HttpOnly and SameSite=Strict, safe from other pages", _cookie),
    Promise("conversations", "search", _searched),
    Promise("conversations", "filters: needs a human, failed, unanswered", _filtered),
    Promise("conversations", "live", _live),
    Promise("conversations", "messages as the customer sees them", _as_seen),
    Promise("conversations", "passages with scores", _passages),
    Promise("conversations", "calls with arguments and results", _called),
    Promise("conversations", "model calls with tokens, cost, time", _model),
    Promise("conversations", "what a guard refused and why", _refused),
    Promise("conversations", "take over, reply, note, give back", _taken_over),
    Promise("conversations", "retry", _retried),
    Promise("playground", "text; the same steps; save as scenario", _played),
    Promise("playground", "voice, image", _played_files),
    Promise("knowledge", "gaps to answer", _gaps),
    Promise("knowledge", "sources, upload, search", _uploaded),
    Promise("knowledge", "a progress bar for sync", _synced),
    Promise("actions", "test", _acted),
    Promise("payments", "what is open; marked as paid once", _paid),
    Promise("broadcasts", "plan, progress, pause, resume, end", _broadcast),
    Promise("workflows", "what begins each, runs with their steps, end", _flowed),
    Promise("config", "problems at their lines, diff, save, roll back, who did what", _configured),
    Promise("overview", "plots over time of the stats", _overviewed),
]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: f"{promise.page}: {promise.words}")
async def test_each_page_shows_and_does_what_is_promised(stage: Stage, page: Page, promise: Promise) -> None:
    await promise.kept(page, stage)


async def test_the_console_asks_its_own_api_and_nothing_else(stage: Stage, page: Page) -> None:
    for name in PAGES:
        await _open(page, name)
    addresses = [urlsplit(each) for each in stage.asked if not each.startswith(("data:", "blob:"))]
    assert {f"{each.scheme}://{each.netloc}" for each in addresses} == {stage.here.url}
    assert {each.path.split("/")[1] for each in addresses} <= {"console", "api", "media"}
    assert {promise.page for promise in PROMISES} == set(PAGES)
