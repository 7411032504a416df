"""What `balas serve` says when it is ready."""

from agent.cli.announce import announcement
from agent.config import loads

HERE = "http://127.0.0.1:8080"
HEAD = "name: Sari\ninstructions: x\n"


def said(text: str) -> list[str]:
    return announcement(loads(HEAD + text, environment={}), HERE).splitlines()


def test_a_fresh_agent_is_told_its_webhook_what_is_missing_and_the_command_that_comes_next() -> None:
    lines = said("messaging: {platform: aelyst, webhook_secret: sandbox-secret}\nvoice: {model: none}\n")

    assert lines[:2] == ["Sari is ready.", "  webhook   http://127.0.0.1:8080/webhooks/sandbox   (sandbox)"]
    missing = [line.removeprefix("  missing   ").partition(" ")[0] for line in lines if line.startswith("  missing")]
    assert missing == ["messaging.token", "model.api_key", "knowledge.sources", "voice.model", "server.api_token"]
    assert "  next      balas sandbox --webhook http://127.0.0.1:8080/webhooks/sandbox" in lines


def test_webhooks_that_will_all_be_refused_are_told_beforehand() -> None:
    assert any("webhook_secret" in line and "401" in line for line in said(""))


def test_a_real_platform_needs_an_address_that_it_reaches() -> None:
    text = "messaging: {platform: telegram, token: t, webhook_secret: s}\n"
    lines = said(text)
    assert any("server.public_url is not set" in line for line in lines)
    assert not any("sandbox" in line for line in lines)

    lines = said(f"{text}server: {{public_url: 'https://agent.example', api_token: 12345678-abc}}\n")
    assert "  webhook   https://agent.example/webhooks/telegram   (telegram)" in lines
    assert "  console   http://127.0.0.1:8080/console/" in lines
    assert not any("public_url" in line for line in lines)
    assert lines[-1].startswith("  next      register the webhook at telegram")


def test_each_of_several_platforms_has_its_own_address_and_no_secret_is_said() -> None:
    lines = said(
        "messaging:\n  - {platform: telegram, name: a, token: rahasia-1, webhook_secret: rahasia-2}\n"
        "  - {platform: telegram, name: b, token: rahasia-3, webhook_secret: rahasia-4}\n"
    )
    assert [line.split()[1] for line in lines if "webhook  " in line] == [f"{HERE}/webhooks/a", f"{HERE}/webhooks/b"]
    assert "rahasia" not in "\n".join(lines)
