"""An embedding model in a local folder, run by onnxruntime: no torch, no network."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.embeddings import Vectors, unit
from knowledge.errors import EmbeddingError

BATCH = 16
LONGEST = 512  # tokens


class OnnxModel:
    """A sentence-transformers export: `model.onnx` (or `onnx/model.onnx`) and `tokenizer.json`.

    Token vectors are averaged under the attention mask, unless the model itself puts out one vector per text.
    """

    def __init__(self, folder: Path, weight: float) -> None:
        """Raises `EmbeddingError` when the folder lacks one of the files."""
        places = [folder / "model.onnx", folder / "onnx" / "model.onnx"]
        model = next((path for path in places if path.is_file()), None)
        tokenizer = folder / "tokenizer.json"
        if model is None or not tokenizer.is_file():
            lacking = "model.onnx" if model is None else "tokenizer.json"
            raise EmbeddingError(f"{folder} has no {lacking}; an embedding model is model.onnx and tokenizer.json")
        self.weight = weight
        self._model = model
        self._tokenizer_file = tokenizer
        stamp = f"{model.stat().st_size} {tokenizer.stat().st_size}"
        with model.open("rb") as file:
            self.name = f"onnx {blake2b(file.read(1 << 20) + stamp.encode(), digest_size=8).hexdigest()}"
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._loaded: tuple[Any, Any] | None = None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        rows: list[Vectors] = []
        for at in range(0, len(texts), BATCH):  # between batches a question gets its turn
            batch = texts[at : at + BATCH]
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
        if out.ndim == 3:
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
            tokenizer.enable_truncation(LONGEST)
            tokenizer.enable_padding()
            self._loaded = (session, tokenizer)
        return self._loaded
