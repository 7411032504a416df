"""An HTTP answer of respond.io or Aelyst → its JSON, or the error it stands for."""

import json

import httpx

from messaging.aelyst.values import Json, integer, mapping, text
from messaging.errors import (
    Conflict,
    Forbidden,
    InQueue,
    Invalid,
    NotFound,
    OutcomeUnknown,
    PlatformError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from messaging.quota import Quota

_LONGEST_MESSAGE = 300

_ERRORS: dict[int, type[PlatformError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
    449: InQueue,
}


def read_answer(response: httpx.Response, quota: Quota, call: str) -> Json:
    """The JSON of a 2xx answer; None for an empty one.

    Raises:
        PlatformError: any other status, with the platform's code and message; or a 2xx that is not JSON (`OutcomeUnknown`).
    """
    if response.is_success:
        if not response.content:
            return None
        try:
            answer: Json = json.loads(response.content)
        except (ValueError, RecursionError):
            raise OutcomeUnknown(
                "the platform's answer is not JSON; is messaging.base_url right?",
                status=response.status_code,
                call=call,
            ) from None
        return answer
    raise error_of(response, quota, call)


def error_of(response: httpx.Response, quota: Quota, call: str) -> PlatformError:
    """The exception for an answer that is not a success."""
    status = response.status_code
    if response.is_redirect:
        message = f"redirected to {response.headers.get('location', 'nowhere')}; is messaging.base_url right?"
        return Invalid(message, status=status, call=call)
    try:
        answer = mapping(json.loads(response.content))
    except (ValueError, RecursionError):
        answer = {}
    message = text(answer.get("message")) or _plain(response)
    code = integer(answer.get("code"))
    kind = _ERRORS.get(status) or (Unavailable if status >= 500 else Invalid)
    return kind(
        message[:_LONGEST_MESSAGE],
        code=text(answer.get("code")) if code is None else code,
        status=status,
        retry_after=quota.retry_after,
        call=call,
    )


def _plain(response: httpx.Response) -> str:
    """What a proxy says in place of the platform: its page is HTML, so the status line has to do."""
    if "html" in response.headers.get("content-type", ""):
        return response.reason_phrase or "no explanation"
    return " ".join(response.text.split()) or response.reason_phrase or "no explanation"
