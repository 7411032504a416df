from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from messaging.sandbox import RunningSandbox, SandboxOptions
from tests.sandbox.receiver import Receiver

SOON = timedelta(milliseconds=5)
QUICK = SandboxOptions(port=0, rate=None, sent_after=SOON, delivered_after=2 * SOON, webhook_backoff=SOON)


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with RunningSandbox(QUICK) as running:
        yield running


@pytest.fixture
async def api(sandbox: RunningSandbox) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    async with httpx.AsyncClient(base_url=sandbox.api_url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
async def control(sandbox: RunningSandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{sandbox.url}/sandbox", trust_env=False) as client:
        yield client


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running
