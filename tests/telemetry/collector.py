"""A collector for OTLP over HTTP that keeps what it is sent, and fails as a test wants."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
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
        body = await self._body(request)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = _plain(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [_seen(span, service) for span in scope.spans]
        return Response(status_code=self.status)

    async def measured(self, request: Request) -> Response:
        body = await self._body(request)
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = [
                        {**_plain(point.attributes), "count": point.count} for point in metric.histogram.data_points
                    ]
                    self.metrics[metric.name] = points
        return Response(status_code=self.status)

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


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A running collector; `url` is what `OTEL_EXPORTER_OTLP_ENDPOINT` is set to."""
    one = Collector()
    routes = [Route("/v1/traces", one.traces, methods=["POST"]), Route("/v1/metrics", one.measured, methods=["POST"])]
    async with listening(Starlette(routes=routes), "127.0.0.1", 0) as address:
        one.url = address
        yield one
