"""Transcribe samples with faster-whisper, with the settings that chat voice notes need. Runs inside a worker process."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice.audio import SAMPLE_RATE
from voice.languages import choose
from voice.transcriber import RawSegment, RawTranscript

if TYPE_CHECKING:
    from voice.audio import Samples

# Silero VAD. 500 ms instead of 2,000 ms of silence cuts noise out of pauses; a pad under 400 ms clips first syllables:
# https://github.com/SYSTRAN/faster-whisper/pull/179
_VAD = {"threshold": 0.5, "min_silence_duration_ms": 500, "speech_pad_ms": 400}
_WINDOW_FRAMES = 3_000  # Whisper's window: 30 s
_WINDOW_TOKENS = 200  # bounds a window that loops; 30 s of fast speech is about 150

# A very short note ("ya", "oke") can be too little for the voice detector. It is transcribed again without it when it is loud
# enough to be speech, and then judged more strictly.
_MISSED_SPEECH = 0.3  # seconds of speech found, at most
_MISSED_NOTE = (0.5, 4.0)  # seconds of sound, from and to
_AUDIBLE = 0.01  # root mean square of full scale: -40 dB


class Whisper:
    """A loaded model. Not for use from more than one thread.

    Args:
        folder: the CTranslate2 model.
        threads: threads of one transcription.
        beam: beam size of the search.
    """

    def __init__(self, folder: Path, threads: int, beam: int) -> None:
        from faster_whisper import WhisperModel

        # A folder never goes online; `local_files_only` says so once more.
        self._model = _one_pass(WhisperModel)(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1, local_files_only=True
        )
        self._beam = beam

    def transcribe(self, samples: "Samples", languages: Sequence[str], is_dropped: Callable[[], bool]) -> RawTranscript:
        """Transcribe mono samples at 16 kHz.

        Args:
            samples: as `voice.audio.decode` returns them.
            languages: the codes to choose among; empty allows any that the model knows.
            is_dropped: asked between windows of 30 s; once it is true, the rest is left out.
        """
        import numpy as np

        transcript, speech = self._transcribe(samples, languages, is_dropped, vad=_VAD)
        seconds = len(samples) / SAMPLE_RATE
        shortest, longest = _MISSED_NOTE
        if speech < _MISSED_SPEECH and shortest < seconds < longest and np.sqrt(np.mean(samples**2)) > _AUDIBLE:
            transcript, _ = self._transcribe(samples, languages, is_dropped, vad=None)
        return transcript

    def _transcribe(
        self,
        samples: "Samples",
        languages: Sequence[str],
        is_dropped: Callable[[], bool],
        vad: dict[str, Any] | None,
    ) -> tuple[RawTranscript, float]:
        self._model.choices = languages
        segments, info = self._model.transcribe(
            samples,
            language=languages[0] if len(languages) == 1 else None,
            beam_size=self._beam,
            vad_filter=vad is not None,
            vad_parameters=vad,
            condition_on_previous_text=False,  # one bad window would be fed into the next
            max_new_tokens=_WINDOW_TOKENS,
        )
        found = []
        for each in segments:  # lazily: each step of the loop may be a window of work
            if is_dropped():
                break
            found.append(
                RawSegment(
                    each.start, each.end, each.text, each.no_speech_prob, each.avg_logprob, each.compression_ratio
                )
            )
        duration = timedelta(seconds=info.duration)
        return RawTranscript(info.language, tuple(found), duration, voiced=vad is not None), info.duration_after_vad


def speech_seconds(samples: "Samples") -> float:
    """Measure the seconds in which the voice detector finds speech."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    found = get_speech_timestamps(samples, VadOptions(**_VAD))
    return sum(int(part["end"]) - int(part["start"]) for part in found) / SAMPLE_RATE


def _one_pass(base: Any) -> Any:
    """`WhisperModel` that chooses the language among ours and encodes a window once.

    faster-whisper encodes the first window to detect the language and again to transcribe it; on a short note the
    encoder is most of the work.
    """
    import numpy as np
    from faster_whisper.audio import pad_or_trim

    class OnePass(base):  # type: ignore[misc]
        choices: Sequence[str] = ()
        _window: Any = None
        _encoded: Any = None

        def encode(self, features: Any) -> Any:
            if self._window is None or not np.array_equal(self._window, features):
                self._encoded = super().encode(features)
                self._window = features
            return self._encoded

        def detect_language(self, audio: Any = None, features: Any = None, **options: Any) -> Any:
            frames = min(_WINDOW_FRAMES, features.shape[-1] - 1)  # the window that will be transcribed
            found = self.model.detect_language(self.encode(pad_or_trim(features[..., :frames])))[0]
            heard = [(token[2:-2], probability) for token, probability in found]
            language, probability = choose(heard, self.choices)
            return language, probability, heard

    return OnePass
