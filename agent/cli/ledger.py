"""`balas ledger`: look at what the agent has recorded, and give what failed another try."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from sqlalchemy import Connection

from actions.redaction import Redactor
from agent.cli.options import ConfigFile, in_ledger, line_of
from agent.config import load
from agent.config.environment import secret_values
from agent.errors import InputError
from agent.ledger import contacts, followups, history, outbound, overview, retention, steps
from settings.clock import now

app = typer.Typer(no_args_is_help=True, help="Look at what is recorded; retry what failed.")

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_DEFAULT = Path("agent.yaml")


def read(config: Path, work: Callable[[Connection], T]) -> T:
    """Look into the ledger of an agent's file."""
    return in_ledger(config, lambda database: database.read(work))


def write(config: Path, work: Callable[[Connection], T]) -> T:
    """Change the ledger of an agent's file, in one transaction."""
    return in_ledger(config, lambda database: database.write(work))


def hidden(config: Path, value: T) -> T:
    """What is shown of rows that may hold secrets of agent.yaml, as the address of a `post` does."""
    shown: T = Redactor(secret_values(load(config)))(value)
    return shown


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


@app.command("status")
def show_status(config: ConfigFile = _DEFAULT, as_json: Json = False) -> None:
    """How many messages, turns and deliveries there are, by state."""
    counts = read(config, overview.counts).tables
    if as_json:
        print_json(counts)
        return
    for table, states in counts.items():
        shown = ", ".join(f"{count:g} {state}" for state, count in states.items()) or "none"
        print(f"{table:<10} {shown}")


@app.command("show")
def show_contact(
    contact: Annotated[str, typer.Argument(help="Id, platform:id, phone number or e-mail.")],
    config: ConfigFile = _DEFAULT,
    as_json: Json = False,
) -> None:
    """One contact: the conversation, the turns with their steps, and what is still to be sent."""

    def work(connection: Connection) -> list[dict[str, Any]]:
        found = []
        for state in contacts.find(connection, contact):
            turns = overview.turns_of(connection, state.key)
            found.append(
                {
                    "contact": asdict(state),
                    "conversation": [asdict(line) for line in history.recent(connection, state.key, 100)],
                    "turns": [
                        asdict(turn) | {"steps": [asdict(step) for step in steps.of_turn(connection, turn.id)]}
                        for turn in turns
                    ],
                    "notes": [asdict(delivery) for delivery in outbound.notes(connection, state.key)],
                    "to_send": [asdict(delivery) for delivery in outbound.heads(connection, state.key)],
                    "followups": [asdict(each) for each in followups.listed(connection, [state.key], limit=20)],
                    "not_sent": [asdict(delivery) for delivery in outbound.unsent(connection, state.key)],
                }
            )
        return found

    found = read(config, work)
    if not found:
        raise InputError(f"no contact {contact!r} in this ledger; give an id, platform:id, a phone number or an e-mail")
    if as_json:
        print_json(found)
        return
    for each in found:
        _show(each)


def _show(record: dict[str, Any]) -> None:
    state = record["contact"]
    key = state["contact"]["key"]
    print(", ".join([f"{key['platform']}:{key['id']}  {state['contact']['first_name'] or ''}", *_silences(state)]))
    for line in record["conversation"]:
        print(line_of(line["at"], line["author"], line["text"]))
    for note in record["notes"]:
        print(line_of(note["created_at"], "note", note["content"]["text"]))
    for turn in record["turns"]:
        print(f"  turn {turn['id']} {turn['state']} {turn['reason'] or ''}".rstrip())
        for step in turn["steps"]:
            done = step["finished_at"]
            took = f"{(done - step['started_at']).total_seconds() * 1000:.0f} ms" if done else "unfinished"
            print(f"    {step['kind']} {step['name']} ({took})")
    for delivery in record["to_send"]:
        print(f"  to send {delivery['id']} {delivery['state']} {delivery['reason'] or ''}".rstrip())
    for each in record["followups"]:
        told = f": {each['reason']}" if each["reason"] else ""
        print(f"  follow-up {each['id']} {each['rule'] or 'reminder'} {_clock(each['due_at'])} {each['state']}{told}")
    for delivery in record["not_sent"]:
        print(f"  not sent {delivery['id']} {delivery['state']}: {delivery['reason']}")


def _silences(state: dict[str, Any]) -> list[str]:
    """Why the agent does not speak to a contact, and since or until when."""
    found = []
    if state["contact"]["status"] == "blocked":
        found.append("blocked on the platform")
    if state["opted_out_at"]:
        found.append(f"opted out since {_clock(state['opted_out_at'])}")
    if state["paused_at"] and (state["paused_until"] is None or state["paused_until"] > now()):
        end = f"until {_clock(state['paused_until'])}" if state["paused_until"] else "until given back"
        found.append(f"paused {end} ({state['paused_by']})")
    return found


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


@app.command("compact")
def compact(config: ConfigFile = _DEFAULT) -> None:
    """Give the room of what was removed back to the disk. With SQLite stop the agent first: its messages would wait."""

    in_ledger(config, lambda database: asyncio.to_thread(retention.compact, database.engine))
    print("compacted")


@app.command("dead")
def show_dead(config: ConfigFile = _DEFAULT, as_json: Json = False) -> None:
    """What was given up: deliveries, turns whose customer got the text for failures, workflows, and webhooks to others."""
    found = read(config, overview.dead)
    if as_json:
        print_json(asdict(found))
        return
    for delivery in found.deliveries:
        print(f"{delivery.id}  delivery to {delivery.contact}  {_clock(delivery.created_at)}  {delivery.reason}")
    for turn in found.turns:
        print(f"{turn.id}  turn of {turn.contact}  {_clock(turn.started_at)}  {turn.reason}")
    for run in found.runs:
        print(
            f"{run.id}  workflow {run.workflow} of {run.contact or 'no contact'}  {_clock(run.created_at)}  {run.reason}"
        )
    for each in found.webhooks:
        print(f"{each.id}  {each.name} to {each.url}  {_clock(each.created_at)}  {each.reason}")
    if found == overview.GivenUp([], [], [], []):
        print("nothing was given up")


@app.command("retry")
def retry(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="As `balas ledger dead` shows it.")],
    config: ConfigFile = _DEFAULT,
) -> None:
    """Try again what was given up; a running agent takes it up within ten seconds."""

    def work(connection: Connection) -> str | None:
        if overview.retry_other(connection, identifier, now()):
            return "what comes of it"
        key = outbound.retry(connection, identifier, now()) or overview.retry_turn(connection, identifier, now())
        if key is None:
            return None
        contacts.set_columns(connection, key, wake_at=now())
        return str(key)

    contact = write(config, work)
    if contact is None:
        raise InputError(f"nothing given up has the id {identifier!r}; `balas ledger dead` lists what there is")
    print(f"{identifier} will be tried again for {contact}")
