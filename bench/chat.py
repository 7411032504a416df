"""Makes written questions look as if they were typed on a phone: small letters, no punctuation, short forms, slips, dropped vowels."""

import random
import re
import zlib

from language.lexicon import SLANG

_SHORTS: dict[str, list[str]] = {}
for _short, _meanings in SLANG.items():
    for _meaning in _meanings:
        _SHORTS.setdefault(_meaning, []).append(_short)

SHORTENED, SLIPPED, SQUEEZED = 0.8, 0.15, 0.10  # shares of words


def as_chat(text: str, language: str) -> str:
    """The same text always becomes the same noise."""
    plain = re.sub(r"\s+", " ", re.sub(r"[^\w\s'&%-]", " ", text.lower())).strip()
    dice = random.Random(zlib.crc32(plain.encode()))
    said = " ".join(_typed(word, dice) for word in plain.split())
    closing = ["ya", "kak", "dong", "min"] if language in ("id", "ms") else ["pls", "thx", "sir"]
    return f"{said} {dice.choice(closing)}" if dice.random() < 0.3 else said


def _typed(word: str, dice: random.Random) -> str:
    if word in _SHORTS and dice.random() < SHORTENED:
        return dice.choice(_SHORTS[word])
    if not (word.isascii() and word.isalpha()):
        return word
    chance = dice.random()
    if len(word) >= 4 and chance < SLIPPED:
        at = dice.randrange(1, len(word) - 1)
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return dice.choice([swapped, word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]])
    if len(word) >= 5 and chance < SLIPPED + SQUEEZED:
        return word[0] + re.sub("[aeiou]", "", word[1:-1]) + word[-1]
    return word
