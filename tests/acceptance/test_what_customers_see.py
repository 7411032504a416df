"""What a reply looks like on the customer's phone: its parts, their formatting, their pace, answers to tap, files."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.world import world

QUICK = {"finished": "0s", "unfinished": "0s", "longest": "0s"}


def _calls(name: str, then: str, **arguments: Any) -> Any:
    def answer(asked: Asked) -> Answer:
        return then if asked.results else {"call": name, "arguments": arguments}

    return answer


async def test_markdown_and_length_are_made_fit_for_the_channel(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"quiet_window": QUICK}) as here:
        words = "kata " * 500
        here.model.answer = lambda asked: (
            f"## Menu\n\n**Kopi** dan [daftar](https://x.example/menu)\n\n{words}\n\n{words}"
        )
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "menu?")
        first, *more = await here.texts(budi, count=2)
        assert first.startswith("*Menu*\n\n*Kopi* dan daftar (https://x.example/menu)")
        assert "**" not in first
        assert all(len(text) <= 4096 for text in (first, *more))
        assert sum(text.count("kata") for text in (first, *more)) == 1000
        await here.stop()


async def test_answers_to_tap_and_files_of_the_folder_arrive(tmp_path: Path) -> None:
    (tmp_path / "menu.pdf").write_bytes(b"%PDF-1.4 menu")
    actions = [{"builtin": "quick_replies"}, {"builtin": "send_file", "files": ["*.pdf"]}]
    async with world(tmp_path, conversation={"quiet_window": QUICK}, actions=actions) as here:
        here.model.answer = _calls("quick_replies", "Silakan pilih.", title="**Ukuran**?", replies=["Kecil", "Besar"])
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "mau kopi")
        await here.texts(budi, count=2)
        choice = here.sandbox.sent(budi)[-1].content
        assert (choice["type"], choice["title"], choice["replies"]) == ("quick_reply", "*Ukuran*?", ["Kecil", "Besar"])
        here.model.answer = _calls("send_file", "Ini menunya.", file="menu.pdf", caption="Berlaku bulan ini")
        here.sandbox.say(budi, "kirim menu")
        texts = await here.texts(budi, count=5)
        assert texts[2] == "Ini menunya."
        assert texts[4] == "Berlaku bulan ini"
        sent: Any = here.sandbox.sent(budi)[3].content["attachment"]
        assert sent["type"] == "file"
        async with httpx.AsyncClient() as client:
            answer = await client.get(sent["url"])
        assert (answer.content, answer.headers["content-type"]) == (b"%PDF-1.4 menu", "application/pdf")
        await here.stop()


async def test_a_paced_reply_comes_part_by_part_and_stops_when_a_human_speaks(tmp_path: Path) -> None:
    actions = [{"builtin": "quick_replies"}, {"builtin": "send_file", "files": ["*.txt"]}]
    (tmp_path / "a.txt").write_text("a")
    conversation = {"quiet_window": QUICK, "pacing": "0.1s"}
    async with world(tmp_path, conversation=conversation, actions=actions) as here:
        here.model.answer = _calls("send_file", "Ini filenya.", file="a.txt", caption="x" * 20)
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "kirim")
        await here.texts(budi, count=2)
        began = time.monotonic()
        assert (await here.texts(budi, count=3))[-1] == "x" * 20
        assert time.monotonic() - began > 1.0
        here.sandbox.say(budi, "kirim lagi")
        await here.texts(budi, count=5)
        here.sandbox.reply_as_human(budi, "Saya bantu ya")
        await asyncio.sleep(3.5)
        assert [str(message.content.get("text")) for message in here.sandbox.sent(budi)].count("x" * 20) == 1
        await here.stop()
