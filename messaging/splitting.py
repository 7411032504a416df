"""Long texts in pieces that a channel accepts: cut between paragraphs, lines, sentences or words, in this order of preference.

Never inside a word or a URL, and never inside a formatted stretch (`*bold*`, `_italic_`, `~struck~`, code)
unless that stretch alone is longer than a piece may be.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from messaging.formatting import for_channel
from messaging.types import ChannelKind, kind_of


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest text of one message. Characters are UTF-16 units, as the platforms count them: an emoji is two or more."""

    most: int
    unit: Literal["characters", "bytes"] = "characters"

    def size(self, text: str) -> int:
        """Measure `text` in the unit of the limit."""
        if self.unit == "bytes":
            return len(text.encode("utf-8", "replace"))
        return len(text) + sum(character > "\uffff" for character in text)


_LIMITS = {
    ChannelKind.WHATSAPP: Limit(4096),
    ChannelKind.WHATSAPP_DEVICE: Limit(4096),
    ChannelKind.INSTAGRAM: Limit(1000, "bytes"),
    ChannelKind.FACEBOOK: Limit(2000),
    ChannelKind.TELEGRAM: Limit(4096),
    ChannelKind.VIBER: Limit(7000),
    ChannelKind.LINE: Limit(5000),
    ChannelKind.CUSTOM: Limit(4096),
    ChannelKind.EMAIL: Limit(100_000),
    ChannelKind.UNKNOWN: Limit(4096),  # taken for WhatsApp
}
_OTHER = Limit(1000)


def limit_of(source: str | None) -> Limit:
    """Look up the longest text of a channel.

    Args:
        source: the platform's name of the channel; `None` counts as WhatsApp, one that is new to us takes 1,000 characters.
    """
    return _LIMITS.get(kind_of(source), _OTHER)


_SPANS = re.compile(
    r"```.+?```|`[^`\n]+`"
    r"|(?<![\w*])\*(?=\S)[^*\n]*?\S\*(?![\w*])"
    r"|(?<![\w_])_(?=\S)[^\n]*?\S_(?![\w_])"
    r"|(?<![\w~])~(?=\S)[^~\n]*?\S~(?![\w~])",
    re.DOTALL,
)
_SENTENCE = re.compile(r"[.!?…。！？]{1,9}[\"'”’)\]*_~]{0,9}(?=\s)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:jl|jln|no|nomor|rp|dr|drs|ir|prof|bpk|sdr|sdri|tn|ny|tgl|hlm|hal|kec|kab|kel|mr|mrs|ms|st|e\.g|i\.e|a\.n|u\.p|s\.d|vs|\d+)\.$",
    re.IGNORECASE,
)
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), _SENTENCE, re.compile(r"[,;:]\s|\s[–—-]\s"), re.compile(r"\s"))


def messages_of(markdown: str, source: str | None) -> list[str]:
    """Write a text in the formatting of a channel, in as many messages as its length takes there.

    Args:
        markdown: the text.
        source: the platform's name of the channel; `None` counts as WhatsApp.
    """
    return split(for_channel(markdown, source), limit_of(source))


def split(text: str, limit: Limit | int) -> list[str]:
    """Split `text` into pieces, in order, none over `limit` and none blank.

    Nothing is lost but the white space at the cuts. A text that fits stays as it is.

    Args:
        text: the text, in the formatting of its channel.
        limit: the longest piece; a bare number means characters (UTF-16 units).

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
    """Cut `text` to `limit` (a bare number means characters), and end it with `…` where something was left out."""
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
    """For a word longer than a whole piece: at least no character is separated from its accents, skin tone or joiner."""
    end = room
    while end > 1 and (
        unicodedata.combining(text[end])
        or text[end] in "\u200d\ufe0f"
        or text[end - 1] == "\u200d"
        or "\U0001f3fb" <= text[end] <= "\U0001f3ff"
    ):
        end -= 1
    return end if end > 1 else room
