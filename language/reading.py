"""What the rules make of an answer to a question that wants a yes: what its clauses come to, and how much speaks against a yes.

The rules bar what is no yes whatever else is said (a question, a condition, a change, a retraction). Everything else is a doubt, and
each kind of doubt has a bar: how likely a yes has to be (`language.answers`) to be taken for one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from language.agreement import (
    WORD,
    fold,
    idioms,
    kinds_of,
    roots,
    shortened,
    spelled,
    tokenized,
    undoes,
    vocabulary,
)
from language.clauses import SENTENCE, Clause, Question, Reading, question_of, read_clause, tells

_SURE: Final = 0.5
"""How likely a yes must be where the rules leave it open because they do not know all the words."""

_DOUBTED: Final = 0.05
"""How likely where they read a yes."""

_CONTRADICTED: Final = 0.65
"""How likely where something is denied behind it: `yeah, never got the package`."""

_MOOT: Final = 0.7
"""How likely where something has come or passed: `yes please, it arrived broken`."""

_CHOSEN: Final = 0.8
"""How likely where something else is named in a clause of its own: `yes, my kids keep using my profile`."""

_BEYOND_DOUBT: Final = 0.85
"""How likely where they find a time or a plan beside it."""

_ALMOST_NEVER: Final = 0.95
"""How likely where something else is named in the same breath, or where they find no yes and nothing that stands in its way."""

NEVER: Final = 2.0
"""What no likelihood reaches."""

_MARK: Final = re.compile(r"\s*[,.!;:\n…–-]")

_CLAUSE: Final = re.compile(r"(?<!\d)[,:/]|[,:/](?!\d)|[()]| [-–—]+ ")  # `1,8 juta` and `19.00` are one word each


@dataclass(frozen=True, slots=True)
class Read:
    """What the rules make of an answer.

    Attributes:
        text: the answer, as `language.agreement.fold` writes it.
        asked: what it answers, written likewise.
        question: the same, read.
        agreement: the yes at its beginning; empty where it begins otherwise.
        clauses: of the answer.
        reading: what they come to.
        bar: how likely a yes must be to be taken for one.
    """

    text: str
    asked: str
    question: Question
    agreement: str
    clauses: Sequence[Clause]
    reading: Reading | None
    bar: float


def read(text: str, asked: str = "") -> Read:
    """Read an answer by its words. Arguments as in `consent`."""
    question, own = question_of(asked), fold(text)
    sentences = [list(_clauses(sentence, question)) for sentence in SENTENCE.findall(own)]
    words, begin = vocabulary(), own.lstrip(" ,")
    leading = (words.yes | words.leading, words.weak | words.bare)
    agreement = next(filter(None, (_agreement(begin, one, question) for one in leading)), "")
    set_off = bool(agreement) and _MARK.match(begin, len(agreement)) is not None
    reading, bar = _by_rules(own, question, sentences, set_off=set_off)
    clauses = [clause for sentence in sentences for clause in sentence]
    return Read(own, fold(asked), question, agreement, clauses, reading, bar)


def _by_rules(
    text: str, question: Question, sentences: Sequence[Sequence[Clause]], *, set_off: bool
) -> tuple[Reading | None, float]:
    """What the clauses of an answer come to; beside it, how likely a yes must be to be taken for one.

    Args:
        text: as `fold` writes it.
        question: what it answers.
        sentences: the clauses of each.
        set_off: whether a mark stands behind the yes at its beginning.
    """
    clauses = [clause for sentence in sentences for clause in sentence]
    at = _deciding(sentences)
    if at is None:
        hindered = any(c.obstacle or c.question or c.change or c.takes_back or c.selects or c.wishes for c in clauses)
        return None, _ALMOST_NEVER if clauses and not hindered else NEVER
    first, before, after = clauses[at], clauses[:at], clauses[at + 1 :]
    if first.verdict == "no":
        if first.question:
            return None, NEVER
        doubled = not question.undoing and any(c.verdict == "yes" and c.explicit for c in after)
        return "open" if doubled else "no", NEVER
    if (taken_back := _taken_back(after, question)) is not None:
        if taken_back != "doubt":
            return taken_back, NEVER
        barred = any(c.question or c.takes_back or c.conditional or c.change or c.keeps for c in clauses)
        return None, NEVER if barred else _CONTRADICTED
    if any((clause.obstacle and not (clause.question or clause.plans)) or clause.takes_back for clause in clauses):
        barred = any(c.question or c.takes_back or c.conditional or c.timed or c.change for c in clauses)
        return None, NEVER if barred else _BEYOND_DOUBT
    if not first.explicit and any(clause.plans and clause.obstacle for clause in clauses):
        return None, NEVER  # "ya, nanti saya pesan"
    changing = clauses[: at + 1] if question.undoing else clauses
    if any(clause.change for clause in changing):
        return None, NEVER
    if any(clause.question for clause in clauses):
        asked_later = not any(clause.question for clause in sentences[0])
        said_first = asked_later and sentences[0] and first in sentences[0] and first.explicit
        return "open" if said_first else None, NEVER
    if question.undoing and idioms().affirms.search(text) and not any(map(undoes, tokenized(text))):
        return "open", NEVER  # "yes I have a booking" to "Cancel your booking?"
    if not first.explicit and _is_moot(text, clauses, question):
        return "open", NEVER if idioms().hedges.search(text) else _MOOT
    if question.choice or (question.undoing and not first.explicit and any(clause.dissents for clause in clauses)):
        return "open", NEVER
    if (
        first.verdict == "open"
        or any(not clause.plain for clause in before)
        or any(clause.no_longer and clause.verdict == "no" for clause in after)
        or any(_adds(one, question) for one in after)
    ):
        phrases, undecided = idioms(), vocabulary().undecided
        vague = any(read(text) for read in (phrases.resigned.search, phrases.hedges.search, phrases.aside.match))
        vague |= not undecided.isdisjoint(tokenized(text))
        if vague:
            return "open", NEVER
        if question.undoing and _does_something(text, question):
            told = set_off and all(clause.comment or clause.states for clause in after)
            return "open", _CHOSEN if told else NEVER  # "iya, saya ganti bank" to "Hapus kartu?"
        if not question.undoing and any(
            clause.names and (clause.wishes or not (clause.states or clause.comment)) for clause in clauses
        ):
            return "open", NEVER
        if any(clause.selects for clause in clauses):
            return "open", _CHOSEN if set_off and first.plain else _ALMOST_NEVER
        return "open", _SURE
    if idioms().hedges.search(text):
        return "open", NEVER
    if question.undoing and not first.explicit and any(clause.repeats for clause in after):
        return "open", _BEYOND_DOUBT  # "iya, saya pakai yang itu" to "Berhenti langganan?"
    return "yes", _DOUBTED


def _is_moot(text: str, clauses: Sequence[Clause], question: Question) -> bool:
    """Whether what was asked about has come, passed or is wanted after all: `ya, paketnya sudah sampai` to "Kirim ulang?"."""
    if question.undoing:
        return idioms().resumed.search(text) is not None
    return idioms().settled.search(text) is not None or any(clause.no_longer for clause in clauses)


def _does_something(text: str, question: Question) -> bool:
    """Whether an answer names another deed than the undoing that was asked about: `yes please, kirim aja`."""
    words = [spelled(shortened(word)) for word in WORD.findall(text)]
    own = question.own | ({"order"} if any(map(question.names, vocabulary().objects)) else set())  # "saya salah pesan"
    return any(kinds_of(word) - own and not undoes(word) for word in words)


def _adds(clause: Clause, question: Question) -> bool:
    """Whether a clause behind a yes says more than a remark."""
    if clause.verdict == "open" and not (clause.comment or clause.states):
        return True
    remark = (clause.comment or clause.states) and (not clause.wishes or (question.undoing and clause.negative))
    return not clause.plain and not remark and not (question.undoing and clause.negative)


def _deciding(sentences: Sequence[Sequence[Clause]]) -> int | None:
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


def _taken_back(after: list[Clause], question: Question) -> Literal["no", "doubt", "open"] | None:
    """Whether a later clause takes a yes back."""
    for at, clause in enumerate(after):
        if clause.no_longer and question.undoing:
            continue
        if clause.verdict == "no":
            if question.undoing and (clause.comment or clause.states) and not (clause.takes_back or clause.keeps):
                return "open" if clause.plain else _taken_back(after[at + 1 :], question)  # "iya, saya gak jadi beli"
            return "no" if clause.plain and not clause.comment else "doubt"
        if clause.takes_back or (clause.negative and clause.wishes and not question.undoing):
            return "doubt"
    return None


def _clauses(sentence: str, question: Question) -> Iterator[Clause]:
    asks = "?" in sentence
    parts = [part for part in _CLAUSE.split(sentence) if part.strip(" .!?;\n…")]
    for position, part in enumerate(parts):
        stated, *reason = idioms().reasons.split(" ".join(part.split()), maxsplit=1)
        if reason and not reason[0].strip(" .!?;…"):
            stated = _agreement(stated, vocabulary().yes | vocabulary().leading, question)  # "iya salah alamat soalnya"
        if reason and not vocabulary().conditions.isdisjoint(tokenized(reason[0])):
            yield Clause(obstacle=True, conditional=True)  # "karena besok libur tapi ..."
        mark = "?" if asks and position == len(parts) - 1 else ""
        stated = stated.rstrip("?")
        if head := _head(stated, question):
            yield read_clause(head, question)
            stated = stated[len(head) :]
        if stated.strip(" .!?;…") or mark:
            yield read_clause(stated + mark, question)


def _head(stated: str, question: Question) -> str:
    """The yes at the beginning of a clause that goes on with a remark, as if a comma stood between: `iya kak | uangnya gak cukup`."""
    words = vocabulary()
    phrases = idioms()
    if any(read.match(stated.strip()) for read in (phrases.resigned, phrases.asks, phrases.exclaims)):
        return ""
    marks = words.states | (words.copulas if question.undoing else frozenset())
    for leading in (words.yes | words.leading, words.weak | words.bare):
        head = _agreement(stated, leading, question)
        rest = [spelled(shortened(word)) for word in WORD.findall(stated[len(head) :])]
        if not head or any(map(undoes, rest)):
            continue
        planned = phrases.plans.match(stated[len(head) :].strip()) is not None
        if planned or tells(rest, question) or not marks.isdisjoint(rest):
            return head
    return ""


def _agreement(stated: str, leading: frozenset[str], question: Question) -> str:
    """The words of yes at the beginning of a clause, with what is agreed to: `iya kak`, `batalkan aja`."""
    words, end = vocabulary(), 0
    for at, match in enumerate(WORD.finditer(stated)):
        word = spelled(shortened(match[0]))
        asked = (question.undoing and undoes(word)) or bool(kinds_of(word) & question.kinds)
        asked |= not roots(word).isdisjoint(question.verbs)
        if not (word in leading or asked or (at and word in words.weak | words.addressed | words.only)):
            break
        end = match.end()
    return stated[:end]
