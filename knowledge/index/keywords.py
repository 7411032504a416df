"""The keyword index: BM25 over words and character n-grams, then sentence coverage of the best candidates."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge.index.postings import Coverage, Floats, Ints, Postings
from knowledge.index.repair import Repair, Term
from language.lexicon import COURTESY, STOPWORDS
from language.tokens import grams, normal, tokens, words

TITLE = 2  # how often the words of the title count
GRAMS, WORDS, SENTENCE, PAIRS = 0.5, 0.35, 0.12, 0.03  # shares of the score
MEANT = 0.5  # readings below this weight are related words, not what was meant
CANDIDATES = 50  # records whose sentences are looked at
FUNCTION_WORDS_ONLY = 0.25  # share of the score that remains when passages share only function words with the question
SENTENCE_BUDGET = 12_000  # words of candidates that are compared sentence by sentence: nothing forbids a long passage

# Good enough for comparing sentences; passages are cut by `documents.splitter`.
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|[。！？\n]+")


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
        vocabulary = _Vocabulary({"": 0})  # 0 stands where a record has no word at all
        read = [_read(record, vocabulary) for record in records]
        counts = [(ids, times) for ids, times, _, _ in read]
        self._vocabulary = vocabulary
        self._grams = _Vocabulary()
        of_word = [[self._grams[gram] for gram in grams(word)] for word in vocabulary]
        lengths = np.fromiter(map(len, of_word), np.int64, len(of_word))
        flat = np.fromiter((gram for several in of_word for gram in several), np.int64, int(lengths.sum()))
        self._by_gram = Postings(counts, flat, lengths, len(self._grams))
        one_each = np.ones(len(vocabulary), dtype=np.int64)
        self._by_word = Postings(counts, np.arange(len(vocabulary)), one_each, len(vocabulary))
        self._coverage = Coverage([tokens for _, _, tokens, _ in read], [starts for *_, starts in read], flat, lengths)
        frequencies = self._by_word.frequencies.tolist()
        self.repair = Repair({word: frequencies[at] for word, at in vocabulary.items() if word})

    def scores(self, question: str) -> Floats:
        """Score every entry for a question.

        Returns:
            Shape `(entries,)`, 0 to 1; the best of its records counts for an entry.
        """
        best = np.zeros(self.entries, dtype=np.float32)
        terms = self.repair(question)
        if not terms or not len(self._entry):
            return best
        by_gram = self._by_gram.scores(*self._asked(terms, self._by_gram, self._grams, grams))
        by_word = self._by_word.scores(*self._asked(terms, self._by_word, self._vocabulary, lambda word: (word,)))
        found = GRAMS * by_gram + WORDS * by_word
        candidates = self._candidates(found)
        sentence, pairs, is_touched = self._covered(terms, candidates)
        found[candidates] += SENTENCE * sentence + PAIRS * pairs
        if not is_touched:
            found *= np.float32(FUNCTION_WORDS_ONLY)
        np.maximum.at(best, self._entry, np.minimum(found, 1))
        return best

    def _candidates(self, found: Floats) -> npt.NDArray[np.intp]:
        count = min(CANDIDATES, len(found))
        best = np.argpartition(-found, count - 1)[:count]
        best = best[np.argsort(-found[best], kind="stable")]
        read = np.cumsum(self._coverage.lengths[best])
        return np.sort(best[: max(3, int(np.searchsorted(read, SENTENCE_BUDGET)))])

    def _asked(
        self,
        terms: Iterable[Term],
        postings: Postings,
        known: Mapping[str, int],
        features: Callable[[str], Sequence[str]],
    ) -> tuple[dict[int, float], float]:
        """Weights by feature, and what a passage would be worth that held one reading of every word of the question."""
        weights: dict[int, float] = {}
        worth: dict[int, float] = {}
        for term in terms:
            weight = term.weight * STOPWORDS.get(term.word, 1.0)
            total = 0.0
            for feature in features(term.word):
                at = known.get(feature)
                total += weight * (postings.rarest if at is None else float(postings.idf[at]))
                if at is not None:
                    weights[at] = max(weights.get(at, 0.0), weight)
            worth[term.stands_for] = max(worth.get(term.stands_for, 0.0), total)
        return weights, sum(worth.values())

    def _covered(self, terms: Sequence[Term], candidates: npt.NDArray[np.intp]) -> tuple[Floats, Floats, bool]:
        """How much of the question the best sentence of each candidate covers, how many of its pairs of neighbours, and whether any
        candidate has a content word of it (or it has none itself, but is more than a greeting).
        """
        places = sorted({term.stands_for for term in terms})
        of_place: list[list[Term]] = [[term for term in terms if term.stands_for == place] for place in places]
        content = [_content(several) for several in of_place]
        importance = np.array(
            [self._rarity(several) * weight for several, weight in zip(of_place, content, strict=True)],
            dtype=np.float32,
        )
        close = [
            [
                (np.array([self._grams.get(gram, -1) for gram in grams(term.word)]), term.weight)
                for term in several
                if term.weight >= MEANT
            ]
            for several in of_place
        ]
        related = [
            [(self._vocabulary[term.word], term.weight) for term in several if term.weight < MEANT]
            for several in of_place
        ]
        sentence, pairs, matched = self._coverage.of(candidates, close, related, importance)
        asks = max(content)
        is_touched = asks > COURTESY and (
            asks < 1 or any(matched[at] for at, weight in enumerate(content) if weight == 1)
        )
        return sentence, pairs, is_touched

    def _rarity(self, terms: Sequence[Term]) -> float:
        """A place in the question is as rare as its most common reading."""
        known = [
            float(self._by_word.idf[self._vocabulary[term.word]])
            for term in terms
            if term.weight >= MEANT and term.word in self._vocabulary
        ]
        return min(known) if known else 0.7 * self._by_word.rarest


def _content(terms: Sequence[Term]) -> float:
    """1 for a content word; a word that may stand for a function word is taken for one."""
    return min((STOPWORDS.get(term.word, 1.0) for term in terms if term.weight >= MEANT), default=1.0)


class _Vocabulary(dict[str, int]):
    """Numbers words in the order of their first appearance."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


def _read(record: Record, vocabulary: _Vocabulary) -> tuple[Ints, Ints, Ints, Ints]:
    """Distinct words and how often they count; then all words in order, and where sentences start among them."""
    title = [vocabulary[word] for word in words(record.title)]
    read = list(title)
    starts = [0] if title else []
    for sentence in _SENTENCE_END.split(normal(record.text)):
        if found := tokens(sentence):
            starts.append(len(read))
            read += map(vocabulary.__getitem__, found)
    counted = Counter(read)
    for number in title:
        counted[number] += TITLE - 1
    if not read:
        read, starts = [0], [0]
        counted[0] = 1
    return (
        np.fromiter(counted, np.int32, len(counted)),
        np.fromiter(counted.values(), np.int32, len(counted)),
        np.array(read, dtype=np.int32),
        np.array(starts, dtype=np.int32),
    )
