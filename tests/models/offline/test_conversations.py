"""First conversations with six shops on the offline model: what is right, what is politely unknown, and nothing invented.

The shops and what their customers say are in `conversations/`. A reply is

- right: it is what the file expects;
- unknown: the file expects a fact, and the model says that it does not know, or passes the customer on;
- wrong: it tells something out of the documents, or a result, that is not what was asked for;
- clumsy: none of these.
"""

import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ruamel.yaml import YAML

from agent.cli.session import Answer, ChatSession, open_session
from agent.config import load
from language.detect import detect
from language.intents import says_dont_know

FOLDER = Path(__file__).with_name("conversations")
SHOPS = ("laundry", "wisma", "salon", "bikes", "bengkel", "dental")
LEAST = 300
RIGHT_OR_UNKNOWN = 0.95
RIGHT = 0.8
ALIKE = 5
"""So many words in a row that also stand in a document: the reply quotes it."""

KINDS = {
    "greeting": r"\bDini\b|\bAnggi\b|bantu|\bhelp\b",
    "thanks": r"sama-sama|welcome",
    "goodbye": r"jumpa|goodbye|\bbye\b|good night|selamat malam",
    "empathy": r"(?s)(?:maaf|sorry).*(?:sambungkan|hubungkan|connect|tim|team)",
    "asks": r"(?s)^\D*\?\s*$",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    shop: str
    held_out: bool
    customer: str
    verdict: str
    reply: str
    invented: tuple[str, ...]

    def __str__(self) -> str:
        numbers = f" invented {self.invented}" if self.invented else ""
        return f"[{self.verdict}{numbers}] {self.shop}: {self.customer!r} → {self.reply!r}"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(text: str) -> set[tuple[str, ...]]:
    words = _words(text)
    return {tuple(words[n : n + ALIKE]) for n in range(len(words) - ALIKE + 1)}


def _numbers(text: str) -> set[str]:
    """Numbers as digits alone: `Rp18.000` and `18000` are the same; 07.00 and 07:00 as well."""
    return {re.sub(r"\D", "", found) for found in re.findall(r"\d{1,3}(?:[.,]\d{3})+|\d+[.:]\d\d|\d+", text)}


def _right(expected: Mapping[str, Any], answer: Answer, *, quotes: bool) -> bool:
    text = answer.text
    if any(part not in text for part in expected.get("all", ())):
        return False
    if "any" in expected and not any(part in text for part in expected["any"]):
        return False
    if any(part in text for part in expected.get("not", ())):
        return False
    if "language" in expected and detect(text, "id") != expected["language"]:
        return False
    match expected.get("is"):
        case None:
            return True
        case "handover":
            return bool(answer.notes)
        case "unknown":
            return says_dont_know(text) and not quotes
        case "noted":
            return bool(text) and not says_dont_know(text) and not quotes and len(text) <= 120
        case kind:
            return re.search(KINDS[kind], text, re.IGNORECASE) is not None and not quotes


async def _conversations(session: ChatSession, folder: Path) -> AsyncIterator[Verdict]:
    documents = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("docs/*")))
    runs = _runs(documents)
    for n, conversation in enumerate(
        YAML(typ="safe").load((folder / "conversations.yaml").read_text(encoding="utf-8"))
    ):
        session.restart()
        heard = "2026"
        for entry in conversation:
            said = [entry["customer"]] if isinstance(entry["customer"], str) else entry["customer"]
            answer = await session.say(*said)
            heard += "\n".join(said) + str([step.output for step in answer.steps if step.kind == "action"])
            invented = set() if answer.pictures else _numbers(answer.text) - _numbers(documents + heard)
            quotes = not _runs(answer.text).isdisjoint(runs) or bool(_numbers(answer.text) - _numbers("\n".join(said)))
            if _right(entry, answer, quotes=quotes):
                verdict = "right"
            elif (says_dont_know(answer.text) or answer.notes) and not quotes:
                verdict = "unknown"
            else:
                verdict = "wrong" if quotes else "clumsy"
            yield Verdict(folder.name, n % 3 == 2, " / ".join(said), verdict, answer.text, tuple(sorted(invented)))


async def verdicts(folder: Path) -> list[Verdict]:
    """What became of every exchange of the shops, in a copy of their folders."""
    found = []
    for shop in SHOPS:
        async with open_session(load(folder / shop / "agent.yaml")) as session:
            found += [verdict async for verdict in _conversations(session, folder / shop)]
    return found


def counted(found: list[Verdict]) -> Iterator[str]:
    """The figures, a line for each part of the corpus."""
    for name, held_out in (("made with", False), ("held out", True)):
        part = [each for each in found if each.held_out is held_out]
        counts = Counter(each.verdict for each in part)
        shares = ", ".join(f"{kind} {counts[kind]}" for kind in ("right", "unknown", "clumsy", "wrong"))
        yield f"{name}: {len(part)} exchanges: {shares}, invented numbers in {sum(bool(each.invented) for each in part)}"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def found(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    folder = tmp_path_factory.mktemp("shops")
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    told = await verdicts(folder)
    print("\n".join(counted(told)))
    return told


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("held_out", [False, True], ids=["made with", "held out"])
async def test_first_conversations_are_right_or_politely_unknown_and_never_wrong(
    found: list[Verdict], held_out: bool
) -> None:
    part = [each for each in found if each.held_out is held_out]
    share = {verdict: sum(each.verdict == verdict for each in part) / len(part) for verdict in ("right", "unknown")}
    assert len(found) >= LEAST
    assert [str(each) for each in part if each.invented] == []
    assert [str(each) for each in part if each.verdict == "wrong"] == []
    assert share["right"] + share["unknown"] >= RIGHT_OR_UNKNOWN, "\n".join(map(str, part))
    assert share["right"] >= RIGHT, "\n".join(str(each) for each in part if each.verdict != "right")
