"""The gate: whether the agent answers at all. A plain decision on what is known when a turn begins."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from agent.config.conversation import ConversationSettings
from agent.config.hours import Hours, OutsideNote
from agent.config.limits import LimitSettings
from agent.ledger.contacts import ContactState
from agent.ledger.takeover import HUMAN

_EDGE = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been used up: answers to this contact, and US dollars for all, both in the last 24 hours."""

    turns: int
    usd: float


@dataclass(frozen=True, slots=True)
class Silent:
    """The agent says nothing; the messages stay in the history. `returns` as in `Answer`."""

    reason: str
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """The agent says one fixed text and does nothing else. `after` is what then holds for the contact."""

    text: str
    reason: str
    after: Literal["opted out", "notice given", "handed over"]
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The turn goes on. `returns`: the contact had opted out and comes back with this message.

    `note` is added to the answer: the business is closed, and this absence's note was not given yet.
    """

    returns: bool = False
    note: str | None = None


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
    opt_out = conversation.opt_out
    if contact.contact.status == "blocked":
        return Silent("the contact is blocked on the platform")
    returns = False
    if contact.opted_out_at is not None:
        returns = bool(words & _folded(opt_out.again))
        if not returns:
            return Silent("the contact opted out")
    elif words & _folded(opt_out.words):
        return Say(opt_out.text.in_language(language), "the contact opted out", "opted out")
    verdict: Silent | Say | Answer
    if contact.paused(now):
        verdict = Silent(f"{HUMAN}answers ({contact.paused_by})")
    elif (used_up := _used_up(spent, limits)) is None:
        verdict = _hours(contact, now.astimezone(zone), language, conversation)
    elif "budget" in conversation.handover.when:
        verdict = Say(conversation.handover.text.in_language(language), used_up, "handed over")
    else:
        verdict = Silent(used_up)
    return replace(verdict, returns=returns)


def _folded(words: Sequence[str]) -> set[str]:
    return {_EDGE.sub("", word).casefold() for word in words}


def _used_up(spent: Spent, limits: LimitSettings) -> str | None:
    """The limit that is reached."""
    if spent.turns >= limits.turns_per_contact_per_day:
        return f"limits.turns_per_contact_per_day: {limits.turns_per_contact_per_day} are used up"
    if spent.usd >= limits.usd_per_day:
        return f"limits.usd_per_day: {limits.usd_per_day:g} are used up"
    return None


def _hours(
    contact: ContactState, local: datetime, language: str, conversation: ConversationSettings
) -> Silent | Say | Answer:
    hours = conversation.hours
    if hours is None or hours.outside == "answer" or hours.is_open(local):
        return Answer()
    told = contact.notice_at is not None and not _opened_between(
        hours, contact.notice_at.astimezone(local.tzinfo), local
    )
    if isinstance(hours.outside, OutsideNote):
        return Answer(note=None if told else hours.outside.note.in_language(language))
    if told:
        return Silent("outside opening hours; the notice was given")
    return Say(hours.outside.in_language(language), "outside opening hours", "notice given")


def _opened_between(hours: Hours, earlier: datetime, later: datetime) -> bool:
    """Whether the business opened between the two times: then it is another absence."""
    opening = hours.next_opening(earlier)
    return opening is not None and opening <= later
