"""A process that has imported what the `balas` command imports, and forks a real process of that command on request.

Importing takes several seconds of CPU; a fork of what is imported takes milliseconds. The fork is a process like any other:
own id, environment, folder, arguments and standard streams, and it ends as one that was started. `tests.processes` asks, and
`tests/balas.py` does for whoever runs a program. The workers of a test run are such forks, too: `-u -c CODE`, as pytest-xdist starts them.

Nothing here may start a thread or open a connection before the fork; the server looks after every import and refuses to go on.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

IMPORTED = (
    "actions.builtin.actions",
    "actions.catalogue",
    "actions.guard.transport",
    "actions.http.action",
    "actions.python.action",
    "actions.qris.actions",
    "agent.broadcasts.feeder",
    "agent.cli.broadcast",
    "agent.cli.chat",
    "agent.cli.demo",
    "agent.cli.frame",
    "agent.cli.knowledge",
    "agent.cli.replay",
    "agent.cli.serve",
    "agent.cli.test",
    "agent.engine.procrastinate",
    "agent.ledger.knowledge",
    "agent.ledger.migrate",
    "agent.models.chat",
    "agent.models.offline.model",
    "agent.models.openai",
    "agent.payments",
    "agent.profiles",
    "agent.reminders",
    "agent.scenarios.save",
    "agent.turn.turn",
    "agent.web.mcp",
    "agent.workflows.sender",
    "alembic.command",
    "alembic.config",
    "anyio._backends._asyncio",
    "chromadb.api.rust",
    "h11",
    "httpcore",
    "httpcore2",
    "huggingface_hub.hf_api",
    "jiter",
    "knowledge.knowledge",
    "langchain_openai",
    "messaging.aelyst",
    "messaging.sandbox.faces",
    "openai.lib._chat_completion_resources",
    "openai.resources.chat.chat",
    "openai.types",
    "qrcode.main",
    "rapidfuzz.fuzz",
    "rapidfuzz.process",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "sqlite3",
    "truststore",
    "typer.main",
    "urllib.robotparser",
    "uvicorn.lifespan.off",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
    "uvloop",
    "voice.local",
    "voice.pool",
    "zxingcpp",
)

LARGEST = 1024 * 1024
"""Bytes of a request that are read at once: the words of the command line, the folder and the environment."""


def main() -> None:
    """Serve on the listening socket that is standard input, until standard output is closed; in a fork, be the command.

    Nothing is imported before somebody asks.
    """
    listener, closed = socket.socket(fileno=os.dup(0)), os.dup(1)
    asked = select.poll()
    asked.register(listener, select.POLLIN)
    asked.register(closed, 0)  # tells of an error when nobody reads any more
    if closed in {handle for handle, _ in asked.poll()}:
        return
    gc.disable()  # what is imported stays
    for name in IMPORTED:
        importlib.import_module(name)
        if threads() != 1:
            sys.exit(f"importing {name} starts a thread, so it cannot be forked")
    _read()
    gc.freeze()
    request = _serve(listener, closed)
    if request is not None:
        gc.enable()
        try:
            match request["words"]:
                case ["-u", "-c", code]:
                    exec(code, {"__name__": "__main__"})  # noqa: S102 - as the interpreter does
                    _end(None)
                case words:
                    sys.argv = [str(Path(sys.modules["agent"].__path__[0]) / "__main__.py"), *words]
                    runpy.run_module("agent", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            _end(end.code)


def _read() -> None:
    """Read a first sentence and a first file: the patterns for it are made when they are needed, and each fork would make them anew."""
    from agent.config.document import compose
    from language.dates import days_in, moments_in
    from language.intents import mood, questions_in, reply_words, says_dont_know, small_talk, wants_human
    from language.numbers import figures

    said, now = "halo, apakah ada meja untuk 4 orang besok jam 19.00?", datetime.now(UTC)
    for read in (wants_human, mood, questions_in, says_dont_know, small_talk, figures):
        read(said)
    for kind in ("deaf", "helpless", "of_us", "refuses", "to_us"):
        reply_words(kind)
    days_in(said, now, UTC)
    moments_in(said, now, UTC)
    compose("name: Melati\n")


def _end(code: object) -> NoReturn:
    """End as the interpreter does, but for taking apart what is imported: that touches, and so copies, all that the server holds.

    It is half of what a short command costs. Whatever else leaves the command, e.g. an exception, ends it the ordinary way.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads that are no daemons
    atexit._run_exitfuncs()
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


def threads() -> int:
    """How many threads this process has, those of libraries included where the system tells."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1


def _serve(listener: socket.socket, closed: int) -> dict[str, Any] | None:
    """Fork for each request and tell how each fork ended. Returns the request in the fork, `None` in the server at its end."""
    looking = select.poll()
    looking.register(listener, select.POLLIN)
    looking.register(closed, 0)  # tells of an error when nobody reads any more
    ended, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    looking.register(ended, select.POLLIN)
    running: dict[int, socket.socket] = {}
    while True:
        found = {handle for handle, _ in looking.poll()}
        if closed in found:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            return None
        if ended in found:
            os.read(ended, 1024)
            _tell_ends(running)
        if listener.fileno() in found:
            answers, _ = listener.accept()
            message, handles, _, _ = socket.recv_fds(answers, LARGEST, 3)
            while more := answers.recv(LARGEST):
                message += more
            request = json.loads(message)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for mine in (listener, answers, *running.values()):
                    mine.close()
                for handle in (closed, ended, waker):
                    os.close(handle)
                _become(request, handles)
                return request
            for handle in handles:
                os.close(handle)
            running[pid] = answers
            answers.sendall(f"{pid}\n".encode())


def _tell_ends(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            with running.pop(pid) as answers:
                answers.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(request: dict[str, Any], handles: list[int]) -> None:
    """Take over the streams, the folder and the environment that were asked for."""
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - they last as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if "HF_ENDPOINT" in os.environ:  # it counts when this is imported
        for name in [name for name in sys.modules if name.partition(".")[0] == "huggingface_hub"]:
            del sys.modules[name]


if __name__ == "__main__":
    main()
