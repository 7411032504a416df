"""Whether a draft tells what the passages say, by a second reading of them: that of the offline model, which only quotes.

A weak model answers another question, agrees to whatever is asked, or makes up what no passage holds. The quotes of the offline model are
what the documents say to the customer's questions. A draft that tells nothing of them, and nothing else that stands anywhere, is told so to
the model; if it comes again, the quotes are sent in its place, or that the answer is not known.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from actions.prices import names_any
from actions.sentences import clauses, plain
from agent.models.offline import dialogue as offline
from agent.models.offline.model import Reading, answer, cited, reading
from agent.models.offline.quote import asks, counts, sentences_of, weight_of
from agent.models.offline.sayings import say
from agent.turn.context import TurnContext
from agent.turn.relevance import Fault
from language.detect import detect, names_a_language
from language.intents import opens, questions_in, reply_words, says_dont_know, small_talk, wants_human
from language.lexicon import KNOWN, content, names, vocabulary, weight
from language.numbers import numbers

if TYPE_CHECKING:
    from decimal import Decimal

    from langchain_core.messages import BaseMessage

    from actions.prices import Known
    from language.lexicon import Vocabulary

_SURE: Final = 0.9
"""Cover from which on a quote surely is about the question."""
_LIKELY: Final = 0.75
"""Cover from which on a quote is told beside that something is not known."""
_WHOLLY: Final = 0.99
"""Cover from which on what a quote says of a price counts more than that the model knows none."""
_MOST: Final = 2 / 3
"""Share of what is asked that a sentence holds which says yes to it."""
_TELLING: Final = 0.6
"""Weight of a word from which on it says something."""


@dataclass(frozen=True)
class Held:
    """What a draft is held against, read when it is needed.

    Attributes:
        turn: with its passages and values.
        messages: what the model was asked with.
        name: of the agent.
        gather: collects what the business and its systems have said beside passages.
    """

    turn: TurnContext
    messages: "Sequence[BaseMessage]"
    name: str
    gather: Callable[[], "Known"]

    @cached_property
    def elsewhere(self) -> "Known":
        """What the business and its systems have said beside passages, and what the customer has."""
        return self.gather()

    @cached_property
    def dialogue(self) -> offline.Dialogue:
        """The conversation as the offline model reads it."""
        return offline.read(self.messages, (), self.turn.values)

    @cached_property
    def reading(self) -> Reading | None:
        """What the passages say to what is asked; `None` where nothing is."""
        return reading(self.dialogue)

    @cached_property
    def answer(self) -> str:
        """What the offline model would say: quotes, that it does not know, or small talk."""
        return answer(self.dialogue, self.name).text

    @property
    def quoted(self) -> str:
        """What the passages surely say to what is asked; empty where they surely say nothing."""
        found = self.reading
        sure = found is not None and any(quote.cover >= _SURE for quote in found.quotes)
        return self.answer if sure else ""

    @cached_property
    def prose(self) -> "list[tuple[str, Vocabulary]]":
        """The sentences of the passages, each with its words and those of the headings over it."""
        return [
            (each, vocabulary(f"{passage.title}\n{each}"))
            for passage in self.dialogue.passages
            for each in sentences_of(passage)
        ]

    @property
    def foreign(self) -> bool:
        """Whether the passages are in another language than the customer writes."""
        return bool(self.passages) and (detect(self.passages) == "en") != (self.dialogue.language == "en")

    @property
    def asked(self) -> str:
        """What the customer says now."""
        return "\n".join(self.turn.typed) or self.turn.text

    @property
    def passages(self) -> str:
        """The passages as the model reads them."""
        return self.turn.retrieved.passages


def fault(text: str, held: Held) -> Fault | None:
    """Find what a draft misses of what the passages say, or says without any of them.

    Args:
        text: the draft.
        held: what it is held against.
    """
    turn, asked = held.turn, held.asked
    if reply_words("deaf").search(text):
        told = f"Your draft says that no message came, but the customer writes {asked[:300]!r}. It was not sent. Answer that."
        return Fault(told, text[:80], grave=True, instead=held.answer)
    if turn.acted or turn.retrieved.needs_human or names_a_language(asked):
        return None
    if turn.handed_over:
        return _beside_handover(text, held)
    if all(small_talk(line) is not None for line in asked.splitlines()):
        return _of_small_talk(text, held)
    own, figures = _own(text, asked)
    if turn.results and _stands(own, figures, [json.dumps(turn.results, default=str)]):
        return None
    known = held.elsewhere
    supported = _stands(own, figures, [held.passages, turn.instructions, *known.business[1:], *known.results])
    lacks = counts(asked) and not names_any(text)
    if (
        wrong := _wordless(text, held) or _contradicted(text, held) or _unheard_of(text, held, supported=supported)
    ) is not None:
        return wrong
    if (supported and not lacks and not says_dont_know(text) and not _asks_several(asked)) or held.reading is None:
        return None
    return _missed(text, held, held.reading, supported=supported) or _unsupported(text, held, supported=supported)


def _beside_handover(text: str, held: Held) -> Fault | None:
    """A draft that says nothing, or what is not so, although a colleague who was called is not needed for what the passages say."""
    wrong = _contradicted(text, held) or _unheard_of(text, held, supported=False)
    evades = says_dont_know(text) or opens(text, "regrets") or reply_words("helpless").search(text)
    if not held.quoted or not (wrong or evades) or any(map(wants_human, held.asked.splitlines())):
        return replace(wrong, instead="") if wrong else None
    told = f"The passages say: {held.quoted[:300]!r}. A colleague is called already. Tell the customer that until then."
    return Fault(told, text[:80], grave=False, instead=held.quoted)


def _of_small_talk(text: str, held: Held) -> Fault | None:
    """A greeting, or thanks, needs no regret."""
    if not (says_dont_know(text) or opens(text, "regrets")):
        return None
    told = (
        f"The customer only writes {held.asked[:100]!r}: nothing to be sorry for. Your draft was not sent. Answer in kind, and ask what "
        "they need."
    )
    return Fault(told, text[:80], grave=True, instead=held.answer)


def _wordless(text: str, held: Held) -> Fault | None:
    """A bare number that no quote holds, or other signs without a word."""
    if any(map(str.isalpha, text)) or (
        held.reading and any(numbers(text) & numbers(quote.text) for quote in held.reading.quotes)
    ):
        return None
    return Fault(
        "Your draft holds no word and was not sent. Answer in a sentence.", text[:80], grave=True, instead=held.answer
    )


def _contradicted(text: str, held: Held) -> Fault | None:
    """A draft that only affirms what a passage rules out, or only denies what one says: `Bisa, bayar tunai` to `tidak menerima tunai`."""
    if text.rstrip().endswith("?") or says_dont_know(text):
        return None
    against = (_says_yes if reply_words("refuses").search(text) else _rules_out)(text, held)
    if against is None:
        return None
    hint = f"The passages say: {against[:300]!r}. Your draft says otherwise and was not sent. Write the reply again from that."
    instead = held.quoted if against in held.quoted else say("notes", held.dialogue.language, text=against)
    return Fault(hint, text[:80], grave=True, instead=instead)


def _rules_out(text: str, held: Held) -> str | None:
    """The sentence of the passages that rules out what a draft affirms; none where another clause grants it."""
    refuses, said, written = reply_words("refuses"), vocabulary(held.asked), vocabulary(text)
    told = [(sentence, clause.text) for sentence, _ in held.prose for clause in clauses(plain(sentence))]
    granted = [vocabulary(clause) for _, clause in told if not refuses.search(clause)]
    for sentence, clause in told:
        words = _subject(clause) if refuses.search(clause) else []
        named = [word for word in words if said.has(word) or written.has(word)]
        if not any(map(said.has, named)) or 2 * len(named) < len(words):
            continue
        if not any(all(map(each.has, named)) for each in granted):
            return sentence
    return None


def _says_yes(text: str, held: Held) -> str | None:
    """The sentence of the passages that says what a draft denies; none where the draft gives a reason, or another clause denies it too."""
    refuses, asked = reply_words("refuses"), held.asked
    own, figures = _own(text, asked)
    parts = [clause for clause in clauses(plain(text)) if not clause.asks]
    reasons = [word for word in own if weight_of(word) >= _TELLING]
    if not parts or not refuses.search(parts[0].text) or numbers(asked) or _stands(reasons, figures, [held.passages]):
        return None
    affirmed = [word for clause in parts if not refuses.search(clause.text) for word in content(clause.text)]
    told = (clause.text for sentence, _ in held.prose for clause in clauses(plain(sentence)))
    denied, words = [vocabulary(clause) for clause in told if refuses.search(clause)], _subject(asked)
    for sentence, holds in held.prose:
        named = [word for word in words if holds.has(word)]
        if not named or len(named) < _MOST * len(words) or refuses.search(sentence) or any(map(holds.has, affirmed)):
            continue
        if not any(any(map(each.has, named)) for each in denied):
            return sentence
    return None


def _unheard_of(text: str, held: Held, *, supported: bool) -> Fault | None:
    """A yes to what the customer names and nothing else does: `Bisa, kami antar ke Kendal`."""
    asked = held.asked
    if not opens(text, "agrees") or reply_words("refuses").search(text) or not asks(asked):
        return None
    said, known = vocabulary(asked), held.elsewhere
    sources = [held.passages, *known.business, *known.results]
    rare = names(asked) | names(text) if held.foreign else [word for word in _telling(text) if word not in KNOWN]
    named = [word for word in _telling(text) if word in rare and said.has(word)]
    unknown = [word for word in named if not _stands([word], set(), sources)]
    if not unknown:
        return None
    hint = (
        f"Your draft says yes to {unknown[0]!r}, which stands in no instruction, passage or result, and was not sent. Say what they say, "
        "or that you don't know, and offer to ask a colleague."
    )
    return Fault(hint, text[:80], grave=not supported, instead="" if supported else held.answer)


def _missed(text: str, held: Held, found: Reading, *, supported: bool) -> Fault | None:
    """A draft without a word of what the passages say to a question."""
    sure = [quote for quote in found.quotes if quote.cover >= (_LIKELY if says_dont_know(text) else _SURE)]
    words, figures = _own(text, held.asked if len(sure) < 2 else "")
    priced = names_any(text)  # what follows from amounts that stand somewhere was checked before
    numbered = counts(held.asked) and len(sure) < 2

    def tells(quote: str) -> bool:
        if priced and names_any(quote):
            return True
        return bool(figures & numbers(quote)) if numbered and numbers(quote) else _stands(words, figures, [quote])

    missed = [each for each in sure if not tells(each.text)]
    if not missed:
        return None
    quoted = " / ".join(quote.text[:300] for quote in missed)
    told = (
        f"The passages say: {quoted!r}. Your draft tells nothing of that and was not sent. If it answers the customer, write the reply "
        "from it, with an answer to each question; if it does not, say what you know, and that you don't know the rest."
    )
    if len(missed) < len(sure):
        parts = [text, *(cited(quote, held.dialogue) for quote in missed)]
        return Fault(told, text[:80], grave=True, instead="\n\n".join(parts))
    insists = says_dont_know(text) and not (numbered and all(quote.cover >= _WHOLLY for quote in missed))
    if insists and not supported:
        noted = say("notes", held.dialogue.language, text="\n".join(quote.text for quote in missed))
        return Fault(told, text[:80], grave=False, instead=f"{text}\n\n{noted}")
    if (supported and not numbered) or insists:
        return Fault(told, text[:80], grave=False)
    return Fault(told, text[:80], grave=True, instead=held.answer)


def _unsupported(text: str, held: Held, *, supported: bool) -> Fault | None:
    """A draft that answers a question, and of which nothing stands anywhere."""
    found = held.reading
    if supported or found is None or not (found.quotes or found.unanswered) or names_any(text):
        return None
    if text.rstrip().endswith("?") or says_dont_know(text):
        return None
    if held.passages and not any(_own(text, held.asked)):
        return None  # a yes to what passages may say in other words
    if opens(text, "agrees") and _affirmed(held):
        return None
    of_us = reply_words("of_us").search(text) or reply_words("to_us").search(held.asked)
    if not (held.passages or of_us or opens(text, "agrees")):
        return None
    told = (
        "Nothing of what your draft says stands in the instructions, the passages or a result, so it was not sent. If none of them holds "
        "the answer, say that you don't know and offer to ask a colleague."
    )
    if held.foreign or reply_words("refuses").search(text):  # what it says may follow from what is not there
        return Fault(told, text[:80], grave=False)
    return Fault(told, text[:80], grave=True, instead=held.answer)


def _affirmed(held: Held) -> bool:
    """Whether a sentence of the passages says of all that is asked that it is so."""
    asked = _subject(held.asked)
    said = (words for each, words in held.prose if not reply_words("refuses").search(each))
    return bool(asked) and any(all(map(words.has, asked)) for words in said)


def _asks_several(asked: str) -> bool:
    return asked.count("?") > 1 or len(asked.splitlines()) > 1 or len(questions_in(asked)) > 1


def _own(text: str, asked: str) -> tuple[list[str], "set[Decimal]"]:
    """The telling words of a draft, and its numbers, that are not the customer's."""
    said = vocabulary(asked)
    return [word for word in _telling(text) if not said.has(word)], numbers(text) - numbers(asked)


def _telling(text: str) -> list[str]:
    return [word for word in content(text) if not word.isdigit() and weight(word) >= _TELLING]


def _subject(text: str) -> list[str]:
    """The telling words without those that any question may have."""
    return [word for word in _telling(text) if weight_of(word) >= _TELLING]


def _stands(words: Sequence[str], figures: "set[Decimal]", sources: Sequence[str]) -> bool:
    """Whether any of the words or numbers stands in a source."""
    told = [source for source in sources if source]
    return any(vocabulary(source).has(word) for source in told for word in words) or (
        bool(figures) and any(figures & numbers(source) for source in told)
    )
