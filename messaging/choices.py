"""Answers to tap, on channels that have them; numbered lines on those that have not."""

from collections.abc import Sequence

_WITHOUT = frozenset({"email", "gmail", "sms", "twilio", "vonage", "messagebird", "bandwidth", "wechat"})


def takes_quick_replies(source: str | None) -> bool:
    """Whether a channel with this `source` shows answers to tap. One that is not known is taken for WhatsApp."""
    known = (source or "whatsapp").lower()
    return "whatsapp" in known or not any(part in _WITHOUT for part in known.split("_"))


def numbered(title: str, replies: Sequence[str]) -> str:
    """The question with its answers as lines to choose from by number."""
    return "\n".join([title, *(f"{number}. {reply}" for number, reply in enumerate(replies, 1))])
