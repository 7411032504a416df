"""A knowledge base over files in a temporary folder."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from knowledge.knowledge import Knowledge
from knowledge.settings import KnowledgeSettings
from knowledge.store import KnowledgeStore
from tests.knowledge.memory import MemoryStore
from tests.knowledge.site import Site


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


OpenKnowledge: TypeAlias = Callable[..., Awaitable[Knowledge]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def open_knowledge(tmp_path: Path, store: KnowledgeStore, clock: Clock) -> AsyncIterator[OpenKnowledge]:
    """`await open_knowledge(*sources, **settings)`; closed after the test."""
    opened: list[Knowledge] = []
    client = httpx.AsyncClient(trust_env=False)

    async def build(*sources: Any, **settings: Any) -> Knowledge:
        parsed = KnowledgeSettings.model_validate({"sources": sources, **settings})
        opened.append(await Knowledge.open(parsed, tmp_path, store, client, clock))
        return opened[-1]

    yield build
    for knowledge in opened:
        await knowledge.aclose()
    await client.aclose()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()
