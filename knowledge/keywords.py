"""The keyword index: BM25 over character 4-grams, in memory.

Scores are on an absolute scale: 1 would be a passage that holds every gram of the question at saturation, and grams that no passage
holds count as the rarest. So a score can be compared between questions, and used as confidence.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.repair import Repair, Term
from knowledge.words import grams, words

K1 = 1.2
B = 0.75
TITLE = 2  # how often the words of the title count

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Record:
    """What is indexed: a passage, or one alias of it. Several records may belong to the same `entry`."""

    entry: int
    title: str
    text: str


class KeywordIndex:
    """Immutable once built; building 10,000 passages takes a few seconds of CPU, so do it in a worker thread."""

    def __init__(self, records: Sequence[Record], entries: int) -> None:
        self.entries = entries
        self._entry = np.array([record.entry for record in records], dtype=np.int32)
        vocabulary: dict[str, int] = {}
        counts = [_counted(record, vocabulary) for record in records]
        self.frequencies = _frequencies(vocabulary, counts)
        self._gram_ids, self._offsets, self._records, self._impacts, self._idf = _postings(vocabulary, counts)
        self._rarest = float(np.log(1 + len(records) / 0.5)) if records else 1.0
        self.repair = Repair(self.frequencies)

    def scores(self, question: str) -> Floats:
        """A score of 0 to 1 for every entry."""
        found = np.zeros(len(self._entry), dtype=np.float32)
        weights = self._weighed(self.repair(question))
        total = 0.0
        for gram, weight in weights.items():
            at = self._gram_ids.get(gram)
            if at is None:
                total += weight * self._rarest
                continue
            start, end = self._offsets[at], self._offsets[at + 1]
            idf = float(self._idf[at])
            total += weight * idf
            found[self._records[start:end]] += self._impacts[start:end] * (weight * idf)
        best = np.zeros(self.entries, dtype=np.float32)
        if total:
            np.maximum.at(best, self._entry, found / ((K1 + 1) * total))
        return best

    def _weighed(self, terms: Iterable[Term]) -> Mapping[str, float]:
        weights: dict[str, float] = {}
        for term in terms:
            for gram in grams(term.word):
                weights[gram] = max(weights.get(gram, 0.0), term.weight)
        return weights


def _counted(record: Record, vocabulary: dict[str, int]) -> tuple[Ints, Ints]:
    counted = Counter(words(record.text))
    for word in words(record.title):
        counted[word] += TITLE
    ids = np.fromiter((vocabulary.setdefault(word, len(vocabulary)) for word in counted), np.int32, len(counted))
    return ids, np.fromiter(counted.values(), np.int32, len(counted))


def _frequencies(vocabulary: Mapping[str, int], counts: Sequence[tuple[Ints, Ints]]) -> dict[str, int]:
    if not vocabulary:
        return {}
    totals = np.bincount(np.concatenate([ids for ids, _ in counts]), minlength=len(vocabulary))
    return dict(zip(vocabulary, totals.tolist(), strict=True))


def _postings(
    vocabulary: Mapping[str, int], counts: Sequence[tuple[Ints, Ints]]
) -> tuple[dict[str, int], npt.NDArray[np.int64], Ints, Floats, Floats]:
    """Grams as postings: which records hold them, with their BM25 weight without idf."""
    gram_ids: dict[str, int] = {}
    of_word = [[gram_ids.setdefault(gram, len(gram_ids)) for gram in grams(word)] for word in vocabulary]
    if not gram_ids:
        empty = np.zeros(0, dtype=np.float32)
        return {}, np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32), empty, empty
    lengths = np.fromiter(map(len, of_word), np.int64, len(of_word))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.fromiter((gram for several in of_word for gram in several), np.int64, int(starts[-1]))
    ids = np.concatenate([ids for ids, _ in counts])
    times = np.concatenate([times for _, times in counts]).astype(np.int64)
    record = np.repeat(np.arange(len(counts), dtype=np.int64), [len(ids) for ids, _ in counts])
    spread = lengths[ids]
    first = np.cumsum(spread) - spread
    within = np.arange(int(spread.sum()), dtype=np.int64) - np.repeat(first, spread)
    gram = flat[np.repeat(starts[ids], spread) + within]
    # gram, record and count in one integer: one fast sort instead of three
    size = len(counts)
    packed = (gram * size + np.repeat(record, spread)) << 12 | np.minimum(np.repeat(times, spread), 4095)
    packed.sort()
    keys = packed >> 12
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    tf = np.add.reduceat(packed & 4095, begins).astype(np.float32)
    keys = keys[begins]
    records = (keys % size).astype(np.int32)
    frequency = np.bincount(keys // size, minlength=len(gram_ids))
    offsets = np.concatenate([[0], np.cumsum(frequency)])
    length = np.bincount(records, weights=tf, minlength=size).astype(np.float32)
    norm = K1 * (1 - B + B * length / max(float(length.mean()), 1.0))
    impacts = (tf * (K1 + 1) / (tf + norm[records])).astype(np.float32)
    idf = np.log(1 + (size - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    return gram_ids, offsets, records, impacts, idf
