"""The pool of voice workers: `workers.Pool` with the errors of this package."""

from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from voice.errors import DeadlinePassed, Unavailable, VoiceError, WorkerCrashed, by_reason
from voice.transcriber import WorkerLoad
from voice.worker import Options
from workers.pool import Pool, TaskFailed, WorkerError, WorkerSpec, WorkerTimeout
from workers.pool import WorkerCrashed as ProcessCrashed

T = TypeVar("T")


class Workers:
    """A pool of at most `count` processes. A note is tried twice when its worker dies.

    Args:
        options: what each worker is started with.
        count: most processes at a time.
        deadline: the longest a worker may take to load its model, or for one note.
        recycle: a worker is replaced after so many notes.
    """

    def __init__(self, options: Options, count: int, deadline: timedelta, recycle: int) -> None:
        spec = WorkerSpec(
            name="voice worker",
            task="transcribe a note",
            target="voice.worker:open_handler",
            options=options.as_json(),
            memory=options.memory,
            environment={"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(options.threads)},
        )
        self._pool = Pool(spec, count, deadline, recycle)

    @property
    def load(self) -> WorkerLoad:
        """How busy the workers are now, and what they did since the pool was made."""
        load = self._pool.load
        return WorkerLoad(load.waiting, load.running, load.crashes, load.worked)

    async def run(self, languages: Sequence[str], audio: bytes) -> dict[str, Any]:
        """Process one note; notes are taken in the order of asking. Cancelling frees the worker at its next 30 s window.

        Args:
            languages: the codes to choose among; a worker without a model ignores them.
            audio: the encoded note.

        Returns:
            `{"transcript": …}` of a worker with a model, `{"seconds", "speech"}` of one without.

        Raises:
            VoiceError: what the worker reports.
            WorkerCrashed: two workers died of it.
            DeadlinePassed: its worker was killed.
            Unavailable: the pool is closed.
        """
        return await _translated(self._pool.run({"languages": list(languages)}, audio))

    async def warm(self) -> None:
        """Start one worker now. Raises as `run` does, and `ModelBroken` when the model does not load."""
        await _translated(self._pool.warm())

    async def aclose(self) -> None:
        """End every process; notes in work and in the queue raise `Unavailable`."""
        await self._pool.aclose()

    def pids(self) -> list[int]:
        """List the ids of the idle processes."""
        return self._pool.pids()


async def _translated(work: Awaitable[T]) -> T:
    try:
        return await work
    except WorkerError as error:
        raise _voice_error(error) from error


def _voice_error(error: WorkerError) -> VoiceError:
    if isinstance(error, TaskFailed):
        return by_reason(error.reason, str(error))
    if isinstance(error, WorkerTimeout):
        return DeadlinePassed(f"{error} (voice.deadline)")
    if isinstance(error, ProcessCrashed):
        return WorkerCrashed(f"{error}; if it ran out of memory, raise voice.memory or choose a smaller voice.model")
    return Unavailable(f"voice notes are not transcribed any more: {error}")
