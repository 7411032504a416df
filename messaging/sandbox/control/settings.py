"""Faults, webhook targets, the delivery log, templates, reset."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Field
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from messaging.sandbox.api.gate import body_of, sandbox_of
from messaging.sandbox.content import Body, Words, read_body
from messaging.sandbox.control import views
from messaging.sandbox.errors import NotFound
from messaging.sandbox.faults import FaultName
from messaging.sandbox.media import kind_of
from messaging.sandbox.records import EVENT_TYPES
from messaging.sandbox.webhooks import parse_events


class FaultBody(Body):
    seconds: float | None = None
    only: Literal["all", "sends"] | None = None
    times: int | None = None
    status: int | None = None


class WebhookBody(Body):
    url: Words
    secret: str = ""
    events: tuple[str, ...] = EVENT_TYPES


class NewTemplate(Body):
    name: Words
    language: Words
    text: Words
    channel_id: int = 1
    category: Annotated[str, Field(min_length=1)] = "UTILITY"


async def faults(request: Request) -> JSONResponse:
    return JSONResponse(views.faults(sandbox_of(request)))


async def switch_on(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    body = read_body(FaultBody, await body_of(request) or b"{}")
    sandbox.faults.switch_on(cast(FaultName, request.path_params["name"]), **body.model_dump(exclude_none=True))
    return JSONResponse(views.faults(sandbox))


async def switch_off(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    sandbox.faults.switch_off(cast(FaultName, request.path_params["name"]))
    return JSONResponse(views.faults(sandbox))


async def switch_all_off(request: Request) -> JSONResponse:
    sandbox_of(request).faults.switch_off()
    return JSONResponse({})


async def webhooks(request: Request) -> JSONResponse:
    return JSONResponse({"items": views.change("webhooks", 0, sandbox_of(request))})


async def add_webhook(request: Request) -> JSONResponse:
    body = read_body(WebhookBody, await body_of(request))
    target = sandbox_of(request).webhooks.add(body.url, body.secret, parse_events(body.events))
    return JSONResponse(views.target(target))


async def remove_webhook(request: Request) -> JSONResponse:
    sandbox_of(request).webhooks.remove(request.path_params["number"])
    return JSONResponse({})


async def deliveries(request: Request) -> JSONResponse:
    """The log, newest first; at most 200."""
    found = list(sandbox_of(request).webhooks.deliveries.values())[:-201:-1]
    return JSONResponse({"items": [views.delivery(delivery) for delivery in found]})


async def delivery(request: Request) -> JSONResponse:
    """One delivery with the body that was sent."""
    found = sandbox_of(request).webhooks.deliveries.get(request.path_params["number"])
    if found is None:
        raise NotFound("Delivery not found")
    return JSONResponse(views.delivery(found) | {"body": json.loads(found.body)})


async def redeliver(request: Request) -> JSONResponse:
    return JSONResponse(views.delivery(sandbox_of(request).webhooks.redeliver(request.path_params["number"])))


async def add_template(request: Request) -> JSONResponse:
    body = read_body(NewTemplate, await body_of(request))
    workspace = sandbox_of(request).workspace
    template = workspace.add_template(body.channel_id, body.name, body.language, body.text, body.category)
    return JSONResponse({"id": template.id})


async def reset(request: Request) -> JSONResponse:
    sandbox_of(request).reset()
    return JSONResponse({})


_AUDIO = {".ogg", ".oga", ".opus", ".mp3", ".m4a", ".wav", ".amr"}


def sample_path(folder: Path | None, name: str) -> Path:
    """Raises: `NotFound` for anything but a note of the folder."""
    for path in sample_paths(folder):
        if path.name == name:
            return path
    raise NotFound("Sample not found")


def read_sample(folder: Path | None, name: str) -> bytes:
    """Raises: `NotFound` for anything but a note of the folder."""
    return sample_path(folder, name).read_bytes()


def sample_paths(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _AUDIO and path.is_file())


async def media(request: Request) -> Response:
    """A file; part of it when a `Range` header asks for it, so that players can seek."""
    found = sandbox_of(request).media.get(request.path_params["token"])
    inline = kind_of(found.mime_type) != "file" and found.mime_type != "image/svg+xml"
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=86400",
        "Content-Disposition": f'{"inline" if inline else "attachment"}; filename="{found.name}"',
        "Accept-Ranges": "bytes",
    }
    span = _span(request.headers.get("range"), len(found.data))
    if span is None:
        return Response(found.data, media_type=found.mime_type, headers=headers)
    first, last = span
    headers["Content-Range"] = f"bytes {first}-{last}/{len(found.data)}"
    return Response(found.data[first : last + 1], 206, media_type=found.mime_type, headers=headers)


def _span(header: str | None, size: int) -> tuple[int, int] | None:
    """`bytes=0-99` → (0, 99); `None` for what is absent or not a single range inside the file: send everything."""
    unit, _, text = (header or "").partition("=")
    start, dash, end = text.partition("-")
    if unit.strip() != "bytes" or not dash or not (start + end).isdigit():
        return None
    first = int(start) if start else max(0, size - int(end))
    last = min(int(end), size - 1) if start and end else size - 1
    return (first, last) if first <= last else None


async def samples(request: Request) -> JSONResponse:
    paths = await asyncio.to_thread(sample_paths, sandbox_of(request).options.samples)
    return JSONResponse({"items": [path.name for path in paths]})


async def sample(request: Request) -> Response:
    path = await asyncio.to_thread(sample_path, sandbox_of(request).options.samples, request.path_params["name"])
    return FileResponse(path, headers={"X-Content-Type-Options": "nosniff"})
