"""The actions of reminders: promise one, list them, cancel one. A `ReminderBook`, the agent's ledger, keeps them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

from actions.action import CONFIRM_EXPIRES, CancelFollowUp, Context, Json, Outcome, ScheduleFollowUp
from actions.identity import identifying
from actions.reminders.wording import asks_for_many, say, subject, zone_of
from language.calendar import in_words
from language.dates import moment_named, moments_in
from language.values import pieces, squash


@dataclass(frozen=True, slots=True)
class Reminder:
    """One that waits. `due` is aware UTC."""

    id: str
    due: datetime
    text: str


class ReminderBook(Protocol):
    """What is promised to the contact of `context`."""

    async def waiting(self, context: Context) -> Sequence[Reminder]:
        """The reminders that are still to be sent, the next first."""

    async def free_until(self, context: Context) -> datetime | None:
        """Until when the business may write to this contact without being asked; `None`: for ever."""


_YESTERDAY = re.compile(r"\b(?:kemar[ei]n|tadi|semalam|yesterday|last (?:night|week|month|\w+day))\b", re.IGNORECASE)
_AHEAD = re.compile(
    r"\b(?:besok|bsk|esok|lusa|nanti|lagi|depan|tomorrow|tonight|next|later|from now|in \d+|in an?)\b", re.IGNORECASE
)
_TELLS_NOTHING = frozenset(
    "batalkan batalin batal hapus cancel delete remove pengingat pengingatnya peringatan reminder reminders my the a saya aku yang yg "
    "itu ini tolong dong ya kak min please soal tentang untuk buat about for to one".split()
)
_QUOTED = re.compile(r"\A[^“]*+“(.+)”$", re.DOTALL)
_ALL = frozenset("all semua semuanya both everything".split())


ONCE = "Reminders do not repeat."
"""What the result says to who asked for more than one."""


class _ReminderAction:
    """What the three have in common. `zone` is the business's; a customer means their own, where their number tells it."""

    parameters: Mapping[str, Json]
    idempotent = True
    per_turn: int | None = None
    hints: Sequence[str] = ()
    confirm: str | None = None
    confirm_expires = CONFIRM_EXPIRES
    claims: Sequence[str] = ()

    def __init__(self, book: ReminderBook, zone: tzinfo, clock: Callable[[], datetime]) -> None:
        self._book = book
        self._zone = zone
        self._clock = clock

    @property
    def identity(self) -> Sequence[str]:
        return identifying(self.parameters)

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        return arguments

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        return None

    def _zone_of(self, context: Context) -> tzinfo:
        phone = context.contact.get("phone")
        return zone_of(str(phone) if phone else None, self._zone, self._clock())

    def _listed(self, reminders: Sequence[Reminder], context: Context) -> str:
        zone = self._zone_of(context)
        return "\n".join(
            f"{number}. {in_words(one.due, zone, context.language)}: {' '.join(_about(one).split())[:100]}"
            for number, one in enumerate(reminders, 1)
        )


class Remind(_ReminderAction):
    """Promises a message at a time that the customer asked for, at most `longest` ahead and only if it can be sent then."""

    name = "follow_up"
    builtin: str | None = "follow_up"
    effect = True
    reads = False
    description = (
        "Remind / ingatkan the customer of something: write to them again at the day and hour that they asked for. "
        "Tell them the time that the result names, in words. One call is one message: nothing repeats by itself."
    )
    examples: Sequence[str] = (
        "ingatkan saya",
        "ingatkan saya besok jam 9",
        "tolong ingatkan saya lusa sore",
        "ingatkan 2 jam lagi",
        "ingetin gue besok pagi dong",
        "kabari saya lagi besok pagi",
        "tolong peringatkan saya esok pukul 9 pagi",
        "remind me tomorrow at 9",
        "remind me on Friday at 3pm",
    )

    def __init__(
        self,
        book: ReminderBook,
        zone: tzinfo,
        clock: Callable[[], datetime],
        *,
        longest: timedelta = timedelta(days=30),
    ) -> None:
        super().__init__(book, zone, clock)
        self._longest = longest
        text: dict[str, Json] = {"type": "string", "minLength": 1, "maxLength": 2000}
        self.parameters = {
            "type": "object",
            "properties": {
                "when": {
                    **text,
                    "maxLength": 200,
                    "description": "day and hour in the customer's own words (besok jam 9), or ISO 8601",
                },
                "text": {**text, "description": "the message that will be sent then, worded for that moment"},
            },
            "required": ["when", "text"],
            "additionalProperties": False,
        }

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        outcome = await self.run(arguments, context)
        return None if outcome.status == "done" else outcome

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        words, text = str(arguments.get("when") or "").strip(), str(arguments.get("text") or "").strip()
        if not words or not text:
            return _refused(say("unclear", context.language))
        now, zone = self._clock(), self._zone_of(context)
        many = any(map(asks_for_many, (words, text, *context.said[-1:])))
        if (passed := _YESTERDAY.search(words)) and not _AHEAD.search(words):
            return _refused(say("past", context.language, when=passed[0]))
        due = moment_named(words, now, zone)
        if due is None:
            return _refused(say("unclear_many" if many else "unclear", context.language))
        if due <= now:
            return _refused(say("past", context.language, when=in_words(due, zone, context.language)))
        if due - now > self._longest:
            return _refused(say("too_far", context.language, days=self._longest.days))
        end = await self._book.free_until(context)
        if end is not None and due > end:
            return _refused(say("closed", context.language, when=in_words(end, zone, context.language)))
        if _is_said(text, context.said):  # what they said is no message to them
            about = subject(text)
            text = say("reminder" if about else "reminder_of_nothing", context.language, text=about)
        local = due.astimezone(zone)
        told = f"Scheduled for {in_words(due, zone, context.language)}. Tell the customer exactly this day and hour."
        if many:
            told += f" {ONCE} Tell them that this is the only one and that they may ask again after it."
        return Outcome("done", told, {"due": local.isoformat()}, (ScheduleFollowUp(due, text),))


class ListReminders(_ReminderAction):
    """Looks up what was promised."""

    name = "list_reminders"
    builtin: str | None = "list_reminders"
    effect = False
    reads = True
    description = "List the reminders that the customer asked for and that are still to come."
    examples: Sequence[str] = (
        "daftar pengingat yang terjadwal",
        "lihat jadwal pengingat",
        "list the scheduled reminders",
    )
    parameters: Mapping[str, Json] = {"type": "object", "properties": {}, "additionalProperties": False}

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        waiting = await self._book.waiting(context)
        if not waiting:
            return Outcome("done", say("none", context.language))
        return Outcome("done", say("list", context.language, list=self._listed(waiting, context)))


class CancelReminder(_ReminderAction):
    """Calls one off; when it is not clear which, the customer is asked."""

    name = "cancel_reminder"
    builtin: str | None = "cancel_reminder"
    effect = True
    reads = False
    description = "Cancel / batalkan a reminder that the customer asked for earlier."
    claims: Sequence[str] = (
        r"\b(?:pengingat|peringatan)\w*\b.{0,60}\b(?:di)?batalkan\b",
        r"\breminders?\b.{0,60}\bcancell?ed\b",
    )
    examples: Sequence[str] = (
        "batalkan pengingat",
        "hapus pengingat saya",
        "batalkan pengingat besok",
        "batalkan peringatan",
        "cancel my reminder",
    )
    parameters: Mapping[str, Json] = {
        "type": "object",
        "properties": {
            "which": {
                "type": "string",
                "maxLength": 200,
                "description": "its number in the list, its time, or words of it, as the customer said; `all`; empty for the only one",
            }
        },
        "additionalProperties": False,
    }

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        outcome = await self.run(arguments, context)
        return None if outcome.status == "done" else outcome

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        waiting = await self._book.waiting(context)
        if not waiting:
            return _refused(say("none", context.language))
        zone, which = self._zone_of(context), str(arguments.get("which") or "")
        meant = choose(waiting, which or " ".join(context.said[-1:]), self._clock(), zone)
        if not meant and not which and len(waiting) == 1:
            meant = list(waiting)
        if not meant:
            return _refused(say("which", context.language, list=self._listed(waiting, context)))
        told = "\n".join(
            say("cancelled", context.language, when=in_words(one.due, zone, context.language)) for one in meant
        )
        return Outcome("done", told, {"cancelled": len(meant)}, tuple(CancelFollowUp(one.id) for one in meant))


def _is_said(text: str, said: Sequence[str]) -> bool:
    """Whether a text is nothing but what the customer wrote, in one message or several."""
    known = {squash(line) for each in said for line in (each, *each.splitlines())}
    return all(squash(line) in known for line in text.splitlines() if line.strip())


def _about(reminder: Reminder) -> str:
    """What a reminder is about, without the words around it that we give it."""
    quoted = _QUOTED.search(reminder.text)
    return quoted[1] if quoted else reminder.text


def choose(waiting: Sequence[Reminder], which: str, now: datetime, zone: tzinfo) -> list[Reminder]:
    """Find the reminders that a customer means: all, the one of a number, of a time, of a day, or of words in it.

    Args:
        waiting: as they were listed to the customer; the first one has the number 1.
        which: the customer's words.
        zone: of the customer, in which they mean days and times.

    Returns:
        `[]` when it is not clear which one is meant.
    """
    words = pieces(which)
    if set(words) & _ALL:
        return list(waiting)
    telling = [word for word in words if word not in _TELLS_NOTHING]
    if not telling:
        return list(waiting) if len(waiting) == 1 else []
    if words[-1].isdigit() and len(words) <= 2 and 1 <= int(words[-1]) <= len(waiting):
        return [waiting[int(words[-1]) - 1]]
    moments = moments_in(which, now, zone)
    days = {moment.astimezone(zone).date() for moment in moments}
    for fits in (
        [one for one in waiting if one.due in moments],
        [one for one in waiting if one.due.astimezone(zone).date() in days],
        [one for one in waiting if squash(which) in squash(one.text)],
        [one for one in waiting if set(telling) <= set(pieces(one.text))],
    ):
        if len(fits) == 1:
            return fits
    return []


def _refused(question: str) -> Outcome:
    return Outcome("refused", f"Nothing was done. The customer is asked: {question}")
