"""`balas mcp`: the API as tools of the Model Context Protocol on stdin and stdout, for AI programs on this machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from agent.assembly import open_beside
from agent.cli.options import ConfigFile
from agent.config import AgentConfig, load
from agent.errors import InputError
from agent.web.auth import Token, tokens_of, whose


def mcp(
    config: ConfigFile = Path("agent.yaml"),
    token: Annotated[
        str | None,
        typer.Option(
            envvar="BALAS_TOKEN", help="A token of agent.yaml, whose role counts; without one: look and try only."
        ),
    ] = None,
) -> None:
    """Offer the API as MCP tools on stdin and stdout; the agent may run beside it."""
    settings = load(config)
    asyncio.run(_serve(settings, _asking(settings, token)))


def _asking(config: AgentConfig, token: str | None) -> Token:
    if token is None:
        return Token("mcp", "viewer")
    found = whose(token, tokens_of(config.server))
    if found is None:
        raise InputError("--token: this is no token of agent.yaml (server.api_token or server.tokens)")
    return found


async def _serve(config: AgentConfig, asking: Token) -> None:
    from agent.web.mcp import Tools, serve_stdio
    from agent.web.server import create_app, end_streams

    async with open_beside(config) as agent:
        app = create_app(agent)
        learning = asyncio.create_task(agent.learn(), name="first sync")
        try:
            await serve_stdio(Tools(app.state.api, config.name, asking))
        finally:
            learning.cancel()
            await asyncio.gather(learning, return_exceptions=True)
            await end_streams(app)
            await agent.stop()
