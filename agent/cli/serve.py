"""`balas serve`: accept webhooks and answer them, in one process."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from agent.app import Agent
from agent.assembly import open_agent
from agent.cli.announce import announcement
from agent.cli.check import unreachable
from agent.cli.options import ConfigFile
from agent.config import AgentConfig, load
from agent.config.environment import environment_of
from agent.errors import InputError
from agent.rollout import Rollout
from agent.swap import Overlay
from agent.telemetry.environment import exporting
from agent.web.listening import bind, serving
from agent.web.protocol import allow_connections
from agent.web.server import Swaps, create_app, end_streams

log = structlog.get_logger()


SWITCH = 0.0005
"""Seconds after which a busy thread lets another work. The ledger's thread asks for that ten times in a transaction: with
Python's five milliseconds each, a thousand webhooks at once waited for most of a minute."""


def serve(
    config: ConfigFile = Path("agent.yaml"),
    host: Annotated[str | None, typer.Option(help="Address to listen on; by default server.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; by default server.port.")] = None,
    accept_only: Annotated[bool, typer.Option("--accept-only", help="Leave the answering to `balas worker`.")] = False,
) -> None:
    """Accept webhooks and answer them, until SIGTERM or Ctrl-C."""
    settings = load(config)
    if accept_only:
        require_workers(settings)
    run(_serve(settings, host, port, working=not accept_only))


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a server until it ends: on uvloop, with quick changes between its threads, and as many connections as it bears."""
    import uvloop

    allow_connections()
    sys.setswitchinterval(SWITCH)
    uvloop.run(work)


async def learn(agent: Agent) -> None:
    """Get ready. What is loaded by then stays, so the collector is spared it: a full round stopped everything for 170 ms."""
    await agent.learn()
    gc.collect()
    gc.freeze()


def require_workers(config: AgentConfig) -> None:
    """Raise unless the agent is set up for several processes."""
    if not config.workers:
        raise InputError("this needs `workers: true` and `storage: postgresql://…` in agent.yaml")


async def _serve(config: AgentConfig, host: str | None, port: int | None, *, working: bool) -> None:
    stopping = stop_signal()
    async with running(config, host=host, port=port, working=working) as (agent, address):
        log.info(
            "serving",
            agent=config.name,
            address=address,
            console=f"{address}/console/",
            platforms=[f"{name} ({kind})" for name, kind in agent.platform_kinds().items()],
            storage=agent.database.describe(),
        )
        print(announcement(config, address), flush=True)
        await stopping.wait()
        log.info("stopping")


def telemetry(config: AgentConfig) -> AbstractAsyncContextManager[None]:
    """Export traces and metrics while the process works, if its environment or `.env` asks for it."""
    return exporting(environment_of(config.folder), config.name, version("balas"))


def stop_signal() -> asyncio.Event:
    """Set when the process is asked to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


@asynccontextmanager
async def running(
    config: AgentConfig,
    *,
    host: str | None = None,
    port: int | None = None,
    working: bool = True,
    overlay: Overlay = lambda config: config,
) -> AsyncIterator[tuple[Agent, str]]:
    """An agent that listens and, if `working`, answers; its address. On leaving, running turns are finished.

    `overlay` is what the command has changed in `config`, and changes in each that takes its place.
    """
    with bind(host or config.server.host, config.server.port if port is None else port) as listener:
        base_url = config.server.public_url or listener.url
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(telemetry(config))
            agent = await stack.enter_async_context(open_agent(config, base_url=base_url))
            agent.address = listener.url
            swaps = Swaps(overlay, unreachable)
            swaps.rollout = await stack.enter_async_context(_shared(agent, "serve", swaps.one_at_a_time))
            app = create_app(agent, swaps)
            await stack.enter_async_context(serving(app, listener))
            await agent.start(working=working)
            learning = asyncio.create_task(learn(agent), name="first sync")
            try:
                yield agent, listener.url
            finally:
                await end_streams(app)
                learning.cancel()
                await asyncio.gather(learning, return_exceptions=True)
                await agent.stop()


@asynccontextmanager
async def _shared(agent: Agent, kind: str, lock: asyncio.Lock) -> AsyncIterator[Rollout | None]:
    """Go by the configuration that all processes share, where there are several."""
    if not agent.config.workers:
        yield None
        return
    rollout = Rollout(agent, kind, lock)
    await rollout.join()
    following = asyncio.create_task(rollout.follow(), name="rollout")
    try:
        yield rollout
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await rollout.leave()


def worker(
    config: ConfigFile = Path("agent.yaml"),
) -> None:
    """Work on what `balas serve --accept-only` accepts, until SIGTERM or Ctrl-C."""
    settings = load(config)
    require_workers(settings)
    run(_work(settings))


async def _work(config: AgentConfig) -> None:
    stopping = stop_signal()
    async with telemetry(config), open_agent(config) as agent, _shared(agent, "worker", asyncio.Lock()):
        await agent.start()
        await learn(agent)
        log.info("working", agent=config.name, storage=agent.database.describe())
        await stopping.wait()
        log.info("stopping")
        await agent.stop()
