"""Errors of this package: why a voice note could not be transcribed.

VoiceError
├── Unintelligible        the note holds no words that the agent may trust: ask the customer to write
│   ├── Silent            silence, noise or music: no speech in it
│   ├── LowConfidence     speech, but the words are a guess
│   ├── TooLong           longer than `voice.longest`
│   ├── TooLarge          more bytes than `voice.largest`
│   ├── Unreadable        not audio, an unknown format, or broken
│   ├── LinkExpired       the platform no longer serves the recording
│   └── NotFetched        the recording could not be downloaded
└── Unavailable           the note may be fine, but cannot be transcribed now: ask the customer to write, tell the operator
    ├── ModelMissing      the model is not on this machine: `balas voice pull`
    ├── ToyModel          the tiny test model was configured for real customers
    ├── ModelBroken       the model's files are there but do not load
    ├── WorkerCrashed     the worker process died, twice
    ├── DeadlinePassed    transcribing took longer than `voice.deadline`
    ├── EndpointFailed    the transcription endpoint refused, failed or sent something else than a transcript
    └── PullFailed        the model could not be downloaded (`balas voice pull`)
"""


class VoiceError(Exception):
    """Base of everything this package raises; `str()` names the thing, the value and the remedy."""

    reason = "voice"


class Unintelligible(VoiceError):
    """The customer should be asked to write instead. `reason` is a stable word for logs and metrics."""

    reason = "unintelligible"


class Silent(Unintelligible):
    reason = "silent"


class LowConfidence(Unintelligible):
    reason = "low_confidence"


class TooLong(Unintelligible):
    reason = "too_long"


class TooLarge(Unintelligible):
    reason = "too_large"


class Unreadable(Unintelligible):
    reason = "unreadable"


class LinkExpired(Unintelligible):
    reason = "link_expired"


class NotFetched(Unintelligible):
    reason = "not_fetched"


class Unavailable(VoiceError):
    """The note cannot be transcribed now; the operator has something to repair. `reason` is a stable word for logs and metrics."""

    reason = "unavailable"


class ModelMissing(Unavailable):
    reason = "model_missing"


class ToyModel(Unavailable):
    reason = "toy_model"


class ModelBroken(Unavailable):
    reason = "model_broken"


class WorkerCrashed(Unavailable):
    reason = "worker_crashed"


class DeadlinePassed(Unavailable):
    reason = "deadline_passed"


class EndpointFailed(Unavailable):
    reason = "endpoint_failed"


class PullFailed(Unavailable):
    reason = "pull_failed"


def by_reason(reason: str, message: str) -> VoiceError:
    """Rebuild the error that a worker process reported.

    Args:
        reason: the `reason` of one of the classes above; any other gives a `WorkerCrashed`.
        message: its text.
    """
    pending: list[type[VoiceError]] = [Unintelligible, Unavailable]
    while pending:
        kind = pending.pop()
        if kind.reason == reason:
            return kind(message)
        pending.extend(kind.__subclasses__())
    return WorkerCrashed(f"the voice worker failed with {reason!r}: {message}")
