"""Before a turn asks the model: how long to wait for more messages, and whether to answer at all.

`due` is the quiet window: a finished question is answered at once. `decide` is the gate: an answer, one fixed text, or silence
with its reason. Both are plain functions over values.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

from agent.config.conversation import ConversationSettings
from agent.config.hours import Hours, OutsideNote
from agent.config.model import LimitSettings
from agent.ledger.contacts import ContactState
from agent.ledger.history import Line
from agent.ledger.inbound import Waiting
from agent.ledger.tables import InboundOutcome


class Window(Protocol):
    """How long to wait after a finished and an unfinished message, and after the first one in all."""

    @property
    def finished(self) -> timedelta: ...

    @property
    def unfinished(self) -> timedelta: ...

    @property
    def longest(self) -> timedelta: ...


_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

_OPENERS = frozenset(
    "halo hallo hello helo hai hi hey hei p ping permisi misi punten salam assalamualaikum "
    "assalamu'alaikum asalamualaikum selamat pagi siang sore malam good morning afternoon evening kak "
    "kakak min admin gan sis bang mas mba mbak pak bu bapak ibu sir madam dear there".split()
)
_ANNOUNCING = re.compile(
    r"(?:(?:saya|aku|gue|gw|i|sy)\s++)?"
    r"(?:mau|mo|ingin|pengen|boleh|bisa|numpang|izin|ijin|want to|would like to|may i|can i|could i)?\s*+"
    r"(?:tanya|nanya|bertanya|tanya[ -]tanya|nanya[ -]nanya|ask|pesan|order|beli|(?:i )?have a question|ada pertanyaan)"
    r"(?:\s+(?:dong|donk|dulu|ya|nih|sesuatu|sedikit|bentar|something|please))*"
)
_QUESTION = frozenset(
    "apa apakah berapa brp kapan kpn dimana mana kemana gimana gmn bagaimana kenapa knp mengapa siapa "
    "adakah bisakah bolehkah what when where how why who which whose is are do does did can could will "
    "would".split()
)
_COMPLETE = frozenset(
    "ya iya y yes yep yup ok oke okay okey sip siap baik boleh tidak gak ga nggak enggak ngga no nope "
    "nggk jangan batal cancel stop berhenti unsubscribe makasih terimakasih thanks thx tks lanjut jadi "
    "setuju deal gas done selesai".split()
)
_THANKS = re.compile(r"\b(?:terima\s*kasih|makasih|thank\s*you|thanks)\b")
_HANGING = frozenset(
    "dan atau serta yang yg untuk utk buat dengan dgn sama kalau kalo klo jika karena krn tapi tp tetapi "
    "terus trus lalu dari dr ke di pada kepada soalnya soal tentang mengenai about jadi mau adalah itu and or but because so if the a "
    "an of to for with from at in on my your is are i that which".split()
)


def finished(text: str | None) -> bool:
    """Decide whether a message reads as if nothing more is coming, in Indonesian and English as people type them.

    Args:
        text: the message; `None` for a lone attachment.
    """
    stripped = (text or "").strip()
    if not stripped:
        return False
    if stripped.endswith(("...", "…", ",", ":", "-")):
        return False
    lowered = stripped.lower()
    words = _WORD.findall(lowered)
    content = [word for word in words if word not in _OPENERS]
    if not content:
        return False
    if _ANNOUNCING.fullmatch(" ".join(content)):
        return False
    if stripped.endswith(("?", "!", ".", "？", "。", "🙏")):
        return True
    if len(content) <= 2 and all(word in _COMPLETE for word in content):
        return True
    if content[-1] in _HANGING:
        return False
    if _THANKS.search(lowered) or any(character.isdigit() for character in lowered):
        return True
    if len(content) >= 2 and any(word in _QUESTION for word in content):
        return True
    return len(content) >= 4


def due(waiting: Sequence[Waiting], window: Window) -> datetime:
    """Say when to answer the messages that wait: a quiet time after the last, at most `longest` after the first.

    A burst is finished when its last text is; an attachment alone waits for its words.

    Args:
        waiting: in order of arrival, at least one.
        window: the times of agent.yaml.
    """
    first, last = waiting[0], waiting[-1]
    quiet = window.finished if finished(last.text) else window.unfinished
    return min(last.received_at + quiet, first.received_at + window.longest)


SAME_WITHIN = timedelta(hours=1)
SAME_MOST = 4
"""How often a contact gets an answer to much the same words within `SAME_WITHIN`: then another machine is at the other end."""

SLOWER = (timedelta(0), timedelta(0), timedelta(seconds=10), timedelta(seconds=60))
"""How long the answer waits when much the same was written once, twice … before: machines slow down, people hardly notice."""

AT_ONCE, PROMPT = timedelta(seconds=4), timedelta(seconds=8)
"""Who writes sooner after what was written to them has hardly read it: a machine, or, up to the later, one who pastes."""

_FEW_WORDS = 4
_QUARTER = 4
_WHOLE = 20  # letters and digits of a message, from which it is repeated by no accident

_LATEST = 40
_ALIKE = 90.0
_NUMBER = re.compile(r"\d+")


def repeated(texts: Sequence[str], history: Sequence[Line], now: datetime) -> int:
    """Count how often the contact has written much the same within the last hour, these messages left out.

    With other numbers it counts only where it followed promptly on what was written to the contact: a machine numbers its messages,
    and a person asks the same of one order after the other. So do files without words. Who writes back what was written to them says
    the same each time. A question with other numbers, what was pasted, a file, and a text of few words count a quarter: people ask
    quickly, paste one parcel number after the other, send several photos, and say "ok" often.

    Args:
        texts: what the contact typed in the messages to answer; none for files without words.
        history: what was said before.
        now: the time, aware UTC.
    """
    from rapidfuzz import fuzz

    text = " ".join(texts)
    said, numbers = _essence(text), _numbers(text)
    if text.strip() and not said:  # nothing but numbers
        return 0
    same = prompt = at_once = 0
    echoes = bool(history) and _is_echo(text, history[-1])
    for before, line in list(pairwise([None, *history]))[-_LATEST:]:
        if line is None or line.author != "contact" or now - line.at >= SAME_WITHIN:
            continue
        if echoes and before is not None and _is_echo(line.own_words, before):
            same += 1
            continue
        if fuzz.ratio(said, _essence(line.own_words)) < _ALIKE if said else line.own_words or not line.attachments:
            continue
        if said and _numbers(line.own_words) == numbers:
            same += 1
        elif before is not None and before.author != "contact" and (after := line.at - before.at) < PROMPT:
            at_once, prompt = at_once + (after < AT_ONCE), prompt + (after >= AT_ONCE)
    if len(said.split()) < _FEW_WORDS:
        return (same + prompt + at_once) // _QUARTER
    return same + ((prompt + at_once) // _QUARTER if _asks(text) else at_once + prompt // _QUARTER)


def slowed(due: datetime, waiting: Sequence[Waiting], history: Sequence[Line]) -> datetime:
    """Put the answer to what was written before off, the longer the more often it was.

    Args:
        due: when it would be answered otherwise.
        waiting: in order of arrival, at least one.
        history: what was said before.
    """
    last = waiting[-1].received_at
    times = repeated([message.text for message in waiting if message.text], history, last)
    return max(due, last + SLOWER[times]) if times < len(SLOWER) else due


def _is_echo(text: str, before: Line) -> bool:
    """Whether a message holds all that the agent or a colleague had just written."""
    said = "".join(filter(str.isalnum, before.own_words[:1000]))
    return before.author != "contact" and len(said) >= _WHOLE and said in "".join(filter(str.isalnum, text[:2000]))


def _essence(text: str) -> str:
    return " ".join(_NUMBER.sub("", text[:1000]).casefold().split())


def _numbers(text: str) -> list[str]:
    return _NUMBER.findall(text[:1000])


def _asks(text: str) -> bool:
    return "?" in text or any(word in _QUESTION for word in _WORD.findall(text.casefold())[:1])


_EDGE = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been used up in the last 24 hours: answers to this contact, US dollars for all contacts, and for this one."""

    turns: int
    usd: float
    usd_of_contact: float = 0.0


@dataclass(frozen=True, slots=True)
class Silent:
    """The agent says nothing; the messages stay in the history. `returns` as in `Answer`."""

    outcome: InboundOutcome
    reason: str
    returns: bool = False


class Effect(StrEnum):
    """What holds for the contact after a fixed text."""

    OPTED_OUT = "opted_out"
    NOTICE_GIVEN = "notice_given"
    HANDED_OVER = "handed_over"


@dataclass(frozen=True, slots=True)
class Say:
    """The agent says one fixed text and does nothing else."""

    text: str
    reason: str
    effect: Effect
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
    """Decide what becomes of a turn: an answer, one fixed text, or silence with its reason.

    Args:
        contact: what the ledger knows of the contact.
        texts: what the customer typed in the messages to answer.
        now: the time, aware UTC.
        zone: time zone of the business, for its opening hours.
        language: code of the language of fixed texts.
        conversation: opening hours, words for opting out, fixed texts.
        limits: of a day.
        spent: what is used up of them.
    """
    words = {_EDGE.sub("", text).casefold() for text in texts}
    opt_out = conversation.opt_out
    if contact.contact.status == "blocked":
        return Silent(InboundOutcome.BLOCKED, "the contact is blocked on the platform")
    returns = False
    if contact.opted_out_at is not None:
        returns = bool(words & _folded(opt_out.again))
        if not returns:
            return Silent(InboundOutcome.OPTED_OUT, "the contact opted out")
    elif words & _folded(opt_out.words):
        return Say(opt_out.text.in_language(language), "the contact opted out", Effect.OPTED_OUT)
    verdict: Silent | Say | Answer
    if contact.paused(now):
        verdict = Silent(InboundOutcome.HUMAN, f"a human answers ({contact.paused_by})")
    elif (used_up := _used_up(spent, limits)) is None:
        verdict = _hours(contact, now.astimezone(zone), language, conversation)
    else:
        verdict = without_budget(used_up, language, conversation)
    return replace(verdict, returns=returns)


def without_budget(reason: str, language: str, conversation: ConversationSettings) -> Silent | Say:
    """Decide what becomes of a turn that the budget does not hold: a handover, or silence where agent.yaml has it so.

    Args:
        reason: the limit.
        language: code of the language of fixed texts.
        conversation: when to hand over, and with which text.
    """
    if "budget" in conversation.handover.when:
        return Say(conversation.handover.text.in_language(language), reason, Effect.HANDED_OVER)
    return Silent(InboundOutcome.LIMIT, reason)


def _folded(words: Sequence[str]) -> set[str]:
    return {_EDGE.sub("", word).casefold() for word in words}


def _used_up(spent: Spent, limits: LimitSettings) -> str | None:
    """The limit that is reached."""
    if spent.turns >= limits.turns_per_contact_per_day:
        return f"limits.turns_per_contact_per_day: {limits.turns_per_contact_per_day} are used up"
    if spent.usd >= limits.usd_per_day:
        return f"limits.usd_per_day: {limits.usd_per_day:g} are used up"
    if spent.usd_of_contact >= limits.usd_of_contact:
        return f"limits.usd_per_contact_per_day: {limits.usd_of_contact:g} are used up"
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
        return Silent(InboundOutcome.OUTSIDE_HOURS, "outside opening hours; the notice was given")
    return Say(hours.outside.in_language(language), "outside opening hours", Effect.NOTICE_GIVEN)


def _opened_between(hours: Hours, earlier: datetime, later: datetime) -> bool:
    """Whether the business opened between the two times: then it is another absence."""
    opening = hours.next_opening(earlier)
    return opening is not None and opening <= later
