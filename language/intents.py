"""What a short message means: yes or no, asking for a human, small talk, not knowing an answer.

    yes_or_no("iya, lanjut aja")  # "yes"
    wants_human("mau ngomong sama admin dong")  # True
    small_talk("makasih ya kak")  # "thanks"

Plain functions over text in any of the languages, slang included. The words are those of the section `[intents]` of the data files.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args

from language.tables import sections
from language.tokens import fold

Answer = Literal["yes", "no"]
SmallTalk = Literal["identity", "ability", "wellbeing", "thanks", "goodbye", "greeting"]

_SIGNS: Final = {
    **dict.fromkeys("👍👌✅🙆🆗", "yes"),
    **dict.fromkeys("👎❌🙅🚫", "no"),
}
_NEVER: Final = "(?!)"


def _data(*path: str) -> Iterator[Mapping[str, Any]]:
    """A table of the section in every language."""
    for data in sections("intents"):
        for name in path:
            data = data.get(name, {})  # noqa: PLW2901 -- one step down
        yield data


def _patterns(key: str, *path: str) -> str:
    """The patterns of every language as one alternation, each once; it matches nothing where there are none."""
    found = (pattern for data in _data(*path) for pattern in data.get(key, ()))
    return "|".join(dict.fromkeys(found)) or _NEVER


# Yes and no


@dataclass(frozen=True, slots=True)
class _Answers:
    """The words of yes and no, letters held down once."""

    yes: frozenset[str]
    no: frozenset[str]
    neutral: frozenset[str]
    undo: frozenset[str]
    undecided: frozenset[str]
    conditions: frozenset[str]
    not_now: re.Pattern[str]
    no_problem: re.Pattern[str]
    not_going_on: re.Pattern[str]
    go_ahead: re.Pattern[str]
    no_refusal: re.Pattern[str]

    @property
    def known(self) -> frozenset[str]:
        """What says nothing beyond the answer itself."""
        return self.yes | self.no | self.neutral | self.undo


@cache
def _answers() -> _Answers:
    def words(key: str) -> frozenset[str]:
        return frozenset(_word(word) for data in _data() for word in data.get(key, "").split())

    def phrases(key: str) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{_patterns(key)})\b")

    return _Answers(
        yes=words("yes"),
        no=words("no"),
        neutral=words("neutral"),
        undo=words("undo"),
        undecided=words("undecided"),
        conditions=words("conditions"),
        not_now=phrases("not_now"),
        no_problem=phrases("no_problem"),
        not_going_on=phrases("not_going_on"),
        go_ahead=phrases("go_ahead"),
        no_refusal=phrases("no_refusal"),
    )


def _word(text: str) -> str:
    """`iyaaa` and `iya`, `nggak` and `ngak` are one word: people hold letters down."""
    return re.sub(r"(.)\1+", r"\1", text)


def yes_or_no(text: str, asked: str = "") -> Answer | None:
    """Read what a message answers to a yes-no question.

    Only a plain yes is one. `"ya tapi alamatnya ganti"` is not, and neither is a yes with a new value in it.

    Args:
        text: what the customer wrote or said, in any of the languages or slang.
        asked: the question, where it is known. Its own words in the answer say nothing new, and `batalkan` is a yes to
            "Batalkan pesanan?" but no answer to "Bayar Rp50.000?".

    Returns:
        None when it is something else, has a condition, or both.
    """
    known = _answers()
    lowered = unicodedata.normalize("NFKC", text).casefold()
    for sign, meaning in _SIGNS.items():
        lowered = lowered.replace(sign, f" {meaning} ")
    if "?" in lowered:
        return None
    clauses = [_tokens(part) for part in re.split(r"[,.;!\n]+", lowered)]
    words = [word for clause in clauses for word in clause]
    phrase = " ".join(words)
    if not words or known.no_refusal.search(phrase):
        return None
    about_undoing = bool(set(_tokens(asked.casefold())) & known.undo)
    phrase = known.go_ahead.sub("yes", known.no_problem.sub(" ", phrase))
    if known.not_going_on.search(phrase) or known.not_now.search(phrase):
        return "no"
    words = phrase.split()
    verdicts = [verdict for word in words if (verdict := _verdict(word, words, about_undoing)) is not None]
    if "no" in verdicts:
        return "no" if _plain(clauses[0], asked) or _plain(words, asked) else None
    return "yes" if "yes" in verdicts and _plain(words, asked) and not set(words) & known.conditions else None


def _tokens(text: str) -> list[str]:
    return [_word(word) for word in re.findall(r"[\w'-]+", text)]


def _verdict(word: str, words: list[str], about_undoing: bool) -> Answer | None:
    known = _answers()
    if word in known.undo and (about_undoing or word not in known.no):
        if word in known.undecided:
            return None
        return "yes" if about_undoing or set(words) & known.yes else None
    return "no" if word in known.no else "yes" if word in known.yes else None


def _plain(words: list[str], asked: str) -> bool:
    """Whether nothing is said beyond yes, no, courtesies and what the question said itself."""
    known = _answers().known | frozenset(_tokens(asked.casefold()))
    return all(word in known for word in words)


# Asking for a human

_CLAUSE_END: Final = r"[,.;!?\n]+(?=\s|$)"


@dataclass(frozen=True, slots=True)
class _Asking:
    asks: re.Pattern[str]
    wish: re.Pattern[str]
    negation: re.Pattern[str]
    clauses: re.Pattern[str]


@cache
def _asking() -> _Asking:
    def any_of(key: str) -> str:
        return _patterns(key, "human")

    work, surely_work = any_of("work"), any_of("surely")
    end = rf"(?=\W*(?:$|[,.!?/;]|(?:{any_of('ending')})\b))"
    anybody = rf"(?:{work}|{any_of('staff')}|(?:{any_of('person')}){end}|{any_of('someone')})"
    surely = rf"(?:{work}|{surely_work})"
    modifier, link = rf"(?:(?:{any_of('modifier')})\s+)*", rf"(?:{any_of('with')})"
    asks = (
        rf"(?P<talk>\b(?:{any_of('talk')})\s+(?:\w+\s+)?{link}\s+{modifier}{anybody}\b)"
        rf"|\b(?:{any_of('connect')})\s+(?:(?:{any_of('connected')})\s+){{0,2}}(?:{link}\s+)?{modifier}{anybody}\b"
        rf"|\b(?:{any_of('wanting')})\s+(?:(?:{any_of('filler')})\s+){{0,3}}{surely}{end}"
        rf"|^\W*(?:{work}|{any_of('alone')}){end}\W*(?:\w+\W*)?$"
        rf"|\b(?:{any_of('reach')})\s+{modifier}{surely}{end}"
    )
    return _Asking(
        asks=re.compile(asks, re.IGNORECASE),
        wish=re.compile(rf"\b(?:{any_of('wish')})\b", re.IGNORECASE),
        negation=re.compile(rf"\b(?:{any_of('not')})\b|n't\b", re.IGNORECASE),
        clauses=re.compile(rf"{_CLAUSE_END}|\b(?:{any_of('but')})\b", re.IGNORECASE),
    )


def wants_human(text: str) -> bool:
    """Tell whether a text asks to be connected with a human: `mau ngomong sama admin dong`, `can I talk to someone?`.

    Only what leaves no doubt counts: a handover that the customer did not ask for silences the agent for hours. Indirect requests are
    left to the model, which has an action for them.
    """
    return any(_asks(clause) for part in _asking().clauses.split(text) if (clause := part.strip()))


def _asks(clause: str) -> bool:
    asking = _asking()
    found = asking.asks.search(clause)
    if found is None or asking.negation.search(clause, 0, found.start()):
        return False
    return found["talk"] is None or asking.wish.search(clause) is not None


# Small talk


@cache
def _talks() -> Mapping[SmallTalk, re.Pattern[str]]:
    address = "|".join(sorted({word for data in _data("talk") for word in data.get("address", "").split()})) or _NEVER
    around = rf"(?:[\W_]|\b(?:{address})\b)*"
    thanks = (
        rf"(?:(?:{_patterns('thanks_before', 'talk')})[ ,!]+)?(?:{_patterns('thanks', 'talk')})"
        rf"(?:{_patterns('thanks_after', 'talk')})?"
    )
    patterns = {kind: thanks if kind == "thanks" else _patterns(kind, "talk") for kind in get_args(SmallTalk)}
    return {kind: re.compile(rf"{around}(?:{pattern}){around}") for kind, pattern in patterns.items()}


def small_talk(line: str) -> SmallTalk | None:
    """Tell what a line is when it is nothing but small talk: `halo kak` is `greeting`, `siapa ini?` `identity`."""
    plain = fold(line).strip()
    return next((kind for kind, pattern in _talks().items() if plain and pattern.fullmatch(plain)), None)


# Not knowing


@cache
def _dont_know() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_patterns('dont_know')})", re.IGNORECASE)


def says_dont_know(text: str) -> bool:
    """Tell whether a reply admits that it does not have the answer: `kami belum punya informasinya`, `I'm not sure`."""
    return _dont_know().search(text) is not None
