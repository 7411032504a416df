"""How a sandbox is set up."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from messaging.sandbox.events import EventType
from messaging.sandbox.records import Json
from settings import Rate
from settings.clock import Clock


def utc_now() -> datetime:
    """The time, aware UTC: the sandbox's own, whatever clock the agent is given."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SeedContact:
    """A customer with a phone that exists from the start. `phone` is E.164, e.g. `"+6281234567801"`."""

    first_name: str
    phone: str
    last_name: str | None = None
    email: str | None = None
    language: str | None = None
    country_code: str | None = None


SEED_CONTACTS = (
    SeedContact("Sari", "+6281234567801", "Wulandari", "sari@example.com", "id", "ID"),
    SeedContact("Budi", "+6281234567802", "Santoso", None, "id", "ID"),
    SeedContact("Emma", "+447700900123", "Clark", "emma@example.com", "en", "GB"),
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A message that the phone page offers in an empty chat, and the code of its language."""

    text: str
    language: str


class Insight(Protocol):
    """What a program that runs the agent beside the sandbox can tell the phone page about it."""

    def prompts(self) -> Sequence[Prompt]:
        """List messages to try."""

    async def explain(self, message_ids: Set[str]) -> Json | None:
        """Tell how the agent came to answer.

        Args:
            message_ids: how the message, of the customer or of the agent, is called on the platforms.

        Returns:
            `{state, reason, handover, heard, toy, steps}`, each step with `kind`, `name`, `ms`, `tokens`, `input`, `output`; `None`
            when no turn of the agent belongs to the message.
        """


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """Everything a sandbox can be told before it starts; the defaults make a useful one.

    Attributes:
        port: 0 takes any free port.
        token: the bearer token of the REST API.
        webhook_url: where events go; more targets can be added while it runs. `None`: nowhere yet.
        webhook_secret: the signing key; an empty one leaves the signature out.
        webhook_tries: deliveries of one event in all, the first included, before it is given up.
        webhook_backoff: the wait before the second try; doubled before each further one, at most a minute.
        webhook_timeout: an answer that takes longer counts as none.
        rate: requests per method and path; `None` switches the limit off.
        sent_after, delivered_after: how long after it was accepted an outgoing message is sent, and delivered.
        samples: a folder of voice notes that the phone page offers.
        business: the name at the top of the chat, e.g. `Kopi Senja`.
        insight: tells the phone page what to try, and why the agent answered as it did; `None` where the agent runs elsewhere.
        storage: a file (SQLite) that keeps the conversations over a restart; `None` keeps them in memory.
        allowed_hosts: host names, beside loopback and plain IP addresses, under which page and control API answer.
        clock: the present time, aware UTC.
    """

    host: str = "127.0.0.1"
    port: int = 8099
    token: str = "sandbox"  # noqa: S105 (the documented token of a local test double)
    webhook_url: str | None = None
    webhook_secret: str = "sandbox-secret"  # noqa: S105
    webhook_events: tuple[str, ...] = tuple(EventType)
    webhook_tries: int = 6
    webhook_backoff: timedelta = timedelta(seconds=1)
    webhook_timeout: timedelta = timedelta(seconds=5)
    rate: Rate | None = field(default_factory=lambda: Rate(5, timedelta(seconds=1)))
    sent_after: timedelta = timedelta(milliseconds=80)
    delivered_after: timedelta = timedelta(milliseconds=400)
    samples: Path | None = None
    business: str | None = None
    insight: Insight | None = None
    seed: tuple[SeedContact, ...] = SEED_CONTACTS
    storage: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    clock: Clock = utc_now
