"""Array structures of the keyword index: BM25 postings, and the token sequences that sentence coverage is computed from."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

K1 = 1.2  # BM25 term frequency saturation
B = 0.75  # BM25 length normalisation
RARER = 1.1  # what no record has counts this much more than what one record has
SAME_WORD = 0.45  # Dice coefficient of the grams from which two words count as forms of one


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


class Coverage:
    """The words of all records in order, with the beginnings of their sentences."""

    def __init__(self, tokens: Sequence[Ints], starts: Sequence[Ints], grams: Longs, lengths: Longs) -> None:
        """`starts` of each record count from its first word. The grams of word w are the next `lengths[w]` of `grams`."""
        empty = np.zeros(0, dtype=np.int32)
        self._tokens = np.concatenate([*tokens, empty])
        self._offsets = np.concatenate([[0], np.cumsum([len(some) for some in tokens], dtype=np.int64)])
        self.lengths = np.diff(self._offsets)
        self._starts = np.concatenate([*starts, empty])
        self._start_offsets = np.concatenate([[0], np.cumsum([len(some) for some in starts], dtype=np.int64)])
        self._grams = grams
        self._lengths = lengths
        self._gram_offsets = np.concatenate([[0], np.cumsum(lengths)])
        self._gram_count = int(grams.max()) + 1 if len(grams) else 0

    def of(
        self,
        records: npt.NDArray[np.intp],
        close: Sequence[Sequence[tuple[Longs, float]]],
        related: Sequence[Sequence[tuple[int, float]]],
        importance: Floats,
    ) -> tuple[Floats, Floats, Floats]:
        """Measure how well records cover a question of n places (words).

        Args:
            records: positions of m records.
            close: for each place, the grams of each of its readings with the reading's weight; -1 for a gram that no record has.
            related: for each place, words that mean nearly the same, by number, with a weight.
            importance: of shape (n,): how much each place counts.

        Returns:
            Of shape (m,), what the best sentence of each record covers; of shape (m,), the share of neighbouring places that stand
            together in it; and how well any word of the records matches, by place. All are 0 to 1.
        """
        tokens, bounds, sentences, of_sentence = self._gathered(records)
        distinct, inverse = np.unique(tokens, return_inverse=True)
        by_word = self._matches(distinct, close, related)
        matched, match = by_word.max(axis=0), by_word[inverse]
        total = float(importance.sum()) or 1.0
        covered = np.maximum.reduceat(match, sentences, axis=0) @ importance / total
        best = np.maximum.reduceat(covered, of_sentence)
        if match.shape[1] < 2:
            return best.astype(np.float32), np.zeros(len(records), dtype=np.float32), matched
        pairs = np.zeros((len(tokens), match.shape[1] - 1), dtype=np.float32)
        pairs[:-1] = np.minimum(match[:-1, :-1], match[1:, 1:])
        pairs[bounds[1:] - 1] = 0  # the last word of a record has no neighbour
        worth = importance[:-1] + importance[1:]
        together = np.maximum.reduceat(pairs, bounds[:-1], axis=0) @ worth / (float(worth.sum()) or 1.0)
        return best.astype(np.float32), together.astype(np.float32), matched

    def _gathered(self, records: npt.NDArray[np.intp]) -> tuple[Ints, Longs, Longs, Longs]:
        """Words of the records, where each record and each sentence begins among them, and the first sentence of each record."""
        offsets, starts = self._offsets, self._start_offsets
        tokens = np.concatenate([self._tokens[offsets[at] : offsets[at + 1]] for at in records])
        bounds = np.concatenate([[0], np.cumsum(offsets[records + 1] - offsets[records])])
        sentences = np.concatenate(
            [self._starts[starts[at] : starts[at + 1]] + bound for at, bound in zip(records, bounds, strict=False)]
        )
        counts = starts[records + 1] - starts[records]
        return tokens, bounds, sentences, np.cumsum(counts) - counts

    def _matches(
        self,
        words: Ints,
        close: Sequence[Sequence[tuple[Longs, float]]],
        related: Sequence[Sequence[tuple[int, float]]],
    ) -> Floats:
        """How well each word matches each place in the question, 0 to 1."""
        lengths = self._lengths[words]
        begins = np.cumsum(lengths) - lengths
        within = np.arange(int(lengths.sum()), dtype=np.int64) - np.repeat(begins, lengths)
        grams = self._grams[np.repeat(self._gram_offsets[words], lengths) + within]
        match = np.zeros((len(words), len(close)), dtype=np.float32)
        asked = np.zeros(self._gram_count + 1, dtype=np.int32)  # the last one takes what is unknown, and no word has it
        for place, readings in enumerate(close):
            for ids, weight in readings:
                asked[ids] = 1
                dice = 2 * np.add.reduceat(asked[grams], begins) / (lengths + len(ids))
                asked[ids] = 0
                np.maximum(
                    match[:, place], np.where(dice > SAME_WORD, weight * np.minimum(dice, 1), 0), out=match[:, place]
                )
        for place, others in enumerate(related):
            for word, weight in others:
                at = int(np.searchsorted(words, word))
                if at < len(words) and words[at] == word:
                    match[at, place] = max(match[at, place], weight)
        return match
