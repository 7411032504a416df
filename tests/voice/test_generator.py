"""The script that made the tiny model and its notes. Learning itself needs PyTorch and half an hour: all around it is run here."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.voice.conftest import DATA, MODEL

pytestmark = pytest.mark.usefixtures("generator")
speaks = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: it speaks the notes")


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(DATA))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "generator"]:
        del sys.modules[name]


def test_the_vocabulary_of_the_tiny_model_is_made_again_to_the_byte(tmp_path: Path) -> None:
    from generator.tokens import build

    build(tmp_path)

    for name in ("tokenizer.json", "vocabulary.json"):
        assert (tmp_path / name).read_bytes() == (MODEL / name).read_bytes()


def test_what_is_exported_is_a_whisper_that_faster_whisper_runs(tmp_path: Path) -> None:
    from faster_whisper import WhisperModel
    from generator.export import export, shapes
    from generator.tokens import build

    vocabulary = build(tmp_path)
    dice = np.random.default_rng(0)
    weights = {
        name: dice.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes(len(vocabulary.every)).items()
    }

    export(weights, vocabulary, tmp_path, tmp_path / "model")

    assert (tmp_path / "model" / "config.json").read_text() == (MODEL / "config.json").read_text()
    assert (tmp_path / "model" / "model.bin").stat().st_size == (MODEL / "model.bin").stat().st_size
    model = WhisperModel(str(tmp_path / "model"), device="cpu", compute_type="int8", cpu_threads=1)
    segments, info = model.transcribe(np.zeros(16_000, np.float32), max_new_tokens=5, temperature=0)
    list(segments)
    assert info.language in {"id", "en"}


def test_a_batch_has_the_tokens_that_faster_whisper_asks_for(tmp_path: Path) -> None:
    from generator.batches import IGNORED, SILENT, Batches
    from generator.clips import mel
    from generator.tokens import build

    rows, mels, first = [], [], 0
    for note in json.loads((DATA / "samples" / "samples.json").read_text())[:6]:
        frames = mel((DATA / "samples" / note["file"]).read_bytes())
        rows.append({"language": note["language"], "spans": note["segments"], "first": first, "frames": len(frames)})
        mels.append(frames)
        first += len(frames)
    (tmp_path / "clips.json").write_text(json.dumps(rows))
    np.save(tmp_path / "mels.npy", np.concatenate(mels))
    vocabulary = build(tmp_path)

    seen = 0
    for batch in Batches(tmp_path, vocabulary).epoch(np.random.default_rng(1), short=False):
        clips, bands, frames = batch.mel.shape
        seen += clips
        assert bands == 80
        assert len(batch.positions) == len(batch.weights) <= frames // 2
        assert batch.weights[-SILENT:].min() > 0 == batch.weights[:-SILENT].max()
        assert batch.tokens.shape == batch.targets.shape
        for tokens, targets in zip(batch.tokens, batch.targets, strict=True):
            start = int(np.flatnonzero(tokens == vocabulary.number("startoftranscript"))[0])
            assert (targets[:start] == IGNORED).all()
            wanted = targets[start:][targets[start:] != IGNORED]
            assert wanted[-1] == vocabulary.number("endoftext")
        assert sum(batch.letter_counts) == len(batch.letters)
    assert seen == 6


@speaks
def test_the_notes_of_the_tests_are_spoken_again_to_the_byte(tmp_path: Path) -> None:
    from generator.notes import VOICES, write_notes

    write_notes(tmp_path, *VOICES)

    for file in (DATA / "voices").glob("*.ogg"):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_training_without_pytorch_says_what_it_needs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "generator", "train", "--work", str(tmp_path)]
    refused = subprocess.run(command, cwd=DATA, capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert refused.stderr == "torch is needed to train: pip install torch\n"
