"""From bytes to text: one decoder for every text file, page and upload."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Sequence

_MARKS: Sequence[tuple[bytes, str]] = (  # the longer ones first: UTF-32 LE begins as UTF-16 LE does
    (BOM_UTF8, "utf-8"),
    (BOM_UTF32_LE, "utf-32-le"),
    (BOM_UTF32_BE, "utf-32-be"),
    (BOM_UTF16_LE, "utf-16-le"),
    (BOM_UTF16_BE, "utf-16-be"),
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_IN_PAGE = re.compile(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_IN_XML = re.compile(rb"\A\s*<\?xml[^>]{1,200}encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_LATIN = frozenset({"iso-8859-1", "iso8859-1", "latin-1", "latin1", "us-ascii", "ascii"})
_SAMPLE = 4096  # bytes looked at for a declaration, or for the NULs of UTF-16


def decode(data: bytes, content_type: str | None = None) -> str:
    """Decode text of an unknown source.

    A byte order mark wins, then UTF-8 if the bytes are valid as such (bytes of other charsets hardly ever are), then the charset of
    `content_type` and what the text declares about itself (`<meta>`, `<?xml?>`), then UTF-16 without a mark, and last Windows-1252,
    which old spreadsheets and shops export.

    Args:
        content_type: of the HTTP response or of the upload, e.g. `text/csv; charset=utf-16`.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, errors="replace")
    named = [_CHARSET.search(content_type or "")]
    declared = [match[1] for match in named if match]
    head = data[:_SAMPLE]
    declared += [match[1].decode() for match in (_IN_PAGE.search(head), _IN_XML.search(head)) if match]
    if b"\x00" not in head and b"\x1b" not in head:  # neither UTF-16 nor a charset of escape sequences
        declared.insert(0, "utf-8")
    declared += ["utf-8"] if b"\x00" not in head else []
    for name in declared:
        try:
            return data.decode(_codec(name))
        except (LookupError, UnicodeError):
            continue  # an unknown charset, or one that is not true
    return data.decode(_of_nuls(head), errors="replace")


def _codec(charset: str) -> str:
    """Python's name of a charset. Pages that say Latin-1 mean Windows-1252 (WHATWG Encoding, 4.2)."""
    name = charset.lower()
    return "cp1252" if name in _LATIN else re.sub(r"^(?:windows|win|x-cp)-?(?=\d)", "cp", name)


def _of_nuls(head: bytes) -> str:
    """Tell UTF-16 without a mark by where its NULs stand: every second byte of Latin text. Without NULs it is an old 8-bit text."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) // 8 and odd > 4 * even:
        return "utf-16-le"
    if even > len(head) // 8 and even > 4 * odd:
        return "utf-16-be"
    return "cp1252"
