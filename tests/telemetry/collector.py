"""A collector for OTLP over HTTP or gRPC that keeps what it is sent, and fails as a test wants."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.web.listening import listening


@dataclass(frozen=True)
class Seen:
    """A span as the collector got it."""

    name: str
    trace: str
    id: str
    parent: str
    began: int
    ended: int
    failed: bool
    service: str
    attributes: dict[str, Any]


@dataclass
class Collector:
    """`status` answers every request; `raw` holds what was sent, byte for byte."""

    url: str = ""
    status: int = 200
    spans: list[Seen] = field(default_factory=list)
    metrics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)
    requests: int = 0

    async def traces(self, request: Request) -> Response:
        self.keep_spans(ExportTraceServiceRequest.FromString(await self._body(request)))
        return Response(status_code=self.status)

    def keep_spans(self, sent: ExportTraceServiceRequest) -> None:
        for resource in sent.resource_spans:
            service = _plain(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [_seen(span, service) for span in scope.spans]

    async def measured(self, request: Request) -> Response:
        self.keep_metrics(ExportMetricsServiceRequest.FromString(await self._body(request)))
        return Response(status_code=self.status)

    def keep_metrics(self, sent: ExportMetricsServiceRequest) -> None:
        for resource in sent.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = [
                        {**_plain(point.attributes), "count": point.count} for point in metric.histogram.data_points
                    ]
                    self.metrics[metric.name] = points

    async def _body(self, request: Request) -> bytes:
        self.requests += 1
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.raw.append(body)
        return body

    def named(self, name: str) -> list[Seen]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    async def until(self, *names: str, within: float = 60) -> None:
        """Wait until a span of each name has arrived."""
        async with asyncio.timeout(within):
            while not all(self.named(name) for name in names):
                await asyncio.sleep(0.05)


def _seen(span: Any, service: str) -> Seen:
    return Seen(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code == 2,
        service,
        _plain(span.attributes),
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)


class _Traces(TraceServiceServicer):
    def __init__(self, keep: Collector) -> None:
        self._keep = keep

    async def Export(self, request: Any, context: Any) -> ExportTraceServiceResponse:  # noqa: N802 - the protocol's
        self._keep.keep_spans(request)
        return ExportTraceServiceResponse()


class _Metrics(MetricsServiceServicer):
    def __init__(self, keep: Collector) -> None:
        self._keep = keep

    async def Export(self, request: Any, context: Any) -> ExportMetricsServiceResponse:  # noqa: N802 - the protocol's
        self._keep.keep_metrics(request)
        return ExportMetricsServiceResponse()


@asynccontextmanager
async def grpc_collector() -> AsyncIterator[Collector]:
    """The same, spoken to in gRPC."""
    one, server = Collector(), grpc.aio.server()
    add_TraceServiceServicer_to_server(_Traces(one), server)
    add_MetricsServiceServicer_to_server(_Metrics(one), server)
    one.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield one
    finally:
        await server.stop(0)


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A running collector; `url` is what `OTEL_EXPORTER_OTLP_ENDPOINT` is set to."""
    one = Collector()
    routes = [Route("/v1/traces", one.traces, methods=["POST"]), Route("/v1/metrics", one.measured, methods=["POST"])]
    async with listening(Starlette(routes=routes), "127.0.0.1", 0) as address:
        one.url = address
        yield one
