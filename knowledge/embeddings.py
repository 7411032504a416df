"""Vectors for passages and questions: hashed n-grams of our own, an endpoint, or a local ONNX model."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from zlib import crc32

import httpx
import numpy as np
import numpy.typing as npt

from knowledge.settings import EndpointSettings, FolderSettings, KnowledgeSettings
from knowledge.words import grams, words

Vectors = npt.NDArray[np.float32]

AUTO = Path(".balas/embeddings")  # where `embeddings: auto` looks for a local model


class Embedder(Protocol):
    """Turns texts into unit vectors.

    `name` changes when the vectors are no longer comparable. `weight` is how much they count beside the keywords; at 0 they
    are only stored.
    """

    @property
    def name(self) -> str: ...

    @property
    def weight(self) -> float: ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text. Raises `EmbeddingError`."""


class HashedGrams:
    """Character n-grams hashed into 384 dimensions: no model, no network.

    They find less than the keyword index, so they do not vote; they let Chroma hold every passage in the same way whether or not there
    is a model.
    """

    name = "hashed-384"
    weight = 0.0
    dimensions = 384

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return self.vectors(texts)

    def vectors(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            parts = [_places(word) for word in words(text)]
            if parts:
                places = np.concatenate(parts)
                counts = np.bincount(places >> 1, weights=1.0 - 2.0 * (places & 1), minlength=self.dimensions)
                row[:] = np.sign(counts) * np.sqrt(np.abs(counts))
        return unit(rows)


@lru_cache(maxsize=100_000)
def _places(word: str) -> npt.NDArray[np.int64]:
    """Dimension and sign of every gram, packed into one number."""
    hashes = [crc32(gram.encode()) for gram in grams(word)]
    return np.array([(h % HashedGrams.dimensions) << 1 | (h >> 31) for h in hashes], dtype=np.int64)


def unit(rows: Vectors) -> Vectors:
    """Rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def open_embedder(settings: KnowledgeSettings, base: Path, client: httpx.AsyncClient) -> Embedder:
    """The embedder that agent.yaml asks for. Raises `EmbeddingError` when a local model is not where it should be."""
    chosen = settings.embeddings
    if isinstance(chosen, EndpointSettings):
        from knowledge.endpoint import Endpoint

        return Endpoint(chosen, client)
    if isinstance(chosen, FolderSettings) or (chosen == "auto" and (base / AUTO).is_dir()):
        from knowledge.onnx import OnnxModel

        folder = chosen if isinstance(chosen, FolderSettings) else FolderSettings(path=AUTO)
        return OnnxModel(base / folder.path, folder.weight)
    return HashedGrams()
