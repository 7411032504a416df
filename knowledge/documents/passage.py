"""What loaders produce (`Loaded`, `Block`) and what the store keeps (`Document`, `Passage`, `SourceState`)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Literal

from knowledge.documents.tables import Grid, Line, Table, has_values, labelled, read_table
from settings.text import ESCAPES


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

_QUESTIONS = frozenset({"question", "questions", "pertanyaan", "tanya", "soalan", "q", "faq"})
_ANSWERS = frozenset({"answer", "answers", "jawaban", "jawab", "jawapan", "a", "response", "balasan"})
_ALIASES = frozenset({"alias", "aliases", "phrasings", "pertanyaan lain", "sinonim"})
_VARIANTS = frozenset({"variants", "variasi"})  # of a question; in a table of products they are colours and sizes
_BETWEEN = re.compile(r"[|;\n]")
_GENERIC = re.compile(
    r"\W*(?:anonymous|unspecified)\W*"
    r"|\W*(?:untitled|unnamed|tanpa judul|tidak berjudul|document|dokumen|word document|title|judul|none|null|home|beranda)[\W\d]*"
    r"|(?:dokumen|halaman|presentasi|spreadsheet|lembar|formulir|situs) tanpa judul[\W\d]*|(?:new (?:page|document)|halaman baru)[\W\d]*"
    r"|microsoft (?:word|excel|powerpoint)\b.*|untitled \w+[\W\d]*|(?:presentation|workbook|book|slide)\s*\d*",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(
    r"\.(?:docx?|xlsx?|pptx?|pdf|html?|indd|rtf|od[tsp]|txt|md|cdr|ai|psd|tex|dvi|pages|key)$", re.IGNORECASE
)
_QUESTION = re.compile(r"^\W{0,4}(?:Q|T|P|Tanya|Pertanyaan|Soalan|Question)\s*[:.]\W{0,3}(?=\S)", re.IGNORECASE)
_ANSWER = re.compile(r"^\W{0,4}(?:A|J|Jawab|Jawaban|Jawapan|Answer)\s*[:.]\W{0,3}(?=\S)", re.IGNORECASE)
_UNSTORABLE = re.compile(f"{ESCAPES.pattern}|[\x00\x1b\ud800-\udfff\u202a-\u202e\U000e0000-\U000e007f]")


def _stored(text: str | None) -> str | None:
    """The text without what `storable` replaces: as many blanks, so that places in it stay what they are."""
    return None if text is None else _UNSTORABLE.sub(lambda found: " " * len(found[0]), text)


@dataclass(frozen=True, slots=True)
class Block:
    """`text[start:end]` of the loaded text, and what it is.

    - `heading`: `level` 1 to 6, `shown` is its text without markup
    - `paragraph`: prose, a list item, code
    - `row`: a table row inside a document; `shown` repeats the head of the table, so that a row can be read alone
    - `entry`: a passage by itself: a CSV row (`shown` is its `column: value` lines), or a FAQ entry (`question`, `answer`)

    `path` is what stands above a row besides the headings of the document: the title of its table, its section in it.
    """

    kind: Kind
    start: int
    end: int
    level: int = 0
    shown: str | None = None
    question: str | None = None
    answer: str | None = None
    aliases: tuple[str, ...] = ()
    path: tuple[str, ...] = ()


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
    problem: str | None = None  # what was left out although there is text: scanned pages, hidden columns

    def named(self, id_: str) -> str | None:
        """Tell the title, or make one of the file's name for a document without any."""
        if self.title or any(block.kind == "heading" and block.level == 1 for block in self.blocks):
            return self.title
        return PurePosixPath(id_).stem.replace("-", " ").replace("_", " ").strip() or None

    def storable(self) -> "Loaded":
        """Replace what databases refuse (NUL, lone surrogates), terminals obey, or hides words from readers (tag characters, overrides)."""
        strings = [self.text, self.title or ""]
        strings += [part or "" for block in self.blocks for part in (block.shown, block.question, *block.path)]
        if not any(map(_UNSTORABLE.search, strings)):
            return self
        blocks = [
            replace(
                block,
                shown=_stored(block.shown),
                question=_stored(block.question),
                answer=_stored(block.answer),
                aliases=tuple(_stored(alias) or "" for alias in block.aliases),
                path=tuple(_stored(name) or "" for name in block.path),
            )
            for block in self.blocks
        ]
        return replace(self, text=_stored(self.text) or "", title=_stored(self.title), blocks=blocks)


class Composer:
    """Builds the text of a document that is not text itself (PDF, DOCX, XLSX), with the blocks in it."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._before: Table | None = None  # the table that ends here, if nothing came after it
        self.blocks: list[Block] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def heading(self, level: int, text: str) -> None:
        """Append a heading of level 1 to 6."""
        self._before = None
        start, end = self._append(text, "\n\n")
        self.blocks.append(Block("heading", start, end, level=level, shown=text))

    def paragraph(self, text: str) -> None:
        """Append a paragraph, list item or block of code."""
        self._before = None
        start, end = self._append(text, "\n\n")
        self.blocks.append(Block("paragraph", start, end))

    def table(self, rows: Grid) -> None:
        """Append a table; its rows become blocks that repeat their labels. One right after another may continue it."""
        table = read_table(rows, self._before)
        self._before = table
        if table.labels:
            self._append(" | ".join(table.labels), "\n")
        for line in table.lines:
            start, end = self._append(_written(line), "\n")
            if line.is_note:
                self.blocks.append(Block("paragraph", start, end, path=line.path))
            else:
                self.blocks.append(
                    Block("row", start, end, shown=labelled(line.labels, line.cells), path=line.path),
                )
        self._append("", "\n")

    def part(self) -> None:
        """Begin another part of the document: a table that comes next continues none before it."""
        self._before = None

    def gap(self) -> None:
        """Leave a line empty: a table of nothing but words ends there, and one that comes next continues only one with values."""
        if self._before is not None and not has_values(self._before):
            self._before = None

    def answer(self, question: str, answer: str) -> None:
        """Append an entry of a FAQ."""
        self._before = None
        start, end = self._append(f"{question}\n{answer}", "\n\n")
        self.blocks.append(Block("entry", start, end, shown=f"{question}\n{answer}", question=question, answer=answer))

    def copy(self, block: Block, text: str) -> None:
        """Append a block of another document with its text."""
        self._before = None
        start, end = self._append(text, "\n" if block.kind == "row" else "\n\n")
        self.blocks.append(replace(block, start=start, end=end))

    def entries(self, rows: Grid) -> None:
        """Append a table whose rows are passages by themselves."""
        for line in read_table(rows).lines:
            start, end = self._append(_written(line), "\n")
            self.blocks.append(entry(line, start, end))

    def _append(self, text: str, gap: str) -> tuple[int, int]:
        start = self._length
        self._parts += (text, gap)
        self._length += len(text) + len(gap)
        return start, start + len(text)


def _written(line: Line) -> str:
    return " | ".join(cell for at, cell in enumerate(line.cells) if not at or cell != line.cells[at - 1] or not cell)


def entry(line: Line, start: int, end: int) -> Block:
    """Build the entry of one row; question, answer and alias columns are recognised by their name.

    Args:
        line: of a table, as it was understood.
        start: offset of the row in the loaded text, in characters.
        end: offset of its end.
    """
    if line.is_note:
        return Block("entry", start, end, shown=line.cells[0], path=line.path)
    labels = [name.strip().lower() for name in line.labels]
    named = {name: cell.strip() for name, cell in zip(labels, line.cells, strict=False)}
    question = next((cell for name, cell in named.items() if name in _QUESTIONS and cell), None)
    answer = next((cell for name, cell in named.items() if name in _ANSWERS and cell), None)
    others_named = _ALIASES | _VARIANTS if question and answer else _ALIASES
    others = next((cell for name, cell in named.items() if name in others_named and cell), "")
    aliases = tuple(one.strip() for one in _BETWEEN.split(others) if one.strip())
    hidden = others_named | (_QUESTIONS | _ANSWERS if question and answer else frozenset())
    kept = [at for at, _ in enumerate(line.cells) if at >= len(labels) or labels[at] not in hidden]
    names = [line.labels[at] if at < len(labels) else "" for at in kept]
    shown = labelled(names, [line.cells[at] for at in kept])
    if question and answer:
        shown = "\n".join(filter(None, (question, answer, shown)))
        return Block("entry", start, end, 0, shown, question, answer, aliases, line.path)
    return Block("entry", start, end, shown=shown, aliases=aliases, path=line.path)


def meaningful(title: str | None) -> str | None:
    """A title that an author gave; `None` for what programs put there by themselves: `untitled`, the name of a file."""
    plain = " ".join((title or "").split())
    if not plain or _GENERIC.fullmatch(plain) or _FILE_NAME.search(plain):
        return None
    return plain


def with_entries(blocks: Sequence[Block], text: str) -> list[Block]:
    """Make entries of paragraphs that are written as question and answer (`Tanya: …`, `Jawab: …`)."""
    return list(_entries(blocks, text))


def _entries(blocks: Sequence[Block], text: str) -> Iterator[Block]:
    at = 0
    while at < len(blocks):
        block = blocks[at]
        piece = text[block.start : block.end]
        asked = _QUESTION.match(piece) if block.kind == "paragraph" else None
        if not asked:
            yield block
            at += 1
            continue
        within = next(
            (k for k in range(block.start, block.end) if text[k - 1] == "\n" and _ANSWER.match(text[k : block.end])),
            None,
        )
        last = at
        if within is None:
            following = blocks[at + 1] if at + 1 < len(blocks) else None
            if (
                not following
                or following.kind != "paragraph"
                or not _ANSWER.match(text[following.start : following.end])
            ):
                yield block
                at += 1
                continue
            within, last = following.start, at + 1
        while last + 1 < len(blocks) and _belongs(blocks[last + 1], text):
            last += 1
        answered = _ANSWER.match(text[within : blocks[last].end])
        question = text[block.start + asked.end() : within].strip().strip("*_ ")
        answer = text[within + (answered.end() if answered else 0) : blocks[last].end].strip()
        yield Block("entry", block.start, blocks[last].end, question=question, answer=answer)
        at = last + 1


def _belongs(block: Block, text: str) -> bool:
    return block.kind in ("paragraph", "row") and not _QUESTION.match(text[block.start : block.end])
