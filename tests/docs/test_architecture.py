"""The pages for engineers name files, functions and packages that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
ADR = ROOT / "docs" / "adr"
PAGES = [ARCHITECTURE, CONTRIBUTING, *sorted(ADR.glob("*.md"))]

# `path/to/file.py`, `path/to/folder/` or `path/to/file.py::Class.name`, as code or in a command
_PATH = re.compile(r"(?<![\w./<-])((?:\w[\w.-]*|\.ci)/[\w./-]*\w/?|[\w-]+/)(?:::([\w.]+))?(?![\w<*])")
_CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
_OLD_NAMES = re.compile(r"^## Old names, new names$.*", re.DOTALL | re.MULTILINE)
_ROOTS = {each.name for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith(".")} | {".ci"}


def named(text: str) -> list[tuple[str, str]]:
    """Paths below one of the folders of the repository, each with the name after `::` or ""."""
    code = "\n".join(_CODE.findall(text))
    return [(path, name) for path, name in _PATH.findall(code) if path.split("/")[0] in _ROOTS]


@cache
def definitions(file: Path) -> frozenset[str]:
    """Functions, classes and `Class.method` of a file."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{each.name}"
                for each in node.body
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return frozenset(found)


def missing(text: str) -> list[str]:
    wrong = []
    for path, name in named(text):
        if not (ROOT / path).exists():
            wrong.append(path)
        elif name and name not in definitions(ROOT / path):
            wrong.append(f"{path}::{name}")
    return wrong


def new_names() -> str:
    """The right column of the table of old and new names."""
    rows = _OLD_NAMES.search(ARCHITECTURE.read_text(encoding="utf-8"))
    assert rows
    return "\n".join(line.rstrip("| ").rsplit("|", 1)[-1] for line in rows[0].splitlines() if line.startswith("|"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_name_on_a_page_exists(page: Path) -> None:
    assert missing(_OLD_NAMES.sub("", page.read_text(encoding="utf-8"))) == []


def test_every_new_name_in_the_table_of_old_names_exists() -> None:
    assert missing(new_names()) == []


def test_a_wrong_path_and_a_wrong_name_would_be_noticed() -> None:
    text = "`agent/nowhere.py`, `agent/worker.py::ContactWorker.vanish`, `make test ARGS=tests/nothing`, `agent/app.py`"
    assert missing(text) == ["agent/nowhere.py", "agent/worker.py::ContactWorker.vanish", "tests/nothing"]


def test_the_way_of_a_message_and_the_rooms_are_checked_at_all() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    assert len([name for _, name in named(text) if name]) > 20
    assert len(named(text)) > 80


def test_every_package_is_a_room_on_the_page() -> None:
    product = ("actions", "agent", "knowledge", "language", "messaging", "settings", "voice")
    packages = {str(file.parent.relative_to(ROOT)) for name in product for file in (ROOT / name).rglob("__init__.py")}
    rooms = set(re.findall(r"^\| `([\w/]+)/` \|", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE))
    unnamed = {
        one for one in packages - rooms if "migrations" not in one and not one.startswith("messaging/sandbox/control")
    }
    assert unnamed == set()


def test_every_decision_is_in_the_index_with_context_decision_and_consequences() -> None:
    index = (ADR / "README.md").read_text(encoding="utf-8")
    for page in sorted(ADR.glob("0*.md")):
        number = page.name[:4]
        text = page.read_text(encoding="utf-8")
        assert f"[{number}]({page.name})" in index
        assert text.startswith(f"# {number}: ")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
