"""The worker process: its frame protocol with the parent, its confinement, and its loop over notes.

A frame is a JSON header and raw bytes, each with its length before it. Not pickle: the worker decodes untrusted files, and
unpickling the answers of a compromised worker would compromise the parent.
"""

import asyncio
import json
import os
import queue
import resource
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from voice.audio import SAMPLE_RATE, decode
from voice.errors import ModelBroken, VoiceError

if TYPE_CHECKING:
    from voice.whisper import Whisper


_LENGTHS = struct.Struct(">II")
_LARGEST_HEADER = 8 * 2**20  # bytes; an hour of speech is about 100 KB of JSON


def pack(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Encode a frame: two big-endian 32-bit lengths, the header as JSON, the body."""
    encoded = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(encoded), len(body)) + encoded + body


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read the next frame, header and body, of a blocking stream. Raises `EOFError` when it has ended."""
    header, body = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    return json.loads(_exactly(stream, header)), _exactly(stream, body)


async def receive(stream: asyncio.StreamReader) -> dict[str, Any]:
    """Read the header of the next frame of an asyncio stream; the frame must have no body.

    Raises:
        EOFError: the stream has ended, or its bytes are no frame.
    """
    try:
        length, body = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
        if length > _LARGEST_HEADER or body:
            raise EOFError(f"a frame of {length} + {body} bytes")
        value: dict[str, Any] = dict(json.loads(await stream.readexactly(length)))
    except (asyncio.IncompleteReadError, ConnectionError, TypeError, ValueError) as error:
        raise EOFError(str(error)) from error
    return value


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


@dataclass(frozen=True, slots=True)
class Options:
    """What a worker is started with. Without a `folder` it loads no model and only measures notes."""

    folder: str | None
    threads: int
    beam: int
    longest: float  # seconds
    memory: int | None  # bytes of address space

    def dumps(self) -> str:
        """As one command-line argument."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Job:
    """A note to process; `number` names it for the parent."""

    number: int
    languages: tuple[str, ...]
    audio: bytes


def main() -> None:
    """Run the worker until its input ends; `sys.argv[-1]` is its `Options` as JSON."""
    options = Options(**json.loads(sys.argv[-1]))
    confine(options.memory)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up between the frames
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    dropped: set[int] = set()
    threading.Thread(target=_listen, args=(jobs, dropped), daemon=True).start()

    def answer(header: dict[str, Any]) -> None:
        answers.write(pack(header))
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
    """Lower the priority, forbid core dumps (they would hold a customer's voice) and limit memory.

    Args:
        memory: bytes of address space, applied on Linux; `None` for no limit.
    """
    os.nice(10)  # text messages come first
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory is not None and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _listen(jobs: "queue.SimpleQueue[Job]", dropped: set[int]) -> None:
    while True:
        try:
            header, body = read(sys.stdin.buffer)
        except EOFError:
            os._exit(0)  # the parent is gone or closing; native code of a running job cannot be interrupted otherwise
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
        transcript = whisper.transcribe(samples, job.languages, is_dropped)
    except VoiceError as error:
        return {"error": {"reason": error.reason, "message": str(error)}}
    if is_dropped():
        return {"dropped": True}
    return {"transcript": transcript.as_json()}
