"""Erasing everything of a contact.

What stays is a hash of each message id and of the contact's, so that a redelivered webhook and what a platform tells late of the
contact are recognised, and payments without their contact. Every
table is in one of `ERASED`, `ANONYMISED` and `IMPERSONAL`; a test holds that.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, func, select, text, update

from agent.ledger import contacts, persons, tallies
from agent.ledger.database import insert_new, is_postgres, lock_contact, take_time, where
from agent.ledger.knowledge_tables import gap
from agent.ledger.statement import Statement
from agent.ledger.tables import (
    audit,
    confirmation,
    contact,
    event,
    fact,
    followup,
    forgotten,
    inbound,
    media,
    message,
    outbound,
    payment,
    person_link,
    recipient,
    step,
    summary,
    turn,
    webhook_delivery,
    workflow_run,
    workflow_step,
)
from knowledge.gaps import without_private
from messaging.types import ContactKey
from settings.phone import spellings

_CONTACT = ""
"""Stands for the contact among the ids of their messages."""

KNOWN = select(forgotten.c.hash).where(where(forgotten, "hash"))
"""Of one hash, whether it is kept."""
_KNOWN = Statement(KNOWN)


def _mark_erased(connection: Connection, key: ContactKey, message_id: str, now: datetime) -> None:
    """Keep the hash of a message id."""
    insert_new(connection, forgotten, hash=hash_of(key, message_id), at=now)


def is_erased(connection: Connection, key: ContactKey, message_id: str) -> bool:
    """Tell whether a message was erased together with its contact."""
    return _KNOWN.first(connection, {"at_hash": hash_of(key, message_id)}) is not None


def is_forgotten(connection: Connection, key: ContactKey) -> bool:
    """Tell whether a contact was erased and has not written since: what a platform still tells of them is not kept."""
    return is_erased(connection, key, _CONTACT) and contacts.load(connection, key) is None


def hash_of(key: ContactKey, message_id: str) -> str:
    """Hash the id of a message as it is kept once that is erased."""
    return hashlib.blake2b(f"{key}:{message_id}".encode(), digest_size=16).hexdigest()


ERASED: Final[tuple[Table, ...]] = (
    step, turn, inbound, message, outbound, confirmation, followup, media, gap, fact, summary, recipient,
    event, workflow_step, workflow_run, webhook_delivery, audit,
    person_link, contact,
)  # fmt: skip
ANONYMISED: Final[tuple[Table, ...]] = (payment,)
IMPERSONAL: Final = frozenset(
    {
        "source",
        "document",
        "passage",
        "alias",
        "vector",
        "knowledge",
        "added_source",
        "amount_hold",
        "trial",
        "configuration",
        "process",
        "tally",  # why turns were handed over: dropped where one of theirs is erased
        "tally_changed",
        "tally_state",
        "broadcast",
        "forgotten",
        "workflow_batch",
        "workflow_schedule",
    }
)
"""Tables that hold nothing of any contact."""

FORGOTTEN_CONTACT: Final = "forgotten"
"""The contact id of payments whose contact was erased."""

_MEDIA = re.compile(r"/media/([\w-]+\.\w+)")


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows were removed, by table (`payment`: anonymised); `obstacle` says why nothing was done."""

    rows: dict[str, int] = field(default_factory=dict)
    obstacle: str | None = None


def forget(connection: Connection, key: ContactKey, now: datetime) -> Erased:
    """Erase a contact, unless something of theirs is still under way.

    Args:
        now: kept with the hashes of the message ids.

    Returns:
        What was erased, or the obstacle.
    """
    take_time(connection)
    lock_contact(connection, key.platform, key.id)
    if (obstacle := _under_way(connection, key)) is not None:
        return Erased(obstacle=obstacle)
    if not is_postgres(connection):
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is freed is overwritten with zeros
    _mark_erased(connection, key, _CONTACT, now)
    _mark_messages(connection, key, now)
    rows: dict[str, int] = {}
    rows["gap"] = _forget_questions(connection, key)
    rows["media"] = _forget_files(connection, key)
    rows["broadcast_recipient"] = _forget_recipient(connection, key)
    turns = select(turn.c.id).where(turn.c.platform == key.platform, turn.c.contact == key.id)
    rows["step"] = connection.execute(delete(step).where(step.c.turn.in_(turns))).rowcount
    runs = select(workflow_run.c.id).where(workflow_run.c.platform == key.platform, workflow_run.c.contact == key.id)
    rows["workflow_step"] = connection.execute(delete(workflow_step).where(workflow_step.c.run.in_(runs))).rowcount
    links = persons.split(connection, key, now)
    rows["person_link"] = len(links)
    for table in (
        turn, inbound, message, outbound, confirmation, followup, fact, summary, event, workflow_run, webhook_delivery, audit,
    ):  # fmt: skip
        mine = delete(table).where(table.c.platform == key.platform, table.c.contact == key.id)
        rows[table.name] = connection.execute(mine).rowcount
    paid = update(payment).where(payment.c.platform == key.platform, payment.c.contact == key.id)
    rows["payment"] = connection.execute(paid.values(contact=FORGOTTEN_CONTACT, payer=None)).rowcount
    tallies.drop_changed(connection)
    gone = delete(contact).where(contact.c.platform == key.platform, contact.c.id == key.id)
    rows["contact"] = connection.execute(gone).rowcount
    if is_postgres(connection):
        _forget_jobs(connection, key)
    return Erased({table: count for table, count in rows.items() if count})


def _under_way(connection: Connection, key: ContactKey) -> str | None:
    checks: list[tuple[Table, tuple[str, ...], str]] = [
        (turn, ("running",), "a turn of theirs is running"),
        (inbound, ("waiting",), "a message of theirs waits for its answer"),
        (outbound, ("sending",), "a message to them is just being sent"),
    ]
    for table, states, told in checks:
        found = select(func.count()).select_from(table)
        mine = found.where(table.c.platform == key.platform, table.c.contact == key.id, table.c.state.in_(states))
        if connection.execute(mine).scalar_one():
            return told
    return None


def _mark_messages(connection: Connection, key: ContactKey, now: datetime) -> None:
    """Keep a hash of every message id that could be redelivered."""
    for table, column in ((inbound, "message_id"), (message, "message_id"), (outbound, "platform_message_id")):
        ids = select(table.c[column]).where(
            table.c.platform == key.platform, table.c.contact == key.id, table.c[column].is_not(None)
        )
        for identity in connection.execute(ids).scalars().all():
            _mark_erased(connection, key, identity, now)


def _forget_questions(connection: Connection, key: ContactKey) -> int:
    """Remove gaps in the knowledge that quote this contact: one message, or all of a turn."""
    said = select(message.c.turn, message.c.text).where(
        message.c.platform == key.platform, message.c.contact == key.id, message.c.author == "contact"
    )
    turns: dict[str, list[str]] = {}
    quotes: set[str] = set()
    for turn_id, words in connection.execute(said.order_by(message.c.n)).all():
        quotes.add(without_private(words))
        turns.setdefault(turn_id or "", []).append(words)
    quotes |= {without_private("\n".join(texts)) for texts in turns.values()}
    return sum(connection.execute(delete(gap).where(gap.c.question == quote)).rowcount for quote in quotes if quote)


def _forget_files(connection: Connection, key: ContactKey) -> int:
    """Remove files that were sent to this contact or came from it: payment codes, documents, pictures."""
    payloads = select(outbound.c.payload).where(outbound.c.platform == key.platform, outbound.c.contact == key.id)
    names = {name for payload in connection.execute(payloads).scalars() for name in _MEDIA.findall(_url(payload))}
    theirs = select(turn.c.id).where(turn.c.platform == key.platform, turn.c.contact == key.id)
    files = select(step.c.output).where(step.c.kind == "file", step.c.turn.in_(theirs))
    names |= {name for output in connection.execute(files).scalars() if output and (name := output.get("picture"))}
    return sum(connection.execute(delete(media).where(media.c.id == name)).rowcount for name in names)


def _forget_recipient(connection: Connection, key: ContactKey) -> int:
    """Remove them as recipients of broadcasts, however these address them; a broadcast that is running skips them."""
    state = contacts.load(connection, key)
    addresses = [f"id:{key.id}"]
    if state is not None:
        addresses += [f"phone:{phone}" for phone in spellings(state.contact.phone or "")]
        addresses.append(f"email:{(state.contact.email or '').casefold()}")
    sent = select(outbound.c.id).where(outbound.c.platform == key.platform, outbound.c.contact == key.id)
    theirs = recipient.c.address.in_(addresses) | recipient.c.outbound.in_(sent)
    return connection.execute(delete(recipient).where(theirs)).rowcount


def _url(payload: dict[str, Any]) -> str:
    return str(payload.get("url") or "")


def _forget_jobs(connection: Connection, key: ContactKey) -> None:
    """Wake-ups that name the contact; one that is running ends by itself and finds nothing."""
    if connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is not None:
        connection.execute(
            text("DELETE FROM procrastinate_jobs WHERE lock = :lock AND status = 'todo'"), {"lock": str(key)}
        )
