"""What a message costs: CPU and time from webhook to send, at 10 a second and saturated, beside the floors.

Each turn: webhook → model → one HTTP action → model → send. Stubs answer at once, in a process that is not counted. The quiet
window is set to nothing, so that the times are the overhead. CPU is user and system time of the whole process tree.
"""

import argparse
import asyncio
import math
import statistics
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.subject import Subject, installed, subject

RATE = 10
FLOOR = "agent"
"""What all are compared with: a bare loop around langchain's `create_agent`."""


async def paced(one: Subject, seconds: float) -> dict[str, float]:
    """Ten messages a second from fifty contacts."""
    for contact in range(1000, 1020):
        await one.say(contact)
        await asyncio.sleep(0.1)
    await arrived(one, 20)
    await one.reset()
    cpu, count = one.cpu(), int(seconds * RATE)
    asked: dict[str, list[float]] = {}
    accepted = []
    begun = time.perf_counter()
    for number in range(count):
        contact = number % 50
        asked.setdefault(str(contact), []).append(time.time())
        accepted.append(await one.say(contact))
        await asyncio.sleep(max(0.0, begun + (number + 1) / RATE - time.perf_counter()))
    missing = await arrived(one, count)
    used = one.cpu() - cpu
    times = []
    for contact, at in await one.sent():
        times.append((at - asked[contact].pop(0)) * 1000)
    return {
        "cpu ms/msg": used / count * 1000,
        "p50 ms": statistics.median(times),
        "p99 ms": _percentile(times, 99),
        "accept p99 ms": _percentile([each * 1000 for each in accepted], 99),
        "missing": float(missing),
    }


async def by_turns(names: Sequence[str], floor: str, rounds: int = 8, seconds: float = 4) -> dict[str, float]:
    """CPU a message of each as a multiple of the floor's: all are up and get short stretches by turns.

    A machine that others share runs a third faster or slower from one minute to the next. A stretch of which something is missing
    counts for none.
    """
    used = dict.fromkeys((*names, floor), 0.0)
    async with AsyncExitStack() as stack:
        subjects = [await stack.enter_async_context(subject(name)) for name in used]
        for number in range(rounds + 1):
            figures = {each.name: await stretch(each, int(seconds * RATE)) for each in subjects}
            whole = [figure for figure in figures.values() if figure is not None]
            if number and len(whole) == len(figures):  # the first stretch warms up
                for name in used:
                    used[name] += figures[name] or 0.0
    return {name: used[name] / used[floor] if used[floor] else math.nan for name in names}


async def stretch(one: Subject, count: int, contacts: int = 50) -> float | None:
    """CPU seconds of so many messages, ten a second; `None` when not all arrived."""
    await one.reset()
    cpu, begun = one.cpu(), time.perf_counter()
    for number in range(count):
        await one.say(number % contacts)
        await asyncio.sleep(max(0.0, begun + (number + 1) / RATE - time.perf_counter()))
    return None if await arrived(one, count) else one.cpu() - cpu


async def rush(one: Subject, seconds: float = 10, rate: int = 100) -> dict[str, float]:
    """A hundred messages a second, each from somebody else: more than can be answered meanwhile, but all must be accepted."""
    await one.reset()
    posts, begun, count = [], time.perf_counter(), int(seconds * rate)
    for number in range(count):
        posts.append(asyncio.create_task(one.say(10_000 + number)))
        await asyncio.sleep(max(0.0, begun + (number + 1) / rate - time.perf_counter()))
    accepted = await asyncio.gather(*posts)
    await arrived(one, count)
    return {
        "accept p50 ms at 100/s": statistics.median(accepted) * 1000,
        "accept p99 ms at 100/s": _percentile([each * 1000 for each in accepted], 99),
    }


async def saturated(one: Subject, seconds: float, contacts: int = 200) -> dict[str, float]:
    """A closed loop: every contact writes again as soon as it is answered."""
    await one.reset()
    await asyncio.gather(*(one.say(contact) for contact in range(contacts)))
    cpu, begun, first = one.cpu(), time.perf_counter(), len(await one.sent())
    seen, posting = 0, set[asyncio.Task[float]]()
    while time.perf_counter() - begun < seconds:
        rows = await one.sent(after=seen)
        for contact, _ in rows:
            task = asyncio.create_task(one.say(int(contact)))
            posting.add(task)
            task.add_done_callback(posting.discard)
        seen += len(rows)
        await asyncio.sleep(0.05)
    done, elapsed, used = seen - first, time.perf_counter() - begun, one.cpu() - cpu
    await asyncio.gather(*posting)
    await arrived(one, contacts + seen)
    return {
        "msg/s": done / elapsed,
        "cpu ms/msg saturated": used / max(done, 1) * 1000,
        "cores saturated": used / elapsed,
    }


_PATIENCE = 60.0
"""Seconds without any arrival after which what is missing counts as lost."""


async def arrived(one: Subject, count: int) -> int:
    """Wait for so many messages; how many are missing when nothing has arrived for a minute."""
    seen, since = 0, time.monotonic()
    while (so_far := len(await one.sent())) < count and time.monotonic() - since < _PATIENCE:
        if so_far > seen:
            seen, since = so_far, time.monotonic()
        await asyncio.sleep(0.05)
    if missing := max(0, count - so_far):
        print(f"{one.name}: {missing} of {count} messages have not arrived", flush=True)
    return missing


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


async def measure(name: str, seconds: float) -> dict[str, float]:
    async with subject(name) as one:
        figures = await paced(one, seconds)
        idle = one.cpu()
        await asyncio.sleep(5)
        figures["idle cpu %"] = (one.cpu() - idle) / 5 * 100
        figures |= await rush(one)
        figures |= await saturated(one, max(30.0, seconds))
        figures["peak MB"] = one.peak_memory()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=8, help="stretches by turns; 0: absolute figures alone")
    parser.add_argument("names", nargs="*", default=["raw", "agent", *installed(), "balas"])
    arguments = parser.parse_args()
    others = [name for name in arguments.names if name != FLOOR]
    ratios = asyncio.run(by_turns(others, FLOOR, arguments.rounds)) if arguments.rounds else {}
    table = (
        {name: asyncio.run(measure(name, arguments.seconds)) for name in arguments.names} if arguments.seconds else {}
    )
    for name in arguments.names:
        table.setdefault(name, {})["x floor, by turns"] = 1.0 if name == FLOOR else ratios.get(name, math.nan)
    rows = list(dict.fromkeys(row for figures in table.values() for row in figures))
    print(f"{'':24}" + "".join(f"{name:>12}" for name in table))
    for row in sorted(rows, key=lambda row: row != "x floor, by turns"):
        print(f"{row:24}" + "".join(f"{figures.get(row, math.nan):12.2f}" for figures in table.values()))


if __name__ == "__main__":
    main()
