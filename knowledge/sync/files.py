"""File sources: which files a path or glob names, which of them changed, and which cannot be read (`balas check`)."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from glob import has_magic
from itertools import islice, takewhile
from pathlib import Path

from knowledge.documents.loading import DOCUMENTS, FEEDS, READABLE
from knowledge.documents.passage import Document, SourceState
from knowledge.documents.reader import DocumentReader
from knowledge.errors import SourceError, Unreadable
from knowledge.settings import KnowledgeSettings, SourceSettings
from knowledge.store import KnowledgeStore
from knowledge.sync.report import (
    Change,
    Progress,
    ProgressCallback,
    Tally,
    build_document,
    fingerprint,
    recovered,
    save_changes,
)

# A file written this shortly before the last check may change again under the same stamp.
_RACE_NS = 100_000_000
_COARSE_RACE_NS = 2_000_000_000  # on file systems with whole seconds
READ_BATCH = 64  # documents saved in one transaction
READ_AHEAD = 4  # files in memory at a time
INSPECT_TIME = 20.0  # seconds of reading in `inspect`; a sync reads the rest


@dataclass(frozen=True, slots=True)
class FileRef:
    """`id` is the path as it is shown: relative to agent.yaml where it lies below it."""

    id: str
    path: Path
    stamp: str
    modified_ns: int

    def is_settled(self, verified_at: datetime) -> bool:
        """Whether an equal stamp means an equal file."""
        race = _RACE_NS if self.modified_ns % 1_000_000_000 else _COARSE_RACE_NS
        return self.modified_ns < verified_at.timestamp() * 1e9 - race


def find(pattern: str, base: Path) -> Sequence[FileRef]:
    """List the files that a path or glob names, sorted; a glob skips kinds that cannot be read, and hidden files.

    Raises:
        SourceError: there is no such file.
    """
    try:
        return _find(pattern, base)
    except OSError as error:
        raise SourceError(f"{pattern} cannot be looked for: {error.strerror or error}") from None


def _find(pattern: str, base: Path) -> Sequence[FileRef]:
    expanded = os.path.expanduser(pattern)  # noqa: PTH111 (a glob is no path yet)
    if not has_magic(expanded):
        path = base / expanded
        if path.is_dir():
            raise SourceError(
                f"{pattern} is a folder; write {pattern.rstrip('/')}/**/* for every file in it that can be read"
            )
        if not path.is_file():
            raise SourceError(f"there is no file {pattern}{_from_where(expanded)}")
        return [_ref(path, base)]
    found = [path for path in _matching(expanded, base) if path.suffix.lower() in READABLE]
    if not found:
        if skipped := unreadable_matches(pattern, base):
            raise SourceError(
                f"{pattern} matches only files of kinds that cannot be read, e.g. {skipped[0]}; save them as DOCX, XLSX or PDF"
            )
        if feeds := _feeds(pattern, base):
            raise SourceError(f"{pattern} matches only feeds, which are read when they are named: write {feeds[0]}")
        if expanded.endswith("**") and any(_matching(f"{expanded}/*", base)):
            raise SourceError(
                f"{pattern} matches folders only; write {pattern}/* for every file in them that can be read"
            )
        raise SourceError(f"no file matches {pattern}{_from_where(expanded)}")
    return [_ref(path, base) for path in found]


def _from_where(pattern: str) -> str:
    """Where a pattern is looked up; the folder itself is no business of those who read the message elsewhere."""
    return "" if os.path.isabs(pattern) else ", seen from the folder of agent.yaml"  # noqa: PTH117 (a glob is no path yet)


def unreadable_matches(pattern: str, base: Path) -> Sequence[str]:
    """List the documents that a glob matches and `find` skips because no loader reads their kind; pictures and the like do not count."""
    expanded = os.path.expanduser(pattern)  # noqa: PTH111 (a glob is no path yet)
    if not has_magic(expanded):
        return ()
    return [
        _display_path(path, base) for path in _matching(expanded, base) if path.suffix.lower() in DOCUMENTS - READABLE
    ]


def _feeds(pattern: str, base: Path) -> Sequence[str]:
    """The feeds that a glob matches and `find` skips."""
    return [_display_path(path, base) for path in _matching(pattern, base) if path.suffix.lower() in FEEDS]


def _matching(pattern: str, base: Path) -> Sequence[Path]:
    """The files that a glob matches; links that lead out of the folder it begins in are not followed."""
    literal = _literal(pattern, base)
    return sorted(path for path in _visible(pattern, base) if _resolved(path).is_relative_to(literal))


def _visible(pattern: str, base: Path) -> Iterator[Path]:
    """The files that a glob matches; hidden ones, and those that an office program puts beside an open file, only where it says so.

    Raises:
        SourceError: it is no pattern.
    """
    root, relative = _rooted(pattern, base)
    begin = len(_plain(relative))
    said = _is_hidden(Path(relative).parts[begin:])
    if re.search(r"\*\*[^/]|[^/]\*\*", relative):
        whole = re.sub(r"([^/])\*\*", r"\1*/**", re.sub(r"\*\*([^/])", r"**/*\1", relative))
        raise SourceError(f"{pattern} is no pattern: ** stands for whole folders; write {whole}")
    for path in root.glob(relative):
        if (said or not _is_hidden(path.relative_to(root).parts[begin:])) and path.is_file():
            yield path


def _is_hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith((".", "~$")) and part != ".." for part in parts)


def _resolved(path: Path) -> Path:
    """A path with its links followed, as far as they lead anywhere: also where they lead in a circle, or it is none at all."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a NUL in it
        return path


def _outside(pattern: str, base: Path) -> list[str]:
    """The documents that a glob matches through links that lead out of the folder it begins in."""
    if not has_magic(pattern):
        return []
    literal = _literal(pattern, base)
    matching = (path for path in _visible(pattern, base) if path.suffix.lower() in DOCUMENTS)
    return sorted(_display_path(path, base) for path in matching if not _resolved(path).is_relative_to(literal))


def _rooted(pattern: str, base: Path) -> tuple[Path, str]:
    return (Path(Path(pattern).anchor), pattern[1:]) if os.path.isabs(pattern) else (base, pattern)  # noqa: PTH117


def _literal(pattern: str, base: Path) -> Path:
    """The folder in which a glob begins."""
    root, relative = _rooted(pattern, base)
    return _resolved(root.joinpath(*_plain(relative)))


def _plain(relative: str) -> Sequence[str]:
    """The parts of a glob before its first that is a pattern."""
    return list(takewhile(lambda part: not has_magic(part), Path(relative).parts))


def read(ref: FileRef, largest: int) -> bytes:
    """Read a file.

    Args:
        largest: bytes.

    Raises:
        Unreadable: the file is larger, or cannot be opened.
    """
    try:
        with ref.path.open("rb") as file:
            data = file.read(largest + 1)
            size = max(len(data), os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise Unreadable(f"cannot be opened: {error.strerror or error}") from error
    if size > largest:
        raise Unreadable(f"{size:,} bytes are more than the {largest:,} that `knowledge.largest` allows")
    return data


def _ref(path: Path, base: Path) -> FileRef:
    status = path.stat()
    return FileRef(_display_path(path, base), path, f"{status.st_size}-{status.st_mtime_ns}", status.st_mtime_ns)


def _display_path(path: Path, base: Path) -> str:
    shown = (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()
    return os.fsencode(shown).decode("utf-8", "backslashreplace")


class FileSync:
    """Synchronises the sources that are files."""

    def __init__(
        self,
        settings: KnowledgeSettings,
        base: Path,
        store: KnowledgeStore,
        reader: DocumentReader,
        pool: Executor,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._base = base
        self._store = store
        self._reader = reader
        self._pool = pool
        self._clock = clock
        self._ahead = asyncio.Semaphore(READ_AHEAD)

    async def run(
        self,
        source: SourceSettings,
        state: SourceState | None,
        claimed: set[str],
        tally: Tally,
        report: ProgressCallback,
    ) -> None:
        """Sync one source.

        Args:
            state: of the last sync, if there was one.
            claimed: documents that belong to other sources; those found here are added.
            tally: counts what is done.

        Raises:
            SourceError: the source as a whole cannot be read; nothing is changed then.
        """
        loop = asyncio.get_running_loop()
        now = self._clock()
        refs = await loop.run_in_executor(self._pool, find, source.path or "", self._base)
        refs = [ref for ref in refs if ref.id not in claimed]
        claimed.update(ref.id for ref in refs)
        known = {document.id: document for document in await self._store.documents(source.id)}
        verified_at = state.verified_at if state else None
        todo: list[FileRef] = []
        for ref in refs:
            before = known.get(ref.id)
            same = before and before.stamp == ref.stamp and before.failing_since is None and verified_at
            if same and verified_at and ref.is_settled(verified_at):
                tally.kept(ref.id, before)
            else:
                todo.append(ref)
        done = len(refs) - len(todo)
        report(Progress(source.id, done, len(refs)))
        for at in range(0, len(todo), READ_BATCH):
            batch = todo[at : at + READ_BATCH]
            changes = await asyncio.gather(*(self._read(ref, source, known.get(ref.id), now) for ref in batch))
            await save_changes(changes, known, self._store, tally, now)
            done += len(batch)
            report(Progress(source.id, done, len(refs)))
        gone = sorted(known.keys() - {ref.id for ref in refs})
        for document in gone:
            tally.gone(document)
        if gone:
            await self._store.remove(gone)
        tally.problems += await loop.run_in_executor(
            self._pool, passed_over, source.path or "", self._base, self._settings
        )

    async def _read(self, ref: FileRef, source: SourceSettings, before: Document | None, now: datetime) -> Change:
        async with self._ahead:
            try:
                loop = asyncio.get_running_loop()
                data = await loop.run_in_executor(self._pool, read, ref, self._settings.largest)
                if before and before.hash == fingerprint(data, source):
                    verified = replace(recovered(before), stamp=ref.stamp)
                    return Change(ref.id, touched=None if verified == before else verified)
                document, passages = await build_document(self._reader, ref.id, data, None, source, now)
            except SourceError as error:
                return Change(ref.id, problem=str(error))
        return Change(ref.id, new=(replace(document, stamp=ref.stamp), passages))


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one file of a source, or with the source as a whole. `source` is its place in the list."""

    source: int
    message: str


def inspect(settings: KnowledgeSettings, base: Path) -> list[Finding]:
    """Read every file that the sources name and report what yields no passage or was left out: scans, damaged files, hidden sheets.

    Web sources are not fetched. Blocks for at most about `INSPECT_TIME` seconds.
    """
    with ThreadPoolExecutor(1) as thread:  # an event loop of its own, whether or not one runs here
        return thread.submit(asyncio.run, _inspect(settings, base)).result()


async def _inspect(settings: KnowledgeSettings, base: Path) -> list[Finding]:
    until = time.monotonic() + INSPECT_TIME
    reader = DocumentReader(deadline=timedelta(seconds=INSPECT_TIME))
    try:
        return [
            Finding(at, message)
            for at, source in enumerate(settings.sources)
            if source.path is not None
            for message in await _problems(source.path, settings, base, reader, until)
        ]
    finally:
        await reader.aclose()


async def _problems(
    pattern: str, settings: KnowledgeSettings, base: Path, reader: DocumentReader, until: float
) -> list[str]:
    try:
        refs = find(pattern, base)
    except SourceError as error:
        return [str(error)]
    unread = 0
    ahead = asyncio.Semaphore(READ_AHEAD)

    async def look(ref: FileRef) -> str | None:
        nonlocal unread
        async with ahead:
            if time.monotonic() > until:
                unread += 1
                return None
            try:
                return (await reader.read(ref.id, read(ref, settings.largest))).problem
            except SourceError as error:
                return str(error)

    found = await asyncio.gather(*map(look, refs))
    problems = [f"{ref.id}: {problem}" for ref, problem in zip(refs, found, strict=True) if problem]
    if unread:
        problems.append(f"{unread} of {len(refs)} files were not read; `balas knowledge sync` reads them all")
    return [*problems, *passed_over(pattern, base, settings)]


MOST_NEIGHBOURS = 10_000
"""Files of a folder that `unread_neighbours` looks at."""


def unread_neighbours(settings: KnowledgeSettings, base: Path) -> list[Finding]:
    """Name the documents that lie in the folder of a glob and belong to no source. The folder of agent.yaml itself is none."""
    patterns = [(at, os.path.expanduser(source.path)) for at, source in enumerate(settings.sources) if source.path]  # noqa: PTH111
    read_already: set[Path] = set()
    for _, pattern in patterns:
        with suppress(SourceError):  # `inspect` tells of it
            read_already.update(map(_resolved, _matching(pattern, base) if has_magic(pattern) else [base / pattern]))
    found = []
    for at, pattern in patterns:
        folder = _literal(pattern, base)
        if not has_magic(pattern) or folder == _resolved(base):
            continue
        beside = [
            path
            for path in islice(folder.rglob("*"), MOST_NEIGHBOURS)
            if path.suffix.lower() in DOCUMENTS
            and not path.name.startswith(".")
            and path not in read_already
            and _resolved(path).is_relative_to(folder)
        ]
        read_already.update(beside)
        if beside:
            shown = _listed([_display_path(path, base.resolve()) for path in sorted(beside)])
            whole = f"{_display_path(folder, base.resolve())}/**/*"
            found.append(Finding(at, f"beside these, no source reads {shown}; {whole} reads every file of that folder"))
    return found


def passed_over(pattern: str, base: Path, settings: KnowledgeSettings) -> list[str]:
    """Say which documents a glob matches and no sync reads, and what would help: old kinds of files, feeds, links to elsewhere."""
    if not has_magic(pattern):
        return []
    found = []
    named = {_resolved(base / os.path.expanduser(source.path)) for source in settings.sources if source.path}  # noqa: PTH111
    if skipped := unreadable_matches(pattern, base):
        found.append(f"passed over, of a kind that cannot be read (save as DOCX, XLSX or PDF): {_listed(skipped)}")
    if feeds := [feed for feed in _feeds(pattern, base) if _resolved(base / feed) not in named]:
        found.append(
            f"passed over, since feeds are read only when they are named (name each as a source): {_listed(feeds)}"
        )
    if outside := _outside(os.path.expanduser(pattern), base):  # noqa: PTH111
        found.append(
            f"passed over, since they are links that lead out of the folder (copy the files into it): {_listed(outside)}"
        )
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
