"""Telegram's Bot API as far as messages go, below `/telegram`: the base URL that a client is given."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from messaging.sandbox.errors import ApiError, NotFound, RateLimited
from messaging.sandbox.events import Event, MessageReceived
from messaging.sandbox.faces.plain import (
    PlainFace,
    accept,
    attachment_of,
    by_id,
    cards_of,
    choices,
    form_of,
    json_of,
    linked,
    place_of,
    require,
    text,
    uploaded,
)
from messaging.sandbox.records import Contact, Content, Json
from messaging.sandbox.requests import sandbox_of
from messaging.sandbox.workspace import Workspace
from messaging.values import card_of

_FILES = {
    "sendPhoto": "photo",
    "sendVideo": "video",
    "sendAudio": "audio",
    "sendVoice": "voice",
    "sendDocument": "document",
}
_KINDS = {"photo": "image", "video": "video", "audio": "audio", "voice": "audio", "document": "file"}
_SPELT = {"image": "photo", "video": "video", "audio": "voice", "file": "document"}


class TelegramFace(PlainFace):
    """Implements `messaging.sandbox.face.Face`; the token stands in the path, a chat is the contact's id."""

    name = "telegram"
    prefixes: tuple[str, ...] = ("/telegram",)
    tells_phone = False

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/bot{token}/{method}", _call, methods=["GET", "POST"]),
            Route("/file/bot{token}/{file}/{name}", _file, methods=["GET"]),
        ]

    def authorize(self, headers: Headers, token: str) -> None:
        """Every route checks the token in its path."""

    def is_send(self, method: str, path: str) -> bool:
        return path.rpartition("/")[2].startswith("send")

    def refusal(self, error: ApiError) -> Response:
        body: dict[str, Any] = {"ok": False, "error_code": error.status, "description": error.message}
        if isinstance(error, RateLimited):
            body["parameters"] = {"retry_after": max(1, round(error.retry_after))}
        return JSONResponse(body, error.status)

    def webhook(self, event: Event, event_id: str, workspace: Workspace) -> Json | None:
        if not isinstance(event, MessageReceived):
            return None
        contact, message = event.contact, event.message
        attachment = attachment_of(message)
        names: Json = {"first_name": contact.first_name, "last_name": contact.last_name or ""}
        spelt: Json = {
            "message_id": message.id,
            "from": {"id": contact.id, "is_bot": False, "language_code": contact.language or "id", **names},
            "chat": {"id": contact.id, "type": "private", **names},
            "date": int(message.at.timestamp()),
        }
        place, cards = place_of(message), cards_of(message)
        if place is not None:
            spelt["location"] = {"latitude": place.get("latitude"), "longitude": place.get("longitude")}
        elif cards:
            spelt["contact"] = _card(cards[0], contact)
        elif attachment is None:
            spelt["text"] = message.text
        else:
            kind = _SPELT.get(str(attachment["type"]), "document")
            file: Json = {
                "file_id": str(attachment["token"]),
                "mime_type": str(attachment.get("mimeType") or ""),
                "duration": 1,
            }
            spelt[kind] = [file] if kind == "photo" else file
            spelt["caption"] = message.text
        return {"update_id": message.id, "message": spelt}

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        return {"x-telegram-bot-api-secret-token": secret}


def _card(card: JsonValue, sender: Contact) -> Json:
    """A contact card. `user_id` tells whose it is: one with the sender's own number is the sender's."""
    shared = card_of(card) if isinstance(card, dict) else None
    name, phone = (shared.name, next(iter(shared.phones), "")) if shared else (None, "")
    spelt: Json = {"first_name": name or "", "phone_number": phone.removeprefix("+")}
    return {**spelt, "user_id": sender.id} if phone == sender.phone else spelt


async def _call(request: Request) -> JSONResponse:
    require(request.path_params["token"], sandbox_of(request).options.token)
    method = request.path_params["method"]
    if method == "getMe":
        return _result({"id": 1, "is_bot": True, "first_name": "Sandbox", "username": "sandbox_bot"})
    is_json = request.headers.get("content-type", "").startswith("application/json")
    body = await (json_of if is_json else form_of)(request)
    if method == "getFile":
        media = sandbox_of(request).media.get(str(body.get("file_id")))
        return _result(
            {"file_id": media.token, "file_path": f"{media.token}/{media.name}", "file_size": len(media.data)}
        )
    if method not in {"sendMessage", *_FILES}:
        raise NotFound("Not Found")
    contact = by_id(request, str(body.get("chat_id")))
    return _sent(request, contact, _content(request, method, body))


def _content(request: Request, method: str, body: Mapping[str, Any]) -> Content:
    if method == "sendMessage":
        rows = (body.get("reply_markup") or {}).get("keyboard") if isinstance(body.get("reply_markup"), dict) else None
        if isinstance(rows, list):
            return choices(body.get("text"), [key.get("text") for row in rows for key in row])
        return text(body.get("text"))
    field = _FILES[method]
    file = body.get(field)
    return linked(_KINDS[field], file) if isinstance(file, str) else uploaded(sandbox_of(request), file)


def _sent(request: Request, contact: Contact, content: Content) -> JSONResponse:
    message = accept(request, contact, content)
    return _result(
        {"message_id": message.id, "chat": {"id": contact.id, "type": "private"}, "date": int(message.at.timestamp())}
    )


def _result(result: Json) -> JSONResponse:
    return JSONResponse({"ok": True, "result": result})


async def _file(request: Request) -> Response:
    require(request.path_params["token"], sandbox_of(request).options.token)
    media = sandbox_of(request).media.get(request.path_params["file"])
    return Response(media.data, media_type=media.mime_type)
