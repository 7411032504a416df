"""What `balas serve` says when it is ready: the webhook addresses, what is missing, and the next step."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from agent.config import AgentConfig
from agent.config.semantics import is_local
from messaging.settings import BASE_URLS, MessagingSettings
from voice.settings import NONE


def announcement(config: AgentConfig, address: str) -> str:
    """Describe a server that is ready, a line for each thing; holds no secret.

    Args:
        config: the agent's.
        address: where this process listens, e.g. `http://127.0.0.1:8080`.
    """
    base = (config.server.public_url or address).rstrip("/")
    lines = [f"{config.name} is ready."]
    lines += [f"  {name:<9} {text}" for name, text in (*_addresses(config, base, address), *_next(config, base))]
    return "\n".join(lines)


def _addresses(config: AgentConfig, base: str, address: str) -> Iterator[tuple[str, str]]:
    for entry in config.platforms:
        yield "webhook", f"{_webhook(entry, base)}   ({entry.effective_platform})"
    if config.server.api_token or config.server.tokens:
        yield "console", f"{address}/console/"
    for missing in _missing(config, base):
        yield "missing", missing


def _webhook(entry: MessagingSettings, base: str) -> str:
    return f"{base}/webhooks/{entry.effective_name}"


def _missing(config: AgentConfig, base: str) -> Iterator[str]:
    """Say what keeps the agent from answering, or from answering well."""
    for entry in config.platforms:
        platform = entry.effective_platform
        if platform != entry.platform:
            yield f"messaging.token is empty, so the sandbox stands in for {entry.platform}"
        if entry.webhook_secret is None or (not entry.signing_keys and not entry.accepts_unsigned):
            yield f"messaging.webhook_secret is empty, so every webhook of {entry.effective_name} is refused (401)"
        if platform != "sandbox" and is_local(base):
            yield f"server.public_url is not set, and {platform} cannot reach {base}: see docs/going-live.md"
    if config.model.offline and config.model.name != "offline":
        yield "model.api_key is empty, so answers come straight from the documents, without a language model"
    if not config.knowledge.sources:
        yield "knowledge.sources is empty: the agent knows its instructions only"
    if config.voice.model == NONE:
        yield "voice.model is none, so voice notes go to humans: `balas voice pull small`"
    if not config.server.api_token and not config.server.tokens:
        yield "server.api_token is not set, so the console and /api/v1 are closed"


def _next(config: AgentConfig, base: str) -> Iterator[tuple[str, str]]:
    """Say what to do now, with commands that can be pasted."""
    for entry in config.platforms:
        platform = entry.effective_platform
        if platform == "sandbox":
            secret = "" if entry.signing_keys == (b"sandbox-secret",) else " --secret …"
            port = urlsplit(entry.effective_base_url or "").port or 8099
            asked = "" if port == 8099 else f" --port {port}"
            yield "next", f"balas sandbox --webhook {_webhook(entry, base)}{asked}{secret}"
            yield "", f"then chat at http://127.0.0.1:{port}/"
        elif is_local(base):
            yield "next", "give this machine an address on the internet, and write it as server.public_url"
        elif platform in BASE_URLS:
            yield "next", f"register the webhook at {platform}, then `balas check --online`, then write a message"
