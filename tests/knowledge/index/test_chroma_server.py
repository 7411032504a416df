"""Chroma as a server of its own: `chroma run`, killed while the agent searches, and started again."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from knowledge import Knowledge, KnowledgeSettings
from knowledge.index import chroma, dense
from tests.knowledge.conftest import OpenKnowledge
from tests.knowledge.index.test_embeddings import EmbeddingServer
from tests.knowledge.memory import MemoryStore


class Chroma:
    """`chroma run` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [Path(sys.executable).parent / "chroma", "run", "--path", self.folder, "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/api/v2/heartbeat", trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the Chroma server did not start")

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroma]:
    running = Chroma(tmp_path_factory.mktemp("chroma"))
    running.start()
    yield running
    running.kill()


@pytest.fixture
async def embeddings() -> AsyncIterator[EmbeddingServer]:
    model = EmbeddingServer()
    listening = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    model.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield model
    listening.close()


async def test_keywords_go_on_while_the_server_is_gone_and_vectors_come_back_with_it(
    tmp_path: Path,
    server: Chroma,
    embeddings: EmbeddingServer,
    open_knowledge: OpenKnowledge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dense, "RETRY_DELAY", 0.5)
    (tmp_path / "a.md").write_text("# Hotel\n\n## Menginap\n\nPenginapan mulai 200000.\n\n## Minum\n\nKopi 10000.\n")
    knowledge = await open_knowledge(
        "a.md", embeddings={"model": "m", "base_url": embeddings.url}, chroma={"url": server.url}
    )
    await knowledge.sync()
    await knowledge.settled()
    assert (knowledge.problem, (await knowledge.search(["kamar"])).mode) == (None, "blend")

    searching = [asyncio.create_task(knowledge.search(["harga kopi"])) for _ in range(4)]
    await asyncio.to_thread(server.kill)
    for found in await asyncio.gather(*searching):
        assert found.hits[0].text == "Kopi 10000."
    found = await knowledge.search(["harga kopi"])
    assert (found.mode, found.hits[0].text) == ("keywords", "Kopi 10000.")

    await asyncio.to_thread(shutil.rmtree, server.folder)  # it comes back empty: the ledger has everything
    await asyncio.to_thread(server.start)
    async with asyncio.timeout(90):
        while (await knowledge.search(["kamar"])).mode != "blend":
            await knowledge.refresh()
            await asyncio.sleep(0.2)
    assert (await knowledge.search(["kamar"])).hits[0].text == "Penginapan mulai 200000."
    assert len(embeddings.texts) < 15, "passages are embedded once, whatever happens to Chroma"


async def test_a_server_that_hangs_is_not_waited_for(
    tmp_path: Path,
    server: Chroma,
    embeddings: EmbeddingServer,
    open_knowledge: OpenKnowledge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chroma, "SERVER_TIMEOUT", 60.0)
    (tmp_path / "a.md").write_text("# Minum\n\nKopi 10000.\n")
    knowledge = await open_knowledge(
        "a.md", embeddings={"model": "m", "base_url": embeddings.url}, chroma={"url": server.url}
    )
    await knowledge.sync()
    await knowledge.settled()
    server.send(signal.SIGSTOP)
    try:
        async with asyncio.timeout(55):  # the client itself would wait for longer
            found = await knowledge.search(["harga kopi"])
        assert found.mode == "keywords"
        async with asyncio.timeout(120):
            await knowledge.aclose()
    finally:
        server.send(signal.SIGCONT)


async def test_agents_on_one_server_leave_each_other_s_passages_alone(tmp_path: Path, server: Chroma) -> None:
    settings = KnowledgeSettings.model_validate({"sources": ["a.md"], "chroma": {"url": server.url}})
    (tmp_path / "a.md").write_text("# Minum\n\nKopi 10000.\n")
    async with httpx.AsyncClient() as client:
        for _ in range(2):
            async with await Knowledge.open(settings, tmp_path, MemoryStore(), client) as knowledge:
                await knowledge.sync()
                await knowledge.settled()
                assert knowledge.problem is None

    def counts() -> list[int]:
        import chromadb

        client = chromadb.HttpClient(host="127.0.0.1", port=server.port)
        return [collection.count() for collection in client.list_collections() if collection.count() == 1]

    assert (await asyncio.to_thread(counts))[-2:] == [1, 1]


async def test_processes_that_share_ledger_and_server_agree_on_what_it_holds(tmp_path: Path, server: Chroma) -> None:
    settings = KnowledgeSettings.model_validate({"sources": ["a.md"], "chroma": {"url": server.url}})
    store = MemoryStore()
    (tmp_path / "a.md").write_text("# Minum\n\nKopi 10000.\n")
    async with httpx.AsyncClient() as client:
        one = await Knowledge.open(settings, tmp_path, store, client)
        other = await Knowledge.open(settings, tmp_path, store, client)
        async with one, other:
            await one.settled()
            await other.settled()
            await one.sync()
            (tmp_path / "a.md").write_text("# Minum\n\nTeh 8000.\n\n# Makan\n\nRoti 9000.\n")
            await one.sync()
            await other.refresh()
            (tmp_path / "a.md").write_text("# Makan\n\nRoti 9500.\n")
            await other.sync()
            await one.refresh()
            assert (one.problem, other.problem) == (None, None)
            for each in (one, other):
                assert [hit.text for hit in (await each.search(["roti"])).hits] == ["Roti 9500."]
