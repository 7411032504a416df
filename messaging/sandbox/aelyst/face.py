"""The face of Aelyst and respond.io, whose API is one under two addresses: routes, refusals, limits and signatures."""

import hmac
import math
import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from messaging.sandbox.aelyst import contacts, contents, space
from messaging.sandbox.aelyst.events import webhook_body
from messaging.sandbox.errors import ApiError, Queued, RateLimited, Unauthorized
from messaging.sandbox.events import Event
from messaging.sandbox.faults import Verdict
from messaging.sandbox.records import Contact, Content, Json
from messaging.sandbox.workspace import Workspace
from messaging.signature import sign

_SEND = re.compile(r"/contact/[^/]+/message")
_QUEUED = re.compile(
    r"/contact/[^/]+/(message|tag|conversation/assignee|conversation/status)"
)  # documented to answer 449
_IN_QUEUE = (
    "Your request cannot be processed at the moment as it is currently in queue. Please try again in a few minutes."
)


class AelystFace:
    """Implements `messaging.sandbox.face.Face`: `/v1` as Aelyst serves it, `/v2` as respond.io does."""

    name = "aelyst"
    prefixes: tuple[str, ...] = ("/v1", "/v2")
    tells_phone = True

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/contact/list", contacts.find, methods=["POST"]),
            Route("/contact/merge", contacts.merge, methods=["POST"]),
            Route("/contact/create_or_update/{identifier}", contacts.create_or_update, methods=["POST"]),
            Route("/contact/{identifier}/tag", contacts.add_tags, methods=["POST"]),
            Route("/contact/{identifier}/tag", contacts.remove_tags, methods=["DELETE"]),
            Route("/contact/{identifier}/channels", contacts.channels, methods=["GET"]),
            Route("/contact/{identifier}/lifecycle/update", contacts.set_lifecycle, methods=["POST"]),
            Route("/contact/{identifier}/conversation/assignee", contacts.assign, methods=["POST"]),
            Route("/contact/{identifier}/conversation/status", contacts.set_status, methods=["POST"]),
            Route("/contact/{identifier}/comment", contacts.comment, methods=["POST"]),
            Route("/contact/{identifier}/message", contacts.send, methods=["POST"]),
            Route("/contact/{identifier}/message/list", contacts.recent, methods=["GET"]),
            Route("/contact/{identifier}/message/{message_id:int}", contacts.show, methods=["GET"]),
            Route("/contact/{identifier}", contacts.ContactEndpoint),
            Route("/space/user", space.users, methods=["GET"]),
            Route("/space/user/{id:int}", space.user, methods=["GET"]),
            Route("/space/custom_field", space.CustomFields),
            Route("/space/custom_field/{id:int}", space.custom_field, methods=["GET"]),
            Route("/space/closing_notes", space.closing_notes, methods=["GET"]),
            Route("/space/channel", space.channels, methods=["GET"]),
            Route("/space/channel/{id:int}/template", space.templates, methods=["GET"]),
            Route("/space/tag", space.Tags),
        ]

    def is_open(self, method: str, path: str) -> bool:
        return False

    def authorize(self, headers: Headers, token: str) -> None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise Unauthorized("UN_AUTHORIZED")

    def is_send(self, method: str, path: str) -> bool:
        return method == "POST" and _SEND.fullmatch(path) is not None

    def is_queued(self, method: str, path: str) -> bool:
        return method == "POST" and _QUEUED.fullmatch(path) is not None

    def refusal(self, error: ApiError) -> Response:
        message = _IN_QUEUE if isinstance(error, Queued) else error.message
        response = JSONResponse({"code": error.status, "message": message}, error.status)
        if isinstance(error, RateLimited):
            response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
        return response

    def limit_headers(self, verdict: Verdict) -> Mapping[str, str]:
        return {"X-RateLimit-Limit": str(verdict.limit), "X-RateLimit-Remaining": str(verdict.remaining)}

    def fill_in(self, content: Content, contact: Contact) -> Content:
        return contents.fill_in(content, contact)

    def webhook(self, event: Event, event_id: str, workspace: Workspace) -> Json:
        return webhook_body(event, event_id, workspace)

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        return {"x-webhook-signature": sign(secret.encode(), body, "base64")}
