"""Documents in folders: which files a source names, and whether they may have changed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from glob import has_magic
from pathlib import Path

from knowledge.errors import SourceError, Unreadable
from knowledge.loaders import DOCUMENTS, READABLE

# A file written this shortly before the last look may change again under the same stamp.
_RACE_NS = 100_000_000
_COARSE_RACE_NS = 2_000_000_000  # where times have whole seconds only


@dataclass(frozen=True, slots=True)
class FileRef:
    """`id` is the path as it is shown: relative to agent.yaml where it lies below it."""

    id: str
    path: Path
    stamp: str
    modified_ns: int

    def is_settled(self, looked_at: datetime) -> bool:
        """Whether an equal stamp means an equal file."""
        race = _RACE_NS if self.modified_ns % 1_000_000_000 else _COARSE_RACE_NS
        return self.modified_ns < looked_at.timestamp() * 1e9 - race


def find(pattern: str, base: Path) -> Sequence[FileRef]:
    """The files that a path or glob names, in order of their names; a glob passes over kinds that cannot be read.

    Raises:
        SourceError: there is no such file.
    """
    expanded = os.path.expanduser(pattern)  # noqa: PTH111 (a glob is no path yet)
    if not has_magic(expanded):
        path = base / expanded
        if path.is_dir():
            raise SourceError(f"{pattern} is a folder; name its files, e.g. {pattern.rstrip('/')}/**/*.md")
        if not path.is_file():
            raise SourceError(f"there is no file {path}")
        return [_ref(path, base)]
    found = [path for path in _matching(expanded, base) if path.suffix.lower() in READABLE]
    if not found:
        if skipped := passed_over(pattern, base):
            raise SourceError(
                f"{pattern} matches only files of kinds that cannot be read, e.g. {skipped[0]}; save them as DOCX, XLSX or PDF"
            )
        raise SourceError(f"no file matches {pattern} in {base}")
    return [_ref(path, base) for path in found]


def passed_over(pattern: str, base: Path) -> Sequence[str]:
    """The documents that a glob matches and `find` leaves out, because nobody here reads their kind. Pictures and the like are none."""
    expanded = os.path.expanduser(pattern)  # noqa: PTH111 (a glob is no path yet)
    if not has_magic(expanded):
        return ()
    return [_shown(path, base) for path in _matching(expanded, base) if path.suffix.lower() in DOCUMENTS - READABLE]


def _matching(pattern: str, base: Path) -> Sequence[Path]:
    root, relative = (Path(Path(pattern).anchor), pattern[1:]) if os.path.isabs(pattern) else (base, pattern)  # noqa: PTH117
    return sorted(path for path in root.glob(relative) if path.is_file())


def read(ref: FileRef, largest: int) -> bytes:
    """Raises `Unreadable` when the file is too large or cannot be opened."""
    try:
        size = ref.path.stat().st_size
        if size > largest:
            raise Unreadable(f"{size:,} bytes are more than the {largest:,} that `knowledge.largest` allows")
        return ref.path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be opened: {error.strerror or error}") from error


def _ref(path: Path, base: Path) -> FileRef:
    status = path.stat()
    return FileRef(_shown(path, base), path, f"{status.st_size}-{status.st_mtime_ns}", status.st_mtime_ns)


def _shown(path: Path, base: Path) -> str:
    return (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()
