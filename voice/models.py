"""Whisper models: where they are on this machine, which commit is used, whether they may serve customers; downloading them.

Only `pull` goes online, and only `balas voice pull` calls it.
"""

from dataclasses import dataclass
from pathlib import Path

from voice.errors import ModelBroken, ModelMissing, PullFailed, ToyModel
from voice.settings import VoiceSettings, is_folder

TOY_MARKER = "TOY.md"  # beside the weights of a model that is made for tests
FILES = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.*")
_NEEDED = ("model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class Release:
    """A published model: repository on the Hugging Face Hub and the commit that is used."""

    repository: str
    revision: str


# CTranslate2 conversions that faster-whisper names for these sizes; MIT licence.
RELEASES = {
    "tiny": Release("Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356"),
    "base": Release("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66"),
    "small": Release("Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120"),
    "medium": Release("Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f"),
    "large-v2": Release("Systran/faster-whisper-large-v2", "f0fe81560cb8b68660e564f55dd99207059c092e"),
    "large-v3": Release("Systran/faster-whisper-large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478"),
    "large-v3-turbo": Release(
        "mobiuslabsgmbh/faster-whisper-large-v3-turbo", "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"
    ),
}


def find(settings: VoiceSettings, base: Path) -> Path:
    """Find the folder of the configured model.

    Args:
        settings: `model` is a size or a folder.
        base: the folder that relative paths start from.

    Raises:
        ModelMissing: it is not on this machine; the message says what to do.
        ModelBroken: the folder lacks a file.
        ToyModel: the folder holds the test model and `allow_toy` is off.
    """
    model = settings.model
    if not isinstance(model, str):
        raise TypeError(f"a transcription server has no folder: {model.url}")
    folder = _folder(model, base) if is_folder(model) else _snapshot(model, settings, base)
    absent = [name for name in _NEEDED if not (folder / name).is_file()]
    if absent:  # without tokenizer.json faster-whisper would fetch one from the Hub
        raise ModelBroken(f"{folder} is no complete Whisper model in CTranslate2 format: {', '.join(absent)} missing")
    if is_toy(folder) and not settings.allow_toy:
        raise ToyModel(
            f"{folder} is the tiny test model: it knows about a hundred phrases of a synthetic voice and hears one of "
            "them in everything a customer says. Use `voice: {model: small}`, or set `allow_toy: true` for a test"
        )
    return folder


def is_toy(folder: Path) -> bool:
    """Tell whether a model folder is marked as made for tests."""
    return (folder / TOY_MARKER).is_file()


def release(size: str, revision: str | None = None) -> Release:
    """Name the repository of a size (one of `RELEASES`), at `revision` or at the commit balas has tested."""
    known = RELEASES[size]
    return Release(known.repository, revision or known.revision)


def cache_folder(settings: VoiceSettings, base: Path) -> Path | None:
    """Resolve `voice.cache` against `base`; `None` stands for the Hugging Face cache."""
    return None if settings.cache is None else base / settings.cache.expanduser()


def _folder(model: str, base: Path) -> Path:
    folder = base / Path(model).expanduser()
    if not folder.is_dir():
        raise ModelMissing(f"voice.model: there is no folder {folder}")
    return folder


def _snapshot(size: str, settings: VoiceSettings, base: Path) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    wanted = release(size, settings.revision)
    try:
        folder = snapshot_download(
            wanted.repository,
            revision=wanted.revision,
            cache_dir=cache_folder(settings, base),
            allow_patterns=list(FILES),
            local_files_only=True,
        )
    except LocalEntryNotFoundError as error:
        raise ModelMissing(
            f"the Whisper model {size} (commit {wanted.revision[:12]}) is not on this machine, or not all of it; "
            f"fetch it once with `balas voice pull {size}`"
        ) from error
    return Path(folder)


def pull(release: Release, cache: Path | None) -> Path:
    """Download a model, with a progress bar on stderr; files that are there already are not fetched again.

    `HF_ENDPOINT`, `HF_TOKEN` and proxies count as they do for `huggingface_hub`.

    Args:
        release: its `revision` may be a branch or a tag: the commit it stands for now is fetched.
        cache: where models are kept; `None` is the Hugging Face cache.

    Returns:
        The folder of the model, named by its commit.

    Raises:
        PullFailed: the Hub cannot be reached, refuses, or has no such model or commit.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            release.repository, revision=release.revision, cache_dir=cache, allow_patterns=list(FILES)
        )
    except LocalEntryNotFoundError as error:
        raise PullFailed(
            f"the Hugging Face Hub cannot be reached to fetch {release.repository}; check the network, or set "
            "HF_ENDPOINT to a mirror. A folder copied from another machine does as well: `voice: {model: ./folder}`"
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PullFailed(f"{release.repository} at {release.revision} was not fetched: {reason}") from error
    return Path(folder)
