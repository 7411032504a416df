"""Logistic regression over hashed words: what judges a text that no rule knows, without a model or a library at run time.

A text is a set of grams, each gram a bucket, each bucket a weight of one signed byte. `learn` needs numpy, which only those who write the
weights anew have to have.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from zlib import crc32

BUCKETS: Final = 1 << 15
_SCALE: Final = 16.0
"""Steps of a weight's byte for one unit of log odds, before the length of the text is divided out."""


def buckets(grams: Iterable[str]) -> list[int]:
    """Give the bucket of each gram, sorted and each once."""
    return sorted({crc32(gram.encode()) % BUCKETS for gram in grams})


def read_weights(path: Path) -> "array[int]":
    """Read the weights of a file: one signed byte a bucket."""
    return array("b", path.read_bytes())


def estimate(weights: Sequence[float], features: Sequence[int]) -> float:
    """Estimate how likely a text is what the weights look for, from its buckets."""
    total = sum(weights[bucket] for bucket in features) / math.sqrt(len(features))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total / _SCALE))))


def learn(
    rows: Iterable[tuple[Sequence[int], bool]], *, rounds: int = 40, rate: float = 0.5, shrink: float = 2e-4
) -> "array[int]":
    """Learn weights, always the same from the same rows.

    Args:
        rows: the buckets of each text, and whether it is what is looked for.
        rounds: how often each text is looked at.
        rate: of Adagrad.
        shrink: by which weights are pulled to zero at each step.
    """
    import numpy as np

    texts = [(np.array(features), 1.0 if wanted else 0.0) for features, wanted in rows]
    weights, squares, order = np.zeros(BUCKETS), np.full(BUCKETS, 1e-6), np.random.default_rng(7)
    for _ in range(rounds):
        for at in order.permutation(len(texts)):
            features, wanted = texts[at]
            norm = math.sqrt(len(features))
            error = 1 / (1 + math.exp(-max(-30.0, min(30.0, weights[features].sum() / norm)))) - wanted
            step = error / norm + shrink * weights[features]
            squares[features] += step**2
            weights[features] -= rate * step / np.sqrt(squares[features])
    return array("b", np.clip(np.rint(weights * _SCALE), -127, 127).astype(int).tolist())
