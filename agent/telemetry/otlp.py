"""Spans and metrics to an OpenTelemetry collector. `agent.telemetry.environment` says when; only then is this imported.

Spans are handed to a thread that sends them in batches: a collector that is slow, away or broken costs spans, never a turn.

What people wrote (prompts, answers, arguments, results, queries) and whom the agent talked to is exported only with
`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true`, with secrets masked.
"""

import asyncio
import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import structlog
from opentelemetry import trace
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from agent.logging import masked
from agent.telemetry.spans import BUCKETS, TOKEN_BUCKETS, Span

log = structlog.get_logger()

CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_FLUSH = 5.0
"""Seconds that a process which stops gives its last spans."""

_PROTOCOLS = ("http/protobuf", "grpc")
_NO_GRPC = (
    "OTEL_EXPORTER_OTLP_PROTOCOL=grpc needs the package opentelemetry-exporter-otlp-proto-grpc, which is not installed"
)

_KINDS = {"chat": trace.SpanKind.CLIENT, "send": trace.SpanKind.PRODUCER}


class Otlp:
    """Exports spans, and durations and tokens as metrics, over OTLP."""

    def __init__(self, agent: str, version: str, *, traces: bool, metrics: bool) -> None:
        """Connect as `os.environ` says.

        Args:
            agent: `service.name`, unless the environment has one.
            version: `service.version`.
            traces: whether spans are exported.
            metrics: whether metrics are.

        Raises:
            ImportError: what the protocol needs is not installed.
            ValueError: a variable has a value that cannot be read.
        """
        self.agent = agent
        self.content = os.environ.get(CONTENT, "").lower() in ("true", "1", "span_only", "span_and_event")
        named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": agent}
        resource = Resource.create({**named, "service.version": version})
        self._ids = _Ids()
        self._traces: TracerProvider | None = None
        self._metrics: MeterProvider | None = None
        if traces:
            self._traces = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
            self._traces.add_span_processor(BatchSpanProcessor(_span_exporter()))
            self._tracer = self._traces.get_tracer("balas", version)
        if metrics:
            reader = PeriodicExportingMetricReader(_metric_exporter())
            self._metrics = MeterProvider([reader], resource, shutdown_on_exit=False)
            meter = self._metrics.get_meter("balas", version)
            self._durations: Histogram = meter.create_histogram(
                "gen_ai.client.operation.duration", "s", explicit_bucket_boundaries_advisory=list(BUCKETS)
            )
            self._sends: Histogram = meter.create_histogram(
                "messaging.client.operation.duration", "s", explicit_bucket_boundaries_advisory=list(BUCKETS)
            )
            self._tokens: Histogram = meter.create_histogram(
                "gen_ai.client.token.usage", "{token}", explicit_bucket_boundaries_advisory=list(TOKEN_BUCKETS)
            )

    def log_ids(self, turn: str) -> Mapping[str, str]:
        """The ids of a turn's trace and span."""
        return {"trace_id": f"{_trace_id(turn):032x}", "span_id": f"{_span_id(turn):016x}"}

    def export(self, span: Span) -> None:
        """Hand a span to the thread that sends it. Nothing that goes wrong here is the turn's."""
        try:
            if self._traces is not None:
                self._send(self._traces, span)
            if self._metrics is not None:
                self._measure(span)
        except Exception:
            log.exception("span_not_exported", operation=span.operation)

    def _send(self, traces: TracerProvider, span: Span) -> None:
        attributes = _attributes(span, content=self.content)
        context = trace.set_span_in_context(trace.INVALID_SPAN)
        if span.turn is not None and not span.is_turn:
            context = trace.set_span_in_context(trace.NonRecordingSpan(_parent(traces, span.turn)))
        kind, name = _KINDS.get(span.operation, trace.SpanKind.INTERNAL), f"{span.operation} {span.subject}"
        with self._ids.those_of(span.turn if span.is_turn else None):
            made = self._tracer.start_span(name, context, kind, attributes, start_time=span.began_at)
        if span.error is not None:
            made.set_status(trace.StatusCode.ERROR)
        made.end(span.ended_at)

    def _measure(self, span: Span) -> None:
        labels = span.labels
        (self._sends if span.operation == "send" else self._durations).record(span.seconds, labels)
        for kind in ("input", "output"):
            count = span.attributes.get(f"gen_ai.usage.{kind}_tokens")
            if isinstance(count, int):
                self._tokens.record(count, {**labels, "gen_ai.token.type": kind})

    async def aclose(self) -> None:
        """Send what is left, for a few seconds at most: a collector that is away does not keep the process from stopping."""
        closing = threading.Thread(target=self._shut_down, name="telemetry shutdown", daemon=True)
        closing.start()
        end = asyncio.get_running_loop().time() + _FLUSH
        while closing.is_alive() and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.02)

    def _shut_down(self) -> None:
        for provider in (self._traces, self._metrics):
            if provider is not None:
                provider.shutdown()


def _span_exporter() -> SpanExporter:
    """The exporter for the protocol that the environment names."""
    if _protocol("TRACES") == "grpc":
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
        except ImportError as error:
            raise ImportError(_NO_GRPC) from error
        return Grpc()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _metric_exporter() -> MetricExporter:
    if _protocol("METRICS") == "grpc":
        try:
            from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as Grpc
        except ImportError as error:
            raise ImportError(_NO_GRPC) from error
        return Grpc()
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return OTLPMetricExporter()


def _protocol(signal: str) -> str:
    general = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    named = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "") or general or _PROTOCOLS[0]
    if named not in _PROTOCOLS:
        raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL: {named!r} is not spoken here, only {' and '.join(_PROTOCOLS)}")
    return named


def _parent(traces: TracerProvider, turn: str) -> trace.SpanContext:
    """The turn's span, sampled or not as the process of the turn decides it: by the id of the trace."""
    decision = traces.sampler.should_sample(None, _trace_id(turn), "invoke_agent").decision
    flags = trace.TraceFlags(
        trace.TraceFlags.SAMPLED if decision is sampling.Decision.RECORD_AND_SAMPLE else trace.TraceFlags.DEFAULT
    )
    return trace.SpanContext(_trace_id(turn), _span_id(turn), is_remote=True, trace_flags=flags)


def _attributes(span: Span, *, content: bool) -> dict[str, Any]:
    attributes: dict[str, Any] = {**span.attributes, **span.labels}
    if (contact := attributes.pop("balas.contact", None)) is not None:
        attributes["gen_ai.conversation.id"] = contact if content else _pseudonym(contact)
    if content and span.content is not None:
        attributes |= {name: masked(text) for name, text in span.content().items()}
    return attributes


def _pseudonym(contact: str) -> str:
    """The same for the same contact, and not their phone number."""
    return hashlib.blake2b(contact.encode(), digest_size=8, person=b"contact").hexdigest()


def _trace_id(turn: str) -> int:
    return int.from_bytes(hashlib.blake2b(turn.encode(), digest_size=16, person=b"trace").digest()) or 1


def _span_id(turn: str) -> int:
    return int.from_bytes(hashlib.blake2b(turn.encode(), digest_size=8, person=b"span").digest()) or 1


class _Ids(RandomIdGenerator):
    """Random ids, but for the span of a turn."""

    def __init__(self) -> None:
        self._turn: str | None = None

    @contextmanager
    def those_of(self, turn: str | None) -> Iterator[None]:
        """Give the ids of a turn to what is made inside."""
        self._turn = turn
        try:
            yield
        finally:
            self._turn = None

    def generate_span_id(self) -> int:
        return super().generate_span_id() if self._turn is None else _span_id(self._turn)

    def generate_trace_id(self) -> int:
        return super().generate_trace_id() if self._turn is None else _trace_id(self._turn)
