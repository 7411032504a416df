"""The platforms' APIs on loopback, written from their documents and as strict as these: what they would not take is an error.

They know nothing of our clients. Each keeps what it was sent; `fail` and `lose` say what happens to the next requests.
"""

import asyncio
import json
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "t0ken"
OGG = b"OggS" + bytes(60)
PNG = b"\x89PNG\r\n" + bytes(20)


class Refusal(Exception):
    """Answer with this status and body."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers


class Lost(Exception):
    """The request was carried out; the connection breaks before the answer."""


@dataclass
class Server:
    """One strict API. `sent` are the messages it took; `calls` every request as `METHOD /path`."""

    url: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refusals: deque[Refusal] = field(default_factory=deque)
    losses: int = 0
    taken_at: list[float] = field(default_factory=list)
    """When each message came, also those that were refused; unix seconds."""
    audio: bytes = OGG
    files: dict[str, bytes] = field(default_factory=dict)

    base = ""

    def fail(self, status: int, body: Any, times: int = 1, **headers: str) -> None:
        """Refuse the next sends."""
        self.refusals.extend(
            Refusal(status, body, {k.replace("_", "-"): v for k, v in headers.items()}) for _ in range(times)
        )

    def lose(self, times: int = 1) -> None:
        """Take the next sends and never answer them."""
        self.losses = times

    def take(self, message: dict[str, Any]) -> str:
        self.taken_at.append(time.time())
        if self.refusals:
            raise self.refusals.popleft()
        self.sent.append(message)
        if self.losses:
            self.losses -= 1
            raise Lost
        return f"m{len(self.sent)}"

    async def handle(self, request: Request) -> Response:
        path = request.url.path
        self.calls.append(f"{request.method} {path}")
        self.headers.append(dict(request.headers))
        if path == "/public/note.ogg":
            return Response(self.audio, media_type="audio/ogg")
        try:
            self.authorize(request)
            return await self.answer(request, path.removeprefix(self.base))
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status, refusal.headers)
        except Lost:
            return Response(status_code=599)

    def authorize(self, request: Request) -> None:
        raise NotImplementedError

    async def answer(self, request: Request, path: str) -> Response:
        raise NotImplementedError


class _Dropping:
    """Ends the connection in the place of an answer with status 599."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def dropping(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 599:
                raise ConnectionAbortedError
            await send(message)

        try:
            await self._app(scope, receive, dropping)
        except ConnectionAbortedError:
            await asyncio.sleep(0)
            return  # uvicorn closes a connection that got no answer, or answers 500


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Serve in a thread of its own."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = _Dropping(Starlette(routes=[Route("/{path:path}", server.handle, methods=methods)]))
    running_server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
    listening = socket.create_server(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listening.getsockname()[1]}{server.base}"
    thread = Thread(target=running_server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield server
    finally:
        running_server.should_exit = True
        thread.join()
        listening.close()


async def json_body(
    request: Request, *, required: set[str], optional: frozenset[str] | set[str] = frozenset()
) -> dict[str, Any]:
    """The JSON object of a request that must have these keys and may have those."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refusal(400, {"error": "not application/json"})
    body = json.loads(await request.body())
    if missing := required - body.keys():
        raise Refusal(400, {"error": f"missing {sorted(missing)}"})
    if unknown := body.keys() - required - optional:
        raise Refusal(400, {"error": f"unknown {sorted(unknown)}"})
    return dict(body)


async def form_body(request: Request, *, known: set[str]) -> dict[str, Any]:
    """The fields and files of a multipart form."""
    if request.headers.get("content-type", "").partition(";")[0] != "multipart/form-data":
        raise Refusal(400, {"error": "not multipart/form-data"})
    found: dict[str, Any] = {}
    async with request.form() as form:
        for name, value in form.multi_items():
            if name not in known:
                raise Refusal(400, {"error": f"unknown {name}"})
            if isinstance(value, UploadFile):
                found[name] = (value.filename, await value.read(), value.content_type)
            else:
                found[name] = value
    return found


class ZernioServer(Server):
    """Idempotency keys are honoured: the same key is carried out once, also where its first answer got lost."""

    base = "/api/v1"
    platform = "instagram"

    def __init__(self) -> None:
        super().__init__()
        self.by_key: dict[str, str] = {}

    def authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, {"error": "Invalid API key", "type": "authentication_error", "code": "invalid_api_key"})

    async def answer(self, request: Request, path: str) -> Response:
        match request.method, path.strip("/").split("/"):
            case "POST", ["inbox", "conversations", conversation, "messages"]:
                key = request.headers.get("idempotency-key")
                if not key:
                    raise Refusal(400, {"error": "Idempotency-Key", "type": "invalid_request_error"})
                body = await json_body(
                    request,
                    required={"accountId"},
                    optional={
                        "message", "attachmentUrl", "attachmentType", "attachmentName", "voiceNote", "quickReplies", "buttons",
                        "template", "interactive", "messagingType", "messageTag", "replyTo", "location", "contacts",
                    },
                )  # fmt: skip
                if len(body) < 2:
                    raise Refusal(400, {"error": "nothing to send", "type": "invalid_request_error"})
                if key in self.by_key:
                    message_id = self.by_key[key]
                else:
                    self.by_key[key] = message_id = f"m{len(self.sent) + 1}"
                    try:
                        self.take({"to": conversation, **body})
                    except Refusal:
                        del self.by_key[key]
                        raise
                return JSONResponse(
                    {"success": True, "data": {"messageId": message_id, "conversationId": conversation}}
                )
            case "POST", ["inbox", "conversations"]:
                known = {"participantUsername", "message", "templateName", "templateLanguage", "templateParams"}
                body = await json_body(request, required={"accountId", "participantId"}, optional=known)
                if not body.get("message") and not body.get("templateName"):
                    raise Refusal(400, {"error": "nothing to send", "type": "invalid_request_error"})
                data = {"messageId": self.take({"to": "c1", **body}), "conversationId": "c1"}
                return JSONResponse({"success": True, "data": data}, 201)
            case "POST", ["inbox", "comments", post]:
                body = await json_body(request, required={"accountId", "message", "commentId"})
                return JSONResponse({"success": True, "data": {"commentId": self.take({"post": post, **body})}})
            case "GET", ["inbox", "conversations"]:
                if "accountId" not in request.query_params:
                    raise Refusal(400, {"error": "accountId"})
                return JSONResponse({"conversations": [{"id": "c1", "platform": self.platform}], "pagination": {}})
            case "GET", ["whatsapp", "media", _]:
                return Response(self.audio, media_type="audio/ogg")
        raise Refusal(404, {"error": "Not found", "type": "not_found"})


class UnipileServer(Server):
    base = "/api/v1"

    def authorize(self, request: Request) -> None:
        if request.headers.get("x-api-key") != TOKEN:
            raise Refusal(401, {"type": "errors/missing_credentials", "title": "Missing credentials", "status": 401})

    async def answer(self, request: Request, path: str) -> Response:
        match request.method, path.strip("/").split("/"):
            case "POST", ["chats", chat, "messages"]:
                known = {
                    "text",
                    "attachments",
                    "thread_id",
                    "account_id",
                    "quote_id",
                    "voice_message",
                    "typing_duration",
                }
                form = await form_body(request, known=known)
                if not form.get("text") and "attachments" not in form:
                    raise Refusal(400, {"type": "errors/invalid_parameters", "title": "Empty message", "status": 400})
                return JSONResponse({"object": "MessageSent", "message_id": self.take({"to": chat, **form})}, 201)
            case "POST", ["chats"]:
                known = {"account_id", "attendees_ids", "text", "attachments", "voice_message", "subject"}
                form = await form_body(request, known=known)
                if not form.get("account_id") or not form.get("attendees_ids"):
                    raise Refusal(400, {"type": "errors/invalid_parameters", "title": "Missing", "status": 400})
                answer = {"object": "ChatStarted", "chat_id": "ch1", "message_id": self.take({"to": "ch1", **form})}
                return JSONResponse(answer, 201)
            case "GET", ["chats", _, "messages"]:
                listed = [
                    {
                        "id": f"m{number}",
                        "text": message.get("text"),
                        "is_sender": 1,
                        "timestamp": datetime.now(UTC).isoformat(),
                        "attachments": [{"type": "img", "id": "a1"}] if "attachments" in message else [],
                    }
                    for number, message in enumerate(self.sent, 1)
                ]
                return JSONResponse({"object": "MessageList", "items": listed[::-1], "cursor": None})
            case "GET", ["messages", "in1", "attachments", "a1"]:
                return Response(self.audio, media_type="audio/ogg")
            case "GET", ["chats"]:
                return JSONResponse(
                    {"object": "ChatList", "items": [{"id": "c", "account_type": "WHATSAPP"}], "cursor": None}
                )
        raise Refusal(404, {"type": "errors/resource_not_found", "title": "Not found", "status": 404})


class WhatsAppServer(Server):
    base = "/v23.0"

    def authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refusal(
                401, {"error": {"message": "Invalid OAuth access token.", "type": "OAuthException", "code": 190}}
            )

    async def answer(self, request: Request, path: str) -> Response:
        match request.method, path.strip("/").split("/"):
            case "POST", ["p1", "messages"]:
                body = await json_body(
                    request,
                    required={"messaging_product", "to", "type"},
                    optional={
                        "recipient_type",
                        "text",
                        "image",
                        "video",
                        "audio",
                        "document",
                        "template",
                        "interactive",
                    },
                )
                if body["messaging_product"] != "whatsapp" or body["to"].startswith("+") or body["type"] not in body:
                    raise Refusal(400, {"error": {"message": "(#100) Invalid parameter", "code": 100}})
                identity = f"wamid.{self.take(body)}"
                contacts = [{"input": body["to"], "wa_id": body["to"]}]
                return JSONResponse(
                    {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": identity}]}
                )
            case "POST", ["p1", "media"]:
                form = await form_body(request, known={"messaging_product", "type", "file"})
                if form.get("messaging_product") != "whatsapp" or not isinstance(form.get("file"), tuple):
                    raise Refusal(400, {"error": {"message": "(#100) Invalid parameter", "code": 100}})
                self.files[f"media{len(self.files) + 1}"] = form["file"][1]
                return JSONResponse({"id": f"media{len(self.files)}"})
            case "GET", ["media9"]:
                url = self.url + "/files/media9"
                return JSONResponse(
                    {"id": "media9", "url": url, "mime_type": "audio/ogg", "file_size": len(self.audio)}
                )
            case "GET", ["files", "media9"]:
                return Response(self.audio, media_type="audio/ogg")
            case "GET", ["waba1", "message_templates"]:
                first = request.query_params.get("after") is None
                body = {"type": "BODY", "text": "Halo {{1}}"}
                listed = {
                    "id": "t1" if first else "t2",
                    "name": "sapaan",
                    "language": "id" if first else "en",
                    "status": "APPROVED",
                }
                paging = {"cursors": {"after": "c1"}, **({"next": "https://graph.example/next"} if first else {})}
                return JSONResponse(
                    {"data": [{**listed, "category": "MARKETING", "components": [body]}], "paging": paging}
                )
            case "GET", ["p1"]:
                return JSONResponse({"id": "p1", "verified_name": "Kopi Senja", "display_phone_number": "+62 21"})
        raise Refusal(404, {"error": {"message": "Unsupported request", "code": 100}})


class TelegramServer(Server):
    def authorize(self, request: Request) -> None:
        if f"/bot{TOKEN}/" not in request.url.path:
            raise Refusal(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})

    async def answer(self, request: Request, path: str) -> Response:
        match path.strip("/").split("/"):
            case ["file", _, "voice", "f.oga"]:
                return Response(self.audio, media_type="audio/ogg")
            case [_, "getMe"]:
                return JSONResponse({"ok": True, "result": {"id": 1, "is_bot": True, "username": "melati_bot"}})
            case [_, "getFile"]:
                await json_body(request, required={"file_id"})
                return JSONResponse({"ok": True, "result": {"file_id": "f", "file_path": "voice/f.oga"}})
            case [_, "sendMessage"]:
                body = await json_body(request, required={"chat_id", "text"}, optional={"reply_markup", "parse_mode"})
                return self._sent(body)
            case [_, "sendPhoto" | "sendDocument" | "sendVoice" | "sendVideo" | "sendAudio" as method]:
                form = await form_body(request, known={"chat_id", method.removeprefix("send").lower(), "caption"})
                return self._sent({"method": method, **form})
        raise Refusal(404, {"ok": False, "error_code": 404, "description": "Not Found"})

    def _sent(self, message: dict[str, Any]) -> Response:
        number = int(self.take(message).removeprefix("m"))
        return JSONResponse({"ok": True, "result": {"message_id": number, "chat": {"id": message["chat_id"]}}})


class AisouleServer(Server):
    """The help centre's dialect, with the login of a browser."""

    base = "/api"
    password = "rahasia"

    def __init__(self) -> None:
        super().__init__()
        self.sessions: set[str] = set()
        self.logins = 0
        self.contacts: dict[str, dict[str, Any]] = {
            f"uuid-{number}": {
                "id": f"uuid-{number}",
                "phone_number": f"+62812345678{number:02}",
                "name": f"Budi {number}",
                "tags": ["vip"],
            }
            for number in range(3)
        }

    def authorize(self, request: Request) -> None:
        if request.url.path == "/api/auth/login" or request.headers.get("x-api-key") == TOKEN:
            return
        if request.cookies.get("session") not in self.sessions:
            raise Refusal(401, {"message": "Unauthorized", "status": "error"})

    async def answer(self, request: Request, path: str) -> Response:
        match request.method, path.strip("/").split("/"):
            case "POST", ["auth", "login"]:
                body = await json_body(request, required={"email", "password"})
                if body["password"] != self.password:
                    raise Refusal(401, {"message": "Invalid credentials", "status": "error"})
                self.logins += 1
                self.sessions.add(f"s{self.logins}")
                response = self._done({"user": {}})
                response.set_cookie("session", f"s{self.logins}", httponly=True)
                return response
            case "POST", ["messages", "send"]:
                kinds = {
                    "text",
                    "image",
                    "video",
                    "document",
                    "audio",
                    "template",
                    "interactive",
                    "whatsapp_account_id",
                }
                body = await json_body(request, required={"to", "type"}, optional=kinds)
                if not body["to"].startswith("+") or body["type"] not in body:
                    raise Refusal(400, {"message": "Invalid phone number", "status": "error"})
                if body["type"] == "text" and not isinstance(body["text"], str):
                    raise Refusal(400, {"message": "text must be a string", "status": "error"})
                return self._done({"message_id": f"wamid.{self.take(body)}", "status": "sent"})
            case "GET", ["contacts"]:
                page = int(request.query_params.get("page", "1"))
                listed = list(self.contacts.values())[(page - 1) * 2 : page * 2]
                return self._done({"contacts": listed, "total": len(self.contacts), "page": page})
            case "POST", ["contacts"]:
                body = await json_body(request, required={"phone_number"}, optional={"name", "tags", "stage"})
                if any(one["phone_number"] == body["phone_number"] for one in self.contacts.values()):
                    raise Refusal(409, {"message": "Contact already exists", "status": "error"})
                identity = f"uuid-{len(self.contacts)}"
                self.contacts[identity] = {"id": identity, **body}
                return self._done(self.contacts[identity])
            case "GET", ["contacts", identity] if identity in self.contacts:
                return self._done(self.contacts[identity])
            case "PUT", ["contacts", identity] if identity in self.contacts:
                self.contacts[identity] |= await json_body(
                    request, required=set(), optional={"phone_number", "name", "tags", "stage"}
                )
                return self._done(self.contacts[identity])
            case "DELETE", ["contacts", identity] if identity in self.contacts:
                del self.contacts[identity]
                return self._done(None)
            case "GET", ["templates"]:
                return self._done(
                    {"templates": [{"id": "t1", "name": "promo", "language": "id", "status": "APPROVED"}]}
                )
            case "GET", ["campaigns"]:
                return self._done([{"id": "k1", "name": "Lebaran"}])
            case "POST", ["campaigns"]:
                return self._done({"id": "k2", **await json_body(request, required={"name"}, optional={"template"})})
            case "GET", ["accounts"]:
                return self._done({"accounts": [{"id": "wa-1", "name": "Kopi Senja", "phone_number": "+6221"}]})
        raise Refusal(404, {"message": "Not found", "status": "error"})

    def _done(self, data: Any) -> JSONResponse:
        headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "90", "X-RateLimit-Reset": "1795860090"}
        return JSONResponse({"data": data, "status": "success"}, headers=headers)


class AisouleDocsServer(Server):
    """The dialect of the developer documents."""

    base = "/v1"

    def authorize(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, {"success": False, "error": {"code": "unauthorized", "message": "Invalid key"}})

    async def answer(self, request: Request, path: str) -> Response:
        match request.method, path.strip("/").split("/"):
            case "POST", ["messages"]:
                kinds = {"text", "image", "video", "document", "audio", "template"}
                body = await json_body(request, required={"to", "type"}, optional=kinds)
                if body["to"].startswith("+") or not isinstance(body.get(body["type"]), dict):
                    raise Refusal(400, {"success": False, "error": {"code": "invalid", "message": "no"}})
                identity = f"msg_{self.take(body)}"
                return JSONResponse(
                    {"success": True, "message_id": identity, "status": "queued", "recipient": body["to"]}
                )
            case "GET", ["contacts"]:
                contact = {"id": "cnt_1", "phone": "6281234567801", "first_name": "Budi", "last_name": "Santoso"}
                return JSONResponse(
                    {"success": True, "contacts": [contact], "pagination": {"total": 1, "limit": 20, "offset": 0}}
                )
            case "POST", ["contacts"]:
                optional = {"first_name", "last_name", "email", "tags", "custom_fields"}
                return JSONResponse(
                    {"success": True, "contact": await json_body(request, required={"phone"}, optional=optional)}
                )
            case "GET", ["status"]:
                return JSONResponse({"success": True, "status": "ok"})
        raise Refusal(404, {"success": False, "error": {"code": "not_found", "message": "Not found"}})
