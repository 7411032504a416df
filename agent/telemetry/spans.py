"""Spans: what a turn did and how long it took, reported when it is over.

    with spans.turn(claimed.turn, platform, contact) as span:    # invoke_agent
        ...                                                      # the steps report themselves: retrieval, execute_tool
        with spans.measured("chat", chat.name) as call:          # chat
            ...

Names and attributes are those of the GenAI semantic conventions of OpenTelemetry
(https://github.com/open-telemetry/semantic-conventions-genai); what they do not know begins with `balas.`.

A trace is a turn, and its ids are made of the turn's id: a delivery that another process sends, hours later or after a crash,
joins it by what the ledger knows. A turn that is taken over is reported by the process that ends it.
"""

import json
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Value = str | int | float | bool | Sequence[str]
Content = Callable[[], Mapping[str, str]]
"""Makes the attributes that hold what people wrote; called only where the environment asks for content."""

BUCKETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Seconds: the bounds that the conventions give for `gen_ai.client.operation.duration`."""

TOKEN_BUCKETS = tuple(4**power for power in range(14))
"""Tokens: the bounds that the conventions give for `gen_ai.client.token.usage`."""

_SUBJECTS = {
    "invoke_agent": "gen_ai.agent.name",
    "chat": "gen_ai.request.model",
    "execute_tool": "gen_ai.tool.name",
    "retrieval": "gen_ai.data_source.id",
    "send": "messaging.system",
}
"""The attribute that names what an operation was done with."""

_OPERATIONS = {"retrieval": "retrieval", "action": "execute_tool"}
"""Kinds of steps that the conventions have an operation for."""


@dataclass(slots=True)
class Span:
    """One operation, from `began_at` to `ended_at` (nanoseconds since 1970).

    Attributes:
        operation: of the conventions where they have it: `invoke_agent`, `chat`, `execute_tool`, `retrieval`; `send` for a delivery.
        subject: what it was done with: the agent, a model, an action, a platform.
        turn: the id of the turn that it belongs to; `None`: to none.
        is_turn: whether it is the turn itself.
        attributes: without what people wrote.
        content: makes those with it.
        error: a short name of what went wrong; `None`: nothing.
    """

    operation: str
    subject: str
    turn: str | None
    began_at: int
    ended_at: int = 0
    is_turn: bool = False
    attributes: dict[str, Value] = field(default_factory=dict)
    content: Content | None = None
    error: str | None = None
    dropped: bool = False

    @property
    def labels(self) -> dict[str, str]:
        """What tells its metrics from those of others."""
        operation = "messaging.operation.name" if self.operation == "send" else "gen_ai.operation.name"
        named = {operation: self.operation, _SUBJECTS.get(self.operation, "balas.subject"): self.subject}
        return named if self.error is None else {**named, "error.type": self.error}

    @property
    def seconds(self) -> float:
        return max(0, self.ended_at - self.began_at) / 1e9

    def drop(self) -> None:
        """Report nothing: another process will."""
        self.dropped = True


class Exporter(Protocol):
    """Sends spans somewhere. It never raises and never waits."""

    def export(self, span: Span) -> None: ...
    def log_ids(self, turn: str) -> Mapping[str, str]: ...

    @property
    def agent(self) -> str: ...


@dataclass(slots=True)
class Histogram:
    """Values of this process since its start, by labels.

    Attributes:
        bounds: upper bounds of the buckets; one above all of them follows.
        counts: how many values fell into each bucket, and last their sum.
    """

    bounds: Sequence[float]
    counts: dict[tuple[tuple[str, str], ...], list[float]] = field(default_factory=dict)

    def observe(self, value: float, labels: Mapping[str, str]) -> None:
        """Count a value."""
        key = tuple(labels.items())
        row = self.counts.get(key)
        if row is None:
            row = self.counts[key] = [0.0] * (len(self.bounds) + 2)
        row[bisect_left(self.bounds, value)] += 1
        row[-1] += value


durations = Histogram(BUCKETS)
"""Seconds of operations: `gen_ai.client.operation.duration`."""

sends = Histogram(BUCKETS)
"""Seconds of requests to platforms: `messaging.client.operation.duration`."""

used_tokens = Histogram(TOKEN_BUCKETS)
"""Tokens of model calls: `gen_ai.client.token.usage`."""

_exporter: Exporter | None = None
_turn: ContextVar[str | None] = ContextVar("turn", default=None)


def export_to(exporter: Exporter | None) -> None:
    """Report to an exporter from now on; `None`: to none."""
    global _exporter  # noqa: PLW0603 - one for the process, as logging has it
    _exporter = exporter


def exporting_as() -> str | None:
    """The name of the agent under which spans are exported; `None`: they are not."""
    return None if _exporter is None else _exporter.agent


def log_ids(turn: str | None) -> Mapping[str, str]:
    """The ids of a turn's trace, for its log lines; none while nothing is exported."""
    return _exporter.log_ids(turn) if _exporter is not None and turn is not None else {}


@contextmanager
def turn(turn_id: str, agent: str, contact: str) -> Iterator[Span]:
    """Report a turn, unless it is dropped or left by an exception; what is reported inside belongs to it.

    Args:
        turn_id: its id in the ledger.
        agent: who answers.
        contact: whom, as the ledger names them.
    """
    token = _turn.set(turn_id)
    attributes: dict[str, Value] = {"balas.contact": contact, "balas.turn": turn_id}
    span = Span("invoke_agent", agent, turn_id, time.time_ns(), is_turn=True, attributes=attributes)
    try:
        yield span
    finally:
        _turn.reset(token)
    _report(span)


@contextmanager
def measured(
    operation: Literal["chat", "send"],
    subject: str,
    attributes: Mapping[str, Value] | None = None,
    *,
    of_turn: str | None = None,
) -> Iterator[Span]:
    """Report an operation when it is over, also when it fails.

    Args:
        operation: what is done.
        subject: with what.
        attributes: known before it.
        of_turn: the turn that it belongs to; by default the one that runs.
    """
    span = Span(operation, subject, of_turn or _turn.get(), time.time_ns(), attributes=dict(attributes or {}))
    try:
        yield span
    except BaseException as error:
        span.error = type(error).__name__
        raise
    finally:
        _report(span)


def used(span: Span, tokens_in: int, tokens_out: int, cached: int) -> None:
    """Note the tokens that a model call read and wrote.

    Args:
        cached: how many of `tokens_in` came from the server's cache.
    """
    span.attributes["gen_ai.usage.input_tokens"] = tokens_in
    span.attributes["gen_ai.usage.output_tokens"] = tokens_out
    if cached:
        span.attributes["gen_ai.usage.cache_read.input_tokens"] = cached
    used_tokens.observe(tokens_in, {**span.labels, "gen_ai.token.type": "input"})
    used_tokens.observe(tokens_out, {**span.labels, "gen_ai.token.type": "output"})


def spoken(read: Sequence[tuple[str, str]], written: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The content of a span that read and wrote messages, each a role and a text, as the conventions have it."""
    told = {"gen_ai.input.messages": read, "gen_ai.output.messages": written}
    return {
        name: _json([{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in messages])
        for name, messages in told.items()
    }


def step(turn_id: str, kind: str, name: str, given: Any, output: Any, began: datetime, ended: datetime) -> None:
    """Report a step of the turn that runs. A model call reports itself: one step may take several.

    Args:
        kind: of the step.
        name: of the action, or what else was asked.
        given: its input, as the ledger keeps it.
        output: what came of it, likewise.
        began: when, aware UTC.
        ended: when, aware UTC.
    """
    if kind == "model" or _turn.get() != turn_id:
        return
    span = Span(_OPERATIONS.get(kind, kind), name, turn_id, _nanoseconds(began), _nanoseconds(ended))
    if kind == "action":
        status = str(output.get("status", "done"))
        span.attributes |= {"gen_ai.tool.type": "function", "balas.action.status": status}
        span.error = status if status in ("failed", "refused", "unknown") else None
        span.content = lambda: {
            "gen_ai.tool.call.arguments": _json(given.get("arguments", given)),
            "gen_ai.tool.call.result": str(output.get("content", "")),
        }
    elif kind == "retrieval":
        hits = output.get("hits", [])
        span.attributes["balas.retrieval.hits"] = len(hits)
        span.attributes["balas.retrieval.confidence"] = float(output.get("confidence", 0.0))
        span.content = lambda: {
            "gen_ai.retrieval.query.text": "\n".join(given["queries"]),
            "gen_ai.retrieval.documents": _json([{"id": hit["id"], "score": hit["score"]} for hit in hits]),
        }
    _report(span)


def _report(span: Span) -> None:
    if span.dropped:
        return
    span.ended_at = span.ended_at or time.time_ns()
    (sends if span.operation == "send" else durations).observe(span.seconds, span.labels)
    if _exporter is not None:
        _exporter.export(span)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
