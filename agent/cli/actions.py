"""`balas actions`: what the agent can do, a call by hand, and declarations out of OpenAPI documents."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.options import ConfigFile
from agent.errors import InputError, OutsideError

if TYPE_CHECKING:
    from actions.action import Action, Outcome

app = typer.Typer(help="List, call and import actions.", no_args_is_help=True)

_DEFAULT = Path("agent.yaml")
_LARGEST = 32 * 1024 * 1024  # the largest public OpenAPI documents are a few megabytes


@app.command(name="list")
def list_actions(
    config: ConfigFile = _DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the full parameters.")] = False,
) -> None:
    """Show the actions that the model is offered."""
    for action in asyncio.run(_all(config)):
        typer.echo(json.dumps(_described(action), ensure_ascii=False) if as_json else _shown(action))


@app.command()
def call(
    name: Annotated[str, typer.Argument(help="The action's name.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE…", help="Its arguments; values may be JSON.")
    ] = None,
    config: ConfigFile = _DEFAULT,
    phone: Annotated[
        str | None, typer.Option("--as", help="The customer's phone number, for bound parameters.")
    ] = None,
    contact: Annotated[
        list[str] | None, typer.Option("--contact", metavar="FACT=VALUE", help="Another fact: email=…, custom.member=…")
    ] = None,
) -> None:
    """Call one action, for real and without asking. What you type counts as said by the customer."""
    given = {key: _value(text) for key, text in map(_pair, arguments or ())}
    facts = dict(map(_pair, contact or ())) | ({"phone": phone} if phone else {})
    outcome = asyncio.run(_call(config, name, given, facts))
    typer.echo(f"{outcome.status}: {outcome.content}")
    for request in outcome.requests:
        typer.echo(f"asks for: {request}")
    if outcome.status == "refused":
        raise typer.Exit(1)
    if outcome.status != "done":
        raise typer.Exit(3)


@app.command(name="import")
def import_document(
    source: Annotated[str, typer.Argument(metavar="FILE_OR_URL", help="An OpenAPI 3.0 or 3.1 document, JSON or YAML.")],
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A name, operation id, tag or path; * is allowed. Repeatable.")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", help="The API's address, instead of the document's.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A new file, instead of standard output.")
    ] = None,
) -> None:
    """Write declarations for the operations of an OpenAPI document, and say what was left out."""
    from actions.openapi import import_openapi, read_document

    text = asyncio.run(_fetched(source)) if source.startswith(("http://", "https://")) else _file(source)
    found = import_openapi(read_document(text, source), only=only or (), server=server, taken=_in_use())
    if output is None:
        typer.echo(found.text, nl=False)
    else:
        if output.exists():
            raise InputError(f"{output} exists; it is not overwritten. Choose another name.")
        output.write_text(found.text)
    typer.echo(f"{len(found.names)} actions; {len(found.left_out)} things left out (see the comments).", err=True)


def _in_use() -> set[str]:
    """The variables that are set here, or that agent.yaml refers to."""
    from agent.config.environment import environment_of, referred_names

    file = Path("agent.yaml")
    written = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return {*environment_of(Path()), *referred_names(written)}


async def _all(config: Path) -> "list[Action]":
    from agent.assembly import open_actions
    from agent.config import load

    async with open_actions(load(config)) as actions:
        return list(actions.values())


async def _call(config: Path, name: str, given: Mapping[str, Any], facts: Mapping[str, str]) -> "Outcome":
    from actions.action import Context
    from agent.assembly import open_actions
    from agent.config import load

    now = datetime.now(UTC)
    custom = {key.removeprefix("custom."): value for key, value in facts.items() if key.startswith("custom.")}
    contact = {key: value for key, value in facts.items() if not key.startswith("custom.")}
    context = Context(
        contact={"id": "cli", **contact, "custom": custom},
        said=[" ".join(value if isinstance(value, str) else json.dumps(value) for value in given.values())],
        results={},
        key=f"balas-cli-{now:%Y%m%dT%H%M%S.%f}",
        now=now,
    )
    async with open_actions(load(config)) as actions:
        if name not in actions:
            from actions.scope import suggest

            raise InputError(f"there is no action {name!r}{suggest(name, actions)}")
        return await actions[name].run(dict(given), context)


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise InputError(f"{text!r} is not KEY=VALUE; write e.g. order_id=KS-10345")
    return key, value


def _value(text: str) -> Any:
    """JSON where it is a structure; everything else stays a text, which the action reads by its schema."""
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _file(source: str) -> str:
    try:
        return Path(source).read_text()
    except FileNotFoundError:
        raise InputError(f"there is no file {source}") from None
    except UnicodeDecodeError:
        raise InputError(f"{source} is not a text file") from None


async def _fetched(url: str) -> str:
    import httpx

    from actions.guard import guarded_client

    # The person at the keyboard names this address; where it redirects to, they do not.
    host = httpx.URL(url).host
    async with guarded_client([host] if host else []) as client:
        try:
            answer = await client.get(url, extensions={"guard": {"max_bytes": _LARGEST}})
        except httpx.HTTPError as error:
            raise OutsideError(f"{url} cannot be fetched: {error}") from error
    if not answer.is_success:
        raise OutsideError(f"{url} answered {answer.status_code}")
    return answer.text


def _described(action: "Action") -> dict[str, Any]:
    return {
        "name": action.name,
        "description": action.description,
        "effect": action.effect,
        "idempotent": action.idempotent,
        "confirm": action.confirm,
        "parameters": action.parameters,
        "examples": list(action.examples),
    }


def _shown(action: "Action") -> str:
    properties: Any = action.parameters.get("properties") or {}
    required: Any = action.parameters.get("required") or ()
    signature = ", ".join(name if name in required else f"{name}?" for name in properties)
    marks = ", ".join(["effect"] * action.effect + ["asks first"] * (action.confirm is not None))
    return f"{action.name}({signature}){f'  [{marks}]' if marks else ''}\n    {action.description}"
