"""Every key of agent.yaml takes effect when it is put in place at a running agent, or is named: refused, or waiting for a restart."""

import asyncio
import functools
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path, PurePath
from types import FunctionType, MethodType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from agent import swap
from agent.assembly import open_agent
from agent.config import AgentConfig, loads
from agent.engine.embedded import EmbeddedEngine
from agent.engine.procrastinate import ProcrastinateEngine
from messaging.types import ContactKey
from settings import Settings
from tests.actions.qris.codes import STATIC

BASE = """
name: Melati
instructions: Jawab.
model: {name: offline}
messaging: {platform: aelyst, base_url: "http://127.0.0.1:9", token: t, webhook_secret: s}
knowledge: {embeddings: none}
"""
OTHER = """
name: Mawar
instructions: Answer.
language: en
timezone: Asia/Jayapura
model:
  name: m
  api_key: key-of-the-model
  base_url: http://127.0.0.1:9/v1
  temperature: 0.5
  options: {top_p: 0.5}
  headers: {X-A: b}
  timeout: 5s
  retries: 1
  max_tokens: 100
  price: {input: 1, output: 1}
  vision: false
  cache: none
  fallbacks: [offline]
messaging:
  - {platform: aelyst, name: other, base_url: "http://127.0.0.1:8", token: u, webhook_secret: z, rate: 5/s, timeout: 5s,
     uncertain: repeat, stale_after: 2d}
  - {platform: aisoule, name: third, base_url: "http://127.0.0.1:7", token: w, dialect: docs, account: a, webhook_secret: y}
conversation:
  quiet_window: {finished: 1s, unfinished: 3s, longest: 9s}
  history: 50
  pacing: 1s
  handover: {assign_to: a@example.com, when: [asked], assigned: answer, resume_after: 1h, resume_on: [closed], text: Hold on.}
  hours: {mon-fri: "08:00-17:00"}
  opt_out: {words: [halt], again: [go], tag: out, text: Fine.}
  on_failure: Sorry.
  on_failure_done: Done.
  voice_unclear: Pardon?
  voice_off: Please write.
knowledge:
  sources: [docs/*.md]
  embeddings: none
  passages: 3
  cite: true
  words: 300
  largest: 1MB
  suggestions: learned.md
actions: [{builtin: comment}]
payments: {qris: {payload: QRIS}}
voice:
  model: tiny
  language: id
  reply: {base_url: "http://127.0.0.1:9/v1", model: m}
  longest: 1m
  largest: 1MB
  confidence: 0.4
  beam: 1
  workers: 2
  threads: 1
  deadline: 1m
  memory: 2GB
  recycle: 100
  cache: models
  revision: "0123456789"
  allow_toy: true
followups: {limit: 1, rules: [{name: r, after: 1h, text: Still there?}], reminders: false, reminder_template: {name: remind}}
workflows: [{name: welcome, on: contact.created, do: [{note: Hello}]}]
webhooks: [{url: "https://example.com/hook", events: [handover], secret: secret-of-the-hook}]
limits:
  model_calls: 2
  actions: 3
  seconds: 30
  tokens_per_turn: 5000
  prompt_tokens: 5000
  turns_per_contact_per_day: 20
  workflow_messages_per_contact_per_day: 2
  usd_per_day: 5
  usd_per_contact_per_day: 1
  turns_at_once: 7
network: {allow_private: [10.0.0.1]}
server:
  public_url: https://agent.example.com
  api_token: token-of-the-owner
  tokens: [{name: Rina, token: token-of-rina}]
retention: {messages: 60d, steps: 10d, media: 2d}
"""
REFUSED = {
    "storage": "storage: sqlite:///other.db",
    "workers": "storage: postgresql://a:b@127.0.0.1:9/x\nworkers: true",
    "server.host": "server: {host: 127.0.0.2}",
    "server.port": "server: {port: 8081}",
    "knowledge.embeddings": "knowledge: {embeddings: auto}",
    "knowledge.chroma": "knowledge: {embeddings: none, chroma: {path: elsewhere}}",
}
"""Keys that a running agent refuses, each with the text that changes it."""


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Settings):
        for name in type(value).model_fields:
            yield from _leaves(getattr(value, name), f"{path}.{name}".lstrip("."))
    else:
        yield path, value


def _read(text: str, folder: Path) -> AgentConfig:
    (folder / "docs").mkdir(exist_ok=True)
    return loads(text.replace("payload: QRIS", f'payload: "{STATIC}"'), file=folder / "agent.yaml")


OURS = re.compile(r"(agent|actions|knowledge|messaging|voice|settings|language|workers)\b")
PLAIN = (str, bytes, int, float, bool, type(None), timedelta, date, PurePath, ZoneInfo, Enum, re.Pattern)
OWN = {
    "owner",
    "_owner",
    "_worker_id",
    "token",
    "_tasks",
    "_jobs",
    "resources",
    "_last",
    "_stack",
    "_pool",
    "_folder",
    "_open_readers",
    "_revision",
}
"""Attributes that differ between any two agents: names drawn by lot, what runs."""


def _differences(one: Any, two: Any, path: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Where two object graphs hold other values, as far as the objects are of this project."""
    if (id(one), id(two)) in seen:
        return
    seen.add((id(one), id(two)))
    if type(one) is not type(two):
        yield f"{path}: {type(one).__name__} instead of {type(two).__name__}"
    elif isinstance(one, SecretStr):
        yield from _differences(one.get_secret_value(), two.get_secret_value(), path, seen)
    elif isinstance(one, datetime):  # when something happened
        return
    elif isinstance(one, PLAIN):
        if one != two:
            yield f"{path}: {one!r} instead of {two!r}"
    elif isinstance(one, Mapping):
        if set(one) != set(two):
            yield f"{path}: {sorted(map(str, one))} instead of {sorted(map(str, two))}"
            return
        for key in one:
            yield from _differences(one[key], two[key], f"{path}[{key}]", seen)
    elif isinstance(one, list | tuple):
        if len(one) != len(two):
            yield f"{path}: {len(one)} instead of {len(two)}"
        for n, (left, right) in enumerate(zip(one, two, strict=False)):
            yield from _differences(left, right, f"{path}[{n}]", seen)
    elif isinstance(one, set | frozenset):
        if all(isinstance(each, PLAIN) for each in one) and one != two:
            yield f"{path}: {one} instead of {two}"
    elif isinstance(one, functools.partial):
        yield from _differences((one.func, one.args, one.keywords), (two.func, two.args, two.keywords), path, seen)
    elif isinstance(one, MethodType):
        yield from _differences(one.__self__, two.__self__, f"{path}()", seen)
    elif isinstance(one, FunctionType):
        left, right = one.__closure__ or (), two.__closure__ or ()
        for cell, other in zip(left, right, strict=True):
            yield from _differences(cell.cell_contents, other.cell_contents, f"{path}.<closure>", seen)
    elif OURS.match(type(one).__module__):
        for name in _names(one):
            if name not in OWN:
                yield from _differences(getattr(one, name, None), getattr(two, name, None), f"{path}.{name}", seen)


def _names(of: Any) -> list[str]:
    slots = [name for kind in type(of).__mro__ for name in getattr(kind, "__slots__", ())]
    return sorted({*getattr(of, "__dict__", {}), *(name for name in slots if not name.startswith("__"))})


def test_this_test_changes_every_key(tmp_path: Path) -> None:
    """A new key of agent.yaml is to get another value in `OTHER`, or stands in `REFUSED`."""
    base, other = dict(_leaves(_read(BASE, tmp_path))), dict(_leaves(_read(OTHER, tmp_path)))
    missing = {path for path in base if path in other and base[path] == other[path]}
    missing.discard("model.provider")  # only one is installed here; it is opened with the keys beside it
    assert {path for path in missing if not any(path.startswith(key) for key in REFUSED)} == set()


@pytest.mark.parametrize(("before", "after"), [(BASE, OTHER), (OTHER, BASE)], ids=["set", "taken away"])
async def test_a_running_agent_goes_by_each_key_as_a_new_process_would(tmp_path: Path, before: str, after: str) -> None:
    async with open_agent(_read(after, tmp_path)) as fresh:
        await fresh.knowledge.sync()
    async with open_agent(_read(before, tmp_path)) as running:
        await swap.replace(running, _read(after, tmp_path))
        await running.knowledge.sync()
        assert swap.waiting_for_restart(running) == []
    assert list(_differences(running, fresh, "agent", set())) == []


@pytest.mark.parametrize("key", REFUSED)
async def test_a_key_that_cannot_change_is_refused_by_its_name(tmp_path: Path, key: str) -> None:
    text = REFUSED[key]
    base = BASE if not text.startswith("knowledge") else BASE.replace("knowledge: {embeddings: none}\n", "")
    async with open_agent(_read(BASE, tmp_path)) as running:
        with pytest.raises(swap.NeedsRestart) as refused:
            await swap.replace(running, _read(base + text, tmp_path))
        assert key in refused.value.keys
        assert key in str(refused.value)
        assert running.config.text == BASE


async def test_of_many_workers_the_number_of_turns_waits_for_a_restart_and_is_named(tmp_path: Path) -> None:
    async with open_agent(_read(BASE, tmp_path)) as running:
        own, running.engine = running.engine, ProcrastinateEngine("postgresql://127.0.0.1:9/x", concurrent=1000)
        await swap.replace(running, _read(BASE + "limits: {turns_at_once: 5}", tmp_path))
        assert swap.waiting_for_restart(running) == ["limits.turns_at_once"]
        await swap.replace(running, _read(BASE, tmp_path))
        assert swap.waiting_for_restart(running) == []
        running.engine = own


async def test_embeddings_that_follow_the_models_key_wait_for_a_restart_and_are_named(tmp_path: Path) -> None:
    def text(key: str) -> AgentConfig:
        return _read(
            BASE.replace("{name: offline}", f"{{api_key: {key}}}").replace(
                "{embeddings: none}", "{sources: [docs/*.md]}"
            ),
            tmp_path,
        )

    async with open_agent(text("the-first-key")) as running:
        await swap.replace(running, text("another-key"))
        assert swap.waiting_for_restart(running) == ["knowledge.embeddings"]


async def test_the_first_source_brings_vectors_without_a_restart(tmp_path: Path) -> None:
    sources = "{sources: [docs/*.md]}"
    async with open_agent(_read(BASE.replace("{embeddings: none}", "{}"), tmp_path)) as running:
        assert running.knowledge.opened_with is None
        await swap.replace(running, _read(BASE.replace("{embeddings: none}", sources), tmp_path))
        assert running.knowledge.opened_with == "auto"
        assert swap.waiting_for_restart(running) == []


async def test_fewer_or_more_contacts_are_worked_on_at_once_from_the_moment_it_is_said() -> None:
    engine, busy, most, held = EmbeddedEngine(concurrent=4), 0, 0, asyncio.Event()

    async def handle(_contact: ContactKey, _deadline: datetime) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await held.wait()
        busy -= 1

    now = datetime.now(UTC)
    running = asyncio.ensure_future(engine.run(handle))
    for n in range(12):
        await engine.wake(ContactKey("p", str(n)), now)
    async with asyncio.timeout(60):
        while busy < 4:
            await asyncio.sleep(0)
        await engine.resize(6)
        while busy < 6:
            await asyncio.sleep(0)
        await engine.resize(1)
        most = 0
        held.set()
        while not engine.idle():
            await asyncio.sleep(0)
    assert most == 1
    await engine.stop(timedelta(seconds=60))
    await running


async def test_a_source_that_goes_out_of_date_does_so_at_once_though_its_text_is_the_same(tmp_path: Path) -> None:
    def text(source: str) -> AgentConfig:
        return _read(BASE.replace("{embeddings: none}", f"{{embeddings: none, sources: [{source}]}}"), tmp_path)

    before = text("{path: docs/toko.md}")
    (tmp_path / "docs" / "toko.md").write_text("# Promo\n\nKopi susu gratis untuk pembeli pertama.\n")
    async with open_agent(before) as running:
        await running.knowledge.sync()
        assert not (await running.knowledge.search(["kopi gratis?"])).hits[0].stale
        await swap.replace(running, text("{path: docs/toko.md, expires: 2020-01-01}"))
        assert (await running.knowledge.search(["kopi gratis?"])).hits[0].stale


async def test_embeddings_of_a_server_are_asked_for_after_many_changes(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(re.findall(rb"content-length: (\d+)", head.lower())[0])
        texts = json.loads(await reader.readexactly(size))["input"]
        body = json.dumps({"data": [{"index": n, "embedding": [1.0, 2.0]} for n in range(len(texts))]}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    embeddings = f"{{embeddings: {{model: e, base_url: 'http://{host}/v1'}}, sources: [docs/*.md]}}"
    text = BASE.replace("{embeddings: none}", embeddings) + f"network: {{allow_private: ['{host}']}}\n"
    config = _read(text, tmp_path)
    (tmp_path / "docs" / "toko.md").write_text("# Promo\n\nKopi susu gratis untuk pembeli pertama.\n")
    async with server, open_agent(config) as running:
        await running.knowledge.sync()
        await running.knowledge.settled()
        assert (await running.knowledge.search(["kopi gratis?"])).mode == "blend"
        for n in range(2):
            await swap.replace(running, _read(f"{text}language: {['id', 'en'][n]}\n", tmp_path))
        await running.stop()  # by now what the earlier ones used is closed
        assert (await running.knowledge.search(["minum apa?"])).mode == "blend"
