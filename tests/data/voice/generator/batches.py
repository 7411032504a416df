"""Clips as the training sees them: disturbed a little, with the tokens to say, many of one length at a time.

A note fills 50 to 400 of the window's 1,500 positions, and the rest is silence. Training on all of them would cost ten times as
much, so a batch keeps the note and `SILENT` random positions of the rest, each of which counts for all it stands for: its attention
logits are raised by the logarithm of that number. The trained model then runs on all 1,500.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generator.clips import Clip, load_clips
from generator.shape import AUDIO_POSITIONS, MELS
from generator.tokens import Vocabulary

SILENT = 16
FRAMES = 6_000  # of 10 ms, in one batch
SHORT = 260  # frames; shorter clips come first, because attention finds its place on them
LETTERS = " abcdefghijklmnopqrstuvwxyz"
IGNORED = -100  # a target that counts for nothing


@dataclass(frozen=True, slots=True)
class Batch:
    """Arrays of one step. `letters` are the targets of the auxiliary head, one clip after the other."""

    mel: npt.NDArray[np.float32]  # clip, band, frame
    positions: npt.NDArray[np.int64]  # of the window, that the encoder sees
    weights: npt.NDArray[np.float32]  # added to the attention logits of each position
    tokens: npt.NDArray[np.int64]  # clip, place
    targets: npt.NDArray[np.int64]
    letters: npt.NDArray[np.int64]
    letter_counts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]  # positions that each clip fills


class Batches:
    """An endless supply, an epoch at a time."""

    def __init__(self, work: Path, vocabulary: Vocabulary) -> None:
        self._clips, self._mels = load_clips(work)
        self._vocabulary = vocabulary
        self._said = [" ".join(span.text for span in clip.spans) for clip in self._clips if clip.spans]

    def epoch(self, dice: np.random.Generator, *, short: bool) -> Iterator[Batch]:
        clips = [clip for clip in self._clips if not short or clip.frames < SHORT]
        clips.sort(key=lambda clip: clip.frames + dice.uniform(-20, 20))
        groups: list[list[Clip]] = [[]]
        for clip in clips:
            if groups[-1] and (len(groups[-1]) + 1) * (clip.frames + 60) > FRAMES:
                groups.append([])
            groups[-1].append(clip)
        for at in dice.permutation(len(groups)):
            yield self._collate(groups[at], dice)

    def _collate(self, clips: list[Clip], dice: np.random.Generator) -> Batch:
        leads = [int(dice.integers(0, 15)) * 2 if dice.random() < 0.5 else 0 for _ in clips]  # frames of silence before
        longest = max(clip.frames + lead for clip, lead in zip(clips, leads, strict=True))
        filled = (longest + 1) // 2 + 1
        mel = np.zeros((len(clips), 2 * (filled + SILENT + 1), MELS), np.float32)
        said, lengths = [], []
        for row, (clip, lead) in enumerate(zip(clips, leads, strict=True)):
            frames = self._frames(clip, lead, dice)
            mel[row, : len(frames)] = frames
            said.append(self._tokens(clip, lead / 100, dice))
            lengths.append((len(frames) + 1) // 2)
        places = max(len(tokens) for tokens, _ in said)
        tokens = np.full((len(clips), places), self._vocabulary.number("endoftext"))
        targets = np.full((len(clips), places), IGNORED)
        for row, (given, wanted) in enumerate(said):
            tokens[row, : len(given)] = given
            targets[row, : len(wanted)] = wanted
        rest = np.sort(dice.choice(np.arange(filled, AUDIO_POSITIONS), SILENT, replace=False))
        weights = np.zeros(filled + SILENT, np.float32)
        weights[filled:] = math.log((AUDIO_POSITIONS - filled) / SILENT)
        letters = [[LETTERS.index(letter) for span in clip.spans for letter in f"{span.text} "] for clip in clips]
        return Batch(
            mel.transpose(0, 2, 1),
            np.concatenate([np.arange(filled), rest]),
            weights,
            tokens,
            targets,
            np.array([number for each in letters for number in each], np.int64),
            np.array([len(each) for each in letters], np.int64),
            np.array(lengths, np.int64),
        )

    def _frames(self, clip: Clip, lead: int, dice: np.random.Generator) -> npt.NDArray[np.float32]:
        """A clip's frames with bands and a stretch blotted out (SpecAugment), a lead and a little noise."""
        frames: Any = np.array(self._mels[clip.first : clip.first + clip.frames], np.float32)
        frames = np.concatenate([np.repeat(frames[:1], lead, 0), frames])
        for _ in range(2):
            width = int(dice.integers(1, 10))
            band = int(dice.integers(0, MELS - width))
            frames[:, band : band + width] = frames.min() if dice.random() < 0.5 else frames.mean()
        if dice.random() < 0.5 and len(frames) > 60:
            width = int(dice.integers(1, 8))
            at = int(dice.integers(0, len(frames) - width))
            frames[at : at + width] = frames.mean()
        return frames + dice.standard_normal(frames.shape).astype(np.float32) * 0.03 + dice.uniform(-0.05, 0.05)

    def _tokens(self, clip: Clip, lead: float, dice: np.random.Generator) -> tuple[list[int], list[int]]:
        """What the decoder is given and what it must say, in the ways in which faster-whisper may ask."""
        number, time, words = self._vocabulary.number, self._vocabulary.time, self._vocabulary.words
        before: list[int] = []
        if dice.random() < 0.15:  # something said earlier, as condition_on_previous_text gives it
            before = [number("startofprev"), *words(self._said[int(dice.integers(len(self._said)))])]
        line = [number("startoftranscript"), number(clip.language), number("transcribe")]
        if dice.random() < 0.6:
            if not clip.spans:
                line.append(time(0))
            for at, span in enumerate(clip.spans):
                start = span.start + lead if at else min(span.start + lead, 1.0)  # no first time stamp after 1 s
                line += [time(start), *words(span.text), time(span.end + lead)]
        else:
            line.append(number("notimestamps"))
            for span in clip.spans:
                line += words(span.text)
        line.append(number("endoftext"))
        wanted = [IGNORED] * len(before) + line[1:]
        if not clip.spans:
            wanted[len(before)] = number("nospeech")
        return [*before, *line[:-1]], wanted
