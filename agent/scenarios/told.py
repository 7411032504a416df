"""What a model is told before a conversation, its instructions and its tools, then and now: what of it is different, as two texts."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest

from agent.turn.loop import fingerprint, parts_of

Tools = Mapping[str, Mapping[str, str]]
"""What a model is told of its tools: the text of each part by its name, by the name of the tool."""

Pair = tuple[str | None, str | None]
"""A line then and the same now; `None` where there is none."""

NOT_KEPT = "another text, of which only a fingerprint is kept"
_LONGEST = 200
"""Characters of a line that are shown."""

_BEFORE = 60
"""Characters of a long line that are shown before the first one that is different."""

DATE = re.compile(r' date="\d{4}-\d\d-\d\d"')
_REFERENCE = re.compile(r"\bQR-[A-Z0-9]{8}\b")


def essence(text: str) -> str:
    """A text without what differs from run to run: references of payments, dates of documents."""
    return _REFERENCE.sub("…", DATE.sub("", text)).strip()


def lines_changed(old: str, new: str) -> Iterator[Pair]:
    """The lines of a text that are different, as pairs; of long ones the part that differs."""
    before, after = old.splitlines(), new.splitlines()
    for kind, start, end, other, last in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            for was, becomes in zip_longest(before[start:end], after[other:last]):
                yield (
                    None if was is None else _excerpt(was, becomes or ""),
                    None if becomes is None else _excerpt(becomes, was or ""),
                )


def _excerpt(line: str, other: str) -> str:
    """A line as far as it can be shown: where it begins to differ from another."""
    same = next((at for at, (mine, theirs) in enumerate(zip(line, other, strict=False)) if mine != theirs), len(other))
    at = max(0, min(same, len(line)) - _BEFORE) if len(line) > _LONGEST else 0
    rest = line[at:]
    return ("…" if at else "") + (rest if len(rest) <= _LONGEST else f"{rest[:_LONGEST]}…")


def tools_changed(then: Tools, now: Tools) -> Iterator[Pair]:
    """What is told of tools otherwise, a line for then and one for now: an action that is gone or new, and each part that differs."""
    for name in sorted({*then, *now}):
        if name not in now:
            yield f"action {name}: {_shown(then[name]['description'])}", f"no action {name}"
        elif name not in then:
            yield f"no action {name}", f"action {name}: {_shown(now[name]['description'])}"
        else:
            for part in sorted({*then[name], *now[name]}):
                old, new = then[name].get(part), now[name].get(part)
                if old != new:
                    yield _part(name, part, old, new or ""), _part(name, part, new, old or "")


def _part(name: str, part: str, text: str | None, other: str) -> str:
    return f"{name}: no {part}" if text is None else f"{name}, {part}: {_shown(text, other)}"


def _shown(text: str, other: str = "") -> str:
    return _excerpt(" ".join(text.split()), " ".join(other.split()))


def read_tools(described: Mapping[str, str]) -> Tools:
    """The parts of tools that are described as JSON, by their names."""
    return {name: parts_of(json.loads(text)) for name, text in described.items()}


def kept_tools(fingerprints: Tools, now: Tools) -> Tools:
    """The tools of a recorded call, of which fingerprints are kept: the texts of now where they are the same."""
    texts = {name: {each: fingerprint(text) for each, text in parts.items()} for name, parts in now.items()}
    return {
        name: {
            part: now[name][part] if texts.get(name, {}).get(part) == kept else NOT_KEPT for part, kept in parts.items()
        }
        for name, parts in fingerprints.items()
    }
