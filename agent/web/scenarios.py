"""`…/scenario`: a conversation, or one of the playground, as a scenario for `balas test`, without personal data."""

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Request

from agent.app import Agent
from agent.errors import InputError
from agent.ledger.database import Database
from agent.web.answers import VIEWER, Conflict, NotFound, agent_of, contact_named
from agent.web.conversations import ContactName

router = APIRouter(tags=["conversations"])


@dataclass(frozen=True, slots=True)
class ScenarioShown:
    """A conversation as a scenario.

    Attributes:
        file: where it belongs, relative to agent.yaml; each conversation has a name of its own.
        scenario: the text of the file.
        cassette: the text of the recording that stands beside it as `NAME.cassette.yaml`; null where no language model answered.
        notes: what of the conversation it does not hold.
    """

    file: str
    scenario: str
    cassette: str | None
    notes: list[str]


@router.get("/conversations/{contact}/scenario", openapi_extra=VIEWER)
async def conversation_as_scenario(request: Request, contact: ContactName) -> ScenarioShown:
    """A recorded conversation as a scenario: what was said, what actions answered, and expectations that hold; personal data replaced."""
    agent = agent_of(request)
    state = await agent.database.read(lambda connection: contact_named(connection, contact))
    return await _shown(agent, agent.database, str(state.key), "conversation")


@router.get("/agent/test/{session}/scenario", openapi_extra=VIEWER, tags=["agent"])
async def trial_as_scenario(
    request: Request, session: Annotated[str, Path(description="From an answer of `POST /agent/test`.")]
) -> ScenarioShown:
    """A conversation that was tried as a scenario."""
    bench = await request.app.state.trials.bench()
    key = bench.key(session)
    if key is None:
        raise NotFound(f"there is no session {session!r}; sessions are kept for an hour")
    return await _shown(agent_of(request), bench.database, str(key), "playground")


async def _shown(agent: Agent, database: Database, key: str, name: str) -> ScenarioShown:
    """Raises: `Conflict`."""
    from agent.scenarios.recording import recorded
    from agent.scenarios.save import as_scenario
    from agent.scenarios.stage import scenarios_of, stage_over

    found = await database.read(lambda connection: recorded(connection, key))
    if not found or not found[0].turns:
        raise Conflict("no turn of this conversation has ended, so there is nothing to save")
    first = found[0].turns[0]
    began = first.received_at[0].astimezone(agent.config.zone)
    path = scenarios_of(agent.config.folder) / f"{name}_{began:%Y%m%d}_{first.summary.id[:6]}.yaml"
    async with stage_over(agent.config, agent.knowledge) as stage:
        try:
            saved = await as_scenario(found[0], stage, path)
        except InputError as error:
            raise Conflict(str(error)) from None
    return ScenarioShown(_relative(path, agent.config.folder), saved.scenario, saved.cassette, list(saved.notes))


def _relative(path: FilePath, folder: FilePath) -> str:
    return path.relative_to(folder).as_posix()
