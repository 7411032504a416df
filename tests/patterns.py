"""Every compiled pattern of the packages, and texts made to make one of them slow."""

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

PACKAGES = ("actions", "agent", "knowledge", "language", "messaging", "settings", "voice")


def patterns() -> dict[str, "re.Pattern[str]"]:
    """All patterns over text in globals of modules, also inside tables and behind functions that make them once, by name."""
    found: dict[str, re.Pattern[str]] = {}
    for package in PACKAGES:
        root = importlib.import_module(package)
        names = [name for _, name, _ in pkgutil.walk_packages(root.__path__, f"{package}.")]
        for name in (package, *names):
            if ".migrations" in name or name.endswith("__main__"):
                continue
            module = importlib.import_module(name)
            for attribute, value in list(vars(module).items()):
                if inspect.getmodule(value) not in (None, module):
                    continue
                for pattern in _inside(value, module.__name__):
                    if isinstance(pattern.pattern, str):
                        found.setdefault(f"{name}.{attribute} {pattern.pattern}", pattern)
    unique: dict[tuple[str, int], str] = {}
    for name, pattern in found.items():
        unique.setdefault((pattern.pattern, pattern.flags), name)
    return {name: found[name] for name in unique.values()}


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
    repeated = [*letters, *(a + b for a in letters[:5] for b in letters[:5] if a != b)]
    repeated += [word for word in _literals(tree)[:4] if len(word) > 1]
    return [(unit, start) for unit in dict.fromkeys(repeated) for start in ("", *begins)]


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
    if op in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
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


FLOOR = 0.0007
"""Seconds for the small text below which nothing grows badly: a quadratic pattern takes ten times that."""


def growth(
    work: Callable[[str], object], text: Callable[[int], str], small: int = 2_000, floor: float = FLOOR
) -> float:
    """How much longer four times the text takes: about 4 for linear work, 16 for quadratic; 0 where it is too fast to matter."""
    if _seconds(work, text(small), 1) < floor or _seconds(work, text(small), 3) < floor:
        return 0.0
    return min(_seconds(work, text(4 * small), 1) / _seconds(work, text(small), 3) for _ in range(3))


def _seconds(work: Callable[[str], object], text: str, times: int) -> float:
    best = float("inf")
    for _ in range(times):
        started = time.thread_time()
        work(text)
        best = min(best, time.thread_time() - started)
    return best
