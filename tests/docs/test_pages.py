"""What the pages show is there: commands with their options, keys, links with their anchors, paths; and what can be run is run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from agent.broadcasts.settings import BroadcastSettings
from agent.cli.commands import find
from agent.cli.frame import run
from agent.config import examine_text
from agent.config.config import AgentConfig
from agent.config.schema import at, keys_of
from tests.processes import program

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "kopi_senja" / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "reference"),
]
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
SHELL = {"sh", "bash", "console"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page; `line` is its first line's number."""

    page: Path
    line: int
    kind: str
    text: str

    @property
    def id(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        body = re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)
        yield Block(page, text.count("\n", 0, found.start(3)) + 1, found[2], body)


BLOCKS = [block for page in PAGES for block in blocks(page)]


def commands_of(block: Block) -> list[str]:
    """The command lines of a block, without comments and prompts; continued lines joined."""
    joined = block.text.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [re.sub(r"\s+# .*", "", line).strip() for line in lines]


def is_shell(block: Block) -> bool:
    if block.kind in SHELL:
        return True
    first = next(iter(commands_of(block)), "")
    return not block.kind and re.match(r"(?:[A-Z_]+=\S+ )?(?:balas|python|make|cd|printf|echo|pip) ", first) is not None


# Commands


_BALAS = re.compile(r"(?:^\s*(?:\w+=\S+ )*|[|;&(]\s*|bin/)balas ([a-z][a-z-]*[^|&;>\n]*)")


def spoken(text: str) -> Iterator[list[str]]:
    """The words after `balas` of each call in a line."""
    for found in _BALAS.finditer(text):
        rest = re.sub(r"\s(?:<|>|2>).*", "", found[1])
        yield re.findall(r"\"[^\"]*\"|'[^']*'|\S+", rest)


@cache
def commands_below(name: str) -> Any:
    """The command of a name as click sees it; `None` when there is none."""
    command = find(name)
    if command is None:
        return None
    module, _, attribute = command.target.partition(":")
    target: Any = getattr(import_module(module), attribute)
    app = typer.Typer(add_completion=False)
    if isinstance(target, typer.Typer):
        app.add_typer(target, name=name)
        group: Any = typer.main.get_command(app)
        return group.commands.get(name, group)
    app.command(name=name)(target)
    return typer.main.get_command(app)


FRAME = frozenset({"--debug", "--log-level", "--version", "--help", "-h"})


def unknown_in(words: list[str]) -> str | None:
    """What a call names that is not there: a command, one of a group, or an option."""
    name, *rest = words
    found = commands_below(name)
    if found is None:
        return f"balas {name}"
    said = f"balas {name}"
    while rest and hasattr(found, "commands") and re.fullmatch(r"[a-z][a-z-]*(?:\\?\|[a-z][a-z-]*)*", rest[0]):
        names = re.split(r"\\?\|", rest[0])
        if missing := [one for one in names if one not in found.commands]:
            return f"{said} {missing[0]}"
        said, found, rest = f"{said} {names[0]}", found.commands[names[0]], rest[1:]
    if hasattr(found, "commands"):
        return None
    known = {option for each in found.params for option in (*each.opts, *each.secondary_opts)} | FRAME
    given = [
        option for word in rest for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", re.sub(r"[\"'].*", "", word))
    ]
    wrong = [option for option in given if option not in known]
    return f"{said} {wrong[0]}" if wrong else None


def calls(page: Path) -> Iterator[list[str]]:
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        if is_shell(block):
            for line in commands_of(block):
                yield from spoken(line)
    for span in _SPAN.findall(_BLOCK.sub("", text)):
        if re.match(r"(?:\S*/)?balas ", span):
            yield from spoken(span)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_that_a_page_names_exists(page: Path) -> None:
    assert sorted({wrong for words in calls(page) if (wrong := unknown_in(words))}) == []


def test_a_wrong_command_or_option_would_be_noticed() -> None:
    said = ["balas chta", "balas chat --nowhere", "balas ledger vanish x", "balas ledger show --json", "balas -h"]
    assert [wrong for text in said for words in spoken(text) if (wrong := unknown_in(words))] == [
        "balas chta",
        "balas chat --nowhere",
        "balas ledger vanish",
    ]
    assert sum(1 for page in PAGES for _ in calls(page)) > 120


# Keys of agent.yaml


class _Anything(Mapping[str, str]):
    """An environment in which every variable is set."""

    def __getitem__(self, name: str) -> str:
        return "sqlite:///x.db" if name == "BALAS_STORAGE" else f"12345678-{name}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __contains__(self, name: object) -> bool:
        return True


AGENT_KEYS = frozenset(keys_of(AgentConfig))
YAML_BLOCKS = [block for block in BLOCKS if block.kind == "yaml"]


def part_of_agent_yaml(block: Block) -> str | None:
    """The block as a whole agent.yaml, where it is a part of one."""
    try:
        value = YAML(typ="safe").load(block.text)
    except Exception:  # noqa: BLE001 -- a form, with … in it
        return None
    if not isinstance(value, dict) or not value.keys() <= AGENT_KEYS:
        return None
    missing = [line for key, line in (("name", "name: A"), ("instructions", "instructions: B")) if key not in value]
    return "\n".join([*missing, block.text])


AGENT_BLOCKS = [block for block in YAML_BLOCKS if part_of_agent_yaml(block)]
ELSEWHERE = (
    "there is no file",
    "cannot be imported",
    "python:",
    "no platform 'pigeon'",
    "found 'stall'",
    "not a static QRIS",
)
"""What is wrong only because the reader's own files, packages and codes are not here."""


@pytest.mark.parametrize("block", AGENT_BLOCKS, ids=lambda block: block.id)
def test_every_part_of_agent_yaml_on_a_page_is_taken(block: Block) -> None:
    found = examine_text(part_of_agent_yaml(block) or "", environment=_Anything())
    assert [str(error) for error in found.errors if not any(text in error.message for text in ELSEWHERE)] == []


def test_most_yaml_on_the_pages_is_checked() -> None:
    assert len(AGENT_BLOCKS) >= 25
    broadcasts = [block for block in YAML_BLOCKS if block.page.name == "broadcasts.md"]
    assert any(set(YAML(typ="safe").load(block.text)) <= set(keys_of(BroadcastSettings)) for block in broadcasts[:1])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_key_that_a_page_names_is_one_of_agent_yaml(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    wrong = []
    for span in _SPAN.findall(text):
        key = span.removesuffix(":")
        path = tuple(key.split("."))
        if not re.fullmatch(r"[a-z_]+(?:\.[a-z_]+)+", key) or path[0] not in AGENT_KEYS or path[-1] in SUFFIXES:
            continue
        if not at(AgentConfig, path) and not at(AgentConfig, (path[0], 0, *path[1:])):
            wrong.append(key)
    assert [key for key in wrong if key not in NO_KEYS] == []


SUFFIXES = {"py", "md", "yaml", "toml", "run", "lock", "db", "sqlite"}
NO_KEYS = frozenset(
    "conversation.opened conversation.closed conversation.started knowledge.synced knowledge.index_damaged "
    "messaging.conformance messaging.signature messaging.types messaging.system messaging.message.id model.output "
    "workflow.done workflow.failed workflows.run".split()
)
"""Modules, events and the like that look like keys."""


# Links and paths


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    slugs: list[str] = []
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        name = slug(heading)
        slugs.append(name if name not in slugs else f"{name}-{slugs.count(name)}")
    return frozenset(slugs)


@pytest.mark.parametrize("page", [*PAGES, *(ROOT / "docs" / "reference").glob("*.md")], ids=lambda page: page.stem)
def test_every_link_and_anchor_leads_somewhere(page: Path) -> None:
    wrong = []
    for link in _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


_FILE = re.compile(
    r"(?<![\w./<{-])((?:actions|agent|bench|docs|examples|knowledge|language|messaging|settings|tests|voice|workers|deploy)/[\w./-]*\w)(?![\w<*/])"
)
EXAMPLE_FILES = re.compile(
    r"docs/(?:\*|faq|menu|[a-z]+\.(?:csv|pdf|xlsx|docx|txt)$)|knowledge/learned\.md|tests/\w+\.yaml"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8").partition("## Old names, new names")[0]
    code = "\n".join([*_SPAN.findall(_BLOCK.sub("", text)), *(block.text for block in blocks(page) if is_shell(block))])
    wrong = [
        path
        for path in _FILE.findall(code)
        if not (ROOT / path).exists() and not EXAMPLE_FILES.match(path) and not (ROOT / f"{path}.py").exists()
    ]
    assert wrong == []


# Running what can be run


NOT_HERE = {
    r"\bmake\b": "installs, or runs this very suite",
    r"\bsudo\b|\bsystemctl\b|\bjournalctl\b|\bsystemd": "changes the machine",
    r"\bdocker\b|\bpipx\b|\buv tool\b|\bgit\b|\bpip install\b|\bcloudflared\b": "needs another program, or the network",
    r"\bcurl\b|https://": "talks to a server",
    r"balas (?:serve|worker|sandbox|demo|mcp)\b": "serves until it is stopped; tests/acceptance does that",
    r"balas broadcast": "asks the platform for its channels",
    r"--online|voice pull|knowledge pull|qris simulate": "asks servers",
    r"\bjq\b": "another program",
    r"-m pytest|pytest --pyargs|-m bench|--pdb": "runs tests or benchmarks",
    r"knowledge gaps|balas contact|balas ledger|actions call|voice transcribe": "needs a conversation, or a recording",
    r"balas (?:replay|workflows|webhooks|restore|backup|test --record)": "needs a conversation; tests/cli does that",
    r"shop/agent\.yaml|-c [a-z]|openapi\.yaml|qris (?:show|mark-paid)|kopi_senja\.orders": "needs a file or a server of yours",
    r"…|<\w+": "a form to fill in",
}
SHELL_BLOCKS = [block for block in BLOCKS if is_shell(block)]


def obstacle(block: Block) -> str | None:
    """Why a block is not run by the tests."""
    text = "\n".join(commands_of(block))
    return next((reason for pattern, reason in NOT_HERE.items() if re.search(pattern, text)), None)


RUNNABLE = [block for block in SHELL_BLOCKS if obstacle(block) is None]


@pytest.mark.parametrize("block", RUNNABLE, ids=lambda block: block.id)
def test_what_a_page_shows_can_be_run(block: Block, tmp_path: Path) -> None:
    """In the folder of the sample or of a new agent, offline, with nothing on standard input."""
    if "kopi_senja" in block.text or "broadcast" in block.text or block.page.name in ("CONTRIBUTING.md", "chat.md"):
        for name in ("agent.yaml", "examples", "docs"):
            place = ROOT / name
            (shutil.copytree if place.is_dir() else shutil.copy)(place, tmp_path / name)
        shutil.copy(ROOT / "examples/kopi_senja/broadcast.yaml", tmp_path / "promo.yaml")
        shutil.copy(ROOT / "examples/kopi_senja/pelanggan.csv", tmp_path / "pelanggan.csv")
    else:
        assert run(["init", str(tmp_path)]) == 0
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    programs = tmp_path / ".programs"
    programs.mkdir()
    (programs / "balas").write_text(f'#!/bin/sh\nexec {shlex.join(program())} "$@"\n')
    (programs / "balas").chmod(0o755)
    (tmp_path / ".balas").mkdir(exist_ok=True)
    script = "\n".join(commands_of(block)).replace(". .venv/bin/activate", "true")
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "no_proxy": "*",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_good_part_of_the_blocks_is_run_and_the_rest_says_why_not() -> None:
    assert len(RUNNABLE) >= 5, [block.id for block in RUNNABLE]
    assert len(SHELL_BLOCKS) >= 25
