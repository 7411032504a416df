"""What a message answers to a question that wants a yes: consent, refusal, words that leave it open, or something else.

    consent("iya, lanjut aja kak, makasih", "Kirim pesanan KS-1?")         # "yes"
    consent("oke batalkan saja", "Kirim pesanan KS-1?")                    # "no"
    consent("ya kalau gratis ongkir", "Kirim pesanan KS-1?")               # None
    yes_or_no("yes, cancel it because I moved", "Batalkan pesanan KS-1?")  # "yes"

A text is read clause by clause. The first clause with a verdict decides, and what follows is a comment as long as it adds no
condition, question, value or change. A reason ("karena ...", "since ...") says nothing about the verdict. A word of undoing never
says yes to doing. The words are those of the section `[consent]` of the data files.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final, Literal

from rapidfuzz.distance import OSA

from language.lexicon import STOPWORDS, content, forms
from language.numbers import numbers
from language.tables import sections

Answer = Literal["yes", "no"]
Reading = Literal["yes", "no", "open"]
"""`open`: words that may well be a yes, which only someone who understands the conversation can tell."""

_SIGNS: Final = {
    **dict.fromkeys("👍👌✅🙆🆗💯🫡🤝✔☑👏", "yes"),
    **dict.fromkeys("👎❌🙅🚫⛔✖❎", "no"),
}
_ORNAMENT: Final = re.compile(
    "[\u200b-\u200f\u2060\ufe0f\U0001f3fb-\U0001f3ff\U0001f900-\U0001f9ff\U0001f300-\U0001f64f\u2600-\u27bf]"
)
_SENTENCE: Final = re.compile(r"[^.!?;\n…]+[.!?;\n…]*")
_CLAUSE: Final = re.compile(r"[,:()/]| [-–—]+ ")
_WORD: Final = re.compile(r"(?<!['-])['-]*+\w++(?:['-]++\w++)*+")
_LETTERS: Final = re.compile(r"([^\W\d_])\1+")
_HELD: Final = re.compile(r"([^\W\d_])\1{2,}")
_NEVER: Final = "(?!)"

_FUZZY_FROM = 6
"""Letters from which on a word of yes or no may be misspelled by one letter; shorter ones by two letters that changed places."""


# The words


@dataclass(frozen=True, slots=True)
class _Words:
    yes: frozenset[str]
    leading: frozenset[str]
    go: frozenset[str]
    weak: frozenset[str]
    bare: frozenset[str]
    no: frozenset[str]
    neutral: frozenset[str]
    undo: frozenset[str]
    undecided: frozenset[str]
    stay: frozenset[str]
    keep: frozenset[str]
    past: frozenset[str]
    objects: frozenset[str]
    endings: frozenset[str]
    tags: frozenset[str]
    particles: frozenset[str]
    tails: frozenset[str]
    deeds: frozenset[str]
    conditions: frozenset[str]
    limits: frozenset[str]
    changes: frozenset[str]
    other: frozenset[str]
    questions: frozenset[str]
    says: frozenset[str]
    wants: frozenset[str]

    @property
    def agreeing(self) -> frozenset[str]:
        return self.yes | self.leading | self.go | self.weak | self.bare


@dataclass(frozen=True, slots=True)
class _Phrases:
    asks: re.Pattern[str]
    reasons: re.Pattern[str]
    aside: re.Pattern[str]
    resigned: re.Pattern[str]
    not_now: re.Pattern[str]
    delays: re.Pattern[str]
    no_problem: re.Pattern[str]
    not_going_on: re.Pattern[str]
    go_ahead: re.Pattern[str]
    retractions: re.Pattern[str]
    soft_conditions: re.Pattern[str]


@cache
def _words() -> _Words:
    def listed(key: str) -> frozenset[str]:
        return frozenset(_short(word) for data in sections("consent") for word in data.get(key, "").split())

    return _Words(**{name: listed(name) for name in _Words.__slots__})


@cache
def _phrases() -> _Phrases:
    def any_of(key: str) -> re.Pattern[str]:
        patterns = (pattern for data in sections("consent") for pattern in data.get(key, ()))
        return re.compile(rf"(?<![\w'])(?:{'|'.join(dict.fromkeys(patterns)) or _NEVER})(?![\w'])")

    return _Phrases(**{name: any_of(name) for name in _Phrases.__slots__})


def _short(text: str) -> str:
    """`iyaaa` and `iya`, `nggak` and `ngak` are one word: people hold letters down."""
    return _LETTERS.sub(r"\1", text)


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("‘", "'")
    for sign, meaning in _SIGNS.items():
        folded = folded.replace(sign, f", {meaning} ,")
    return _HELD.sub(r"\1", _ORNAMENT.sub(" ", folded))


def _tokens(text: str) -> list[str]:
    return [_short(word) for word in _WORD.findall(text)]


@lru_cache(maxsize=5_000)
def _spelled(word: str) -> str:
    """The word of yes or no that a misspelled one was meant to be; else the word itself."""
    words = _words()
    if len(word) < 5 or word in STOPWORDS or word in words.neutral:
        return word
    known = words.go | words.yes | words.no | words.undo
    if word in known:
        return word
    for meant in sorted(known):
        if len(meant) < 5 or meant[0] != word[0] or OSA.distance(word, meant, score_cutoff=1) > 1:
            continue
        if (len(meant) >= _FUZZY_FROM and len(word) >= _FUZZY_FROM - 1) or sorted(word) == sorted(meant):
            return meant
    return word


# The question


@dataclass(frozen=True, slots=True)
class _Question:
    """What is known of the question: its words in every form, its numbers, and whether it is about undoing something."""

    forms: frozenset[str]
    numbers: frozenset[object]
    digits: frozenset[str]
    undoing: bool
    choice: bool

    def names(self, word: str) -> bool:
        return not _forms(word).isdisjoint(self.forms)


@lru_cache(maxsize=5_000)
def _forms(word: str) -> frozenset[str]:
    found = forms(word) | forms(_short(word))
    return found.union(*(forms(word.removesuffix(end)) for end in _words().endings if word.endswith(end)))


@lru_cache(maxsize=500)
def _question(asked: str) -> _Question:
    words = _words()
    folded = _folded(asked)
    sentences = [sentence for sentence in _SENTENCE.findall(folded) if "?" in sentence] or [folded]
    tokens = [word for sentence in sentences for word in _tokens(sentence)]
    undoing = [
        at for at, word in enumerate(tokens) if _undoes(word) and not set(tokens[max(0, at - 2) : at]) & words.no
    ]
    either = {"atau", "or", "/"} & {*tokens, *("/" if "/" in folded else "")}
    deeds = [word for word in tokens if word in words.deeds]
    return _Question(
        frozenset().union(*(_forms(word) for word in _WORD.findall(folded))),
        frozenset(numbers(folded)),
        frozenset(re.findall(r"\d+", folded)),
        undoing=bool(undoing) and not either,
        choice=bool(either) and len(deeds) + len(undoing) > 1,
    )


def _undoes(word: str) -> bool:
    undo = _words().undo
    return word in undo or not forms(word).isdisjoint({"batal", "cancel", "hapus"})


# One clause


@dataclass(frozen=True, slots=True)
class _Clause:
    """How a clause reads by itself.

    Attributes:
        verdict: what it answers.
        plain: whether it says nothing beyond that.
        explicit: whether a yes says what to do: "lanjut", "go ahead".
        obstacle: a condition, a change, a new value, a delay: no yes stands beside it.
        question: whether it asks something.
        takes_back: whether it begins like a retraction: "eh", "wait".
        comment: whether it begins like a remark of its own: "saya ...", "I ...", thanks.
        wishes: whether it wants or does something of its own.
        negative: whether something is denied in it.
        tag: whether it is only a "ya" that asks for agreement when something stands before it.
    """

    verdict: Reading | None = None
    plain: bool = True
    explicit: bool = False
    obstacle: bool = False
    change: bool = False
    question: bool = False
    takes_back: bool = False
    comment: bool = False
    wishes: bool = False
    negative: bool = False
    tag: bool = False


def _clause(text: str, question: _Question) -> _Clause:
    words, phrases = _words(), _phrases()
    text = " ".join(text.split())
    takes_back = phrases.retractions.match(text) is not None
    delayed = phrases.delays.search(text) is not None
    reminds = phrases.no_problem.match(text) is not None
    for pattern, instead in (
        (phrases.soft_conditions, " "),
        (phrases.no_problem, " "),
        (phrases.not_going_on, " no "),
        (phrases.not_now, " no "),
        (phrases.go_ahead, " proceed "),
    ):
        text = pattern.sub(instead, text)
    resigned = phrases.resigned.search(text) is not None
    text = phrases.resigned.sub(" ", text)
    aside = phrases.aside.match(text) is not None
    text = phrases.aside.sub(" ", text, count=1) if aside else text
    written = _WORD.findall(text)
    tokens = [_spelled(_short(word)) for word in written]
    found = set(tokens)
    new_values = _new_values(text, question)
    named = {token for token, word in zip(tokens, written, strict=True) if question.names(word)}
    if not new_values:
        named |= {token for token in tokens if token[0].isdigit()}

    undo = {word for word in found if _undoes(word)}
    deeds = found & words.deeds - named
    echo = (found & words.deeds & named) - _past(tokens)
    denied = found & (words.no - undo)
    empty = words.agreeing | words.no | words.neutral | words.undo | words.stay | words.keep | words.deeds | named
    content = [word for word in tokens if word not in empty and word not in STOPWORDS]
    said = [word for word in tokens if word not in words.neutral - words.agreeing - words.no]
    leads = bool(said) and said[0] in words.yes | words.leading
    strong = leads or bool(found & (words.yes | words.go) - words.leading)
    plain = not content and not deeds
    verdict = _verdict(
        question,
        tokens,
        undo=undo,
        echo=echo,
        denied=denied,
        plain=plain,
        leads=leads,
        strong=strong,
    )
    if verdict is None and plain and (resigned or aside):
        verdict = "open"
    if verdict == "yes" and aside and not found & (words.yes | words.go):
        verdict = "open"
    changes = found & words.changes - named
    return (
        _Clause(
            verdict=verdict,
            plain=plain,
            explicit=bool(found & words.go or echo or (undo and question.undoing)),
            obstacle=bool(
                found & (words.conditions | words.limits)
                or (found & words.other - named and not (question.undoing and leads))
                or new_values
                or (delayed and verdict != "no")
                or (undo and denied and not question.undoing)
            ),
            change=bool(changes),
            question=_asks(text, tokens),
            takes_back=takes_back,
            comment=reminds or (bool(tokens) and tokens[0] in words.says),
            wishes=bool(deeds or (content and found & words.wants)),
            negative=bool(denied),
            tag=tokens in (["ya"], ["yah"], ["y"]),
        )
        if tokens or resigned or aside or delayed
        else _Clause(obstacle=delayed, question="?" in text)
    )


def _past(tokens: list[str]) -> set[str]:
    """Deeds that are told as done: `sudah dikirim`."""
    return {word for before, word in pairwise(tokens) if before in _words().past}


def _verdict(
    question: _Question,
    tokens: list[str],
    *,
    undo: set[str],
    echo: set[str],
    denied: set[str],
    plain: bool,
    leads: bool,
    strong: bool,
) -> Reading | None:
    words, found = _words(), set(tokens)
    if undo and not question.undoing:
        return None if denied else "no"
    if undo and denied:
        return "no"
    if denied:
        if plain or tokens[0] in words.no:
            return "no"
        return "open" if leads and question.undoing else None
    if question.undoing and not undo and found & (words.stay | words.keep):
        aims = found & (words.deeds | words.objects)
        if found & words.stay or aims:
            return None if leads else "no"
        if found & words.agreeing <= {"jadi"}:
            return "open"
    if undo and found & words.undecided and not (undo - words.undecided or strong):
        return "open" if plain else None
    if plain and (strong or echo or undo or found & words.bare):
        return "yes"
    return "open" if strong and (leads or echo or undo or found & words.go) else None


def _asks(text: str, tokens: list[str]) -> bool:
    """Whether a clause is a question, also one without its mark: `bisa ganti alamat gak`."""
    words = _words()
    if "?" in text or set(tokens) & words.questions:
        return True
    said = [word for word in tokens if word not in words.neutral or word in words.agreeing | words.no]
    while said and said[0] in words.yes | words.weak | words.leading:
        said = said[1:]
    if said and tokens and _phrases().asks.match(" ".join(tokens[tokens.index(said[0]) :])):
        return True
    if _phrases().asks.match(text.strip()):
        return True
    if tokens and tokens[-1] in words.tags and len(tokens) > 1:
        return True
    tail = [word for word in tokens if word not in words.particles]
    content = set(tail[:-1])
    return bool(content) and tail[-1] in words.tails and not content & words.no and not content <= words.agreeing


def _new_values(text: str, question: _Question) -> bool:
    """Whether a number stands in a clause that the question does not hold."""
    digits = set(re.findall(r"\d+", text))
    found = {number for number in numbers(text) if number not in (0, 1)}
    return bool(found - question.numbers) and not (digits and digits <= question.digits)


# The whole message


def consent(text: str, asked: str = "") -> Reading | None:
    """Read what a message answers to a question that wants a yes.

    Args:
        text: what the customer wrote or said, in any of the languages or slang.
        asked: the question, where it is known. Its own words in the answer say nothing new, and `batalkan` is a yes to
            "Batalkan pesanan?" but a no to "Kirim pesanan?".

    Returns:
        `yes` and `no` where the words leave no doubt; `open` where they may be a yes; None for a question, a condition, a new
        value and everything else.
    """
    question = _question(asked)
    sentences = [list(_clauses(sentence, question)) for sentence in _SENTENCE.findall(_folded(text))]
    clauses = [clause for sentence in sentences for clause in sentence]
    at = _deciding(sentences)
    if at is None:
        return None
    first, before, after = clauses[at], clauses[:at], clauses[at + 1 :]
    if first.verdict == "no":
        if first.question:
            return None
        return "open" if not question.undoing and any(c.verdict == "yes" and c.explicit for c in after) else "no"
    if (taken_back := _taken_back(after, question)) is not None:
        return "no" if taken_back == "no" else None
    if any((clause.obstacle and not clause.question) or clause.takes_back for clause in clauses):
        return None
    changing = clauses[: at + 1] if question.undoing else clauses
    if any(clause.change for clause in changing):
        return None
    if any(clause.question for clause in clauses):
        asked_later = not any(clause.question for clause in sentences[0])
        return "open" if asked_later and sentences[0] and first in sentences[0] and first.explicit else None
    if first.verdict == "open" or question.choice:
        return "open"
    if any(not clause.plain for clause in before):
        return "open"
    if any(_adds(clause, question) for clause in after):
        return "open"
    return "yes"


def _adds(clause: _Clause, question: _Question) -> bool:
    """Whether a clause behind a yes says more than a remark."""
    if clause.verdict == "open":
        return True
    remark = clause.comment and (not clause.wishes or (question.undoing and clause.negative))
    return not clause.plain and not remark and not (question.undoing and clause.negative)


def _deciding(sentences: Sequence[Sequence[_Clause]]) -> int | None:
    """Find the first clause with a verdict; a "ya" behind something else in its sentence only asks for agreement."""
    at = 0
    for sentence in sentences:
        alone = True
        for clause in sentence:
            if clause.verdict is not None and (alone or not clause.tag):
                return at
            alone = alone and clause.plain
            at += 1
    return None


def _taken_back(after: list[_Clause], question: _Question) -> Literal["no", "doubt"] | None:
    """Whether a later clause takes a yes back."""
    for clause in after:
        if clause.verdict == "no":
            if question.undoing and clause.comment and not clause.takes_back:
                continue  # "iya, saya gak jadi beli"
            return "no" if clause.plain and not clause.comment else "doubt"
        if clause.takes_back or (clause.negative and clause.wishes and not question.undoing):
            return "doubt"
    return None


def _clauses(sentence: str, question: _Question) -> Iterator[_Clause]:
    asks = "?" in sentence
    parts = [part for part in _CLAUSE.split(sentence) if part.strip(" .!?;\n…")]
    for position, part in enumerate(parts):
        stated, *reason = _phrases().reasons.split(" ".join(part.split()), maxsplit=1)
        if reason and not reason[0].strip(" .!?;…"):
            stated = ""  # "salah alamat soalnya"
        if reason and not _words().conditions.isdisjoint(_tokens(reason[0])):
            yield _Clause(obstacle=True)  # "karena besok libur tapi ..."
        mark = "?" if asks and position == len(parts) - 1 else ""
        if stated.strip(" .!?;…") or mark:
            yield _clause(stated.rstrip("?") + mark, question)


def yes_or_no(text: str, asked: str = "") -> Answer | None:
    """Read a plain yes or no; None for everything else. Arguments as in `consent`."""
    reading = consent(text, asked)
    return None if reading == "open" else reading


# The words of a question


def deeds_in(text: str) -> frozenset[frozenset[str]]:
    """Find what a text would have done: the forms of each of its words of doing and undoing.

    Args:
        text: a question such as "Batalkan pesanan?"; one without a known deed is taken by all its words of content.
    """
    words = _words()
    written = _WORD.findall(_folded(text))
    deeds = [word for word in written if word in words.deeds or _undoes(word) or _forms(word) & words.deeds]
    return frozenset(_forms(word) for word in deeds or content(text))


def is_general(question: str) -> bool:
    """Tell whether a question only asks to go on: `Lanjut?`, `Would you like to proceed?`."""
    words = _words()
    empty = words.agreeing | words.no | words.neutral | words.questions
    return all(_short(word) in empty or word in STOPWORDS for word in _WORD.findall(_folded(question)))


def told_as_undone(sentence: str) -> bool:
    """Tell whether a sentence denies what it names, or tells it as past: `tidak bisa dibatalkan`, `sudah dibatalkan`."""
    words = _words()
    return not (words.no - words.undo | words.past).isdisjoint(_tokens(_folded(sentence)))
