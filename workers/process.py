"""The worker process: its frame protocol with the parent, its confinement, and its loop over tasks.

A frame is a JSON header and raw bytes, each with its length before it. Not pickle: workers decode untrusted files, and unpickling the
answers of a compromised worker would compromise the parent.
"""

import json
import os
import queue
import resource
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, BinaryIO, TypeAlias

LENGTHS = struct.Struct(">II")
"""What stands before a frame: the lengths of its header and of its body in bytes."""
_WATCH_INTERVAL = 0.2  # seconds between two looks at the memory in use, where it cannot be limited
_RECURSION = 5_000  # frames; parsers of nested files recurse, and 256 nested elements are more than 1,000 frames


Handler: TypeAlias = Callable[[Mapping[str, Any], bytes, Callable[[], bool]], Mapping[str, Any]]
"""Works on a task: its header, its body, and whether it was dropped meanwhile. Returns the answer, to be written as JSON.

An exception with a `reason` (a word for programs) fails the task: the caller gets `TaskFailed`. Any other one ends the worker.
"""


def pack(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Encode a frame: two big-endian 32-bit lengths, the header as JSON, the body."""
    encoded = json.dumps(header, separators=(",", ":")).encode()
    return LENGTHS.pack(len(encoded), len(body)) + encoded + body


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read the next frame, header and body, of a blocking stream. Raises `EOFError` when it has ended."""
    header, body = LENGTHS.unpack(_exactly(stream, LENGTHS.size))
    return json.loads(_exactly(stream, header)), _exactly(stream, body)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


@dataclass(frozen=True, slots=True)
class _Task:
    """A task to work on; `number` names it for the parent."""

    number: int
    header: Mapping[str, Any]
    body: bytes


def main() -> None:
    """Run the worker until its input ends; `sys.argv[-1]` is JSON: `target` (`module:function`), its `options`, `memory` in bytes."""
    start = json.loads(sys.argv[-1])
    confine(start["memory"])
    sys.setrecursionlimit(_RECURSION)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up between the frames
    tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
    dropped: set[int] = set()
    threading.Thread(target=_listen, args=(tasks, dropped), daemon=True).start()

    def answer(header: Mapping[str, Any]) -> None:
        answers.write(pack(header))
        answers.flush()

    module, _, name = start["target"].partition(":")
    try:
        handler: Handler = getattr(import_module(module), name)(start["options"])
    except Exception as error:
        if not hasattr(error, "reason"):
            raise
        answer(_failure(error))
        return
    answer({"ready": True})
    try:
        while True:
            task = tasks.get()
            answer({"number": task.number} | _handled(task, handler, partial(dropped.__contains__, task.number)))
    except BaseException:  # noqa: BLE001 (the process ends with it)
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # an orderly end would abort over the thread that waits for input


def _handled(task: _Task, handler: Handler, is_dropped: Callable[[], bool]) -> dict[str, Any]:
    if is_dropped():
        return {"dropped": True}
    try:
        answer = handler(task.header, task.body, is_dropped)
    except Exception as error:
        if not hasattr(error, "reason"):
            raise  # the worker ends; its last words go to the log
        return _failure(error)
    return {"dropped": True} if is_dropped() else dict(answer)


def _failure(error: Any) -> dict[str, Any]:
    return {"error": {"reason": error.reason, "message": str(error)}}


def confine(memory: int | None) -> None:
    """Lower the priority, forbid core dumps (they would hold a customer's data), make files private and limit memory.

    Args:
        memory: bytes; of address space on Linux, of memory in use elsewhere; `None` for no limit.
    """
    os.nice(10)  # text messages come first
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is None:
        return
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    else:
        threading.Thread(target=_watch, args=(memory,), daemon=True).start()


def _watch(memory: int) -> None:
    """End the process when it uses too much memory: macOS does not enforce limits of address space."""
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < memory:
        time.sleep(_WATCH_INTERVAL)
    sys.stderr.write("MemoryError\n")
    sys.stderr.flush()
    os._exit(1)


def _listen(tasks: "queue.SimpleQueue[_Task]", dropped: set[int]) -> None:
    while True:
        try:
            header, body = read(sys.stdin.buffer)
        except EOFError:
            os._exit(0)  # the parent is gone or closing; native code of a running task cannot be interrupted otherwise
        if "drop" in header:
            dropped.add(header["drop"])
        else:
            tasks.put(_Task(header["number"], header, body))
