"""What the sandbox refuses, as the platform says it.

ApiError                 every refusal of the REST API: an HTTP status and a message, sent as {"code", "message"}
├── Invalid              400, names the field
├── Unauthorized         401
├── Forbidden            403, the control API called from another site
├── NotFound             404
├── Conflict             409
├── TooLarge             413, an upload over the limit
├── RateLimited          429, with the seconds to wait
├── Queued               449
└── Unexpected           500, 502, 503 or 504 when the fault is switched on
"""


class ApiError(Exception):
    """A request that is answered with an error. `status` is the HTTP status and the `code` of the body."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(ApiError):
    status = 400


class Unauthorized(ApiError):
    status = 401

    def __init__(self) -> None:
        super().__init__("UN_AUTHORIZED")


class Forbidden(ApiError):
    status = 403


class NotFound(ApiError):
    status = 404


class Conflict(ApiError):
    status = 409


class TooLarge(ApiError):
    status = 413


class RateLimited(ApiError):
    status = 429

    def __init__(self, retry_after: float) -> None:
        super().__init__("Too Many Requests")
        self.retry_after = retry_after


class Queued(ApiError):
    status = 449

    def __init__(self) -> None:
        super().__init__(
            "Your request cannot be processed at the moment as it is currently in queue. "
            "Please try again in a few minutes."
        )


class Unexpected(ApiError):
    def __init__(self, status: int = 500) -> None:
        super().__init__("Unexpected error occurred")
        self.status = status
