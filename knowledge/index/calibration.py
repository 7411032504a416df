"""What a cosine of a model means: where its background lies, and where what belongs together.

Cosines of one model lie between 0 and 1, those of another between 0.77 and 0.94. Both are mapped by two anchors, measured on the corpus
itself: questions made of the beginnings of passages, against other passages (the background, 0) and against their own (near, 1).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.index.embeddings import Vectors

SAMPLE = 64
"""Passages that are looked at; their questions are embedded once more, the others' vectors are there."""
_LEAST_SPREAD = 0.05
_WORDS = 12


@dataclass(frozen=True, slots=True)
class Calibration:
    """`background` is the cosine of what does not belong together, `near` of what does."""

    background: float = 0.0
    near: float = 1.0

    def apply(self, cosines: Mapping[int, float]) -> Mapping[int, float]:
        """Map cosines so that the background is 0 and near is 1."""
        return {at: (cosine - self.background) / (self.near - self.background) for at, cosine in cosines.items()}

    def pack(self) -> bytes:
        return np.array([self.background, self.near], dtype="<f4").tobytes()

    @classmethod
    def unpack(cls, data: bytes) -> "Calibration":
        background, near = np.frombuffer(data, dtype="<f4")
        return cls(float(background), float(near))


def sample(texts: Sequence[str]) -> list[int]:
    """Choose the passages to measure on: evenly over the corpus, the same for the same texts."""
    step = max(len(texts) / SAMPLE, 1.0)
    return sorted({int(at * step) for at in range(min(SAMPLE, len(texts)))})


def as_question(text: str) -> str:
    """Make a question of a passage: the first words of its body, which come behind the title."""
    body = text.partition("\n")[2].strip() or text
    return " ".join(re.split(r"(?<=[.!?])\s", body)[0].split()[:_WORDS])


def measure(questions: Vectors, passages: Vectors) -> Calibration:
    """Measure the anchors.

    Args:
        questions: shape `(n, dimensions)`, unit vectors.
        passages: those that the questions were made of, in the same order and shape.

    Returns:
        No mapping at all where there are too few texts, or they cannot be told apart.
    """
    cosines: npt.NDArray[np.float32] = questions @ passages.T
    count = len(cosines)
    if count < 2:
        return Calibration()
    near = float(np.diag(cosines).mean())
    background = float((cosines.sum() - np.trace(cosines)) / (count * (count - 1)))
    return Calibration(background, near) if near - background >= _LEAST_SPREAD else Calibration()
