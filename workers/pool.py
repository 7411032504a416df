"""A bounded pool of worker processes: started when needed, replaced after N tasks, killed at their deadline.

WorkerError
├── TaskFailed       the worker reports why it could not do the task; it lives on
├── WorkerCrashed    the process died: out of memory, a fault in a library, an answer that is too large
├── WorkerTimeout    the process took longer than its deadline and was killed
└── PoolClosed       the pool is closing
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from workers import process

# The worker imports its modules from where its parent did, and nothing from its working directory.
_BOOT = "import sys; sys.path.append(sys.argv[1]); from workers.process import main; main()"
_ROOT = str(Path(__file__).resolve().parent.parent)
_INHERITED = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_TOO_LARGE = "it answered"  # how `receive` begins to say so
_GRACE = 2.0  # seconds a worker gets to exit by itself


class WorkerError(Exception):
    """Base of what this package raises."""


class TaskFailed(WorkerError):
    """What the worker reports; `reason` is a word for programs."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class WorkerCrashed(WorkerError):
    """The process died over a task, twice where it is tried again."""


class WorkerTimeout(WorkerError):
    """The process was killed at its deadline."""


class PoolClosed(WorkerError):
    """The pool takes no tasks any more."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What the workers of a pool are started with.

    `name` is theirs in messages (`voice worker`), `task` what one task is (`transcribe a note`). `target` is `module:function`: called
    with `options` it returns the handler of tasks (`process.Handler`). `memory` is in bytes, `largest_answer` in bytes of JSON.
    """

    name: str
    task: str
    target: str
    options: Mapping[str, Any]
    memory: int | None
    largest_answer: int = 8 * 2**20
    environment: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 2  # how often a task is tried when its worker dies


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """How busy a pool is, and what it did since it was made."""

    waiting: int  # tasks in the queue
    running: int  # tasks in work
    crashes: int  # processes that died at work
    worked: timedelta  # time spent on tasks


class Worker:
    """One process and the task it works on. Made by `Worker.start`."""

    def __init__(self, process_: asyncio.subprocess.Process, spec: WorkerSpec) -> None:
        self._process = process_
        self._spec = spec
        self._stdin = cast("asyncio.StreamWriter", process_.stdin)
        self._stdout = cast("asyncio.StreamReader", process_.stdout)
        self._last_words: deque[bytes] = deque(maxlen=5)
        self._errors = asyncio.create_task(self._read_errors(cast("asyncio.StreamReader", process_.stderr)))
        self.tasks = 0  # asked so far
        self.busy = True  # with starting, or with a task

    @classmethod
    async def start(cls, spec: WorkerSpec, deadline: timedelta) -> "Worker":
        """Start a process and wait until it is ready.

        Raises:
            TaskFailed: it reports why it cannot start.
            WorkerCrashed: the process died.
            WorkerTimeout: starting took longer than `deadline`; the process was killed.
        """
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        start = json.dumps({"target": spec.target, "options": dict(spec.options), "memory": spec.memory})
        creating = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _BOOT, _ROOT, start),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in the terminal is for the parent, which ends its workers in good order
                env=environment | dict(spec.environment),
            )
        )
        try:
            started = await asyncio.shield(creating)
        except asyncio.CancelledError:  # half a process would be left behind
            await cls(await creating, spec).kill()
            raise
        worker = cls(started, spec)
        try:
            await worker._answer(deadline, "start")
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, number: int, header: Mapping[str, Any], body: bytes, deadline: timedelta) -> dict[str, Any]:
        """Have the worker do one task.

        Args:
            number: names the task for `drop`.
            header: JSON for the handler.
            body: bytes for the handler.
            deadline: the worker is killed when it takes longer.

        Returns:
            The handler's answer, or `{"dropped": True}`.

        Raises:
            TaskFailed: what the worker reports.
            WorkerCrashed: the process died.
            WorkerTimeout: the process was killed.
        """
        self.tasks += 1
        self.busy = True
        try:
            self._stdin.write(process.pack({**header, "number": number}, body))
            await self._stdin.drain()
        except ConnectionError as error:
            raise await self._crashed() from error
        return await self._answer(deadline, self._spec.task)

    def drop(self, number: int) -> None:
        """Cancel a task: the worker stops when its handler next asks."""
        self._stdin.write(process.pack({"drop": number}))

    async def retire(self) -> None:
        """Close the worker's input and wait for it to exit; kill it after 2 s."""
        self._stdin.close()
        try:
            await self._exited()
        finally:  # also when the pool closes meanwhile
            await self.kill()

    async def _exited(self) -> None:
        """Wait for the process to exit by itself, 2 s at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await self._process.wait()

    async def kill(self) -> None:
        """Kill the process and wait until it is gone, even when the caller is cancelled meanwhile."""
        if self.alive:
            with suppress(
                ProcessLookupError
            ):  # Process.kill would reap a process that just died, and lose its exit status
                os.kill(self.pid, signal.SIGKILL)
        ending = asyncio.ensure_future(self._end())
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending
            raise

    async def _end(self) -> None:
        self._stdin.close()
        while await self._stdout.read(2**16):  # a pipe with unread bytes would never be closed
            pass
        await self._errors
        await self._process.wait()

    async def _answer(self, deadline: timedelta, task: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                answer = await receive(self._stdout, self._spec.largest_answer)
        except TimeoutError:
            await self.kill()
            raise WorkerTimeout(
                f"a {self._spec.name} took longer than {deadline.total_seconds():g} s to {task}; it was ended"
            ) from None
        except EOFError as error:
            raise await self._crashed(str(error)) from error
        self.busy = False
        if "error" in answer:
            raise TaskFailed(answer["error"]["reason"], answer["error"]["message"])
        return answer

    async def _crashed(self, why: str = "") -> WorkerCrashed:
        try:
            if not why.startswith(_TOO_LARGE):
                await self._exited()
        finally:
            await self.kill()
        said = self._last_words[-1].decode(errors="replace") if self._last_words else "it said nothing"
        said = why if why.startswith(_TOO_LARGE) else said
        return WorkerCrashed(f"a {self._spec.name} died with exit status {self._process.returncode}: {said}")

    async def _read_errors(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(4096):
            self._last_words.extend(line for line in data.splitlines() if line.strip())


@dataclass(eq=False, slots=True)
class _Task:
    """A task in the queue or in work."""

    number: int
    header: Mapping[str, Any]
    body: bytes
    deadline: timedelta
    answer: asyncio.Future[dict[str, Any]]  # cancelled: the caller has given up
    worker: Worker | None = None


class Pool:
    """A pool of at most `count` processes. A task is tried again when its worker dies, as often as the spec says.

    Args:
        spec: what each worker is started with.
        count: most processes at a time.
        deadline: the longest a worker may take to start, or for one task unless the task says otherwise.
        recycle: a worker is replaced after so many tasks.
    """

    def __init__(self, spec: WorkerSpec, count: int, deadline: timedelta, recycle: int) -> None:
        self._spec = spec
        self._deadline = deadline
        self._recycle = recycle
        self._slots = asyncio.Semaphore(count)
        self._idle: list[Worker] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._numbers = 0
        self._waiting = 0
        self._running = 0
        self._crashes = 0
        self._worked = timedelta()

    @property
    def load(self) -> PoolLoad:
        """How busy the workers are now, and what they did since the pool was made."""
        return PoolLoad(self._waiting, self._running, self._crashes, self._worked)

    async def run(self, header: Mapping[str, Any], body: bytes, deadline: timedelta | None = None) -> dict[str, Any]:
        """Do one task; tasks are taken in the order of asking. Cancelling drops the task.

        Args:
            header: JSON for the handler.
            body: bytes for the handler.
            deadline: of this task, once a worker has begun it; else that of the pool.

        Returns:
            The handler's answer, see `Worker.ask`.

        Raises:
            TaskFailed: what the worker reports.
            WorkerCrashed: so many workers died of it as it has attempts.
            WorkerTimeout: its worker was killed.
            PoolClosed: the pool is closed.
        """
        if self._closed:
            raise PoolClosed(f"shutting down: no {self._spec.name} takes tasks any more")
        self._numbers += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        task = _Task(self._numbers, header, body, deadline or self._deadline, answer)
        self._spawn(self._serve(task))
        try:
            return await task.answer
        except asyncio.CancelledError:
            if task.worker is not None:
                task.worker.drop(task.number)
            raise

    async def warm(self) -> None:
        """Start one worker now. Raises as `Worker.start` does."""
        async with self._slots:
            await self._put_back(await self._take())

    async def aclose(self) -> None:
        """End every process; tasks in work and in the queue raise `PoolClosed`."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.retire() for worker in self._idle))
        self._idle.clear()

    def pids(self) -> list[int]:
        """List the ids of the idle processes."""
        return [worker.pid for worker in self._idle]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, task: _Task) -> None:
        """Do a task when a slot is free. A task of its own: the slot is held until the worker is free, even if the caller gives up."""
        self._waiting += 1
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            _fail(task, PoolClosed("the task was still waiting at shutdown"))
            raise
        finally:
            self._waiting -= 1
        self._running += 1
        try:
            await self._work(task)
        except WorkerError as error:
            _fail(task, error)
        except asyncio.CancelledError:
            _fail(task, PoolClosed("the task was interrupted by shutdown"))
            raise
        finally:
            self._running -= 1
            self._slots.release()

    async def _work(self, task: _Task) -> None:
        if task.answer.cancelled():
            return
        for attempt in range(1, self._spec.attempts + 1):
            try:
                await self._attempt(task)
                return
            except WorkerCrashed:
                if task.answer.done():
                    return
                if attempt == self._spec.attempts:
                    raise

    async def _attempt(self, task: _Task) -> None:
        try:
            task.worker = worker = await self._take()
        except WorkerCrashed:
            self._crashes += 1
            raise
        started = time.monotonic()
        try:
            answer = await worker.ask(task.number, task.header, task.body, task.deadline)
            self._worked += timedelta(seconds=time.monotonic() - started)
            if not task.answer.done():
                task.answer.set_result(answer)
        except WorkerCrashed:
            self._crashes += 1
            raise
        except WorkerError as error:
            _fail(task, error)  # before the worker is put back, which may take seconds
        finally:
            task.worker = None
            await self._put_back(worker)

    async def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await worker.kill()
        return await Worker.start(self._spec, self._deadline)

    async def _put_back(self, worker: Worker) -> None:
        if worker.busy or self._closed:
            await worker.kill()
        elif worker.tasks >= self._recycle:
            await worker.retire()
        else:
            self._idle.append(worker)


def _fail(task: _Task, error: WorkerError) -> None:
    if not task.answer.done():
        task.answer.set_exception(error)


async def receive(stream: asyncio.StreamReader, largest: int) -> dict[str, Any]:
    """Read the header of the next frame of an asyncio stream; the frame must have no body.

    Args:
        largest: bytes of the header.

    Raises:
        EOFError: the stream has ended, or its bytes are no frame, or one that is too large.
    """
    try:
        length, body = process.LENGTHS.unpack(await stream.readexactly(process.LENGTHS.size))
        if length > largest or body:
            raise EOFError(f"it answered {length + body:,} bytes; {largest:,} are allowed")
        content = await stream.readexactly(length)
        parsed = json.loads(content) if length < 2**20 else await asyncio.to_thread(json.loads, content)
        value: dict[str, Any] = dict(parsed)
    except (asyncio.IncompleteReadError, ConnectionError, TypeError, ValueError, RecursionError) as error:
        raise EOFError(str(error)) from error
    return value
