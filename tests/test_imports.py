"""No module imports another in a circle, not even lazily: import-linter looks at each level of the tree, this at the modules."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("actions", "agent", "bench", "examples", "knowledge", "language", "messaging", "settings", "voice")


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for package in PACKAGES for file in (ROOT / package).rglob("*.py")}


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules of the house that run when the file's code runs; those for the type checker alone do not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)
        else:
            yield from imported(node)


def graph() -> dict[str, set[str]]:
    return {
        name: {other for other in imported(ast.parse(file.read_text())) if other in MODULES and other != name}
        for name, file in MODULES.items()
    }


def test_no_module_imports_another_in_a_circle() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail("these modules import each other: " + " ← ".join(error.args[1]))


def test_a_circle_would_be_found() -> None:
    edges = graph()
    assert "agent.ledger.tables" in edges["agent.ledger.turns"], "lazy or not, an import is an edge"
    edges["agent.ledger.tables"].add("agent.ledger.turns")
    with pytest.raises(CycleError):
        TopologicalSorter(edges).prepare()
