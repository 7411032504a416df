"""The process that opens what strangers recorded: it decodes and transcribes one note at a time, and may be killed.

It is started by `voice.pool`, takes jobs from stdin and answers on stdout (`voice.frames`), and ends when stdin does, so
that it never outlives its parent. What it has: the model's folder, a memory limit, no secret of the parent's environment.
"""

import json
import os
import queue
import resource
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice import frames
from voice.decode import SAMPLE_RATE, decode
from voice.errors import ModelBroken, VoiceError

if TYPE_CHECKING:
    from voice.whisper import Whisper


@dataclass(frozen=True, slots=True)
class Options:
    """What a worker is started with. `folder` `None`: no model, the worker only measures notes."""

    folder: str | None
    threads: int
    beam: int
    longest: float  # seconds
    memory: int | None  # bytes of address space

    def dumps(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Job:
    number: int
    languages: tuple[str, ...]
    audio: bytes


def main() -> None:
    """The worker's life: `sys.argv[-1]` is its `Options` as JSON."""
    options = Options(**json.loads(sys.argv[-1]))
    confine(options.memory)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not fall between the frames
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    dropped: set[int] = set()
    threading.Thread(target=_listen, args=(jobs, dropped), daemon=True).start()

    def answer(header: dict[str, Any]) -> None:
        answers.write(frames.pack(header))
        answers.flush()

    try:
        whisper = _load(options)
    except ModelBroken as error:
        answer({"error": {"reason": error.reason, "message": str(error)}})
        return
    answer({"ready": True})
    while True:
        job = jobs.get()
        answer({"number": job.number} | _handle(job, whisper, options, partial(dropped.__contains__, job.number)))


def confine(memory: int | None) -> None:
    """Give up what a worker does not need: priority, core dumps (they would hold a customer's voice) and endless memory."""
    os.nice(10)  # text messages go first
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is not None and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _listen(jobs: "queue.SimpleQueue[Job]", dropped: set[int]) -> None:
    while True:
        try:
            header, body = frames.read(sys.stdin.buffer)
        except EOFError:
            os._exit(0)  # the parent is gone or wants no more; the native code of a running job cannot be asked to stop
        if "drop" in header:
            dropped.add(header["drop"])
        else:
            jobs.put(Job(header["number"], tuple(header["languages"]), body))


def _load(options: Options) -> "Whisper | None":
    if options.folder is None:
        return None
    from voice.whisper import Whisper

    try:
        return Whisper(Path(options.folder), options.threads, options.beam)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelBroken(f"the Whisper model in {options.folder} does not load: {error}") from error


def _handle(job: Job, whisper: "Whisper | None", options: Options, is_dropped: Callable[[], bool]) -> dict[str, Any]:
    if is_dropped():
        return {"dropped": True}
    from voice.whisper import speech_seconds

    try:
        samples = decode(job.audio, timedelta(seconds=options.longest))
        if whisper is None:
            return {"seconds": len(samples) / SAMPLE_RATE, "speech": speech_seconds(samples)}
        hearing = whisper.hear(samples, job.languages, is_dropped)
    except VoiceError as error:
        return {"error": {"reason": error.reason, "message": str(error)}}
    if is_dropped():
        return {"dropped": True}
    return {"hearing": hearing.as_json()}
