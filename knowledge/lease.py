"""The sync lease: one process at a time syncs the sources, however many share a store."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from knowledge.store import KnowledgeStore

LEASE_DURATION = timedelta(seconds=15)  # without a renewal, another process may take the lease
RENEW_INTERVAL = 5.0  # seconds between renewals
POLL_INTERVAL = 0.3  # seconds between attempts to take the lease

_LOCAL_OWNERS: set[str] = set()  # owners that live in this process


class Lease:
    """A lease in the store, renewed in the background while held.

    `owner` is `<host>/<pid>/<random>`: it names this process and this object in it.
    """

    def __init__(self, store: KnowledgeStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self.owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        _LOCAL_OWNERS.add(self.owner)

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[None]:
        """Poll until the lease is free, and hold it."""
        while not await self._take():
            await asyncio.sleep(POLL_INTERVAL)
        async with self._held():
            yield

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[bool]:
        """Hold the lease if it is free; yields whether it was."""
        if not await self._take():
            yield False
            return
        async with self._held():
            yield True

    def close(self) -> None:
        """Let processes of this machine see that this owner is gone."""
        _LOCAL_OWNERS.discard(self.owner)

    async def _take(self) -> bool:
        now = self._clock()
        other = await self._store.begin_sync(self.owner, now, now + LEASE_DURATION)
        if other is not None and _is_dead(other):
            await self._store.end_sync(other)
            other = await self._store.begin_sync(self.owner, now, now + LEASE_DURATION)
        return other is None

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        renewal = asyncio.create_task(self._renew(), name="knowledge: renew the lease")
        try:
            yield
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
            await self._store.end_sync(self.owner)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_INTERVAL)
            now = self._clock()
            await self._store.begin_sync(self.owner, now, now + LEASE_DURATION)


def _is_dead(owner: str) -> bool:
    """Whether the owner was a process of this machine that has exited: its lease may be taken before it expires."""
    host, _, rest = owner.partition("/")
    process = rest.partition("/")[0]
    if not process:  # it was given up while we asked
        return False
    if host != socket.gethostname():
        return False
    if int(process) == os.getpid():
        return owner not in _LOCAL_OWNERS
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
