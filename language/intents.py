"""What a short message means: asking for a human, small talk, anger, not knowing an answer.

    wants_human("mau ngomong sama admin dong")  # True
    small_talk("makasih ya kak")  # "thanks"

Plain functions over text in any of the languages, slang included. The words are those of the sections
`[intents]` and `[replies]` of the data files.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args

from language.lexicon import content, hints
from language.tables import pattern, sections
from language.tokens import fold

SmallTalk = Literal["identity", "ability", "wellbeing", "thanks", "goodbye", "greeting", "noted"]
Mood = Literal["insult", "complaint"]

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


# Asking for a human

_CLAUSE_END: Final = r"[,.;!?\n]{1,9}(?=\s|$)"


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
        rf"|\b(?:{any_of('summon')})\s+{modifier}(?:{any_of('staff')}|{surely}){end}"
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


@dataclass(frozen=True, slots=True)
class _Talk:
    kinds: Mapping[SmallTalk, re.Pattern[str]]
    opener: re.Pattern[str]


_FILLED: Final = re.compile(r"\w")


@cache
def _talks() -> _Talk:
    address = "|".join(sorted({word for data in _data("talk") for word in data.get("address", "").split()})) or _NEVER
    around = rf"(?:(?<![\W_])[\W_]+|\b(?:{address})\b)*"  # signs are taken from their first one on
    thanks = (
        rf"(?:(?:{_longest_first('thanks_before')})[ ,!]+)?(?:{_longest_first('thanks')})"
        rf"(?:{_longest_first('thanks_after')})?"
    )
    openers = _longest_first("openers")
    patterns = {kind: _longest_first(kind) for kind in get_args(SmallTalk)}
    patterns |= {"thanks": thanks, "greeting": rf"{patterns['greeting']}|{openers}"}
    return _Talk(
        {kind: re.compile(rf"{around}(?:{pattern})(?!\w){around}") for kind, pattern in patterns.items()},
        re.compile(rf"{around}(?:{openers})(?!\w){around}"),
    )


def _longest_first(key: str) -> str:
    """The patterns of small talk in the order in which they must be tried: the first that fits is taken, `thank you` before `thanks?`."""
    found = {pattern for data in _data("talk") for pattern in data.get(key, ())}
    return "|".join(sorted(found, key=lambda pattern: (-len(pattern), pattern))) or _NEVER


_STRETCHED: Final = re.compile(r"(\w)\1+\b")


def small_talk(line: str) -> SmallTalk | None:
    """Tell what a line is when it is nothing but small talk: `halo kak, apa kabar` is `wellbeing`, `siapa ini?` `identity`.

    Of several things in one line the one counts that most wants an answer. Emoji alone are `thanks` or `noted`; angry ones none.
    """
    plain = fold(line).strip()
    if not _FILLED.search(plain):
        return _of_signs(plain)
    return _talk(plain) or _talk(_STRETCHED.sub(r"\1", plain))  # "makasih yaaa"


def _talk(plain: str) -> SmallTalk | None:
    found, at = [], 0
    while at < len(plain):
        matches = [
            (match.end(), kind) for kind, pattern in _talks().kinds.items() if (match := pattern.match(plain, at))
        ]
        end, kind = max(matches, key=lambda each: each[0], default=(at, None))
        if kind is None or end == at:
            return None
        found.append(kind)
        at = end
    return min(found, key=get_args(SmallTalk).index, default=None)


def _of_signs(plain: str) -> SmallTalk | None:
    if not any(ord(char) > 0x2000 for char in plain) or any(sign in plain for sign in _signs("angry")):
        return None
    return "thanks" if any(sign in plain for sign in _signs("grateful")) else "noted"


@cache
def _signs(key: str) -> tuple[str, ...]:
    return tuple(sign for data in _data("mood") for sign in data.get(key, "").split())


def without_opener(line: str) -> str:
    """Leave out the small talk with which a line begins: `halo kak, mau tanya, jam buka?` → `jam buka?`."""
    plain = fold(line)
    if len(plain) != len(line):  # folding changed the length, so that places differ
        return line
    at = 0
    while (match := _talks().opener.match(plain, at)) and at < match.end() < len(plain):
        at = match.end()
    return line[at:]


# Mood


@cache
def _moods() -> Mapping[Mood, re.Pattern[str]]:
    def words_of(key: str) -> str:
        words = sorted({word for data in _data("mood") for word in data.get(key, "").split()})
        return (
            "|".join(f"{re.escape(word[:-1])}\\w*" if word.endswith("*") else re.escape(word) for word in words)
            or _NEVER
        )

    complaints = rf"\b(?:{words_of('complaints')})\b|{_patterns('phrases', 'mood')}"
    return {"insult": re.compile(rf"\b(?:{words_of('insults')})\b"), "complaint": re.compile(complaints)}


def mood(line: str) -> Mood | None:
    """Tell whether a line insults or complains: `kecewa banget`, `the room was dirty`, `😡`."""
    plain = fold(line)
    if any(sign in plain for sign in _signs("angry")):
        return "complaint"
    return next((kind for kind, pattern in _moods().items() if pattern.search(plain)), None)


# Several questions


@cache
def _joins() -> re.Pattern[str]:
    words = sorted({re.escape(word) for data in sections("answers") for word in data.get("joins", ())})
    return re.compile(
        rf"(?<!\s)\s*+[,;&+]\s*+(?:(?:{'|'.join(words)})\b\s*+)?|(?<!\s)\s++(?:{'|'.join(words)})\s+", re.IGNORECASE
    )


def questions_in(sentence: str) -> list[str]:
    """Split a sentence into the questions that it may join: `harga latte, jam buka, sama alamatnya?`.

    Args:
        sentence: of a customer.

    Returns:
        The parts that say what they are about, in order; the sentence alone when it joins nothing.
    """
    parts = [part.strip() for part in _joins().split(sentence)]
    telling = [part for part in parts if content(part) or hints(part)]
    return telling if len(telling) > 1 else [sentence]


# What replies say


@cache
def _dont_know() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_patterns('dont_know')})", re.IGNORECASE)


def says_dont_know(text: str) -> bool:
    """Tell whether a reply admits that it does not have the answer: `kami belum punya informasinya`, `I'm not sure`."""
    return _dont_know().search(text) is not None


@cache
def reply_words(kind: str) -> re.Pattern[str]:
    """Compile what replies say of one kind, in every language: the patterns of a key of the section `replies`, as whole words.

    Args:
        kind: the key, for example `refuses`.
    """
    return re.compile(rf"(?<!\w)(?:{pattern('replies', kind)})(?!\w)", re.IGNORECASE)


def opens(text: str, kind: str) -> bool:
    """Tell whether a reply begins with words of a kind: `Maaf, …` with `regrets`. Kinds as in `reply_words`."""
    first = _FILLED.search(text)
    return first is not None and reply_words(kind).match(text, first.start()) is not None
