"""What a message answers to a question that wants a yes: consent, refusal, words that leave it open, or something else.

    consent("iya, lanjut aja kak, makasih", "Kirim pesanan KS-1?")         # "yes"
    consent("oke batalkan saja", "Kirim pesanan KS-1?")                    # "no"
    consent("ya kalau gratis ongkir", "Kirim pesanan KS-1?")               # None
    yes_or_no("yes, cancel it because I moved", "Batalkan pesanan KS-1?")  # "yes"

A text is read clause by clause. The first clause with a verdict decides, and what follows is a comment as long as it adds no
condition, question, value or change. A reason ("karena ...", "since ...") says nothing about the verdict. A word of undoing never
says yes to doing. The words are those of the section `[consent]` of the data files. A yes also has to be likely among the answers
that were learnt (`language.answers`), and what the rules leave open for words that they do not know is one when it is likely enough.
"""

import re
from collections.abc import Iterator, Sequence
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
    word_forms,
)
from language.answers import likelihood
from language.clauses import SENTENCE, Clause, Question, Reading, question_of, read_clause, tells
from language.lexicon import STOPWORDS, content, forms
from language.values import contains

Answer = Literal["yes", "no"]

_SURE: Final = 0.6
"""How likely a yes must be where the rules leave it open because they do not know all the words."""

_CERTAIN: Final = 0.8
"""How likely where they read a wish beside it, or the question is about undoing something."""

_DOUBTED: Final = 0.05
"""How likely where they read a yes."""

_BEYOND_DOUBT: Final = 0.95
"""How likely where they find no yes and nothing that stands in its way."""

_NEVER: Final = 2.0

_CODE: Final = re.compile(r"(?<![\w-])(?:[a-z]{1,6}-\d[\w-]{0,30}|[a-z]{1,6}\d{2,20}|#\w{1,30})")
"""The id of a thing: `KS-10345`, `rp77`; but not `iya2`."""

_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,100}")

_NUMBER: Final = re.compile(r"\d++(?:[.,:]\d++)*+(?! ?%)")

_CLAUSE: Final = re.compile(r"(?<!\d)[,:/]|[,:/](?!\d)|[()]| [-–—]+ ")  # `1,8 juta` and `19.00` are one word each


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
    question, own = question_of(asked), fold(text)
    reading, bar = _by_rules(own, question)
    if reading == "no" or bar == _NEVER or not (reading or asked):
        return reading
    if asked and any(not contains(asked, code) for code in (*_CODE.findall(own), *_ADDRESS.findall(own))):
        return None  # "batalkan KS-1" to "Batalkan pesanan KS-2?"
    if question.undoing and any(number not in question.digits for number in _NUMBER.findall(own)):
        return reading and "open"  # "batalkan 1" to "Batalkan A1 dan A2?"
    likely = likelihood(own, fold(asked), undoing=question.undoing)
    return "yes" if likely >= bar else "open" if reading else None


def _by_rules(text: str, question: Question) -> tuple[Reading | None, float]:
    """Read an answer by its words; beside the reading, how likely a yes must be to be taken for one where they leave it open."""
    sentences = [list(_clauses(sentence, question)) for sentence in SENTENCE.findall(text)]
    clauses = [clause for sentence in sentences for clause in sentence]
    at = _deciding(sentences)
    if at is None:
        hindered = any(c.obstacle or c.question or c.change or c.takes_back or c.selects or c.wishes for c in clauses)
        return None, _BEYOND_DOUBT if clauses and not hindered else _NEVER
    first, before, after = clauses[at], clauses[:at], clauses[at + 1 :]
    if first.verdict == "no":
        if first.question:
            return None, _NEVER
        doubled = not question.undoing and any(c.verdict == "yes" and c.explicit for c in after)
        return "open" if doubled else "no", _NEVER
    if (taken_back := _taken_back(after, question)) is not None:
        return None if taken_back == "doubt" else taken_back, _NEVER
    if any((clause.obstacle and not (clause.question or clause.plans)) or clause.takes_back for clause in clauses):
        return None, _NEVER
    if not first.explicit and any(clause.plans and clause.obstacle for clause in clauses):
        return None, _NEVER  # "ya, nanti saya pesan"
    changing = clauses[: at + 1] if question.undoing else clauses
    if any(clause.change for clause in changing):
        return None, _NEVER
    if any(clause.question for clause in clauses):
        asked_later = not any(clause.question for clause in sentences[0])
        said_first = asked_later and sentences[0] and first in sentences[0] and first.explicit
        return "open" if said_first else None, _NEVER
    if question.undoing and idioms().affirms.search(text) and not any(map(undoes, tokenized(text))):
        return "open", _NEVER  # "yes I have a booking" to "Cancel your booking?"
    if not first.explicit and _is_moot(text, clauses, question):
        return "open", _NEVER
    if question.choice or (question.undoing and not first.explicit and any(clause.dissents for clause in clauses)):
        return "open", _NEVER
    if (
        first.verdict == "open"
        or any(not clause.plain for clause in before)
        or any(clause.no_longer and clause.verdict == "no" for clause in after)
        or any(_adds(one, question) for one in after)
    ):
        phrases, undecided = idioms(), vocabulary().undecided
        vague = any(read(text) for read in (phrases.resigned.search, phrases.hedges.search, phrases.aside.match))
        vague |= not undecided.isdisjoint(tokenized(text))
        vague |= question.undoing and _does_something(text, question)
        if vague or any(clause.selects and not clause.states for clause in clauses):
            return "open", _NEVER
        if any(clause.selects for clause in clauses):
            return "open", _BEYOND_DOUBT  # "iya kak kekecilan di kaki"
        if (first.verdict == "open" and first.plain) or any(clause.wishes for clause in clauses):
            return "open", _CERTAIN
        return "open", _CERTAIN if question.undoing else _SURE
    if idioms().hedges.search(text):
        return "open", _NEVER
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
            yield Clause(obstacle=True)  # "karena besok libur tapi ..."
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
    words = vocabulary()
    written = WORD.findall(fold(text))
    deeds = [word for word in written if word in words.deeds or undoes(word) or word_forms(word) & words.deeds]
    return frozenset(_as_deed(word) for word in deeds or content(text))


def _as_deed(word: str) -> frozenset[str]:
    """The forms of a word, with what it does in any language: `batalkan` and "cancel", `kirim` and "ship"."""
    return word_forms(word) | {f"={kind}" for kind in kinds_of(word)} | (forms(word) if undoes(word) else frozenset())


def is_general(question: str) -> bool:
    """Tell whether a question only asks to go on: `Lanjut?`, `Would you like to proceed?`."""
    words = vocabulary()
    empty = words.agreeing | words.no | words.neutral | words.questions
    return all(shortened(word) in empty or word in STOPWORDS for word in WORD.findall(fold(question)))


def told_as_undone(sentence: str) -> bool:
    """Tell whether a sentence denies what it names, or tells it as past: `tidak bisa dibatalkan`, `sudah dibatalkan`."""
    words = vocabulary()
    return not (words.no - words.undo | words.past).isdisjoint(tokenized(fold(sentence)))
