import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.qris.codes import TLS


@pytest.fixture
def serve():
    """Run an ASGI application on a free port of loopback; gives its base URL."""
    import asyncio

    import uvicorn

    @asynccontextmanager
    async def run(app: Callable[..., Awaitable[None]]) -> AsyncIterator[str]:
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task

    return run


@pytest.fixture
async def client():
    async with httpx.AsyncClient(timeout=5, verify=TLS) as made:
        yield made


@pytest.fixture(scope="session")
def rsa_keys():
    """A partner's RSA key pair in PEM form: private, public."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = generate_private_key(65537, 2048)
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )
