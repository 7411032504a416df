"""Recording a scenario in the agent's own ledger, as if its customer had talked to `balas serve`."""

import asyncio
from pathlib import Path

from sqlalchemy.engine import make_url

from agent.assembly import open_ledger
from agent.config import load
from agent.scenarios.format import loads
from agent.scenarios.play import Played, play
from agent.scenarios.stage import open_stage


def record(shop: Path, scenario: str, *, live: bool = False) -> Played:
    """Play a scenario of the shop on the ledger that its agent.yaml names.

    Args:
        shop: the folder of agent.yaml.
        scenario: as its file would be.
        live: whether the model of agent.yaml answers; else the offline one.
    """
    return asyncio.run(_record(shop, scenario, live=live))


async def _record(shop: Path, scenario: str, *, live: bool) -> Played:
    config = load(shop)
    ledger = Path(str(make_url(config.storage_url).database))
    ledger = ledger if ledger.is_absolute() else config.folder / ledger
    async with open_ledger(config):
        pass
    async with open_stage(config, live=False) as stage:
        stage.new_ledger = lambda: ledger  # type: ignore[method-assign]
        found = loads(scenario.encode(), shop / "tests" / "recorded.yaml", environment={})
        played = await play(found, stage, lambda ledgered: stage.models() if live else stage.offline())
    assert played.passed, (played.failed, played.error)
    return played
