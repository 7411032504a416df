"""Limits of a transcriber: bytes of a note, languages, and the threads and memory of its workers."""

import os
from collections.abc import Sequence
from pathlib import Path

from voice.audio import sniff
from voice.errors import TooLarge
from voice.languages import known
from voice.pool import Workers
from voice.settings import VoiceSettings
from voice.worker import Options

_LIBRARIES = 1_500 * 2**20  # bytes of address space that Python, FFmpeg, CTranslate2 and ONNX Runtime take
_PER_THREAD = 128 * 2**20  # bytes: its stack and its malloc arena
_PER_SECOND = 1_500_000  # bytes for a second of sound: samples, the voice detector's windows, the spectrogram
_MODEL_COPIES = 3  # while loading, a model's file and its converted weights are there at once


def check_bytes(audio: bytes, settings: VoiceSettings) -> None:
    """Refuse a note that need not be decoded to be refused.

    Raises:
        TooLarge: more bytes than `voice.largest`.
        Unreadable: not an audio format that is known.
    """
    if len(audio) > settings.largest:
        limit = settings.largest.human_readable()
        raise TooLarge(f"the voice note has {len(audio):,} bytes; the limit is {limit} (voice.largest)")
    sniff(audio)


def spoken(settings: VoiceSettings, languages: Sequence[str]) -> tuple[str, ...]:
    """List the languages to choose among: the configured one, or (for `auto`) `languages`, those the agent speaks."""
    return known(languages if settings.language == "auto" else [settings.language])


def open_workers(settings: VoiceSettings, folder: Path | None) -> Workers:
    """Make a pool of worker processes; none is started yet.

    Args:
        settings: how many workers, with what limits.
        folder: the model to load; `None` for workers that only measure notes.
    """
    return Workers(options(settings, folder), settings.workers, settings.deadline, settings.recycle)


def options(settings: VoiceSettings, folder: Path | None) -> Options:
    """Compute what a worker is started with: the configured limits, or what the model and the longest note need."""
    longest = settings.longest.total_seconds()
    threads = settings.threads or spare_threads(settings.workers)
    weights = (folder / "model.bin").stat().st_size if folder else 0
    needed = _LIBRARIES + _MODEL_COPIES * weights + _PER_THREAD * threads + _PER_SECOND * longest
    return Options(
        folder=None if folder is None else str(folder),
        threads=threads,
        beam=settings.beam,
        longest=longest,
        memory=settings.memory or int(needed),
    )


def spare_threads(workers: int) -> int:
    """Compute the threads of each of `workers`, leaving a core to the agent; at most 4, beyond which Whisper gains nothing."""
    return max(1, min(4, (_cores() - 1) // workers))


def _cores() -> int:
    """Cores this process may use: its affinity, and in a container its quota (more threads than that are slower)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores  # no cgroup v2
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))
