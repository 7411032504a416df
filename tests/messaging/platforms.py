"""What the tests of all platforms share: clients as agent.yaml describes them, on the strict servers."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from messaging import open_platform
from messaging.platform import MediaFile, Platform
from messaging.settings import MessagingSettings
from tests.messaging.servers import PNG, TOKEN, Server, running

NOW = datetime(2026, 11, 28, 10, 0, 30, tzinfo=UTC)
SECRET = "s3cret"
PICTURE = "https://agent.example/media/abc"


async def read_media(url: str) -> MediaFile:
    assert url == PICTURE
    return MediaFile(PNG, "image/png", "qris.png")


def settings(platform: str, **changes: Any) -> MessagingSettings:
    facts = {"platform": platform, "token": TOKEN, "webhook_secret": SECRET, "timeout": "2s", "rate": "1000/s"}
    return MessagingSettings.model_validate(facts | changes)


@asynccontextmanager
async def client(make: Callable[[], Server], platform: str, **changes: Any) -> AsyncIterator[tuple[Server, Any]]:
    """A strict server, and the client that speaks with it."""
    with running(make()) as server:
        async with httpx.AsyncClient(trust_env=False) as http:
            configured = settings(platform, base_url=server.url, **changes)
            yield server, open_platform(configured, http, lambda: NOW, read_media)


def offline(platform: str, **changes: Any) -> Platform:
    """A client that is only asked to read."""
    return open_platform(settings(platform, **changes), httpx.AsyncClient(), lambda: NOW)


def body_of(value: Any) -> bytes:
    return json.dumps(value).encode()
