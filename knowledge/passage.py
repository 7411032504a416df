"""Documents and the passages they are cut into."""

from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that can be quoted by itself.

    `id` is `<document>#<n>`, e.g. `docs/faq.md#3`. `text` is what is shown: for prose exactly `document.text[start:end]`, for a table
    row its cells as `column: value` lines. `path` is the title of the document and the headings above the passage. `question` and
    `answer` are set when the passage is an entry of a FAQ; `aliases` are further ways of asking for it.
    """

    id: str
    document: str
    text: str
    start: int
    end: int
    path: tuple[str, ...] = ()
    question: str | None = None
    answer: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """`"Kopi Senja > Pengiriman > Ongkos"`."""
        return " > ".join(self.path)

    @property
    def hash(self) -> str:
        """Changes when anything that is shown or searched changes."""
        parts = (*self.path, self.question or "", self.text, *self.aliases)
        return blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Document:
    """A file or page as it was last read well.

    `id` is its path relative to agent.yaml, or its address. `source` is the entry under `knowledge.sources` it came from. `hash` is that of
    the bytes read, `stamp` says cheaply whether they may have changed (size and time of a file, `lastmod` of a sitemap). `verified_at` is
    when the copy was last known to be right; it is kept up to date by the source unless the document is failing by itself.
    """

    id: str
    source: str
    hash: str
    text: str
    verified_at: datetime
    title: str | None = None
    language: str | None = None
    stamp: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    expires: date | None = None
    volatile: bool | None = None
    links: tuple[str, ...] = ()
    error: str | None = None
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """How the last look at a source ended. A failing source keeps the documents of its last good copy.

    `settings` is the fingerprint of how the source was configured then.
    """

    id: str
    checked_at: datetime
    verified_at: datetime | None = None
    error: str | None = None
    failing_since: datetime | None = None
    problems: tuple[str, ...] = field(default=())  # single documents that could not be read, with the reason
    settings: str | None = None
