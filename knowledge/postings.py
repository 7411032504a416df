"""An inverted index with BM25 weights, as arrays."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

K1 = 1.2
B = 0.75
RARER = 1.1  # what no record has counts this much more than what one record has


class Postings:
    """Which records hold which feature. A feature is a word, or a gram of words."""

    def __init__(self, counts: Sequence[tuple[Ints, Ints]], flat: Longs, lengths: Longs, features: int) -> None:
        """`counts`: distinct words of each record and how often each counts. The features of word w are the next `lengths[w]` of `flat`."""
        size = len(counts)
        self.records = np.zeros(0, dtype=np.int32)
        self.impacts = np.zeros(0, dtype=np.float32)
        self.frequencies = np.zeros(features, dtype=np.int64)
        self.size = size
        if size:
            self.records, self.impacts, self.frequencies = _built(counts, flat, lengths, features)
        self.offsets = np.concatenate([[0], np.cumsum(self.frequencies)])
        self.idf = np.log(1 + (size - self.frequencies + 0.5) / (self.frequencies + 0.5)).astype(np.float32)
        self.rarest = RARER * float(np.log(1 + max(size - 0.5, 0.5) / 1.5))

    def scores(self, weights: Mapping[int, float], worth: float) -> Floats:
        """For every record the share of `worth` that it holds; `weights` are by feature."""
        found = np.zeros(self.size, dtype=np.float32)
        for feature, weight in weights.items():
            start, end = self.offsets[feature], self.offsets[feature + 1]
            # a record stands once among the postings of a feature
            found[self.records[start:end]] += self.impacts[start:end] * np.float32(weight * float(self.idf[feature]))
        return found / np.float32((K1 + 1) * worth) if worth else found


def _built(
    counts: Sequence[tuple[Ints, Ints]], flat: Longs, lengths: Longs, features: int
) -> tuple[Ints, Floats, Longs]:
    size = len(counts)
    ids = np.concatenate([ids for ids, _ in counts])
    times = np.concatenate([times for _, times in counts]).astype(np.int64)
    record = np.repeat(np.arange(size, dtype=np.int64), [len(ids) for ids, _ in counts])
    spread = lengths[ids]
    starts = np.cumsum(lengths) - lengths
    within = np.arange(int(spread.sum()), dtype=np.int64) - np.repeat(np.cumsum(spread) - spread, spread)
    feature = flat[np.repeat(starts[ids], spread) + within]
    # feature, record and count in one integer: one fast sort instead of three
    packed = (feature * size + np.repeat(record, spread)) << 12 | np.minimum(np.repeat(times, spread), 4095)
    packed.sort()
    keys = packed >> 12
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    tf = np.add.reduceat(packed & 4095, begins).astype(np.float32)
    keys = keys[begins]
    records = (keys % size).astype(np.int32)
    length = np.bincount(records, weights=tf, minlength=size).astype(np.float32)
    norm = K1 * (1 - B + B * length / max(float(length.mean()), 1.0))
    impacts = (tf * (K1 + 1) / (tf + norm[records])).astype(np.float32)
    return records, impacts, np.bincount(keys // size, minlength=features)
