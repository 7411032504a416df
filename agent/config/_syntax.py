"""What a YAML parser's complaint means to somebody who edits agent.yaml."""

from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.reader import ReaderError

from agent.config.errors import Mark


def syntax_error(error: YAMLError, text: str) -> tuple[Mark, str]:
    """Where the text stops being YAML, and why, in words that lead to the remedy."""
    if isinstance(error, ReaderError):
        return _place(text, error.position), (
            f"the character U+{_code(error.character):04X} may not stand in a YAML file; remove it"
        )
    if not isinstance(error, MarkedYAMLError):
        return Mark(1, 1), f"this is not YAML: {error}"
    at = error.problem_mark or error.context_mark
    mark = _mark(at) if at else Mark(1, 1)
    opened = _mark(error.context_mark) if error.context_mark else mark
    return _explain(str(error.problem), str(error.context or ""), mark, opened, text)


def _explain(problem: str, context: str, mark: Mark, opened: Mark, text: str) -> tuple[Mark, str]:
    lines = text.splitlines()
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


def _colon(line: str, mark: Mark, lines: list[str]) -> str:
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


def _mark(mark: StringMark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def _place(text: str, position: int) -> Mark:
    line = text.rfind("\n", 0, position) + 1
    return Mark(text.count("\n", 0, position) + 1, position - line + 1)


def _code(character: object) -> int:
    return ord(character) if isinstance(character, str) else int(str(character))
