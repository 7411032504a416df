"""A thousand contacts at once against a model that takes five seconds: none lost, and how much memory that takes."""

import argparse
import asyncio
import time

from bench.subject import subject


async def measure(contacts: int, delay: float) -> None:
    async with subject("balas") as one:
        await one.reset(delay)
        begun = time.perf_counter()
        accepted = await asyncio.gather(*(one.say(contact) for contact in range(contacts)))
        while len(rows := await one.sent()) < contacts and time.perf_counter() - begun < 180:
            await asyncio.sleep(0.2)
        answered = {contact for contact, _ in rows}
        print(f"{contacts} contacts at once, model {delay:g} s a call, two calls a turn")
        print(f"answered {len(answered)}, lost {contacts - len(answered)}, twice {len(rows) - len(answered)}")
        print(f"all replies after {time.perf_counter() - begun:.1f} s; slowest accept {max(accepted) * 1000:.0f} ms")
        print(f"peak memory {one.peak_memory():.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1000)
    parser.add_argument("--delay", type=float, default=5.0)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.contacts, arguments.delay))


if __name__ == "__main__":
    main()
