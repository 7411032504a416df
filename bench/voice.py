"""Voice notes: what the worker process and the guards cost over faster-whisper itself, how much one machine hears, and
whether text messages notice.

    python -m bench.voice [--rounds 5] [--model DIR]
"""

import argparse
import asyncio
import io
import json
import logging
import os
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import structlog

from voice import Transcriber, Unavailable, VoiceSettings, open_transcriber
from voice.models import RELEASES, find

DATA = Path(__file__).parent.parent / "tests" / "data" / "voice"
TINY = DATA / "tiny-whisper"
LANGUAGES = ("id", "en")
BLOCKS, TEXTS = 10, 30  # text messages are written in blocks, in turns with and without notes beside them


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often every note is heard")
    parser.add_argument("--model", default=str(TINY), help="folder of the model for the comparison")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(report(arguments.model, arguments.rounds))


async def report(model: str, rounds: int) -> None:
    notes = [DATA / "samples" / row["file"] for row in json.loads((DATA / "samples" / "samples.json").read_text())]
    recordings = [note.read_bytes() for note in notes]
    for language in ("auto", "id"):
        await overhead(model, recordings, rounds, language)
    for workers in (1, 2):
        await throughput(model, recordings * rounds, workers)
    await texts_meanwhile(model, recordings)
    await real_time_factors(recordings)


def line(what: str, figure: str) -> None:
    print(f"{what:<64} {figure}")


@asynccontextmanager
async def opened(model: str, **changes: Any) -> AsyncIterator[Transcriber]:
    settings = VoiceSettings(**({"model": model, "allow_toy": True, "threads": 1} | changes))
    async with httpx.AsyncClient() as client:
        transcriber = open_transcriber(settings, client=client, languages=LANGUAGES, base=Path.cwd())
        if transcriber is None:
            raise SystemExit("voice.model is none")
        try:
            await transcriber.warm()
            yield transcriber
        finally:
            await transcriber.aclose()


async def heard(transcriber: Transcriber, recording: bytes) -> bool:
    from voice import Unintelligible

    try:
        await transcriber.transcribe(recording)
    except Unintelligible:
        return False
    return True


async def overhead(model: str, recordings: list[bytes], rounds: int, language: str) -> None:
    """Seconds for the same notes by faster-whisper in this process and through the transcriber, taken in turns."""
    from faster_whisper import WhisperModel

    plain = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1)

    def direct(recording: bytes) -> None:
        segments, _ = plain.transcribe(
            io.BytesIO(recording),
            language=None if language == "auto" else language,
            vad_filter=True,
            vad_parameters={"min_silence_duration_ms": 500},
            condition_on_previous_text=False,
        )
        list(segments)

    ours, theirs = [], []
    work = {"ours": 0.0, "theirs": 0.0}
    async with opened(model, language=language) as transcriber:
        direct(recordings[0])
        await heard(transcriber, recordings[0])
        for recording in recordings * rounds:
            started, worked = time.perf_counter(), cpu_seconds()
            direct(recording)
            theirs.append(time.perf_counter() - started)
            work["theirs"] += cpu_seconds() - worked
            started, worked = time.perf_counter(), cpu_seconds()
            await heard(transcriber, recording)
            ours.append(time.perf_counter() - started)
            work["ours"] += cpu_seconds() - worked
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    line(f"faster-whisper itself, language {language}, median", f"{statistics.median(theirs) * 1000:.0f} ms")
    line(f"through balas, language {language}, median", f"{statistics.median(ours) * 1000:.0f} ms")
    line(f"overhead in time, language {language} (target under 5 %)", f"{(ratio - 1) * 100:+.1f} %")
    line(f"overhead in CPU time, language {language}", f"{(work['ours'] / work['theirs'] - 1) * 100:+.1f} %")


async def throughput(model: str, recordings: list[bytes], workers: int) -> None:
    async with opened(model, workers=workers) as transcriber:
        await asyncio.gather(*(heard(transcriber, recording) for recording in recordings[:workers]))  # all are loaded
        started = time.perf_counter()
        await asyncio.gather(*(heard(transcriber, recording) for recording in recordings))
        seconds = time.perf_counter() - started
        line(f"notes a minute, {workers} worker{'s' * (workers > 1)}", f"{len(recordings) / seconds * 60:.0f}")
        line(f"real-time factor, {workers} worker{'s' * (workers > 1)}", f"{transcriber.stats.real_time_factor:.3f}")
        if sys.platform == "linux":
            line("peak memory of a worker", f"{max(map(peak_memory, children())) / 2**20:.0f} MiB")


async def texts_meanwhile(model: str, recordings: list[bytes]) -> None:
    """p99 of answering a text message, with and without a note being transcribed by the same process, taken in turns."""
    alone: list[float] = []
    beside: list[float] = []
    with TemporaryDirectory() as folder:
        async with answering(Path(folder)) as answer, opened(model) as transcriber:
            await timed(answer)  # warms up
            for _ in range(BLOCKS):
                alone += await timed(answer)
                hearing = asyncio.create_task(keep_hearing(transcriber, recordings))
                while not transcriber.stats.running:
                    await asyncio.sleep(0.01)
                beside += await timed(answer)
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
                while transcriber.stats.running:
                    await asyncio.sleep(0.01)
    for what, figure in (("p99", percentile_99), ("median", statistics.median)):
        one, other = figure(alone), figure(beside)
        line(f"text message answered (offline model), {what}, alone", f"{one * 1000:.1f} ms")
        line(f"text message answered, {what}, while notes are transcribed", f"{other * 1000:.1f} ms")
        line(f"slower by, {what} (target at most x 1.5)", f"x {other / one:.2f}")


async def keep_hearing(transcriber: Transcriber, recordings: list[bytes]) -> None:
    for recording in cycle(recordings):
        await heard(transcriber, recording)


@asynccontextmanager
async def answering(folder: Path) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    """A whole agent over a ledger in `folder`; the function given writes a text message and returns when it is answered."""
    from agent.assembly import open_agent
    from agent.config import loads
    from agent.terminal import TerminalPlatform
    from messaging.types import Contact, ContactKey, InboundMessage

    (folder / "shop.md").write_text("# Kopi Senja\n\nBuka setiap hari pukul 08.00 sampai 21.00.\n")
    config = loads(
        "{name: Bench, instructions: Jawab., model: {name: offline}, voice: {model: none}, messaging: {platform: sandbox},"
        " knowledge: {sources: [{path: shop.md}]}, storage: 'sqlite:///bench.db', limits: {turns_per_contact_per_day: 9999},"
        " conversation: {quiet_window: {finished: 0s, unfinished: 0s, longest: 0s}}}",
        file=folder / "agent.yaml",
        environment={},
    )

    class Phone(TerminalPlatform):
        def __init__(self) -> None:
            super().__init__()
            self.answered = asyncio.Event()

        async def send(self, *arguments: Any, **options: Any) -> str:
            self.answered.set()
            return await super().send(*arguments, **options)

    phone = Phone()
    contact = Contact(ContactKey(phone.name, "1"), phone="+6281234567801")
    phone.greet(contact)
    async with open_agent(config, platform=phone, base_url="http://127.0.0.1") as agent:
        await agent.start()
        await agent.learn()

        async def answer(message_id: str) -> None:
            phone.answered.clear()
            await agent.accept([InboundMessage(contact, message_id, datetime.now(UTC), "jam berapa buka?")])
            await phone.answered.wait()

        try:
            yield answer
        finally:
            await agent.stop()


async def timed(answer: Callable[[str], Awaitable[None]]) -> list[float]:
    """Seconds until each of a block of text messages was answered."""
    taken = []
    for _ in range(TEXTS):
        started = time.perf_counter()
        await answer(secrets.token_hex(8))
        taken.append(time.perf_counter() - started)
        await asyncio.sleep(0.01)
    return taken


def percentile_99(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=100)[98]


async def real_time_factors(recordings: list[bytes]) -> None:
    """Of every Whisper size that is on this machine."""
    for size in RELEASES:
        try:
            find(VoiceSettings(model=size), Path.cwd())
        except Unavailable:
            line(f"real-time factor, {size}", "not on this machine (balas voice pull)")
            continue
        async with opened(size, threads=None) as transcriber:
            for recording in recordings:
                await heard(transcriber, recording)
            line(f"real-time factor, {size}", f"{transcriber.stats.real_time_factor:.2f}")


def cpu_seconds() -> float:
    """CPU time of this process and its workers: what a note costs, however busy the machine is."""
    ticks = 0
    for pid in children() if sys.platform == "linux" else []:
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def children() -> list[int]:
    """The worker processes of this one."""
    task = Path("/proc/self/task")
    return [int(pid) for thread in task.iterdir() for pid in (thread / "children").read_text().split()]


def peak_memory(pid: int) -> int:
    """The most memory a process ever had, in bytes."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()
