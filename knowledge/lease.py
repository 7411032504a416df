"""One process at a time looks at the sources, however many share a store."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from knowledge.store import KnowledgeStore

LASTS = timedelta(seconds=15)  # without a sign of life
RENEWED = 5.0  # seconds between two of them
ASKED_AGAIN = 0.3  # seconds

_HERE: set[str] = set()  # the owners in this process


class Lease:
    """The right to look at the sources. `owner` names this process and this object of it."""

    def __init__(self, store: KnowledgeStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self.owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        _HERE.add(self.owner)

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[None]:
        """Hold it as soon as nobody else does."""
        while not await self._take():
            await asyncio.sleep(ASKED_AGAIN)
        async with self._held():
            yield

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[bool]:
        """Hold it if nobody else does: whether that is so."""
        if not await self._take():
            yield False
            return
        async with self._held():
            yield True

    def close(self) -> None:
        _HERE.discard(self.owner)

    async def _take(self) -> bool:
        now = self._clock()
        other = await self._store.begin_sync(self.owner, now, now + LASTS)
        if other is not None and _is_gone(other):
            await self._store.end_sync(other)
            other = await self._store.begin_sync(self.owner, now, now + LASTS)
        return other is None

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        keeping = asyncio.create_task(self._keep(), name="knowledge: keep the lease")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await self._store.end_sync(self.owner)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(RENEWED)
            now = self._clock()
            await self._store.begin_sync(self.owner, now, now + LASTS)


def _is_gone(owner: str) -> bool:
    """Whether the owner was a process of this machine that has died: its lease need not run out first."""
    host, process, _ = owner.split("/")
    if host != socket.gethostname():
        return False
    if int(process) == os.getpid():
        return owner not in _HERE
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
