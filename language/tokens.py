"""Text as words and as character grams, folded so that spelling, accents and ways of writing a number make no difference."""

import re
import unicodedata
from functools import lru_cache

GRAM = 4
"""Characters of a gram."""

# Scripts written without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han (Hangul has spaces but short words).
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
# Vowel signs of Indic scripts are not \\w, yet belong to their word.
_TOKEN = re.compile(r"[\w\u0900-\u0dff]+")
_MIXED = re.compile(rf"[{_SPACELESS}]+|(?:(?![{_SPACELESS}])[\w\u0900-\u0dff])+")
_RUN = re.compile(rf"[{_SPACELESS}]")
_LETTERS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_DIGIT = re.compile("[0-9]")
_ACCENT = re.compile("[\u0300-\u036f]")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:[.,]\d{3})+)(?![\d])(?:,00?(?!\d))?")
_MULTIPLE = re.compile(r"(?<![\w.,])(?:rp\.?\s?)?(\d{1,4})(?:[.,](\d))?\s?(rb|ribu|k|jt|juta)(?!\w)")
_MONEY = re.compile(r"\b(?:rp|idr|rm|myr)\.?\s?(?=\d)")
# The same in a form that scans fast, for most texts hold neither.
_SUFFIXED = re.compile(r"[0-9]\s?(?:rb|ribu|k|jt|juta)(?!\w)")
_PRICED = re.compile(r"[pmr]\.?\s?[0-9]")
_TIMES = {"rb": 1_000, "ribu": 1_000, "k": 1_000, "jt": 1_000_000, "juta": 1_000_000}
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")


def fold(text: str) -> str:
    """Write in lower case, without accents, compatibility forms made plain."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", text)))


def normal(text: str) -> str:
    """Fold a text and write its apostrophes and amounts one way: `25.000`, `Rp25rb` and `25k` all become `25000`."""
    text = fold(text)
    if "'" in text or "’" in text:
        text = _APOSTROPHE.sub("", text)
    if _DIGIT.search(text):
        if "." in text or "," in text:
            text = _THOUSANDS.sub(_joined, text)
        if _SUFFIXED.search(text):
            text = _MULTIPLE.sub(_multiplied, text)
        if _PRICED.search(text):
            text = _MONEY.sub("", text)
    return text


def _joined(match: re.Match[str]) -> str:
    return match[1] + match[2].replace(".", "").replace(",", "")


def _multiplied(match: re.Match[str]) -> str:
    times = _TIMES[match[3]]
    return str(int(match[1]) * times + int(match[2] or 0) * times // 10)


def words(text: str) -> list[str]:
    """Split a text into normal words, in order; a run of a script without spaces is one long word."""
    return tokens(normal(text))


def tokens(text: str) -> list[str]:
    """Split a text that is normal already into its words."""
    return (_MIXED if _RUN.search(text) else _TOKEN).findall(text)


def spelled(text: str) -> list[str]:
    """Split a folded text into words of letters alone, apostrophes kept: `i'll`, `don't`."""
    return _LETTERS.findall(text.replace("’", "'"))


@lru_cache(maxsize=200_000)
def grams(word: str) -> tuple[str, ...]:
    """Cut a word into the character 4-grams of `" word "`.

    A script without spaces is cut into bigrams, for its words have no visible beginning.
    """
    if is_spaceless(word):
        return tuple(word[at : at + 2] for at in range(len(word) - 1)) or (word,)
    padded = f" {word} "
    if len(padded) <= GRAM:
        return (padded,)
    return tuple([padded[at : at + GRAM] for at in range(len(padded) - GRAM + 1)])


def is_spaceless(word: str) -> bool:
    """Whether a word begins in a script that is written without spaces."""
    return bool(_RUN.match(word))
