"""deploy/'s dashboard and alert rules, and docs/observability.md, use only metrics and labels that a running agent has."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from tests.acceptance.world import world

ROOT = Path(__file__).parents[2]
_SELECTOR = re.compile(r"\b([a-z][a-z0-9_]*)(?:\{([^}]*)\})?")
_BY = re.compile(r"\bby \(([^)]*)\)")
_WORDS = {"sum", "max", "by", "le", "rate", "delta", "histogram_quantile", "m", "h"}
_OF_PROMETHEUS = {"up": {"job", "instance"}}


def expressions() -> Iterator[str]:
    dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    rules = YAML(typ="safe").load((ROOT / "deploy/prometheus-alerts.yaml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def used() -> dict[str, set[str]]:
    """Labels by metric, in all expressions; those after `by` belong to each metric of the expression."""
    found: dict[str, set[str]] = defaultdict(set)
    for expression in expressions():
        grouped = {label.strip() for group in _BY.findall(expression) for label in group.split(",")} - {"le"}
        bare = re.sub(r"\[[^\]]*\]", "", _BY.sub("", expression))
        for name, selector in _SELECTOR.findall(re.sub(r'"[^"]*"', '""', bare)):
            if name in _WORDS or name.startswith("rate_interval"):
                continue
            found[name] |= grouped | set(re.findall(r"([a-z_]+)\s*[=!]", selector))
    return found


async def test_dashboard_alerts_and_page_name_metrics_and_labels_that_exist(tmp_path: Path) -> None:
    from tests.acceptance.shop import shop

    flow = {"name": "welcome", "on": "contact.created", "do": [{"note": "new"}]}
    hook = {"url": "http://127.0.0.1:9/x", "events": ["message.received"], "secret": "secret-of-this-test"}
    async with shop() as orders:
        network = {"allow_private": ["127.0.0.1"]}
        changes = {"actions": orders.actions(), "network": network, "workflows": [flow], "webhooks": [hook]}
        async with world(tmp_path, **changes) as here, httpx.AsyncClient(timeout=60) as client:
            here.model.answer = lambda asked: (
                "Dikirim." if asked.results else {"call": "get_order", "arguments": {"order_id": "KS-10234"}}
            )
            here.model.failures = [500]
            await here.start()
            here.sandbox.say(here.sandbox.phone("+6281234567802"), "pesanan KS-10234 sampai mana?")
            await here.texts(here.sandbox.phone("+6281234567802"), within=60)
            text = (await client.get(f"{here.url}/metrics")).text
    live: dict[str, set[str]] = {name: set(labels) for name, labels in _OF_PROMETHEUS.items()}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            live.setdefault(sample.name, set()).update(sample.labels)
    wanted = used()
    assert len(wanted) > 10
    assert {name: labels - live.get(name, set()) for name, labels in wanted.items()} == {name: set() for name in wanted}
    page = (ROOT / "docs/observability.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:balas|gen_ai_client|messaging_client)_[a-z_]+)`", page))
    voice = {name for name in named if name.startswith("balas_voice")}  # without voice here
    families = {family.name for family in text_string_to_metric_families(text)}
    assert named - voice <= families
    assert families - named == set()
