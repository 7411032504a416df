"""Embedders: an OpenAI-compatible endpoint, a local ONNX model, and hashed n-grams where there is no model."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

import httpx
import numpy as np
import numpy.typing as npt

from knowledge.errors import EmbeddingError
from knowledge.settings import AUTO, EndpointSettings, FolderSettings, KnowledgeSettings
from language.tokens import grams, words

Vectors = npt.NDArray[np.float32]
ENDPOINT_BATCH = 32  # texts in one request; a server without a GPU must embed them within `TIMEOUT`
TIMEOUT = 60.0  # seconds for one batch of passages; a question waits for `dense.QUERY_TIMEOUT` only
ONNX_BATCH = 16  # texts in one run of the model
MAX_TOKENS = 512  # longer texts are truncated
SOURCE = "balas-source.txt"  # in a folder that `balas knowledge pull` has filled: the model's name


_NAMED: tuple[tuple[str, str, str], ...] = (
    (r"(?:^|[-_/])e5[-_a-z0-9]*instruct", "Instruct: Given a question, retrieve passages that answer it\nQuery: ", ""),
    (r"(?:^|[-_/])e5(?:[-_.]|$)", "query: ", "passage: "),
    (r"nomic-embed", "search_query: ", "search_document: "),
    (r"arctic-embed", "query: ", ""),
    (r"bge-(?:small|base|large)-en", "Represent this sentence for searching relevant passages: ", ""),
)
"""Prefixes that models want according to their cards: pattern of the name, before a question, before a passage."""


_TOO_MANY = re.compile(r"batch|too (?:many|large)|at most|maximum", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What a model wants in front of a question and of a passage."""

    query: str = ""
    passage: str = ""


def prefixes_by_name(name: str) -> Prefixes:
    """Look up what models of a name want, by their cards on the Hugging Face Hub."""
    for pattern, query, passage in _NAMED:
        if re.search(pattern, name, re.IGNORECASE):
            return Prefixes(query, passage)
    return Prefixes()


def read_prefixes(folder: Path) -> Prefixes:
    """Read the prefixes of a local model: the prompts of sentence-transformers, else by its name.

    Args:
        folder: with `config_sentence_transformers.json` (`prompts`) or `config.json` (`_name_or_path`), if there are.
    """
    prompts = _json(folder / "config_sentence_transformers.json").get("prompts")
    if isinstance(prompts, dict) and prompts:
        found = {str(name): str(text) for name, text in prompts.items() if text}
        query = next((found[name] for name in ("query", "s2p_query", "question") if name in found), "")
        passage = next((found[name] for name in ("passage", "document", "doc", "corpus") if name in found), "")
        if query or passage:
            return Prefixes(query, passage)
    named = prefixes_by_name(str(_json(folder / "config.json").get("_name_or_path") or ""))
    return named if named != Prefixes() else prefixes_by_name(_read(folder / SOURCE).strip() or folder.resolve().name)


def read_pooling(folder: Path) -> str:
    """Read how a local model pools its token vectors, as sentence-transformers writes it down: `mean` or `cls`.

    Args:
        folder: with `modules.json` and the folder of its pooling module, usually `1_Pooling/config.json`.
    """
    modules = _json(folder / "modules.json", list)
    paths = [str(module.get("path")) for module in modules if str(module.get("type", "")).endswith("Pooling")]
    pooling = _json(folder / (paths[0] if paths else "1_Pooling") / "config.json")
    return "cls" if pooling.get("pooling_mode_cls_token") is True else "mean"


def _json(path: Path, kind: type = dict) -> Any:
    try:
        found = json.loads(_read(path) or "null")
    except ValueError as error:
        raise EmbeddingError(f"{path} is no JSON: {error}") from error
    return found if isinstance(found, kind) else kind()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


class Endpoint:
    """Embedder over `POST {base_url}/embeddings`, in batches of 32 texts."""

    def __init__(self, settings: EndpointSettings, client: Callable[[], httpx.AsyncClient]) -> None:
        self._settings = settings
        self._client = client
        self.weight = settings.weight
        self._size = ENDPOINT_BATCH
        self._options = {"encoding_format": "float"}
        named = prefixes_by_name(settings.model)
        self._prefixes = _chosen(settings, named)
        self.name = f"{settings.base_url.rstrip('/')} {settings.model}{_mark(self._prefixes)}"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return await self._embed([self._prefixes.passage + text for text in texts])

    async def embed_questions(self, texts: Sequence[str]) -> Vectors:
        return await self._embed([self._prefixes.query + text for text in texts])

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        rows: list[Any] = []
        while len(rows) < len(texts):
            rows += await self._batch(texts[len(rows) : len(rows) + self._size])
        try:
            vectors = np.array(rows, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise EmbeddingError(f"{self.name} sent vectors of different lengths, or of no numbers") from error
        if vectors.ndim != 2 or not vectors.shape[1] or not np.isfinite(vectors).all():
            raise EmbeddingError(f"{self.name} sent vectors of no numbers")
        return unit(vectors)

    async def _batch(self, texts: Sequence[str]) -> list[Any]:
        """Embed a batch; shorter ones, and no parameter that not every server knows, once the server refuses this."""
        key = self._settings.api_key
        body = {"model": self._settings.model, "input": list(texts), **self._options}
        try:
            response = await self._client().post(
                f"{self._settings.base_url.rstrip('/')}/embeddings",
                json=body,
                headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else None,
                timeout=TIMEOUT,
            )
            if response.status_code in (400, 413, 422):
                if "encoding_format" in body and "encoding_format" in response.text:
                    self._options = {}
                    return await self._batch(texts)
                if len(texts) > 1 and _TOO_MANY.search(response.text):
                    half = self._size = len(texts) // 2
                    return [*await self._batch(texts[:half]), *await self._batch(texts[half:])]
            response.raise_for_status()
            data = response.json()["data"]
            places = {int(item["index"]): item["embedding"] for item in data if "index" in item}
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
        return [vector for _, vector in sorted(places.items())] if len(places) == len(vectors) else vectors


def _chosen(settings: EndpointSettings | FolderSettings, named: Prefixes) -> Prefixes:
    query, passage = settings.query_prefix, settings.passage_prefix
    return Prefixes(named.query if query is None else query, named.passage if passage is None else passage)


def _mark(prefixes: Prefixes, pooling: str = "mean") -> str:
    """Tell vectors apart that were made otherwise."""
    if prefixes == Prefixes() and pooling == "mean":
        return ""
    return f" {blake2b(repr((prefixes, pooling)).encode(), digest_size=4).hexdigest()}"


class OnnxModel:
    """A sentence-transformers export: `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`.

    Token vectors are averaged under the attention mask, or the first is taken, as the model was trained; unless the model itself puts
    out one vector per text.
    """

    def __init__(self, folder: Path, settings: FolderSettings) -> None:
        """Find the files and read how the model wants to be asked; the model itself is loaded with the first text.

        Raises:
            EmbeddingError: the folder lacks one of the files.
        """
        places = [folder / "model.onnx", folder / "onnx" / "model.onnx"]
        model = next((path for path in places if path.is_file()), None)
        tokenizer = folder / "tokenizer.json"
        if model is None or not tokenizer.is_file():
            lacking = "model.onnx" if model is None else "tokenizer.json"
            raise EmbeddingError(f"{folder} has no {lacking}; an embedding model is model.onnx and tokenizer.json")
        self.weight = settings.weight
        self._prefixes = _chosen(settings, read_prefixes(folder))
        self._pooling = settings.pooling or read_pooling(folder)
        self._model = model
        self._tokenizer_file = tokenizer
        stamp = f"{model.stat().st_size} {tokenizer.stat().st_size}"
        with model.open("rb") as file:
            self.name = f"onnx {blake2b(file.read(1 << 20) + stamp.encode(), digest_size=8).hexdigest()}"
        self.name += _mark(self._prefixes, self._pooling)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._loaded: tuple[Any, Any] | None = None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return await self._in_batches([self._prefixes.passage + text for text in texts])

    async def embed_questions(self, texts: Sequence[str]) -> Vectors:
        return await self._in_batches([self._prefixes.query + text for text in texts])

    async def _in_batches(self, texts: Sequence[str]) -> Vectors:
        rows: list[Vectors] = []
        for at in range(0, len(texts), ONNX_BATCH):  # between batches a waiting question is embedded
            batch = texts[at : at + ONNX_BATCH]
            rows.append(await asyncio.get_running_loop().run_in_executor(self._pool, self._embed, batch))
        return np.concatenate(rows)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        try:
            session, tokenizer = self._load()
            encoded = tokenizer.encode_batch(list(texts))
            inputs = {
                "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
                "attention_mask": np.array([one.attention_mask for one in encoded], dtype=np.int64),
                "token_type_ids": np.array([one.type_ids for one in encoded], dtype=np.int64),
            }
            wanted = {one.name for one in session.get_inputs()}
            out = session.run(None, {name: value for name, value in inputs.items() if name in wanted})[0]
        except Exception as error:  # onnxruntime and tokenizers raise bare exceptions of their own
            raise EmbeddingError(f"the embedding model {self._model} failed: {error}") from error
        if out.ndim == 3 and self._pooling == "cls":
            out = out[:, 0]
        elif out.ndim == 3:
            mask = inputs["attention_mask"][:, :, None].astype(np.float32)
            out = (out * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1e-9)
        return unit(np.asarray(out, dtype=np.float32))

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import onnxruntime  # type: ignore[import-untyped]
            from tokenizers import Tokenizer

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            session = onnxruntime.InferenceSession(str(self._model), options, providers=["CPUExecutionProvider"])
            tokenizer = Tokenizer.from_file(str(self._tokenizer_file))
            tokenizer.enable_truncation(MAX_TOKENS)
            tokenizer.enable_padding()
            self._loaded = (session, tokenizer)
        return self._loaded


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
        """Embed passages.

        Returns:
            Unit vectors of shape `(len(texts), dimensions)`.

        Raises:
            EmbeddingError: the model failed or did not answer.
        """

    async def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """Embed questions, which some models want marked as such; returns and raises as `embed`."""


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

    async def embed_questions(self, texts: Sequence[str]) -> Vectors:
        return self.vectors(texts)

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Embed without awaiting: shape `(len(texts), 384)`."""
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
    """Normalise rows to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def open_embedder(settings: KnowledgeSettings, base: Path, client: Callable[[], httpx.AsyncClient]) -> Embedder:
    """Choose the embedder that `knowledge.embeddings` asks for.

    Args:
        settings: of the knowledge base.
        base: folder of agent.yaml.
        client: gives the client that asks a server; another configuration brings another.

    Raises:
        EmbeddingError: the folder of the local model lacks one of its files.
    """
    chosen = settings.embeddings
    if isinstance(chosen, EndpointSettings):
        return Endpoint(chosen, client)
    if isinstance(chosen, FolderSettings) or (chosen == "auto" and (base / AUTO).is_dir()):
        folder = chosen if isinstance(chosen, FolderSettings) else FolderSettings(path=AUTO)
        return OnnxModel(base / folder.path, folder)
    return HashedGrams()
