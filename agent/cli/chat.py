"""`balas chat`: talk to the agent in the terminal, or through a pipe."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.frame import ConfigFile

if TYPE_CHECKING:
    from agent.cli.session import Answer, ChatSession
    from agent.config import AgentConfig

_HELP = """\
Write as a customer would. Every line is a message; below each reply stands how it came about.

  /voice FILE   send a voice note          /reset      begin a new conversation
  /image FILE   send a picture             /as +62…    be another customer
  /trace        every step of the last turn, in full
  /help         this text                  /quit       leave (also Ctrl-D)
"""


def chat(
    config: ConfigFile = Path("agent.yaml"),
    phone: Annotated[
        str | None, typer.Option("--as", metavar="PHONE", help="The customer's phone number, e.g. +6281234567890.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Through a pipe: one JSON object a reply.")] = False,
) -> None:
    """Talk to the agent. Through a pipe: one message a line in, one reply a line out."""
    from agent.config import load

    settings = load(config)
    if sys.stdin.isatty() and not as_json:
        asyncio.run(_interactive(settings, phone))
    else:
        asyncio.run(_piped(settings, phone, as_json=as_json))


async def _interactive(config: "AgentConfig", phone: str | None) -> None:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory
    from rich.console import Console

    from agent.cli.session import FIRST_CUSTOMER, FOLDER, open_session
    from agent.cli.terminal import show, trace
    from agent.errors import BalasError

    console = Console()
    history = config.resolve(FOLDER / "history")
    history.parent.mkdir(parents=True, exist_ok=True)
    prompt: PromptSession[str] = PromptSession(history=FileHistory(str(history)))
    with console.status("Reading the documents …"):
        opening = open_session(config, phone or FIRST_CUSTOMER)
        session = await opening.__aenter__()
    last: Answer | None = None
    try:
        console.print(f"{config.name} listens to {session.phone}. /help shows what else there is.", style="dim")
        while True:
            try:
                line = (await prompt.prompt_async("› ")).strip()
            except (EOFError, KeyboardInterrupt):
                break
            word = line.partition(" ")[0]
            if word == "/quit":
                break
            if word in ("/help", "/trace"):
                if word == "/help":
                    console.print(_HELP, style="dim")
                elif last is None:
                    console.print("Nothing has been said yet.", style="dim")
                else:
                    trace(console, last)
                continue
            try:
                with console.status("…"):
                    answer = await obey(session, line)
            except BalasError as error:
                console.print(str(error), style="red")
                continue
            if answer is None:
                console.print(f"A new conversation with {session.phone}." if line else "", style="dim")
            else:
                show(console, answer)
                last = answer
    finally:
        await opening.__aexit__(None, None, None)


async def obey(session: "ChatSession", line: str) -> "Answer | None":
    """Do what a line says: send it, or what its command names; `None` when that brings no reply.

    Raises `InputError` for a command that is not one, or whose argument is missing or wrong.
    """
    from agent.errors import InputError

    if not line:
        return None
    word, _, argument = line.partition(" ")
    argument = argument.strip()
    match word:
        case "/reset":
            session.begin_anew()
        case "/as" if argument:
            session.begin_anew(argument)
        case "/voice" if argument:
            return await session.send_file(Path(argument), "audio")
        case "/image" if argument:
            return await session.send_file(Path(argument), "image")
        case "/as" | "/voice" | "/image":
            raise InputError(f"{word} needs {'a phone number' if word == '/as' else 'a file'}")
        case _ if word.startswith("/") and word[1:].isalpha():
            raise InputError(f"no such command: {word}; /help lists them")
        case _:
            return await session.say(line)
    return None


async def _piped(config: "AgentConfig", phone: str | None, *, as_json: bool) -> None:
    from agent.cli.session import FIRST_CUSTOMER, open_session
    from agent.cli.terminal import as_json as to_json
    from agent.cli.terminal import as_line
    from agent.errors import InputError

    wrong = False
    async with open_session(config, phone or FIRST_CUSTOMER) as session:
        async for line in _lines():
            if line == "/quit":
                break
            try:
                answer = await obey(session, line)
            except InputError as error:
                print(error, file=sys.stderr)
                wrong = True
                continue
            if answer is not None:
                print(to_json(line, answer) if as_json else as_line(answer), flush=True)
    if wrong:
        raise typer.Exit(1)


async def _lines() -> AsyncIterator[str]:
    """The lines of standard input, read in a thread so that the agent goes on meanwhile."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield line.strip()
