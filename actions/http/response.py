"""From the answer to what the model is told, and whether to try again: plain functions over status, headers and body."""

import json
from collections.abc import Mapping
from datetime import timedelta

import structlog

from actions.action import EMPTY, Json, Outcome
from actions.arguments import deeper_than
from actions.http.settings import Response
from actions.template import fill, plain
from settings.backoff import Backoff
from settings.matching import finds_one, values_at
from settings.text import from_json

log = structlog.get_logger()

SHOWN = 6000  # characters of an answer that the model reads; the rest would push the conversation out of its memory
DEEPEST = 60  # levels of JSON; deeper nesting would exhaust the stack of what reads it, so it is taken as text
UNCLEAR = frozenset({500, 502, 504})
"""Statuses after which nobody knows whether an effect happened: the server or a gateway failed on the way."""

CONTENT_TYPES = ("application/json", "*+json", "text/*", "application/xml", "*+xml", "application/x-ndjson")
"""The kinds of answer that can be read out to a model."""


def interpret(
    settings: Response, status: int, content_type: str, body: bytes, values: Mapping[str, Json], *, effect: bool
) -> Outcome:
    """Make the outcome of a call that was answered.

    Args:
        settings: `response:` of the declared action; `errors` replaces what the model is told for a status.
        values: what the placeholders in `errors` stand for; without secrets.
        effect: whether the call changes something: after a 500, 502 or 504 it is then `unknown` whether it did.
    """
    if told := settings.errors.get(str(status)) or settings.errors.get(f"{status // 100}xx"):
        return Outcome("failed", fill(told, lambda name: plain(values.get(name))))
    if 200 <= status < 300:
        data = picked(settings.pick, parsed(content_type, body))
        return Outcome("done", shown(data) if data not in (None, "") else EMPTY, data)
    detail = shown(parsed(content_type, body))[:500]
    if effect and status in UNCLEAR:
        return Outcome(
            "unknown", f"The server failed with {status}; nobody knows whether it was done. {detail}".strip()
        )
    return Outcome("failed", f"It was not done: the server answered {status}. {detail}".strip())


def parsed(content_type: str, body: bytes) -> Json:
    """Read a body: JSON where it is JSON, under any content type; else its text."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") and kind != "text/json" and text.lstrip()[:1] not in ("{", "["):
        return text.strip()
    try:
        value: Json = from_json(text)
    except ValueError:
        return text.strip()
    return text.strip() if deeper_than(value, DEEPEST) else value


def picked(paths: Mapping[str, str] | None, value: Json) -> Json:
    """The parts that agent.yaml asks for. A path that can match several yields a list, one that matches nothing null."""
    if paths is None:
        return value
    if isinstance(value, str):
        return None
    found: dict[str, Json] = {name: _pick(path, value) for name, path in paths.items()}
    return found.get("", found)


def _pick(path: str, value: Json) -> Json:
    try:
        matches = values_at(path, value)
    except ValueError as error:
        log.warning("path_not_followed", path=path, reason=str(error))
        return None
    if finds_one(path):
        return matches[0] if matches else None
    return matches


def shown(value: Json) -> str:
    """A value as the model reads it, cut where it is too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value is not None else ""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} … (cut; {len(text):,} characters in all)"


BACKOFF = Backoff(first=timedelta(seconds=0.6), longest=timedelta(seconds=8))
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


def worth_retrying(status: int, *, repeatable: bool) -> bool:
    """Tell whether the same request may succeed later.

    429 was refused before anything was done (RFC 6585, 4), so it may be repeated even when the call is not idempotent.
    """
    return status == 429 or (repeatable and status in _RETRIED)
