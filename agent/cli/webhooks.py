"""`balas webhooks`: what other systems were told, and telling it again."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.ledger import Json, hidden, print_json, read, write
from agent.cli.options import ConfigFile
from agent.config import load
from agent.errors import InputError
from agent.ledger import events, webhooks
from settings import parse_duration
from settings.clock import now

app = typer.Typer(no_args_is_help=True, help="What other systems were told; tell it again.")

_DEFAULT = Path("agent.yaml")


@app.command("list")
def show(
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")] = 50,
    config: ConfigFile = _DEFAULT,
    as_json: Json = False,
) -> None:
    """The newest deliveries: which event, to whom, and how it went."""
    states = ("failed",) if failed else ()
    newest = read(config, lambda connection: webhooks.newest(connection, states=states, limit=limit))
    found: list[dict[str, Any]] = hidden(config, [asdict(each) for each in newest])
    if as_json:
        print_json(found)
        return
    for each in found:
        told = f": {each['reason']}" if each["reason"] else ""
        at = each["created_at"].astimezone()
        print(f"{at:%Y-%m-%d %H:%M:%S}  {each['name']}  {each['url']}  {each['state']}{told}  {each['event']}")
    if not found:
        print("nothing was told to anybody")


@app.command("replay")
def replay(
    since: Annotated[str, typer.Option("--since", help="A time such as 2026-11-21T09:00, or a span such as 2h.")],
    url: Annotated[str | None, typer.Option("--url", help="Only this receiver of `webhooks`.")] = None,
    config: ConfigFile = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Tell again what happened since a time, with the same event ids; a running agent sends it."""
    settings = load(config)
    targets = [target for target in settings.webhooks if url in (None, target.url)]
    if not targets:
        raise InputError(f"webhooks of agent.yaml names no {url!r}" if url else "agent.yaml has no webhooks")
    begin = _moment(since, config)
    count = write(config, lambda connection: events.replay(connection, targets, begin, now()))
    if as_json:
        print_json({"queued": count})
    else:
        print(f"{count} deliveries are queued again; a running agent sends them")


def _moment(text: str, config: Path) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now() - parse_duration(text)
        except ValueError:
            raise InputError(f"--since: {text!r} is no time; write e.g. 2026-11-21T09:00 or 2h") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=load(config).zone)
