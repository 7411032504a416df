"""What a voice worker does with a note: decode it, and transcribe or measure it. Runs inside a process of `workers`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice.audio import SAMPLE_RATE, decode
from voice.errors import ModelBroken

if TYPE_CHECKING:
    from voice.whisper import Whisper
    from workers.process import Handler


@dataclass(frozen=True, slots=True)
class Options:
    """What a worker is started with. Without a `folder` it loads no model and only measures notes."""

    folder: str | None
    threads: int
    beam: int
    longest: float  # seconds
    memory: int | None  # bytes of address space

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def open_handler(values: Mapping[str, Any]) -> "Handler":
    """Load the model and make the handler of notes.

    Args:
        values: `Options` as JSON.

    Raises:
        ModelBroken: the model does not load.
    """
    options = Options(**values)
    whisper = _load(options)

    def handle(header: Mapping[str, Any], audio: bytes, is_dropped: Callable[[], bool]) -> Mapping[str, Any]:
        from voice.whisper import speech_seconds

        samples = decode(audio, timedelta(seconds=options.longest))
        if whisper is None:
            return {"seconds": len(samples) / SAMPLE_RATE, "speech": speech_seconds(samples)}
        return {"transcript": whisper.transcribe(samples, tuple(header["languages"]), is_dropped).as_json()}

    return handle


def _load(options: Options) -> "Whisper | None":
    if options.folder is None:
        return None
    from voice.whisper import Whisper

    try:
        return Whisper(Path(options.folder), options.threads, options.beam)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelBroken(f"the Whisper model in {options.folder} does not load: {error}") from error
