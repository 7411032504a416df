"""`balas workflows`: what happens by itself, how often it ran, and beginning or ending a run by hand."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from agent.cli.ledger import Json, hidden, print_json, read, write
from agent.cli.options import ConfigFile
from agent.config import load
from agent.config.workflows import Workflow
from agent.errors import InputError
from agent.ledger import contacts, workflows
from agent.ledger.workflows import Run
from agent.workflows.hooks import begin_by_hand
from settings.clock import now

app = typer.Typer(no_args_is_help=True, help="What happens by itself; begin or end a run.")

_DEFAULT = Path("agent.yaml")
_RunId = Annotated[str, typer.Argument(metavar="RUN", help="As `balas workflows show` lists it.")]


@app.command("list")
def show_all(config: ConfigFile = _DEFAULT, as_json: Json = False) -> None:
    """The workflows of agent.yaml, and how often each ran."""
    flows = load(config).workflows
    counts = read(config, workflows.counts)
    if as_json:
        print_json([_record(flow) | {"runs": counts.get(flow.name, {})} for flow in flows])
        return
    for flow in flows:
        runs = ", ".join(f"{count} {state}" for state, count in counts.get(flow.name, {}).items()) or "never ran"
        print(f"{flow.name:<20} {_trigger(flow):<28} {runs}")
    if not flows:
        print("agent.yaml has no workflows")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The workflow, or the id of a run.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many runs, the newest first.")] = 20,
    config: ConfigFile = _DEFAULT,
    as_json: Json = False,
) -> None:
    """A workflow with its newest runs; of each run what became of its steps."""
    flow = next((each for each in load(config).workflows if each.name == name), None)

    def look(connection: Connection) -> list[dict[str, Any]]:
        one = workflows.load(connection, name) if flow is None else None
        runs = [one] if one else workflows.listed(connection, workflow=name, limit=limit)
        return [asdict(run) | {"steps": [asdict(s) for s in workflows.steps(connection, run.id)]} for run in runs]

    runs = hidden(config, read(config, look))
    if flow is None and not runs:
        raise InputError(f"agent.yaml has no workflow {name!r}; `balas workflows list` shows what there is")
    if as_json:
        print_json((_record(flow) if flow is not None else {}) | {"runs": runs})
        return
    if flow is not None:
        print(f"{flow.name}: on {_trigger(flow)}, once a {flow.once}; {' → '.join(step.kind for step in flow.do)}")
    for run in runs:
        _print_run(run)
    if not runs:
        print("  it never ran")


def _print_run(run: dict[str, Any]) -> None:
    who = f"{run['contact']['platform']}:{run['contact']['id']}" if run["contact"] else "no contact"
    told = f": {run['reason']}" if run["reason"] else ""
    print(f"  {run['id']}  {who}  {run['created_at'].astimezone():%Y-%m-%d %H:%M:%S}  {run['state']}{told}")
    for step in run["steps"]:
        why = f": {step['reason']}" if step["reason"] else ""
        print(f"    {step['n'] + 1}. {step['kind']} {step['outcome'] or 'under way'}{why}")
    if run["state"] == "running" and run["next_at"] is not None:
        print(f"    next {run['next_at'].astimezone():%Y-%m-%d %H:%M:%S}")


@app.command("run")
def run(
    name: Annotated[str, typer.Argument(help="The workflow.")],
    contact: Annotated[
        str | None, typer.Argument(help="Id, platform:id, phone number or e-mail; none for a schedule's audience.")
    ] = None,
    config: ConfigFile = _DEFAULT,
    as_json: Json = False,
) -> None:
    """Begin a workflow by hand: for a contact, or for the audience of a schedule. A running agent takes its steps."""
    flow = next((each for each in load(config).workflows if each.name == name), None)
    if flow is None:
        raise InputError(f"agent.yaml has no workflow {name!r}; `balas workflows list` shows what there is")

    def work(connection: Connection) -> tuple[str, Run | None] | None:
        key = None
        if contact is not None:
            found = contacts.find(connection, contact)
            if len(found) != 1:
                return None
            key = found[0].key
        event = begin_by_hand(connection, flow, key, now())
        return event, workflows.of_event(connection, name, event)

    begun = write(config, work)
    if begun is None:
        raise InputError(f"no contact {contact!r} in this ledger; give an id, platform:id, a phone number or an e-mail")
    event, run = begun
    if as_json:
        print_json({"event": event, "run": None if run is None else run.id})
    elif run is not None:
        print(f"{run.id} begins; a running agent takes its steps")
    else:
        print(f"{name} begins for its audience; a running agent takes the steps")


@app.command("cancel")
def cancel(identifier: _RunId, config: ConfigFile = _DEFAULT, as_json: Json = False) -> None:
    """End a run that has not ended."""
    found = write(config, lambda connection: workflows.cancel(connection, identifier, "cancelled by the owner", now()))
    if found is None:
        raise InputError(f"no running run has the id {identifier!r}; `balas workflows show NAME` lists them")
    if as_json:
        print_json({"cancelled": found.id})
    else:
        print(f"{found.id} is cancelled")


@app.command("retry")
def retry(identifier: _RunId, config: ConfigFile = _DEFAULT) -> None:
    """Let a failed run try its step again."""
    found = write(config, lambda connection: workflows.retry(connection, identifier, now()))
    if found is None:
        raise InputError(f"no failed run has the id {identifier!r}; `balas ledger dead` lists them")
    print(f"{found.id} tries again from step {found.step + 1}")


def _trigger(flow: Workflow) -> str:
    value = flow.on.value if isinstance(flow.on.value, str) else None
    return flow.on.event if value is None else f"{flow.on.event}: {value}"


def _record(flow: Workflow) -> dict[str, Any]:
    return {"name": flow.name, "on": _trigger(flow), "once": flow.once, "do": [step.kind for step in flow.do]}
