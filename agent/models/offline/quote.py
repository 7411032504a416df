"""The part of a passage that answers a question, short enough for a chat; or nothing, when none does.

A short passage is quoted whole: cutting it risks cutting off the fact. A long one is quoted around the lines that share most
words with the question. Sentences that give orders to the reader are never quoted: a document informs, it does not command.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.models.values import Passage
from language import lexicon
from language.detect import detect

_RELEVANT = 0.51
"""The share of a question's subject that a passage must hold to count as an answer: more than one word of two."""

_SUPERLATIVE = re.compile(
    r"\b(?:paling (?P<most>murah|mahal|laris|laku|enak|bagus|baik|populer|favorit|banyak|besar|kecil|baru)"
    r"|ter(?P<ter>murah|mahal|laris|laku|enak|bagus|baik|populer|favorit|banyak|besar|kecil|baru)"
    r"|(?P<est>cheapest|best|biggest|largest|smallest|newest)|most (?P<adverb>expensive|popular))\b"
)
"""To compare is more than to quote: such a question is answered only by a passage that draws the comparison itself."""

_WHOLE = 60
"""Words up to which a passage is quoted whole, and the size of the window into a longer one."""

_MOST_ROWS = 5
_TIE = 0.08
"""How near the best row of a table another one must come to be shown beside it."""

_NAME = 2.0
"""What a name counts for: a passage about another one does not answer."""

_FEW = 4
"""Passages from which on it means something that all of them hold a word."""

_ORDERS = re.compile(
    r"\b(ignore|disregard|forget|abaikan|lupakan|acuhkan)\b.{0,40}\b(rules?|instructions?|prompts?|previous|above|aturan|instruksi|"
    r"perintah|sebelumnya)\b|\b(system prompt|you are now|kamu sekarang adalah|call the (tool|action|function))\b",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^#{1,6}\s+(?P<text>.+)$")
_CELL = re.compile(r"^(?P<name>[^:|\n]{1,40}): (?P<value>\S.*)$")
_RULER = re.compile(r"^\|?[\s:|-]+\|?$")
_NUMBERED = re.compile(r"\d+[.)]\s")
_TABLE_ROW = re.compile(r"^[^:;|]{1,40}: [^;]+(?:; [^:;|]{1,40}: [^;]+)+$")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9À-Þ\"'(])")


@dataclass(frozen=True, slots=True)
class Quote:
    """What to say of `passages`. `cover` is the share of the question's subject that they hold, 0 to 1."""

    text: str
    passages: tuple[Passage, ...]
    cover: float


@dataclass(frozen=True, slots=True)
class _Rated:
    passage: Passage
    cover: float
    score: float
    held: frozenset[str]


def find_quote(question: str, passages: Sequence[Passage], language: str, context: str = "") -> Quote | None:
    """Find the part of the passages that answers a question.

    Args:
        question: one sentence of the customer.
        passages: best first.
        language: code of the language to answer in; a passage in it is preferred.
        context: what was talked about before; it helps a short question, and only that.

    Returns:
        `None` when no passage is about it.
    """
    passages = _comparing(question, passages)
    asked = _asked(question, context, passages)
    total = sum(asked.values())
    if total < 0.3:
        return None
    hints = lexicon.hints(question)
    rated = [_rate(n, passage, asked, hints, language) for n, passage in enumerate(passages)]
    best = max(rated, key=lambda each: each.score, default=None)
    if best is None or best.cover < _RELEVANT:
        return None
    chosen = [best]
    if _cells(best.passage.text) is not None:
        chosen = [each for each in rated if _same_table(each, best) and each.score > best.score - _TIE][:_MOST_ROWS]
    held = frozenset[str]().union(*(each.held for each in chosen))
    rest = {word: weight for word, weight in asked.items() if word not in held}
    other = _complement(rest, total, [each for each in rated if each not in chosen])
    if other is not None:
        chosen.append(other)
        held |= other.held
    text = "\n".join(part for each in chosen if (part := excerpt(each.passage, asked)))
    if not text:
        return None
    cover = sum(weight for word, weight in asked.items() if word in held) / total
    return Quote(text, tuple(each.passage for each in chosen), cover)


def _comparing(question: str, passages: Sequence[Passage]) -> Sequence[Passage]:
    """The passages that may answer: for `paling murah` those that say which is."""
    compared = _compared(question)
    return [passage for passage in passages if compared <= _compared(_whole(passage))] if compared else passages


def _compared(text: str) -> frozenset[str]:
    found = _SUPERLATIVE.finditer(text.casefold())
    return frozenset(match["most"] or match["ter"] or match["est"] or match["adverb"] for match in found)


def _asked(question: str, context: str, passages: Sequence[Passage]) -> dict[str, float]:
    """What a question is about, each word with its weight: names weigh double, words that nearly all passages hold little."""
    names = lexicon.names(question)
    asked = {word: lexicon.weight(word) * (_NAME if word in names else 1.0) for word in lexicon.content(question)}
    if not asked:
        asked = dict.fromkeys(sorted(lexicon.hints(question)), 1.0)
    if context and sum(asked.values()) <= 1.5:
        asked = {word: 0.5 * lexicon.weight(word) for word in lexicon.content(context)} | asked
    if len(passages) >= _FEW:
        vocabularies = [lexicon.vocabulary(_whole(passage)) for passage in passages]
        for word in asked:
            if sum(vocabulary.has(word) for vocabulary in vocabularies) >= 0.8 * len(passages):
                asked[word] *= 0.4
    return asked


def _whole(passage: Passage) -> str:
    return f"{_heading(passage)}\n{passage.question}\n{passage.text}"


def _heading(passage: Passage) -> str:
    """The innermost heading; the title of a document says too little about each of its passages."""
    return passage.title.rpartition(" > ")[2]


def _rate(n: int, passage: Passage, asked: dict[str, float], hints: set[str], language: str) -> _Rated:
    total = sum(asked.values())
    cells = _cells(passage.text)
    head = lexicon.vocabulary(passage.question or (cells[0][1] if cells else _heading(passage)))
    body, path = lexicon.vocabulary(_whole(passage)), lexicon.vocabulary(passage.title)
    held = frozenset(word for word in asked if body.has(word) or path.has(word))
    cover = sum(asked[word] * (1.0 if body.has(word) else 0.5) for word in held) / total
    in_head = sum(weight for word, weight in asked.items() if head.has(word)) / total
    hinted = bool(hints) and not hints.isdisjoint(body.forms)
    extra = 0.12 / (n + 1) + 0.06 * hinted + 0.2 * (detect(passage.text, language) == language)
    if passage.question:  # an entry that asks exactly this beats one that mentions it
        subject = [word for word in lexicon.content(passage.question) if lexicon.weight(word) > 0.5]
        said = lexicon.vocabulary(" ".join(asked))
        extra += 0.12 * (sum(said.has(word) for word in subject) / len(subject) if subject else 0.0)
    return _Rated(passage, cover, 0.7 * cover + 0.2 * in_head + extra, held)


def _complement(rest: dict[str, float], total: float, others: Sequence[_Rated]) -> _Rated | None:
    """The passage that holds what the chosen ones lack of the question, when that is a subject of its own."""
    if sum(rest.values()) < 0.34 * total:
        return None
    strong = {word for word, weight in rest.items() if weight >= 1.0}
    able = [each for each in others if strong and strong <= each.held]
    return max(able, key=lambda each: each.score, default=None)


def _same_table(one: _Rated, other: _Rated) -> bool:
    return one.passage.source == other.passage.source and _cells(one.passage.text) is not None


def excerpt(passage: Passage, asked: dict[str, float]) -> str:
    """Cut out the part of a passage to quote for the words of a question, each with its weight."""
    cells = _cells(passage.text)
    if cells is not None:
        return _row(cells)
    blocks = _blocks(_section(passage, asked))
    units = [unit for block in blocks for unit in block]
    if _length(units) > _WHOLE and blocks:
        units = max(blocks, key=lambda block: _overlap(" ".join(block), asked))
    if _length(units) > _WHOLE:
        units = _window(units, asked)
    return _joined(units)


def _length(units: Sequence[str]) -> int:
    return sum(len(unit.split()) for unit in units)


def _cells(text: str) -> list[tuple[str, str]] | None:
    """The cells of a table row written as `column: value` lines."""
    matches = [_CELL.match(line.strip()) for line in text.strip().splitlines() if line.strip()]
    if len(matches) < 2 or not all(matches):
        return None
    cells = [(match["name"], match["value"]) for match in matches if match]
    return None if any(name.lstrip().startswith(("-", "*")) for name, _ in cells) else cells


def _row(cells: Sequence[tuple[str, str]]) -> str:
    (_, first), *others = cells
    return f"{first}: {', '.join(f'{name} {value}' for name, value in others)}"


def _section(passage: Passage, asked: dict[str, float]) -> str:
    """The part under one heading, when a passage has several and is too long to be quoted whole."""
    if len(passage.text.split()) <= _WHOLE or not _HEADING.search(passage.text):
        sections = [passage.text]
    else:
        sections = [part for part in re.split(r"(?m)^(?=#{1,6}\s)", passage.text) if part.strip()]
    return max(sections, key=lambda part: _overlap(part, asked))


def _overlap(text: str, asked: dict[str, float]) -> float:
    vocabulary = lexicon.vocabulary(text)
    return sum(weight for word, weight in asked.items() if vocabulary.has(word))


def _blocks(text: str) -> list[list[str]]:
    """Paragraphs as sentences, lists and tables as entries, a list together with the line that leads to it.

    Headings, and sentences that give orders, are left out.
    """
    blocks: list[list[str]] = [[]]
    columns: list[str] = []
    for part in re.split(r"\n\s*\n", text.strip()):
        if not (blocks[-1] and blocks[-1][-1].endswith(":")):
            blocks.append([])
        prose: list[str] = []
        for line in map(str.strip, part.splitlines()):
            entry = _entry(line, columns)
            if entry is None:
                prose.append(line)
                continue
            blocks[-1] += _sentences(prose)
            prose = []
            blocks[-1] += [entry] if entry else []
        blocks[-1] += _sentences(prose)
    kept = [[unit for unit in block if not _ORDERS.search(unit)] for block in blocks]
    return [block for block in kept if block]


def _entry(line: str, columns: list[str]) -> str | None:
    """A line that stands for itself: an entry of a list, a row of a table; `""` for what is not shown, `None` for prose.

    `columns` keeps the head of the table that the line belongs to.
    """
    if line.startswith("|"):
        values = [cell.strip() for cell in line.strip("|").split("|")]
        if _RULER.match(line) or not columns:
            columns[:] = columns or values
            return ""
        return "- " + "; ".join(f"{name}: {value}" for name, value in zip(columns, values, strict=False))
    columns.clear()
    if _HEADING.match(line):
        return ""
    if line.startswith(("- ", "* ", "• ")):
        return f"- {line[2:].strip()}"
    if _NUMBERED.match(line):
        return line
    return f"- {line}" if _TABLE_ROW.match(line) else None


def _sentences(lines: Sequence[str]) -> list[str]:
    return [sentence for sentence in _SENTENCE.split(" ".join(lines)) if sentence]


def _window(units: Sequence[str], asked: dict[str, float]) -> list[str]:
    """The units around the one that shares most with the question, in order: its neighbours, as far as they fit."""
    scores = [_overlap(unit, asked) for unit in units]
    rows = [n for n, unit in enumerate(units) if _TABLE_ROW.match(unit.removeprefix("- "))]
    if rows and max(scores[n] for n in rows) == max(
        scores
    ):  # of a table the rows that were asked for, not their neighbours
        return [units[n] for n in rows if scores[n] == max(scores)][:_MOST_ROWS]
    first = last = max(range(len(units)), key=lambda n: (scores[n], -n))
    size = len(units[first].split())
    while True:
        ahead = last + 1 if last + 1 < len(units) else None
        behind = first - 1 if first else None
        options = [n for n in (ahead, behind) if n is not None and size + len(units[n].split()) <= _WHOLE]
        if not options:
            return list(units[first : last + 1])
        chosen = max(options, key=lambda n: (scores[n], units[n].endswith(":"), n == ahead))
        size += len(units[chosen].split())
        first, last = min(first, chosen), max(last, chosen)


def _joined(units: Sequence[str]) -> str:
    """Sentences side by side, list entries below each other, and a blank line where a list ends."""
    text, in_list = "", False
    for unit in units:
        listed = unit.startswith("- ") or _NUMBERED.match(unit) is not None
        gap = "\n" if listed else "\n\n" if in_list else " "
        text, in_list = f"{text}{gap}{unit}", listed
    return text.strip()
