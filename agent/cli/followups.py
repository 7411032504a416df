"""`balas followups`: what will be sent later, what became of it, and cancelling it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from agent.cli.ledger import Json, print_json, read, write
from agent.cli.options import ConfigFile
from agent.config import load
from agent.errors import InputError
from agent.ledger import contacts, followups
from agent.ledger.followups import FollowUp
from settings.clock import now

app = typer.Typer(no_args_is_help=True, help="Messages that are sent later; call one off.")

_DEFAULT = Path("agent.yaml")


@app.command("list")
def show(
    contact: Annotated[
        str | None, typer.Argument(help="Id, platform:id, phone number or e-mail; else everybody.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were sent, cancelled or skipped.")] = False,
    config: ConfigFile = _DEFAULT,
    as_json: Json = False,
) -> None:
    """What is still to be sent, the next first; with --all also what became of the others, and why."""

    def work(connection: Connection) -> list[FollowUp] | None:
        keys = None if contact is None else [state.key for state in contacts.find(connection, contact)]
        if keys == []:
            return None
        return followups.listed(connection, keys, () if everything else ("scheduled",))

    found = read(config, work)
    if found is None:
        raise InputError(f"no contact {contact!r} in this ledger; give an id, platform:id, a phone number or an e-mail")
    if as_json:
        print_json([asdict(each) for each in found])
        return
    zone = load(config).zone
    for each in found:
        ended = f" {each.state}" + (f": {each.reason}" if each.reason else "") if each.state != "scheduled" else ""
        due = each.due_at.astimezone(zone)
        print(f"{each.id}  {each.contact}  {due:%Y-%m-%d %H:%M:%S}  {each.rule or 'reminder'}{ended}  {each.text}")
    if not found:
        print("nothing is scheduled" if not everything else "nothing was ever scheduled")


@app.command("cancel")
def cancel(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="As `balas followups list` shows it.")],
    config: ConfigFile = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Call one off that is still to be sent."""
    found = write(config, lambda connection: followups.cancel(connection, identifier, "called off by the owner", now()))
    if found is None:
        raise InputError(f"nothing scheduled has the id {identifier!r}; `balas followups list` shows what there is")
    if as_json:
        print_json({"cancelled": found.id})
    else:
        print(f"{found.id} will not be sent to {found.contact}")
