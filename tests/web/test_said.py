"""What the server says reaches the console in Indonesian: each wording that its code makes stands in said.js."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT

PAGE = ROOT / "agent" / "web" / "page" / "js"
MADE = (
    "agent/web", "agent/turn/checks.py", "agent/turn/gate.py", "agent/turn/reply.py", "agent/turn/turn.py", "agent/delivery/followups.py",
    "agent/delivery/outbox.py", "agent/delivery/retry.py", "agent/delivery/window.py", "agent/broadcasts/audience.py",
    "agent/broadcasts/compose.py", "agent/broadcasts/feeder.py", "agent/broadcasts/plan.py", "agent/workflows",
    "agent/ledger/broadcasts.py",
    "agent/ledger/events.py", "agent/ledger/human.py", "agent/ledger/overview.py", "agent/ledger/workflows.py", "agent/ledger/restored.py",
    "agent/swap.py", "agent/config/semantics.py", "knowledge/documents", "knowledge/sync", "knowledge/knowledge.py",
)  # fmt: skip
"""Where reasons, refusals and problems are worded."""

LOGGED = {
    "debug",
    "info",
    "warning",
    "error",
    "exception",
    "Field",
    "Query",
    "Column",
    "ValueError",
    "TypeError",
    "KeyError",
    "_read_json",
}
ELSEWHERE = (
    "{} holds more than {} values in this body", "{} finds more than {} values in this body", "{} cannot be followed in this body: {}",
    "email: {} is not an e-mail address", "phone: {}", "there is no passage {}; `balas knowledge search` shows their ids",
    "{} stands under no heading; accept the question as an entry of its own",
    "{} is no file of ours; accept the question as an entry of its own",
    "it is known who asks", "it is not known who asks", "there is no tool {}", "this failed; the log of the agent says why",
    "the answer has {} characters; ask for less, e.g. with a smaller limit", "this webhook cannot be read",
    "nothing here answers this; webhooks come by POST", "the agent could not answer: {}", "hook {}", "{}: {}{}",
)  # fmt: skip
"""Told to programs and commands: hooks, MCP, webhooks, `balas knowledge`."""


PROGRAMS = {"listening", "metrics", "server", "mcp", "protocol"}
_WORDS = re.compile("[a-z]{2,} [a-z`]|[a-z]{3} |: ")


def _wordings() -> list[tuple[str, str]]:
    text = (PAGE / "said.js").read_text()
    return [tuple(json.loads(line.strip().rstrip(","))) for line in text.splitlines() if line.startswith("  [")]


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _made(file: Path) -> Iterator[str]:
    """Sentences that the code of a file hands on: arguments of exceptions and of what bears a reason, and reasons by name."""
    for node in ast.walk(ast.parse(file.read_text())):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            if name in LOGGED:
                continue
            given = [each.value for each in node.keywords if each.arg in ("reason", "why")]
            if name[:1].isupper() or name in ("error_answer", "_unknown", "skipped", "withdraw", "add"):
                given += node.args
        elif isinstance(node, ast.Assign) and any(
            getattr(each, "id", "") in ("reason", "why") for each in node.targets
        ):
            given = [node.value]
        for each in given:
            for branch in (each.body, each.orelse) if isinstance(each, ast.IfExp) else (each,):
                text = _text(branch)
                if (
                    text
                    and re.match(r"(\{\}|[a-z])", text)
                    and _WORDS.search(text.replace("{}", ""))
                    and text not in ELSEWHERE
                ):
                    yield text


def test_each_wording_has_what_it_fills_in_in_both_languages_and_stands_once() -> None:
    found = _wordings()
    assert [pair for pair in found if pair[0].count("{}") != pair[1].count("{}") and "rupiah bulat yang" not in pair[1]
            and not pair[0].startswith("Look up")] == []  # fmt: skip
    assert len({english for english, _ in found}) == len(found) > 200


@pytest.mark.parametrize("place", MADE)
def test_what_the_server_says_has_a_wording(place: str) -> None:
    path = ROOT / place
    forms = [
        re.compile(".*?".join(map(re.escape, english.split("{}"))), re.DOTALL)
        for english, _ in _wordings()
        if english != "{}: {}"
    ]
    files = [file for file in sorted(path.glob("*.py")) if file.stem not in PROGRAMS] if path.is_dir() else [path]
    made = {text for file in files for text in _made(file)}
    told = {text for text in made if not any(form.fullmatch(text.replace("{}", "x1")) for form in forms)}
    assert sorted(told) == []


def test_what_pages_say_is_there_in_indonesian_too() -> None:
    """Every text that a page gives to `t` stands in i18n.js."""
    own = set(re.findall(r'^  ("(?:[^"\\]|\\.)*"):', (PAGE / "i18n.js").read_text(), re.MULTILINE))
    for file in (*PAGE.glob("*.js"), *PAGE.glob("pages/*.js")):
        used = set(re.findall(r'\bt\(("(?:[^"\\]|\\.)*")\)', file.read_text()))
        assert used <= own, file.name
