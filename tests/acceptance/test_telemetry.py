"""What a collector of OpenTelemetry sees of an agent, and that the agent does not depend on it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.shop import Shop, shop
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.world import World, world
from tests.postgres import Postgres
from tests.telemetry.collector import Collector, collector, grpc_collector

QUESTION = "pesanan KS-10234 punya saya sudah sampai mana?"
PHONE = "+6281234567811"


def _asks_for_the_order(asked: Asked) -> Answer:
    if asked.results:
        return "Pesanan KS-10234 sudah dikirim."
    return {"call": "get_order", "arguments": {"order_id": "KS-10234"}}


def _environment(to: Collector, **more: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": to.url,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        **more,
    }


@asynccontextmanager
async def _watched(folder: Path, **changes: Any) -> AsyncIterator[tuple[World, Collector, Shop]]:
    (folder / "jam.md").write_text("# Status pesanan\n\nPesanan dikirim tiap hari pukul 15.00 WIB.\n")
    knowledge = {"sources": [{"path": "jam.md"}], "embeddings": "none"}
    async with shop() as orders, collector() as seen:
        actions = [each for each in orders.actions() if each["name"] == "get_order"]
        private = {"allow_private": ["127.0.0.1"]}
        async with world(folder, actions=actions, knowledge=knowledge, network=private, **changes) as here:
            here.model.answer = _asks_for_the_order
            yield here, seen, orders


async def test_a_turn_is_one_trace_with_search_models_actions_and_the_delivery(tmp_path: Path) -> None:
    async with _watched(tmp_path) as (here, seen, _shop):
        await here.start(environment=_environment(seen))
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, QUESTION)
        await here.texts(budi, within=60)
        await seen.until("invoke_agent Melati", "send aelyst")
        (turn,) = seen.named("invoke_agent Melati")
        parts = [
            span for span in seen.spans if span is not turn and span.attributes.get("gen_ai.operation.name") != "memory"
        ]
        assert {span.name for span in parts} == {
            "chat stub",
            "execute_tool get_order",
            "retrieval knowledge",
            "send aelyst",
        }
        assert all(span.trace == turn.trace and span.parent == turn.id for span in parts)
        assert turn.parent == ""
        assert turn.service == "Melati"
        inside = [span for span in parts if span.name != "send aelyst"]
        assert all(turn.began <= span.began <= span.ended <= turn.ended for span in inside)
        assert len(seen.named("chat stub")) == 2
        chat = seen.named("chat stub")[0].attributes
        assert chat["gen_ai.provider.name"] == "openai"
        assert (chat["gen_ai.usage.input_tokens"], chat["gen_ai.usage.output_tokens"]) == (100, 10)
        assert chat["gen_ai.response.finish_reasons"] == ["tool_calls"]
        assert seen.named("execute_tool get_order")[0].attributes["balas.action.status"] == "done"
        assert turn.attributes["balas.turn.outcome"] == "answered"
        logged = [json.loads(line) for line in here.log if line.startswith("{")]
        ended = next(line for line in logged if line["event"] == "turn_ended")
        sent = next(line for line in logged if line["event"] == "delivery_sent")
        assert ended["trace_id"] == sent["trace_id"] == turn.trace
        assert ended["span_id"] == turn.id
        assert await here.stop() == 0
        assert {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"} <= set(seen.metrics)
        durations = seen.metrics["gen_ai.client.operation.duration"]
        assert sum(point["count"] for point in durations if point["gen_ai.operation.name"] == "chat") == 2


async def test_a_collector_may_speak_grpc(tmp_path: Path) -> None:
    async with _watched(tmp_path) as (here, _http, _shop), grpc_collector() as seen:
        await here.start(environment=_environment(seen, OTEL_EXPORTER_OTLP_PROTOCOL="grpc"))
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, QUESTION)
        await here.texts(budi, within=60)
        await seen.until("invoke_agent Melati", "chat stub", "execute_tool get_order", "send aelyst")
        assert len({span.trace for span in seen.spans if span.parent}) == 1
        assert await here.stop() == 0
        assert "gen_ai.client.operation.duration" in seen.metrics


async def test_a_protocol_that_is_not_spoken_is_named_and_the_agent_answers_without(tmp_path: Path) -> None:
    async with _watched(tmp_path) as (here, seen, _shop):
        await here.start(environment=_environment(seen, OTEL_EXPORTER_OTLP_PROTOCOL="http/json"))
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, QUESTION)
        assert await here.texts(budi, within=60)
        assert await here.stop() == 0
        (off,) = [line for line in here.log if "telemetry_off" in line]
        assert "'http/json' is not spoken here, only http/protobuf and grpc" in off
        assert seen.requests == 0


async def test_what_people_wrote_and_who_they_are_is_exported_only_when_asked_for(tmp_path: Path) -> None:
    words = ("sampai mana", "KS-10234", "dikirim", "Kamu Melati", "pukul 15.00", PHONE)
    async with _watched(tmp_path) as (here, seen, _shop):
        await here.start(environment=_environment(seen))
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, QUESTION)
        await here.texts(budi, within=60)
        assert await here.stop() == 0
        await seen.until("invoke_agent Melati", "send aelyst")
        silent = b"\n".join(seen.raw)
        assert [word for word in words if word.encode() in silent] == []
        seen.raw.clear()
        seen.spans.clear()
        await here.start(environment=_environment(seen, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true"))
        here.sandbox.say(budi, f"{QUESTION} tolong ya")
        await here.texts(budi, count=2, within=60)
        assert await here.stop() == 0
        await seen.until("invoke_agent Melati")
        told = b"\n".join(seen.raw)
        assert [word for word in words[:5] if word.encode() not in told] == []
        (action,) = seen.named("execute_tool get_order")
        assert json.loads(action.attributes["gen_ai.tool.call.arguments"]) == {"order_id": "KS-10234"}
        (turn,) = seen.named("invoke_agent Melati")
        asked = json.loads(turn.attributes["gen_ai.input.messages"])
        assert asked == [{"role": "user", "parts": [{"type": "text", "content": f"{QUESTION} tolong ya"}]}]


@pytest.mark.parametrize("answer", [500, 401, 0])
async def test_a_collector_that_fails_disturbs_no_turn(tmp_path: Path, answer: int) -> None:
    async with _watched(tmp_path) as (here, seen, _shop):
        environment = _environment(seen)
        if answer:
            seen.status = answer
        else:
            environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"  # nothing listens there
        await here.start(environment=environment)
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, QUESTION)
        assert "dikirim" in (await here.texts(budi, within=60))[0]
        assert await here.stop() == 0
        assert bool(answer) == bool(seen.requests)


async def test_a_model_that_fails_is_seen(tmp_path: Path) -> None:
    async with _watched(tmp_path) as (here, seen, _shop):
        here.model.failures = [500]
        await here.start(environment=_environment(seen))
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, QUESTION)
        await here.texts(budi, within=60)
        await seen.until("invoke_agent Melati")
        failed = [span for span in seen.named("chat stub") if span.failed]
        assert [span.attributes["error.type"] for span in failed] == ["InternalServerError"]
        assert len(seen.named("chat stub")) == 3


@pytest.mark.postgres
async def test_a_delivery_by_another_process_joins_the_trace_of_its_turn(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async with _watched(tmp_path, storage=postgres_server.database("traces"), workers=True) as (here, seen, _shop):
        environment = _environment(seen)
        await here.start(command=("serve", "--accept-only"), environment=environment)
        dying = await here.spawn("worker", environment={**environment, "BALAS_KILL_AT": "before-send"})
        await here.working(1)
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, QUESTION)
        async with asyncio.timeout(120):
            await dying.wait()
        await here.spawn("worker", environment=environment)
        await here.texts(budi, within=120)
        await seen.until("send aelyst", within=120)
        (sent,) = seen.named("send aelyst")
        logged = [json.loads(line) for line in here.log if line.startswith("{")]
        ended = next(line for line in logged if line["event"] == "turn_ended")
        assert (sent.trace, sent.parent) == (ended["trace_id"], ended["span_id"])


_OFF = """
import asyncio, sys
from pathlib import Path
from agent.cli.serve import running
from agent.config import load
import httpx

async def main():
    async with running(load(Path("agent.yaml")), port=0) as (agent, address):
        async with httpx.AsyncClient() as client:
            while (await client.get(f"{address}/readyz")).status_code != 200:
                await asyncio.sleep(0.05)
            assert (await client.get(f"{address}/metrics")).status_code == 200

asyncio.run(main())
ours = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "agent.telemetry.otlp")  # FastAPI imports the API
print(sorted(name for name in sys.modules if name.startswith(ours)))
"""


@pytest.fixture
def shop_folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.yaml").write_text(
        "name: Melati\ninstructions: Kamu Melati.\nmodel: {name: offline}\nvoice: {model: none}\n"
        "messaging: {token: x, base_url: 'http://127.0.0.1:9/v1', webhook_secret: abc}\n"
    )
    return tmp_path


@pytest.mark.parametrize("environment", [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}])
def test_nothing_of_opentelemetry_is_imported_when_it_is_off(shop_folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _OFF],
        cwd=shop_folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(shop_folder), "PYTHONPATH": str(Path.cwd()), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
