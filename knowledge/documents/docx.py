"""Word documents: headings, paragraphs, lists and tables in their order."""

import io
import re
from typing import Any
from zipfile import BadZipFile

from knowledge.documents.passage import Composer, Loaded
from knowledge.errors import Unreadable

_HEADING = re.compile(r"(?:Heading|Judul|Tajuk|Überschrift) (\d)")


def load(data: bytes) -> Loaded:
    """Load a Word document.

    Raises:
        Unreadable: it is not a DOCX file, or is protected by a password.
    """
    from docx import Document
    from docx.opc.exceptions import PackageNotFoundError

    if data.startswith(b"\xd0\xcf\x11\xe0"):  # the container of protected and of old Office files
        raise Unreadable(
            "the document is protected by a password or in the old .doc format; save it as DOCX without one"
        )
    try:
        document = Document(io.BytesIO(data))
    except (BadZipFile, PackageNotFoundError, KeyError, ValueError) as error:
        raise Unreadable(f"not a readable DOCX document: {error}") from error
    composer = Composer()
    for item in document.iter_inner_content():
        if hasattr(item, "rows"):
            composer.table(_rows(item))
        elif text := item.text.strip():
            level = _level(item)
            if level:
                composer.heading(level, text)
            else:
                composer.paragraph(text)
    title = (document.core_properties.title or "").strip() or None
    return Loaded(composer.text, composer.blocks, title=title)


def _level(paragraph: Any) -> int | None:
    style = paragraph.style.name if paragraph.style is not None else ""
    if style == "Title":
        return 1
    match = _HEADING.match(style)
    return min(int(match[1]), 6) if match else None


def _rows(table: Any) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in table.rows:
        cells: list[str] = []
        seen: list[Any] = []
        for cell in row.cells:  # a merged cell is listed once for every column it spans
            if cell._tc not in seen:
                seen.append(cell._tc)
                cells.append(" ".join(cell.text.split()))
        if any(cells):
            rows.append(cells)
    return rows
