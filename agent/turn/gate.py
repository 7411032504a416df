"""The gate: whether the agent answers at all. A plain decision on what is known when a turn begins."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from agent.config.conversation import ConversationSettings
from agent.config.hours import Hours
from agent.config.limits import LimitSettings
from agent.ledger.contacts import ContactState

_AGAIN = frozenset({"start", "mulai", "lanjut", "subscribe", "unstop"})
"""With one of these a contact who opted out comes back."""

_EDGE = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been used up: answers to this contact, and US dollars for all, both in the last 24 hours."""

    turns: int
    usd: float


@dataclass(frozen=True, slots=True)
class Silent:
    """The agent says nothing; the messages stay in the history."""

    reason: str


@dataclass(frozen=True, slots=True)
class Say:
    """The agent says one fixed text and does nothing else. `after` is what then holds for the contact."""

    text: str
    reason: str
    after: Literal["opted out", "notice given", "handed over"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The turn goes on. `returns`: the contact had opted out and comes back with this message."""

    returns: bool = False


def decide(
    contact: ContactState,
    texts: Sequence[str],
    *,
    now: datetime,
    zone: ZoneInfo,
    language: str,
    conversation: ConversationSettings,
    limits: LimitSettings,
    spent: Spent,
) -> Silent | Say | Answer:
    """What becomes of a turn: an answer, one fixed text, or silence with its reason."""
    words = {_EDGE.sub("", text).casefold() for text in texts}
    if contact.contact.status == "blocked":
        return Silent("the contact is blocked on the platform")
    if contact.opted_out_at is not None:
        return Answer(returns=True) if words & _AGAIN else Silent("the contact opted out")
    if words & {word.casefold() for word in conversation.opt_out.words}:
        return Say(conversation.opt_out.text.in_language(language), "the contact opted out", "opted out")
    if contact.paused(now):
        return Silent(f"a human answers ({contact.paused_by})")
    if spent.turns >= limits.turns_per_contact_per_day:
        return Silent(f"limits.turns_per_contact_per_day: {limits.turns_per_contact_per_day} are used up")
    if spent.usd >= limits.usd_per_day:
        text = conversation.handover.text.in_language(language)
        return Say(text, f"limits.usd_per_day: {limits.usd_per_day} are used up", "handed over")
    return _hours(contact, now.astimezone(zone), language, conversation) or Answer()


def _hours(
    contact: ContactState, local: datetime, language: str, conversation: ConversationSettings
) -> Silent | Say | None:
    hours = conversation.hours
    if hours is None or hours.outside == "answer" or hours.is_open(local):
        return None
    if contact.notice_at is not None and not _opened_between(hours, contact.notice_at.astimezone(local.tzinfo), local):
        return Silent("outside opening hours; the notice was given")
    return Say(hours.outside.in_language(language), "outside opening hours", "notice given")


def _opened_between(hours: Hours, earlier: datetime, later: datetime) -> bool:
    """Whether the business opened between the two times: then it is another absence."""
    opening = hours.next_opening(earlier)
    return opening is not None and opening <= later
