"""The `balas` command in processes of its own: forked from one that has imported everything, or started the ordinary way."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tests.balas import ask

ROOT = Path(__file__).parents[1]
_FORKS = "BALAS_TESTS_FORKS"
"""The environment variable that says where the server of forks listens."""


class Process(Protocol):
    """A running command. `stdout` carries both of its output streams; `returncode` is `-9` after a `kill -9`."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    @property
    def stdout(self) -> asyncio.StreamReader | None: ...
    def send_signal(self, signal: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    async def wait(self) -> int: ...


class Start(Protocol):
    """A way to start the command."""

    async def __call__(self, words: Sequence[str], environment: Mapping[str, str]) -> Process: ...


async def fresh(words: Sequence[str], environment: Mapping[str, str]) -> Process:
    """`python -m agent WORDS`, as a user would start it."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )


async def forked(words: Sequence[str], environment: Mapping[str, str]) -> Process:
    """The same entry point in a fork of a process that has imported everything: seconds of CPU less."""
    if sys.platform != "linux":  # elsewhere a fork without an exec is not safe
        return await fresh(words, environment)
    reading, writing = os.pipe()
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - the number is wanted
        ends = ask(
            os.environ[_FORKS], list(words), str(Path.cwd()), dict(environment), (nothing.fileno(), writing, writing)
        )
    os.close(writing)
    stdout = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(reading, "rb"))
    told, _writer = await asyncio.open_connection(sock=ends)
    return _Forked(int(await told.readline()), stdout, told, _writer)


class _Forked:
    def __init__(
        self, pid: int, stdout: asyncio.StreamReader, told: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._ending = asyncio.create_task(self._end(told, writer))

    async def _end(self, told: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        self.returncode = int(await told.readline())
        writer.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        return await asyncio.shield(self._ending)


def program() -> list[str]:
    """The words of a shell that start the command as a fork, for whoever runs a program: seconds of CPU less."""
    if sys.platform != "linux":
        return [sys.executable, "-m", "agent"]
    return [sys.executable, "-ISE", str(ROOT / "tests" / "balas.py"), os.environ[_FORKS]]


@contextmanager
def forks(folder: Path) -> Iterator[None]:
    """One server of forks, in the folder, for this process and all that it starts. It imports when it is asked for the first."""
    path = str(folder / "forks")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.forkserver"],
            stdin=listener,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
        )
    os.environ[_FORKS] = path
    yield
    assert server.stdout is not None
    server.stdout.close()
    server.wait()
