"""A small world for one test: a platform, a model, and the agent as a process that can be killed and started again."""

import asyncio
import base64
import hashlib
import hmac
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.sandbox.records import Contact, Message
from tests.acceptance.stub_model import StubModel, stub_model
from tests.processes import Process, Start, forked

SECRET = "acceptance-secret"


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers with which the platform signs a webhook."""
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {"X-Webhook-Signature": signature}


_ports = count(random.randrange(10_100, 30_000))  # 10080 is the last of those that Chromium refuses to open


def free_port() -> int:
    """A port on which nobody listens, below those that systems give to connections: one of these would take it before its server."""
    while True:
        with suppress(OSError), socket.create_server(("127.0.0.1", next(_ports))) as listener:
            return int(listener.getsockname()[1])


@dataclass
class World:
    """`agent` is the process, once `start` was called. `log` holds what it wrote. `begin` is how processes are started."""

    folder: Path
    sandbox: RunningSandbox
    model: StubModel
    port: int
    config: dict[str, Any]
    agent: Process | None = None
    log: list[str] = field(default_factory=list)
    begin: Start = forked
    _reading: list[asyncio.Task[None]] = field(default_factory=list)
    _processes: list[Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self) -> None:
        with (self.folder / "agent.yaml").open("w") as file:
            YAML().dump(self.config, file)

    async def start(
        self, *, environment: Mapping[str, str] | None = None, command: tuple[str, ...] = ("serve",)
    ) -> None:
        """Start the agent and wait until it is ready (or has died)."""
        self.write()
        self.agent = await self.spawn(*command, environment=environment)
        async with httpx.AsyncClient() as client:
            for _ in range(1200):
                if self.agent.returncode is not None:
                    return
                with suppress(httpx.HTTPError):
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        raise AssertionError("the agent did not get ready:\n" + "\n".join(self.log[-30:]))

    async def start_with_workers(self, count: int) -> list[Process]:
        """Start one process that accepts and `count` that answer; these, once they work."""
        await self.start(command=("serve", "--accept-only"))
        workers = [await self.spawn("worker") for _ in range(count)]
        await self.working(count)
        return workers

    async def working(self, count: int) -> None:
        """Wait until `count` workers have begun to work, those that died since included."""
        async with asyncio.timeout(120):
            while sum('"working"' in line for line in self.log) < count:
                await asyncio.sleep(0.1)

    async def spawn(self, *command: str, environment: Mapping[str, str] | None = None) -> Process:
        """Start a process of the agent, e.g. another `worker`."""
        words = ("--log-level", "info", *command, "-c", str(self.folder / "agent.yaml"))
        process = await self.begin(words, {**os.environ, **(environment or {})})
        self._reading.append(asyncio.create_task(self._read(process)))
        self._processes.append(process)
        return process

    async def command(self, *command: str, code: int | None = 0) -> str:
        """Run a command of the agent to its end, e.g. `ledger show`, which ends with `code`, or somehow; what it printed."""
        process = await self.begin(
            ("--log-level", "error", *command, "-c", str(self.folder / "agent.yaml")), dict(os.environ)
        )
        assert process.stdout is not None
        printed = (await process.stdout.read()).decode(errors="replace")
        assert await process.wait() == code or code is None, printed
        return printed

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.log.append(line.decode(errors="replace").rstrip())

    async def kill(self) -> None:
        """`kill -9`."""
        assert self.agent is not None
        with suppress(ProcessLookupError):
            self.agent.kill()
        await self.agent.wait()

    async def died(self, within: float = 90) -> None:
        """Wait until the process has killed itself at the point it was told to."""
        assert self.agent is not None
        async with asyncio.timeout(within):
            code = await self.agent.wait()
        assert code == -signal.SIGKILL, f"it ended with {code} instead:\n" + "\n".join(self.log[-30:])

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.agent is not None
        if self.agent.returncode is None:
            self.agent.terminate()
        async with asyncio.timeout(90):
            code = await self.agent.wait()
        await asyncio.gather(*self._reading)
        return code

    async def close(self) -> None:
        """Kill whatever still runs."""
        for process in self._processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await asyncio.gather(*self._reading)

    async def texts(
        self, contact: Contact, *, count: int = 1, after: Message | int = 0, within: float = 90
    ) -> list[str]:
        """The texts that the customer got, once there are `count` messages."""
        try:
            found = await self.sandbox.replies(contact, after=after, count=count, within=within)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.log[-40:])) from None
        return [str(message.content.get("text") or message.content.get("attachment")) for message in found]

    async def settled(self, seconds: float = 1.5) -> None:
        """Wait until the agent has been at rest for `seconds`, the last second and a half of them in a row.

        On a busy machine what it still does takes longer. Workers look for news every few seconds, so no long rest is without work.
        """
        async with asyncio.timeout(seconds + 300):
            before, rested, in_a_row = self._cpu(), 0.0, 0.0
            while rested < seconds or in_a_row < min(seconds, _IN_A_ROW):
                asked = time.monotonic()
                await asyncio.sleep(_SAMPLE)
                took, now = time.monotonic() - asked, self._cpu()
                at_work = now.waiting or now.ticks - before.ticks > _TICKS or took > 4 * _SAMPLE
                before, rested, in_a_row = now, rested + (0.0 if at_work else took), 0.0 if at_work else in_a_row + took

    def _cpu(self) -> "_Cpu":
        ticks, waiting = 0, False
        for process in self._processes:
            for thread in Path(f"/proc/{process.pid}/task").glob("*/stat"):
                with suppress(OSError):  # it has ended meanwhile
                    state, *numbers = thread.read_text().rpartition(")")[2].split()
                    ticks += int(numbers[10]) + int(numbers[11])
                    waiting = waiting or state == "R"
        return _Cpu(ticks, waiting)


_SAMPLE = 0.1
"""How often a settling agent is looked at, in seconds."""

_IN_A_ROW = 1.5
"""For how long a settled agent has done nothing, in seconds."""

_TICKS = 3
"""The CPU time in a sample, in hundredths of a second, above which an agent is at work: at rest it uses a fifth of one."""


@dataclass(frozen=True)
class _Cpu:
    """What the agent's threads have used of the CPU, in hundredths of a second, and whether one of them waits for more."""

    ticks: int
    waiting: bool


@asynccontextmanager
async def world(folder: Path, **changes: Any) -> AsyncIterator[World]:
    """A world whose agent is configured by defaults and `changes` (top-level keys of agent.yaml)."""
    port = free_port()
    options = SandboxOptions(port=0, webhook_url=f"http://127.0.0.1:{port}/webhooks/aelyst", webhook_secret=SECRET)
    async with RunningSandbox(options) as sandbox, stub_model() as model:
        config: dict[str, Any] = {
            "name": "Melati",
            "instructions": "Kamu Melati, asisten Kopi Senja.",
            "model": {"name": "stub", "base_url": model.url, "fallbacks": []},
            "messaging": {
                "platform": "aelyst",
                "base_url": sandbox.api_url,
                "token": sandbox.token,
                "webhook_secret": SECRET,
            },
            "voice": {"model": "none"},
            "server": {"port": port},
        }
        config.update(changes)
        one = World(folder, sandbox, model, port, config)
        try:
            yield one
        finally:
            await one.close()
