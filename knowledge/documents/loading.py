"""From the bytes of a file to its text and blocks, by what kind of file it is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from knowledge.documents.passage import Loaded
from knowledge.documents.splitter import split
from knowledge.errors import Unreadable

if TYPE_CHECKING:
    from workers.process import Handler

# Loaders are imported when a file of their kind comes along: pdfplumber takes a third of a second.
_LOADERS = {
    "csv": ("knowledge.documents.csvfile", "load"),
    "docx": ("knowledge.documents.docx", "load"),
    "epub": ("knowledge.documents.epub", "load"),
    "html": ("knowledge.documents.html", "load"),
    "json": ("knowledge.documents.jsonfile", "load"),
    "markdown": ("knowledge.documents.text", "load_markdown"),
    "ods": ("knowledge.documents.opendocument", "load_spreadsheet"),
    "odt": ("knowledge.documents.opendocument", "load_text"),
    "pdf": ("knowledge.documents.pdf", "load"),
    "plain": ("knowledge.documents.text", "load_plain"),
    "pptx": ("knowledge.documents.pptx", "load"),
    "xlsx": ("knowledge.documents.xlsx", "load"),
}
_SUFFIXES = {
    ".csv": "csv",
    ".docx": "docx",
    ".epub": "epub",
    ".htm": "html",
    ".html": "html",
    ".json": "json",
    ".jsonl": "json",
    ".markdown": "markdown",
    ".md": "markdown",
    ".ods": "ods",
    ".odt": "odt",
    ".pdf": "pdf",
    ".pptx": "pptx",
    ".text": "plain",
    ".tsv": "csv",
    ".txt": "plain",
    ".xhtml": "html",
    ".xlsm": "xlsx",
    ".xlsx": "xlsx",
}
_TYPES = {
    "application/epub+zip": "epub",
    "application/json": "json",
    "application/pdf": "pdf",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/xhtml+xml": "html",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/plain": "plain",
    "text/tab-separated-values": "csv",
}
_TEXTS = frozenset({"csv", "html", "json", "markdown", "plain"})  # their charset may stand in the content type
_OLD = {".doc": "DOCX", ".xls": "XLSX", ".ppt": "PPTX", ".odp": "PPTX", ".rtf": "DOCX", ".eml": "PDF", ".msg": "PDF"}

GROUP = "balas.loaders"
"""The entry-point group of further loaders; each is named by a suffix without the dot, and a function from bytes to `Loaded`."""

_ADDED = {f".{entry.name.lower()}": entry for entry in entry_points(group=GROUP)}

FEEDS = frozenset({".json", ".jsonl"})
"""Suffixes of the files that are read only when they are named by path or address: JSON is seldom meant for customers."""

READABLE = (frozenset(_SUFFIXES) - FEEDS) | _ADDED.keys()
"""Suffixes of the files that a glob finds."""

DOCUMENTS = READABLE | _OLD.keys() | {".key", ".numbers", ".pages", ".wps"}
"""Suffixes of files that may hold text for customers, readable or not."""


def load(name: str, data: bytes, content_type: str | None = None) -> Loaded:
    """Load a document with the loader of its kind. Blocks, and is CPU-bound: call it outside the event loop.

    Args:
        name: path or address; its suffix tells the kind.
        content_type: of the HTTP response, if there was one; see `kind_of`.

    Raises:
        Unreadable: no loader reads this kind, or there is no text in it. The message says what would help.
    """
    kind = readable_kind(name, content_type)
    loader = _loader(kind)
    try:
        loaded = (loader(data, content_type) if kind in _TEXTS else loader(data)).storable()
    except Unreadable:
        raise
    except MemoryError as error:
        raise Unreadable("takes more memory to read than a document may; split it or save it anew") from error
    except Exception as error:  # parsers raise arbitrary errors on damaged files; the other files go on
        raise Unreadable(f"not a readable {kind.upper()} file: {error or type(error).__name__}") from error
    if not loaded.text.strip():
        raise Unreadable("the file holds no text")
    if kind in _TEXTS and _misread(loaded.text) and not _is_utf8(data):
        raise Unreadable("it is written in a charset that it does not name; save it as UTF-8")
    return loaded


_ACCENTED = re.compile("[ƒŠŒŽšœžŸª-ÿ\ufffd]")
_SAMPLE, _ENOUGH = 20_000, 10  # characters looked at, and letters that tell


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _misread(text: str) -> bool:
    """Whether a text was read in the wrong 8-bit charset: no language that is written in Latin letters has this many accented ones."""
    sample = text[:_SAMPLE]
    letters = sum(letter.isalpha() for letter in sample)
    strange = len(_ACCENTED.findall(sample))
    return letters >= _ENOUGH and strange > 0.4 * letters


def readable_kind(name: str, content_type: str | None = None) -> str:
    """Tell the kind of a document, as `kind_of` does.

    Raises:
        Unreadable: no loader reads it. The message says what would help.
    """
    kind = kind_of(name, content_type)
    if kind is None:
        suffix = PurePosixPath(name).suffix.lower()
        better = _OLD.get(suffix)
        advice = f"save it as {better}" if better else f"readable are {', '.join(sorted(READABLE))}"
        raise Unreadable(f"a file of the kind {suffix or content_type or 'unknown'} cannot be read; {advice}")
    return kind


def _loader(kind: str) -> Callable[..., Loaded]:
    if kind in _ADDED:
        added: Callable[..., Loaded] = _ADDED[kind].load()
        return added
    module, function = _LOADERS[kind]
    loader: Callable[..., Loaded] = getattr(import_module(module), function)
    return loader


def kind_of(name: str, content_type: str | None = None) -> str | None:
    """Tell the kind of a document: a key of the loaders, or `None`.

    The content type wins, except `text/plain`: servers send Markdown and CSV under it.
    """
    plain_type = (content_type or "").split(";")[0].strip().lower()
    suffix = PurePosixPath(re.split("[?#]", name, maxsplit=1)[0]).suffix.lower()
    by_name = _SUFFIXES.get(suffix) or (suffix if suffix in _ADDED else None)
    by_type = _TYPES.get(plain_type)
    if by_type in (None, "plain"):
        return by_name or by_type
    return by_type


def open_handler(options: Mapping[str, Any]) -> "Handler":
    """Make the handler of documents. Runs inside a worker."""

    def handle(header: Mapping[str, Any], data: bytes, is_dropped: Callable[[], bool]) -> Mapping[str, Any]:
        loaded = load(header["id"], data, header["content_type"])
        passages = split(header["id"], loaded, header["title"] or loaded.named(header["id"]))
        return {
            "text": loaded.text,
            "title": loaded.title,
            "language": loaded.language,
            "expires": loaded.expires.isoformat() if loaded.expires else None,
            "volatile": loaded.volatile,
            "links": loaded.links,
            "problem": loaded.problem,
            "passages": [asdict(passage) for passage in passages],
        }

    return handle
