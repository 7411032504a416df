"""Everything that the demonstration needs, started together."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from agent.app import Agent
from agent.cli.serve import running
from agent.config import load
from agent.web.listening import listening
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.settings import MessagingSettings

SECRET = "demo-secret"  # noqa: S105 - between two servers of one process on loopback


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs; `url` is the phone page."""

    sandbox: RunningSandbox
    agent: Agent
    url: str


@asynccontextmanager
async def stage(config: Path, *, port: int, samples: Path | None, data: Path) -> AsyncIterator[Stage]:
    """Start the shop, the sandbox (its page on `port`, 0 for a free one) and the agent; `data`, an absolute folder, keeps their memory."""
    from examples.kopi_senja.orders import create_app

    async with listening(create_app(), "127.0.0.1", 0) as shop:
        options = SandboxOptions(
            port=port,
            webhook_secret=SECRET,
            samples=samples,
            business="Kopi Senja",
            storage=data / "sandbox.db",
        )
        async with RunningSandbox(options) as sandbox:
            os.environ["SHOP_URL"] = shop  # agent.yaml refers to it, as a real one refers to the real shop
            os.environ["BALAS_STORAGE"] = f"sqlite:///{data / 'balas.db'}"
            agent_config = load(config)
            messaging = MessagingSettings(
                platform="sandbox",
                base_url=sandbox.api_url,
                token=SecretStr(sandbox.token),
                webhook_secret=SecretStr(SECRET),
            )
            changes = {
                "messaging": messaging,
                "voice": agent_config.voice.model_copy(update={"allow_toy": True}),
                "server": agent_config.server.model_copy(update={"public_url": None}),
            }
            async with running(agent_config.model_copy(update=changes), host="127.0.0.1", port=0) as (agent, address):
                sandbox.send_webhooks_to(f"{address}/webhooks/sandbox", SECRET)
                yield Stage(sandbox, agent, sandbox.url)
