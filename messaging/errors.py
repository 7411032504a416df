"""Errors of this package: what can go wrong between us and a messaging platform.

    MessagingError
    ├── SignatureError            a webhook was not signed by the platform → 401
    ├── PayloadError              a webhook body is not the platform's JSON → 400
    └── PlatformError             a call failed; carries `code`, `message`, `status`
        ├── Invalid               400 and other 4xx: this request will never be accepted
        │   ├── UnknownField      the workspace has no such contact field
        │   └── Unsupported       the platform has nothing of this kind: see its `capabilities`
        ├── Unauthorized          401: the token is missing, wrong or revoked
        ├── Forbidden             403: the token may not do this
        ├── NotFound              404: no such contact, message or channel
        ├── Conflict              409: it is there already
        ├── RateLimited           429: too many requests; `retry_after` where the platform says
        ├── InQueue               449: the platform is busy with this contact; minutes
        ├── Failed                the platform says in its own words that it could not do it now
        ├── Unavailable           5xx: the platform failed, perhaps after doing what was asked
        ├── NotSent               the request certainly never reached the platform
        └── OutcomeUnknown        the request was sent, and no readable answer came back

Two questions decide what a caller does. `retryable`: may the same request succeed later? `certain`: is it certain that
nothing happened? A send that failed with `certain=False` may have gone out and must be looked up before it is repeated.
"""

from datetime import timedelta
from typing import ClassVar


class MessagingError(Exception):
    """Base of all errors of this package."""


class SignatureError(MessagingError):
    """A webhook whose signature is missing or wrong, or for which no secret is configured."""


class PayloadError(MessagingError):
    """A webhook body that is not what the platform sends."""


class PlatformError(MessagingError):
    """A call to the platform failed.

    Args:
        message: what the platform says, or what went wrong here.
        code: the platform's own code, an int, or text where it is not a number; the HTTP status when left out.
        status: the HTTP status; `None` when there was no answer.
        retry_after: how long the platform asked us to wait.
        call: method and path of the request.
    """

    retryable: ClassVar[bool] = False
    """Whether the same request may succeed later."""
    certain: ClassVar[bool] = True
    """Whether it is certain that nothing was done."""

    def __init__(
        self,
        message: str,
        *,
        code: int | str | None = None,
        status: int | None = None,
        retry_after: timedelta | None = None,
        call: str | None = None,
    ) -> None:
        self.message = message
        self.code = status if code is None else code
        self.status = status
        self.retry_after = retry_after
        self.call = call
        super().__init__(message)

    def __str__(self) -> str:
        """`POST /contact/id:1/message: 400 Validation error.`"""
        text = self.message if self.code is None else f"{self.code} {self.message}"
        return text if self.call is None else f"{self.call}: {text}"


class Invalid(PlatformError):
    """The platform, or our own check before it, refuses this request for good."""


class UnknownField(Invalid):
    """A contact field was named that the workspace does not have; the message lists those it has."""


class Unsupported(Invalid):
    """The platform has nothing of this kind, so it was not asked: see `Platform.capabilities`."""


class Unauthorized(PlatformError):
    """The token is missing, wrong or revoked: see `messaging.token`."""


class Forbidden(PlatformError):
    """The token may not do this."""


class NotFound(PlatformError):
    """There is no such contact, message, channel or user."""


class Conflict(PlatformError):
    """What was to be created is there already."""


class RateLimited(PlatformError):
    """Too many requests. Nothing was done."""

    retryable = True


class InQueue(PlatformError):
    """449: the platform still works on an earlier request for this contact. Nothing was done; come back in minutes."""

    retryable = True


class Failed(PlatformError):
    """The platform itself answered that it could not do this now. Nothing was done, unlike where a proxy answers for it."""

    retryable = True


class Unavailable(PlatformError):
    """The platform failed with a 5xx, perhaps after doing what was asked."""

    retryable = True
    certain = False


class NotSent(PlatformError):
    """No connection: the request certainly never reached the platform."""

    retryable = True


class OutcomeUnknown(PlatformError):
    """The request was sent and no readable answer came back in time: it may have been carried out."""

    retryable = True
    certain = False
