"""The `messaging:` part of agent.yaml."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from messaging.signature import Encoding
from settings import Duration, Rate, Settings

PlatformName = Literal["aelyst", "aisoule", "unipile", "zernio", "sandbox"]

PLANNED_PLATFORMS: frozenset[str] = frozenset({"aisoule", "unipile", "zernio"})
"""Accepted in agent.yaml, without a client so far: `balas check` reports them as not active yet."""

BASE_URLS: dict[str, str | None] = {
    "aelyst": "https://api.aelyst.ai/v1",
    "aisoule": "https://app.aisoule.com/api",
    "unipile": None,  # every customer has a host of their own
    "zernio": "https://zernio.com/api",
    "sandbox": "http://127.0.0.1:8099/v1",
}
"""Where a platform lives unless `messaging.base_url` says otherwise. The sandbox answers on the port of `balas sandbox`."""

_ENCODINGS: dict[str, Encoding] = {"aisoule": "hex", "zernio": "hex"}

UNSIGNED = "none"
"""Written out as `webhook_secret: none`, it accepts webhooks without a signature."""


class MessagingSettings(Settings):
    """Which messaging platform the agent uses, and how."""

    platform: PlatformName = Field(
        default="aelyst",
        description="The messaging platform: `aelyst` (also serves respond.io, with another `base_url`), `aisoule`, `unipile`, "
        "`zernio`, or `sandbox`, the local platform that comes along.",
    )
    base_url: str | None = Field(
        default=None,
        description="Where the platform's API lives, e.g. `https://api.respond.io/v2`; left out, the platform's own address.",
    )
    token: SecretStr = Field(
        default=SecretStr(""),
        description="The access token of the platform's API. Empty: the sandbox is used instead of the platform.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="The signing key of the webhook; several, separated by commas, where each webhook has its own. Left out, "
        "every webhook is refused; the word `none` accepts unsigned ones.",
    )
    signature_encoding: Encoding | None = Field(
        default=None,
        description="How the platform writes the webhook signature, `base64` or `hex`; left out, as that platform is known to.",
    )
    rate: Rate = Field(
        default=Rate(5, timedelta(seconds=1)),
        description="Requests allowed per method and path. What the platform says in its answers wins.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=30),
        description="The longest one request to the platform may take.",
    )

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        if not value.startswith(("https://", "http://")):
            raise ValueError(f"{value!r} is not a web address; write e.g. https://api.aelyst.ai/v1")
        return value.rstrip("/")

    @field_validator("timeout")
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        if value <= timedelta():
            raise ValueError("0s leaves no time for an answer; write e.g. 30s")
        return value

    @property
    def effective_platform(self) -> PlatformName:
        """The platform that is really used: without a token it is the sandbox."""
        return self.platform if self.token.get_secret_value().strip() else "sandbox"

    @property
    def effective_base_url(self) -> str | None:
        """The address that goes with `effective_platform`; an address meant for the real platform is not used for the sandbox."""
        if self.base_url is not None and self.effective_platform == self.platform:
            return self.base_url
        return BASE_URLS[self.effective_platform]

    @property
    def effective_encoding(self) -> Encoding:
        """How signatures are written: as configured, else as the platform is known to."""
        return self.signature_encoding or _ENCODINGS.get(self.effective_platform, "base64")

    @property
    def accepts_unsigned(self) -> bool:
        """Whether `webhook_secret: none` was written out. Left out is something else: then every webhook is refused."""
        return self.webhook_secret is not None and self.webhook_secret.get_secret_value() == UNSIGNED

    @property
    def signing_keys(self) -> tuple[bytes, ...]:
        """The keys that webhooks may be signed with: the secret as a whole, and its parts where it holds several."""
        if self.webhook_secret is None or self.accepts_unsigned:
            return ()
        secret = self.webhook_secret.get_secret_value().strip()
        parts = [part.strip() for part in secret.split(",")] if "," in secret else []
        return tuple(key.encode() for key in (secret, *parts) if key)
