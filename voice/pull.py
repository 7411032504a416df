"""Downloading a Whisper model: the only code of this package that goes online for one, and never while serving."""

from pathlib import Path

from voice.errors import PullFailed
from voice.models import FILES, Release


def pull(release: Release, cache: Path | None) -> Path:
    """Download a model, with a progress bar on stderr, and return its folder. What is there already is not fetched again.

    `release.revision` may be a branch or a tag: the commit it stands for now is what is fetched; the folder bears its
    name. `cache` `None` is the Hugging Face cache. `HF_ENDPOINT`, `HF_TOKEN` and proxies count as they do for
    `huggingface_hub`.

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
