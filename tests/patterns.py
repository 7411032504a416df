"""Every pattern of the packages, compiled or written at its call, and texts made to make one of them slow."""

import ast
import importlib
import inspect
import math
import pkgutil
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

PACKAGES = ("actions", "agent", "knowledge", "language", "messaging", "settings", "voice", "workers")
SCANS = frozenset({"sub", "subn", "search", "split", "findall", "finditer"})
USES = SCANS | {"match", "fullmatch"}
FLAGS = re.compile(r"re\.[A-Z]+(?: \| re\.[A-Z]+)*")
WRITTEN = USES | {"compile"}


@dataclass(frozen=True, slots=True)
class Use:
    """A pattern, where it stands, and the ways in which it is applied to a text."""

    name: str
    pattern: "re.Pattern[str]"
    ways: frozenset[str]

    def work(self, text: str) -> None:
        """Apply the pattern in all its ways."""
        if self.ways & SCANS:
            for _ in self.pattern.finditer(text):
                pass
        if "match" in self.ways:
            self.pattern.match(text)
        if "fullmatch" in self.ways:
            self.pattern.fullmatch(text)


class Source:
    """A module as it is written: its tree, and every node of it."""

    def __init__(self, tree: ast.Module) -> None:
        self.body = tree.body
        self.nodes = list(ast.walk(tree))


@cache
def patterns() -> list[Use]:
    """All patterns over text: in globals of modules, also inside tables and behind functions that make them once; and in calls."""
    found: dict[tuple[str, int], Use] = {}
    for module in _modules():
        held = {
            attribute: inside
            for attribute, value in list(vars(module).items())
            if isinstance(value, re.Pattern) or inspect.getmodule(value) in (None, module)
            if (inside := list(_inside(value, module.__name__)))
        }
        text = Path(inspect.getfile(module)).read_text(encoding="utf-8")
        if not held and "re." not in text:
            continue
        source = Source(ast.parse(text))
        uses = [use for use in _written(source, module) if isinstance(use, Use)]
        for attribute, inside in held.items():
            single = isinstance(vars(module)[attribute], re.Pattern)
            ways = _ways(source, attribute) if single else _ways_of_table(source, attribute)
            uses += [Use(f"{module.__name__}.{attribute}", pattern, ways) for pattern in inside]
        for use in uses:
            if isinstance(use.pattern.pattern, str):
                known = found.setdefault((use.pattern.pattern, use.pattern.flags), use)
                found[use.pattern.pattern, use.pattern.flags] = replace(known, ways=known.ways | use.ways)
    return list(found.values())


def unread() -> set[str]:
    """Modules that make or apply patterns whose text is only known when they do, or that call `re` by another name."""
    found = set()
    for module in _modules():
        text = Path(inspect.getfile(module)).read_text(encoding="utf-8")
        if "re" not in text:
            continue
        source = Source(ast.parse(text))
        renamed = any(
            (isinstance(node, ast.ImportFrom) and node.module in ("re", "regex"))
            or (
                isinstance(node, ast.Import)
                and any(name.name in ("re", "regex") and name.asname for name in node.names)
            )
            or (isinstance(node, ast.Import) and any(name.name == "regex" for name in node.names))
            for node in source.nodes
        )
        if renamed or any(isinstance(use, str) for use in _written(source, module)):
            found.add(module.__name__)
    return found


def _modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        root = importlib.import_module(package)
        names = [name for _, name, _ in pkgutil.walk_packages(root.__path__, f"{package}.")]
        for name in (package, *names):
            if ".migrations" not in name and not name.endswith("__main__"):
                yield importlib.import_module(name)


def _ways(source: Source, name: str) -> frozenset[str]:
    """How a module applies a pattern of its own or of another; any way where it hands it on."""
    ways: set[str] = set()
    called = set()
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
            called.add(node.value)
            if node.attr in USES:
                ways.add(node.attr)
    for node in source.nodes:
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load) and node not in called:
            return USES
    return frozenset(ways) or USES


def _ways_of_table(source: Source, name: str) -> frozenset[str]:
    """How a module applies the patterns of a table, or those that a function makes once; any way where that does not show."""

    def comes_from(node: ast.AST) -> bool:
        return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node))

    def used(scope: ast.AST) -> Iterator[str]:
        loops = [
            node for node in ast.walk(scope) if isinstance(node, ast.For | ast.comprehension) and comes_from(node.iter)
        ]
        targets = {node.id for loop in loops for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
        for node in ast.walk(scope):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in USES
                and (comes_from(node.value) or (isinstance(node.value, ast.Name) and node.value.id in targets))
            ):
                yield node.attr

    functions = [node for node in source.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    ways = frozenset(way for function in functions for way in used(function))
    return ways or USES


def _written(source: Source, module: ModuleType) -> Iterator[Use | str]:
    """The patterns that stand in calls such as `re.sub(r"…", …)`, and the places whose pattern is only known when they are called.

    What an f-string takes from the module is what it is there; what it takes from a function's own names is its f-string, or the word "xy".
    """
    top = {  # what stands in globals, or behind a function that makes it once, is found there
        inner
        for node in source.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        or (isinstance(node, ast.FunctionDef) and not node.args.args and node.decorator_list)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call)
    }
    local = _local(source)
    for node in source.nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITTEN):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args) or node in top:
            continue
        text = _text(node.args[0], module, local)
        if text is None:
            if not (isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, bytes)):
                yield f"{module.__name__}:{node.lineno}"
            continue
        flags = [*(item.value for item in node.keywords), *node.args[1:]]
        flag = next((ast.unparse(found) for found in flags if FLAGS.fullmatch(ast.unparse(found))), "0")
        pattern = re.compile(text, eval(flag, {"re": re}))  # noqa: S307 - our own source
        ways = USES if node.func.attr == "compile" else frozenset({node.func.attr})
        yield Use(f"{module.__name__}:{node.lineno}", pattern, ways)


def _local(source: Source) -> dict[str, ast.JoinedStr]:
    """The f-strings that functions give names."""
    named: dict[str, ast.JoinedStr] = {}
    for node in source.nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                for name, value in zip(names, values, strict=False):
                    if isinstance(name, ast.Name) and isinstance(value, ast.JoinedStr):
                        named[name.id] = value
    return named


def _text(node: ast.expr, module: ModuleType, local: Mapping[str, ast.JoinedStr]) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name) and (node.id in local or hasattr(module, node.id)):
        return _filled(node, module, local)
    if isinstance(node, ast.BinOp):
        left, right = _text(node.left, module, local), _text(node.right, module, local)
        return None if left is None or right is None else left + right
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else _filled(part.value, module, local)
            for part in node.values
            if isinstance(part, ast.Constant | ast.FormattedValue)
        )
    return None


def _filled(node: ast.expr, module: ModuleType, local: Mapping[str, ast.JoinedStr]) -> str:
    if isinstance(node, ast.Name) and node.id in local:
        others = {name: text for name, text in local.items() if name != node.id}
        return _text(local[node.id], module, others) or ""
    try:
        return str(eval(ast.unparse(node), dict(vars(module))))  # noqa: S307 - our own source
    except (NameError, AttributeError, TypeError):
        return "xy"


def _inside(value: Any, module: str, levels: int = 4) -> Iterator["re.Pattern[str]"]:
    if isinstance(value, re.Pattern):
        yield value
    elif levels and isinstance(value, Mapping):
        for item in value.values():
            yield from _inside(item, module, levels - 1)
    elif levels and isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _inside(item, module, levels - 1)
    elif hasattr(value, "cache_info") and getattr(value, "__module__", "") == module:
        if not inspect.signature(value).parameters:
            yield from _inside(value(), module, levels - 1)
    elif hasattr(type(value), "__dataclass_fields__") and levels:
        for name in type(value).__dataclass_fields__:
            yield from _inside(getattr(value, name, None), module, levels - 1)


def attacks(pattern: "re.Pattern[str]") -> list[tuple[str, str]]:
    """What is repeated, and what stands before it: the letters and classes that the pattern itself is made of."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    letters = list(dict.fromkeys(_letters(tree)))[:10]
    begins = _literals(tree)[:2]
    begun = [*letters, *(word for word in _literals(tree)[:4] if len(word) > 1)]
    samples = list(dict.fromkeys(_samples(tree, "")))[:6]
    repeated = [*begun, *(a + b for a in letters[:5] for b in letters[:5] if a != b)]
    repeated += [unit for sample in samples for unit in (sample, f"{sample} ")]
    return [(unit, "") for unit in dict.fromkeys(repeated)] + [(unit, start) for unit in begun for start in begins]


REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_CATEGORIES = {
    codes.CATEGORY_DIGIT: "1",
    codes.CATEGORY_SPACE: " \n",
    codes.CATEGORY_WORD: "a1_",
    codes.CATEGORY_NOT_DIGIT: "a ",
    codes.CATEGORY_NOT_SPACE: "a1.",
    codes.CATEGORY_NOT_WORD: " .-",
}


def _letters(tree: Any) -> Iterator[str]:
    for op, argument in tree:
        if op in (codes.LITERAL, codes.NOT_LITERAL):
            yield chr(argument)
            if op is codes.NOT_LITERAL:
                yield "a"
        elif op is codes.ANY:
            yield from "a "
        elif op is codes.IN:
            for kind, part in argument:
                if kind is codes.LITERAL:
                    yield chr(part)
                elif kind is codes.RANGE:
                    yield chr(part[0])
                elif kind is codes.CATEGORY:
                    yield from _CATEGORIES[part]
                elif kind is codes.NEGATE:
                    yield from "a1 ."
        else:
            for inner in _children(op, argument):
                yield from _letters(inner)


def _children(op: Any, argument: Any) -> Iterable[Any]:
    if op in REPEATS:
        return [argument[2]]
    if op is codes.SUBPATTERN:
        return [argument[3]]
    if op is codes.BRANCH:
        return list(argument[1])
    if op in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    if op is codes.ATOMIC_GROUP:
        return [argument]
    if op is codes.GROUPREF_EXISTS:
        return [part for part in argument[1:] if part is not None]
    return []


def _samples(tree: Any, before: str) -> Iterator[str]:
    """Texts that a repetition may begin at again and again: what stands before it, what it repeats, and both."""
    for op, argument in tree:
        if op in REPEATS and argument[1] > 20:
            body = "".join(map(_sample, argument[2]))
            yield from filter(None, (before, body, before + body))
        for inner in _children(op, argument):
            yield from _samples(inner, before)
        before += _sample((op, argument))


def _sample(item: Any) -> str:
    """A text that a part of a pattern matches, near enough."""
    op, argument = item
    if op is codes.IN and argument[0][0] is codes.NEGATE:
        return "a"
    if op is codes.BRANCH:
        return "".join(map(_sample, argument[1][0]))
    if op in REPEATS:
        return min(argument[0], 20) * "".join(map(_sample, argument[2]))
    if op in (codes.SUBPATTERN, codes.ATOMIC_GROUP):
        return "".join(_sample(inner) for part in _children(op, argument) for inner in part)
    return next(_letters([item]), "") if op in (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN) else ""


def _literals(tree: Any) -> list[str]:
    """Words of the pattern: runs of its literal characters."""
    words, word = [], ""
    for op, argument in tree:
        if op is codes.LITERAL:
            word += chr(argument)
            continue
        if word:
            words.append(word)
            word = ""
        for inner in _children(op, argument):
            words += _literals(inner)
    if word:
        words.append(word)
    return list(dict.fromkeys(words))


WORST = 9.0
"""Between linear (4) and quadratic (16)."""

FLOOR = 0.0004
"""Seconds for the small text below which nothing grows badly: a quadratic pattern takes ten times that."""


def growth(
    work: Callable[[str], object], text: Callable[[int], str], small: int = 1_000, floor: float = FLOOR
) -> float:
    """How much longer four times the text takes: about 4 for linear work, 16 for quadratic; 0 where it is too fast to matter."""
    short, least = text(small), math.inf
    for _ in range(3):
        least = min(least, _seconds(work, short))
        if least < floor:
            return 0.0
    long, worst = text(4 * small), math.inf
    for _ in range(3):  # on a busy machine a single measure may be wrong, but only upwards
        worst = min(worst, _seconds(work, long) / least)
        if worst <= WORST:
            break
        least = min(_seconds(work, short) for _ in range(3))
    return worst


def _seconds(work: Callable[[str], object], text: str) -> float:
    started = time.thread_time()
    work(text)
    return time.thread_time() - started
