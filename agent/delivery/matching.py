"""Match a delivery with the messages that the platform lists, by what they say, not letter by letter.

A platform need not list what it was given: it leaves fields out (the tag), trims texts, and keeps files under its own address.
Taking a message for another's would send it twice.
"""

import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from messaging.types import Email, File, Outbound, PlatformMessage, QuickReplies, Template, Text

_MARGIN = timedelta(hours=2)
"""How far the platform's clock and ours may be apart; what is listed as older than that was there before."""

_OTHERS = frozenset({"user", "workflow", "broadcast", "ai_agent"})
"""Senders that are not this program; ours are listed as `api`, or with no sender at all."""


def since(created_at: datetime) -> datetime:
    """From when on the trace of a delivery written at `created_at` can be found."""
    return created_at - _MARGIN


def is_ours(listed: PlatformMessage, content: Outbound, created_at: datetime, known: Collection[str]) -> bool:
    """Tell whether a message that the platform lists is the delivery of `content`.

    Args:
        created_at: when the delivery was queued; what was sent long before is not it.
        known: the platform's ids of the contact's messages that are accounted for: of other deliveries.
    """
    return (
        listed.direction == "outgoing"
        and listed.id not in known
        and listed.sender_source not in _OTHERS
        and (listed.at is None or listed.at >= since(created_at))
        and listed.content is not None
        and says_the_same(listed.content, content)
    )


def says_the_same(listed: Outbound, ours: Outbound) -> bool:
    """Tell whether two messages are the same to the customer who reads them."""
    match listed, ours:
        case Text(), Text():
            return _plain(listed.text) == _plain(ours.text)
        case File(), File():
            same = not listed.url or listed.url == ours.url or _name(listed.url) == _name(ours.url)
            return same and listed.kind == ours.kind  # one without an address was uploaded
        case QuickReplies(), QuickReplies():
            replies = [_plain(reply) for reply in listed.replies]
            same = not replies or replies == [_plain(reply) for reply in ours.replies]
            return same and _plain(listed.title) == _plain(ours.title)
        case Email(), Email():
            same = listed.subject is None or _plain(listed.subject) == _plain(ours.subject or "")
            return same and _plain(listed.text) == _plain(ours.text)
        case Template(), Template():  # listed with its components, whichever way it was given
            return (listed.name, listed.language, listed.texts) == (ours.name, ours.language, ours.texts)
    return listed == ours


def _plain(text: str) -> str:
    """A text without differences in blanks, line ends and ways to write the same letter."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _name(url: str) -> str:
    """The name of a file in an address, without its endings: a platform adds one, and a signature behind it."""
    return PurePosixPath(unquote(urlsplit(url).path)).name.partition(".")[0] or url
