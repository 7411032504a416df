"""The switch of OpenTelemetry: by the standard environment variables, and nothing of it is imported when it is off.

On when `OTEL_EXPORTER_OTLP_ENDPOINT` (or the one for traces or metrics) is set, or `OTEL_TRACES_EXPORTER=otlp`; off with
`OTEL_SDK_DISABLED=true`. Headers, time-outs, sampling, batches and the resource follow the variables of
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from agent.telemetry import spans

log = structlog.get_logger()


def wanted(environment: Mapping[str, str], signal: str = "TRACES") -> bool:
    """Whether a signal (`TRACES` or `METRICS`) is to be exported."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get(f"OTEL_{signal}_EXPORTER", "").lower()
    if exporter:
        return "otlp" in exporter
    return any(
        environment.get(name) for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    )


@asynccontextmanager
async def exporting(environment: Mapping[str, str], agent: str, version: str) -> AsyncIterator[None]:
    """Export while the process works, if the environment asks for it.

    Args:
        environment: of the process, with what `.env` adds.
        agent: `service.name`, unless the environment has one.
        version: `service.version`.
    """
    if not (wanted(environment) or wanted(environment, "METRICS")):
        yield
        return
    for name, value in environment.items():
        if name.startswith("OTEL_"):  # the SDK reads the process's own
            os.environ.setdefault(name, value)
    try:
        from agent.telemetry.otlp import Otlp

        exporter = Otlp(agent, version, traces=wanted(os.environ), metrics=wanted(os.environ, "METRICS"))
    except (ImportError, ValueError) as error:
        log.error("telemetry_off", reason=str(error), remedy="pip install 'balas[otel]', and see the OTEL_ variables")
        yield
        return
    spans.export_to(exporter)
    log.info("telemetry_on", content=exporter.content)
    try:
        yield
    finally:
        spans.export_to(None)
        await exporter.aclose()
