"""PDF: text by pypdf, tables by pdfplumber. Scanned pages are named, not guessed at."""

import io
import logging
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from knowledge.documents.passage import Composer, Loaded
from knowledge.errors import Unreadable

if TYPE_CHECKING:
    from pypdf import PdfReader


SCANNED = 20  # a page with fewer characters than this holds a picture of text, if anything
_END = re.compile(r"[.!?:。！？]$")
_HYPHEN = re.compile(r"(?<=\w)[-\u00ad]\n(?=[a-z])")


def load(data: bytes) -> Loaded:
    """Load a PDF: paragraphs, then the tables, page by page. Pages without text are named in `Loaded.problem`.

    Raises:
        Unreadable: the file is damaged or protected, or every page is a scan.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # its warnings are about the PDF's author's tools
    logging.getLogger("pdfminer").setLevel(logging.ERROR)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("the PDF is protected by a password; save it without one")
        texts = [page.extract_text() for page in reader.pages]
        title = _title(reader)
    except (PyPdfError, ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise Unreadable(f"not a readable PDF: {error}") from error
    scanned = [number for number, text in enumerate(texts, start=1) if len(text.strip()) < SCANNED]
    if len(scanned) == len(texts):
        raise Unreadable("the PDF holds no text, only pictures of pages; run it through OCR first")
    composer = Composer()
    for number, (text, tables, prose) in enumerate(_pages(data, texts), start=1):
        if number in scanned:
            continue
        for paragraph in _paragraphs(prose if tables else text):
            composer.paragraph(paragraph)
        for rows in tables:
            composer.table(rows)
    problem = f"pages without text (scanned?): {', '.join(map(str, scanned))}" if scanned else None
    return Loaded(composer.text, composer.blocks, title=title, problem=problem)


def _title(reader: "PdfReader") -> str | None:
    title = reader.metadata.title if reader.metadata else None
    # what an office program puts there by itself names a file, not the document
    return title.strip() if isinstance(title, str) and title.strip() and "." not in title else None


def _pages(data: bytes, texts: Sequence[str]) -> Iterator[tuple[str, list[list[list[str]]], str]]:
    """For each page its text, its tables, and its text without them."""
    import pdfplumber
    from pdfminer.pdfexceptions import PDFException
    from pdfplumber.utils.exceptions import PdfminerException

    read = 0
    try:
        with pdfplumber.open(io.BytesIO(data)) as document:
            for text, page in zip(texts, document.pages, strict=False):
                found = page.find_tables() if page.lines or page.rects else []
                tables = [rows for rows in (_rows(table) for table in found) if len(rows) > 1 and len(rows[0]) > 1]
                rest: Any = page
                for table in found if tables else ():
                    rest = rest.outside_bbox(table.bbox, strict=False)
                prose = rest.extract_text() or "" if tables else text
                read += 1
                yield text, tables, prose
    except (PDFException, PdfminerException, ValueError, KeyError, TypeError):
        # pypdf could read it and pdfminer cannot: the text without its tables is better than nothing
        for text in texts[read:]:
            yield text, [], text


def _rows(table: Any) -> list[list[str]]:
    return [[" ".join((cell or "").split()) for cell in row] for row in table.extract() if any(row)]


def _paragraphs(text: str) -> Iterator[str]:
    """Lines belong together until one is empty, or one that ends a sentence is much shorter than the others."""
    lines = _HYPHEN.sub("", text).split("\n")
    full = max((len(line) for line in lines), default=0)
    gathered: list[str] = []
    for line in lines:
        stripped = " ".join(line.split())
        if stripped:
            gathered.append(stripped)
        if gathered and (not stripped or (_END.search(stripped) and len(line) < 0.8 * full)):
            yield " ".join(gathered)
            gathered = []
    if gathered:
        yield " ".join(gathered)
