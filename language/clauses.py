"""One clause of an answer: what it says to a question that wants a yes, and what stands in the way of taking it for one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

from language.agreement import (
    WORD,
    dayparts,
    fold,
    idioms,
    kinds_of,
    known_words,
    roots,
    shortened,
    spelled,
    tokenized,
    undoes,
    vocabulary,
    word_forms,
)
from language.lexicon import STOPWORDS
from language.numbers import numbers

Reading = Literal["yes", "no", "open"]
"""`open`: words that may well be a yes, which only someone who understands the conversation can tell."""

SENTENCE: Final = re.compile(r"(?:[^.!?;\n…]|(?<=\d)\.(?=\d))+[.!?;\n…]*")
_ANSWERS: Final = re.compile(r"\b(?:yes|ya|iya) ?(?:/|or|atau) ?(?:no|tidak|tak|enggak)\b")
_HOUR: Final = re.compile(r"(?:(?:jam|pukul|at) |\b(?=\d+[.:]\d\d\b))(\d{1,2})(?:[.:]\d\d)?(?: ?(am|pm)\b)?")
_MONEY: Final = re.compile(r"(?:\brp|rm|[$€£]) ?\d")
_DIGITS: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_ONE: Final = re.compile(
    r"(?<![\w.,:])1 [^\W\d]{3,}|\b(?<!this )(?<!that )(?<!the )(?<!yang )(?:satu|one|siji|hiji) (?!lagi|more|aja|saja)\w{3,}"
)
_LONG: Final = 5
"""Letters from which on a word is shortened in writing."""
_VOWELS: Final = re.compile(r"(?<!^)[aeiou]")
_DOES: Final = re.compile(
    r"(?:di\w{4,}|me[mnlry]\w{4,}|(?:ber|ter)\w{3,}|ke\w{3,}an|n[gy]\w{3,}|\w{4,}(?:in|kan|ed|ing))"
)
"""A word in the affixes of a verb, or of what is felt: `dibungkus`, `naikin`, `kehabisan`, `expired`."""
_STATIVE: Final = re.compile(r"(?:ke|ter)\w{3,}")
_CALLED_OFF: Final = "batalkan"


# The question


@dataclass(frozen=True, slots=True)
class Question:
    """What is known of the question: its words in every form, its numbers, and whether it is about undoing something."""

    forms: frozenset[str]
    short: frozenset[str]
    numbers: frozenset[object]
    digits: frozenset[str]
    hours: frozenset[int]
    verbs: frozenset[str]
    own: frozenset[str]
    kinds: frozenset[str]
    undoing: bool
    choice: bool

    def names(self, word: str) -> bool:
        """Whether a word is one of the question's, also shortened: `feb`, `bln`."""
        return not word_forms(word).isdisjoint(self.forms) or word in self.short


_OF_A_DEED: Final = re.compile(r"pe\w{4,}an")
"""A noun that names what is asked for: `Ajukan pencairan?` is answered by "dicairkan"."""


@lru_cache(maxsize=500)
def question_of(asked: str) -> Question:
    """Read the question that a customer was asked."""
    words = vocabulary()
    folded = _ANSWERS.sub(" ", fold(asked))
    sentences = [sentence for sentence in SENTENCE.findall(folded) if "?" in sentence] or [folded]
    tokens = [word for sentence in sentences for word in tokenized(sentence)]
    undoing = [
        at
        for at, word in enumerate(tokens)
        if (undoes(word) or not roots(word).isdisjoint(words.ends)) and not set(tokens[max(0, at - 2) : at]) & words.no
    ]
    either = {"atau", "or", "/"} & {*tokens, *("/" if "/" in folded else "")}
    kinds = frozenset[str]().union(*(kinds_of(word) for word in tokens))
    own = kinds
    if own and _MONEY.search(folded):
        kinds |= {"pay"}
    if "pay" in kinds:
        kinds |= {"make"}  # a code to pay with is made and sent
    return Question(
        frozenset().union(*(word_forms(word) for word in WORD.findall(folded))),
        frozenset(short for word in WORD.findall(folded) for short in _shortenings(word)),
        frozenset(_plain_numbers(folded)),
        frozenset(_DIGITS.findall(folded)),
        frozenset(int(hour) + (12 if half == "pm" and int(hour) < 12 else 0) for hour, half in _HOUR.findall(folded)),
        verbs=frozenset[str]().union(
            *(roots(verb) for sentence in sentences for verb in _verbs(sentence)),
            *(roots(noun) for noun in tokens if not undoing and _OF_A_DEED.fullmatch(noun)),
        ),
        own=own,
        kinds=frozenset() if undoing else kinds,
        undoing=bool(undoing) and not either,
        choice=bool(either) and len(own) + len(undoing) > 1,
    )


def _shortenings(word: str) -> Iterator[str]:
    """How a long word is written in haste: its first letters, without its vowels, or one half of `abu-abu`."""
    half, _, other = word.partition("-")
    if half == other:
        yield half
    if len(word) >= _LONG and word.isalpha():
        yield from (word[:3], word[:4])
        if len(bare := _VOWELS.sub("", word)) >= 3:
            yield bare


def _plain_numbers(text: str) -> set[Decimal]:
    """The numbers of a question; `50.000` is fifty thousand in it, and not also fifty."""
    found = set(numbers(text))
    return {number for number in found if number.as_tuple().exponent != -3 or number * 1000 not in found}


def _verbs(sentence: str) -> Iterator[str]:
    """The verb that a question asks about: its first word of content, and the one behind `saya` or `shall I`."""
    words = vocabulary()
    tokens = [word for word in tokenized(sentence) if word not in words.addressed]
    empty = words.function | words.questions
    first = next((word for word in tokens if word not in empty and word not in STOPWORDS), None)
    yield from () if first is None else (first,)
    yield from (after for before, after in pairwise(tokens) if before in words.proposes and after not in empty)


# One clause


@dataclass(frozen=True, slots=True)
class Clause:
    """How a clause reads by itself.

    Attributes:
        verdict: what it answers.
        plain: whether it says nothing beyond that.
        explicit: whether a yes says what to do: "lanjut", "go ahead".
        obstacle: a condition, a change, a new value, a delay: no yes stands beside it.
        conditional: whether it puts a condition, or a value that was not asked about and that it does not tell of, or means no yes at all.
        timed: whether it names a day or a part of it that was not asked about.
        question: whether it asks something.
        takes_back: whether it begins like a retraction: "eh", "wait".
        comment: whether it begins like a remark of its own: "saya ...", "I ...", thanks.
        wishes: whether it wants or does something of its own.
        selects: whether it picks one of several, or names a place or a way.
        names: whether all that it says is a thing that the question does not name.
        repeats: whether it tells of the question's own things and of nothing else: "saya pakai yang itu".
        negative: whether something is denied in it.
        states: whether it tells how things are ("udah gak dipakai", "kelamaan"), which is no wish.
        plans: whether it tells what the customer will do later: "nanti saya transfer".
        keeps: whether it says that something goes on as it is.
        dissents: whether it denies a will or a word: "I don't think so", "saya gak bilang gitu".
        no_longer: whether it tells that something has come to its end: "I don't use it anymore".
        tag: whether it is only a "ya" that asks for agreement when something stands before it.
    """

    verdict: Reading | None = None
    plain: bool = True
    explicit: bool = False
    obstacle: bool = False
    conditional: bool = False
    timed: bool = False
    change: bool = False
    question: bool = False
    takes_back: bool = False
    comment: bool = False
    wishes: bool = False
    selects: bool = False
    names: bool = False
    repeats: bool = False
    negative: bool = False
    states: bool = False
    plans: bool = False
    keeps: bool = False
    dissents: bool = False
    no_longer: bool = False
    tag: bool = False


def read_clause(text: str, question: Question) -> Clause:
    """Read one clause of the answer to a question. `text` is as `fold` returns it."""
    words, phrases = vocabulary(), idioms()
    text = " ".join(text.split())
    if phrases.plans.match(text):
        later = any(kinds_of(word) & question.own or question.names(word) for word in tokenized(text) if kinds_of(word))
        return Clause(plain=False, comment=True, plans=True, obstacle=later, question="?" in text)
    if not question.undoing and "change" not in question.own:
        text = phrases.unchanged.sub(" ", text)
    reminds = phrases.no_problem.match(text) is not None
    text = phrases.no_problem.sub(" ", phrases.soft_conditions.sub(" ", text))
    delayed = phrases.delays.search(text) is not None
    ended = phrases.no_longer.search(text) is not None
    dissenting = _dissents(tokenized(text))
    put_off = phrases.not_now.search(text) is not None
    uncalled = text
    if question.undoing:
        text = _called_off(text, question)
    called_off = text != uncalled
    takes_back = phrases.retractions.match(text.strip()) is not None
    for pattern, instead in (
        (phrases.not_going_on, " no "),
        (phrases.not_now, " no "),
        (phrases.go_ahead, " proceed "),
    ):
        text = pattern.sub(instead, text)
    resigned = phrases.resigned.search(text) is not None
    text = phrases.resigned.sub(" ", text)
    aside = phrases.aside.match(text) is not None
    text = phrases.aside.sub(" ", text, count=1) if aside else text
    written = WORD.findall(text)
    tokens = [spelled(shortened(word)) for word in written]
    found = set(tokens)
    new_values = _new_values(text, question)
    named = {
        token
        for token, word in zip(tokens, written, strict=True)
        if question.names(word) or not roots(token).isdisjoint(question.verbs)
    }
    if not new_values:
        named |= {token for token in tokens if token[0].isdigit()}
    named |= _referring(tokens)

    undo = {word for word in found if undoes(word) or (question.undoing and not roots(word).isdisjoint(words.ends))}
    told = tells(tokens, question)
    asked = {word for word in named if word not in known_words() and not roots(word).isdisjoint(question.verbs)}
    doing = ({word for word in found if kinds_of(word)} | asked) - undo
    meant = {word for word in doing if word in named or kinds_of(word) & question.kinds}
    past = _past(tokens)
    deeds, echo = doing - meant, meant - past
    denied = found & (words.no - undo)
    empty = (
        words.agreeing
        | words.no
        | words.neutral
        | words.undo
        | words.stay
        | words.keep
        | doing
        | undo
        | named
        | words.addressed
        | words.places
    )
    content = [word for word in tokens if word not in empty and word not in STOPWORDS]
    if not new_values:
        content = [word for word in content if not numbers(word)]
    said = [word for word in tokens if word not in (words.neutral | words.addressed) - words.agreeing - words.no]
    leads = bool(said) and said[0] in words.yes | words.leading
    strong = leads or bool(found & (words.yes | words.go) - words.leading)
    plain = not content and not deeds
    verdict = _verdict(
        question,
        tokens,
        undo=undo,
        doing=doing,
        echo=echo,
        denied=denied,
        plain=plain,
        leads=leads,
        strong=strong,
    )
    if verdict is None and plain and (resigned or aside):
        verdict = "open"
    if verdict == "yes" and (aside or (called_off and not leads)) and not found & (words.yes | words.go):
        verdict = "open"  # "gak jadi pindah" to "Batalkan sewa?" may mean the stay or the move
    changes = found & words.changes - named - meant
    times = _times(tokens, question) - named
    named_only = not (question.undoing and denied - words.other) and _only_names(tokens, content)
    comment = reminds or told
    return (
        Clause(
            verdict=verdict,
            plain=plain,
            explicit=bool(found & words.go or echo or (undo and question.undoing)),
            obstacle=bool(
                found & words.conditions
                or _limited(tokens, question)
                or (not (question.undoing or told) and times)
                or (not question.undoing and (doing - named) and found & words.first)
                or (found & words.other - named and not (question.undoing and (leads or comment)))
                or new_values
                or (delayed and verdict != "no")
                or (told and (delayed or put_off))
                or (undo and denied and not question.undoing)
                or (meant - echo and not question.undoing and any(word.startswith("di") for word in meant - echo))
                or phrases.exclaims.search(text)
                or phrases.reported.search(text)
            ),
            conditional=bool(found & words.conditions or (new_values and not told) or phrases.exclaims.search(text)),
            timed=bool(times and not told),
            change=bool(changes),
            question=_asks(text, tokens),
            takes_back=takes_back and not (question.undoing and denied and doing),
            comment=comment,
            wishes=bool(
                (deeds - past)
                or {word for word in deeds & past if kinds_of(word) & question.kinds}
                or (not question.undoing and found & words.complaints)
                or (
                    not (question.undoing and told)
                    and any(before in content and after in words.only for before, after in pairwise(tokens))
                )
                or (content and any(word.removesuffix("nya") in words.places for word in found if _is_pointed(word)))
                or (set(content) - words.wants and not question.undoing and _wants(tokens))
                or _selects(tokens, set(content), question)
            ),
            selects=named_only or _selects(tokens, set(content), question),
            names=named_only,
            repeats=bool(told and plain and named) and not denied,
            negative=bool(denied),
            states=_states(tokens, question, denied),
            dissents=bool(denied) and dissenting,
            no_longer=ended and not undo and not found & (words.dissents | words.stay | words.keep),
            keeps=bool(found & words.stay or (found & words.keep and not denied)),
            tag=tokens in (["ya"], ["yah"], ["y"]),
        )
        if tokens or resigned or aside or delayed
        else Clause(obstacle=delayed, question="?" in text)
    )


def _referring(tokens: list[str]) -> set[str]:
    """Nouns that point back to what was said: `kodenya`, `rekening yang itu`, `that card`."""
    words = vocabulary()
    pointed = {word for word in tokens if _is_pointed(word)}
    for before, after in pairwise(word for word in tokens if word not in ("yang", "yg")):
        if before in words.demonstratives and before.isascii() and after not in known_words():
            pointed.add(after) if before in ("that", "this", "those", "these") else None
        if after in words.demonstratives and before not in known_words():
            pointed.add(before)
    return pointed


def tells(tokens: Sequence[str], question: Question) -> bool:
    """Whether a clause has a subject of its own and so wishes nothing by itself: `saya ...`, `uangnya ...`, `anak saya ...`."""
    words = vocabulary()
    if not tokens or tokens[0] in words.says or _is_pointed(tokens[0]):
        return bool(tokens)
    first = next((word for word in tokens if word not in words.neutral | words.addressed), "")
    if kinds_of(first) or not roots(first).isdisjoint(question.verbs):
        return False
    return not words.persons.isdisjoint(tokens) or any(map(_is_pointed, tokens))


def _wants(tokens: list[str]) -> bool:
    """Whether something is wished for that is not what was asked: `mau yang merah`, but not `we need it`."""
    words = vocabulary()
    return any(
        word in words.wants
        and not (tokens[at + 1 : at + 2] and tokens[at + 1] in words.demonstratives | words.pronouns)
        for at, word in enumerate(tokens)
    )


def _dissents(tokens: list[str]) -> bool:
    """Whether what is denied is a word, a thought, or the wish for something: `I don't think so`, but not `I don't want it`."""
    words = vocabulary()
    empty = words.pronouns | words.demonstratives | words.addressed | words.neutral
    return any(
        word in words.dissents
        or (
            word in words.wills
            and not empty.issuperset(tokens[at + 1 :])
            and (words.keep | words.stay).isdisjoint(tokens[at + 1 :])
        )
        for at, word in enumerate(tokens)
    )


def _is_pointed(word: str) -> bool:
    return len(word) > 5 and word.endswith("nya")


def _limited(tokens: list[str], question: Question) -> bool:
    """Whether a time or a restriction is put that was not asked about: `setelah gajian`, but not `obatnya udah habis`."""
    words = vocabulary()
    return any(
        word in words.limits and not question.names(word) and not (at and tokens[at - 1] in words.states)
        for at, word in enumerate(tokens)
    )


def _times(tokens: list[str], question: Question) -> set[str]:
    """Days and times of day, without those of a greeting and those that an hour of the question lies in."""
    words = vocabulary()
    return {
        word
        for at, word in enumerate(tokens)
        if word in words.times
        and not (at and tokens[at - 1] in words.greetings)
        and not (at == 0 and set(tokens[1:]) <= words.addressed)
        and not any(begin <= hour < end for begin, end in (dayparts().get(word, (0, 0)),) for hour in question.hours)
    }


def _selects(tokens: list[str], content: set[str], question: Question) -> bool:
    """Whether a clause picks one of several, or names a place, a way or a name: `yang merah`, `the red one`, `ke kantor`."""
    words = vocabulary()
    marks = words.places if not question.undoing else frozenset({"yang", "yg"})
    if question.undoing and not (words.qualities | words.states).isdisjoint(tokens[2:]):
        marks = frozenset()  # "yang lama salah nama"
    if not words.says.isdisjoint(tokens[:-1]) and not any(map(kinds_of, tokens)):
        marks -= words.locative  # "saya di rumah"
    found = question.undoing and not words.states.isdisjoint(tokens[:1])  # "found a cheaper one"
    if not found and any(before in content and after in words.ones for before, after in pairwise(tokens)):
        return True
    return any(
        before in marks and after in content and words.exists.isdisjoint(tokens[: tokens.index(before)])
        for before, after in pairwise(word for word in tokens if word in marks | content)  # "ke email pribadi"
    )


def _only_names(tokens: Sequence[str], content: Sequence[str]) -> bool:
    """Whether all that a clause says beside yes is a thing that the question does not name: `iya melati ya` to "Kirim mawar?".

    A word of how things are, in the affixes of a verb or before a pronoun is no thing: `takut`, `dibungkus`, `wipe it`.
    """
    words = vocabulary()
    things = set(content)
    if any(before in words.wants - words.go and after in things for before, after in pairwise(tokens)):
        return True
    if any(before in things and after in words.pronouns for before, after in pairwise(tokens)):
        return False
    told = words.states | words.persons | words.qualities
    return 0 < len(content) <= 2 and told.isdisjoint(tokens) and not any(map(_DOES.fullmatch, content))


def _states(tokens: list[str], question: Question, denied: set[str]) -> bool:
    """Whether a clause tells how things are."""
    words = vocabulary()
    if not words.states.isdisjoint(tokens):
        return True
    if question.undoing and denied and len(tokens) > 1 and tokens[0] in denied and tokens[1].endswith("ing"):
        return True  # "not using it"
    if question.undoing and not (words.says | words.copulas).isdisjoint(tokens):
        return True
    if not question.undoing and question.kinds.isdisjoint({"change", "refund"}):
        return False
    told = (word for word in tokens if word not in known_words())
    return any(_STATIVE.fullmatch(word) and (denied or word.endswith("an")) for word in told)


def _called_off(text: str, question: Question) -> str:
    """Write `gak jadi pergi` as a word of undoing; a bare `gak jadi` stays, for it may call off the undoing."""

    def undone(match: re.Match[str]) -> str:
        verb = shortened(match[1])
        return match[0] if verb in vocabulary().function or undoes(verb) or question.names(verb) else _CALLED_OFF

    return idioms().calls_off.sub(undone, text)


def _past(tokens: list[str]) -> set[str]:
    """Deeds that are told as done: `sudah dikirim`."""
    return {word for before, word in pairwise(tokens) if before in vocabulary().past}


def _verdict(
    question: Question,
    tokens: list[str],
    *,
    undo: set[str],
    doing: set[str],
    echo: set[str],
    denied: set[str],
    plain: bool,
    leads: bool,
    strong: bool,
) -> Reading | None:
    words, found = vocabulary(), set(tokens)
    if undo and not question.undoing:
        return None if denied else "no"
    if undo and denied:
        return "no"
    if question.undoing and denied and (doing or found & words.keep) and not found & words.stay and found != denied:
        return "open" if leads else None  # "jangan dikirim lagi" agrees with undoing
    if question.undoing and found & words.undecided and undo - words.undecided:
        return "no" if plain and not strong else None  # "batal hapus"
    if denied:
        if question.undoing and leads and plain and tokens[0] not in words.no:
            return "open"  # "iya gak jadi" to "Batalkan?"
        if plain or (tokens[0] in words.no and not question.undoing):
            return "no"
        return "open" if leads and question.undoing else None
    if question.undoing and not undo and found & (words.stay | words.keep):
        aims = found & (words.deeds | words.objects) or _referring(tokens)
        if any(not question.verbs.isdisjoint(roots(re.sub("anya$", "an", word))) for word in tokens):
            return "open"  # "lanjutkan penutupannya"
        if found & words.stay or aims:
            return None if leads else "no"
        if found & words.agreeing <= {"jadi"}:
            return "open"
    decided = undo - words.undecided or any(
        (before in words.wants and after in undo) or (before in undo and after in words.only)
        for before, after in pairwise(tokens)
    )
    if undo and found & words.undecided and not (decided or strong):
        return "open" if plain else None
    if plain and (strong or echo or undo or found & words.bare):
        return "yes"
    return "open" if strong and (leads or echo or undo or found & words.go) else None


def _asks(text: str, tokens: list[str]) -> bool:
    """Whether a clause is a question, also one without its mark: `bisa ganti alamat gak`."""
    words = vocabulary()
    if "?" in text or set(tokens) & words.questions:
        return True
    said = [word for word in tokens if word not in words.neutral or word in words.agreeing | words.no]
    while said and said[0] in words.yes | words.weak | words.leading:
        said = said[1:]
    if said and tokens and idioms().asks.match(" ".join(tokens[tokens.index(said[0]) :])):
        return True
    if idioms().asks.match(text.strip()):
        return True
    if tokens and tokens[-1] in words.tags and len(tokens) > 1:
        return True
    tail = [word for word in tokens if word not in words.particles]
    content = set(tail[:-1])
    return bool(content) and tail[-1] in words.tails and not content & words.no and not content <= words.agreeing


def _new_values(text: str, question: Question) -> bool:
    """Whether a number stands in a clause that the question does not hold."""
    digits = set(_DIGITS.findall(text))
    found = {number for number in numbers(text) if number not in (0, 1)}
    if _ONE.search(text) and question.numbers and not question.numbers & {0, 1}:
        found.add(Decimal(1))
    found -= {number for number in found if 100 <= number < 1_000 and number * 1_000 in question.numbers}  # "iya 750"
    if _HOUR.search(text):
        found -= {hour - 12 for hour in question.hours}
    return bool(found - question.numbers) and not (digits and digits <= question.digits)
