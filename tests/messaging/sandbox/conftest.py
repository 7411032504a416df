import inspect
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from messaging.sandbox import RunningSandbox, SandboxOptions
from tests.messaging.sandbox.receiver import Receiver

SOON = timedelta(milliseconds=5)
QUICK = SandboxOptions(port=0, rate=None, sent_after=SOON, delivered_after=2 * SOON, webhook_backoff=SOON)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for this folder, so that its tests can share one server."""
    here = str(Path(__file__).parent)
    for item in items:
        if (
            str(item.path).startswith(here)
            and isinstance(item, pytest.Function)
            and inspect.iscoroutinefunction(item.function)
        ):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def running() -> AsyncIterator[RunningSandbox]:
    async with RunningSandbox(QUICK) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def connections() -> AsyncIterator[httpx.AsyncHTTPTransport]:
    """Shared by the clients of all tests, which are therefore never closed themselves."""
    async with httpx.AsyncHTTPTransport(verify=False) as transport:
        yield transport


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(running: RunningSandbox) -> RunningSandbox:
    """A sandbox as on its first day."""
    for number in list(running.state.webhooks.targets):
        running.state.webhooks.remove(number)
    running._targets = 0
    running.state.reset()
    return running


@pytest_asyncio.fixture(loop_scope="session")
async def api(sandbox: RunningSandbox, connections: httpx.AsyncHTTPTransport) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    return httpx.AsyncClient(base_url=sandbox.api_url, headers=headers, transport=connections)


@pytest_asyncio.fixture(loop_scope="session")
async def control(sandbox: RunningSandbox, connections: httpx.AsyncHTTPTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"{sandbox.url}/sandbox", transport=connections)


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as started:
        yield started
