"""Retrieval: the search for the customer's words as a step, and the passages block in which the model sees what was found.

    <passages>
    <passage n="1" source="documents/jam-buka.md" title="Jam buka" date="2026-11-20">
    Senin sampai Jumat: 07.00–22.00 WIB
    </passage>
    </passages>

What a document says stays inside its element: `&`, `<` and `>` are escaped, so no text can close the block or
open another. `volatile="yes"` marks facts that change (prices).
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Protocol

from agent import slots
from agent.ledger.history import Line
from agent.models.values import Passage
from agent.turn.steps import StepLog
from language.intents import questions_in

if TYPE_CHECKING:
    from knowledge import SearchResult


class Search(Protocol):
    """The knowledge base, as far as a turn needs it."""

    @property
    def size(self) -> int:
        """How many passages there are."""

    async def search(
        self,
        queries: Sequence[str],
        limit: int | None = None,
        language: str | None = None,
        today: date | None = None,
    ) -> "SearchResult":
        """Find passages, best first.

        Args:
            queries: ways to ask for the same.
            limit: how many passages at most; `None` for the number in agent.yaml.
            language: of the customer; passages in another one count less.
            today: the customer's day, for passages that are valid until a date.
        """


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


_BLOCK = re.compile(r"<passages>\n((?:<passage [^<>]*>\n[^<>]*\n</passage>\n)*)</passages>")
_PASSAGE = re.compile(r"<passage ([^<>]*)>\n([^<>]*)\n</passage>\n")
_ATTRIBUTE = re.compile(r'\b(\w++)="([^"]*)"')


def escape(text: str) -> str:
    """Escape text of unknown origin for the system prompt: it can no longer open or close an element."""
    return html.escape(text, quote=False)


def render(hits: Sequence[Hit]) -> str:
    """Render hits, best first, as a passages block; `""` for none."""
    return render_passages([_passage(hit) for hit in hits])


def render_passages(passages: Sequence[Passage]) -> str:
    """Render passages, best first, as a passages block; `""` for none."""
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
    """Read the passages of the last block in a system prompt: the inverse of `render_passages`; `[]` when there is none."""
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


LIKELY = 0.15
"""Below this score fewer than 1 in 100 right passages of the test sets were found: such a passage is not what was asked for."""

AS_GOOD = 0.9
"""A current passage with this share of an outdated one's score answers as well; further down it usually is about something else."""

_LEFT_OUT = (
    "Other passages that fit are too old to be relied on and were left out. If those above do not hold the answer, say that you "
    "don't know, and offer a colleague."
)


class Rated(Protocol):
    """What the decision needs of a hit."""

    @property
    def score(self) -> float: ...
    @property
    def stale(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The outcome of a search; kept as a step, so that a resumed turn sees the same.

    Attributes:
        passages: what the model reads.
        confidence: the score of the best passage, 0 to 1.
        off_topic: whether the messages are plainly about something else than the documents.
        nearest: id of the best passage.
        outdated: sources of passages that were left out because their copy is too old.
        needs_human: whether an answer from passages would rest on the outdated ones.
    """

    passages: str = ""
    confidence: float = 0.0
    off_topic: bool = True
    nearest: str | None = None
    outdated: tuple[str, ...] = ()
    needs_human: bool = False

    @classmethod
    def of(cls, found: "SearchResult") -> "Retrieved":
        """Decide what the model may see of what was found."""
        nearest = found.hits[0].id if found.hits else None
        if found.off_topic:
            return cls("", found.confidence, off_topic=True, nearest=nearest)
        outdated = tuple(dict.fromkeys(hit.source for hit in found.hits if hit.stale))
        parts = [render([hit for hit in found.hits if not hit.stale]), _LEFT_OUT if outdated else ""]
        return cls(
            "\n\n".join(part for part in parts if part),
            found.confidence,
            off_topic=False,
            nearest=nearest,
            outdated=outdated,
            needs_human=rests_on_outdated(found.hits),
        )

    @classmethod
    def read(cls, output: Mapping[str, Any]) -> "Retrieved":
        """Read a step's output: the inverse of `written`. Fields of other versions are ignored."""
        names = cls.__dataclass_fields__
        known = {name: value for name, value in output.items() if name in names}
        return cls(**{**known, "outdated": tuple(known.get("outdated", ()))})

    def written(self) -> dict[str, Any]:
        """The output of the step, as JSON."""
        return {**asdict(self), "outdated": list(self.outdated)}


def rests_on_outdated(hits: Sequence[Rated]) -> bool:
    """Decide whether the passage that fits is outdated, and no current one fits as well."""
    outdated = max((hit.score for hit in hits if hit.stale), default=0.0)
    current = max((hit.score for hit in hits if not hit.stale), default=0.0)
    return outdated >= LIKELY and current < AS_GOOD * outdated


_SHORT = 5
"""A message of fewer words than this may need what was said before it."""

_SURE = 0.6
"""Score from which on a passage fits a short message by itself: what was said before is not searched for."""

_REMEMBERED = 3
"""Messages before it, at most, with which a short one is searched for: back to the first that is not short itself."""


async def retrieve(
    knowledge: Search | None,
    text: str,
    *,
    history: Sequence[Line],
    language: str,
    steps: StepLog,
    clock: Callable[[], datetime],
    zone: tzinfo,
) -> Retrieved:
    """Search the knowledge base for the customer's words, as a step.

    Several questions of one sentence are searched for one by one as well. A short message is searched for with what was said before it
    only when no passage fits it by itself, and what fits it by itself stands first.

    Args:
        knowledge: `None` where there is none.
        text: the messages to answer.
        history: the messages before them, oldest first.
        language: code of the language of the conversation.
        steps: the step log of the turn.
        clock: the time, aware UTC.
        zone: time zone of the business, whose days passages are valid on.
    """
    if knowledge is None:
        return Retrieved()
    queries = list(dict.fromkeys([text, *questions_in(text)[:_MOST_PARTS]]))
    context = _context(text, history)
    given = {"queries": [*queries, *([context] if context else [])]}
    step = steps.finished("retrieval", given)
    if step is not None:
        return Retrieved.read(step.output)
    if not knowledge.size:
        return Retrieved()
    started_at = clock()
    today = started_at.astimezone(zone).date()
    async with slots.released():
        found = await knowledge.search(queries, language=language, today=today)
        if context and found.confidence < _SURE:
            found = _joined(found, await knowledge.search([context], language=language, today=today))
    retrieved = Retrieved.of(found)
    hits = [{"id": hit.id, "source": hit.source, "title": hit.title, "score": round(hit.score, 3), "stale": hit.stale}
            for hit in found.hits]  # fmt: skip
    output = {"mode": found.mode, **retrieved.written(), "hits": hits}
    steps.note("retrieval", "retrieval", "knowledge", given, output, started_at=started_at)
    return retrieved


_MOST_PARTS = 4
"""Questions of one message that are searched for one by one."""


def _context(text: str, history: Sequence[Line]) -> str | None:
    """A short message with those of the customer before it; `None` for one that is not short, or the first."""
    earlier = [line.text for line in history if line.author == "contact"]
    if not earlier or len(text.split()) >= _SHORT:
        return None
    before: list[str] = []
    for said in reversed(earlier[-_REMEMBERED:]):
        before.insert(0, said)
        if len(said.split()) >= _SHORT:
            break
    return " ".join([*before, text])


def _joined(own: "SearchResult", wider: "SearchResult") -> "SearchResult":
    """What was found for a message, followed by what was found for it together with those before it."""
    if own.off_topic:
        return wider
    known = {hit.id for hit in own.hits}
    return replace(own, hits=(*own.hits, *(hit for hit in wider.hits if hit.id not in known)))
