"""What a short message means: asking for a human, small talk, not knowing an answer.

    wants_human("mau ngomong sama admin dong")  # True
    small_talk("makasih ya kak")  # "thanks"

Plain functions over text in any of the languages, slang included. The words are those of the section `[intents]` of the data files.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args

from language.tables import sections
from language.tokens import fold

SmallTalk = Literal["identity", "ability", "wellbeing", "thanks", "goodbye", "greeting"]

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
    return {kind: re.compile(rf"\A{around}(?:{pattern}){around}") for kind, pattern in patterns.items()}


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
