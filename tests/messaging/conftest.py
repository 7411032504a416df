"""A stub platform and a client that speaks with it."""

import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import httpx
import pytest

from messaging.aelyst import Aelyst
from messaging.aelyst.addresses import Addresses
from settings import Rate
from tests.messaging.stub import Stub, running_stub


@pytest.fixture(scope="session")
def stub_server() -> Iterator[Stub]:
    with running_stub() as running:
        yield running


@pytest.fixture
def stub(stub_server: Stub) -> Stub:
    stub_server.forget()
    return stub_server


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """Reading the certificates of the system takes longer than most tests: once is enough."""
    return ssl.create_default_context()


@pytest.fixture
async def http(tls: ssl.SSLContext) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, verify=tls) as client:
        yield client


@pytest.fixture
def aelyst(stub: Stub, http: httpx.AsyncClient) -> Aelyst:
    return Aelyst(
        http,
        base_url=stub.url,
        token="t0ken",
        keys=[b"secret"],
        rate=Rate(1000, timedelta(seconds=1)),
        timeout=timedelta(seconds=5),
        addresses=Addresses(delay=timedelta()),
    )
