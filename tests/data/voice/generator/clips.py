"""The training clips: spoken, coded as a messenger codes them, and heard as faster-whisper hears them."""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.phrases import PHRASES, SEED, Kind, is_held_out, text
from generator.speech import RATE, TRAINING_VARIANTS, Span, note

Mel = npt.NDArray[Any]  # frames of 10 ms by 80 bands


@dataclass(frozen=True, slots=True)
class Clip:
    """What is said in a clip, and where its frames stand in the file of all clips."""

    language: str
    spans: tuple[Span, ...]
    first: int
    frames: int


def make_clips(work: Path, scale: float, processes: int) -> None:
    """Speak them all; `mels.npy` holds their frames one after the other, `clips.json` what is said."""
    work.mkdir(parents=True, exist_ok=True)
    mels: list[Mel] = []
    clips: list[Clip] = []
    first = 0
    with ProcessPoolExecutor(processes) as pool:
        for mel, language, spans in pool.map(_speak, enumerate(_scripts(scale)), chunksize=16):
            clips.append(Clip(language, tuple(spans), first, len(mel)))
            mels.append(mel)
            first += len(mel)
    np.save(work / "mels.npy", np.concatenate(mels))
    (work / "clips.json").write_text(json.dumps([asdict(clip) for clip in clips]))
    print(f"{len(clips)} clips, {first / 100 / 3600:.2f} hours")


def load_clips(work: Path) -> tuple[list[Clip], Mel]:
    rows = json.loads((work / "clips.json").read_text())
    clips = [
        Clip(row["language"], tuple(Span(**span) for span in row["spans"]), row["first"], row["frames"]) for row in rows
    ]
    return clips, np.load(work / "mels.npy", mmap_mode="r")


def _scripts(scale: float) -> Iterator[tuple[str, list[str]]]:
    """Language and phrases of each clip: every phrase 40 times, digits, orders and amounts, two phrases in one note, noise."""
    dice = np.random.default_rng(SEED)

    def fresh(language: str, kind: Kind) -> str:
        while is_held_out(said := text(dice, language, kind)):
            pass
        return said

    for language, orders in (("id", 900), ("en", 500)):
        for phrase in PHRASES[language]:
            yield from [(language, [phrase])] * int(40 * scale)
        for kind, count in (("digits", 1500), ("order", orders)):
            for _ in range(int(count * scale)):
                yield language, [fresh(language, kind)]
        for _ in range(int(900 * scale)):
            kinds: list[Kind] = ["phrase", "phrase", "digits", "order"]
            yield language, [fresh(language, "phrase"), fresh(language, kinds[int(dice.integers(4))])]
        yield from [(language, [])] * int(150 * scale)


def _speak(numbered: tuple[int, tuple[str, list[str]]]) -> tuple[Mel, str, list[Span]]:
    number, (language, texts) = numbered
    recording, spans = note(np.random.default_rng([SEED, number]), texts, language, TRAINING_VARIANTS)
    return mel(recording), language, spans


def mel(recording: bytes) -> Mel:
    """What faster-whisper gives to the encoder, before it pads it to 30 s."""
    from faster_whisper.audio import decode_audio

    spectrum = _extractor()(decode_audio(BytesIO(recording), RATE))[:, :-1]
    return np.ascontiguousarray(spectrum.T.astype(np.float16))


@cache
def _extractor() -> Any:
    from faster_whisper.feature_extractor import FeatureExtractor

    return FeatureExtractor()
