"""Text files: paragraphs between empty lines."""

import re

from knowledge.documents.passage import Block, Loaded

_BLANK = re.compile(r"\n[ \t\r]*\n\s*")


def load(data: bytes) -> Loaded:
    text = decode(data)
    blocks: list[Block] = []
    start = 0
    for gap in (*_BLANK.finditer(text), None):
        end = gap.start() if gap else len(text)
        piece = text[start:end]
        if piece.strip():
            begin = start + len(piece) - len(piece.lstrip())
            blocks.append(Block("paragraph", begin, start + len(piece.rstrip())))
        start = gap.end() if gap else end
    return Loaded(text, blocks)


def decode(data: bytes) -> str:
    """UTF-8, UTF-16 with a mark, or else Windows-1252, which old spreadsheets and shops export."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
