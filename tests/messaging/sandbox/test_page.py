"""The phone page in a real Chromium."""

import asyncio
from collections.abc import AsyncIterator, Set

import httpx
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from pydantic import JsonValue

from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.sandbox.options import Prompt
from messaging.sandbox.records import Json
from tests.browser import MARKS, chromium
from tests.messaging.sandbox.receiver import Receiver

pytestmark = MARKS
FLAGS = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium(FLAGS) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, sandbox: RunningSandbox) -> AsyncIterator[Page]:
    """The page of a fresh sandbox, in English; a test fails when the browser complains."""
    context = await browser.new_context(locale="en-GB", viewport={"width": 1400, "height": 900})
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    await opened.goto(sandbox.url)
    await expect(opened.locator(".phone")).to_have_count(3)
    yield opened
    await context.close()
    assert complaints == []


async def test_what_is_typed_reaches_the_agent_and_its_answer_the_page(
    page: Page, sandbox: RunningSandbox, api: httpx.AsyncClient, receiver: Receiver
) -> None:
    sandbox.send_webhooks_to(receiver.url, "s")
    await page.get_by_label("Type a message").fill("halo, buka?")
    await page.keyboard.press("Enter")
    (body,) = await receiver.wait_for("message.received")
    assert body["message"]["message"]["text"] == "halo, buka?"
    mine = page.locator(".bubble.mine")
    await expect(mine).to_contain_text("halo, buka?")
    await expect(mine.locator(".tick.delivered")).to_be_visible()

    text = "*Buka* _08.00_ ~07.00~ `KS-1` 2*3*4 https://kopi.example/menu?a=1. <img src=x onerror=alert(1)>"
    await api.post("/contact/id:1/message", json={"message": {"type": "text", "text": text}})
    words = page.locator(".bubble:not(.mine) .words")
    await expect(words.locator("strong")).to_have_text("Buka")
    await expect(words.locator("em")).to_have_text("08.00")
    await expect(words.locator("s")).to_have_text("07.00")
    await expect(words.locator("code")).to_have_text("KS-1")
    await expect(words.locator("a")).to_have_attribute("href", "https://kopi.example/menu?a=1")
    await expect(words).to_contain_text("2*3*4")
    await expect(words).to_contain_text("<img src=x onerror=alert(1)>")
    await expect(words.locator("img")).to_have_count(0)
    await expect(page.locator(".bubble:not(.mine)[data-state=read]")).to_be_visible()
    await expect(page.locator(".bubble:not(.mine) .tick")).to_have_count(
        0
    )  # as WhatsApp: only one's own messages have ticks
    await expect(mine.locator(".tick.read")).to_be_visible()


async def test_a_recorded_voice_note_arrives_as_ogg_and_can_be_played(page: Page, sandbox: RunningSandbox) -> None:
    await page.get_by_role("button", name="Record a voice note").click()
    await expect(page.locator("#record-time")).to_have_text("0:01")
    await page.get_by_role("button", name="Send the recording").click()
    await expect(page.locator(".voice")).to_be_visible()
    (note,) = sandbox.state.messages.of(1)
    assert note.content["attachment"]["mimeType"] == "audio/ogg"
    (media,) = sandbox.state.media.all()
    assert media.data.startswith(b"OggS")
    await expect(page.locator(".voice time")).to_have_text("0:01")
    await page.get_by_role("button", name="Play", exact=True).click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()


async def test_a_discarded_recording_is_not_sent(page: Page, sandbox: RunningSandbox) -> None:
    await page.get_by_role("button", name="Record a voice note").click()
    await page.get_by_role("button", name="Discard the recording").click()
    await expect(page.get_by_role("button", name="Record a voice note")).to_be_focused()
    assert sandbox.state.messages.of(1) == []


async def test_an_image_is_enlarged_a_document_linked_and_a_choice_tapped(
    page: Page, sandbox: RunningSandbox, api: httpx.AsyncClient, receiver: Receiver
) -> None:
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
    receiver.files |= {"/qr.png": ("image/png", png), "/menu.pdf": ("application/pdf", b"%PDF-1.4")}
    sandbox.say(1, "bayar")
    for message in (
        {"type": "attachment", "attachment": {"type": "image", "url": f"{receiver.url}/qr.png"}},
        {"type": "attachment", "attachment": {"type": "file", "url": f"{receiver.url}/menu.pdf"}},
        {"type": "quick_reply", "title": "Sudah?", "replies": ["Sudah bayar", "Belum"]},
    ):
        await api.post("/contact/id:1/message", json={"message": message})
    await page.get_by_role("button", name="Enlarge the image").click()
    await expect(page.get_by_role("dialog").locator("img")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator("a.document")).to_contain_text("menu.pdf")
    await page.get_by_role("button", name="Sudah bayar").click()
    await expect(page.locator(".bubble.mine").last).to_contain_text("Sudah bayar")


async def test_the_colleague_answers_and_takes_over_from_the_panel(page: Page, sandbox: RunningSandbox) -> None:
    sandbox.say(1, "mau bicara dengan orang")
    await expect(page.locator(".badge.open")).to_be_visible()
    await page.get_by_label("Reply as a human").fill("Saya Ayu")
    await page.keyboard.press("Enter")
    await expect(page.locator(".bubble.human")).to_contain_text("Saya Ayu")
    await page.get_by_role("button", name="Take over").click()
    await expect(page.locator(".badge.person")).to_have_text("Ayu has taken over")
    await page.get_by_role("button", name="Close conversation").click()
    await expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    contact = sandbox.state.contacts.get(1)
    assert (contact.assignee, contact.status) == (3, "closed")
    await page.get_by_role("button", name="Reopen").click()
    await expect(page.locator(".badge.open")).to_be_visible()
    await page.locator("#colleague-unassign").click()
    await expect(page.locator(".badge.person")).to_have_count(0)
    contact = sandbox.state.contacts.get(1)
    assert (contact.assignee, contact.status) == (None, "open")
    await page.get_by_role("button", name="Block", exact=True).click()
    await expect(page.locator(".badge.blocked")).to_be_visible()
    await page.get_by_role("button", name="Unblock").click()
    await expect(page.locator(".badge.open")).to_be_visible()


async def test_faults_are_switched_and_the_log_shows_the_deliveries(
    page: Page, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    sandbox.send_webhooks_to(receiver.url, "s")
    await page.get_by_role("tab", name="Faults").click()
    await page.get_by_role("switch", name="Slow", exact=True).check()
    await expect(page.locator("#fault-count")).to_have_text(
        "1"
    )  # the panel is drawn anew; what is typed before is lost
    await page.locator("[data-fault=slow] input[type=number]").first.fill("2.5")
    await page.keyboard.press("Tab")
    async with asyncio.timeout(30):
        while (fault := sandbox.state.faults.peek("slow")) is None or fault.seconds != 2.5:
            await sandbox.state.feed.wait(sandbox.state.feed.seq, 1)
    await page.get_by_role("switch", name="Slow", exact=True).uncheck()
    await expect(page.locator("#fault-count")).to_be_hidden()
    assert sandbox.state.faults.active() == ()

    await page.get_by_role("tab", name="Webhooks").click()
    sandbox.say(1, "halo")
    line = page.locator(".log summary", has_text="message.received")
    await expect(line).to_contain_text("200")
    await line.click()
    await expect(page.locator(".log pre")).to_contain_text('"event_type": "message.received"')


async def test_phones_are_added_switched_and_counted_by_keyboard_alone(page: Page, sandbox: RunningSandbox) -> None:
    await page.get_by_role("button", name="New phone").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.type("Tono")
    await page.keyboard.press("Enter")
    await expect(page.locator(".phone[aria-current=true]")).to_contain_text("Tono")
    await page.keyboard.type("halo dari Tono")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("baris dua")
    await page.keyboard.press("Enter")
    await expect(page.locator(".bubble.mine")).to_contain_text("halo dari Tono")
    (tono,) = [contact for contact in sandbox.state.contacts.all() if contact.first_name == "Tono"]
    (message,) = sandbox.state.messages.of(tono.id)
    assert message.content["text"] == "halo dari Tono\nbaris dua"
    sandbox.say(1, "hai")
    sandbox.reply_as_human(1, "ya?")
    sari = page.locator(".phone", has_text="Sari")
    await expect(sari.locator(".unread")).to_have_text("1")
    await sari.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".bubble.human")).to_contain_text("ya?")


async def test_the_page_catches_up_after_a_reset_and_speaks_both_languages(page: Page, sandbox: RunningSandbox) -> None:
    sandbox.say(1, "lama")
    await expect(page.locator(".bubble")).to_have_count(1)
    sandbox.state.reset()
    await expect(page.locator(".empty")).to_contain_text("Write something")
    await page.get_by_role("button", name="Indonesia").click()
    await expect(page.get_by_label("Ketik pesan")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", "id")
    await page.get_by_role("button", name="Gelap").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_every_control_has_a_name(page: Page, sandbox: RunningSandbox) -> None:
    sandbox.say(1, "halo")
    for tab in ("Colleague", "Faults", "Webhooks"):
        await page.get_by_role("tab", name=tab).click()
        nameless = await page.evaluate(
            """() => [...document.querySelectorAll("button, input, textarea, select, a")]
                .filter((node) => node.checkVisibility() && !node.textContent.trim() && !node.ariaLabel && !node.labels?.length
                    && !node.getAttribute("aria-labelledby") && !node.querySelector("img[alt]"))
                .map((node) => node.outerHTML)"""
        )
        assert nameless == []


async def test_on_a_small_screen_lists_and_panel_slide_in(browser: Browser, sandbox: RunningSandbox) -> None:
    context = await browser.new_context(locale="en-GB", viewport={"width": 390, "height": 844}, has_touch=True)
    page = await context.new_page()
    await page.goto(sandbox.url)
    await page.get_by_role("button", name="Show phones").click()
    await page.locator(".phone", has_text="Budi").click()
    await expect(page.locator("#chat-under")).to_contain_text("Budi Santoso")
    await page.get_by_role("button", name="Show panel").click()
    await expect(page.get_by_role("tab", name="Faults")).to_be_in_viewport()
    await page.get_by_role("button", name="Close panel").click()
    await page.get_by_label("Type a message").fill("halo")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".bubble.mine")).to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await context.close()


class _Told:
    """What an agent beside the sandbox would tell."""

    def prompts(self) -> list[Prompt]:
        return [Prompt("jam buka?", "id"), Prompt("where are you?", "en")]

    async def explain(self, message_ids: Set[str]) -> Json | None:
        if "1" in message_ids:
            return None
        hit: Json = {"title": "Jam buka", "source": "docs/jam.md", "score": 0.87}
        model: Json = {"type": "ai", "data": {"content": "Jam 8 sampai 17.", "tool_calls": []}}
        steps: list[JsonValue] = [
            {"kind": "transcription", "name": "voice", "ms": 9, "tokens": 0, "input": {}, "output": {"text": "jam buka"}},
            {"kind": "retrieval", "name": "k", "ms": 3, "tokens": 0, "input": {"queries": ["jam buka"]}, "output": {"hits": [hit]}},
            {"kind": "model", "name": "offline", "ms": 1, "tokens": 7, "input": None, "output": model},
        ]  # fmt: skip
        return {"state": "done", "reason": None, "handover": None, "heard": "jam buka", "toy": True, "steps": steps}


async def test_prompts_are_tapped_and_an_answer_tells_why(browser: Browser) -> None:
    options = SandboxOptions(port=0, rate=None, insight=_Told())
    async with RunningSandbox(options) as sandbox:
        context = await browser.new_context(locale="en-GB", viewport={"width": 1400, "height": 900})
        page = await context.new_page()
        await page.goto(sandbox.url)
        await expect(page.locator(".prompts button")).to_have_text(["jam buka?"])  # Sari writes Indonesian
        await page.locator(".prompts button").click()
        await expect(page.locator(".bubble.mine")).to_contain_text("jam buka?")
        sandbox.attach(1, b"OggS" + bytes(100), "note.ogg")
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        async with httpx.AsyncClient(base_url=sandbox.api_url, headers=headers) as api:
            await api.post("/contact/id:1/message", json={"message": {"type": "text", "text": "Jam 8 sampai 17."}})
        await expect(page.locator(".heard")).to_contain_text("Heard as: “jam buka”")
        await expect(page.locator(".heard")).to_contain_text("mishears")
        await page.get_by_role("button", name="why?").click()
        await expect(page.locator(".steps > li")).to_have_count(3)
        await expect(page.locator("#why")).to_contain_text("Jam buka")
        await expect(page.locator("#why")).to_contain_text("0.87")
        sandbox.state.comment(1, "pelanggan lama")
        await page.get_by_role("tab", name="Colleague").click()
        await expect(page.locator(".notes")).to_contain_text("pelanggan lama")
        await expect(page.locator("#chat")).not_to_contain_text("pelanggan lama")
        await context.close()
