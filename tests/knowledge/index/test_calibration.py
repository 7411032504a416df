"""Cosines of any model are mapped to what they mean: 0 for its background, 1 for what belongs together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.index.calibration import Calibration, as_question, measure, sample
from knowledge.index.embeddings import Vectors, unit


def _narrow(count: int, background: float, noise: float, seed: int = 1) -> tuple[Vectors, Vectors]:
    """Questions and passages of a model whose unrelated texts have a cosine of about `background`."""
    chance = np.random.default_rng(seed)
    shared = np.zeros(64, dtype=np.float32)
    shared[0] = np.sqrt(background / (1 - background))
    passages = (
        np.concatenate([np.zeros((count, 1)), unit(chance.normal(size=(count, 63)).astype(np.float32))], axis=1)
        + shared
    )
    questions = passages + noise * chance.normal(size=passages.shape)
    return unit(questions.astype(np.float32)), unit(passages.astype(np.float32))


@pytest.mark.parametrize("background", [0.1, 0.5, 0.8, 0.9])
def test_the_background_of_a_model_becomes_0_and_what_belongs_together_1(background: float) -> None:
    questions, passages = _narrow(64, background, 0.01)
    calibration = measure(questions, passages)
    assert calibration.background == pytest.approx(background, abs=0.05)
    cosines = dict(enumerate((questions[0] @ passages.T).tolist()))
    mapped = calibration.apply(cosines)
    assert mapped[0] == pytest.approx(1, abs=0.1)
    assert np.mean([mapped[at] for at in range(1, 64)]) == pytest.approx(0, abs=0.1)


def test_a_corpus_that_says_nothing_leaves_cosines_as_they_are() -> None:
    questions, passages = _narrow(1, 0.5, 0.01)
    assert measure(questions, passages) == Calibration()
    same = np.repeat(passages, 5, axis=0)
    assert measure(same, same) == Calibration()


@given(st.lists(st.text(max_size=200), max_size=300))
def test_any_corpus_is_sampled_evenly_and_always_alike(texts: list[str]) -> None:
    chosen = sample(texts)
    assert chosen == sample(texts) == sorted(set(chosen))
    assert len(chosen) == min(len(texts), 64)
    assert all(0 <= at < len(texts) for at in chosen)
    assert all(len(as_question(texts[at]).split()) <= 12 for at in chosen)


def test_anchors_are_kept_as_bytes() -> None:
    kept = Calibration.unpack(Calibration(0.75, 0.875).pack())
    assert kept == Calibration(0.75, 0.875)
