"""What loaders produce (`Loaded`, `Block`) and what the store keeps (`Document`, `Passage`, `SourceState`)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import blake2b
from typing import Literal


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that can be quoted by itself.

    `id` is `<document>#<n>`, e.g. `docs/faq.md#3`. `text` is what is shown: for prose exactly `document.text[start:end]`, for a table
    row its cells as `column: value` lines. `path` is the title of the document and the headings above the passage. `question` and
    `answer` are set when the passage is an entry of a FAQ; `aliases` are further ways of asking for it.
    """

    id: str
    document: str
    text: str
    start: int
    end: int
    path: tuple[str, ...] = ()
    question: str | None = None
    answer: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """`"Kopi Senja > Pengiriman > Ongkos"`."""
        return " > ".join(self.path)

    @property
    def hash(self) -> str:
        """Changes when anything that is shown or searched changes."""
        parts = (*self.path, self.question or "", self.text, *self.aliases)
        return blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Document:
    """A file or page as it was last read well.

    `id` is its path relative to agent.yaml, or its address. `source` is the entry under `knowledge.sources` it came from. `hash` is that of
    the bytes read, `stamp` says cheaply whether they may have changed (size and time of a file, `lastmod` of a sitemap). `verified_at` is
    when the copy was last known to be right; it is kept up to date by the source unless the document is failing by itself.
    """

    id: str
    source: str
    hash: str
    text: str
    verified_at: datetime
    title: str | None = None
    language: str | None = None
    stamp: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    expires: date | None = None
    volatile: bool | None = None
    links: tuple[str, ...] = ()
    error: str | None = None
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """How the last sync of a source ended. A failing source keeps the documents of its last good copy.

    `settings` is the fingerprint of how the source was configured then.
    """

    id: str
    checked_at: datetime
    verified_at: datetime | None = None
    error: str | None = None
    failing_since: datetime | None = None
    problems: tuple[str, ...] = field(default=())  # single documents that could not be read, with the reason
    settings: str | None = None


Kind = Literal["heading", "paragraph", "row", "entry"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _stored(text: str | None) -> str | None:
    return None if text is None else _UNSTORABLE.sub(" ", text)


@dataclass(frozen=True, slots=True)
class Block:
    """`text[start:end]` of the loaded text, and what it is.

    - `heading`: `level` 1 to 6, `shown` is its text without markup
    - `paragraph`: prose, a list item, code
    - `row`: a table row inside a document; `shown` repeats the head of the table, so that a row can be read alone
    - `entry`: a passage by itself: a CSV row (`shown` is its `column: value` lines), or a FAQ entry (`question`, `answer`)
    """

    kind: Kind
    start: int
    end: int
    level: int = 0
    shown: str | None = None
    question: str | None = None
    answer: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as a loader read it. `aliases` are further phrasings by heading; the key `""` is for the whole document."""

    text: str
    blocks: Sequence[Block]
    title: str | None = None
    language: str | None = None
    expires: date | None = None
    volatile: bool | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    problem: str | None = None  # something to tell the owner although there is text, e.g. scanned pages

    def storable(self) -> "Loaded":
        """Replace characters that databases refuse: NUL and lone surrogates, which some PDF files hold."""
        strings = [self.text, self.title or "", *(block.shown or "" for block in self.blocks)]
        if not any(map(_UNSTORABLE.search, strings)):
            return self
        blocks = [
            replace(
                block,
                shown=_stored(block.shown),
                question=_stored(block.question),
                answer=_stored(block.answer),
                aliases=tuple(_UNSTORABLE.sub(" ", alias) for alias in block.aliases),
            )
            for block in self.blocks
        ]
        return replace(self, text=_UNSTORABLE.sub(" ", self.text), title=_stored(self.title), blocks=blocks)


class Composer:
    """Builds the text of a document that is not text itself (PDF, DOCX, XLSX), with the blocks in it."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self.blocks: list[Block] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def heading(self, level: int, text: str) -> None:
        """Append a heading of level 1 to 6."""
        start, end = self._append(text, "\n\n")
        self.blocks.append(Block("heading", start, end, level=level, shown=text))

    def paragraph(self, text: str) -> None:
        """Append a paragraph, list item or block of code."""
        start, end = self._append(text, "\n\n")
        self.blocks.append(Block("paragraph", start, end))

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Append a table. The first row is the head; every other row becomes a block that repeats it."""
        if not rows:
            return
        head, body = rows[0], rows[1:]
        start, end = self._append(" | ".join(head), "\n")
        if not body:
            self.blocks.append(Block("paragraph", start, end))
        for cells in body:
            start, end = self._append(" | ".join(cells), "\n")
            self.blocks.append(Block("row", start, end, shown=labelled(head, cells)))
        self._append("", "\n")

    def entry(self, line: str, block: Block) -> None:
        """Append a line that is a passage by itself; the span of `block` is set here."""
        start, end = self._append(line, "\n")
        self.blocks.append(
            Block("entry", start, end, 0, block.shown, block.question, block.answer, block.aliases),
        )

    def _append(self, text: str, gap: str) -> tuple[int, int]:
        start = self._length
        self._parts += (text, gap)
        self._length += len(text) + len(gap)
        return start, start + len(text)


def labelled(head: Sequence[str], cells: Sequence[str]) -> str:
    """Format a table row as `column: value` lines, without empty cells."""
    pairs = zip(head, cells, strict=False)
    named = [
        f"{name.strip()}: {cell.strip()}" if name.strip() else cell.strip() for name, cell in pairs if cell.strip()
    ]
    return "\n".join(named + [cell.strip() for cell in cells[len(head) :] if cell.strip()])
