"""`balas broadcast`: one message to many. It records whom it goes to; the running agent sends it, and tells how far it is."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from sqlalchemy import Connection

from agent.assembly import open_ledger
from agent.broadcasts.plan import Prepared, prepare
from agent.broadcasts.report import overview, plan_record, planned, report
from agent.broadcasts.settings import BroadcastFile
from agent.broadcasts.settings import load as load_broadcast
from agent.cli.options import ConfigFile
from agent.config import AgentConfig, load
from agent.errors import InputError, UsageError
from agent.ledger import broadcasts, reports
from agent.ledger.broadcasts import Broadcast
from agent.ledger.database import Database
from settings.clock import now

T = TypeVar("T")

_HOW = """\
  balas broadcast {file} --report    how far it is
  balas broadcast {file} --pause     stop; --resume goes on, --cancel ends it for good"""


def broadcast(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The broadcast's file (or its name, once it is recorded).")
    ] = None,
    config: ConfigFile = Path("agent.yaml"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count and estimate only; nothing is recorded or sent.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Stop sending.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a pause.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End it for good.")] = False,
    show_report: Annotated[bool, typer.Option("--report", help="How far it is, and what became of whom.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send one message to many contacts, each once; without FILE, list the broadcasts.

    The same file again goes on where it was and never sends twice to a contact. A running agent (`balas serve`, `balas worker`)
    does the sending.
    """
    asked = [
        word
        for word, given in {
            "--dry-run": dry_run,
            "--pause": pause,
            "--resume": resume,
            "--cancel": cancel,
            "--report": show_report,
        }.items()
        if given
    ]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} are mutually exclusive")
    settings = load(config)
    if file is None:
        if asked:
            raise UsageError(f"{asked[0]} needs a FILE")
        _list(settings, as_json)
    elif pause or resume or cancel:
        _steer(settings, file, asked[0])
    elif show_report:
        _report(settings, file, as_json)
    else:
        asyncio.run(_send(settings, load_broadcast(file), dry_run=dry_run, yes=yes, as_json=as_json))


async def _send(config: AgentConfig, file: BroadcastFile, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    async with _ready(config, file) as (database, prepared):
        if not as_json:
            print(planned(prepared, file, config))
        added = 0
        if not dry_run and not prepared.nothing_to_do:
            if not yes and not _agreed(prepared.existing):
                print("nothing was recorded or sent")
                return
            people = [person.addressed for person in prepared.audience.people]
            added = await database.write(lambda connection: broadcasts.record(connection, prepared.broadcast, people))
        if as_json:
            print(_json(plan_record(prepared) | {"recorded": added}))
        elif dry_run:
            print("nothing was recorded or sent")
        elif prepared.nothing_to_do and prepared.existing is not None:
            print(f"no new recipients: {prepared.existing.name} is {prepared.existing.state}, and has them all already")
        else:
            print(f"recorded: {added} recipients; a running agent sends it")
            print(_HOW.format(file=file.path))


def _agreed(existing: Broadcast | None) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("stdin is not a terminal; look at it with --dry-run, then pass --yes")
    question = "Send it?" if existing is None else f"{existing.name} is {existing.state}. Go on with it?"
    return typer.confirm(question)


@asynccontextmanager
async def _ready(config: AgentConfig, file: BroadcastFile) -> AsyncIterator[tuple[Database, Prepared]]:
    from messaging import open_platform
    from settings.connections import open_client

    async with (
        open_ledger(config) as database,
        open_client(config.platforms[0].timeout.total_seconds()) as client,
    ):
        platform, *others = (open_platform(entry, client) for entry in config.platforms)
        yield database, await prepare(file, config, database, platform, now(), others)


def _steer(config: AgentConfig, file: Path, word: str) -> None:
    name = _name(file)
    steps: dict[str, tuple[str, Callable[[Connection], bool]]] = {
        "--pause": ("paused; --resume goes on", lambda connection: broadcasts.pause(connection, name)),
        "--resume": ("goes on", lambda connection: broadcasts.resume(connection, name, now())),
        "--cancel": ("cancelled", lambda connection: broadcasts.cancel(connection, name, now())),
    }
    done, work = steps[word]

    def change(connection: Connection) -> tuple[Broadcast | None, bool]:
        return broadcasts.load(connection, name), work(connection)

    before, changed = _in_ledger(config, lambda database: database.write(change))
    if before is None:
        raise _unknown(name)
    if not changed:
        raise InputError(f"{name} is {before.state}; {word} changes nothing")
    print(f"{name}: {done}")


def _report(config: AgentConfig, file: Path, as_json: bool) -> None:
    name = _name(file)

    def look(connection: Connection) -> dict[str, Any] | str | None:
        found = broadcasts.load(connection, name)
        if found is None:
            return None
        counts = reports.counts(connection, name)
        reasons = reports.reasons(connection, name)
        if not as_json:
            return report(found, counts, reasons, config.zone, now())
        outcomes = reports.outcomes(connection, name)
        return reports.record(found, counts, reasons) | {"recipients": [asdict(each) for each in outcomes]}

    shown = _in_ledger(config, lambda database: database.read(look))
    if shown is None:
        raise _unknown(name)
    print(_json(shown) if as_json else shown)


def _list(config: AgentConfig, as_json: bool) -> None:
    def look(connection: Connection) -> list[tuple[Broadcast, Any]]:
        return [(each, reports.counts(connection, each.name)) for each in broadcasts.newest(connection)]

    found = _in_ledger(config, lambda database: database.read(look))
    if as_json:
        print(_json([reports.record(each, counts, ()) for each, counts in found]))
    else:
        print(overview(found, config.zone, now()))


def _name(file: Path) -> str:
    """The broadcast that is meant: that of a file, or one called so."""
    if file.exists():
        return load_broadcast(file).settings.name
    if file.suffix:
        raise InputError(f"{file} does not exist")
    return str(file)


def _unknown(name: str) -> InputError:
    return InputError(f"no broadcast {name!r} is recorded; `balas broadcast` lists them")


def _in_ledger(config: AgentConfig, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_ledger(config) as database:
            return await work(database)

    return asyncio.run(run())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
