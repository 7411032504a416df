"""Patterns and paths that an owner has written, over what strangers write: both are bounded, whatever stands there.

`re` knows no limit of time, and a pattern that looks harmless, such as `(a|aa)+b`, takes years over a text made for it; all the
while it keeps the interpreter from other threads. A JSONPath such as `$..*..*.x` visits a body as often as it is deep.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import cache, lru_cache, reduce
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field

if TYPE_CHECKING:
    import regex

    Found: TypeAlias = regex.Match[str]

PATTERN_TIME = timedelta(seconds=0.5)
"""How long a pattern may be looked for in one text."""

PATH_TIME = timedelta(seconds=5)
"""How long a JSONPath may be followed in one value, with all the patterns in it."""

_FLAGS = {re.A: "a", re.I: "i", re.M: "m", re.S: "s"}

_END: ContextVar[float] = ContextVar("end")
"""When what is looked for now is given up, on the clock of the thread's processor time: a busy machine gives nothing up."""


class TooCostly(ValueError):
    """A path, pattern or schema that takes too long over this value."""


@contextmanager
def bounded(time_limit: timedelta = PATTERN_TIME) -> Iterator[None]:
    """Give all that is looked for inside one limit of processor time; inside another limit the outer one holds.

    Args:
        time_limit: after which `TooCostly` is raised.
    """
    if _END.get(None) is not None:
        yield
        return
    token = _END.set(time.thread_time() + time_limit.total_seconds())
    try:
        yield
    finally:
        _END.reset(token)


def known_regex(pattern: str) -> str:
    """The pattern itself. Raises `ValueError` when it is no regular expression."""
    import regex

    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern


def search(pattern: str, text: str, flags: int = 0) -> bool:
    """Tell whether a pattern is in a text.

    Args:
        pattern: one that `known_regex` took.
        text: of any length.
        flags: as `re` has them.

    Raises:
        TooCostly: it takes longer than `PATTERN_TIME`.
    """
    import regex

    with bounded():
        return _tried(regex.compile(pattern, flags).search, text)


def fullmatch(pattern: str, text: str) -> bool:
    """Tell whether a pattern is a whole text; as `search`."""
    import regex

    with bounded():
        return _tried(regex.compile(pattern).fullmatch, text)


def matches_in(pattern: str, text: str, flags: int = 0) -> "list[Found]":
    """Find every match in a text; arguments and errors as for `search`. The result has the methods of a match of `re`."""
    import regex

    with bounded():
        try:
            return list(regex.compile(pattern, flags).finditer(text, timeout=_rest(), concurrent=True))
        except TimeoutError:
            raise _too_costly(text) from None


def known_path(path: str) -> str:
    """The path itself. Raises `ValueError` when it is no JSONPath."""
    from jsonpath import JSONPathError

    try:
        _compiled(path)
    except JSONPathError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path!r} is not a JSONPath: {reason}; write e.g. $.shipment.tracking") from None
    return path


JsonPath = Annotated[str, Field(min_length=1), AfterValidator(known_path)]


def values_at(path: str, value: Any, most: int | None = None) -> list[Any]:
    """What a JSONPath finds in a JSON value, in order.

    Args:
        path: as `known_path` took it.
        value: the value.
        most: at most so many; `None`: all.

    Raises:
        TooCostly: it takes longer than `PATH_TIME`.
        ValueError: it cannot be followed here.
    """
    from jsonpath import JSONPathError

    try:
        with bounded(PATH_TIME):
            return [found.obj for found in islice(_followed(_compiled(path), value), most)]
    except (JSONPathError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _followed(compiled: Any, value: Any) -> Any:
    if not hasattr(compiled, "segments"):  # paths joined by `|` or `&`
        return compiled.finditer(value)
    root = _environment().match_class(filter_context={}, obj=value, parent=None, path="$", parts=(), root=value)
    return reduce(lambda nodes, segment: segment.resolve(nodes), compiled.segments, [root])


def finds_one(path: str) -> bool:
    """Whether a JSONPath can find one value at most."""
    from jsonpath import JSONPath

    compiled = _compiled(path)
    return isinstance(compiled, JSONPath) and compiled.singular_query()


def _rest() -> float:
    """The seconds that are left. Raises `TooCostly` when there are none."""
    rest = _END.get() - time.thread_time()
    if rest <= 0:
        raise TooCostly("it takes too long over this value")
    return rest


def _tried(search: Any, text: str) -> bool:
    try:
        return search(text, timeout=_rest(), concurrent=True) is not None
    except TimeoutError:
        raise _too_costly(text) from None


def _too_costly(text: str) -> TooCostly:
    return TooCostly(f"a pattern takes too long over a text of {len(text)} characters")


@lru_cache(maxsize=512)
def _compiled(path: str) -> Any:
    return _environment().compile(path)


@cache
def _environment() -> Any:
    """JSONPath as its library reads it, with a budget."""
    import jsonpath
    import regex
    from jsonpath.function_extensions import Match, Search
    from jsonpath.parse import Parser
    from jsonpath.segments import JSONPathChildSegment, JSONPathRecursiveDescentSegment

    class Child(JSONPathChildSegment):
        def resolve(self, nodes: Any) -> Any:
            for node in super().resolve(nodes):
                _rest()
                yield node

    class Descent(JSONPathRecursiveDescentSegment):
        def _visit(self, node: Any, depth: int = 1) -> Any:
            _rest()
            yield from super()._visit(node, depth)

    class Segments(Parser):
        """The segments of a path, and of the paths in its filters, each within the budget."""

        def parse_query(self, stream: Any) -> Any:
            for segment in super().parse_query(stream):
                kind = Child if isinstance(segment, JSONPathChildSegment) else Descent
                yield kind(env=segment.env, token=segment.token, selectors=segment.selectors)

    class Bounded(jsonpath.JSONPathEnvironment):
        parser_class = Segments

        def is_truthy(self, obj: object) -> bool:
            _rest()
            return super().is_truthy(obj)

        def compare(self, left: object, operator: str, right: object) -> bool:
            if operator != "=~" or not isinstance(right, re.Pattern) or not isinstance(left, str):
                return bool(super().compare(left, operator, right))
            flags = "".join(letter for flag, letter in _FLAGS.items() if right.flags & flag)
            return _tried(regex.compile(f"(?{flags}){right.pattern}" if flags else right.pattern).fullmatch, left)

    def function(kind: Any, method: str) -> Any:
        class Function(kind):  # type: ignore[misc]
            def __call__(self, value: object, pattern: object) -> bool:
                known = self.check_cache(pattern) if isinstance(value, str) and isinstance(pattern, str) else None
                return known is not None and _tried(getattr(known, method), str(value))

        return Function()

    bounded = Bounded()
    bounded.function_extensions["match"] = function(Match, "fullmatch")
    bounded.function_extensions["search"] = function(Search, "search")
    return bounded
