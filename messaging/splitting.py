"""Long texts in pieces that a channel accepts: cut between paragraphs, lines, sentences or words, in this order of liking.

Never inside a word or an address on the web, and never inside a formatted stretch (`*bold*`, `_italic_`, `~struck~`, code)
unless that stretch alone is longer than a piece may be.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from messaging.formatting import for_channel


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest text of one message. Characters are UTF-16 units, as the platforms count them: an emoji is two or more."""

    most: int
    unit: Literal["characters", "bytes"] = "characters"

    def size(self, text: str) -> int:
        """How much of the limit `text` takes."""
        if self.unit == "bytes":
            return len(text.encode("utf-8", "replace"))
        return len(text) + sum(character > "\uffff" for character in text)


_WHATSAPP = Limit(4096)
_LIMITS = {
    "instagram": Limit(1000, "bytes"),
    "facebook": Limit(2000),
    "telegram": Limit(4096),
    "viber": Limit(7000),
    "line": Limit(5000),
    "custom_channel": Limit(4096),
    "gmail": Limit(100_000),
    "other_email": Limit(100_000),
}
_UNKNOWN = Limit(1000)


def limit_of(source: str | None) -> Limit:
    """The limit of a channel by its `source`; 1,000 for one that is new to us, WhatsApp's when the channel is not known."""
    if source is None or "whatsapp" in source.lower():
        return _WHATSAPP
    return _LIMITS.get(source.lower(), _UNKNOWN)


_SPANS = re.compile(
    r"```.+?```|`[^`\n]+`"
    r"|(?<![\w*])\*(?=\S)[^*\n]*?\S\*(?![\w*])"
    r"|(?<![\w_])_(?=\S)[^\n]*?\S_(?![\w_])"
    r"|(?<![\w~])~(?=\S)[^~\n]*?\S~(?![\w~])",
    re.DOTALL,
)
_SENTENCE = re.compile(r"[.!?…。！？]+[\"'”’)\]*_~]*(?=\s)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:jl|jln|no|nomor|rp|dr|drs|ir|prof|bpk|sdr|sdri|tn|ny|tgl|hlm|hal|kec|kab|kel|mr|mrs|ms|st|e\.g|i\.e|a\.n|u\.p|s\.d|vs|\d+)\.$",
    re.IGNORECASE,
)
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), _SENTENCE, re.compile(r"[,;:]\s|\s[–—-]\s"), re.compile(r"\s"))


def messages_of(markdown: str, source: str | None) -> list[str]:
    """A text in the formatting of a channel, in as many messages as its length takes there."""
    return split(for_channel(markdown, source), limit_of(source))


def split(text: str, limit: Limit | int) -> list[str]:
    """The pieces of `text`, in order, none over `limit` (a bare number means characters) and none blank.

    Nothing is lost but the white space at the cuts. A text that fits stays as it is.

    Raises:
        ValueError: the limit is smaller than one character can be.
    """
    bound = Limit(limit) if isinstance(limit, int) else limit
    if bound.most < 4:
        raise ValueError(f"a limit of {bound.most} {bound.unit} holds no text")
    rest = text.strip()
    pieces: list[str] = []
    while bound.size(rest) > bound.most:
        end = _cut(rest, _room(rest, bound))
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    if rest:
        pieces.append(rest)
    return pieces


def shorten(text: str, limit: Limit | int) -> str:
    """The beginning of `text`, ended by `…` where something was left out."""
    bound = Limit(limit) if isinstance(limit, int) else limit
    if bound.size(text.strip()) <= bound.most:
        return text.strip()
    return split(text, Limit(bound.most - bound.size("…"), bound.unit))[0] + "…"


def _room(text: str, limit: Limit) -> int:
    """How many characters from the start fit; found by halving, as sizes grow with length."""
    low, high = 1, min(len(text), limit.most)
    while low < high:
        middle = (low + high + 1) // 2
        if limit.size(text[:middle]) <= limit.most:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, room: int) -> int:
    """Where the first piece ends, at most `room` characters in."""
    closed = list(_inside(text, room))
    for spans in (closed, []):
        for pattern in _BREAKS:
            places = [end for end in _ends(pattern, text, room) if not any(a < end < b for a, b in spans)]
            # A cut that leaves a tiny piece is worse than a cut at a lesser place.
            if places and (places[-1] >= room // 3 or (pattern is _BREAKS[-1])):
                return places[-1]
    return _between_characters(text, room)


def _ends(pattern: re.Pattern[str], text: str, room: int) -> list[int]:
    """Where `pattern` lets the first piece end, nearest last."""
    ends = []
    for match in pattern.finditer(text, 0, min(len(text), room + 1)):
        end = match.end() if pattern is _SENTENCE else match.start() if match.group().isspace() else match.start() + 1
        if pattern is _SENTENCE and _ABBREVIATION.search(text, max(0, match.end() - 12), match.end()):
            continue
        if 0 < end <= room and text[:end].strip():
            ends.append(end)
    return ends


def _inside(text: str, room: int) -> Iterator[tuple[int, int]]:
    """Formatted stretches around the first `room` characters."""
    for match in _SPANS.finditer(text):
        if match.start() > room:
            return
        yield match.span()


def _between_characters(text: str, room: int) -> int:
    """For a word longer than a whole piece: at least no character is torn from its accents, skin tone or joiner."""
    end = room
    while end > 1 and (
        unicodedata.combining(text[end])
        or text[end] in "\u200d\ufe0f"
        or text[end - 1] == "\u200d"
        or "\U0001f3fb" <= text[end] <= "\U0001f3ff"
    ):
        end -= 1
    return end if end > 1 else room
