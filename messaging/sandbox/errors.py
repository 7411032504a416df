"""What the sandbox refuses. The face puts it into its platform's words and format.

ApiError                 every refusal of the REST API: an HTTP status and a message
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
    """A request that is answered with an error; `status` is the HTTP status."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(ApiError):
    status = 400


class Unauthorized(ApiError):
    status = 401


class Forbidden(ApiError):
    status = 403


class NotFound(ApiError):
    status = 404


class Conflict(ApiError):
    status = 409


class TooLarge(ApiError):
    status = 413


class RateLimited(ApiError):
    """`retry_after` is in seconds."""

    status = 429

    def __init__(self, retry_after: float) -> None:
        super().__init__("Too Many Requests")
        self.retry_after = retry_after


class Queued(ApiError):
    """An earlier request for the same contact is not finished."""

    status = 449

    def __init__(self) -> None:
        super().__init__("An earlier request for this contact is still in the queue")


class Unexpected(ApiError):
    """A failure of the platform; `status` is 500, 502, 503 or 504."""

    def __init__(self, status: int = 500) -> None:
        super().__init__("Unexpected error occurred")
        self.status = status
