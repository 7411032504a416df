"""WhatsApp's Cloud API as far as messages go: sends by number, files by id, statuses, echoes of the business's app."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from messaging.sandbox.errors import ApiError, Invalid, NotFound
from messaging.sandbox.events import Event, MessageReceived, MessageSent
from messaging.sandbox.faces.plain import (
    ACCOUNT,
    PlainFace,
    accept,
    attachment_of,
    bearer,
    by_phone,
    cards_of,
    choices,
    digits,
    form_of,
    json_of,
    linked,
    place_of,
    stored,
    template,
    text,
)  # fmt: skip
from messaging.sandbox.records import Content, Json, SenderKind
from messaging.sandbox.requests import sandbox_of
from messaging.sandbox.workspace import Workspace
from messaging.signature import sign

_CODES = {401: 190, 404: 100, 429: 130429, 500: 131000, 503: 131016}
_KINDS = {"image": "image", "video": "video", "audio": "audio", "document": "file"}
_SPELT = {"image": "image", "video": "video", "audio": "audio", "file": "document"}


class WhatsAppFace(PlainFace):
    """Implements `messaging.sandbox.face.Face`; the phone number id is `sandbox`."""

    name = "whatsapp"
    prefixes: tuple[str, ...] = ("/v23.0",)

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"/{ACCOUNT}/messages", _send, methods=["POST"]),
            Route(f"/{ACCOUNT}/media", _upload, methods=["POST"]),
            Route(f"/{ACCOUNT}", _number, methods=["GET"]),
            Route(f"/{ACCOUNT}/message_templates", _templates, methods=["GET"]),
            Route("/files/{media}", _file, methods=["GET"]),
            Route("/{media}", _media, methods=["GET"]),
        ]

    def authorize(self, headers: Headers, token: str) -> None:
        bearer(headers.get("authorization"), token)

    def is_send(self, method: str, path: str) -> bool:
        return method == "POST" and path.endswith("/messages")

    def refusal(self, error: ApiError) -> Response:
        code = _CODES.get(error.status, 100)
        body = {
            "error": {
                "message": f"(#{code}) {error.message}",
                "type": "OAuthException",
                "code": code,
                "fbtrace_id": "sandbox",
            }
        }
        return JSONResponse(body, error.status)

    def webhook(self, event: Event, event_id: str, workspace: Workspace) -> Json | None:
        if not isinstance(event, MessageReceived | MessageSent):
            return None
        contact, message = event.contact, event.message
        number, at = digits(contact), str(int(message.at.timestamp()))
        value: dict[str, JsonValue] = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "6281100000000", "phone_number_id": ACCOUNT},
        }
        field = "messages"
        attachment = attachment_of(message)
        if (place := place_of(message)) is not None:
            content: dict[str, JsonValue] = {"type": "location", "location": place}
        elif cards := cards_of(message):
            content = {"type": "contacts", "contacts": cards}
        elif attachment is None:
            content = {"type": "text", "text": {"body": message.text}}
        else:
            kind = _SPELT.get(str(attachment["type"]), "document")
            file: dict[str, JsonValue] = {
                "id": str(attachment["token"]),
                "mime_type": str(attachment.get("mimeType") or ""),
            }
            content = {
                "type": kind,
                kind: {**file, "voice": True} if kind == "audio" else {**file, "caption": message.text},
            }
        if isinstance(event, MessageReceived):
            value["contacts"] = [{"profile": {"name": contact.name}, "wa_id": number}]
            value["messages"] = [{"from": number, "id": message.channel_message_id, "timestamp": at, **content}]
        elif message.sender.source is SenderKind.USER:
            field = "smb_message_echoes"
            value["message_echoes"] = [
                {"from": "6281100000000", "to": number, "id": message.channel_message_id, "timestamp": at, **content}
            ]
        else:
            status: JsonValue = {
                "id": message.channel_message_id,
                "status": "sent",
                "timestamp": at,
                "recipient_id": number,
            }
            value["statuses"] = [status]
        entry: JsonValue = {"id": "waba", "changes": [{"field": field, "value": value}]}
        return {"object": "whatsapp_business_account", "entry": [entry]}

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        return {"x-hub-signature-256": f"sha256={sign(secret.encode(), body, 'hex')}"}


async def _send(request: Request) -> JSONResponse:
    body = await json_of(request)
    if body.get("messaging_product") != "whatsapp":
        raise Invalid("messaging_product must be whatsapp")
    contact = by_phone(request, body.get("to"))
    message = accept(request, contact, _content(request, body))
    contacts = [{"input": str(body.get("to")), "wa_id": digits(contact)}]
    return JSONResponse(
        {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": message.channel_message_id}]}
    )


def _content(request: Request, body: Mapping[str, Any]) -> Content:
    kind = str(body.get("type"))
    part = body.get(kind)
    if not isinstance(part, dict):
        raise Invalid(f"{kind} is missing")
    match kind:
        case "text":
            return text(part.get("body"))
        case "interactive":
            return choices((part.get("body") or {}).get("text"), titles(part))
        case "template":
            language = part.get("language")
            code = language.get("code") if isinstance(language, dict) else language
            return template(part.get("name"), code, part.get("components"))
        case "image" | "video" | "audio" | "document":
            if "id" in part:
                return stored(sandbox_of(request), str(part["id"]))
            return linked(_KINDS[kind], part.get("link"), part.get("caption"))
    raise Invalid(f"the type {kind} is not sent here")


def titles(interactive: Mapping[str, Any]) -> list[Any]:
    """The choices of buttons or of a list."""
    action = interactive.get("action") or {}
    buttons = [button["reply"]["title"] for button in action.get("buttons", [])]
    return buttons or [row["title"] for section in action.get("sections", []) for row in section["rows"]]


async def _upload(request: Request) -> JSONResponse:
    form = await form_of(request)
    file = form.get("file")
    if form.get("messaging_product") != "whatsapp" or not isinstance(file, tuple):
        raise Invalid("messaging_product and file are needed")
    name, data, kind = file
    return JSONResponse({"id": sandbox_of(request).media.add(name, data, kind).token})


async def _number(request: Request) -> JSONResponse:
    return JSONResponse({"id": ACCOUNT, "verified_name": "Sandbox", "display_phone_number": "+62 811 0000 0000"})


async def _templates(request: Request) -> JSONResponse:
    """The business account is the sandbox's one account too."""
    listed = [
        {
            "id": str(one.id),
            "name": one.name,
            "language": one.language,
            "status": one.status.upper(),
            "category": one.category.upper(),
            "components": [{**part, "type": str(part.get("type", "")).upper()} for part in one.components],
        }
        for one in sandbox_of(request).workspace.templates
    ]
    return JSONResponse({"data": listed, "paging": {"cursors": {}}})


async def _media(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    media = sandbox.media.peek(request.path_params["media"])
    if media is None:
        raise NotFound("Unsupported get request")
    url = f"{sandbox.base_url}/v23.0/files/{media.token}"
    return JSONResponse({"id": media.token, "url": url, "mime_type": media.mime_type, "file_size": len(media.data)})


async def _file(request: Request) -> Response:
    media = sandbox_of(request).media.get(request.path_params["media"])
    return Response(media.data, media_type=media.mime_type)
