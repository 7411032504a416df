"""What a message costs with 1, 2, 4 and 8 workers on one PostgreSQL: CPU, transactions, and how often workers ask for a job.

One process accepts, the others answer. All run on this machine, so what is shown is the cost of a message and how it grows with
the number of workers, not how much eight machines can do; `make bench ARGS=simulation` reckons that from these figures.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path

import httpx

from bench.overhead import arrived
from bench.subject import CONFIG, Subject, cpu_seconds, free_port, ready
from tests.postgres import Postgres

_RATE = 10
_CONTACTS = 100
_POLL = 5.0
"""Seconds after which a worker asks the queue without having been woken (procrastinate)."""


@dataclass(frozen=True)
class Costs:
    """What one message costs: CPU in milliseconds of the web process, of all workers, of PostgreSQL; counts of the others."""

    web: float
    workers: float
    postgres: float
    transactions: float
    asked: float


class Fleet:
    """One web process and some workers on a database of their own."""

    def __init__(self, folder: Path, server: Postgres, workers: int) -> None:
        self.server, self.count = server, workers
        self.database = f"workers_{workers}_{time.time_ns()}"
        self.stub_port, self.port = free_port(), free_port()
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    async def start(self, client: httpx.AsyncClient) -> Subject:
        stub = f"http://127.0.0.1:{self.stub_port}"
        storage = self.server.database(self.database)
        self.server.execute(f"ALTER DATABASE {self.database} SET track_functions = 'pl'")
        config = CONFIG.format(stub=stub, port=self.port) + f'storage: "{storage}"\nworkers: true\n'
        (self.folder / "agent.yaml").write_text(config)
        self._run("-m", "bench.stub", str(self.stub_port))
        web = self._run("-m", "agent", "--log-level", "warning", "serve", "--accept-only", *self._config)
        await ready(client, f"http://127.0.0.1:{self.port}/readyz", web)
        await ready(client, f"{stub}/sent", self.processes[0])
        for _ in range(self.count):
            self._run("-m", "agent", "--log-level", "warning", "worker", *self._config)
        while len(self.server.execute("SELECT id FROM procrastinate_workers", database=self.database)) < self.count:
            await asyncio.sleep(0.5)
        await asyncio.sleep(3 * _POLL)  # until all know of each other
        return Subject("balas", f"http://127.0.0.1:{self.port}", stub, web.pid, self.folder, client)

    @property
    def _config(self) -> tuple[str, str]:
        return "-c", str(self.folder / "agent.yaml")

    def _run(self, *arguments: str) -> "subprocess.Popen[bytes]":
        self.processes.append(subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL))
        return self.processes[-1]

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            process.wait(60)

    def reading(self) -> Costs:
        """Sums since the start, not yet divided by messages."""
        web, workers = self.processes[1].pid, [process.pid for process in self.processes[2:]]
        (row,) = self.server.execute(
            "SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits, "
            "(SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname LIKE 'procrastinate_fetch_job%') AS asked",
            database=self.database,
        )
        return Costs(
            web=1000 * cpu_seconds(web),
            workers=1000 * sum(map(cpu_seconds, workers)),
            postgres=1000 * cpu_seconds(self.server.pid),
            transactions=float(row.commits),
            asked=float(row.asked),
        )


async def measure(server: Postgres, workers: int, seconds: float) -> Costs | None:
    """Send ten messages a second; `None` when one was not answered."""
    with tempfile.TemporaryDirectory(prefix="balas-bench-") as folder:
        fleet = Fleet(Path(folder), server, workers)
        try:
            async with httpx.AsyncClient(timeout=60) as client:
                one = await fleet.start(client)
                await _send(one, _CONTACTS)  # warm
                idle, since = await _settled(fleet), time.perf_counter()
                await asyncio.sleep(2 * _POLL)
                before = await _settled(fleet)
                spent = time.perf_counter() - since
                begun, count = time.perf_counter(), int(seconds * _RATE)
                if not await _send(one, count):
                    return None
                after = await _settled(fleet)
                share = (time.perf_counter() - begun) / spent
                return Costs(
                    *(
                        (
                            getattr(after, name)
                            - getattr(before, name)
                            - share * (getattr(before, name) - getattr(idle, name))
                        )
                        / count
                        for name in (field.name for field in fields(Costs))
                    )
                )
        finally:
            fleet.stop()


async def _settled(fleet: Fleet) -> Costs:
    """The reading once PostgreSQL's sessions have handed in their counts, which they do within ten seconds of rest."""
    await asyncio.sleep(11)
    return fleet.reading()


async def _send(one: Subject, count: int) -> bool:
    await one.reset()
    begun = time.perf_counter()
    for number in range(count):
        await one.say(number % _CONTACTS)
        await asyncio.sleep(max(0.0, begun + (number + 1) / _RATE - time.perf_counter()))
    return not await arrived(one, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    print(
        f"{'workers':>8}{'CPU ms: web':>14}{'workers':>10}{'postgres':>10}{'transactions':>14}{'asked for a job':>17}"
    )
    with tempfile.TemporaryDirectory(prefix="balas-bench-") as folder:
        server = Postgres(Path(folder))
        try:
            for workers in arguments.workers:
                costs = asyncio.run(measure(server, workers, arguments.seconds))
                if costs is None:
                    print(f"{workers:8}  not all answered: no figures")
                    continue
                print(
                    f"{workers:8}{costs.web:14.1f}{costs.workers:10.1f}{costs.postgres:10.1f}{costs.transactions:14.1f}{costs.asked:17.1f}",
                    flush=True,
                )
        finally:
            server.close()


if __name__ == "__main__":
    main()
