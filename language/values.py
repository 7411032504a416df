"""Values in a customer's words: the same order number, name or telephone number, however it was written or said.

"KS-10345", "ks 10345" and "k s satu nol tiga empat lima" are one order number. Plain functions over text in any of the languages.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from language.numbers import as_digits, signs
from settings.phone import InvalidPhone, to_e164

_WORD = re.compile(r"[^\W\d_]+|\d+")
_SHORT = 400
"""Characters of a text that is split once for all values that are looked for in it; passages and instructions would fill the memory."""


def pieces(text: str) -> list[str]:
    """Split a text into runs of letters and runs of digits, in lower case: `"KS-10345"` → `["ks", "10345"]`."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def squash(text: str) -> str:
    """Reduce a text to its letters and digits: `"KS-10 345"` → `"ks10345"`."""
    return _short_squashed(text) if len(text) <= _SHORT else _squashed(text)


def _squashed(text: str) -> str:
    return "".join(pieces(text))


_short_squashed = lru_cache(1024)(_squashed)


def contains(text: str, value: str) -> bool:
    """Tell whether a value occurs in a text as whole words, apart from case, spaces, punctuation and spoken digits.

    `contains("k s strip satu nol tiga empat lima", "KS-10345")` is true; `contains("AKS-10345", "KS-10345")` is not.
    """
    target = squash(value)
    if not target:
        return False
    variants = _short_variants(text) if len(text) <= _SHORT else _variants(text)
    return any(target in written and _has_run(words, target) for words, written in variants)


def _variants(text: str) -> list[tuple[Sequence[str], str]]:
    """The words of a text as written, with digits for spoken ones, and without spoken signs; each apart and written together."""
    words = pieces(text)
    spoken, silent = as_digits(words), signs()
    variants = [words]
    for other in (spoken, [word for word in spoken if word not in silent]):
        if other != variants[-1]:
            variants.append(other)
    return [(each, "".join(each)) for each in variants]


_short_variants = lru_cache(1024)(_variants)


def _has_run(words: Sequence[str], target: str) -> bool:
    """Whether neighbouring words written together are the target."""
    for start, word in enumerate(words):
        if not target.startswith(word):
            continue
        rest = target[len(word) :]
        for following in words[start + 1 :]:
            if not rest or not rest.startswith(following):
                break
            rest = rest[len(following) :]
        if not rest:
            return True
    return False


def as_phone(text: str, region: str) -> str | None:
    """Read a text that is nothing but a telephone number.

    Args:
        text: as written.
        region: the country (ISO 3166-1 alpha-2) whose numbers are written without its code.

    Returns:
        E.164: `0812-3456-7890` → `+6281234567890` in `ID`; None where it is no possible number.
    """
    if not re.fullmatch(r"\s*\+?[\d\s().-]{7,20}", text):
        return None
    try:
        return to_e164(text, region)
    except InvalidPhone:
        return None


def phones(text: str, region: str) -> set[str]:
    """Find the telephone numbers in a text, as E.164; spoken digits count. `region` as in `as_phone`."""
    plain = unicodedata.normalize("NFKC", text)
    spoken = " ".join(as_digits(re.findall(r"\+|[^\W\d_]+|\d+", plain.casefold())))
    runs = [run for variant in (plain, spoken) for run in re.findall(r"\+?\d[\d\s().-]{5,24}\d", variant)]
    return {number for run in runs if (number := as_phone(re.sub(r"\s+", "", run), region)) is not None}
