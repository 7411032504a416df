"""Gaps: unanswered questions, clustered by what they ask for, and written into Markdown files when accepted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from knowledge.errors import NoPlace
from knowledge.store import Gap
from language.lexicon import STOPWORDS
from language.tokens import words

SIMILAR = 0.55  # cosine of the hashed n-grams of two questions from which they count as the same
MAX_QUESTION = 300  # characters of a question that are stored

_PRIVATE = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.]+|[\w.+-]{64}@[\w-]{1,63}\.[\w.]+|\+?\d[\d\s().-]{6,40}\d"
)
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?(?:\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Questions that ask for the same. `id` is that of the one asked most, `nearest` the id of its best passage."""

    id: int
    question: str
    others: tuple[str, ...]
    times: int
    confidence: float
    nearest: str | None
    last_at: datetime
    members: tuple[int, ...]


def without_private(question: str) -> str:
    """Replace email addresses and phone numbers by `…` and cut the question to 300 characters: colleagues read the list."""
    return " ".join(_PRIVATE.sub("…", question).split())[:MAX_QUESTION]


def clustered(gaps: Sequence[Gap]) -> list[Cluster]:
    """Cluster similar questions, most asked first. A question joins the first cluster whose leader it resembles."""
    from knowledge.index.embeddings import HashedGrams  # with numpy, which commands that only note gaps need not load

    ordered = sorted(gaps, key=lambda gap: (-gap.times, gap.id))
    if not ordered:
        return []
    rows = HashedGrams().vectors([_content(gap.question) for gap in ordered])
    groups: list[list[int]] = []
    for at in range(len(ordered)):
        for group in groups:
            if float(rows[group[0]] @ rows[at]) >= SIMILAR:
                group.append(at)
                break
        else:
            groups.append([at])
    clusters = [_cluster([ordered[at] for at in group]) for group in groups]
    return sorted(clusters, key=lambda cluster: (-cluster.times, cluster.id))


def _content(question: str) -> str:
    said = words(question)
    return " ".join(word for word in said if word not in STOPWORDS) or " ".join(said)


def _cluster(gaps: Sequence[Gap]) -> Cluster:
    leader = gaps[0]
    return Cluster(
        id=leader.id,
        question=leader.question,
        others=tuple(gap.question for gap in gaps[1:]),
        times=sum(gap.times for gap in gaps),
        confidence=max(gap.confidence for gap in gaps),
        nearest=leader.nearest,
        last_at=max(gap.last_at for gap in gaps),
        members=tuple(gap.id for gap in gaps),
    )


def write_entry(file: Path, question: str, others: Sequence[str], answer: str) -> None:
    """Append a question with its answer to a Markdown file, which is created if needed.

    Args:
        others: further ways to ask it, which become aliases in the file's front matter.
    """
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    heading = question if question.rstrip().endswith("?") else f"{question.rstrip(' .!')}?"
    body = f"{text.rstrip()}\n\n" if text.strip() else ""
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace_file(file, with_aliases(f"{body}## {heading}\n\n{answer.strip()}\n", heading, others))


def write_aliases(file: Path, heading: str, phrasings: Sequence[str]) -> None:
    """Add phrasings of an entry to the front matter of its Markdown file.

    Raises:
        NoPlace: the file is no Markdown, or its front matter cannot be extended.
    """
    if file.suffix.lower() not in (".md", ".markdown"):
        raise NoPlace(
            f"{file} cannot hold further phrasings; accept the question as an entry of its own, with an answer"
        )
    _replace_file(file, with_aliases(file.read_text(encoding="utf-8"), heading, phrasings))


def with_aliases(text: str, heading: str, phrasings: Sequence[str]) -> str:
    """Add phrasings under `aliases: {heading: […]}` in the front matter of `text`.

    Raises:
        NoPlace: the front matter is not valid YAML, or its aliases are a list for the whole document.
    """
    if not phrasings:
        return text
    yaml = YAML()
    yaml.width = 10_000
    yaml.preserve_quotes = True
    match = _FRONT.match(text)
    try:
        front = (yaml.load(match[1]) if match else None) or {}
    except YAMLError as error:
        raise NoPlace(f"the front matter is not valid YAML: {str(error).splitlines()[0]}") from error
    known = front.setdefault("aliases", {})
    if isinstance(known, list):
        raise NoPlace(
            "`aliases` in the front matter is a list for the whole document; make it `heading: [phrasings]` first"
        )
    several = known.setdefault(heading, [])
    several.extend(phrasing for phrasing in phrasings if phrasing not in several)
    out = StringIO()
    yaml.dump(front, out)
    return f"---\n{out.getvalue()}---\n{text[match.end() :] if match else text}"


def _replace_file(file: Path, text: str) -> None:
    """Write atomically: a reader sees the old file or the new one."""
    draft = file.with_name(f".{file.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
