"""Where a file stops being YAML, and why: the parser's errors in words that lead to the remedy."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.reader import ReaderError


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; the first line and the first column are 1, columns count characters."""

    line: int
    column: int


def syntax_error(error: YAMLError, text: str) -> tuple[Mark, str]:
    """Where the text stops being YAML, and why, in words that lead to the remedy."""
    if isinstance(error, ReaderError):
        return _place(text, error.position), (
            f"the character U+{_code(error.character):04X} may not stand in a YAML file; remove it"
        )
    if not isinstance(error, MarkedYAMLError):
        return Mark(1, 1), f"this is not YAML: {error}"
    at = error.problem_mark or error.context_mark
    mark = _mark_of(at) if at else Mark(1, 1)
    opened = _mark_of(error.context_mark) if error.context_mark else mark
    lines = text.splitlines()
    where, message = _explain(str(error.problem), str(error.context or ""), mark, opened, lines)
    if message.startswith("expected `key") or message.endswith("indentation") or "is not expected here" in message:
        if lost := lost_text(lines, where.line):
            return lost.mark, f"{message.rpartition('; ')[0]}; {lost.remedy}"
        for number in (where.line, where.line - 1):
            if number and (odd := odd_character(lines[number - 1])):
                return Mark(number, odd[0]), odd[1]
    return where, message


def _explain(problem: str, context: str, mark: Mark, opened: Mark, lines: Sequence[str]) -> tuple[Mark, str]:
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    if "'\\t'" in problem:
        return mark, "a tab stands here; YAML is indented with spaces"
    if "cannot start any token" in problem:
        return mark, f"{line[mark.column - 1]!r} cannot begin a value; put the value in quotes"
    if "mapping values are not allowed" in problem:
        return mark, _colon(line, mark, lines)
    if "could not find expected ':'" in problem:
        return opened, f"expected `key: value`, found {lines[opened.line - 1].strip()!r}; is the ':' missing?"
    if "quoted scalar" in context and "unexpected end of stream" in problem:
        return opened, "the quote that opens here is never closed"
    if "escape character" in problem or "escape sequence" in problem:
        return (
            mark,
            f"{problem.removeprefix('found ')} in double quotes; use single quotes, or write \\\\ for a backslash",
        )
    if "flow" in context and line[mark.column - 2 : mark.column] == "${":
        before = Mark(mark.line, mark.column - 1)
        return before, 'inside brackets a reference needs quotes, because of its own braces: "${NAME}"'
    if "flow sequence" in context:
        return opened, _bracket("[", "]", problem, mark)
    if "flow mapping" in context:
        return opened, _bracket("{", "}", problem, mark)
    if "undefined alias" in problem:
        name = problem.rsplit(" ", 1)[-1].strip("'")
        return (
            mark,
            f"`*{name}` repeats a value that is nowhere named `&{name}` above; a text that begins with * needs quotes",
        )
    if "another document" in problem:
        return mark, "a second document begins here (`---`); agent.yaml is a single one"
    if "sequence entries are not allowed" in problem:
        return mark, "a list's first `-` must stand on a line of its own, below its key"
    if "expected <block end>" in problem:
        return mark, _misplaced(problem, line, opened)
    if "maximum depth" in problem:
        return mark, "values are nested too deeply"
    if "incompatible YAML document" in problem:
        return mark, "the file asks for a YAML version that does not exist; remove the %YAML line"
    if "expected the node content" in problem:
        return mark, f"expected a value, {problem.rpartition('but ')[2]}"
    return mark, f"this is not YAML: {problem}" + (f" {context}" if context else "")


def _colon(line: str, mark: Mark, lines: Sequence[str]) -> str:
    before = line[: mark.column - 1].strip()
    above = lines[mark.line - 2] if mark.line > 1 else ""
    if ":" in before:
        return "a second ':' in one value; put the value in quotes"
    if above.strip() and ":" in above and len(line) - len(line.lstrip()) > len(above) - len(above.lstrip()):
        return f"`{before}` is indented under a key that has a value already; align it with the line above"
    return "a ':' is not expected here; is the ':' or the space after it missing in the line above?"


def _bracket(opening: str, closing: str, problem: str, mark: Mark) -> str:
    found = problem.rpartition("got ")[2]
    what = "the end of the file" if "stream end" in found else f"{found} in line {mark.line}, column {mark.column}"
    return f"the '{opening}' that opens here is not closed properly; expected ',' or '{closing}', found {what}"


def _misplaced(problem: str, line: str, opened: Mark) -> str:
    found = problem.rpartition("found ")[2]
    if "-" in found or "block sequence" in found or "entry" in found:
        return f"a list's `-` does not line up with the part that begins in line {opened.line}; check the indentation"
    if "scalar" in found or "]" in found or "}" in found:
        return f"{line.strip()!r} does not belong to what stands before it; check the quotes and the indentation"
    return f"this line does not line up with the part that begins in line {opened.line}; check the indentation"


def _mark_of(mark: StringMark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def _place(text: str, position: int) -> Mark:
    line = text.rfind("\n", 0, position) + 1
    return Mark(text.count("\n", 0, position) + 1, position - line + 1)


def _code(character: object) -> int:
    return ord(character) if isinstance(character, str) else int(str(character))


_ODD = {
    "\u00a0": "a non-breaking space",
    "\u2007": "a figure space",
    "\u202f": "a narrow non-breaking space",
    "\u3000": "an ideographic space",
    "\u200b": "a zero-width space",
    "\ufeff": "a zero-width space",
    "\uff1a": "a full-width colon",
}
"""Characters that look like those of YAML and are none; they come with text that is copied from web pages and chats."""

_BULLETS = "–—−•·"
CURLY = "“”„‟‘’‚‛«»"
"""Quotes of word processors and chats, which mean nothing to YAML and to the shell."""


_ODD_PLACE = re.compile(rf" *(?:[\w.-]+:? *)?([{''.join(_ODD)}])| *([{_BULLETS}])")


def odd_character(line: str) -> tuple[int, str] | None:
    """A character in the indentation or beside the key of a line that only looks like one of YAML: its column, and what to write."""
    found = _ODD_PLACE.match(line)
    if found is None:
        return None
    if bullet := found[2]:
        return found.start(2) + 1, f"{bullet!r} is not a hyphen; an entry of a list begins with '- '"
    instead = "a colon and a space" if found[1] == "\uff1a" else "an ordinary space"
    return found.start(1) + 1, (
        f"{_ODD[found[1]]} (U+{ord(found[1]):04X}) stands here, as it comes with copied text; write {instead}"
    )


@dataclass(frozen=True, slots=True)
class LostText:
    """A line that has probably lost its indentation below a key with a text, and what to do."""

    mark: Mark
    remedy: str


_HEADER = re.compile(r"^(?P<indent> *(?:- +)*)(?P<key>[a-z_][a-z0-9_]*):(?: +(?P<value>.*))?$")
_BLOCK = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?")


def lost_text(lines: Sequence[str], line: int) -> LostText | None:
    """Whether a line seems to belong to the text of a key above it, without being indented below that key.

    Args:
        lines: of the file.
        line: where the file stopped making sense; the first is 1.
    """
    headers = ((number, found) for number in range(line - 1, 0, -1) if (found := _HEADER.match(lines[number - 1])))
    number, header = next(headers, (0, None))
    if header is None:
        return None
    value = (header["value"] or "").strip()
    if value[:1] in set("\"'[{&*"):
        return None
    key, depth, block = header["key"], len(header["indent"]), _BLOCK.fullmatch(value) is not None
    inside = [(at, text) for at, text in enumerate(lines[number:line], start=number + 1) if text.strip()]
    first = next((_indent(text) for _, text in inside), 0)
    least = first if block and first > depth else depth + 1
    for at, text in inside:
        if _indent(text) < least and (block or " " in text.strip()):
            begin = f"if it belongs to the text of `{key}` (line {number}), "
            if block:
                how = f"indent it by {max(first, depth + 2)} spaces, as every line of that text"
            else:
                how = f"write `{key}: |` there, and the text below it, each line indented by {depth + 2} spaces"
            return LostText(Mark(at, _indent(text) + 1), begin + how)
    return None


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))
