"""Zernio's inbox as far as messages go: sends with an idempotency key, hex signatures."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from messaging.sandbox.errors import ApiError, Invalid, RateLimited
from messaging.sandbox.events import Event, MessageReceived, MessageSent
from messaging.sandbox.faces.plain import (
    ACCOUNT,
    PlainFace,
    accept,
    attachment_of,
    bearer,
    by_id,
    by_phone,
    cards_of,
    choices,
    json_of,
    linked,
    place_of,
    template,
    text,
)
from messaging.sandbox.faces.whatsapp import titles
from messaging.sandbox.records import Contact, Content, Json, Message, SenderKind
from messaging.sandbox.requests import sandbox_of
from messaging.sandbox.workspace import Workspace
from messaging.signature import sign

_TYPES = {401: "authentication_error", 404: "not_found", 429: "rate_limit_error", 400: "invalid_request_error"}
_KEY = "idempotencyKey"


class ZernioFace(PlainFace):
    """Implements `messaging.sandbox.face.Face`; a conversation is `conv-ID`."""

    name = "zernio"
    prefixes: tuple[str, ...] = ("/api/v1",)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/inbox/conversations", _conversations, methods=["GET"]),
            Route("/inbox/conversations", _start, methods=["POST"]),
            Route("/inbox/comments/{post}", _comment, methods=["POST"]),
            Route("/inbox/conversations/{conversation}", _conversation, methods=["GET"]),
            Route("/inbox/conversations/{conversation}/messages", _send, methods=["POST"]),
        ]

    def authorize(self, headers: Headers, token: str) -> None:
        bearer(headers.get("authorization"), token)

    def is_send(self, method: str, path: str) -> bool:
        return method == "POST" and path.startswith("/inbox/")

    def refusal(self, error: ApiError) -> Response:
        kind = _TYPES.get(error.status, "api_error")
        headers = {"Retry-After": str(max(1, round(error.retry_after)))} if isinstance(error, RateLimited) else None
        return JSONResponse({"error": error.message, "type": kind, "code": kind}, error.status, headers)

    def webhook(self, event: Event, event_id: str, workspace: Workspace) -> Json | None:
        if not isinstance(event, MessageReceived | MessageSent):
            return None
        contact, message = event.contact, event.message
        if message.content.get("type") == "comment":
            return _comment_received(contact, message, event_id)
        attachment = attachment_of(message)
        incoming = isinstance(event, MessageReceived)
        via = "api" if message.sender.source is SenderKind.API else None
        sender: Json = {"id": f"u-{contact.id}", "name": contact.name, "phoneNumber": contact.phone}
        return {
            "id": event_id,
            "event": "message.received" if incoming else "message.sent",
            "timestamp": message.at.isoformat(),
            "message": {
                "id": str(message.id),
                "conversationId": f"conv-{contact.id}",
                "platform": "whatsapp",
                "direction": "incoming" if incoming else "outgoing",
                "text": message.text,
                "attachments": [] if attachment is None else [{"type": attachment["type"], "url": attachment["url"]}],
                "sender": sender if incoming else {"id": "own"},
                "sentAt": message.at.isoformat(),
                "sentVia": via,
            },
            "conversation": {"id": f"conv-{contact.id}", "participantName": contact.name, "status": "active"},
            "account": {"id": ACCOUNT, "accountId": ACCOUNT, "platform": "whatsapp", "username": "sandbox"},
            "metadata": _metadata(message),
        }

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        return {"x-zernio-signature": sign(secret.encode(), body, "hex")}


def _comment_received(contact: Contact, message: Message, event_id: str) -> Json:
    author: Json = {"id": f"u-{contact.id}", "name": contact.name, "username": contact.first_name}
    return {
        "id": event_id,
        "event": "comment.received",
        "timestamp": message.at.isoformat(),
        "comment": {
            "id": f"{contact.id}-{message.id}",
            "postId": "post",
            "platform": "instagram",
            "text": message.text,
            "author": author,
            "createdAt": message.at.isoformat(),
        },
        "post": {"id": "post"},
        "account": {"id": ACCOUNT, "accountId": ACCOUNT, "platform": "instagram", "username": "sandbox"},
    }


def _metadata(message: Message) -> Json | None:
    found: Json = {"location": place_of(message), "contacts": cards_of(message)}
    return {name: value for name, value in found.items() if value} or None


async def _send(request: Request) -> JSONResponse:
    contact, body = by_id(request, request.path_params["conversation"], "conv-"), await _body(request)
    key = request.headers.get("idempotency-key")
    known = sandbox_of(request).messages.of(contact.id, traffic="outgoing")
    message = next((one for one in known if key and one.content.get(_KEY) == key), None)
    if message is None:
        content = _content(body)
        message = accept(request, contact, {**content, _KEY: key} if key else content)
    return _sent(contact, message)


async def _start(request: Request) -> JSONResponse:
    body = await _body(request)
    contact = by_phone(request, body.get("participantId"))
    if "templateName" in body:
        given = body.get("templateParams")
        parameters = [{"type": "text", "text": str(value)} for value in given] if isinstance(given, list) else []
        components = [{"type": "body", "parameters": parameters}]
        content = template(body["templateName"], body.get("templateLanguage"), components)
    else:
        content = text(body.get("message"))
    return _sent(contact, accept(request, contact, content))


async def _comment(request: Request) -> JSONResponse:
    """A public answer below a post, whose comment is `ID-N`: the customer sees it as a message."""
    body = await _body(request)
    contact = by_id(request, str(body.get("commentId")).partition("-")[0])
    message = accept(request, contact, text(body.get("message")))
    return JSONResponse({"success": True, "data": {"commentId": str(message.id)}})


async def _body(request: Request) -> Json:
    body = await json_of(request)
    if body.get("accountId") != ACCOUNT:
        raise Invalid(f"accountId: the account of the sandbox is {ACCOUNT!r}")
    return body


def _sent(contact: Contact, message: Message) -> JSONResponse:
    data = {"messageId": str(message.id), "conversationId": f"conv-{contact.id}"}
    return JSONResponse({"success": True, "data": data})


def _content(body: Json) -> Content:
    replies, spelt = body.get("quickReplies"), body.get("template")
    if "attachmentUrl" in body:
        return linked(str(body.get("attachmentType") or "file"), body["attachmentUrl"], body.get("message"))
    if isinstance(replies, list):
        return choices(body.get("message"), [one.get("title") for one in replies if isinstance(one, dict)])
    if isinstance(spelt, dict) and isinstance(elements := spelt.get("elements"), list) and len(elements) == 1:
        named = elements[0] if isinstance(elements[0], dict) else {}
        return template(named.get("name"), named.get("language"), named.get("components"))
    interactive, place, cards = body.get("interactive"), body.get("location"), body.get("contacts")
    if isinstance(interactive, dict):
        shown = interactive.get("body")
        return choices(shown.get("text") if isinstance(shown, dict) else "", titles(interactive))
    if isinstance(place, dict):
        return {**place, "type": "location"}
    if isinstance(cards, list):
        return {"type": "contacts", "contacts": cards}
    return text(body.get("message"))


async def _conversations(request: Request) -> JSONResponse:
    listed = [_spelt(contact) for contact in sandbox_of(request).contacts.all()]
    return JSONResponse({"conversations": listed, "pagination": {"hasMore": False, "nextCursor": None}})


async def _conversation(request: Request) -> JSONResponse:
    return JSONResponse({"conversation": _spelt(by_id(request, request.path_params["conversation"], "conv-"))})


def _spelt(contact: Contact) -> Json:
    return {"id": f"conv-{contact.id}", "platform": "whatsapp", "participantName": contact.name, "accountId": ACCOUNT}
