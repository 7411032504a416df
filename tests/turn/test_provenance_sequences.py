"""Provenance over whole conversations: what the customer said and still says, or a look-up found, is a source; nothing else is."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actions.action import Outcome
from actions.guard import guarded_client
from agent.ledger import history, human
from agent.ledger.history import Line
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import summary
from agent.turn.context import TurnContext
from agent.turn.files import Content
from messaging.types import Attachment, Event, MessageDeleted, MessageEdited, Quote, Reaction
from tests.actions.conftest import TLS
from tests.actions.http.declared import opened
from tests.ledger.messages import BUDI, contact, message, sent
from tests.turn.harness import CountedAction, Desk, calls, says
from tests.turn.test_consent_sequences import Ears
from tests.voice.servers import Reply, serve

WRITTEN = (
    ("KS-48213", "ks 48213"),
    ("KS-77590", "KS77590"),
    ("2027-12-24", "24 Desember 2027"),
    ("+6281355501234", "0813-5550-1234"),
    ("Jl. Kenanga 17", "jl kenanga 17"),
    ("rina.w@contoh.co.id", "Rina.W@contoh.co.id"),
    (175000, "175rb"),
    ("Rina Wulandari", "rina wulandari"),
)
"""Values as a model writes them, and as people do; none is a part of another."""
SAID_BY_CUSTOMER = ("say", "speak", "tap a found one", "say in a crash")
SAID_BY_OTHERS = (
    *("reply to", "quote", "forward", "attach", "name a file", "tap", "model says", "colleague says", "summarise"),
    *("look up in vain", "react to", "agree to"),
)
STEPS = (
    *SAID_BY_CUSTOMER,
    "look up",
    *SAID_BY_OTHERS,
    "edit",
    "edit later",
    "edit twice",
    "delete",
    "delete later",
    "long ago",
)
SOURCES = {"take_said": ["conversation"], "take_found": ["find"], "take_either": ["conversation", "find"]}
ACTS = st.tuples(st.sampled_from(sorted(SOURCES)), st.integers(0, len(WRITTEN) - 1))


class Files:
    """A reader of files that finds this text in any."""

    text = ""

    async def read(self, attachment: Attachment) -> Content:
        return Content(self.text)


@dataclass
class Talk:
    """A conversation, and who has said or found which value by the rule."""

    desk: Desk
    find: CountedAction
    ears: Ears
    files: Files
    taken: list[Any]
    number: int = 0
    messages: dict[str, set[int]] = field(default_factory=dict)
    found: set[int] = field(default_factory=set)

    def may(self, action: str, value: int) -> bool:
        said = any(value in values for values in self.messages.values())
        return ("conversation" in SOURCES[action] and said) or ("find" in SOURCES[action] and value in self.found)

    async def play(self, step: str, value: int) -> None:
        """Somebody brings a value up."""
        self.desk.now += timedelta(minutes=25)
        told, typed = str(WRITTEN[value][0]), WRITTEN[value][1]
        other = (value + 1) % len(WRITTEN)
        match step:
            case "say":
                await self._write(f"halo kak, ini {typed} ya", {value})
            case "say in a crash":
                await self._write(f"kak, yang {typed} ya", {value}, dies=True)
            case "speak":
                self.ears.words = f"yang {typed} kak"
                note = Attachment("audio", f"{self.ears.store}/n.ogg", mime_type="audio/ogg")
                await self._write(None, {value}, attachments=(note,), kind="audio")
            case "look up" | "look up in vain":
                self.find.outcome = Outcome(
                    "done" if step == "look up" else "failed", "ok", {"items": [{"value": WRITTEN[value][0]}]}
                )
                await self._write("coba cek dong", set(), replies=[calls("find"), says("Sudah saya cek.")])
                self.found |= {value} if step == "look up" else set()
            case "reply to":
                await self._write("yang ini kak", set(), quote=Quote("p9", f"Apakah maksudnya {told}?"))
            case "quote":
                await self._write(f"> Apakah {told}?\nyang itu kak", set())
            case "forward":
                await self._write(
                    f"tolong ya\n\nOn Mon, 2 Nov 2026 at 10:00, Kopi <hi@example.com> wrote:\n> {told}", set()
                )
            case "attach":
                self.files.text = f"Invoice {told}"
                await self._write(
                    "ini berkasnya", set(), attachments=(Attachment("file", "https://x.example/a.pdf", "a.pdf"),)
                )
                self.files.text = ""
            case "name a file":
                await self._write(
                    "ini", set(), attachments=(Attachment("file", "https://x.example/b.pdf", f"{told}.pdf"),)
                )
            case "tap" | "tap a found one":
                await self._write(
                    "ada apa saja?", set(), replies=[calls("quick_replies", texts=[told]), says("Pilih ya.")]
                )
                if step == "tap a found one":
                    await self.play("look up", value)
                await self._write(told, {value} if value in self.found else set())
            case "model says":
                await self._write("gimana kak?", set(), replies=[says(f"Mungkin maksud Kakak {told}.")])
            case "agree to":
                await self._write("gimana kak?", set(), replies=[says(f"Maksud Kakak {told}?")])
                await self._write("iya benar itu", set())
            case "colleague says":
                await self.desk.receive(sent(self._next(), by_human=True, text=f"Halo, {told} ya"))
                await self.desk.database.write(lambda c: human.give_back(c, BUDI, self.desk.now))
            case "react to":
                await self._write("gimana kak?", set(), replies=[says(f"Ini {told}.")])
                await self.desk.receive(Reaction(contact(), f"r{self._next()}", self.desk.now, "p1", "👍"))
            case "summarise":
                await self._summarise(f"Pelanggan menyebut {told}.")
            case "edit":
                await self._write(f"yang {typed}", {other}, after=[f"eh yang {WRITTEN[other][1]}"])
            case "edit later" | "edit twice":
                name = await self._write(f"yang {typed}", {value})
                await self._edit(name, f"eh yang {WRITTEN[other][1]}", {other})
                if step == "edit twice":
                    await self._edit(name, f"yang {typed}", {value})
            case "delete":
                await self._write(f"yang {typed}", set(), after=[None])
            case "delete later":
                name = await self._write(f"yang {typed}", {value})
                await self._edit(name, f"eh yang {WRITTEN[other][1]}", {other})
                await self.desk.receive(MessageDeleted(contact(), name))
                self.messages[name] = set()
            case "long ago":
                lines = [Line("contact" if n % 2 else "agent", "oke kak", self.desk.now) for n in range(240)]
                await self.desk.database.write(lambda c: history.append(c, BUDI, lines))

    async def act(self, action: str, value: int) -> bool:
        """Let the model use a value; whether it went out."""
        self.desk.now += timedelta(minutes=25)
        before, name = len(self.taken), "amount" if isinstance(WRITTEN[value][0], int) else "value"
        await self._write(
            "tolong diproses ya kak", set(), replies=[calls(action, **{name: WRITTEN[value][0]}), says("Baik.")]
        )
        return len(self.taken) > before

    async def _summarise(self, text: str) -> None:
        row = {"platform": BUDI.platform, "contact": BUDI.id, "text": text, "upto": 1, "asked_upto": 1}
        insert = summary.insert().values(**row, updated_at=self.desk.now)
        await self.desk.database.write(lambda c: [c.execute(each) for each in (summary.delete(), insert)])

    def _next(self) -> int:
        self.number += 1
        return self.number

    async def _write(
        self,
        text: str | None,
        values: set[int],
        *,
        after: Sequence[str | None] = (),
        replies: Sequence[Any] = (),
        dies: bool = False,
        **more: Any,
    ) -> str:
        event = replace(message(self._next(), text or ""), text=text, sent_at=self.desk.now, **more)
        later: list[Event] = [
            MessageDeleted(contact(), event.message_id)
            if now is None
            else MessageEdited(contact(), event.message_id, self.desk.now, now)
            for now in after
        ]
        await self.desk.receive(event, *later)
        if dies:
            await self.desk.claim("dead")
            self.desk.now += timedelta(minutes=2)
        await self._answered(replies)
        self.messages[event.message_id] = values
        return event.message_id

    async def _edit(self, name: str, text: str, values: set[int]) -> None:
        self.desk.now += timedelta(seconds=20)
        await self.desk.receive(MessageEdited(contact(), name, self.desk.now, text))
        await self._answered(())
        self.messages[name] = values

    async def _answered(self, replies: Sequence[Any]) -> None:
        self.desk.model.replies = [*replies, *[says("Baik kak.")] * 3]
        begun = await self._begun()
        if isinstance(begun, datetime):
            self.desk.now = begun
            begun = await self._begun()
        if isinstance(begun, TurnContext):
            await self.desk.turns().run(begun, lambda _: None)
        await self.desk.deliver()

    async def _begun(self) -> TurnContext | datetime | None:
        return await self.desk.database.write(lambda c: self.desk.turns().begin(c, BUDI))


def taking(client: httpx.AsyncClient, url: str) -> Iterator[Any]:
    for name, sources in SOURCES.items():
        yield opened(
            client,
            name=name,
            description="Process what the customer asks for.",
            effect=True,
            parameters={
                "value": {"from": sources, "optional": True},
                "amount": {"type": "integer", "from": sources, "optional": True},
            },
            request={"method": "POST", "url": url, "json": {"value": "{value}", "amount": "{amount}"}},
        )


async def talk(empty_ledger: Path, work: Callable[[Talk], Any]) -> None:
    taken: list[Any] = []

    def take(request: Any) -> Reply:
        taken.append(request)
        return Reply(200, {"Content-Type": "application/json"}, b'{"status": "ok"}')

    heard = Reply(200, {"Content-Type": "audio/ogg"}, b"heard")
    with tempfile.TemporaryDirectory() as folder, serve(take) as api, serve(lambda _: heard) as store:
        shutil.copy(empty_ledger, Path(folder) / "ledger.db")
        database = SqliteDatabase(Path(folder) / "ledger.db")
        offered = Outcome("done", "Offered.", {})
        find, ears, files = CountedAction("find"), Ears(store.url), Files()
        async with guarded_client(["127.0.0.1"], ssl_context=TLS) as client:
            desk = Desk(database, transcriber=ears, files=files, conversation={"handover": {"resume_after": "0s"}})  # type: ignore[arg-type]
            desk.actions = [find, *taking(client, api.url), Offers("quick_replies", offered, builtin="quick_replies")]
            try:
                await work(Talk(desk, find, ears, files, taken))
            finally:
                await desk.client.aclose()
                await database.aclose()


class Offers(CountedAction):
    """Quick replies, as the built-in action keeps them."""

    async def run(self, arguments: Any, context: Any) -> Outcome:
        return Outcome("done", "Offered.", {"offered_replies": list(arguments["texts"])})


Play = tuple[str, int]


@example([("say", 0)], [("take_said", 0), ("take_found", 0)])
@example([("say", 0), ("long ago", 0)], [("take_said", 0)])
@example([("look up", 1), ("long ago", 0)], [("take_either", 1)])
@example([("edit later", 0)], [("take_said", 0), ("take_said", 1)])
@example([("edit twice", 0)], [("take_said", 0), ("take_said", 1)])
@example([("delete later", 0)], [("take_said", 0), ("take_said", 1)])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, len(WRITTEN) - 1)), min_size=2, max_size=6),
    st.lists(ACTS, min_size=2, max_size=2),
)
def test_a_value_is_taken_exactly_when_the_customer_said_it_or_a_look_up_found_it(
    empty_ledger: Path, steps: list[Play], acts: list[Play]
) -> None:
    async def work(talk: Talk) -> None:
        for step, value in steps:
            await talk.play(step, value)
        named = sorted({value for _, value in steps} | {(value + 1) % len(WRITTEN) for _, value in steps})
        for action, value in [*acts, *zip(cycle(SOURCES), named)]:
            assert await talk.act(action, value) == talk.may(action, value), (
                steps,
                action,
                WRITTEN[value],
                talk.messages,
            )

    asyncio.run(talk(empty_ledger, work))
