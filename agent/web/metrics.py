"""`/metrics`: the state of the ledger, and what this process has measured since its start, for Prometheus."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from agent.app import Agent
from agent.ledger import contacts, overview, webhooks, workflows
from agent.telemetry import spans


async def exposition(agent: Agent) -> tuple[bytes, str]:
    """The metrics and their content type."""
    found = await agent.database.read(overview.counts)
    counts, by_platform = found.tables, found.by_platform
    registry = CollectorRegistry()
    for table, help_text in (
        ("inbound", "Messages of customers, by state"),
        ("turn", "Turns, by state"),
        ("outbound", "Deliveries, by state"),
        ("followup", "Follow-ups, by state"),
    ):
        gauge = Gauge(f"balas_{table}", help_text, ["state"], registry=registry)
        for state, count in counts.get(table, {}).items():
            gauge.labels(state).set(count)
    flows = Gauge(
        "balas_workflow_runs", "Runs of workflows, by workflow and state", ["workflow", "state"], registry=registry
    )
    for name, states in (await agent.database.read(workflows.counts)).items():
        for state, count in states.items():
            flows.labels(name, state).set(count)
    told = Gauge("balas_webhook_deliveries", "Events told to other systems, by state", ["state"], registry=registry)
    for state, count in (await agent.database.read(webhooks.counts)).items():
        told.labels(state).set(count)
    for table, help_text in (("inbound", "Messages of customers"), ("outbound", "Deliveries")):
        gauge = Gauge(
            f"balas_platform_{table}", f"{help_text}, by platform and state", ["platform", "state"], registry=registry
        )
        for (name, state), count in by_platform.get(table, {}).items():
            gauge.labels(name, state).set(count)
    served = Gauge("balas_platform", "Platforms that are served; always 1", ["platform", "kind"], registry=registry)
    for name, kind in agent.platform_kinds().items():
        served.labels(name, kind).set(1)
    running, due = agent.engine.load()
    Gauge("balas_contacts_running", "Contacts being processed", registry=registry).set(running)
    Gauge("balas_contacts_due", "Contacts whose wake time is kept in memory", registry=registry).set(due)
    overdue = await agent.database.read(lambda connection: contacts.overdue(connection, agent.clock()))
    Gauge("balas_overdue_seconds", "How long the contact that waits the longest is overdue", registry=registry).set(
        overdue.total_seconds()
    )
    Gauge("balas_tokens", "Tokens used by all turns", registry=registry).set(counts["used"]["tokens"])
    Gauge("balas_cost_usd", "US dollars used by all turns", registry=registry).set(counts["used"]["usd"])
    away = Gauge("balas_mcp_servers_away", "MCP servers that were away at the start", registry=registry)
    away.set(len(agent.actions.away))
    if agent.transcriber is not None:
        stats = agent.transcriber.stats
        Gauge("balas_voice_waiting", "Voice notes in the queue", registry=registry).set(stats.waiting)
        Gauge("balas_voice_real_time_factor", "Seconds of work per second of sound", registry=registry).set(
            stats.real_time_factor
        )
    registry.register(_Histograms())
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Histograms(Collector):
    """The durations and tokens of this process, under the names that they have as OpenTelemetry's metrics in Prometheus."""

    def collect(self) -> Iterator[HistogramMetricFamily]:
        for name, help_text, histogram in (
            ("gen_ai_client_operation_duration_seconds", "Turns, model calls, actions, searches", spans.durations),
            ("gen_ai_client_token_usage", "Tokens of model calls", spans.used_tokens),
            ("messaging_client_operation_duration_seconds", "Requests to platforms", spans.sends),
        ):
            names = sorted({label for labels in histogram.counts for label, _ in labels})
            family = HistogramMetricFamily(name, help_text, labels=[label.replace(".", "_") for label in names])
            for labels, (*counts, total) in histogram.counts.items():
                values = [dict(labels).get(label, "") for label in names]
                bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
                family.add_metric(values, list(zip(bounds, accumulate(counts), strict=True)), total)
            yield family
