"""Splits loaded documents into passages of 120 to 200 words, along headings, paragraphs and sentences of any script."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from knowledge.documents.passage import Block, Loaded, Passage

# A full stop after these does not end a sentence: titles, units and addresses of Indonesian, Malay and English.
_SHORT = frozenset(
    "a.n al bpk cf co d.a dll dr drs dsb dst e.g etc gd hj hlm i.e inc ir jl jln jr kab kec kel km kpt ltd m min mr mrs ms no nr "
    "pt rp s.d sdr sh st tgl tlp telp u.p v vol vs yth".split()
)
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？｡؟]+[”’」』）]*|\n\s*\n")
_LAST_WORD = re.compile(r"([^\s(\[\"'“‘]+)$")
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_WORD = re.compile(r"\w+(?:[.,'’-]\w+)*")
ENOUGH = 120  # words from which a passage is closed before the next paragraph
FULL = 200  # words a passage holds at most, unless one sentence or row is longer
OVERLAP = 30  # words repeated after a cut inside a paragraph
_ASKS = re.compile(r"[?？؟]\s*$")


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield the spans (start, end) of the sentences in `text[start:end]`, without surrounding white space; they cover every word."""
    stop = len(text) if end is None else end
    begin = start
    for match in _END.finditer(text, start, stop):
        if match[0].startswith(".") and _continues(text, begin, match):
            continue
        yield from _trimmed(text, begin, match.end())
        begin = match.end()
    yield from _trimmed(text, begin, stop)


def _continues(text: str, begin: int, full_stop: re.Match[str]) -> bool:
    """An abbreviation, an initial or a list number stands before the stop, or a small letter after it."""
    word = _LAST_WORD.search(text, begin, full_stop.start())
    if word and (word[1].lower() in _SHORT or (len(word[1]) == 1 and word[1].isalpha())):
        return True
    if word and word[1].isdigit() and not text[begin : word.start()].strip():
        return True  # "1. Buka aplikasi": the number belongs to what follows
    rest = text[full_stop.end() : full_stop.end() + 20].lstrip()
    return len(full_stop[0]) == 1 and bool(rest) and rest[0].islower()


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end


def count_words(text: str) -> int:
    """Count words as a reader would; scripts without spaces by their usual word length."""
    if text.isascii():
        return len(_WORD.findall(text))
    han = len(_HAN.findall(text))
    spaceless = len(_SPACELESS.findall(text))
    if han or spaceless:
        text = _SPACELESS.sub(" ", _HAN.sub(" ", text))
    return len(_WORD.findall(text)) + (han + 1) // 2 + (spaceless + 3) // 4


@dataclass(frozen=True, slots=True)
class _Piece:
    """A span that must stay whole: a paragraph, a sentence of a long paragraph, or a row."""

    start: int
    end: int
    words: int
    split: bool = False  # a sentence of a paragraph that is too long to stay whole
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class _Section:
    path: tuple[str, ...]
    heading: Block | None
    blocks: Sequence[Block]


def split(document: str, loaded: Loaded, title: str | None = None) -> list[Passage]:
    """Split a loaded document into passages.

    Args:
        document: id of the document; passage ids are `<document>#<n>` with n from 1.
        title: wins over the title in the document.

    Returns:
        The passages in the order of the text.
    """
    name = title or loaded.title or _first_title(loaded.blocks)
    passages: list[Passage] = []
    for section in _sections(loaded.blocks, name):
        for passage in _of_section(section, loaded):
            passages.append(replace(passage, id=f"{document}#{len(passages) + 1}", document=document))
    if passages and (general := loaded.aliases.get("")):
        passages[0] = replace(passages[0], aliases=passages[0].aliases + general)
    return passages


def _first_title(blocks: Sequence[Block]) -> str | None:
    return next((block.shown for block in blocks if block.kind == "heading" and block.level == 1), None)


def _sections(blocks: Sequence[Block], title: str | None) -> Iterator[_Section]:
    headings: list[Block] = []
    body: list[Block] = []
    for block in blocks:
        if block.kind != "heading":
            body.append(block)
            continue
        if body or headings:
            yield _Section(_path(title, headings), headings[-1] if headings else None, body)
        headings = [above for above in headings if above.level < block.level] + [block]
        body = []
    yield _Section(_path(title, headings), headings[-1] if headings else None, body)


def _path(title: str | None, headings: Sequence[Block]) -> tuple[str, ...]:
    names = ([title] if title else []) + [heading.shown or "" for heading in headings]
    return tuple(name for at, name in enumerate(names) if name and name not in names[:at])


def _of_section(section: _Section, loaded: Loaded) -> Iterator[Passage]:
    heading = section.heading
    aliases = loaded.aliases.get(heading.shown or "", ()) if heading else ()
    prose = [block for block in section.blocks if block.kind != "entry"]
    asks = bool(heading and heading.shown and _ASKS.search(heading.shown))
    if asks and heading and prose and len(prose) == len(section.blocks):
        start, end = prose[0].start, prose[-1].end
        answer = loaded.text[start:end]
        if count_words(answer) <= 2 * FULL:
            yield Passage("", "", answer, start, end, section.path, heading.shown, answer, aliases)
            return
    run: list[Block] = []
    for block in section.blocks:
        if block.kind != "entry":
            run.append(block)
            continue
        yield from _of_prose(run, section.path, loaded.text, aliases)
        run = []
        shown = block.shown if block.shown is not None else loaded.text[block.start : block.end]
        yield Passage(
            "", "", shown, block.start, block.end, _joined(section.path, block.path), block.question, block.answer,
            block.aliases + aliases,
        )  # fmt: skip
    yield from _of_prose(run, section.path, loaded.text, aliases)


def _of_prose(blocks: Sequence[Block], path: tuple[str, ...], text: str, aliases: tuple[str, ...]) -> Iterator[Passage]:
    for above, together in groupby(blocks, key=lambda block: block.path):
        for pieces in _packed(list(_pieces(list(together), text))):
            yield _passage(pieces, _joined(path, above), text, aliases)


def _joined(path: tuple[str, ...], above: tuple[str, ...]) -> tuple[str, ...]:
    return (*path, *(name for name in above if name not in path))


def _pieces(blocks: Sequence[Block], text: str) -> Iterator[_Piece]:
    for block in blocks:
        words = count_words(block.shown or text[block.start : block.end])
        if block.kind == "row" or words <= FULL:
            yield _Piece(block.start, block.end, words, shown=block.shown)
            continue
        for start, end in sentences(text, block.start, block.end):
            yield _Piece(start, end, count_words(text[start:end]), split=True)


def _packed(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    pack: list[_Piece] = []
    size = 0
    for piece in pieces:
        closes = size + piece.words > FULL or (size >= ENOUGH and not piece.split)
        if pack and closes:
            yield pack
            pack = _tail(pack) if piece.split else []
            size = sum(kept.words for kept in pack)
        pack.append(piece)
        size += piece.words
    if pack:
        yield pack


def _tail(pack: Sequence[_Piece]) -> list[_Piece]:
    """The last one or two sentences of the same paragraph, to be repeated."""
    tail: list[_Piece] = []
    words = 0
    for piece in reversed(pack[1:]):
        if not piece.split or len(tail) == 2 or words + piece.words > OVERLAP:
            break
        tail.insert(0, piece)
        words += piece.words
    return tail


def _passage(pieces: Sequence[_Piece], path: tuple[str, ...], text: str, aliases: tuple[str, ...]) -> Passage:
    start, end = pieces[0].start, pieces[-1].end
    if all(piece.shown is None for piece in pieces):
        return Passage("", "", text[start:end], start, end, path, aliases=aliases)
    shown: list[str] = []
    prose_from: int | None = None
    for piece in pieces:
        if piece.shown is None:
            prose_from = piece.start if prose_from is None else prose_from
            last_end = piece.end
            continue
        if prose_from is not None:
            shown.append(text[prose_from:last_end])
            prose_from = None
        shown.append(piece.shown.replace("\n", "; "))
    if prose_from is not None:
        shown.append(text[prose_from:last_end])
    return Passage("", "", "\n".join(shown), start, end, path, aliases=aliases)
