"""Run as a program: the `balas` command in a fork of a `tests.forkserver`, with the streams, folder and environment of this process.

The first argument is where the server listens. Only what starts within milliseconds is imported.
"""

import json
import os
import signal
import socket
import sys


def ask(
    path: str, words: list[str], folder: str, environment: dict[str, str], streams: tuple[int, int, int]
) -> socket.socket:
    """Ask the server at `path` for a fork; the socket on which its id and, later, its exit code are told, a line each."""
    asking = socket.socket(socket.AF_UNIX)
    asking.connect(path)
    request = {"words": words, "folder": folder, "environment": environment}
    socket.send_fds(asking, [json.dumps(request).encode()], streams)
    asking.shutdown(socket.SHUT_WR)
    return asking


def main() -> None:
    path, *words = sys.argv[1:]
    told = ask(path, words, os.getcwd(), dict(os.environ), (0, 1, 2)).makefile()  # noqa: PTH109 - pathlib is slow
    pid = int(told.readline())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    code = int(told.readline())
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
