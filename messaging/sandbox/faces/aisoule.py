"""AIsoule in both dialects as far as messages and contacts go."""

from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from messaging.sandbox.contacts import ContactFields
from messaging.sandbox.errors import ApiError, Conflict, Invalid, RateLimited
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
    digits,
    json_of,
    linked,
    place_of,
    require,
    template,
    text,
)  # fmt: skip
from messaging.sandbox.faces.whatsapp import titles
from messaging.sandbox.records import Contact, Content, Json, Message
from messaging.sandbox.requests import sandbox_of
from messaging.sandbox.workspace import Workspace
from messaging.signature import sign

_SESSION = "session"
_PAGE = (("limit", 20), ("offset", 0))
_KINDS = {"image": "image", "video": "video", "audio": "audio", "document": "file"}
_SPELT = {"image": "image", "video": "video", "audio": "audio", "file": "document"}


class AisouleFace(PlainFace):
    """The help centre's dialect. Implements `messaging.sandbox.face.Face`."""

    name = "aisoule"
    prefixes: tuple[str, ...] = ("/api",)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/messages/send", _send, methods=["POST"]),
            Route("/contacts", _contacts, methods=["GET"]),
            Route("/contacts", _create, methods=["POST"]),
            Route("/contacts/{id}", _contact, methods=["GET"]),
            Route("/contacts/{id}", _update, methods=["PUT"]),
            Route("/contacts/{id}", _delete, methods=["DELETE"]),
            Route("/auth/login", _log_in, methods=["POST"]),
            Route("/campaigns", _campaigns, methods=["GET"]),
            Route("/campaigns", _start_campaign, methods=["POST"]),
            Route("/accounts", _accounts, methods=["GET"]),
            Route("/templates", _templates, methods=["GET"]),
        ]

    def is_open(self, method: str, path: str) -> bool:
        return path == "/auth/login"

    def authorize(self, headers: Headers, token: str) -> None:
        session = SimpleCookie(headers.get("cookie", "")).get(_SESSION)
        require(headers.get("x-api-key") if session is None else session.value, token)

    def is_send(self, method: str, path: str) -> bool:
        return method == "POST" and path.startswith("/messages")

    def refusal(self, error: ApiError) -> Response:
        return JSONResponse({"message": error.message, "status": "error"}, error.status, _wait(error))

    def webhook(self, event: Event, event_id: str, workspace: Workspace) -> Json | None:
        if not isinstance(event, MessageReceived | MessageSent):
            return None
        contact, message = event.contact, event.message
        if isinstance(event, MessageSent):
            data: Json = {
                "message_id": message.channel_message_id,
                "to": f"+{digits(contact)}",
                "whatsapp_account_id": ACCOUNT,
            }
            return {"event": "message.sent", "timestamp": message.at.isoformat(), "data": data}
        data = {
            "message_id": message.channel_message_id,
            "from": f"+{digits(contact)}",
            "contact_name": contact.name,
            "whatsapp_account_id": ACCOUNT,
            **_said(message, words="text", link="url"),
        }
        return {"event": "message.incoming", "timestamp": message.at.isoformat(), "data": data}

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        return {"x-webhook-signature": sign(secret.encode(), body, "hex")}


class AisouleDocsFace(PlainFace):
    """The dialect of the developer documents. Implements `messaging.sandbox.face.Face`."""

    name = "aisoule-docs"
    prefixes: tuple[str, ...] = ("/v1",)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/messages", _send_docs, methods=["POST"]),
            Route("/contacts", _contacts_docs, methods=["GET"]),
            Route("/contacts", _create_docs, methods=["POST"]),
            Route("/status", _status, methods=["GET"]),
            Route("/profile", _status, methods=["GET"]),
        ]

    def authorize(self, headers: Headers, token: str) -> None:
        bearer(headers.get("authorization"), token)

    def is_send(self, method: str, path: str) -> bool:
        return method == "POST" and path == "/messages"

    def refusal(self, error: ApiError) -> Response:
        problem: dict[str, Any] = {"code": f"http_{error.status}", "message": error.message}
        if isinstance(error, RateLimited):
            problem = {
                "code": "rate_limit_exceeded",
                "message": error.message,
                "retry_after_seconds": max(1, round(error.retry_after)),
            }
        return JSONResponse({"success": False, "error": problem}, error.status, _wait(error))

    def webhook(self, event: Event, event_id: str, workspace: Workspace) -> Json | None:
        if not isinstance(event, MessageReceived | MessageSent):
            return None
        contact, message = event.contact, event.message
        incoming = isinstance(event, MessageReceived)
        data: Json = {
            "message_id": message.channel_message_id,
            "waba_number": "6281100000000",
            "sender": digits(contact) if incoming else "6281100000000",
            "recipient": "6281100000000" if incoming else digits(contact),
            **_said(message, words="body", link="link"),
        }
        name = "message.received" if incoming else "message.sent"
        return {"event": name, "timestamp": int(message.at.timestamp()), "data": data}

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        return {"x-aisoule-signature": f"sha256={sign(secret.encode(), body, 'hex')}"}


def _said(message: Message, *, words: str, link: str) -> Json:
    """What a message says, in a dialect that calls its text `words` and the address of a file `link`."""
    if (place := place_of(message)) is not None:
        return {"type": "location", "location": place}
    if cards := cards_of(message):
        return {"type": "contacts", "contacts": cards}
    if (attachment := attachment_of(message)) is None:
        return {"type": "text", words: message.text}
    kind = _SPELT.get(str(attachment["type"]), "document")
    return {"type": kind, kind: {link: attachment["url"], "caption": message.text}}


def _wait(error: ApiError) -> Mapping[str, str] | None:
    return {"Retry-After": str(max(1, round(error.retry_after)))} if isinstance(error, RateLimited) else None


def _done(data: Any) -> JSONResponse:
    return JSONResponse({"data": data, "status": "success"})


async def _send(request: Request) -> JSONResponse:
    body = await json_of(request)
    message = accept(request, by_phone(request, body.get("to")), _content(body, link="url"))
    return _done({"message_id": message.channel_message_id, "status": "sent"})


async def _send_docs(request: Request) -> JSONResponse:
    body = await json_of(request)
    contact = by_phone(request, body.get("to"))
    message = accept(request, contact, _content(body, link="link"))
    return JSONResponse(
        {"success": True, "message_id": message.channel_message_id, "status": "queued", "recipient": digits(contact)}
    )


def _content(body: Mapping[str, Any], *, link: str) -> Content:
    """A message in a dialect that calls the address of a file `link`."""
    kind = str(body.get("type"))
    part = body.get(kind)
    if kind == "text":
        if isinstance(part, dict) != (link == "link"):
            raise Invalid("text has not the form of this dialect")
        return text(part.get("body") if isinstance(part, dict) else part)
    if not isinstance(part, dict):
        raise Invalid(f"{kind} is missing")
    match kind:
        case "interactive":
            return choices((part.get("body") or {}).get("text"), titles(part))
        case "template":
            language = part.get("language")
            return template(
                part.get("name"),
                language.get("code") if isinstance(language, dict) else language,
                part.get("components"),
            )
        case "image" | "video" | "audio" | "document":
            return linked(_KINDS[kind], part.get(link), part.get("caption"))
    raise Invalid(f"the type {kind} is not sent here")


def _spelt(contact: Contact) -> Json:
    return {
        "id": str(contact.id),
        "phone_number": contact.phone,
        "name": contact.name,
        "tags": list(contact.tags),
        "stage": contact.lifecycle,
    }


async def _contacts(request: Request) -> JSONResponse:
    everyone = sandbox_of(request).contacts.all()
    page = request.query_params.get("page", "1")
    number = int(page) if page.isdigit() else 1
    listed = [_spelt(contact) for contact in everyone[(number - 1) * 50 : number * 50]]
    return _done({"contacts": listed, "total": len(everyone), "page": number})


async def _create(request: Request) -> JSONResponse:
    body, book = await json_of(request), sandbox_of(request).contacts
    identifier = f"phone:{body.get('phone_number')}"
    if book.look_up(identifier) is not None:
        raise Conflict("Contact already exists")
    return _done(_spelt(book.create(identifier, ContactFields(first_name=str(body.get("name") or "Pelanggan")))))


async def _contact(request: Request) -> JSONResponse:
    return _done(_spelt(by_id(request, request.path_params["id"])))


async def _update(request: Request) -> JSONResponse:
    body, contact = await json_of(request), by_id(request, request.path_params["id"])
    first_name, _, last_name = str(body.get("name") or contact.name).partition(" ")
    fields = ContactFields(first_name=first_name, last_name=last_name or None)
    return _done(_spelt(sandbox_of(request).contacts.update(contact, fields)))


async def _delete(request: Request) -> JSONResponse:
    sandbox_of(request).delete_contact(by_id(request, request.path_params["id"]))
    return _done(None)


async def _log_in(request: Request) -> JSONResponse:
    """Any e-mail address, and the token as password; the session's cookie holds it."""
    body, token = await json_of(request), sandbox_of(request).options.token
    require(str(body.get("password")), token)
    response = _done({"user": {"email": str(body.get("email"))}})
    response.set_cookie(_SESSION, token, httponly=True)
    return response


async def _campaigns(_: Request) -> JSONResponse:
    """None are kept: what a campaign does is documented nowhere."""
    return _done({"campaigns": []})


async def _start_campaign(request: Request) -> JSONResponse:
    return _done({"id": "campaign-1", **await json_of(request)})


async def _accounts(request: Request) -> JSONResponse:
    return _done({"accounts": [{"id": ACCOUNT, "name": "Sandbox", "phone_number": "+6281100000000"}]})


async def _templates(request: Request) -> JSONResponse:
    known = sandbox_of(request).workspace.settings().templates
    return _done(
        {
            "templates": [
                {"id": str(one.id), "name": one.name, "language": one.language, "status": one.status} for one in known
            ]
        }
    )


def _spelt_docs(contact: Contact) -> Json:
    names: Json = {"first_name": contact.first_name, "last_name": contact.last_name}
    return {"id": f"cnt_{contact.id}", "phone": digits(contact), "email": contact.email, **names}


async def _contacts_docs(request: Request) -> JSONResponse:
    everyone, asked = sandbox_of(request).contacts.all(), request.query_params
    limit, offset = (int(asked.get(name, "")) if asked.get(name, "").isdigit() else usual for name, usual in _PAGE)
    limit = min(limit, 100)
    listed = [_spelt_docs(contact) for contact in everyone[offset : offset + limit]]
    pagination = {"total": len(everyone), "limit": limit, "offset": offset}
    return JSONResponse({"success": True, "contacts": listed, "pagination": pagination})


async def _create_docs(request: Request) -> JSONResponse:
    body, book = await json_of(request), sandbox_of(request).contacts
    identifier = f"phone:+{body.get('phone')}"
    if book.look_up(identifier) is not None:
        raise Conflict("Contact already exists")
    fields = ContactFields(first_name=str(body.get("first_name") or "Pelanggan"))
    return JSONResponse({"success": True, "contact": _spelt_docs(book.create(identifier, fields))})


async def _status(_: Request) -> JSONResponse:
    return JSONResponse({"success": True, "status": "ok"})
