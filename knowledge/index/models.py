"""Local embedding models: which are known, and fetching one once. Only `balas knowledge pull` calls it; serving never downloads."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import EmbeddingError
from knowledge.index.embeddings import SOURCE

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile, RepoFolder

FILES = (
    "onnx/model.onnx",
    "model.onnx",
    "tokenizer.json",
    "config.json",
    "modules.json",
    "config_sentence_transformers.json",
    "*_Pooling/config.json",
)


@dataclass(frozen=True, slots=True)
class Release:
    """A published model: repository on the Hugging Face Hub and the commit that is used."""

    repository: str
    revision: str


RELEASES = {
    "multilingual-e5-small": Release("intfloat/multilingual-e5-small", "fd1525a9fd15316a2d503bf26ab031a61d056e98"),
    "multilingual-e5-base": Release("intfloat/multilingual-e5-base", "d13f1b27baf31030b7fd040960d60d909913633f"),
}
"""MIT licence, about a hundred languages; 470 MB and 1.1 GB."""
DEFAULT = "multilingual-e5-small"


def release(model: str, revision: str | None = None) -> Release:
    """Name the repository of a model: one of `RELEASES`, or any repository as `owner/name`.

    Args:
        model: name of the model.
        revision: commit, tag or branch; for a known model the commit that balas has tested when left out.

    Raises:
        EmbeddingError: it is neither.
    """
    known = RELEASES.get(model)
    if known is not None:
        return Release(known.repository, revision or known.revision)
    if model.count("/") != 1:
        raise EmbeddingError(
            f"{model!r} is no known model; choose {', '.join(RELEASES)}, or owner/name of the Hugging Face Hub"
        )
    return Release(model, revision or "main")


def pull(release: Release, folder: Path) -> Path:
    """Download a model into a folder, with a progress bar on stderr; files that are there already are not fetched again.

    `HF_ENDPOINT`, `HF_TOKEN` and proxies count as they do for `huggingface_hub`.

    Args:
        release: its repository must hold an ONNX export (`onnx/model.onnx` or `model.onnx`) and `tokenizer.json`.
        folder: where it is kept.

    Returns:
        The folder.

    Raises:
        EmbeddingError: the Hub cannot be reached, refuses, has no such model, commit or export, or sent something else than it lists.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        snapshot_download(release.repository, revision=release.revision, local_dir=folder, allow_patterns=list(FILES))
        listed = list(HfApi().list_repo_tree(release.repository, revision=release.revision, recursive=True))
    except GatedRepoError as error:
        raise EmbeddingError(
            f"{release.repository} is gated: accept its terms on the Hub, and set HF_TOKEN to a token of that account"
        ) from error
    except LocalEntryNotFoundError as error:
        raise EmbeddingError(
            f"the Hugging Face Hub cannot be reached to fetch {release.repository}; check the network, or set HF_ENDPOINT to a "
            "mirror. A folder copied from another machine does as well: `knowledge: {embeddings: {path: ./folder}}`"
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EmbeddingError(f"{release.repository} at {release.revision} was not fetched: {reason}") from error
    for file in listed:
        place = folder / file.path
        if place.is_file() and not _is(file, place):
            place.unlink()  # else the next pull takes it for fetched
            raise EmbeddingError(f"{file.path} of {release.repository} is not what the Hub lists; pull again")
    if (
        not any((folder / place).is_file() for place in ("onnx/model.onnx", "model.onnx"))
        or not (folder / "tokenizer.json").is_file()
    ):
        raise EmbeddingError(f"{release.repository} has no ONNX export with a tokenizer.json; choose another model")
    (folder / SOURCE).write_text(f"{release.repository}\n", encoding="utf-8")
    return folder


def _is(file: "RepoFile | RepoFolder", place: Path) -> bool:
    """Whether a file is the listed one, by its SHA-256, or by its id in git where it is small; the client compares sizes only."""
    if (lfs := getattr(file, "lfs", None)) is not None:
        with place.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == str(lfs.sha256)
    small = place.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(small) + small, usedforsecurity=False).hexdigest() == getattr(
        file, "blob_id", ""
    )
