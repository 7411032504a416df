"""The sync lease ends when its owner has died, and expires without a renewal."""

import socket
import subprocess
import sys
from datetime import timedelta

from knowledge.lease import LEASE_DURATION, Lease
from tests.knowledge.conftest import Clock
from tests.knowledge.memory import MemoryStore


async def test_the_lease_of_a_process_that_died_here_is_taken_over_at_once(clock: Clock) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    store = MemoryStore()
    await store.begin_sync(f"{socket.gethostname()}/{dead.pid}/abc", clock.now, clock.now + LEASE_DURATION)
    async with Lease(store, clock).attempt() as is_ours:
        assert is_ours


async def test_the_lease_of_another_machine_runs_out_without_a_renewal(clock: Clock) -> None:
    store = MemoryStore()
    lease = Lease(store, clock)
    await store.begin_sync("elsewhere/1/abc", clock.now, clock.now + LEASE_DURATION)
    async with lease.attempt() as is_ours:
        assert not is_ours
    clock.now += LEASE_DURATION + timedelta(seconds=1)
    async with lease.attempt() as is_ours:
        assert is_ours
    assert await store.begin_sync("elsewhere/1/abc", clock.now, clock.now + LEASE_DURATION) is None, "it was given back"
