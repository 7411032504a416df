"""The `messaging:` part of agent.yaml: one platform, or a list of them."""

from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator

from messaging.signature import Encoding
from settings import Duration, Rate, Settings

GROUP = "balas.platforms"
"""The entry-point group of further platforms; each names a class like `messaging.registry.PlatformClass`."""

BASE_URLS: dict[str, str | None] = {
    "aelyst": "https://api.aelyst.ai/v1",
    "aisoule": "https://app.aisoule.com/api",
    "unipile": None,  # every customer has a host of their own
    "zernio": "https://zernio.com/api/v1",
    "whatsapp": "https://graph.facebook.com/v23.0",
    "telegram": "https://api.telegram.org",
    "sandbox": "http://127.0.0.1:8099/v1",
}
"""Where a platform lives unless `messaging.base_url` says otherwise. The sandbox answers on the port of `balas sandbox`."""

_DOCS_BASE_URL = "https://api.aisoule.com/v1"
"""Where AIsoule's developer documents, as opposed to its help centre, say that it lives."""

UNSIGNED = "none"
"""Written out as `webhook_secret: none`, it accepts webhooks without a signature."""

WHERE_THE_ACCOUNT_IS = {
    "unipile": "the id of the connected account: Unipile dashboard, Accounts, or GET /accounts",
    "zernio": "the id of the connected account: Zernio dashboard, Accounts, or GET /accounts",
    "whatsapp": "the phone number id: Meta app dashboard, WhatsApp, API Setup; not the phone number itself",
}
"""Platforms that need an `account`, and where its owner finds it."""


def known_platforms() -> Sequence[str]:
    """List the names that `messaging.platform` may have."""
    return sorted({*BASE_URLS, *(entry.name for entry in entry_points(group=GROUP))})


def check_known(name: str) -> str:
    """Return the name of a platform that there is.

    Raises:
        ValueError: there is none of this name.
    """
    if name in BASE_URLS:  # looking through all that is installed takes 20 ms
        return name
    names = known_platforms()
    if name in names:
        return name
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
    raise ValueError(f"there is no platform {name!r}; {hint}")


PlatformName = Annotated[str, AfterValidator(check_known)]


class LoginSettings(Settings):
    """An e-mail address and a password in the place of an API key, for AIsoule's help-centre dialect."""

    email: str = Field(min_length=3, description="The user's e-mail address.")
    password: SecretStr = Field(description="The user's password.")


class MessagingSettings(Settings):
    """Which messaging platform the agent uses, and how."""

    platform: PlatformName = Field(
        default="aelyst",
        description="The messaging platform: `aelyst` (also serves respond.io, with another `base_url`), `aisoule`, `unipile`, "
        "`zernio`, `whatsapp` (Meta's Cloud API), `telegram`, `sandbox`, the local platform that comes along, or one that a "
        "package adds.",
        examples=["aelyst", "whatsapp"],
    )
    name: str | None = Field(
        default=None,
        pattern="^[A-Za-z_][A-Za-z0-9_-]{0,63}$",
        description="What this entry is called: its webhooks come to `/webhooks/NAME`, its contacts are kept as `NAME:ID`. Left out, the "
        "platform's name; several entries need different ones.",
        examples=["sales"],
    )
    base_url: str | None = Field(
        default=None,
        description="Where the platform's API lives, e.g. `https://api.respond.io/v2`; left out, the platform's own address.",
    )
    token: SecretStr = Field(
        default=SecretStr(""),
        description="The access token of the platform's API. Empty: the sandbox is used instead of the platform.",
    )
    login: LoginSettings | None = Field(
        default=None,
        description="AIsoule only, in the place of `token`: log in as a user, and keep the session's cookie.",
    )
    account: str | None = Field(
        default=None,
        description="Which account to answer for: the account id (`unipile`, `zernio`), the phone number id (`whatsapp`), the WhatsApp "
        "account to send from (`aisoule`, optional). Events of other accounts are not answered.",
    )
    business_account: str | None = Field(
        default=None,
        description="`whatsapp` only: the WhatsApp Business account id, whose message templates are listed, so that `check --online` and "
        "broadcasts know them. Meta app dashboard, WhatsApp, API Setup.",
    )
    dialect: Literal["help", "docs"] = Field(
        default="help",
        description="AIsoule only: whose words its API speaks, those of the help centre (`X-API-Key`) or of the developer documents "
        "(`Authorization: Bearer`); the two contradict each other.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="The signing key of the webhook; several, separated by commas, where each webhook has its own. Left out, "
        "every webhook is refused; the word `none` accepts unsigned ones.",
    )
    signature_encoding: Encoding | None = Field(
        default=None,
        description="`aelyst` only: how the platform writes the webhook signature; left out, `base64`.",
    )
    verify_token: SecretStr | None = Field(
        default=None,
        description="`whatsapp` only: the words that Meta sends as `hub.verify_token` when the webhook is set up.",
    )
    rate: Rate | None = Field(
        default=None,
        description="Requests allowed; left out, what the platform is known to allow (Aelyst: 5/s per method and path). What it says in "
        "its answers wins.",
        examples=["5/s"],
    )
    timeout: Duration = Field(
        default=timedelta(seconds=30),
        description="The longest one request to the platform may take.",
    )

    uncertain: Literal["hold", "repeat"] = Field(
        default="hold",
        description="What becomes of a message that may have been sent, where the platform neither lists messages nor takes keys: `hold` "
        "keeps it among the dead letters, `repeat` sends it again, perhaps twice.",
    )
    stale_after: Duration = Field(
        default=timedelta(days=1),
        description="A message that is older than this when it arrives joins the history unanswered (`unipile`, which repeats old ones "
        "after a reconnect).",
    )
    comments: bool = Field(
        default=False,
        description="`zernio` only: also answer public comments below posts, publicly.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Further settings of a platform that a package adds, as it documents them."
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

    @field_validator("account", "business_account", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """An id of digits is a number in YAML."""
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @property
    def effective_platform(self) -> str:
        """The platform that is really used: without a token it is the sandbox."""
        has_access = self.token.get_secret_value().strip() or self.login is not None
        return self.platform if has_access or self.platform not in BASE_URLS else "sandbox"

    @property
    def effective_name(self) -> str:
        """What begins the keys of contacts and ends the path of webhooks."""
        return self.name or self.effective_platform

    @property
    def effective_base_url(self) -> str | None:
        """The address that goes with `effective_platform`; an address meant for the real platform is not used for the sandbox."""
        platform = self.effective_platform
        if self.base_url is not None and platform == self.platform:
            return self.base_url
        if platform == "aisoule" and self.dialect == "docs":
            return _DOCS_BASE_URL
        return BASE_URLS.get(platform)

    @property
    def required_base_url(self) -> str:
        """The address of the platform. Raises `ValueError` where it has none of its own and none is given."""
        if (url := self.effective_base_url) is None:
            raise ValueError(f"{self.effective_platform} needs `base_url`")
        return url

    @property
    def required_account(self) -> str:
        """The account to answer for. Raises `ValueError` where none is given."""
        if not (self.account or "").strip():
            raise ValueError(
                f"{self.effective_platform} needs `account`, {WHERE_THE_ACCOUNT_IS[self.effective_platform]}"
            )
        return str(self.account).strip()

    @property
    def accepted_keys(self) -> tuple[bytes, ...] | None:
        """The secrets of webhooks; `None` when unsigned ones are accepted."""
        return None if self.accepts_unsigned else self.signing_keys

    @property
    def effective_encoding(self) -> Encoding:
        """How Aelyst's signatures are written: as configured, else in base64."""
        return self.signature_encoding or "base64"

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
