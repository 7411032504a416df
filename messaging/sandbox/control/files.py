"""Files that the sandbox serves: media under unguessable addresses, and sample notes."""

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from messaging.sandbox.api.answers import sandbox_of
from messaging.sandbox.errors import NotFound
from messaging.sandbox.media import kind_of

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
