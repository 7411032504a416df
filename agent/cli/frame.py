"""The frame around every command: `balas --help`, usage errors, exit codes, and what an error looks like in the terminal.

Nothing heavy is imported before the command that was asked for.
"""

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

from agent.cli.commands import Command, available, find
from agent.errors import BalasError, UsageError

if TYPE_CHECKING:
    from typer import Typer


_INPUT, _OUTSIDE = 1, 3

# By name, so that explaining an error imports nothing that the command has not imported already. The first class of an
# exception's ancestry that is listed here counts.
_CODES = {
    "messaging.errors.NotActive": _INPUT,
    "messaging.errors.PayloadError": _INPUT,
    "messaging.errors.MessagingError": _OUTSIDE,
    "knowledge.errors.EvaluationError": _INPUT,
    "knowledge.errors.GapNotFound": _INPUT,
    "knowledge.errors.NoPlace": _INPUT,
    "knowledge.errors.NoSuchSource": _INPUT,
    "knowledge.errors.Unreadable": _INPUT,
    "knowledge.errors.KnowledgeError": _OUTSIDE,
    "voice.errors.Unintelligible": _INPUT,
    "voice.errors.ModelMissing": _INPUT,
    "voice.errors.ToyModel": _INPUT,
    "voice.errors.VoiceError": _OUTSIDE,
    "actions.errors.UnmatchedBind": _INPUT,
    "actions.errors.McpError": _OUTSIDE,
    "actions.qris.errors.GatewayError": _OUTSIDE,
    "actions.errors.ActionsError": _INPUT,
    "agent.ledger.errors.LedgerError": _OUTSIDE,
    "builtins.FileNotFoundError": _INPUT,
    "builtins.IsADirectoryError": _INPUT,
    "builtins.NotADirectoryError": _INPUT,
    "builtins.PermissionError": _INPUT,
    "builtins.UnicodeDecodeError": _INPUT,
    "builtins.OSError": _OUTSIDE,
}

# Errors of these packages come from what they talk to.
_CLIENTS = {"httpx", "httpcore", "sqlalchemy", "openai", "chromadb", "psycopg"}


def explain(error: BaseException) -> tuple[str, int]:
    """The line for stderr and the exit code."""
    if isinstance(error, BalasError):
        return str(error), error.exit_code
    for kind in type(error).__mro__:
        if (code := _CODES.get(f"{kind.__module__}.{kind.__qualname__}")) is not None:
            return _line(error), code
        if kind.__module__.partition(".")[0] in _CLIENTS:
            return f"{type(error).__name__}: {_line(error)}", _OUTSIDE
    return f"unexpected {type(error).__name__}: {_line(error)} (--debug shows where)", _OUTSIDE


def _line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


LEVELS = ("debug", "info", "warning", "error")
_DRAWS = frozenset({"chat", "demo", "qris"})
"""Commands that colour and draw on a terminal; what they show of others was cleaned where it came in."""

_SPEAKS = "mcp"
"""The command whose output is a protocol's, in bytes."""

_FOR_OTHERS = frozenset({"init", "qris"})
"""Commands whose files are made to be passed on."""

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_HELP = """\
Usage: balas [OPTIONS] COMMAND …

  balas answers a business's customers in the chat they already use.

{commands}
Options
  --debug             Show the traceback of an error.
  --log-level LEVEL   debug, info, warning or error; also BALAS_LOG.
  --version           Show the version.
  -h, --help          Show this help; `balas COMMAND --help` shows a command's.
"""


class _Call(NamedTuple):
    """What the command line asks for; options of the frame may stand before or after the command."""

    command: str | None = None
    arguments: tuple[str, ...] = ()
    debug: bool = False
    log_level: str | None = None


def run(words: Sequence[str]) -> int:
    """Run one command; its exit code (0 fine, 1 the input is wrong, 2 wrong usage, 3 something outside failed)."""
    call = _split(words)
    if isinstance(call, str):
        return _usage_error(call)
    if call.command in {None, "--help", "-h"}:
        sys.stdout.write(help_text())
        return 0 if call.command else 2
    if call.command == "--version":
        sys.stdout.write(f"balas {_version()}\n")
        return 0
    if call.command.startswith("-"):
        return _usage_error(f"no such option: {call.command}")
    command = find(call.command)
    if command is None:
        return _usage_error(_unknown(call.command))
    return _run(command, call)


def help_text() -> str:
    """What `balas --help` prints."""
    groups = available()
    width = max(len(command.name) for commands in groups.values() for command in commands)
    blocks = []
    for group, commands in groups.items():
        lines = [f"  {command.name:<{width}}  {command.help}" for command in commands]
        blocks.append("\n".join([group, *lines, ""]))
    return _HELP.format(commands="\n".join(blocks))


def _split(words: Sequence[str]) -> _Call | str:
    """Take the frame's own options out of the command line; a sentence when that fails."""
    rest: list[str] = []
    debug = os.environ.get("BALAS_DEBUG", "") not in {"", "0"}
    level = os.environ.get("BALAS_LOG") or None
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            rest += [word, *queue]
            break
        if word == "--debug":
            debug = True
        elif word == "--log-level":
            if not queue:
                return "--log-level needs a level: " + ", ".join(LEVELS)
            level = queue.pop(0)
        elif word.startswith("--log-level="):
            level = word.partition("=")[2]
        else:
            rest.append(word)
    if level is not None and level.lower() not in LEVELS:
        return f"{level!r} is not a log level; use {', '.join(LEVELS)}"
    command = rest[0] if rest else None
    return _Call(command, tuple(rest[1:]), debug, level.lower() if level else None)


class _Plain(io.TextIOBase):
    """An output without control characters: what customers, files and servers wrote must not steer the owner's terminal."""

    encoding = "utf-8"

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        shown = text
        if not text.replace("\n", "").isprintable():
            from settings.text import harmless

            shown = harmless(text)
        self._out.write(shown)
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def fileno(self) -> int:
        return self._out.fileno()


def _complain(message: str) -> None:
    _Plain(sys.stderr).write(f"{message}\n")


def _run(command: Command, call: _Call) -> int:
    try:
        from agent.logging import configure

        configure(call.log_level or command.log_level)
        if command.name not in _FOR_OTHERS:
            os.umask(0o077)  # ledger, index and media hold what customers write
        if command.name != _SPEAKS and not (command.name in _DRAWS and sys.stdout.isatty()):
            plain = _Plain(sys.stdout), _Plain(sys.stderr)
            with contextlib.redirect_stdout(plain[0]), contextlib.redirect_stderr(plain[1]):
                return _invoke(command, call.arguments)
        return _invoke(command, call.arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, e.g. `balas … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if call.debug:
            raise

        message, code = explain(error)
        _complain(message)
        return code


def _invoke(command: Command, arguments: Sequence[str]) -> int:
    import typer

    app, name, words = _app(command, arguments)
    try:
        code = typer.main.get_command(app)(args=words, prog_name=name, standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        message = error.format_message()
        if message.lstrip().startswith("Usage:"):  # a group without a command of its own
            _complain(message)
        elif error.exit_code == UsageError.exit_code:
            return _usage_error(message, context.command_path if context else f"balas {command.name}")
        else:
            _complain(message)
        return error.exit_code
    except typer.Abort:
        return _INTERRUPTED
    except typer.Exit as error:
        return error.exit_code
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


def _app(command: Command, arguments: Sequence[str]) -> "tuple[Typer, str, list[str]]":
    """The application of a command, the name it goes by, and its words."""
    import typer

    module, _, attribute = command.target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=command.name)
        return app, "balas", [command.name, *arguments]
    app.command(name=command.name)(found)
    return app, f"balas {command.name}", list(arguments)


def _unknown(name: str) -> str:
    import difflib

    names = [command.name for commands in available().values() for command in commands]
    near = difflib.get_close_matches(name, names, n=1)
    return f"no such command: {name}" + (f"; did you mean {near[0]}?" if near else "")


def _usage_error(message: str, where: str = "balas") -> int:
    _complain(f"{where}: {message} (`{where} --help` shows how)")
    return 2


def _version() -> str:
    from importlib.metadata import version

    return version("balas")
