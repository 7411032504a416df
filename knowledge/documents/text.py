"""Text files: Markdown with its front matter (title, language, expires, volatile, aliases), and plain text."""

import io
import itertools
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from knowledge.documents.passage import Block, Loaded, with_entries
from knowledge.documents.tables import labelled, plain, read_table
from knowledge.errors import Unreadable
from language.encoding import decode

if TYPE_CHECKING:
    from markdown_it.token import Token


_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_BREAK = re.compile(  # any tag but those that stand within a word
    r"</?(?!(?:a|abbr|b|bdi|bdo|big|cite|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|tt|u|var|wbr)\b)[a-z]",
    re.IGNORECASE,
)
_LINE = re.compile(r"[^\r\n]+")
_RULE = re.compile(r"[\s+=_|│┃║\-─━═┌┐└┘├┤┬┴┼╔╗╚╝╠╣╦╩╬]+")  # drawn between the rows of a table
_DRAWN = re.compile(r"[|│┃║]")
_MOST_ROWS = 500
_WIDEST = 300  # characters
_LONGEST_FRONT = 20_000  # characters
_OPENED = re.compile(
    r"(`++)|(?<![~\\])~~(?=[^\s~])|<!--|<(del|s|strike)\b[^<>]{0,300}+>"
    r"|<([a-z][a-z0-9]{0,20}+)\b(?=[^<>]{0,300}?(?:\shidden\b|display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|font-size\s{0,9}:\s{0,9}0\b))"
    r"[^<>]{0,300}+>",
    re.IGNORECASE,
)
"""Where code begins, or what a reader of the page does not see."""
_CLOSED = re.compile(r"`++|(?<=[^\s~])~~(?!~)|-->|</([a-z][a-z0-9]{0,20}+)\s{0,9}+>", re.IGNORECASE)
_CLOSINGS = {"~~": "~~", "<!--": "-->"}
_LONGEST_GONE = 20_000  # characters
_EMPTY_LINES = re.compile(r"\n[ \t\r]*\n\s*")
_LEAVES = frozenset({"paragraph_open", "fence", "code_block", "html_block"})


def load_plain(data: bytes, content_type: str | None = None) -> Loaded:
    """Load plain text; paragraphs are separated by empty lines, and columns by blanks or tabs."""
    text = decode(data, content_type)
    blocks: list[Block] = []
    start = 0
    for gap in (*_EMPTY_LINES.finditer(text), None):
        end = gap.start() if gap else len(text)
        piece = text[start:end]
        if piece.strip():
            begin = start + len(piece) - len(piece.lstrip())
            blocks += _aligned(text, begin, start + len(piece.rstrip()))
        start = gap.end() if gap else end
    return Loaded(text, blocks)


def _aligned(text: str, start: int, end: int) -> list[Block]:
    """A paragraph, or the rows of a table whose columns are set apart by blanks, one under the other, or by tabs."""
    whole = [Block("paragraph", start, end)]
    begin = text.rfind("\n", 0, start) + 1  # the blanks before its first word are part of the columns
    lines = [match for match in _LINE.finditer(text, begin, end) if match[0].strip() and not _RULE.fullmatch(match[0])]
    if not 3 <= len(lines) <= _MOST_ROWS:
        return whole
    rows = _columns([match[0] for match in lines])
    table = read_table(plain(rows)) if rows else None
    if table is None or not table.lines or any(not line.is_note and not any(line.labels) for line in table.lines):
        return whole
    shown: dict[int, list[str]] = {}
    for line in table.lines:
        shown.setdefault(line.at, []).append(line.cells[0] if line.is_note else labelled(line.labels, line.cells))
    return [
        Block(
            "row" if at in shown else "paragraph",
            max(start, line.start()),
            line.end(),
            shown="\n".join(shown[at]) if at in shown else None,
        )
        for at, line in enumerate(lines)
    ]


def _columns(lines: Sequence[str]) -> list[list[str]]:
    """The cells of lines, cut at tabs, at drawn lines, or where all are blank and most so widely; none where they are no columns."""
    if all("\t" in line.strip() for line in lines):
        return [[cell.strip() for cell in line.split("\t")] for line in lines]
    if all(_DRAWN.search(line.strip(), 1) for line in lines):
        return [[cell.strip() for cell in _DRAWN.split(line.strip().strip("|│┃║"))] for line in lines]
    width = max(map(len, lines))
    if width > _WIDEST or any("\t" in line for line in lines):
        return []
    padded = [line.ljust(width) for line in lines]
    blank = [all(line[at] == " " for line in padded) for at in range(width)]
    cuts = [at for at in range(1, width) if blank[at - 1] and not blank[at]]
    wide = [
        at
        for at in cuts
        if sum(line[max(0, at - 2) : at].isspace() and line[at - 2 : at] == "  " for line in padded)
        >= 0.5 * len(padded)
    ]
    if not wide:
        return []
    places = [0, *wide, width]
    return [[line[one:other].strip() for one, other in itertools.pairwise(places)] for line in padded]


def load_markdown(data: bytes, content_type: str | None = None) -> Loaded:
    """Load Markdown.

    Raises:
        Unreadable: the front matter is not valid.
    """
    return parse_markdown(decode(data, content_type))


def parse_markdown(text: str) -> Loaded:
    """Split Markdown into headings, paragraphs, table rows and question-and-answer entries.

    Raises:
        Unreadable: the front matter is not valid YAML, or `expires` or `volatile` in it has the wrong type.
    """
    front, body_at = _front_matter(text)
    shown, hides = _shown(text[body_at:])
    text = text[:body_at] + shown
    blocks = with_entries(list(_blocks(text, body_at)), text)
    return Loaded(
        text,
        blocks,
        title=_text(front, "title"),
        language=_text(front, "language"),
        expires=_date(front.get("expires")),
        volatile=_flag(front.get("volatile")),
        aliases=_aliases(front.get("aliases")),
        problem="left out: hidden parts" if hides else None,
    )


def _shown(body: str) -> tuple[str, bool]:
    """Markdown without comments, struck-out text and elements that are hidden, code left alone; and whether any were hidden."""
    ends: dict[str, list[re.Match[str]]] = defaultdict(list)
    for closed in _CLOSED.finditer(body):
        ends[(closed[1] or closed[0]).lower()].append(closed)
    parts: list[str] = []
    at = kept = 0
    hides = False
    while (found := _OPENED.search(body, at)) is not None:
        at = found.end()
        closing = ends[_CLOSINGS.get(found[0]) or (found[1] or found[2] or found[3]).lower()]
        place = bisect_left(closing, at, key=re.Match.start)
        end = closing[place] if place < len(closing) and closing[place].start() - at <= _LONGEST_GONE else None
        if end is None or (found[0] == "~~" and _EMPTY_LINES.search(body, at, end.start())):
            continue
        at = end.end()
        if not found[1]:
            parts.append(body[kept : found.start()])
            kept = at
            hides = hides or found[3] is not None
    return "".join([*parts, body[kept:]]), hides


def _front_matter(text: str) -> tuple[Mapping[str, Any], int]:
    match = _FRONT.match(text)
    if not match:
        return {}, 0
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import AliasEvent

    if len(match[1]) > _LONGEST_FRONT:
        raise Unreadable(f"the front matter has more than {_LONGEST_FRONT:,} characters")
    try:
        yaml = YAML(typ="safe", pure=True)
        if any(isinstance(event, AliasEvent) for event in yaml.parse(io.StringIO(match[1]))):
            raise Unreadable("the front matter uses YAML aliases (*name); write the values out")
        values = yaml.load(io.StringIO(match[1]))
    except (YAMLError, RecursionError) as error:
        raise Unreadable(f"the front matter is not valid YAML: {str(error).splitlines()[0]}") from error
    if values is None:
        return {}, match.end()
    if not isinstance(values, dict):
        return {}, 0  # two rules with text between them
    return values, match.end()


def _text(front: Mapping[str, Any], key: str) -> str | None:
    value = front.get(key)
    return None if value is None else str(value)


def _date(value: Any) -> date | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    raise Unreadable(f"`expires: {value}` in the front matter is not a date; write it as 2026-12-31")


def _flag(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise Unreadable(f"`volatile: {value}` in the front matter must be true or false")


def _aliases(value: Any) -> Mapping[str, tuple[str, ...]]:
    """A list of phrasings for the document, or a mapping from heading to list."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return {str(heading): _phrasings(several) for heading, several in value.items()}
    return {"": _phrasings(value)}


def _phrasings(value: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else (str(value),)


def _blocks(text: str, body_at: int) -> Iterator[Block]:
    from markdown_it import MarkdownIt

    body = text[body_at:]
    lines = _line_starts(body)

    def span(token: "Token") -> tuple[int, int]:
        first, last = token.map or (0, 0)
        start, end = lines[first], lines[last]
        piece = body[start:end]
        start += len(piece) - len(piece.lstrip())
        return body_at + start, max(body_at + start, body_at + end - (len(piece) - len(piece.rstrip())))

    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.type == "heading_open":
            start, end = span(token)
            yield Block("heading", start, end, level=int(token.tag[1]), shown=_plain(tokens[at + 1]))
            at += 2
        elif token.type == "table_open":
            close = next(k for k in range(at, len(tokens)) if tokens[k].type == "table_close")
            yield from _rows(tokens[at:close], span)
            at = close
        elif token.type in _LEAVES and token.map:
            start, end = span(token)
            if token.type == "html_block" and "<table" in text[start:end].lower():
                yield from _written_in_html(text[start:end], start, end)
            elif start < end and not _is_comment(text[start:end]):
                yield Block("paragraph", start, end)
        at += 1


def _written_in_html(markup: str, start: int, end: int) -> Iterator[Block]:
    """The blocks of a table that Markdown holds as HTML, all of the same span; as it is written if it holds no text."""
    from knowledge.documents import html

    try:
        read = html.load(markup.encode())
    except Unreadable:
        yield Block("paragraph", start, end)
        return
    for block in read.blocks:
        yield replace(block, start=start, end=end, shown=block.shown or read.text[block.start : block.end])


def _is_comment(piece: str) -> bool:
    return piece.startswith("<!--") and piece.endswith("-->")


def _rows(tokens: Sequence["Token"], span: Any) -> Iterator[Block]:
    head: list[str] = []
    cells: list[str] = []
    where = (0, 0)
    for token in tokens:
        if token.type == "tr_open":
            cells, where = [], span(token)
        elif token.type == "inline":
            cells.append(_plain(token))
        elif token.type == "tr_close" and not head:
            head = cells
        elif token.type == "tr_close":
            yield Block("row", *where, shown=labelled(head, cells))


def _plain(inline: "Token") -> str:
    """The text of a heading or cell; a break is a space, a picture its description."""
    parts: list[str] = []
    for child in inline.children or ():
        if child.type in ("text", "code_inline", "image"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak") or _BREAK.match(child.content):
            parts.append(" ")
    return " ".join("".join(parts).split())


def _line_starts(text: str) -> list[int]:
    """Markdown counts lines by `\\n` alone."""
    starts = [0]
    while (found := text.find("\n", starts[-1])) >= 0:
        starts.append(found + 1)
    return [*starts, len(text)]
