"""What a message costs with a long past: CPU of an agent with a filled ledger as a multiple of one with a young one, by turns."""

import argparse
import asyncio

from bench.filling import fill
from bench.overhead import stretch
from bench.subject import Subject, subject

_CONTACTS = 50
"""One who writes every second is taken for a machine."""
_SHORT = 120
"""Messages of each contact that both have: every turn reads so many of the past."""


async def measure(messages: int, contacts: int, rounds: int) -> None:
    async with subject("balas") as young, subject("balas") as old:
        for each in (young, old):
            for contact in range(_CONTACTS):
                await each.say(contact)
            while len(await each.sent()) < _CONTACTS:
                await asyncio.sleep(0.1)
            await asyncio.sleep(1)
            await _fill(each, messages=_SHORT, others=0)
        await _fill(old, messages=messages, others=contacts)
        size = sum(file.stat().st_size for file in old.folder.rglob("*.db*")) / 1e6
        used = {"young": 0.0, "old": 0.0}
        for number in range(rounds + 1):
            figures = {name: await stretch(each, 40) for name, each in (("young", young), ("old", old))}
            if number and None not in figures.values():
                for name, figure in figures.items():
                    used[name] += figure or 0.0
        print(
            f"{messages:7} messages of a contact, {contacts:7} contacts, {size:6.0f} MB: {used['old'] / used['young']:.2f} x the CPU"
        )


async def _fill(one: Subject, *, messages: int, others: int) -> None:
    from agent.ledger import open_database

    database = open_database(f"sqlite:///{next(one.folder.rglob('*.db'))}", base=one.folder)
    for contact in range(_CONTACTS):
        await database.write(
            lambda connection, contact=contact: fill(connection, "aelyst", str(contact), messages=messages)
        )
    if others:
        await database.write(lambda connection: fill(connection, "aelyst", "0", others=others))
    await database.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, nargs="*", default=[10, 1000, 10_000])
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    for messages in arguments.messages:
        asyncio.run(measure(messages, arguments.contacts, arguments.rounds))


if __name__ == "__main__":
    main()
