"""What a message answers to a question that wants a yes: consent, refusal, words that leave it open, or something else.

    consent("iya, lanjut aja kak, makasih", "Kirim pesanan KS-1?")         # "yes"
    consent("oke batalkan saja", "Kirim pesanan KS-1?")                    # "no"
    consent("ya kalau gratis ongkir", "Kirim pesanan KS-1?")               # None
    yes_or_no("yes, cancel it because I moved", "Batalkan pesanan KS-1?")  # "yes"

A text is read clause by clause. The first clause with a verdict decides, and what follows is a comment as long as it adds no
condition, question, value or change. A reason ("karena ...", "since ...") says nothing about the verdict. A word of undoing never
says yes to doing. The words are those of the section `[consent]` of the data files. The rules bar what is no yes whatever else is said
(a question, a condition, a change, a retraction); everything else they only find traits of, and how likely a yes is among the answers that
were learnt (`language.answers`) decides, against a bar that is the higher the more speaks against it.
"""

import re
from typing import Final, Literal

from language.agreement import WORD, fold, kinds_of, shortened, tokenized, undoes, vocabulary, word_forms
from language.answers import likelihood
from language.clauses import Reading
from language.lexicon import STOPWORDS, content, forms
from language.reading import NEVER, read
from language.values import contains

Answer = Literal["yes", "no"]

_CODE: Final = re.compile(r"(?<![\w-])(?:[a-z]{1,6}-\d[\w-]{0,30}|[a-z]{1,6}\d{2,20}|#\w{1,30})")
"""The id of a thing: `KS-10345`, `rp77`; but not `iya2`."""

_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,100}")

_NUMBER: Final = re.compile(r"\d++(?:[.,:]\d++)*+(?! ?%)")


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
    found = read(text, asked)
    reading, bar, question = found.reading, found.bar, found.question
    if reading == "no" or bar == NEVER or not (reading or asked):
        return reading
    if asked and any(not contains(asked, code) for code in (*_CODE.findall(found.text), *_ADDRESS.findall(found.text))):
        return None  # "batalkan KS-1" to "Batalkan pesanan KS-2?"
    if question.undoing and any(number not in question.digits for number in _NUMBER.findall(found.text)):
        return reading and "open"  # "batalkan 1" to "Batalkan A1 dan A2?"
    return "yes" if likelihood(found) >= bar else "open" if reading else None


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
