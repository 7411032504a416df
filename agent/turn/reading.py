"""Whether a draft tells what the passages say, by a second reading of them: that of the offline model, which only quotes.

A weak model answers another question, agrees to whatever is asked, or makes up what no passage holds. The quotes of the offline model are
what the documents say to the customer's questions. A draft that tells nothing of them, and nothing else that stands anywhere, is told so to
the model; if it comes again, the quotes are sent in its place, or that the answer is not known.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from actions.prices import names_any
from agent.models.offline import dialogue as offline
from agent.models.offline.model import Reading, answer, cited, reading
from agent.models.offline.quote import Quote
from agent.turn.context import TurnContext
from agent.turn.relevance import Fault
from language.detect import detect, names_a_language
from language.intents import says_dont_know, small_talk
from language.lexicon import content, vocabulary, weight
from language.numbers import numbers

if TYPE_CHECKING:
    from decimal import Decimal

    from langchain_core.messages import BaseMessage

_SURE: Final = 0.9
"""Cover from which on a quote surely is about the question."""
_TELLING: Final = 0.6
"""Weight of a word from which on it says something."""
_REFUSES: Final = re.compile(
    r"\b(?:tidak|tak|bukan|belum|nggak|enggak|gak|ga|no|not|none|cannot|maaf|sorry|unfortunately|sayangnya)\b|n't\b",
    re.IGNORECASE,
)
_SORRY: Final = re.compile(r"\W{0,9}(?:maaf|sorry|unfortunately|sayangnya|i'?m sorry|i apologi[sz]e)\b", re.IGNORECASE)
_AGREES: Final = re.compile(
    r"\W{0,9}(?:ya|iya|yes|tentu|bisa|ada|boleh|dapat|of course|sure|certainly|absolutely)\b", re.IGNORECASE
)
_BUSINESS: Final = re.compile(
    r"\b(?:kami|kita|we|our|us|here|di sini|disini|tersedia|available)\b|\bwe'"
    r"|\b(?:saya|i) (?:(?:can|bisa|juga|also|do) )?(?:accept|have|offer|sell|deliver|menerima|punya|menjual)\b",
    re.IGNORECASE,
)
"""What speaks of the business, and not of the world."""
_DEAF: Final = re.compile(
    r"\b(?:belum|tidak|blm) (?:ada |men(?:erima|dapat(?:kan)?) |menemukan )(?:pesan|pertanyaan)\b(?! ?(?:an|dengan))"
    r"|\b(?:have not|haven't|has not|did not|didn't) (?:yet )?(?:receiv\w+|get|got|see|seen) (?:a|any|your) (?:messages?|questions?)\b",
    re.IGNORECASE,
)
"""A draft that has not heard what the customer has just said."""


@dataclass(frozen=True)
class Known:
    """What a draft is held against.

    Attributes:
        asked: what the customer says now.
        sources: what the business, its systems and colleagues say, without the passages.
        results: the part of it that systems and colleagues have said.
        passages: as the model reads them.
        dialogue: the conversation as the offline model reads it.
        name: of the agent.
    """

    asked: str
    sources: Sequence[str]
    results: Sequence[str]
    passages: str
    dialogue: offline.Dialogue
    name: str

    @cached_property
    def reading(self) -> Reading | None:
        """What the passages say to what is asked; `None` where nothing is."""
        return reading(self.dialogue)

    @cached_property
    def answer(self) -> str:
        """What the offline model would say: quotes, that it does not know, or small talk."""
        return answer(self.dialogue, self.name).text


def read(
    turn: TurnContext, messages: "Sequence[BaseMessage]", sources: Sequence[str], results: Sequence[str], name: str
) -> Known:
    """Put together what a draft is held against.

    Args:
        turn: with its passages and values.
        messages: what the model was asked with.
        sources: what the business says elsewhere than in passages.
        results: what systems and colleagues have said.
        name: of the agent.
    """
    read = offline.read(messages, (), turn.values)
    return Known("\n".join(turn.typed) or turn.text, sources, results, turn.retrieved.passages, read, name)


def fault(turn: TurnContext, text: str, known: Known) -> Fault | None:
    """Find what a draft misses of what the passages say, or says without any of them.

    Args:
        turn: with what was found and done.
        text: the draft.
        known: what it is held against.
    """
    if _DEAF.search(text):
        told = f"Your draft says that no message came, but the customer writes {known.asked[:300]!r}. It was not sent. Answer that."
        return Fault(told, text[:80], grave=True, instead=known.answer)
    said = known.dialogue.said
    if said and not turn.acted and all(small_talk(line) is not None for line in said):
        return _of_small_talk(text, known)
    if turn.acted or turn.handed_over or turn.retrieved.needs_human or known.reading is None:
        return None
    return _against(text, known, known.reading)


def _of_small_talk(text: str, known: Known) -> Fault | None:
    """A greeting, or thanks, needs no regret."""
    if not (says_dont_know(text) or _SORRY.match(text)):
        return None
    told = (
        f"The customer only writes {known.asked[:100]!r}: nothing to be sorry for. Your draft was not sent. Answer in kind, and ask what "
        "they need."
    )
    return Fault(told, text[:80], grave=True, instead=known.answer)


def _against(text: str, known: Known, found: Reading) -> Fault | None:
    own, figures = _own(text, known.asked)
    if _stands(own, figures, known.results):
        return None
    sure = [quote for quote in found.quotes if quote.cover >= _SURE]
    words, numerals = (own, figures) if len(sure) < 2 else _own(text, "")
    priced = names_any(text)  # what follows from amounts that stand somewhere was checked before
    missed = [each for each in sure if not (_stands(words, numerals, [each.text]) or (priced and names_any(each.text)))]
    if missed:
        return _missed(
            text, known, missed, elsewhere=_stands(own, figures, (*known.sources, known.passages)), of=len(sure)
        )
    asks = found.quotes or found.unanswered
    if not asks or priced or text.rstrip().endswith("?") or says_dont_know(text) or _REFUSES.search(text):
        return None
    if _stands(own, figures, (*known.sources, known.passages)) or names_a_language(known.asked):
        return None
    if not (known.passages or _BUSINESS.search(text) or _AGREES.match(text)):
        return None
    told = (
        "Nothing of what your draft says stands in the instructions, the passages or a result, so it was not sent. If none of them holds "
        "the answer, say that you don't know and offer to ask a colleague."
    )
    foreign = known.passages and (detect(known.passages) == "en") != (known.dialogue.language == "en")
    return Fault(told, text[:80], grave=not foreign, instead="" if foreign else known.answer)


def _missed(text: str, known: Known, missed: Sequence[Quote], *, elsewhere: bool, of: int) -> Fault:
    """A draft without a word of what the passages say to a question."""
    quoted = " / ".join(quote.text[:300] for quote in missed)
    told = (
        f"The passages say: {quoted!r}. Your draft tells nothing of that and was not sent. If it answers the customer, write the reply "
        "from it, with an answer to each question; if it does not, say what you know, and that you don't know the rest."
    )
    if len(missed) < of:
        parts = [text, *(cited(quote, known.dialogue) for quote in missed)]
        return Fault(told, text[:80], grave=True, instead="\n\n".join(parts))
    if elsewhere or says_dont_know(text):
        return Fault(told, text[:80], grave=False)
    return Fault(told, text[:80], grave=True, instead=known.answer)


def _own(text: str, asked: str) -> tuple[list[str], "set[Decimal]"]:
    """The telling words of a draft, and its numbers, that are not the customer's."""
    said = vocabulary(asked)
    words = [word for word in content(text) if not word.isdigit() and weight(word) >= _TELLING and not said.has(word)]
    return words, numbers(text) - numbers(asked)


def _stands(words: Sequence[str], figures: "set[Decimal]", sources: Sequence[str]) -> bool:
    """Whether any of the words or numbers stands in a source."""
    for source in sources:
        if not source:
            continue
        own = vocabulary(source)
        if any(own.has(word) for word in words) or figures & numbers(source):
            return True
    return False
