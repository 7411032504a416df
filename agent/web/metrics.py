"""What Prometheus reads. The ledger is asked when it is read: counters that survive a restart, and one truth for N processes."""

from agent.app import Agent
from agent.ledger import status


async def exposition(agent: Agent) -> tuple[bytes, str]:
    """The metrics and their content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

    counts = await agent.database.read(status.counts)
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
    running, due = agent.engine.load()
    Gauge("balas_contacts_running", "Contacts being seen to by this process", registry=registry).set(running)
    Gauge("balas_contacts_due", "Contacts that wait for their time in this process", registry=registry).set(due)
    Gauge("balas_tokens", "Tokens used by all turns", registry=registry).set(counts["used"]["tokens"])
    Gauge("balas_cost_usd", "US dollars used by all turns", registry=registry).set(counts["used"]["usd"])
    if agent.transcriber is not None:
        stats = agent.transcriber.stats
        Gauge("balas_voice_waiting", "Voice notes in the queue", registry=registry).set(stats.waiting)
        Gauge("balas_voice_real_time_factor", "Seconds of work per second of sound", registry=registry).set(
            stats.real_time_factor
        )
    return generate_latest(registry), CONTENT_TYPE_LATEST
