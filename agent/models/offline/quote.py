"""The part of a passage that answers a question, short enough for a chat; or nothing, when none does.

Wrong is worse than unknown: what is quoted holds every word of the question that says what it is about. A short passage is
quoted whole: cutting it risks cutting off the fact. A long one is quoted around the lines that share most words with the
question, a table by its rows. Sentences that give orders to the reader are never quoted: a document informs, it does not command.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from agent.models.offline.arguments import numerals
from agent.models.offline.rows import Unit, sentence, units_of
from agent.models.values import Passage
from language import lexicon
from language.calendar import days_between, days_named
from language.detect import detect
from language.stems import stems
from language.tables import pattern, words
from language.tokens import fold

_RELEVANT = 0.6
"""The share of a question's subject that a passage must hold to count as an answer."""

_STRONG = 0.9
"""Weight from which on a word must be held by what answers."""

_LIGHT = 0.3
"""Weight of a word that says little about what is asked: `ambil`, `bring`."""

_CONTEXT = 0.4
"""Weight of a word of what was talked about before."""

_SUPERLATIVE = re.compile(
    r"\b(?:paling (?P<most>murah|mahal|laris|laku|enak|bagus|baik|populer|favorit|banyak|besar|kecil|baru)"
    r"|ter(?P<ter>murah|mahal|laris|laku|enak|bagus|baik|populer|favorit|banyak|besar|kecil|baru)"
    r"|(?P<est>cheapest|best|biggest|largest|smallest|newest)|most (?P<adverb>expensive|popular))\b"
)
"""To compare is more than to quote: such a question is answered only by a passage that draws the comparison itself."""

_WHOLE = 60
"""Words up to which a passage is quoted whole, and the size of the window into a longer one."""

_MOST_ROWS = 5
_MOST_LISTED = 10
"""Rows of one table at most, of those that fit equally, and of those that are asked for as a whole."""

_FITS = 0.34
"""The share of an entry's own question that must be asked: one that asks for more is about something else."""

_COMMON = 0.5
"""The share of the passages from which on a word that they hold need not be held by the answer: `cuci` at a laundry."""

_FREE = re.compile(r"\b(?:gratis|free|percuma)\b", re.IGNORECASE)

_SHORTEST = 4
"""Letters of a word that may be clipped; of longer ones spelling mistakes are forgiven anyway."""

_CODE = re.compile(r"(?<![\w-])[A-Z]{1,8}[-/]?\d{3,}(?![\w-])")
"""A number of an order or a product: it is held only as it is written."""

_TIE = 0.05
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
_LABELLED = re.compile(r"^[^:|\n]{1,40}: \S.*$")
_NUMBERED = re.compile(r"\d+[.)]\s")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9À-Þ\"'(])")


@dataclass(frozen=True, slots=True)
class Quote:
    """What to say of `passages`. `cover` is the share of the question's subject that they hold, 0 to 1."""

    text: str
    passages: tuple[Passage, ...]
    cover: float


@dataclass(frozen=True, slots=True)
class _Rated:
    unit: Unit
    cover: float
    score: float
    held: frozenset[str]
    fits: float  # the share of its own question that the customer's holds


def find_quote(question: str, passages: Sequence[Passage], language: str, context: str = "") -> Quote | None:
    """Find the part of the passages that answers a question.

    Args:
        question: one sentence of the customer.
        passages: best first.
        language: code of the language to answer in; a passage in it is preferred.
        context: what was talked about before; it helps a question that does not stand by itself, and only that.

    Returns:
        `None` when no passage is about it.
    """
    passages = _comparing(question, passages)
    own = _asked(question, passages)
    if _lists(question):
        kinds = {word: weight for word, weight in own.items() if not _lists(word)}
        rows = [each for each in _best(question, kinds or own, {}, passages, language) if each.unit.cells]
        return _told(rows, passages, own)
    if context and is_follow_up(question):
        before = {word: _CONTEXT for word in _asked(context, passages) if word not in own}
        frame = _best(context, _asked(context, passages), {}, passages, language)
        found = _best(question, own, before, passages, language, frame)
        if found or not _follows(question):
            return _told(found, passages, {**before, **own})
    return _told(_best(question, own, {}, passages, language), passages, own)


def is_follow_up(question: str) -> bool:
    """Tell whether a question needs what was talked about before it: `kalau yang besar?`, `berapa lama?`."""
    return _follows(question) or not any(weight_of(word) >= _STRONG for word in lexicon.content(question))


def _best(
    question: str,
    own: Mapping[str, float],
    before: Mapping[str, float],
    passages: Sequence[Passage],
    language: str,
    frame: Sequence[_Rated] = (),
) -> list[_Rated]:
    """What answers a question, best first; of the table of `frame`, the answer before it, if that holds an answer too."""
    asked = {**before, **own}
    if sum(asked.values()) < 0.3:
        return []
    hints = lexicon.hints(question)
    units = _of_the_days(units_of(passages), days_named(question))
    order = {id(passage): n for n, passage in enumerate(passages)}
    rated = [_rate(order.get(id(unit.passage), 0), unit, asked, hints, language) for unit in units]
    able = [each for each in rated if _answers(each, own, before) and (not counts(question) or _has_number(each.unit))]
    if frame and frame[0].unit.cells:
        able = [each for each in able if _same_table(each, frame[0])] or able
    best = max(able, key=lambda each: each.score, default=None)
    if best is None:
        return []
    return _rows(best, able, own, before) if best.unit.cells else [best]


def _of_the_days(units: Sequence[Unit], days: frozenset[int]) -> Sequence[Unit]:
    """Leave out the rows of other days than the question names: that of Sunday does not say when one is open on Saturdays."""
    if not days:
        return units
    named = ((unit, days_named("\n".join(value for _, value in unit.cells))) for unit in units)
    return [unit for unit, of_row in named if not of_row or of_row & days]


def _told(chosen: Sequence[_Rated], passages: Sequence[Passage], asked: Mapping[str, float]) -> Quote | None:
    text = "\n".join(part for each in chosen if (part := _worded(each.unit, asked, passages)))
    if len(chosen) > _MOST_ROWS:
        text = "\n".join(f"- {line}" for line in text.splitlines())
    if not text:
        return None
    held = frozenset[str]().union(*(each.held for each in chosen))
    cover = sum(weight for word, weight in asked.items() if word in held) / sum(asked.values())
    return Quote(text, tuple(dict.fromkeys(each.unit.passage for each in chosen)), cover)


def _worded(unit: Unit, asked: Mapping[str, float], passages: Sequence[Passage]) -> str:
    if not unit.cells:
        return excerpt(unit.passage, asked)
    told = sentence(unit, passages)
    return "" if _ORDERS.search(told) else told


@cache
def _follow_up() -> re.Pattern[str]:
    return re.compile(rf"(?<!\W)\W*(?:(?:oh|iya|ya|eh|oke|ok|so|nah|lah) )*(?:{pattern('answers', 'follow_up')})")


def _follows(question: str) -> bool:
    return _follow_up().match(fold(question)) is not None


def _strong(asked: Mapping[str, float]) -> frozenset[str]:
    return frozenset(word for word, weight in asked.items() if weight >= _STRONG)


def _answers(rated: _Rated, own: Mapping[str, float], before: Mapping[str, float]) -> bool:
    """Whether something holds what is asked for: every strong word, or nearly all of a long question."""
    strong = _strong(own) or frozenset(word for word in own if weight_of(word) >= _STRONG)
    missing = strong - rated.held
    if not strong:  # what was talked about before must be held instead
        subject = [word for word in before if weight_of(word) >= _STRONG]
        return bool(subject) and rated.held.issuperset(subject) if before else rated.cover >= _RELEVANT
    share = sum(weight for word, weight in own.items() if word in rated.held) / sum(own.values())
    if rated.unit.passage.question and 0 < rated.fits < _FITS:
        return False
    if missing:
        return len(strong) >= 4 and len(missing) == 1 and share >= 0.7 and not rated.unit.cells
    return share >= _RELEVANT


def _rows(best: _Rated, able: Sequence[_Rated], own: Mapping[str, float], before: Mapping[str, float]) -> list[_Rated]:
    """The rows of a table to tell: those that fit as well as the best, or all when the table as a whole is asked for."""
    same = [each for each in able if _same_table(each, best)]
    values = lexicon.vocabulary(" ".join(value for _, value in best.unit.cells))
    if not any(values.has(word) for word in (*own, *before)):
        return [each for each in same if each.cover >= best.cover - 0.01][:_MOST_LISTED]
    return [each for each in same if each.score > best.score - _TIE and each.cover >= best.cover - 0.01][:_MOST_ROWS]


def _clipped(word: str, name: str) -> bool:
    """Whether a short word is one of a row's name with a letter left out: `serh` for `sereh`."""
    return (
        len(word) == _SHORTEST
        and word not in lexicon.KNOWN
        and any(len(other) == len(word) + 1 and _without_one(other, word) for other in lexicon.words(name))
    )


def _without_one(long: str, short: str) -> bool:
    return any(long[:n] + long[n + 1 :] == short for n in range(1, len(long)))


def _same_table(one: _Rated, other: _Rated) -> bool:
    return bool(one.unit.cells) and one.unit.passage.source == other.unit.passage.source


@cache
def _listing() -> re.Pattern[str]:
    return re.compile(pattern("answers", "lists"))


def _lists(question: str) -> bool:
    """Whether a question asks for all of a kind: `daftar harga`, `what rooms do you have?`."""
    return _listing().search(fold(question)) is not None


@cache
def _counting() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern('answers', 'counts')})\b")


def counts(question: str) -> bool:
    """Tell whether a question asks for a number: `berapa`, `how much`."""
    return _counting().search(fold(question)) is not None


@cache
def _asking() -> re.Pattern[str]:
    return re.compile(rf"\?|\b(?:{pattern('answers', 'asks')})\b")


def asks(text: str) -> bool:
    """Tell whether a text asks rather than tells: `apa`, `do you`, a question mark."""
    return _asking().search(text.casefold()) is not None


def sentences_of(passage: Passage) -> list[str]:
    """Split a passage into what can be told by itself: sentences and entries of lists; no rows of tables."""
    prose = (unit.passage.text for unit in units_of([passage]) if not unit.cells)
    return [sentence for text in prose for block in _blocks(text) for sentence in block]


def _has_number(unit: Unit) -> bool:
    text = " ".join(value for _, value in unit.cells) if unit.cells else unit.passage.text
    return (
        any(char.isdigit() for char in text)
        or not numerals().isdisjoint(lexicon.words(text))
        or _FREE.search(text) is not None
    )


def _comparing(question: str, passages: Sequence[Passage]) -> Sequence[Passage]:
    """The passages that may answer: for `paling murah` those that say which is."""
    compared = _compared(question)
    return [passage for passage in passages if compared <= _compared(_whole(passage))] if compared else passages


def _compared(text: str) -> frozenset[str]:
    found = _SUPERLATIVE.finditer(text.casefold())
    return frozenset(match["most"] or match["ter"] or match["est"] or match["adverb"] for match in found)


def weight_of(word: str) -> float:
    """Tell how much a word says of what is asked, 0 to 1: numerals and words that any question may have (`bring`) say little."""
    light = words("answers", "light")
    return _LIGHT if word in numerals() or not stems(word).isdisjoint(light) else lexicon.weight(word)


def _asked(question: str, passages: Sequence[Passage]) -> dict[str, float]:
    """What a question is about, each word with its weight: names weigh double, words that nearly all passages hold little."""
    names = lexicon.names(question)
    compared = _compared(question)
    asked = {
        word: weight_of(word) * (_NAME if word in names else 1.0)
        for word in lexicon.content(question)
        if word not in compared
        and word.removeprefix("ter") not in compared  # what draws the comparison was chosen for it
    }
    asked |= {code.casefold(): 1.0 for code in _CODE.findall(question)}  # no dictionary has its meaning
    if all(weight <= _LIGHT for weight in asked.values()):  # "where exactly are you?"
        asked |= dict.fromkeys(sorted(lexicon.hints(question)), 0.8)
    if len(passages) >= _FEW:
        vocabularies = [lexicon.vocabulary(_whole(passage)) for passage in passages]
        for word in asked:
            share = sum(vocabulary.has(word) for vocabulary in vocabularies) / len(passages)
            if share >= _COMMON:
                asked[word] *= 0.4 if share >= 0.8 else 0.8
    return asked


def _whole(passage: Passage) -> str:
    return f"{_heading(passage)}\n{passage.question}\n{passage.text}\n{days_between(passage.text)}"


def _heading(passage: Passage) -> str:
    """The innermost heading; the title of a document says too little about each of its passages."""
    return passage.title.rpartition(" > ")[2]


def _rate(n: int, unit: Unit, asked: Mapping[str, float], hints: set[str], language: str) -> _Rated:
    passage, total = unit.passage, sum(asked.values())
    row = "\n".join(f"{name} {value}" for name, value in unit.cells)
    row = f"{row}\n{days_between(row)}"
    text = f"{_heading(passage)}\n{row}" if unit.cells else _whole(passage)
    named = passage.question or unit.name or _heading(passage)
    label = lexicon.vocabulary(unit.name_label) if unit.cells else None
    head, body, path = lexicon.vocabulary(named), lexicon.vocabulary(text), lexicon.vocabulary(passage.title)
    written, answered = text.casefold(), lexicon.hints(passage.question)
    held = frozenset(
        word
        for word in asked
        if body.has(word)
        or ("-" in word and word in written)
        or path.has(word)
        or word in answered
        or _clipped(word, unit.name)
    )
    cover = sum(asked[word] * (0.5 if path.has(word) and not body.has(word) else 1.0) for word in held) / total
    in_head = sum(weight for word, weight in asked.items() if head.has(word)) / total
    hinted = bool(hints) and not hints.isdisjoint(body.forms)
    extra = 0.12 / (n + 1) * (not unit.cells) + 0.06 * hinted + 0.2 * (detect(text, language) == language)
    subject = [word for word in lexicon.content(named) if weight_of(word) > 0.5]
    said = lexicon.vocabulary(" ".join(asked))
    fits = sum(said.has(word) for word in subject) / len(subject) if subject else 1.0
    if passage.question or unit.cells:  # what asks or is named exactly this beats what mentions it
        extra += 0.15 * fits
    if label is not None and any(label.has(word) for word in asked):  # "what rooms are there?"
        extra += 0.3
    return _Rated(unit, cover, 0.7 * cover + 0.2 * in_head + extra, held, fits)


def excerpt(passage: Passage, asked: Mapping[str, float]) -> str:
    """Cut out the part of a passage to quote for the words of a question, each with its weight."""
    blocks = _blocks(_section(passage, asked))
    units = [unit for block in blocks for unit in block]
    if _length(units) > _WHOLE and blocks:
        units = max(blocks, key=lambda block: _overlap(" ".join(block), asked))
    if _length(units) > _WHOLE:
        units = _window(units, asked)
    return _joined(units)


def _length(units: Sequence[str]) -> int:
    return sum(len(unit.split()) for unit in units)


def _section(passage: Passage, asked: Mapping[str, float]) -> str:
    """The part under one heading, when a passage has several and is too long to be quoted whole."""
    if len(passage.text.split()) <= _WHOLE or not _HEADING.search(passage.text):
        sections = [passage.text]
    else:
        sections = [part for part in re.split(r"(?m)^(?=#{1,6}\s)", passage.text) if part.strip()]
    return max(sections, key=lambda part: _overlap(part, asked))


def _overlap(text: str, asked: Mapping[str, float]) -> float:
    vocabulary = lexicon.vocabulary(text)
    return sum(weight for word, weight in asked.items() if vocabulary.has(word))


def _blocks(text: str) -> list[list[str]]:
    """Paragraphs as sentences, lists as entries, a list together with the line that leads to it.

    Headings, and sentences that give orders, are left out.
    """
    blocks: list[list[str]] = [[]]
    for part in re.split(r"\n\s*\n", text.strip()):
        if not (blocks[-1] and blocks[-1][-1].endswith(":")):
            blocks.append([])
        prose: list[str] = []
        for line in map(str.strip, part.splitlines()):
            entry = _entry(line)
            if entry is None:
                prose.append(line)
                continue
            blocks[-1] += _sentences(prose)
            prose = []
            blocks[-1] += [entry] if entry else []
        blocks[-1] += _sentences(prose)
    kept = [[unit for unit in block if not _ORDERS.search(unit)] for block in blocks]
    return [block for block in kept if block]


def _entry(line: str) -> str | None:
    """A line that stands for itself, as an entry of a list does; `""` for what is not shown, `None` for prose."""
    if _HEADING.match(line):
        return ""
    if line.startswith(("- ", "* ", "• ")):
        return f"- {line[2:].strip()}"
    return line if _stands_alone(line) else None


def _stands_alone(line: str) -> bool:
    return _NUMBERED.match(line) is not None or _LABELLED.match(line) is not None


def _sentences(lines: Sequence[str]) -> list[str]:
    return [sentence for sentence in _SENTENCE.split(" ".join(lines)) if sentence]


def _window(units: Sequence[str], asked: Mapping[str, float]) -> list[str]:
    """The units around the one that shares most with the question, in order: its neighbours, as far as they fit."""
    scores = [_overlap(unit, asked) for unit in units]
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
        listed = unit.startswith("- ") or _stands_alone(unit)
        gap = "\n" if listed else "\n\n" if in_list else " "
        text, in_list = f"{text}{gap}{unit}", listed
    return text.strip()
