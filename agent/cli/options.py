"""What many commands share: the option that names the agent's file, and work in its ledger.

Apart from `frame`, which must not import typer for `balas --help`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import typer

if TYPE_CHECKING:
    from agent.ledger.database import Database

T = TypeVar("T")

ConfigFile: TypeAlias = Annotated[
    Path, typer.Option("-c", "--config", help="The agent's file, or the folder it is in.", show_default=True)
]
"""`-c FILE`; commands give it the default `Path("agent.yaml")`."""


def line_of(at: datetime, author: str, text: str) -> str:
    """A message of a conversation in a list; its further lines are set in, so that none looks like a message of its own.

    Args:
        at: aware; shown in the time of this machine.
        author: contact, agent, human or note.
        text: as it was written.
    """
    head = f"  {at.astimezone():%Y-%m-%d %H:%M:%S} {author:<8} "
    return head + ("\n" + " " * len(head)).join(text.splitlines())


def in_ledger(config: Path, work: "Callable[[Database], Awaitable[T]]") -> T:
    """Do something with the ledger of an agent's file, and wait for it.

    Args:
        config: the agent's file, or the folder it is in.
        work: what to do.
    """
    from agent.assembly import open_ledger
    from agent.config import load

    async def run() -> T:
        async with open_ledger(load(config)) as database:
            return await work(database)

    return asyncio.run(run())
