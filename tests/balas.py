"""Run as a program: the `balas` command in a fork of a `tests.forkserver`, with the streams, folder and environment of this process.

The first argument is where the server listens. Only what starts within milliseconds is imported.
"""

import json
import os
import signal
import socket
import sys


def main() -> None:
    path, *words = sys.argv[1:]
    asking = socket.socket(socket.AF_UNIX)
    asking.connect(path)
    request = {"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 - pathlib is slow
    socket.send_fds(asking, [json.dumps(request).encode()], [0, 1, 2])
    asking.shutdown(socket.SHUT_WR)
    told = asking.makefile()
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
