"""What the clients of HTTP APIs share: set up from agent.yaml, call within the rate limit, read refusals."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import httpx

from messaging.limiter import Limiter
from messaging.platform import BasicPlatform, MediaReader
from messaging.settings import MessagingSettings
from messaging.transport import Refusal, Transport
from messaging.values import Json, first
from settings import Rate


class ApiPlatform(BasicPlatform):
    """A platform behind an HTTP API, as agent.yaml describes it. A client adds its rate, credentials, vocabulary and endpoints."""

    def __init__(
        self,
        settings: MessagingSettings,
        http: httpx.AsyncClient,
        clock: Callable[[], datetime],
        media: MediaReader | None = None,
    ) -> None:
        """Set up the client.

        Args:
            settings: one entry of `messaging:`.
            http: makes every request; not closed.
            clock: tells the time, aware UTC.
            media: reads the files to send, for platforms that take uploads.

        Raises:
            ValueError: a key that the platform needs is missing; the message names it.
        """
        self.name = settings.effective_name
        self.capabilities = self.capabilities_for(settings)
        self._keys = settings.accepted_keys
        self._clock = clock
        self._media = media
        first_rate, *further = self.rates_for(settings)
        rates = (settings.rate or first_rate, *further)
        self._transport = Transport(
            http,
            base_url=settings.required_base_url,
            limiters=[Limiter(rate, patience=settings.timeout) for rate in rates],
            clock=clock,
            timeout=settings.timeout,
            headers={"Accept": "application/json", **self.credentials(settings)},
            reading=self.read_refusal,
        )
        self.configure(settings)

    @classmethod
    def from_settings(
        cls,
        settings: MessagingSettings,
        http: httpx.AsyncClient,
        clock: Callable[[], datetime],
        media: MediaReader | None = None,
    ) -> Self:
        """Make the client that agent.yaml describes; arguments as for `open_platform`."""
        return cls(settings, http, clock, media)

    def configure(self, settings: MessagingSettings) -> None:
        """Take over what this platform alone needs of its settings; called once, when the transport is there.

        Raises:
            ValueError: a key is missing; the message names it.
        """

    @classmethod
    def rates_for(cls, settings: MessagingSettings) -> Sequence[Rate]:
        """Tell what the platform allows, all of which is kept to; `messaging.rate` replaces the first, as does what answers say."""
        raise NotImplementedError

    @classmethod
    def credentials(cls, settings: MessagingSettings) -> Mapping[str, str]:
        """Return the headers that prove who we are: a bearer token, unless the platform wants something else."""
        return {"Authorization": f"Bearer {token_of(settings)}"}

    @classmethod
    def read_refusal(cls, status: int, answer: Mapping[str, Json]) -> Refusal:
        """Read how the platform words a refusal: `{message, code}`, unless it has words of its own."""
        return Refusal(first(answer, "message"), first(answer, "code"))

    async def _call(self, method: str, path: str, **content: Any) -> Mapping[str, Json]:
        """Make one request; the object of its answer. Arguments and errors as for `Transport.call`."""
        return await self._transport.call(method, path, key=self.name, **content)


def token_of(settings: MessagingSettings) -> str:
    """Return the access token as it is written into a header."""
    return settings.token.get_secret_value().strip()
