"""A bounded pool of worker processes: started when needed, replaced after N notes, killed at their deadline."""

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from voice import worker
from voice.errors import DeadlinePassed, Unavailable, VoiceError, WorkerCrashed, by_reason
from voice.transcriber import WorkerLoad
from voice.worker import Options

# The worker imports this package from where its parent did, and nothing from its working directory.
_BOOT = "import sys; sys.path.append(sys.argv[1]); from voice.worker import main; main()"
_ROOT = str(Path(__file__).resolve().parent.parent)
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_GRACE = 2.0  # seconds a worker gets to exit by itself


class Worker:
    """One process and the note it works on. Made by `Worker.start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stdin = cast("asyncio.StreamWriter", process.stdin)
        self._stdout = cast("asyncio.StreamReader", process.stdout)
        self._last_words: deque[bytes] = deque(maxlen=5)
        self._errors = asyncio.create_task(self._read_errors(cast("asyncio.StreamReader", process.stderr)))
        self.notes = 0  # asked so far
        self.busy = True  # with loading, or with a note

    @classmethod
    async def start(cls, options: Options, deadline: timedelta) -> "Worker":
        """Start a process and wait until its model is loaded.

        Raises:
            ModelBroken: the model does not load.
            WorkerCrashed: the process died.
            DeadlinePassed: loading took longer than `deadline`; the process was killed.
        """
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", _BOOT, _ROOT, options.dumps()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent, which ends its workers in good order
            env=environment | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(options.threads)},
        )
        worker = cls(process)
        try:
            await worker._answer(deadline, "load its model")
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

    async def ask(self, number: int, languages: Sequence[str], audio: bytes, deadline: timedelta) -> dict[str, Any]:
        """Have the worker process one note.

        Args:
            number: names the note for `drop`.
            languages: the codes to choose among.
            audio: the encoded note.
            deadline: the worker is killed when it takes longer.

        Returns:
            `{"transcript": …}` of a worker with a model, `{"seconds", "speech"}` of one without, or `{"dropped": True}`.

        Raises:
            VoiceError: what the worker reports.
            WorkerCrashed: the process died.
            DeadlinePassed: the process was killed.
        """
        self.notes += 1
        self.busy = True
        try:
            self._stdin.write(worker.pack({"number": number, "languages": list(languages)}, audio))
            await self._stdin.drain()
        except ConnectionError as error:
            raise await self._crashed() from error
        return await self._answer(deadline, "transcribe a note")

    def drop(self, number: int) -> None:
        """Cancel a note: the worker stops between two of its 30 s windows."""
        self._stdin.write(worker.pack({"drop": number}))

    async def retire(self) -> None:
        """Close the worker's input and wait for it to exit; kill it after 2 s."""
        self._stdin.close()
        try:
            async with asyncio.timeout(_GRACE):
                await self._process.wait()
        except TimeoutError:
            pass  # killed below
        await self.kill()

    async def kill(self) -> None:
        """Kill the process and wait until it is gone."""
        if self.alive:
            self._process.kill()
        await self._process.wait()
        await self._errors

    async def _answer(self, deadline: timedelta, task: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                answer = await worker.receive(self._stdout)
        except TimeoutError:
            await self.kill()
            seconds = f"{deadline.total_seconds():g} s"
            raise DeadlinePassed(
                f"a voice worker took longer than {seconds} to {task} (voice.deadline); it was ended"
            ) from None
        except EOFError as error:
            raise await self._crashed() from error
        self.busy = False
        if "error" in answer:
            raise by_reason(answer["error"]["reason"], answer["error"]["message"])
        return answer

    async def _crashed(self) -> WorkerCrashed:
        await self.kill()
        said = self._last_words[-1].decode(errors="replace") if self._last_words else "it said nothing"
        return WorkerCrashed(
            f"a voice worker died with exit status {self._process.returncode}: {said}; "
            "if it ran out of memory, raise voice.memory or choose a smaller voice.model"
        )

    async def _read_errors(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(4096):
            self._last_words.extend(line for line in data.splitlines() if line.strip())


@dataclass(eq=False, slots=True)
class _Note:
    """A note in the queue or in work."""

    number: int
    languages: Sequence[str]
    audio: bytes
    answer: asyncio.Future[dict[str, Any]]  # cancelled: the caller has given up
    worker: Worker | None = None


class Workers:
    """A pool of at most `count` processes. A note is tried twice when its worker dies.

    Args:
        options: what each worker is started with.
        count: most processes at a time.
        deadline: the longest a worker may take to load its model, or for one note.
        recycle: a worker is replaced after so many notes.
    """

    def __init__(self, options: Options, count: int, deadline: timedelta, recycle: int) -> None:
        self._options = options
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
    def load(self) -> WorkerLoad:
        """How busy the workers are now, and what they did since the pool was made."""
        return WorkerLoad(self._waiting, self._running, self._crashes, self._worked)

    async def run(self, languages: Sequence[str], audio: bytes) -> dict[str, Any]:
        """Process one note; notes are taken in the order of asking. Cancelling frees the worker at its next 30 s window.

        Args:
            languages: the codes to choose among; a worker without a model ignores them.
            audio: the encoded note.

        Returns:
            The worker's answer, see `Worker.ask`.

        Raises:
            VoiceError: what the worker reports.
            WorkerCrashed: two workers died of it.
            DeadlinePassed: its worker was killed.
            Unavailable: the pool is closed.
        """
        if self._closed:
            raise Unavailable("voice notes are not transcribed any more: shutting down")
        self._numbers += 1
        note = _Note(self._numbers, languages, audio, asyncio.get_running_loop().create_future())
        self._spawn(self._serve(note))
        try:
            return await note.answer
        except asyncio.CancelledError:
            if note.worker is not None:
                note.worker.drop(note.number)
            raise

    async def warm(self) -> None:
        """Start one worker now. Raises as `Worker.start` does."""
        async with self._slots:
            await self._put_back(await self._take())

    async def aclose(self) -> None:
        """End every process; notes in work and in the queue raise `Unavailable`."""
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

    async def _serve(self, note: _Note) -> None:
        """Process a note when a slot is free. A task of its own: the slot is held until the worker is free, even if the caller gives up."""
        self._waiting += 1
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            _fail(note, Unavailable("the voice note was still waiting at shutdown"))
            raise
        finally:
            self._waiting -= 1
        self._running += 1
        try:
            await self._work(note)
        except VoiceError as error:
            _fail(note, error)
        except asyncio.CancelledError:
            _fail(note, Unavailable("the voice note was interrupted by shutdown"))
            raise
        finally:
            self._running -= 1
            self._slots.release()

    async def _work(self, note: _Note) -> None:
        if note.answer.cancelled():
            return
        try:
            await self._attempt(note)
        except WorkerCrashed:
            if not note.answer.done():
                await self._attempt(note)

    async def _attempt(self, note: _Note) -> None:
        try:
            note.worker = worker = await self._take()
        except WorkerCrashed:
            self._crashes += 1
            raise
        started = time.monotonic()
        try:
            answer = await worker.ask(note.number, note.languages, note.audio, self._deadline)
            self._worked += timedelta(seconds=time.monotonic() - started)
            if not note.answer.done():
                note.answer.set_result(answer)
        except WorkerCrashed:
            self._crashes += 1
            raise
        except VoiceError as error:
            _fail(note, error)  # before the worker is put back, which may take seconds
        finally:
            note.worker = None
            await self._put_back(worker)

    async def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await worker.kill()
        return await Worker.start(self._options, self._deadline)

    async def _put_back(self, worker: Worker) -> None:
        if worker.busy or self._closed:
            await worker.kill()
        elif worker.notes >= self._recycle:
            await worker.retire()
        else:
            self._idle.append(worker)


def _fail(note: _Note, error: VoiceError) -> None:
    if not note.answer.done():
        note.answer.set_exception(error)
