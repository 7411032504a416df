"""What colleagues read when the agent hands a conversation over: a note that spares them reading all of it.

`of_turn` collects what the ledger and the turn know and writes the note; `note` is the plain function that words it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import Connection

from actions.action import Request, SendPayment
from actions.qris.money import format_rupiah
from agent.ledger import history, payments, steps
from agent.ledger.database import Database
from agent.turn.context import TurnContext
from messaging.types import ContactKey

LONGEST = 1000
"""Characters of a comment that every platform takes."""

_RECENTLY = timedelta(hours=24)
"""How far back a note looks, within the same conversation."""

_MOST_DEEDS = 6
_LINE = 220
_RANK: Final = {"unknown": 0, "failed": 1, "done": 2}

_LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "why": "Alih ke tim",
        "summary": "Ringkasan",
        "asked": "Pelanggan menulis",
        "done": "Sudah dilakukan",
        "failed": "Gagal",
        "unknown": "TIDAK PASTI, mohon dicek",
        "payment": "Pembayaran terbuka",
        "until": "sampai",
        "nothing": "belum ada tindakan",
        "turn": "Catatan lengkap: balas ledger show",
    },
    "en": {
        "why": "Handed over",
        "summary": "Summary",
        "asked": "The customer wrote",
        "done": "Done",
        "failed": "Failed",
        "unknown": "UNCERTAIN, please check",
        "payment": "Open payment",
        "until": "until",
        "nothing": "nothing was done",
        "turn": "Full record: balas ledger show",
    },
    "ms": {
        "why": "Diserahkan kepada pasukan",
        "summary": "Ringkasan",
        "asked": "Pelanggan menulis",
        "done": "Sudah dibuat",
        "failed": "Gagal",
        "unknown": "TIDAK PASTI, sila semak",
        "payment": "Bayaran terbuka",
        "until": "hingga",
        "nothing": "belum ada tindakan",
        "turn": "Rekod penuh: balas ledger show",
    },
}


@dataclass(frozen=True, slots=True)
class Deed:
    """An action of this conversation and how it ended: `done`, `failed`, or `unknown`, also when it never came back."""

    name: str
    arguments: Mapping[str, Any]
    status: str


@dataclass(frozen=True, slots=True)
class Due:
    """A payment that was asked for and is open. Rupiah; `until` is `None` for a code without an end."""

    reference: str
    amount: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known at the moment of a handover.

    Attributes:
        contact: the contact's id on the platform.
        why: the reason of the handover.
        summary: what the model wrote for colleagues.
        asked: the customer's last messages, oldest first.
        deeds: the actions of the conversation.
        payments: what is still to be paid.
    """

    contact: str
    why: str
    summary: str | None
    asked: Sequence[str]
    deeds: Sequence[Deed]
    payments: Sequence[Due]


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a conversation: the customer's words, oldest first, the actions, the open payments."""

    asked: Sequence[str]
    deeds: Sequence[Deed]
    payments: Sequence[Due]


def look(connection: Connection, key: ContactKey, since: datetime, now: datetime) -> Known:
    """Read what a note is made of from the ledger.

    Args:
        connection: a transaction of the ledger.
        key: whose conversation.
        since: only what happened from then on.
        now: the time; payments that are overdue then are left out.
    """
    deeds: list[Deed] = []
    for name, given, output in steps.actions_since(connection, key, since):
        status: str = "unknown" if output is None else output["status"]
        handing_over = output is not None and any(request["type"] == "HandOver" for request in output["requests"])
        if status in _RANK and not handing_over:
            deeds.append(Deed(name, given["arguments"], status))
    due = [
        Due(payment.reference, payment.amount, payment.expires_at)
        for payment in payments.of_contact(connection, key)
        if payment.state == "open" and (payment.expires_at is None or payment.expires_at > now)
    ]
    lines = [line for line in history.recent(connection, key, 6) if line.author == "contact" and line.at >= since]
    return Known([line.text for line in lines], deeds, due)


def note(situation: Situation, language: str, zone: tzinfo) -> str:
    """Word the note: why, what the customer wants, what was done and what is uncertain, what is still to be paid.

    Args:
        situation: what is known.
        language: code of the business's language.
        zone: time zone of the business.

    Returns:
        At most `LONGEST` characters.
    """
    labels = _LABELS.get(language, _LABELS["en"])
    lines = [f"{labels['why']}: {_cut(situation.why)}"]
    if situation.summary:
        lines.append(f"{labels['summary']}: {_cut(situation.summary)}")
    if situation.asked:
        lines.append(f"{labels['asked']}: {' / '.join(f'“{_cut(text, 110)}”' for text in situation.asked[-3:])}")
    lines += _deeds(situation.deeds, labels)
    for due in situation.payments:
        end = f", {labels['until']} {due.until.astimezone(zone):%d/%m %H:%M %Z}" if due.until else ""
        lines.append(f"{labels['payment']}: {due.reference}, {format_rupiah(due.amount)}{end}")
    ending = f"{labels['turn']} {situation.contact}"
    return f"{_cut_lines(lines, LONGEST - len(ending) - 1)}\n{ending}"


async def of_turn(
    database: Database,
    turn: TurnContext,
    why: str,
    summary: str | None = None,
    *,
    requests: Sequence[Request] = (),
    language: str,
    zone: tzinfo,
    now: datetime,
) -> str:
    """Write the note for a turn: from the ledger, and from what the turn itself adds.

    Args:
        turn: its messages are not in the ledger yet.
        why: the reason of the handover.
        summary: what the model wrote for colleagues.
        requests: those that are carried out with this turn.
        language: code of the business's language.
        zone: time zone of the business.
        now: the time, aware UTC.

    Raises:
        LedgerUnavailable: the ledger does not answer.
    """
    closed_at = turn.contact.closed_at
    since = max(now - _RECENTLY, closed_at) if closed_at is not None else now - _RECENTLY
    known = await database.read(lambda connection: look(connection, turn.key, since, now))
    offered = [
        Due(request.reference, request.amount, request.expires)
        for request in requests
        if isinstance(request, SendPayment) and not request.resend
    ]
    situation = Situation(
        contact=turn.key.id,
        why=why,
        summary=summary,
        asked=(*known.asked, *(message.text for message in turn.messages)),
        deeds=known.deeds,
        payments=(*known.payments, *offered),
    )
    return note(situation, language, zone)


def _deeds(deeds: Sequence[Deed], labels: Mapping[str, str]) -> list[str]:
    """What may be wrong comes first: a colleague must not miss it."""
    if not deeds:
        return [f"{labels['done']}: {labels['nothing']}"]
    ranked = sorted(dict.fromkeys(f"{_RANK[deed.status]}{labels[deed.status]}: {_call(deed)}" for deed in deeds))
    return [_cut(line[1:]) for line in ranked[:_MOST_DEEDS]]


def _call(deed: Deed) -> str:
    values = ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)}"
        for name, value in deed.arguments.items()
    )
    return f"{deed.name}({values})"


def _cut(text: str, longest: int = _LINE) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1]}…"


def _cut_lines(lines: Sequence[str], room: int) -> str:
    text = "\n".join(lines)
    return text if len(text) <= room else f"{text[: room - 1]}…"
