"""The `messaging:` part of agent.yaml."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from messaging import open_platform
from messaging.errors import SignatureError
from messaging.settings import MessagingSettings
from messaging.signature import sign


def settings(**values: Any) -> MessagingSettings:
    return MessagingSettings.model_validate(values)


def test_an_empty_block_means_the_sandbox() -> None:
    empty = settings()
    assert (empty.platform, empty.effective_platform) == ("aelyst", "sandbox")
    assert empty.timeout == timedelta(seconds=30)


def test_an_address_meant_for_the_platform_is_not_used_for_the_sandbox() -> None:
    without = settings(platform="aelyst", base_url="https://api.aelyst.ai/v1", token="")
    assert without.effective_base_url != "https://api.aelyst.ai/v1"
    assert settings(platform="aelyst", token="t").effective_base_url == "https://api.aelyst.ai/v1"
    assert settings(base_url="https://api.respond.io/v2/", token="t").effective_base_url == "https://api.respond.io/v2"
    assert settings(platform="sandbox", base_url="http://127.0.0.1:9/v1").effective_base_url == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize("secret", [None, "", "  "])
async def test_a_secret_that_is_not_configured_refuses_every_webhook(secret: str | None) -> None:
    async with httpx.AsyncClient() as client:
        platform = open_platform(settings(token="t", webhook_secret=secret), client)
        for signature in ({}, {"x-webhook-signature": sign(b"", b"{}", "base64")}):
            with pytest.raises(SignatureError):
                platform.verify(signature, b"{}")


async def test_the_word_none_accepts_unsigned_webhooks() -> None:
    async with httpx.AsyncClient() as client:
        open_platform(settings(token="t", webhook_secret="none"), client).verify({}, b"{}")


async def test_each_of_several_secrets_verifies() -> None:
    async with httpx.AsyncClient() as client:
        platform = open_platform(settings(token="t", webhook_secret="one, two,three"), client)
        for key in (b"one", b"two", b"three"):
            platform.verify({"x-webhook-signature": sign(key, b"{}", "base64")}, b"{}")
        with pytest.raises(SignatureError):
            platform.verify({"x-webhook-signature": sign(b"four", b"{}", "base64")}, b"{}")


async def test_the_digest_can_be_configured() -> None:
    async with httpx.AsyncClient() as client:
        platform = open_platform(settings(token="t", webhook_secret="s", signature_encoding="hex"), client)
        platform.verify({"x-webhook-signature": sign(b"s", b"{}", "hex")}, b"{}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"platform": "whatsup"},
        {"base_url": "api.aelyst.ai"},
        {"rate": "5"},
        {"timeout": 30},
        {"timeout": "0s"},
        {"tokn": "x"},
        {"signature_encoding": "base32"},
    ],
)
def test_a_wrong_value_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_secrets_are_not_shown() -> None:
    shown = repr(settings(token="top-secret", webhook_secret="also-secret"))
    assert "top-secret" not in shown
    assert "also-secret" not in shown
