"""`balas chat`: talk to the agent in the terminal, or through a pipe."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import text as rich_text
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown

from agent.cli.options import ConfigFile
from agent.cli.session import Answer, Picture
from agent.ledger.steps import Step
from settings.text import brief

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyBindings

    from agent.cli.session import ChatSession
    from agent.config import AgentConfig

_HELP = """\
Write as a customer would. Every line is a message; below each reply stands how it came about.

  /voice FILE   send a voice note          /reset      begin a new conversation
  /image FILE   send a picture             /as +62…    be another customer
  /trace        every step of the last turn, in full
  /help         this text                  /quit       leave (also Ctrl-D, or Ctrl-C twice)
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

    from agent.cli.chat import leaving_keys, show, trace
    from agent.cli.session import FIRST_CUSTOMER, FOLDER, open_session
    from agent.errors import BalasError

    console = Console(markup=False, emoji=False)  # names and errors hold brackets and colons of others
    history = config.resolve(FOLDER / "history")
    history.parent.mkdir(parents=True, exist_ok=True)
    prompt: PromptSession[str] = PromptSession(history=FileHistory(str(history)), key_bindings=leaving_keys())
    with console.status("Reading the documents …"):
        opening = open_session(config, phone or FIRST_CUSTOMER)
        session = await opening.__aenter__()
    last: Answer | None = None
    try:
        console.print(f"{config.name} listens to {session.phone}. /help shows what else there is.", style="dim")
        while True:
            try:
                line = (await prompt.prompt_async("› ")).strip()
            except EOFError:
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


def leaving_keys() -> "KeyBindings":
    """Make the binding of Ctrl-C: it clears what is typed, and leaves when it is pressed twice in a row.

    A Ctrl-C that left at once would hand the rest of a paste to the shell.
    """
    from prompt_toolkit.application import run_in_terminal
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    bindings = KeyBindings()
    empty_line_after_ctrl_c = False

    @bindings.add("c-c")
    def _(event: KeyPressEvent) -> None:
        nonlocal empty_line_after_ctrl_c
        buffer = event.current_buffer
        if empty_line_after_ctrl_c and not buffer.text:
            event.app.exit(exception=EOFError)
            return
        buffer.reset()
        empty_line_after_ctrl_c = True
        buffer.on_text_changed += typed
        run_in_terminal(lambda: print("Ctrl-C again, or Ctrl-D, to leave"))

    def typed(buffer: Buffer) -> None:
        nonlocal empty_line_after_ctrl_c
        empty_line_after_ctrl_c = False
        buffer.on_text_changed -= typed

    return bindings


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
            session.restart()
        case "/as" if argument:
            session.restart(argument)
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
    from agent.cli.chat import as_json as to_json
    from agent.cli.chat import as_line
    from agent.cli.session import FIRST_CUSTOMER, open_session
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


_LONGEST = 160
"""Characters of an argument or a result that fit beside it; `/trace` shows all."""


_SOURCE = re.compile(r'<passage n="\d+" source="([^"]*)"(?: title="([^"]*)")?')


def show(console: Console, answer: Answer) -> None:
    """The reply, its pictures, and the passages, actions, tokens and time behind it."""
    if answer.text:
        console.print(_bubble(answer.text))
    for picture in answer.pictures:
        _show_picture(console, picture)
    if not answer.messages:
        console.print(rich_text.Text(f"(no reply: {answer.reason or answer.state})", style="yellow"))
    for step in answer.steps:
        for line in lines_of(step):
            console.print(rich_text.Text(f"  {line}", style="dim"), soft_wrap=True)
    for note in answer.notes:
        console.print(rich_text.Text(f"  {note}", style="dim"), soft_wrap=True)
    tokens = f", {answer.tokens} tokens" if answer.tokens else ""
    console.print(rich_text.Text(f"  {answer.seconds:.2f} s{tokens}", style="dim"))


def trace(console: Console, answer: Answer) -> None:
    """Every step of the turn in full."""
    for step in answer.steps:
        console.rule(f"{step.n} {step.kind} {step.name} · {milliseconds(step)}", align="left", style="dim")
        console.print_json(data={"input": step.input, "output": step.output}, default=str, ensure_ascii=False)


def lines_of(step: Step) -> list[str]:
    """A step in a line or two."""
    match step.kind:
        case "retrieval":
            return _passages(step)
        case "action":
            return [_action(step)]
        case "model":
            return [f"model {step.name} · {step.tokens} tokens · {milliseconds(step)}"]
        case _:
            return [f"{step.kind} {step.name}: {brief(step.output, _LONGEST)} · {milliseconds(step)}"]


def milliseconds(step: Step) -> str:
    if step.finished_at is None:
        return "unfinished"
    return f"{(step.finished_at - step.started_at).total_seconds() * 1000:.0f} ms"


def _bubble(text: str) -> RenderableType:
    """Markdown, in which a line break is one: that is how people write in a chat."""
    return Group(
        rich_text.Text(""), Markdown(re.sub(r"(?<!\n)\n(?!\n|[-*] |\d+\. )", "  \n", text)), rich_text.Text("")
    )


def _show_picture(console: Console, picture: Picture) -> None:
    if picture.qris is None:
        console.print(rich_text.Text(f"[{picture.kind}: {picture.url}]", style="cyan"))
        return
    from actions.qris.picture import terminal

    console.print(rich_text.Text.from_ansi(terminal(picture.qris)), soft_wrap=True)


def _passages(step: Step) -> list[str]:
    found = _SOURCE.findall(step.output.get("passages", "")) if isinstance(step.output, Mapping) else []
    if not found:
        return [f"passages: none · {milliseconds(step)}"]
    shown = [
        f"{source.rpartition('/')[2]} › {title.rpartition('&gt; ')[2]}" if title else source for source, title in found
    ]
    return [f"passages: {'; '.join(shown)} · {milliseconds(step)}"]


def _action(step: Step) -> str:
    given = step.input.get("arguments", {}) if isinstance(step.input, Mapping) else {}
    arguments = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in given.items())
    output = step.output if isinstance(step.output, Mapping) else {}
    result = f"{output.get('status', 'unfinished')}: {brief(output.get('content'), _LONGEST)}"
    return f"action {step.name}({arguments}) → {result} · {milliseconds(step)}"


def as_line(answer: Answer) -> str:
    """A reply on one line: line breaks become spaces, a picture stands in brackets, silence is an empty line."""
    parts = [" ".join(answer.text.split())] if answer.text else []
    parts += [
        f"[{picture.kind}: {f'qris {picture.qris}' if picture.qris else picture.url}]" for picture in answer.pictures
    ]
    return " ".join(parts)


def as_json(said: str, answer: Answer) -> str:
    """A reply as one line of JSON, with everything behind it."""
    record = {
        "said": said,
        "text": answer.text,
        "attachments": [
            {"kind": picture.kind, "url": picture.url, "type": picture.type, "qris": picture.qris}
            for picture in answer.pictures
        ],
        "steps": [
            {
                "kind": step.kind,
                "name": step.name,
                "input": step.input,
                "output": step.output,
                "ms": None
                if step.finished_at is None
                else round((step.finished_at - step.started_at).total_seconds() * 1000, 1),
                "tokens": step.tokens,
            }
            for step in answer.steps
        ],
        "notes": list(answer.notes),
        "state": answer.state,
        "reason": answer.reason,
        "tokens": answer.tokens,
        "ms": round(answer.seconds * 1000, 1),
    }
    return json.dumps(record, ensure_ascii=False, default=str)
