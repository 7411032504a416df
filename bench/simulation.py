"""How many processes a number of messages a second needs, and what ends first: discrete events, from measured costs.

A message is accepted by a web process, waits for one of the two workers that its queue wakes, and is a turn there: CPU of the
worker before, between and after its calls to the model, with transactions of PostgreSQL at each of them. The costs are those that
`make bench ARGS=workers` measures. Not simulated: waiting for locks and disks, the limits of platform and model, the quiet window.
"""

import argparse
import math
import random
import statistics
from collections.abc import Generator
from dataclasses import dataclass

import simpy

from agent.engine.procrastinate import OWNERS

Process = Generator[simpy.Event, None, None]

_WARM = 10.0
"""Seconds at the start that are not counted."""


@dataclass(frozen=True)
class Costs:
    """CPU in seconds a message, and what a turn asks of the model."""

    web: float
    worker: float
    postgres: float
    calls: int
    call: float
    """Mean seconds of one call to the model; single ones vary as in an exponential distribution around half of it as the least."""


@dataclass(frozen=True)
class Installation:
    """How many there are of each: processes, cores of PostgreSQL's machine, turns that a worker has at once."""

    web: int
    workers: int
    cores: int
    slots: int


class Simulation:
    """One run at a steady rate with random arrivals; afterwards the load of each part and the delays."""

    def __init__(self, costs: Costs, installation: Installation, rate: float, seconds: float, seed: int) -> None:
        self.costs, self.installation, self.rate, self.seconds = costs, installation, rate, seconds
        self.random = random.Random(seed)
        self.env = simpy.Environment()
        self.web = [simpy.Resource(self.env) for _ in range(installation.web)]
        self.cpus = [simpy.Resource(self.env) for _ in range(installation.workers)]
        self.slots = [simpy.Resource(self.env, installation.slots) for _ in range(installation.workers)]
        self.postgres = simpy.Resource(self.env, installation.cores)
        self.busy = dict.fromkeys(("web", "workers", "postgres", "slots"), 0.0)
        self.delays: list[float] = []
        self.unanswered = 0

    def run(self) -> None:
        self.env.process(self._arrivals())
        self.env.run(until=_WARM + self.seconds)

    def load(self) -> dict[str, float]:
        """Return the share of the time in which each part is busy, 1.0 at most."""
        one = self.installation
        capacity = {"web": one.web, "workers": one.workers, "postgres": one.cores, "slots": one.workers * one.slots}
        return {part: self.busy[part] / self.seconds / capacity[part] for part in capacity}

    def _arrivals(self) -> Process:
        while True:
            yield self.env.timeout(self.random.expovariate(self.rate))
            self.env.process(self._message())

    def _message(self) -> Process:
        begun, costs = self.env.now, self.costs
        self.unanswered += 1
        # the parts of the ledger's work: accept, claim, one for each call, the end of the turn, the delivery
        ledger = costs.postgres / (costs.calls + 4)
        yield from self._use("web", self.random.choice(self.web), costs.web)
        yield from self._use("postgres", self.postgres, ledger)
        woken = self.random.sample(range(self.installation.workers), min(OWNERS, self.installation.workers))
        worker = min(
            woken, key=lambda one: (len(self.slots[one].queue), len(self.cpus[one].queue), self.cpus[one].count)
        )
        at_the_model = 0.0
        with self.slots[worker].request() as slot:
            yield slot
            since = self.env.now
            yield from self._use("postgres", self.postgres, ledger)
            for _ in range(costs.calls):
                yield from self._use("workers", self.cpus[worker], costs.worker / (costs.calls + 1))
                yield from self._use("postgres", self.postgres, ledger)
                answer = costs.call / 2 + self.random.expovariate(2 / costs.call)
                at_the_model += answer
                yield self.env.timeout(answer)
            yield from self._use("workers", self.cpus[worker], costs.worker / (costs.calls + 1))
            for _ in range(2):
                yield from self._use("postgres", self.postgres, ledger)
            self._count("slots", since)
        self.unanswered -= 1
        if begun > _WARM:
            self.delays.append(self.env.now - begun - at_the_model)

    def _use(self, part: str, resource: simpy.Resource, seconds: float) -> Process:
        with resource.request() as turn:
            yield turn
            since = self.env.now
            yield self.env.timeout(seconds)
            self._count(part, since)

    def _count(self, part: str, since: float) -> None:
        self.busy[part] += max(0.0, self.env.now - max(since, _WARM))


def enough(costs: Costs, rate: float, *, cores: int, slots: int, load: float = 0.7) -> Installation:
    """Choose how many processes carry a rate at a load, two of each at least."""
    turn = costs.calls * costs.call
    return Installation(
        web=max(2, math.ceil(rate * costs.web / load)),
        workers=max(2, math.ceil(rate * costs.worker / load), math.ceil(rate * turn / (slots * load))),
        cores=cores,
        slots=slots,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="*", default=[1, 10, 100, 1000, 1600])
    parser.add_argument("--web", type=float, default=3.6, help="CPU of a web process, milliseconds a message")
    parser.add_argument("--worker", type=float, default=21.5, help="CPU of a worker, milliseconds a message")
    parser.add_argument("--postgres", type=float, default=9.5, help="CPU of PostgreSQL, milliseconds a message")
    parser.add_argument("--cores", type=int, default=16, help="of PostgreSQL's machine")
    parser.add_argument("--calls", type=int, default=2, help="to the model, a turn")
    parser.add_argument("--call", type=float, default=2.5, help="seconds a call")
    parser.add_argument("--slots", type=int, default=100, help="limits.turns_at_once")
    parser.add_argument("--seconds", type=float, default=30, help="of simulated time")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    costs = Costs(options.web / 1000, options.worker / 1000, options.postgres / 1000, options.calls, options.call)
    heads = f"{'load: web':>12}{'workers':>9}{'postgres':>10}{'slots':>7}{'p50 ms':>8}{'p99 ms':>8}  most loaded"
    print(f"{'messages/s':>10}{'web':>5}{'workers':>9}{heads}")
    for rate in options.rates:
        installation = enough(costs, rate, cores=options.cores, slots=options.slots)
        one = Simulation(costs, installation, rate, max(options.seconds, 300 / rate), options.seed)
        one.run()
        load = one.load()
        p99 = statistics.quantiles(one.delays, n=100)[98]
        print(
            f"{rate:10g}{installation.web:5}{installation.workers:9}{load['web']:12.0%}{load['workers']:9.0%}{load['postgres']:10.0%}"
            f"{load['slots']:7.0%}{statistics.median(one.delays) * 1000:8.0f}{p99 * 1000:8.0f}  {max(load, key=lambda part: load[part])}",
            flush=True,
        )
    bound = options.cores / costs.postgres
    print(
        f"PostgreSQL is one, all else can be multiplied: its {options.cores} cores are used up at {bound:.0f} messages a second"
    )


if __name__ == "__main__":
    main()
