"""`balas replay`: a recorded conversation against the agent.yaml of today."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import ConfigFile
from agent.errors import InputError, UsageError

if TYPE_CHECKING:
    from agent.config import AgentConfig
    from agent.scenarios.recording import Recording
    from agent.scenarios.replay import Compared


def replay(
    contact: Annotated[
        str | None, typer.Argument(metavar="[CONTACT]", help="Id, platform:id, phone number or e-mail.")
    ] = None,
    config: ConfigFile = Path("agent.yaml"),
    turn: Annotated[str | None, typer.Option("--turn", metavar="ID", help="Only this turn.")] = None,
    last: Annotated[
        int | None, typer.Option("--last", min=1, metavar="N", help="The last N conversations instead of one.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Make a scenario of it, without personal data.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the model where it is asked something else than then.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay a recorded conversation against today's agent.yaml: what would be different. Nothing is sent."""
    from agent.config import load

    if (contact is None) == (last is None):
        raise UsageError("name a contact, or give --last N")
    if save is not None and contact is None:
        raise UsageError("--save makes a scenario of one conversation; name its contact")
    asyncio.run(_replay(load(config), contact, turn, last, save, live=live, as_json=as_json))


async def _replay(
    config: "AgentConfig",
    contact: str | None,
    turn: str | None,
    last: int | None,
    save: Path | None,
    *,
    live: bool,
    as_json: bool,
) -> None:
    from agent.assembly import open_ledger
    from agent.scenarios.recording import newest, recorded
    from agent.scenarios.replay import replay
    from agent.scenarios.save import save as save_scenario
    from agent.scenarios.stage import open_stage

    async with open_ledger(config) as database:
        found: list[Recording] = await database.read(
            lambda connection: recorded(connection, contact) if contact is not None else newest(connection, last or 1)
        )
    if contact is not None and not found:
        raise InputError(f"no contact {contact!r} in this ledger; give an id, platform:id, a phone number or an e-mail")
    if turn is not None and not any(each.summary.id == turn for one in found for each in one.turns):
        raise InputError(f"{contact} has no turn {turn!r}; `balas ledger show {contact}` lists them")
    found = [each for each in found if each.turns]
    if contact is not None and not found:
        raise InputError(f"{contact} has no turn that ended, so there is nothing to replay")
    async with open_stage(config, live=live) as stage:
        if save is not None:
            saved = await save_scenario(found[0], stage, save)
            for note in saved.notes:
                print(note, file=sys.stderr)
            print(f"{save} holds the conversation as a scenario; `balas test {save}` runs it")
            return
        results = []
        for recording in found:
            compared = [
                each
                for each in await replay(recording, stage, live=live)
                if turn is None or each.turn.summary.id == turn
            ]
            results.append((recording, compared))
            if not as_json:
                _show(recording, compared)
    _sum_up(results, as_json=as_json)


def _show(recording: "Recording", compared: "list[Compared]") -> None:
    from agent.scenarios.replay import lines_of

    print(recording.contact.key)
    for each in compared:
        for line in lines_of(each):
            print(f"  {line}")


def _sum_up(results: "list[tuple[Recording, list[Compared]]]", *, as_json: bool) -> None:
    from agent.scenarios.replay import as_json as to_json

    every = [each for _, compared in results for each in compared]
    turns = [each for each in every if each.turn.kept]
    different = sum(bool(each.differences) for each in turns)
    if as_json:
        shown = [
            {"contact": str(recording.contact.key), "turns": [to_json(each) for each in compared]}
            for recording, compared in results
        ]
        whole = {"conversations": shown, "different": different, "not_kept": len(every) - len(turns)}
        print(json.dumps(whole, indent=2, ensure_ascii=False, default=str))
        return
    found = f"{different} different" if different else "no difference"
    gone = f"; the steps of {len(every) - len(turns)} more are no longer kept" if len(every) > len(turns) else ""
    print(f"{len(turns)} turns, {found}{gone}")
