"""What of the configured files could not be quoted, found out without a ledger and without the network."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.errors import SourceError
from knowledge.files import find, passed_over, read
from knowledge.loaders import load
from knowledge.settings import KnowledgeSettings, SourceSettings

LONGEST = 20.0  # seconds of reading; a first sync of very many PDF files takes longer and reads them anyway


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one file of a source, or with the source as a whole. `source` is its place in the list."""

    source: int
    message: str


def inspect(settings: KnowledgeSettings, base: Path) -> list[Finding]:
    """Reads every file that the sources name and says which of them no passage can come from: scans, broken ones, passwords.

    Addresses are not asked. Blocks, for at most about `LONGEST` seconds.
    """
    until = time.monotonic() + LONGEST
    return [
        Finding(at, message)
        for at, source in enumerate(settings.sources)
        if source.path is not None
        for message in _wrong(source, source.path, settings, base, until)
    ]


def _wrong(
    source: SourceSettings, pattern: str, settings: KnowledgeSettings, base: Path, until: float
) -> Iterator[str]:
    try:
        refs = find(pattern, base)
    except SourceError as error:
        yield str(error)
        return
    for number, ref in enumerate(refs):
        if time.monotonic() > until:
            yield f"{len(refs) - number} of {len(refs)} files were not looked into; `balas knowledge sync` reads them all"
            break
        try:
            problem = load(ref.id, read(ref, settings.largest)).problem
        except SourceError as error:
            problem = str(error)
        if problem:
            yield f"{ref.id}: {problem}"
    if skipped := passed_over(pattern, base):
        yield _told(skipped)


def _told(skipped: Sequence[str]) -> str:
    shown = ", ".join(skipped[:5]) + (f" and {len(skipped) - 5} more" if len(skipped) > 5 else "")
    return f"passed over, of a kind that cannot be read (save as DOCX, XLSX or PDF): {shown}"
