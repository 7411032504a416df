"""Unipile's API v1 as far as messages go: multipart sends, the list of a chat, attachments; webhooks with a secret in a header."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from messaging.sandbox.errors import ApiError, Invalid
from messaging.sandbox.events import Event, MessageReceived, MessageSent
from messaging.sandbox.faces.plain import (
    ACCOUNT,
    PlainFace,
    accept,
    attachment_of,
    by_id,
    by_phone,
    cards_of,
    digits,
    form_of,
    place_of,
    require,
    text,
    uploaded,
)
from messaging.sandbox.records import Contact, Json, Message, SenderKind
from messaging.sandbox.requests import sandbox_of
from messaging.sandbox.workspace import Workspace
from messaging.values import card_of, location_of

_OWN = "6281100000000@s.whatsapp.net"
_KINDS = {"image": "img", "video": "video", "audio": "audio"}


class UnipileFace(PlainFace):
    """Implements `messaging.sandbox.face.Face`; a chat is `chat-ID`."""

    name = "unipile"
    prefixes: tuple[str, ...] = ("/api/v1",)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/chats/{chat}/messages", _send, methods=["POST"]),
            Route("/chats/{chat}/messages", _list, methods=["GET"]),
            Route("/chats", _chats, methods=["GET"]),
            Route("/chats", _start, methods=["POST"]),
            Route("/messages/{message}/attachments/{token}", _attachment, methods=["GET"]),
        ]

    def authorize(self, headers: Headers, token: str) -> None:
        require(headers.get("x-api-key"), token)

    def is_send(self, method: str, path: str) -> bool:
        return method == "POST" and (path.endswith("/messages") or path == "/chats")

    def refusal(self, error: ApiError) -> Response:
        body = {"type": "errors/sandbox", "title": error.message, "status": error.status}
        return JSONResponse(body, error.status)

    def webhook(self, event: Event, event_id: str, workspace: Workspace) -> Json | None:
        if not isinstance(event, MessageReceived | MessageSent):
            return None
        contact, message = event.contact, event.message
        customer = _attendee(contact)
        ours: Json = {"attendee_id": "own", "attendee_name": "Sandbox", "attendee_provider_id": _OWN}
        attachment = attachment_of(message)
        return {
            "account_id": ACCOUNT,
            "account_type": "WHATSAPP",
            "account_info": {"user_id": _OWN},
            "event": "message_received",
            "webhook_name": "sandbox",
            "chat_id": f"chat-{contact.id}",
            "timestamp": message.at.isoformat(),
            "message_id": str(message.id),
            "message": _words(message),
            "sender": customer if isinstance(event, MessageReceived) else ours,
            "attendees": [customer],
            "is_sender": message.sender.source is not SenderKind.CONTACT,
            "attachments": [] if attachment is None else [_spelt(attachment)],
        }

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        return {"unipile-auth": secret}


def _words(message: Message) -> str | None:
    """The text. How places and cards are told is documented nowhere, so they are written out."""
    place = location_of(place_of(message) or {})
    shown = [card for one in cards_of(message) if isinstance(one, dict) and (card := card_of(one)) is not None]
    return message.text or (str(place) if place is not None else "\n".join(map(str, shown)) or None)


def _attendee(contact: Contact) -> Json:
    provider_id = f"{digits(contact)}@s.whatsapp.net"
    return {"attendee_id": f"at-{contact.id}", "attendee_name": contact.name, "attendee_provider_id": provider_id}


def _spelt(attachment: Mapping[str, object]) -> Json:
    kind = _KINDS.get(str(attachment.get("type")), "file")
    token = str(attachment["token"])
    return {
        "id": token,
        "type": kind,
        "mimetype": str(attachment.get("mimeType") or ""),
        "file_name": str(attachment.get("fileName") or ""),
        "voice_note": kind == "audio",
        "unavailable": False,
        "url": f"att://{token}",
    }


async def _send(request: Request) -> JSONResponse:
    contact = by_id(request, request.path_params["chat"], "chat-")
    message = _take(request, contact, await form_of(request))
    return JSONResponse({"object": "MessageSent", "message_id": str(message.id)}, 201)


async def _start(request: Request) -> JSONResponse:
    """A chat with a person: the one that there is, or a new one."""
    form = await form_of(request)
    if form.get("account_id") != ACCOUNT:
        raise Invalid(f"account_id: the account of the sandbox is {ACCOUNT!r}")
    contact = by_phone(request, str(form.get("attendees_ids")).partition("@")[0])
    message = _take(request, contact, form)
    answer = {"object": "ChatStarted", "chat_id": f"chat-{contact.id}", "message_id": str(message.id)}
    return JSONResponse(answer, 201)


def _take(request: Request, contact: Contact, form: Mapping[str, object]) -> Message:
    file = form.get("attachments") or form.get("voice_message")
    if file is not None:
        return accept(request, contact, uploaded(sandbox_of(request), file))
    if "text" in form:
        return accept(request, contact, text(form["text"]))
    raise Invalid("text, attachments or voice_message is needed")


async def _list(request: Request) -> JSONResponse:
    contact = by_id(request, request.path_params["chat"], "chat-")
    newest = sandbox_of(request).listed(contact)[:-101:-1]
    return JSONResponse({"object": "MessageList", "items": [_listed(message) for message in newest], "cursor": None})


def _listed(message: Message) -> Json:
    attachment = attachment_of(message)
    return {
        "id": str(message.id),
        "chat_id": f"chat-{message.contact}",
        "text": message.text,
        "is_sender": int(message.traffic == "outgoing"),
        "timestamp": message.at.isoformat(),
        "attachments": [] if attachment is None else [_spelt(attachment)],
    }


async def _chats(request: Request) -> JSONResponse:
    everyone = sandbox_of(request).contacts.all()
    chats = [{"id": f"chat-{one.id}", "account_id": ACCOUNT, "account_type": "WHATSAPP"} for one in everyone]
    return JSONResponse({"object": "ChatList", "items": chats, "cursor": None})


async def _attachment(request: Request) -> Response:
    media = sandbox_of(request).media.get(request.path_params["token"])
    return Response(media.data, media_type=media.mime_type)
