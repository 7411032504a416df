"""Contacts: what is known of a customer, and whether the agent may speak."""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)

from actions.action import ChangeTags, SetLifecycle, UpdateContact
from agent.ledger import events
from agent.ledger.codec import Deliverable, pack_contact, unpack_contact
from agent.ledger.columns import EPOCH
from agent.ledger.database import change, insert_row, lock_contact, one_of, take_time, where
from agent.ledger.statement import Statement
from agent.ledger.tables import InboundOutcome, inbound, message
from agent.ledger.tables import contact as table
from messaging.types import Channel, ChannelKind, Contact, ContactChanged, ContactKey, FieldValue
from settings.phone import spellings


@dataclass(frozen=True, slots=True)
class ContactState:
    """A contact with what the ledger remembers beside the platform's facts. All times are aware UTC."""

    contact: Contact
    language: str | None
    channel: Channel | None
    last_inbound_at: datetime | None
    wake_at: datetime | None
    paused_at: datetime | None
    paused_until: datetime | None
    paused_by: str | None
    opted_out_at: datetime | None
    notice_at: datetime | None
    closed_at: datetime | None = None
    profile_at: datetime | None = None
    given_back_at: datetime | None = None
    unassigned_early_at: datetime | None = None
    reports: tuple[str, ...] = ()

    @property
    def key(self) -> ContactKey:
        return self.contact.key

    @property
    def channel_kind(self) -> ChannelKind:
        """The kind of channel that the contact last wrote on."""
        return ChannelKind.UNKNOWN if self.channel is None else self.channel.kind

    def paused(self, now: datetime) -> bool:
        """Tell whether a human answers at the moment."""
        return self.paused_at is not None and (self.paused_until is None or now < self.paused_until)


def state_of(row: Any) -> ContactState:
    """Read a row of the table."""
    return ContactState(
        contact=unpack_contact(row.platform, row.id, row.profile),
        language=row.language,
        channel=Channel(row.channel_id, row.channel_source) if row.channel_id else None,
        last_inbound_at=row.last_inbound_at,
        wake_at=row.wake_at,
        paused_at=row.paused_at,
        paused_until=row.paused_until,
        paused_by=row.paused_by,
        opted_out_at=row.opted_out_at,
        notice_at=row.notice_at,
        closed_at=row.closed_at,
        profile_at=row.profile_at,
        given_back_at=row.given_back_at,
        unassigned_early_at=row.unassigned_early_at,
        reports=tuple(row.reports or ()),
    )


STANDARD = frozenset({"first_name", "last_name", "phone", "email", "language", "country"})

_LOAD = Statement(select(table).where(where(table, "platform", "id")))
_PROFILE = Statement(select(table.c.profile).where(where(table, "platform", "id")))


def _at(key: ContactKey) -> dict[str, str]:
    return {"at_platform": key.platform, "at_id": key.id}


def load(connection: Connection, key: ContactKey) -> ContactState | None:
    """Load a contact; `None` for one that is not in the ledger."""
    row = _LOAD.first(connection, _at(key))
    return None if row is None else state_of(row)


def known(connection: Connection, key: ContactKey) -> ContactState:
    """Load a contact that is in the ledger: one who has written."""
    return state_of(_LOAD.first(connection, _at(key)))


def find(connection: Connection, needle: str) -> list[ContactState]:
    """Find contacts by id, `platform:id`, phone number or e-mail, as an owner would type it."""
    platform, _, identifier = needle.rpartition(":")
    by_id = select(table).where(table.c.id == identifier)
    rows = connection.execute(by_id.where(table.c.platform == platform) if platform else by_id).all()
    if not rows:
        by_phone = table.c.phone.in_({*spellings(needle), needle})
        named = table.c.email == needle.casefold() if "@" in needle else by_phone
        rows = connection.execute(select(table).where(named)).all()
    return sorted((state_of(row) for row in rows), key=lambda state: str(state.key))


def every(connection: Connection) -> list[ContactState]:
    """Load all contacts."""
    take_time(connection)
    return [state_of(row) for row in connection.execute(select(table)).all()]


def remember(connection: Connection, contact: Contact, **columns: Any) -> None:
    """Insert the contact, or merge what is newly known into it; set further columns of the table along."""
    key = contact.key
    statement = _set(tuple(columns)) if columns else _PROFILE
    row = statement.first(connection, {**_at(key), **columns})
    if row is None:
        profile = _profile(pack_contact(contact))
        insert_row(connection, table, {"platform": key.platform, "id": key.id, **profile, **columns})
        return
    merged = _renamed(row.profile, {**row.profile, **pack_contact(contact)})
    if merged != row.profile:
        set_columns(connection, key, **_profile(merged))


def merged(known: Contact, newer: Contact) -> Contact:
    """What `remember` would make of a contact who is known: the newer facts, and those that they do not mention."""
    return unpack_contact(known.key.platform, known.key.id, {**pack_contact(known), **pack_contact(newer)})


def _profile(profile: dict[str, Any]) -> dict[str, Any]:
    """The columns of a profile."""
    email = profile.get("email")
    return {"profile": profile, "phone": profile.get("phone"), "email": email and email.casefold()}


_FORMER = "former_names"
_FORMER_KEPT = 20


def _renamed(before: Mapping[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The profile after a change, with the names that it had before: they stand in what was said, and must be found to be replaced."""
    gone = [before[name] for name in ("first_name", "last_name") if before.get(name) not in (None, after.get(name))]
    former = list(dict.fromkeys([*before.get(_FORMER, ()), *gone]))[-_FORMER_KEPT:]
    return {**after, _FORMER: former} if former else after


def former_names(connection: Connection, key: ContactKey) -> list[str]:
    """List the names that the contact had before the platform changed them, oldest first."""
    row = _PROFILE.first(connection, _at(key))
    return [] if row is None else list(row.profile.get(_FORMER, ()))


@cache
def _set(names: tuple[str, ...]) -> Statement:
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    return Statement(update(table).where(where(table, "platform", "id")).values(values).returning(table.c.profile))


def adopt(connection: Connection, contact: Contact) -> None:
    """Give a contact all that is kept of its stand-in, where there is one and the contact is new: the conversation has begun."""
    before, key = contact.stand_in, contact.key
    if before is None or load(connection, before) is None:
        return
    lock_contact(connection, key.platform, key.id)
    lock_contact(connection, before.platform, before.id)
    if load(connection, key) is not None:
        return
    for each in table.metadata.sorted_tables:
        for platform, name in (("platform", "contact"), ("other_platform", "other_contact")):
            if {platform, name} <= set(each.c.keys()):
                theirs = update(each).where(each.c[platform] == before.platform, each.c[name] == before.id)
                connection.execute(theirs.values({name: key.id}))
    row = update(table).where(table.c.platform == before.platform, table.c.id == before.id)
    connection.execute(row.values(id=key.id))


def apply_change(connection: Connection, event: ContactChanged) -> None:
    """Apply what an event says is gone or tagged, which `remember` cannot see in a contact, and have the rest read again."""
    row = _PROFILE.first(connection, _at(event.contact.key))
    if row is None:
        return
    profile = {name: value for name, value in row.profile.items() if name not in event.emptied}
    if event.tag is not None:
        tags = [tag for tag in profile.get("tags", ()) if tag != event.tag]
        if event.action != "remove":
            tags.append(event.tag)
        profile["tags"] = tags
    set_columns(connection, event.contact.key, **_profile(_renamed(row.profile, profile)), profile_at=None)


def replace_profile(connection: Connection, contact: Contact, now: datetime) -> None:
    """Replace the profile by the contact as the platform has it; what it does not have is gone."""
    row = _PROFILE.first(connection, _at(contact.key))
    profile = pack_contact(contact)
    set_columns(
        connection, contact.key, **_profile(profile if row is None else _renamed(row.profile, profile)), profile_at=now
    )


def mark_stale(connection: Connection, key: ContactKey) -> None:
    """Have the profile read from the platform again: a change that was anticipated has failed."""
    set_columns(connection, key, profile_at=EPOCH)


def anticipate(connection: Connection, key: ContactKey, contents: Sequence[Deliverable]) -> None:
    """Apply changes that are on their way to the platform at once, so that the next turn knows them."""
    if not any(isinstance(content, UpdateContact | ChangeTags | SetLifecycle) for content in contents):
        return
    row = _PROFILE.first(connection, _at(key))
    if row is None:
        return
    profile: dict[str, Any] = dict(row.profile)
    for content in contents:
        match content:
            case UpdateContact(fields):
                for name, value in fields.items():
                    _write_field(profile, name, value)
            case ChangeTags(add, remove):
                kept = [tag for tag in profile.get("tags", ()) if tag not in remove]
                profile["tags"] = list(dict.fromkeys((*kept, *add)))
            case SetLifecycle(name):
                profile["lifecycle"] = name
    if profile != row.profile:
        known = {name: value for name, value in profile.items() if value is not None}
        set_columns(connection, key, **_profile(_renamed(row.profile, known)))


_CHANGES = ("contact.updated", "tag.added", "lifecycle.changed")


def before_change(connection: Connection, key: ContactKey) -> Contact | None:
    """The contact before a change, for `record_change`; `None` when no workflow or webhook wants such events, or it is not there."""
    if not any(events.wanted(connection, name) for name in _CHANGES):
        return None
    state = load(connection, key)
    return None if state is None else state.contact


def record_change(
    connection: Connection, before: Contact | None, now: datetime, *, depth: int = 0, told_by: str = ""
) -> None:
    """Record as events what has changed of a contact.

    Args:
        connection: the transaction, after the change.
        before: the contact before it, of `before_change`.
        now: the time, aware UTC.
        depth: how many workflows led to it.
        told_by: the id of the webhook that says so: when it comes again, nothing has happened.
    """
    if before is None or (state := load(connection, before.key)) is None or state.contact == before:
        return
    after, change_id = state.contact, told_by or secrets.token_hex(6)

    def tell(name: str, data: dict[str, Any]) -> None:
        what = "/".join(str(value) for value in data.values() if isinstance(value, str))
        identity = f"{name}/{before.key}/{what}{'/' if what else ''}{change_id}"
        events.record(connection, name, before.key, identity=identity, data=data, now=now, depth=depth)

    for tag in after.tags:
        if tag not in before.tags:
            tell("tag.added", {"tag": tag})
    if after.lifecycle != before.lifecycle and after.lifecycle is not None:
        tell("lifecycle.changed", {"lifecycle": after.lifecycle, "before": before.lifecycle})
    tell("contact.updated", {})


def _write_field(profile: dict[str, Any], name: str, value: FieldValue) -> None:
    if name in STANDARD:
        profile[name] = value
    else:
        profile["custom_fields"] = {**profile.get("custom_fields", {}), name: value}


def set_columns(connection: Connection, key: ContactKey, **columns: Any) -> None:
    """Set columns of the contact's row."""
    change(connection, table, {"platform": key.platform, "id": key.id}, columns)


def pause(
    connection: Connection, key: ContactKey, now: datetime, until: datetime | None, by: str, told_by: str = ""
) -> None:
    """Let a human answer from now on, and record the event `handover` unless the contact was paused already.

    Args:
        until: when the agent answers again; `None` when only giving the contact back ends the pause.
        by: the reason, as people read it.
        told_by: identity of the platform's report that says so, if one does; the same report makes one event.
    """
    if events.wanted(connection, "handover"):
        state = load(connection, key)
        if state is not None and not state.paused(now):
            happened = f"handover/{key}/{told_by or secrets.token_hex(6)}"
            events.record(connection, "handover", key, identity=happened, data={"reason": by}, now=now)
    set_columns(connection, key, paused_at=now, paused_until=until, paused_by=by)


def unassign(connection: Connection, key: ContactKey) -> None:
    """Remove the assignee. `remember` cannot: an event that only omits the assignee does not say that there is none."""
    row = _PROFILE.first(connection, _at(key))
    if row is not None and "assignee" in row.profile:
        profile = {name: value for name, value in row.profile.items() if name != "assignee"}
        set_columns(connection, key, profile=profile)


def resume(connection: Connection, key: ContactKey, now: datetime) -> None:
    """Let the agent answer again, from `now` on."""
    set_columns(connection, key, paused_at=None, paused_until=None, paused_by=None, given_back_at=now)


NEWCOMER = timedelta(minutes=5)
"""By how much contacts to whom nobody has written yet stand back behind the others while more are due than can be worked on:
however many strangers write at once, a customer in a conversation does not wait for them, and no stranger waits for ever."""


def _written_to(of_contact: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether one of the newest lines of a conversation is the agent's or a colleague's; reads no more than these."""
    newest = (
        select(message.c.author).where(of_contact).order_by(message.c.n.desc()).limit(10).correlate(table).subquery()
    )
    return exists().where(one_of(newest.c.author, "agent", "human"))


WRITTEN_TO = _written_to(where(message, "platform", "contact"))
"""Whether the agent or a colleague has lately written to a contact."""


def deadline(at: datetime, *, written_to: bool) -> datetime:
    """Return by when to serve a contact who is due `at`: of those who wait, the earliest comes first."""
    return at if written_to else at + NEWCOMER


class Due(NamedTuple):
    """A contact whose wake time is set: when it is, and by when to serve the contact."""

    key: ContactKey
    at: datetime
    deadline: datetime


def due(connection: Connection, until: datetime | None = None) -> list[Due]:
    """List contacts whose wake time is set, up to `until` when given, earliest first."""
    written_to = _written_to(and_(message.c.platform == table.c.platform, message.c.contact == table.c.id))
    statement = select(table.c.platform, table.c.id, table.c.wake_at, written_to.label("written_to"))
    statement = statement.where(table.c.wake_at.is_not(None))
    if until is not None:
        statement = statement.where(table.c.wake_at <= until)
    return [
        Due(ContactKey(row.platform, row.id), row.wake_at, deadline(row.wake_at, written_to=row.written_to))
        for row in connection.execute(statement.order_by(table.c.wake_at))
    ]


def overdue(connection: Connection, now: datetime) -> timedelta:
    """How long the contact that is due the longest has been waiting; zero when none is."""
    first: datetime | None = connection.execute(select(func.min(table.c.wake_at))).scalar()
    return timedelta(0) if first is None else max(now - first, timedelta(0))


Only = Literal["paused", "opted_out", "failed", "unanswered"]
"""Which conversations: a human answers, no message wanted, the last message failed, or was not answered with what it asked for."""

_LAST_OUTCOME = (
    select(inbound.c.outcome)
    .where(inbound.c.platform == table.c.platform, inbound.c.contact == table.c.id)
    .order_by(inbound.c.n.desc())
    .limit(1)
    .scalar_subquery()
)
_UNANSWERED = (InboundOutcome.NOT_KNOWN, InboundOutcome.FAILED, InboundOutcome.LIMIT, InboundOutcome.OUTSIDE_HOURS)


def newest(
    connection: Connection,
    *,
    limit: int,
    now: datetime,
    before: datetime | None = None,
    last: ContactKey | None = None,
    only: Only | None = None,
    q: str | None = None,
) -> list[ContactState]:
    """List contacts who have written, the latest first.

    Args:
        limit: how many.
        now: the time, aware UTC.
        before: only those who last wrote before this time.
        last: the last one of the page before, who wrote exactly then.
        only: some of them.
        q: what their id, name, number, e-mail or tag contains.
    """
    statement = select(table).where(table.c.last_inbound_at.is_not(None))
    if before is not None and last is not None:
        those = (table.c.last_inbound_at, table.c.platform, table.c.id)
        end = (literal(before, table.c.last_inbound_at.type), literal(last.platform), literal(last.id))
        statement = statement.where(tuple_(*those) < tuple_(*end))
    elif before is not None:
        statement = statement.where(table.c.last_inbound_at < before)
    if only == "paused":
        lasting = or_(table.c.paused_until.is_(None), table.c.paused_until > now)
        statement = statement.where(table.c.paused_at.is_not(None), lasting)
    elif only == "opted_out":
        statement = statement.where(table.c.opted_out_at.is_not(None))
    elif only == "failed":
        statement = statement.where(_LAST_OUTCOME == InboundOutcome.FAILED)
    elif only == "unanswered":
        statement = statement.where(_LAST_OUTCOME.in_(_UNANSWERED))
    if q:
        statement = statement.where(_contains(q))
    order = (table.c.last_inbound_at.desc(), table.c.platform.desc(), table.c.id.desc())
    return [state_of(row) for row in connection.execute(statement.order_by(*order).limit(limit))]


def search(connection: Connection, q: str | None, limit: int, last: ContactKey | None = None) -> list[ContactState]:
    """List contacts in the order of their keys.

    Args:
        q: part of an id, name, number, e-mail address or tag; `None` for all.
        last: the last one of the page before.
    """
    statement = select(table).order_by(table.c.platform, table.c.id).limit(limit)
    if q:
        statement = statement.where(_contains(q))
    if last is not None:
        statement = statement.where(
            tuple_(table.c.platform, table.c.id) > tuple_(literal(last.platform), literal(last.id))
        )
    return [state_of(row) for row in connection.execute(statement)]


def _contains(words: str) -> ColumnElement[bool]:
    """That every word stands somewhere in a contact; numbers may be written with spaces and dashes, or begin with 0."""
    digits = re.sub(r"[\s()./-]", "", words)
    if re.fullmatch(r"\+?\d{5,}", digits):
        return or_(_in_profile(digits.removeprefix("0")), table.c.id.contains(digits, autoescape=True))
    return and_(*(or_(_in_profile(word), table.c.id.contains(word, autoescape=True)) for word in words.split()), true())


def _in_profile(word: str) -> ColumnElement[bool]:
    """That the profile's JSON holds a word, as it is stored: letters beyond ASCII as escapes."""
    stored = json.dumps(word)[1:-1]
    return cast(table.c.profile, String).icontains(stored, autoescape=True)
