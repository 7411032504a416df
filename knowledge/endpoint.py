"""An embedding model behind an OpenAI-compatible endpoint."""

from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from knowledge.embeddings import Vectors, unit
from knowledge.errors import EmbeddingError
from knowledge.settings import EndpointSettings

BATCH = 64
TIMEOUT = 60.0  # seconds for a batch of passages; a question has less patience, see `dense.PATIENCE`


class Endpoint:
    """`POST {base_url}/embeddings`."""

    def __init__(self, settings: EndpointSettings, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._client = client
        self.weight = settings.weight
        self.name = f"{settings.base_url.rstrip('/')} {settings.model}"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        rows: list[list[float]] = []
        for at in range(0, len(texts), BATCH):
            rows += await self._batch(texts[at : at + BATCH])
        try:
            return unit(np.array(rows, dtype=np.float32))
        except ValueError as error:
            raise EmbeddingError(f"{self.name} sent vectors of different lengths") from error

    async def _batch(self, texts: Sequence[str]) -> list[list[float]]:
        key = self._settings.api_key
        try:
            response = await self._client.post(
                f"{self._settings.base_url.rstrip('/')}/embeddings",
                json={"model": self._settings.model, "input": list(texts), "encoding_format": "float"},
                headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else None,
                timeout=TIMEOUT,
            )
            response.raise_for_status()
            data: list[Any] = sorted(response.json()["data"], key=lambda item: item["index"])
            vectors = [item["embedding"] for item in data]
        except httpx.HTTPStatusError as error:
            raise EmbeddingError(
                f"{self.name} answered {error.response.status_code}: {error.response.text[:200]}"
            ) from error
        except httpx.HTTPError as error:
            raise EmbeddingError(f"{self.name} did not answer: {error or type(error).__name__}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise EmbeddingError(f"{self.name} did not answer as an embeddings endpoint does: {error}") from error
        if len(vectors) != len(texts):
            raise EmbeddingError(f"{self.name} sent {len(vectors)} vectors for {len(texts)} texts")
        return vectors
