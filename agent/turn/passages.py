"""The passages block of the system prompt: how found knowledge is shown to a model, and read back by one that is a program.

    <passages>
    <passage n="1" source="documents/jam-buka.md" title="Jam buka" date="2026-11-20">
    Senin sampai Jumat: 07.00–22.00 WIB
    </passage>
    </passages>

Whatever a document says stays inside its element: `&`, `<` and `>` are escaped, so no text can close the block or
open another. `volatile="yes"` marks facts that change (prices).
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Hit(Protocol):
    """A found passage, as `knowledge` returns it. `question` and `answer` are set for an entry of questions and answers."""

    @property
    def source(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def verified_at(self) -> datetime | None: ...
    @property
    def volatile(self) -> bool: ...
    @property
    def question(self) -> str | None: ...
    @property
    def answer(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage as the model sees it. `text` is the answer when there is a `question`; `date` is `YYYY-MM-DD` or empty."""

    source: str
    title: str
    text: str
    date: str = ""
    volatile: bool = False
    question: str = ""


_BLOCK = re.compile(r"<passages>\n((?:<passage [^<>]*>\n[^<>]*\n</passage>\n)*)</passages>")
_PASSAGE = re.compile(r"<passage ([^<>]*)>\n([^<>]*)\n</passage>\n")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


def escape(text: str) -> str:
    """Text of unknown origin for the system prompt: it can no longer open or close an element."""
    return html.escape(text, quote=False)


def render(hits: Sequence[Hit]) -> str:
    """The block for these hits, best first; `""` for none."""
    return render_passages([_passage(hit) for hit in hits])


def render_passages(passages: Sequence[Passage]) -> str:
    if not passages:
        return ""
    elements = []
    for n, passage in enumerate(passages, 1):
        attributes = {
            "n": str(n),
            "source": passage.source,
            "title": passage.title,
            "question": passage.question,
            "date": passage.date,
            "volatile": "yes" if passage.volatile else "",
        }
        shown = " ".join(f'{name}="{_attribute(value)}"' for name, value in attributes.items() if value)
        elements.append(f"<passage {shown}>\n{escape(passage.text)}\n</passage>\n")
    return f"<passages>\n{''.join(elements)}</passages>"


def read(system_text: str) -> list[Passage]:
    """The passages of the last block in a system prompt: the inverse of `render`. `[]` when there is none."""
    blocks = _BLOCK.findall(system_text)
    return [_read_passage(*match) for match in _PASSAGE.findall(blocks[-1])] if blocks else []


def _passage(hit: Hit) -> Passage:
    answered = hit.question is not None and hit.answer is not None
    return Passage(
        source=hit.source,
        title=hit.title,
        text=(hit.answer or "") if answered else hit.text,
        date=hit.verified_at.date().isoformat() if hit.verified_at else "",
        volatile=hit.volatile,
        question=(hit.question or "") if answered else "",
    )


def _attribute(value: str) -> str:
    return html.escape(value, quote=True).replace("\r", "&#13;").replace("\n", "&#10;")


def _read_passage(attributes: str, text: str) -> Passage:
    values = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}
    return Passage(
        source=values.get("source", ""),
        title=values.get("title", ""),
        text=html.unescape(text),
        date=values.get("date", ""),
        volatile=values.get("volatile") == "yes",
        question=values.get("question", ""),
    )
