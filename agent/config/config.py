"""The whole of agent.yaml as one typed value, with its `server:` part and the address of the ledger."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field, PrivateAttr, SecretStr, Tag, field_validator

from actions.qris.settings import PaymentsSettings
from actions.settings import ActionList, NetworkSettings
from agent.config.conversation import ConversationSettings
from agent.config.followups import FollowUpSettings
from agent.config.hours import known_timezone
from agent.config.model import LimitSettings, ModelSettings
from agent.config.texts import check_mentioned_facts
from agent.config.workflows import WebhookSettings, Workflow
from knowledge.settings import KnowledgeSettings
from language.detect import DEFAULT, clearly_in
from messaging.settings import MessagingSettings
from settings import Settings
from settings.units import Duration, format_duration
from voice.settings import VoiceSettings

_SQLITE = "sqlite:///"
_STORAGE = re.compile(r"(sqlite|postgresql)(\+[a-z0-9]+)?://.*", re.DOTALL)


Role = Literal["viewer", "operator", "admin"]
"""What a token may do: look and test; also write to customers and steer; also configure and forget."""


class TokenSettings(Settings):
    """A bearer token of `/api/v1` and the console, for one person or program."""

    name: str = Field(min_length=1, max_length=60, description="Whose it is, for the record of who did what.")
    token: SecretStr = Field(min_length=8, description="The token; at least 8 characters, better 32 random ones.")
    role: Role = Field(
        default="viewer",
        description="`viewer` looks and tests, `operator` also writes to customers and steers, `admin` also configures and forgets.",
    )


class ServerSettings(Settings):
    """How the agent is reached from outside."""

    public_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="The address under which the platform reaches this server; pictures and QR codes are fetched from it.",
        examples=["https://agent.kopisenja.example"],
    )
    api_token: SecretStr | None = Field(
        default=None, description="Bearer token of `/api/v1` and the console, with the role `admin`."
    )
    tokens: tuple[TokenSettings, ...] = Field(
        default=(),
        description="Further tokens with a name and a role each. Without any token `/api/v1` is closed.",
        examples=[[{"name": "Rina", "token": "${RINA_TOKEN}", "role": "operator"}]],
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` for all.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")

    @field_validator("tokens")
    @classmethod
    def _told_apart(cls, tokens: tuple[TokenSettings, ...]) -> tuple[TokenSettings, ...]:
        for what, values in (
            ("name", [token.name for token in tokens]),
            ("token", [token.token.get_secret_value() for token in tokens]),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"two tokens have the same {what}; give each its own")
        return tokens

    @property
    def url(self) -> str:
        """Where the platform reaches this server, as far as the file tells."""
        return self.public_url or self.own_url

    @property
    def own_url(self) -> str:
        """Where this server listens, as far as the file tells."""
        return f"http://{self.host}:{self.port}"


class RetentionSettings(Settings):
    """How long the ledger keeps what it knows. Without a time, for ever."""

    messages: Duration | None = Field(
        default=None,
        description="What customers and the agent said, with all that was done for it; at least 30 days, since platforms deliver "
        "again what they delivered before.",
        examples=["365d"],
    )
    steps: Duration | None = Field(
        default=None,
        description="What a reply came from: passages, model calls, results of actions. The agent remembers results no longer than that.",
        examples=["30d"],
    )
    media: Duration | None = Field(
        default=None, description="Files that were made for sending; links to them end then.", examples=["7d"]
    )

    @field_validator("messages")
    @classmethod
    def _long_enough(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < timedelta(days=30):
            raise ValueError(
                f"{format_duration(value)} is shorter than 30d: a message that is delivered again would be answered again"
            )
        return value

    @field_validator("steps", "media")
    @classmethod
    def _not_at_once(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < timedelta(days=1):
            raise ValueError(f"{format_duration(value)} is shorter than 1d")
        return value


def _known_storage(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if _STORAGE.fullmatch(text):
        return value
    scheme, separator, _ = text.partition("://")
    found = f"found the scheme {scheme!r}" if separator else "found no scheme"
    raise ValueError(f"must begin with sqlite:/// or postgresql://, {found}; e.g. sqlite:///.balas/balas.db")


Storage = Annotated[SecretStr, AfterValidator(_known_storage)]
"""Where the ledger is kept. It may hold a password and is shown masked."""


def _one_or_several(value: object) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


Messaging = Annotated[
    Annotated[MessagingSettings, Tag("one")] | Annotated[list[MessagingSettings], Tag("several"), Field(min_length=1)],
    Discriminator(_one_or_several),
]
"""One platform, or a list of them."""


class AgentConfig(Settings):
    """One agent. Everything but `name` and `instructions` has a default that works.

    Relative paths in it are relative to `folder`, where agent.yaml is; `resolve` makes them whole.
    """

    name: str = Field(min_length=1, description="What the agent is called.", examples=["Melati"])
    instructions: Annotated[str, AfterValidator(check_mentioned_facts)] = Field(
        min_length=1,
        description="Who the agent is and how it answers, in your own words. Facts belong into `knowledge`; those of the contact are "
        "filled in: `{contact.first_name|unknown}`.",
        examples=["Kamu Melati, asisten Kopi Senja. Jawab singkat, ramah, dalam bahasa pelanggan.\n"],
    )
    language: str = Field(
        default="auto",
        pattern="^(auto|[a-z]{2,3}(-[A-Z]{2})?)$",
        description="`auto` answers in the customer's language, and in that of `instructions` until it is known; an ISO 639-1 code "
        "such as `id`, `en` or `ms` always in that one.",
        examples=["auto", "id"],
    )
    timezone: Annotated[str, AfterValidator(known_timezone)] = Field(
        default="Asia/Jakarta",
        description="The business's time zone, for hours, dates and reminders; a name of the IANA database.",
        examples=["Asia/Jakarta", "Asia/Makassar"],
    )
    model: ModelSettings = Field(default_factory=ModelSettings, description="The chat model that thinks.")
    messaging: Messaging = Field(
        default_factory=MessagingSettings,
        description="The messaging platform, where customers write; or a list of several, which one agent serves at once.",
    )
    conversation: ConversationSettings = Field(
        default_factory=ConversationSettings,
        description="When the agent speaks, when it is silent, and its fixed texts.",
    )
    knowledge: KnowledgeSettings = Field(
        default_factory=KnowledgeSettings, description="What the agent may quote, and how it is found."
    )
    actions: ActionList = Field(default_factory=list, description="What the agent can do, beside answering.")
    payments: PaymentsSettings = Field(default=PaymentsSettings(qris=None), description="How customers pay.")
    voice: VoiceSettings = Field(default_factory=VoiceSettings, description="How voice notes are understood.")
    followups: FollowUpSettings = Field(default_factory=FollowUpSettings, description="Messages that are sent later.")
    workflows: tuple[Workflow, ...] = Field(
        default=(), description="What happens by itself when something has happened, step by step."
    )
    webhooks: tuple[WebhookSettings, ...] = Field(
        default=(), description="Other systems that are told what happens, signed and retried."
    )
    limits: LimitSettings = Field(default_factory=LimitSettings, description="Where a turn, a contact and a day end.")
    network: NetworkSettings = Field(
        default_factory=NetworkSettings, description="Which private hosts actions, knowledge and media may reach."
    )
    server: ServerSettings = Field(default_factory=ServerSettings, description="How the agent is reached from outside.")
    storage: Storage = Field(
        default=SecretStr("sqlite:///.balas/balas.db"),
        description="Where everything durable is kept: `sqlite:///FILE`, or `postgresql://…` for several machines.",
        examples=["sqlite:///.balas/balas.db", "postgresql://balas:${DB_PASSWORD}@db/balas"],
    )
    retention: RetentionSettings = Field(
        default_factory=RetentionSettings, description="How long what the ledger holds is kept."
    )
    workers: bool = Field(
        default=False,
        description="True with PostgreSQL: `balas worker` on as many machines as you like does the answering.",
    )

    _folder: Path = PrivateAttr(default_factory=Path)
    _file: str = PrivateAttr(default="agent.yaml")
    _text: str = PrivateAttr(default="")

    @field_validator("workflows")
    @classmethod
    def _named_apart(cls, workflows: tuple[Workflow, ...]) -> tuple[Workflow, ...]:
        names = [workflow.name for workflow in workflows]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two workflows are called {name!r}; give each a name of its own")
        return workflows

    @property
    def file(self) -> Path:
        """The file that it was read from, or would be written to."""
        return Path(self._file)

    @property
    def text(self) -> str:
        """The YAML that it was read from, with its secrets."""
        return self._text

    @property
    def folder(self) -> Path:
        """Where agent.yaml is."""
        return self._folder

    def resolve(self, path: str | Path) -> Path:
        """`path` as agent.yaml means it: relative to the file's folder; `~` is the home folder."""
        return self._folder / Path(path).expanduser()

    @property
    def platforms(self) -> Sequence[MessagingSettings]:
        """The entries of `messaging`, of which there may be one without a list."""
        return [self.messaging] if isinstance(self.messaging, MessagingSettings) else self.messaging

    @property
    def default_language(self) -> str:
        """The language of texts for a contact whose language is not known: as configured, or that of the instructions."""
        return self.language if self.language != "auto" else clearly_in(self.instructions) or DEFAULT

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def storage_url(self) -> str:
        """The ledger's address, with the path of a SQLite file made whole."""
        url = self.storage.get_secret_value()
        if not url.startswith(_SQLITE):
            return url
        return f"{_SQLITE}{self.resolve(url.removeprefix(_SQLITE)).absolute()}"
