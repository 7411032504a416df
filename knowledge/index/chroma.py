"""Chroma as the index of vectors. It holds nothing that cannot be rebuilt from the store.

An embedded Chroma belongs to one process: two writers damage its index without any error (17 % of the records were not found again),
so the folder is guarded by a lock that the system releases when the process ends, however it ends.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from knowledge.errors import ChromaError, IndexLocked
from knowledge.index.embeddings import Vectors
from knowledge.settings import ChromaSettings

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection
    from chromadb.config import Settings as ClientSettings


_OPENING = "balas.opening"  # exists while the index is opened and checked: some damage crashes the whole process
_SEGMENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

TOLERANCE = 1e-3  # vectors (and cosine distances) closer than this are equal
SERVER_TIMEOUT = 20.0  # seconds for one response of a Chroma server; questions wait for `dense.QUERY_TIMEOUT` only
WRITE_BATCH = 1000  # Chroma takes 5,461 at most; smaller batches leave gaps for queries


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the index: a passage or one alias of it."""

    id: str
    hash: str
    passage: str
    document: str
    text: str


class Lock:
    """Exclusive ownership of a folder, for as long as the process lives."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            IndexLocked: another process holds it; the message says which.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(PermissionError):  # another's folder, which we may still use
            folder.chmod(0o700)  # what the documents say is the owner's
        self._path = folder / "balas.lock"
        self._file: IO[str] = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise IndexLocked(
                f"the Chroma folder {folder} belongs to process {owner}; stop that one, ask it instead "
                "(`balas serve` answers under /api/v1/knowledge), or set knowledge.chroma.url to a Chroma server"
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Give the folder free for another process."""
        self._file.close()


class ChromaIndex:
    """The collection of one store and embedding model. Every method blocks: call them in a worker thread.

    `store` is the identity of the store: several agents may share a server. `model` is the embedder's name; another model means another
    collection, and the old one is dropped once the new one is complete.
    """

    def __init__(self, settings: ChromaSettings, base: Path, store: str, model: str) -> None:
        self._settings = settings
        self._folder = base / settings.path
        self._prefix = f"balas-{store}-"
        self._collection_name = f"{self._prefix}{blake2b(model.encode(), digest_size=6).hexdigest()}"
        self._client: ClientAPI | None = None
        self._collection: Collection | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other processes may have written to it."""
        return self._settings.url is not None

    def describe(self) -> str:
        return f"Chroma {self._settings.url or self._folder}"

    def open(self) -> None:
        """Import Chroma (2 to 3 seconds) and open the collection; call `mark_checked` once it has proved to be sound.

        A folder whose last process exited before its check is emptied first.

        Raises:
            ChromaError: it cannot be opened.
        """
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from chromadb.config import Settings

        unchecked = (self._folder / _OPENING).exists()
        self.close()
        quiet = Settings(anonymized_telemetry=False)
        try:
            if self._settings.url:
                self._client = self._connected(self._settings.url, quiet)
            else:
                if unchecked:
                    self._empty()
                self._folder.mkdir(parents=True, exist_ok=True)
                (self._folder / _OPENING).touch()
                self._client = chromadb.PersistentClient(str(self._folder), settings=quiet)
            self._collection = self._open_collection()
        except Exception as error:  # Chroma raises ValueError, httpx, Rust and its own errors
            if self._client is None:  # Chroma remembers by its folder even what could not be opened
                SharedSystemClient.clear_system_cache()
            raise ChromaError(f"{self.describe()} cannot be opened: {error}") from error

    def _connected(self, url: str, settings: "ClientSettings") -> "ClientAPI":
        import chromadb

        place, token = urlsplit(url), self._settings.token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        # Chroma's own client has no timeout for a server that hangs
        httpx.get(f"{url.rstrip('/')}/api/v2/heartbeat", headers=headers, timeout=SERVER_TIMEOUT, trust_env=False)
        client = chromadb.HttpClient(
            host=place.hostname or "localhost",
            port=place.port or (443 if place.scheme == "https" else 80),
            ssl=place.scheme == "https",
            headers=headers,
            settings=settings,
        )
        client._server._session.timeout = SERVER_TIMEOUT  # type: ignore[attr-defined]
        return client

    def mark_checked(self) -> None:
        """Remove the marker that `open` has set: the index was read without crashing the process."""
        (self._folder / _OPENING).unlink(missing_ok=True)

    def rebuild(self) -> None:
        """Delete the unreadable index in the folder and open an empty one.

        Raises:
            ChromaError: that fails too.
        """
        self.close()
        self._empty()
        self.open()

    def _empty(self) -> None:
        for path in self._folder.glob("*"):
            if path.name.startswith("chroma.sqlite3"):
                path.unlink()
            elif _SEGMENT.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)

    def hashes(self) -> dict[str, str]:
        """List the records of the collection: id → hash."""
        found: dict[str, str] = {}
        with self._errors("be read"):
            while True:
                page = self._ready.get(limit=10_000, offset=len(found), include=["metadatas"])
                for id_, metadata in zip(page["ids"], page["metadatas"] or (), strict=True):
                    found[id_] = str(metadata.get("hash", ""))
                if len(page["ids"]) < 10_000:
                    return found

    def put(self, entries: Sequence[Entry], vectors: Vectors) -> None:
        """Insert or replace records; `vectors` has shape `(len(entries), dimensions)`."""
        with self._errors("take passages"):
            for at in range(0, len(entries), WRITE_BATCH):
                batch = entries[at : at + WRITE_BATCH]
                self._ready.upsert(
                    ids=[entry.id for entry in batch],
                    embeddings=vectors[at : at + WRITE_BATCH],
                    documents=[entry.text for entry in batch],
                    metadatas=[
                        {"hash": entry.hash, "passage": entry.passage, "document": entry.document} for entry in batch
                    ],
                )

    def remove(self, ids: Sequence[str]) -> None:
        with self._errors("remove passages"):
            for at in range(0, len(ids), WRITE_BATCH):
                self._ready.delete(ids=list(ids[at : at + WRITE_BATCH]))

    def nearest(self, vector: Vectors, count: int) -> Mapping[str, float]:
        """Find the `count` records nearest to `vector` (shape `(1, dimensions)`): record id → cosine."""
        with self._errors("be searched"):
            # fewer come back from a small collection; counting first would cost ten times the query
            found = self._ready.query(query_embeddings=vector, n_results=count, include=["distances"])
            distances: Any = found["distances"]
            return {id_: 1.0 - float(d) for id_, d in zip(found["ids"][0], distances[0], strict=True)}

    def cosines(self, vector: Vectors, ids: Sequence[str]) -> Mapping[str, float]:
        """Compare `vector` (shape `(1, dimensions)`) with the given records: record id → cosine."""
        if not ids:
            return {}
        with self._errors("be searched"):
            found = self._ready.get(ids=list(ids), include=["embeddings"])
        if not found["ids"]:
            return {}
        rows = np.asarray(found["embeddings"], dtype=np.float32)
        return dict(zip(found["ids"], (rows @ vector.reshape(-1)).tolist(), strict=True))

    def is_sound(self, vectors: Mapping[str, Vectors]) -> bool:
        """Whether each record holds its vector and is found by it: a damaged index loses some without any error."""
        if not vectors:
            return True
        rows = np.stack(list(vectors.values()))
        with self._errors("be checked"):
            kept = self._ready.get(ids=list(vectors), include=["embeddings"])
            embeddings: Any = kept["embeddings"]
            held = dict(zip(kept["ids"], embeddings, strict=True))
            if any(id_ not in held or np.abs(held[id_] - row).max() > TOLERANCE for id_, row in vectors.items()):
                return False
            found = self._ready.query(query_embeddings=rows, n_results=1, include=["distances"])
            distances: Any = found["distances"]
            # another record with the same text is as good: what counts is the distance
            return all(one and one[0] < TOLERANCE for one in distances)

    def clear(self) -> None:
        """Replace the collection by an empty one."""
        with self._errors("be cleared"):
            self._opened.delete_collection(self._collection_name)
            self._collection = self._open_collection()

    def drop_others(self) -> None:
        """Drop the collections of models that are no longer used; on a server, only those of this store."""
        ours = self._prefix if self.is_shared else "balas-"
        with self._errors("drop old collections"):
            for collection in self._opened.list_collections():
                if collection.name.startswith(ours) and collection.name != self._collection_name:
                    self._opened.delete_collection(collection.name)

    def close(self) -> None:
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            client.close()  # type: ignore[attr-defined]
            self.mark_checked()  # the process did not crash

    @property
    def _opened(self) -> "ClientAPI":
        if self._client is None:
            raise ChromaError(f"{self.describe()} is not open")
        return self._client

    @property
    def _ready(self) -> "Collection":
        if self._collection is None:
            raise ChromaError(f"{self.describe()} is not open")
        return self._collection

    def _open_collection(self) -> "Collection":
        return self._opened.get_or_create_collection(
            self._collection_name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def _errors(self, verb: str) -> "_Translated":
        return _Translated(f"{self.describe()} cannot {verb}")


class _Translated:
    """Translates the errors of Chroma's layers into `ChromaError`."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, ChromaError):
            raise ChromaError(f"{self._what}: {error}") from error
