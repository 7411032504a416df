"""Our own platforms fulfil what we ask of those of others."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from messaging import open_platform
from messaging.conformance import *  # noqa: F403 - the tests themselves
from messaging.conformance import Kit
from messaging.signature import sign
from tests.messaging import test_aisoule, test_telegram, test_unipile, test_whatsapp, test_zernio
from tests.messaging.platforms import SECRET, body_of, settings

SAMPLES = Path(__file__).parents[1] / "data" / "messaging" / "webhooks"


def digest(body: bytes, encoding: Any = "hex") -> str:
    return sign(SECRET.encode(), body, encoding)


def kit_of(platform: str, header: str, signed: Any, received: Any, own: Any, **changes: Any) -> Kit:
    configured = settings(platform, **({"base_url": "https://platform.example"} | changes))
    return Kit(
        lambda http: open_platform(configured, http, lambda: datetime(2026, 11, 28, 10, 0, 30, tzinfo=UTC)),
        lambda body: {header: signed(body)},
        body_of(received),
        None if own is None else body_of(own),
    )


KITS = {
    "aelyst": kit_of(
        "aelyst",
        "x-webhook-signature",
        lambda body: digest(body, "base64"),
        json.loads((SAMPLES / "message-received-text.json").read_bytes()),
        json.loads((SAMPLES / "message-sent.json").read_bytes()) if (SAMPLES / "message-sent.json").exists() else None,
    ),
    "aisoule": kit_of(
        "aisoule",
        "x-webhook-signature",
        digest,
        test_aisoule.HELP,
        {"event": "message.sent", "data": {"message_id": "w", "to": test_aisoule.PHONE}},
    ),
    "aisoule-docs": kit_of(
        "aisoule",
        "x-aisoule-signature",
        lambda body: f"sha256={digest(body)}",
        test_aisoule.DOCS,
        {"event": "message.sent", "data": {"message_id": "w", "recipient": "6281234567801"}},
        dialect="docs",
    ),
    "telegram": kit_of(
        "telegram", "x-telegram-bot-api-secret-token", lambda _: SECRET, test_telegram.received(text="halo"), None
    ),
    "unipile": kit_of(
        "unipile",
        "unipile-auth",
        lambda _: SECRET,
        test_unipile.received(),
        test_unipile.received(is_sender=True),
        account="acc_1",
    ),
    "whatsapp": kit_of(
        "whatsapp",
        "x-hub-signature-256",
        lambda body: f"sha256={digest(body)}",
        test_whatsapp.received(type="text", text={"body": "halo"}),
        test_whatsapp.notification(statuses=[{"id": "w", "status": "sent", "recipient_id": "1"}]),
        account="p1",
    ),
    "zernio": kit_of(
        "zernio",
        "x-zernio-signature",
        digest,
        test_zernio.received(),
        test_zernio.received(direction="outgoing"),
        account="acc_9",
    ),
}


@pytest.fixture(params=sorted(KITS))
def kit(request: pytest.FixtureRequest) -> Kit:
    return KITS[request.param]
