"""`balas worker`: answer only, on as many machines as you like, beside `balas serve --accept-only`."""

from pathlib import Path
from typing import Annotated

import structlog
import typer

from agent.app import open_agent
from agent.cli.serve import learn, require_workers, run, stop_signal
from agent.config import AgentConfig, load

log = structlog.get_logger()


def worker(
    config: Annotated[Path, typer.Option("--config", "-c", help="The agent's file.")] = Path("agent.yaml"),
) -> None:
    """Work on what `balas serve --accept-only` accepts, until SIGTERM or Ctrl-C."""
    settings = load(config)
    require_workers(settings)
    run(_work(settings))


async def _work(config: AgentConfig) -> None:
    stopping = stop_signal()
    async with open_agent(config) as agent:
        await agent.start()
        await learn(agent)
        log.info("working", agent=config.name, storage=agent.database.describe())
        await stopping.wait()
        log.info("stopping")
        await agent.stop()
