"""The seam between the sandbox and the platform it plays: one face per platform, everything else is shared."""

from collections.abc import Mapping
from typing import Protocol

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import BaseRoute

from messaging.sandbox.errors import ApiError
from messaging.sandbox.events import Event
from messaging.sandbox.faults import Verdict
from messaging.sandbox.records import Contact, Content, Json
from messaging.sandbox.workspace import Workspace


class Face(Protocol):
    """How a platform looks from outside: its API, its refusals and its webhooks.

    A face holds no state: contacts, messages, media, faults and deliveries are the sandbox's, whatever platform it plays.
    Its endpoints find the sandbox with `messaging.sandbox.requests.sandbox_of`, and raise from `messaging.sandbox.errors`.
    """

    name: str
    prefixes: tuple[str, ...]
    """Paths under which the API is served, e.g. `/v1`; the first is the one that clients are told."""

    tells_phone: bool
    """Whether webhooks name the customer's telephone number; elsewhere a customer shares a card of their own."""

    def routes(self) -> list[BaseRoute]:
        """List the endpoints, relative to a prefix."""

    def is_open(self, method: str, path: str) -> bool:
        """Tell whether this request needs no credentials, e.g. a login."""

    def authorize(self, headers: Headers, token: str) -> None:
        """Check the credentials of a request.

        Raises:
            Unauthorized: they are missing or not those of `token`.
        """

    def is_send(self, method: str, path: str) -> bool:
        """Tell whether this request sends a message: faults with `only: sends` strike these."""

    def is_queued(self, method: str, path: str) -> bool:
        """Tell whether the fault `queued` can strike this request."""

    def refusal(self, error: ApiError) -> Response:
        """Answer a request that is refused, in the platform's words and format."""

    def limit_headers(self, verdict: Verdict) -> Mapping[str, str]:
        """Say in headers how many requests are left."""

    def fill_in(self, content: Content, contact: Contact) -> Content:
        """Replace the platform's variables in an outgoing message; a platform without variables returns `content`."""

    def webhook(self, event: Event, event_id: str, workspace: Workspace) -> Json | None:
        """Spell an event as the body of a webhook; `None` where the platform reports nothing.

        Every delivery of one event carries the same `event_id`.
        """

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that prove to the receiver where `body` comes from."""
