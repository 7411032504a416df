"""`balas contact`: what is known of one customer; silence or give back the agent; forget them."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from agent.cli.options import ConfigFile, in_ledger, line_of
from agent.errors import InputError
from settings import parse_duration

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from agent.ledger.contacts import ContactState
    from agent.ledger.database import Database
    from agent.ledger.erasure import Erased
    from agent.ledger.overview import Overview
    from agent.ledger.persons import Link
    from messaging.types import ContactKey

app = typer.Typer(no_args_is_help=True, help="Show a customer, silence the agent, join two contacts, forget them.")

T = TypeVar("T")
Who = Annotated[str, typer.Argument(metavar="CONTACT", help="Id, platform:id, phone number or e-mail.")]
_DEFAULT = Path("agent.yaml")
_WORD = "balas contact"
"""Who says it, in the audit trail."""


@app.command("show")
def show(
    contact: Who,
    config: ConfigFile = _DEFAULT,
    lines: Annotated[int, typer.Option("--lines", min=0, help="How many of the last messages.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Profile, what is remembered, what is open, the last messages."""
    from agent.ledger import overview

    found = in_ledger(config, lambda database: database.read(lambda c: overview.of(c, contact, lines)))
    if not found:
        raise _unknown(contact)
    if as_json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=2, default=str))
        return
    for each in found:
        _print(each)


@app.command("pause")
def pause(
    contact: Who,
    config: ConfigFile = _DEFAULT,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="2h", help="How long; without it, until `balas contact resume`.")
    ] = None,
) -> None:
    """Let a human answer: the agent is silent at once, also when it runs."""
    from agent.ledger import human
    from settings.clock import now

    length = None if duration is None else _duration(duration)

    def work(connection: "Connection") -> str:
        key, at = _one(connection, contact).key, now()
        human.begin(connection, key, at, None if length is None else at + length, "balas contact pause")
        return str(key)

    key = in_ledger(config, lambda database: database.write(work))
    print(f"{key}: the agent is silent {'until it is given back' if duration is None else f'for {duration}'}")


@app.command("resume")
def resume(contact: Who, config: ConfigFile = _DEFAULT) -> None:
    """Give the conversation back to the agent; what the customer wrote last, within the hour and unanswered, it answers."""
    from agent.ledger import human
    from agent.ledger.database import lock_contact
    from settings.clock import now

    def work(connection: "Connection") -> tuple[str, bool, bool]:
        state = _one(connection, contact)
        lock_contact(connection, state.key.platform, state.key.id)
        due = human.give_back(connection, state.key, now())
        return str(state.key), state.paused_at is not None, due is not None

    key, was_paused, expected = in_ledger(config, lambda database: database.write(work))
    beginning = ", beginning with what the customer wrote last" if expected else ""
    print(f"{key}: the agent answers{beginning if was_paused or expected else ', as it did before'}")


@app.command("merge")
def merge(
    contact: Who,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Who is the same person, on another platform.")],
    config: ConfigFile = _DEFAULT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Say that two contacts are one person: tags, facts, newest messages and an opt-out are carried both ways."""

    async def run(database: "Database") -> "tuple[ContactState, ContactState, Link | None]":
        from agent.ledger import persons
        from settings.clock import now

        first, second = await database.read(lambda connection: (_one(connection, contact), _one(connection, other)))
        if first.key == second.key:
            raise InputError(f"{contact} and {other} are the same contact, {first.key}")
        shown = " and ".join(f"{state.key} ({state.contact.first_name or 'no name'})" for state in (first, second))
        if not yes and not typer.confirm(f"Are {shown} one person? Each learns what the other told.", err=True):
            raise InputError("nothing was joined")
        return first, second, await database.write(lambda c: _merged(c, persons, first, second, now()))

    first, second, link = in_ledger(config, run)
    if link is None:
        raise InputError(f"{first.key} and {second.key} are one person already")
    print(f"{first.key} and {second.key} are one person now; `balas contact split {first.key}` takes it back")
    if link.differ:
        print(f"each keeps its own: {', '.join(link.differ)}")


def _merged(
    connection: "Connection", persons: Any, first: "ContactState", second: "ContactState", at: datetime
) -> "Link | None":
    link: Link | None = persons.merge(connection, first.key, second.key, _WORD, at)
    if link is not None:
        for state in (first, second):
            _audited(connection, state.key, "contact merge", at)
    return link


@app.command("split")
def split(contact: Who, config: ConfigFile = _DEFAULT) -> None:
    """Part a contact from those that it was joined with, and take back what was carried; an opt-out stays."""
    from agent.ledger import persons
    from settings.clock import now

    def work(connection: "Connection") -> "tuple[ContactState, list[Link]]":
        state, at = _one(connection, contact), now()
        links = persons.split(connection, state.key, at)
        for link in links:
            for key in (link.first, link.second):
                _audited(connection, key, "contact split", at)
        return state, links

    state, links = in_ledger(config, lambda database: database.write(work))
    if not links:
        raise InputError(f"{state.key} is joined with no other contact")
    print(f"{state.key} stands alone again; who opted out stays so")


def _audited(connection: "Connection", key: "ContactKey", command: str, at: datetime) -> None:
    from agent.ledger import audit

    audit.record(connection, audit.Entry(at, _WORD, "admin", "CLI", command, 200, contact=key))


@app.command("forget")
def forget(
    contact: Who,
    config: ConfigFile = _DEFAULT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Erase everything of a customer: messages, turns, files, facts, reminders. Cannot be undone."""

    async def run(database: "Database") -> "tuple[str, Erased, bool]":
        from agent.ledger import erasure
        from settings.clock import now

        state = await database.read(lambda connection: _one(connection, contact))
        if not yes:
            name = state.contact.first_name or "without a name"
            if not typer.confirm(f"Erase {state.key} ({name}) for good?", err=True):
                raise InputError(f"{state.key} was not erased")
        erased = await database.write(lambda connection: erasure.forget(connection, state.key, now()))
        clean = await database.drop_log()
        return str(state.key), erased, clean

    key, erased, clean = in_ledger(config, run)
    if erased.obstacle is not None:
        raise InputError(f"{key} was not erased: {erased.obstacle}; try again in a moment")
    for table, count in erased.rows.items():
        print(f"{table:<14} {count} {'without a name now' if table == 'payment' else 'erased'}")
    if not clean:
        typer.echo("another process reads the ledger: its log still holds traces until the next checkpoint", err=True)
    print(f"{key} is forgotten here; the platform keeps its own copy, which is deleted there")


def _one(connection: "Connection", needle: str) -> "ContactState":
    from agent.ledger import contacts

    found = contacts.find(connection, needle)
    if not found:
        raise _unknown(needle)
    if len(found) > 1:
        raise InputError(f"{needle!r} may be {' or '.join(str(state.key) for state in found)}; name one of these")
    return found[0]


def _unknown(needle: str) -> InputError:
    return InputError(f"no contact {needle!r} in this ledger; give an id, platform:id, a phone number or an e-mail")


def _duration(text: str) -> Any:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InputError(f"--for {text!r}: {error}") from None


def _print(known: "Overview") -> None:
    state = known.state
    contact = state.contact
    name = " ".join(part for part in (contact.first_name, contact.last_name) if part)
    print(f"{state.key}  {name}".rstrip())
    channel = state.channel.source or state.channel.id if state.channel else None
    custom = ", ".join(f"{key}: {value}" for key, value in contact.custom_fields.items() if value is not None)
    facts: dict[str, str | None] = {
        "phone": contact.phone,
        "e-mail": contact.email,
        "language": state.language or contact.language,
        "country": contact.country,
        "channel": channel,
        "lifecycle": contact.lifecycle,
        "tags": ", ".join(contact.tags),
        "fields": custom,
        "last wrote": _clock(state.last_inbound_at),
        "paused": _paused(state),
        "opted out": _clock(state.opted_out_at),
    }
    for label, value in facts.items():
        if value:
            print(f"  {label:<11} {value}")
    print(f"  {'open':<11} {known.reminders} reminders, {known.payments} payments, {len(known.to_send)} to send")
    if known.facts:
        print("  told about themselves:")
    for fact in known.facts:
        origin = "an older message" if fact.message is None else f"message {fact.message}"
        print(f"    {fact.key}: {fact.value}  ({origin}, {_clock(fact.at)})")
    if known.summary:
        print(f"  earlier (up to message {known.summary.upto}):")
        print(f"    {known.summary.text}")
    for line in known.lines:
        print(line_of(line.at, line.author, line.text))


def _paused(state: "ContactState") -> str | None:
    if state.paused_at is None:
        return None
    until = f" until {_clock(state.paused_until)}" if state.paused_until else ""
    return f"{_clock(state.paused_at)}{until}, {state.paused_by}"


def _clock(at: datetime | None) -> str:
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
