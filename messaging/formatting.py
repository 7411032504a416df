"""Markdown in the formatting of a channel, and questions with choices where a channel shows none.

A model writes Markdown; WhatsApp knows `*bold*`, `_italic_`, `~struck~` and code, other channels plain text only.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from messaging.types import ChannelKind, Template, kind_of

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode


_WITHOUT_QUICK_REPLIES = frozenset({ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.WECHAT})
_WITH_FORMATTING = frozenset({ChannelKind.WHATSAPP, ChannelKind.WHATSAPP_DEVICE, ChannelKind.UNKNOWN})


def takes_quick_replies(source: str | None) -> bool:
    """Tell whether a channel shows choices to tap.

    Args:
        source: the platform's name for it, e.g. `whatsapp_cloud`; `None` counts as WhatsApp.
    """
    return kind_of(source) not in _WITHOUT_QUICK_REPLIES


def numbered(title: str, replies: Sequence[str]) -> str:
    """Write a question with its choices as numbered lines."""
    return "\n".join([title, *(f"{number}. {reply}" for number, reply in enumerate(replies, 1))])


def on_one_line(template: Template) -> Template:
    """Collapse white space in the texts for a template's placeholders: WhatsApp refuses line breaks, tabs and runs of blanks there.

    Args:
        template: by its values or by its components.
    """
    return replace(
        template,
        values=tuple(" ".join(value.split()) for value in template.values),
        components=tuple(_collapsed(part, inside=False) for part in template.components),
    )


def _collapsed(part: Any, *, inside: bool) -> Any:
    """A part of components; only texts inside `parameters` are changed."""
    if isinstance(part, str):
        return " ".join(part.split()) if inside else part
    if isinstance(part, Mapping):
        return {name: _collapsed(value, inside=inside or name == "parameters") for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_collapsed(each, inside=inside) for each in part]
    return part


Style = Literal["bold", "italic", "strike", "code"]
Dialect = Literal["whatsapp", "plain"]

_MARKS: tuple[tuple[Style, str], ...] = (("bold", "*"), ("italic", "_"), ("strike", "~"))
_STYLES: dict[str, Style] = {"strong": "bold", "em": "italic", "s": "strike"}
_URL = re.compile(r"https?://(?:[^\s<>*`|\[\]]|(?<=[=/&,_-])\*(?=\w))+[^\s<>*`|\[\].,;:!?\"'”’)_~]")
_LINE_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}:")
_HOST = re.compile(r"[^\s/?#:@.]+(?:\.[^\s/?#:@.]+)+(?=[/?#:]|$)")
_PAGES = (".md", ".html", ".htm", ".csv", ".txt")
_UNFORMATTED = re.compile(r"[^\W\d_](?:(?:[^\W_]|[,.?!'\"()%/;: -]|\n(?=[^\W\d_]))*[^\W_]|)[,.?!)]{0,3}")
"""Lines that begin with a letter, without any character that means something to CommonMark or to a platform."""
_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z+#-]*")
_AMOUNT = re.compile(r"\W{0,3}(?:\d|rp|idr|usd|rm)", re.IGNORECASE)
_VARIABLE = re.compile(r"\{(?=\{\s*[$@])")


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one style; `styles` may be empty."""

    text: str
    styles: frozenset[Style] = frozenset()


Line: TypeAlias = list[Run]


def for_channel(markdown: str, source: str | None) -> str:
    """Write Markdown in the formatting of a channel.

    Only what CommonMark reads as formatting is changed; everything else arrives to the letter. A mark inside a word or a number
    (`10*20*30`) stays as it is written: no channel shows it as formatting, and without it the number is another.

    Variables of the platform (`{{$contact.email}}`, `{{@user.1}}`) are made inert with an invisible character: what a model writes
    is text, and must not be filled in by the platform.

    Args:
        markdown: CommonMark with tables and `~~strike~~`.
        source: the platform's name of the channel; `None` counts as WhatsApp.
    """
    return render(markdown, "whatsapp" if kind_of(source) in _WITH_FORMATTING else "plain")


def render(markdown: str, dialect: Dialect) -> str:
    """Write Markdown in a dialect: `whatsapp` or `plain`. Variables are made inert as in `for_channel`."""
    if _UNFORMATTED.fullmatch(markdown) and not any(found in markdown for found in ("  ", " \n", "://")):
        return markdown
    from markdown_it.tree import SyntaxTreeNode

    source = markdown.replace("\r\n", "\n")
    tokens = _parser().parse(source)
    for token in tokens:
        token.children = token.children and list(_with_marks_inside_words(token.children))
    page = _Page(source.split("\n"), dialect)
    return _VARIABLE.sub("{\N{WORD JOINER}", "\n".join(page.blocks(SyntaxTreeNode(tokens).children)).strip())


@cache
def _parser() -> "MarkdownIt":
    """CommonMark with tables and ~~strike~~, without what is not meant in a chat: HTML, indented code, underlined headings."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.disable(["code", "lheading", "html_block", "html_inline", "reference"])
    parser.inline.ruler.before("emphasis", "address", _address)
    parser.inline.ruler.before("autolink", "line_break", _line_break)
    # Addresses arrive as they were written; only a blank would end one early.
    parser.normalizeLink = lambda url: url.replace(" ", "%20")  # type: ignore[method-assign]
    parser.normalizeLinkText = lambda link: link  # type: ignore[method-assign]
    return parser


def _line_break(state: "StateInline", silent: bool) -> bool:
    """`<br>`, the one tag that models write in chats and table cells."""
    match = _LINE_BREAK.match(state.src, state.pos, state.posMax)
    if not match:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = match.end()
    return True


def _with_marks_inside_words(tokens: "Sequence[Token]") -> "Iterator[Token]":
    """Turn marks that touch a letter or digit on their outer side back into text, as they are no formatting in a chat.

    `**` and `~~` between letters alone (`un**believ**able`) are left out instead, by `_marked`: they are no sum, no size and no code.
    """
    from markdown_it.token import Token

    opened: list[int] = []
    text: set[int] = set()
    for place, token in enumerate(tokens):
        if token.type.removesuffix("_open") in _STYLES:
            opened.append(place)
        elif token.type.removesuffix("_close") in _STYLES:
            start = opened.pop()
            outside = [_character(tokens, start, -1), _character(tokens, place, 1)]
            if not any(character.isalnum() for character in outside):
                continue
            around = [*outside, _character(tokens, start, 1), _character(tokens, place, -1)]
            if len(token.markup) == 1 or any(character.isdigit() for character in around):
                text |= {start, place}
    for place, token in enumerate(tokens):
        yield Token("text", "", 0, content=token.markup) if place in text else token


def _character(tokens: "Sequence[Token]", place: int, step: Literal[-1, 1]) -> str:
    """The character beside a mark, before (-1) or after (1) it; marks between them do not count, `""` where a line ends."""
    place += step
    while 0 <= place < len(tokens):
        token = tokens[place]
        if token.type in ("text", "code_inline"):
            if token.content:
                return token.content[-1 if step < 0 else 0]
        elif token.nesting == 0:
            return ""
        place += step
    return ""


def _address(state: "StateInline", silent: bool) -> bool:
    """A bare web address is text as a whole: underscores in it are not emphasis."""
    if not state.src.startswith("://", state.pos):
        return False
    scheme = next((name for name in ("https", "http") if state.src.endswith(name, 0, state.pos)), None)
    match = scheme and _URL.match(state.src, state.pos - len(scheme), state.posMax)
    if not match:
        return False
    if not silent:
        state.append_pending(state.src[state.pos : match.end()])
    state.pos = match.end()
    return True


@dataclass(frozen=True, slots=True)
class _Page:
    """What rendering needs to know: the lines of the source, for the blank ones between blocks, and the dialect."""

    source: Sequence[str]
    dialect: Dialect

    def blocks(self, nodes: Sequence["SyntaxTreeNode"]) -> list[str]:
        """The lines of several blocks; a blank line between two where the author left one."""
        lines: list[str] = []
        for node in nodes:
            found = self.block(node)
            if lines and found and self._apart(node):
                lines.append("")
            lines += found
        return lines

    def block(self, node: "SyntaxTreeNode") -> list[str]:
        match node.type:
            case "paragraph":
                return self._inline(node)
            case "heading":
                return self._inline(node, frozenset({"bold"}))
            case "bullet_list" | "ordered_list":
                return self._list(node)
            case "blockquote":
                return [f"> {line}".rstrip() for line in self.blocks(node.children)]
            case "fence":
                code = node.content.rstrip("\n")
                info = node.info.strip()
                if info and not (code and _LANGUAGE.fullmatch(info)):  # an unclosed fence, or text after it
                    code = f"{info}\n{code}".rstrip("\n")
                return (f"```{code}```" if self.dialect == "whatsapp" else code).split("\n")
            case "table":
                return self._table(node)
            case "hr":
                return ["———"]
        return self.blocks(node.children)

    def _apart(self, node: "SyntaxTreeNode") -> bool:
        """Whether the line above `node` is blank (or holds quote marks only)."""
        return node.map is not None and node.map[0] > 0 and not self.source[node.map[0] - 1].strip(" \t>")

    def _list(self, node: "SyntaxTreeNode") -> list[str]:
        written = [item.info for item in node.children]
        counted = len(set(written)) == 1  # "1. 1. 1." is Markdown's way of leaving the counting to the reader
        lines: list[str] = []
        for place, item in enumerate(node.children):
            body = self.blocks(item.children) or [""]
            if lines and self._apart(item):
                lines.append("")
            if node.type == "ordered_list":
                mark = f"{int(written[0]) + place if counted and place else written[place]}{item.markup}"
            else:
                mark = self._bullet(item.markup, body[0])
            lines.append(f"{mark} {body[0]}".rstrip())
            lines += [f"  {line}".rstrip() for line in body[1:]]
        return lines

    def _bullet(self, written: str, text: str) -> str:
        """`+` stays, and any mark before an amount: a plus or minus is part of a sum."""
        if written == "+" or _AMOUNT.match(text):
            return written
        return "-" if self.dialect == "whatsapp" else "•"

    def _table(self, node: "SyntaxTreeNode") -> list[str]:
        """A line per row: `- *Latte* – Hot: 25.000, Iced: 28.000`."""
        rows = [cells.children for part in node.children for cells in part.children]
        names = ["".join(run.text for line in _lines(cell) for run in line).strip() for cell in rows[0]]
        lines = []
        for row in rows[1:]:
            title = ", ".join(self._inline(row[0], frozenset({"bold"})))
            facts = [
                f"{name}: {value}" if name else value
                for name, cell in zip(names[1:], row[1:], strict=True)
                if (value := ", ".join(self._inline(cell)))
            ]
            facts += self._excess(row[0], len(rows[0]))
            line = " – ".join(part for part in (title, ", ".join(facts)) if part)
            lines.append(f"- {line}" if self.dialect == "whatsapp" else f"• {line}")
        return lines or [", ".join(names)]

    def _excess(self, cell: "SyntaxTreeNode", columns: int) -> list[str]:
        """The cells of a row beyond those of the heading, which the parser drops: one of them may be the price."""
        from markdown_it.rules_block.table import escapedSplit

        if cell.parent is None or cell.parent.map is None:
            return []
        row = self.source[cell.parent.map[0]].lstrip(" \t>").strip().removeprefix("|")
        return [text for part in escapedSplit(row)[columns:] if (text := part.strip())]

    def _inline(self, node: "SyntaxTreeNode", styles: frozenset[Style] = frozenset()) -> list[str]:
        """The lines of a paragraph, a heading or a cell."""
        found = []
        for line in _lines(node):
            styled = [Run(run.text, run.styles | styles if run.text.strip() else frozenset()) for run in line]
            shown = _whatsapp(styled) if self.dialect == "whatsapp" else "".join(run.text for run in styled)
            found.append(shown.strip())
        return [line for line in found if line]


def _lines(node: "SyntaxTreeNode") -> list[Line]:
    """The runs of a block, a list per line: no format of WhatsApp's reaches over a line break."""
    lines: list[Line] = [[]]
    for child in node.children:
        for run in _runs(child, frozenset()):
            first, *others = run.text.split("\n")
            lines[-1].append(Run(first, run.styles))
            lines += [[Run(other, run.styles)] for other in others]
    return lines


def _runs(node: "SyntaxTreeNode", styles: frozenset[Style]) -> Iterator[Run]:
    match node.type:
        case "text":
            yield from _plain(node.content, styles)
        case "softbreak" | "hardbreak":
            yield Run("\n")
        case "code_inline":
            yield Run(node.content, frozenset({"code"}))
        case "link":
            yield from _link(
                [run for child in node.children for run in _runs(child, styles)], str(node.attrs.get("href", ""))
            )
        case "image":
            yield from _link([Run(node.content, styles)], str(node.attrs.get("src", "")))
        case _:
            inner = styles | {_STYLES[node.type]} if node.type in _STYLES else styles
            for child in node.children:
                yield from _runs(child, inner)


def _plain(text: str, styles: frozenset[Style]) -> Iterator[Run]:
    """Text, with the web addresses in it out of any style: a mark at its end would become part of the address."""
    end = 0
    for match in _URL.finditer(text):
        yield Run(text[end : match.start()], styles)
        yield Run(match.group())
        end = match.end()
    yield Run(text[end:], styles)


def _link(label: list[Run], target: str) -> Iterator[Run]:
    """The address in brackets after the text, unless it says the same; a page of our own documents leads nowhere."""
    address = target.removeprefix("mailto:").removeprefix("tel:")
    shown = "".join(run.text for run in label).strip()
    if shown and _bare(shown) == _bare(address):
        yield Run(address if _URL.match(address) else shown)
        return
    yield from label
    if _leads_somewhere(target):
        yield Run(f" ({address})" if shown else address)


def _leads_somewhere(target: str) -> bool:
    """Whether a customer can open `target`: it has a scheme, or begins with the name of a host (`wa.me/62812`)."""
    if _SCHEME.match(target):
        return True
    host = _HOST.match(target)
    return host is not None and not (host.end() == len(target) and target.lower().endswith(_PAGES))


def _bare(address: str) -> str:
    return re.sub(r"^https?://(www\.)?", "", address.strip()).rstrip("/").lower()


def _whatsapp(line: Sequence[Run]) -> str:
    return _marked([run for run in line if run.text], _MARKS)


def _marked(line: Sequence[Run], marks: Sequence[tuple[Style, str]]) -> str:
    """The text with its marks, the outermost style first. WhatsApp shows a mark as it is where a letter touches its outer side,
    or white space its inner side: there it is left out, or the white space put outside."""
    if not marks:
        return "".join(f"`{run.text}`" if "code" in run.styles else run.text for run in line)
    (style, mark), *inner = marks
    out = ""
    groups = [(styled, list(runs)) for styled, runs in groupby(line, key=lambda run: style in run.styles)]
    for number, (styled, runs) in enumerate(groups):
        text = _marked(runs, inner)
        core = text.strip()
        following = _raw(groups[number + 1][1]) if number + 1 < len(groups) else ""
        lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        touches = (not lead and out[-1:].isalnum()) or (not trail and following[:1].isalnum())
        out += f"{lead}{mark}{core}{mark}{trail}" if styled and core and mark not in core and not touches else text
    return out


def _raw(runs: Iterable[Run]) -> str:
    return "".join(run.text for run in runs)
