"""Values in a customer's words: the same order number, name or telephone number, however it was written or said.

"KS-10345", "ks 10345" and "k s satu nol tiga empat lima" are one order number. Plain functions over text in any of the languages.
"""

import re
import unicodedata
from collections.abc import Sequence

from language.numbers import as_digits, signs
from settings.phone import InvalidPhone, to_e164

_WORD = re.compile(r"[^\W\d_]+|\d+")


def pieces(text: str) -> list[str]:
    """Split a text into runs of letters and runs of digits, in lower case: `"KS-10345"` → `["ks", "10345"]`."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def squash(text: str) -> str:
    """Reduce a text to its letters and digits: `"KS-10 345"` → `"ks10345"`."""
    return "".join(pieces(text))


def contains(text: str, value: str) -> bool:
    """Tell whether a value occurs in a text as whole words, apart from case, spaces, punctuation and spoken digits.

    `contains("k s strip satu nol tiga empat lima", "KS-10345")` is true; `contains("AKS-10345", "KS-10345")` is not.
    """
    target = squash(value)
    if not target:
        return False
    words = pieces(text)
    spoken, silent = as_digits(words), signs()
    return any(
        _has_run(variant, target) for variant in (words, spoken, [word for word in spoken if word not in silent])
    )


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
