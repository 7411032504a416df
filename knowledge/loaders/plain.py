"""Text files: paragraphs between empty lines."""

import re

from knowledge.blocks import Block, Loaded

_PARAGRAPH = re.compile(r"\S(?:.|\n(?!\s*\n))*")


def load(data: bytes) -> Loaded:
    text = decode(data)
    blocks = [
        Block("paragraph", match.start(), match.start() + len(match[0].rstrip())) for match in _PARAGRAPH.finditer(text)
    ]
    return Loaded(text, blocks)


def decode(data: bytes) -> str:
    """UTF-8, UTF-16 with a mark, or else Windows-1252, which old spreadsheets and shops export."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
