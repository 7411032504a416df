"""One configuration for many processes: what one of them adopts is written to the ledger, and the others adopt it from there.

Each process looks every second for a newer one, and says which it goes by. One that cannot take it keeps its own and says why.
A process that starts joins the others unless its agent.yaml has been changed since.
"""

import asyncio
import hashlib
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from agent import swap
from agent.app import Agent
from agent.config import AgentConfig, ConfigErrors, loads
from agent.ledger import rollout
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.rollout import Configuration, Process

log = structlog.get_logger()

_POLL = timedelta(seconds=2)
_REPORT = timedelta(seconds=3)
"""How often a process says that it runs; also the pause before one that was refused is tried again."""

_ANSWER = timedelta(seconds=20)
"""How long the others are waited for before the answer says who has not taken it yet."""


class Rollout:
    """One process's part in the rollout."""

    def __init__(self, agent: Agent, kind: str, lock: asyncio.Lock) -> None:
        """Take part.

        Args:
            agent: of this process.
            kind: `serve` or `worker`.
            lock: held while a configuration is put in place.
        """
        self._agent = agent
        self._kind = kind
        self._lock = lock
        self._file = _hash(agent.config.text)
        self._current: Configuration | None = None
        self._began_at: int | None = None  # the newest number then: its process may go by the file instead
        self._refused: tuple[int, str] | None = None
        self._next_report = agent.clock()

    async def join(self) -> None:
        """Adopt the configuration of the other processes, before work begins."""
        self._began_at = await self._agent.database.read(rollout.number)
        await self._look()
        await self._report()

    async def follow(self) -> None:
        """Adopt what other processes publish, until cancelled."""
        while True:
            await asyncio.sleep(_POLL.total_seconds())
            try:
                async with self._lock:
                    await self._look()
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", reason=str(error))

    async def _look(self) -> None:
        now, due = self._agent.clock(), self._agent.clock() >= self._next_report
        n = await self._agent.database.read(rollout.number)
        if n is not None and n != self.number and (due or self._refused is None or self._refused[0] != n):
            found = await self._agent.database.read(
                rollout.newest
                if n != self._began_at
                else lambda connection: rollout.joined(connection, self._file, now)
            )
            if found is not None:
                await self._take(found)
                due = True
        if due:
            await self._report()

    async def publish(self, config: AgentConfig) -> None:
        """Publish a configuration to all processes, before this one adopts it.

        Raises:
            LedgerUnavailable: none will get it.
        """
        on_disk = await asyncio.to_thread(_hash_of_file, config)
        before = self._current.files if self._current is not None else ()
        files = list(dict.fromkeys([*before, self._file, *([on_disk] if on_disk else ())]))
        now, owner, kind = self._agent.clock(), self._agent.owner, self._kind

        def write(connection: Connection) -> int:
            n = rollout.publish(connection, config.text, files, now)
            rollout.report(connection, Process(owner, kind, n), now)
            return n

        n = await self._agent.database.write(write)
        self._current, self._refused = Configuration(n, config.text, files, saved=False), None

    async def saved(self) -> None:
        """Note that the configuration in place was written to the file as well."""
        if (n := self.number) is not None:
            await self._agent.database.write(lambda connection: rollout.mark_saved(connection, n))

    async def processes(self) -> list[Process]:
        """The processes that run now, and the configuration that each uses."""
        return await self._agent.database.read(lambda connection: rollout.running(connection, self._agent.clock()))

    async def taken(self, n: int | None) -> list[Process]:
        """Wait until all processes have taken a configuration or refused it, for a while at most; how each stands."""
        end = asyncio.get_running_loop().time() + _ANSWER.total_seconds()
        while True:
            found = await self.processes()
            decided = all(n in (one.configuration, one.refused) for one in found)
            if decided or asyncio.get_running_loop().time() > end:
                return found
            await asyncio.sleep(0.2)

    async def leave(self) -> None:
        """Say that this process ends."""
        try:
            await self._agent.database.write(lambda connection: rollout.leave(connection, self._agent.owner))
        except LedgerUnavailable as error:
            log.error("ledger_unavailable", reason=str(error))

    @property
    def number(self) -> int | None:
        """The number of the configuration in use; `None` for the process's own agent.yaml."""
        return None if self._current is None else self._current.n

    async def _take(self, found: Configuration) -> None:
        try:
            config = loads(found.text, file=self._agent.config.file)
            await swap.replace(self._agent, config)
        except (ConfigErrors, swap.SwapRefused, OSError, ValueError) as error:
            reason = str(error)
        except Exception as error:
            log.exception("configuration_refused")
            reason = f"{type(error).__name__}: {error}"
        else:
            self._current, self._refused = found, None
            log.info("configuration_taken", number=found.n)
            return
        self._refused = found.n, reason
        log.error("configuration_refused", number=found.n, reason=reason, effect="the earlier one stays in place")

    async def _report(self) -> None:
        now = self._agent.clock()
        refused, reason = self._refused or (None, None)
        one = Process(self._agent.owner, self._kind, self.number, refused, reason)
        await self._agent.database.write(lambda connection: rollout.report(connection, one, now))
        self._next_report = now + _REPORT


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _hash_of_file(config: AgentConfig) -> str | None:
    try:
        return _hash(config.file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
