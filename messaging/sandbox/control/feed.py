"""What the control API shows: everything at once, messages, every change as it happens, files and sample notes."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from messaging.sandbox.control.views import change, comment, contact, delivery, faults, message, workspace
from messaging.sandbox.errors import Invalid, NotFound
from messaging.sandbox.media import kind_of
from messaging.sandbox.records import Contact
from messaging.sandbox.requests import sandbox_of
from messaging.sandbox.state import Sandbox

_LONGEST_WAIT = 120.0  # seconds
_HEARTBEAT = 15.0  # seconds
_MESSAGES, _FEWEST, _DELIVERIES = 6000, 20, 200  # what the page gets at first: in all, of each contact, of the log


def named_contact(request: Request, name: str | None = None) -> Contact:
    """Return the contact of the path (or `name`): an id, or `phone:…`, `email:…`. Raises: `NotFound`, `Invalid`."""
    text = name or request.path_params["contact"]
    return sandbox_of(request).contacts.find(f"id:{text}" if text.isdigit() else text)


def number_of(request: Request, name: str, default: float) -> float:
    """Read a number of the query string. Raises: `Invalid`."""
    text = request.query_params.get(name)
    try:
        return float(text) if text else default
    except ValueError as error:
        raise Invalid(f"{name}: {text!r} is not a number") from error


async def state(request: Request) -> JSONResponse:
    """Show everything: contacts, their latest messages, comments, faults, webhooks; `seq` is where the stream goes on."""
    sandbox = sandbox_of(request)
    names = [path.name for path in await asyncio.to_thread(sample_paths, sandbox.options.samples)]
    contacts, insight = sandbox.contacts.all(), sandbox.options.insight
    most = max(_FEWEST, _MESSAGES // max(1, len(contacts)))
    messages = [message for contact in contacts for message in sandbox.messages.of(contact.id)[-most:]]
    return JSONResponse(
        {
            "seq": sandbox.feed.seq,
            "apiUrl": f"{sandbox.base_url}{sandbox.face.prefixes[0]}",
            "business": sandbox.options.business,
            "workspace": workspace(sandbox),
            "contacts": [contact(each, sandbox) for each in contacts],
            "messages": [message(each, sandbox) for each in messages],
            "comments": [comment(item, sandbox) for item in sandbox.conversations.comments.values()],
            "deliveries": [delivery(item) for item in list(sandbox.webhooks.deliveries.values())[-_DELIVERIES:]],
            "webhooks": change("webhooks", 0, sandbox),
            "faults": faults(sandbox),
            "samples": names,
            "prompts": [] if insight is None else [asdict(prompt) for prompt in insight.prompts()],
            "explains": insight is not None,
        }
    )


async def messages(request: Request) -> JSONResponse:
    """List messages later than the id `after`, oldest first; waits up to `wait` seconds (at most 120) for one.

    Query: `contact` (id or identifier; all contacts when left out), `after`, `wait`, `traffic` (incoming or outgoing).
    """
    sandbox, query = sandbox_of(request), request.query_params
    contact = named_contact(request, query["contact"]).id if query.get("contact") else None
    traffic = query.get("traffic")
    if traffic not in {None, "incoming", "outgoing"}:
        raise Invalid(f"traffic: {traffic!r} is neither incoming nor outgoing")
    after, wait = int(number_of(request, "after", 0)), number_of(request, "wait", 0)
    loop = asyncio.get_running_loop()
    end = loop.time() + min(wait, _LONGEST_WAIT)
    while True:
        seq = sandbox.feed.seq
        found = sandbox.messages.of(contact, after, traffic)  # type: ignore[arg-type]
        rest = end - loop.time()
        if found or rest <= 0 or not await sandbox.feed.wait(seq, rest):
            return JSONResponse({"items": [message(each, sandbox) for each in found]})


async def why(request: Request) -> JSONResponse:
    """Show how the agent came to answer this message, or with it. Raises: `NotFound`."""
    sandbox = sandbox_of(request)
    found, insight = sandbox.messages.peek(request.path_params["number"]), sandbox.options.insight
    told = (
        None if found is None or insight is None else await insight.explain({str(found.id), found.channel_message_id})
    )
    if told is None:
        raise NotFound("Nothing is known of how this message came about")
    return JSONResponse(told)


async def stream(request: Request) -> StreamingResponse:
    """Send server-sent events: `{"kind", "id", "data"}` for every change after `seq` (or `Last-Event-ID`)."""
    sandbox = sandbox_of(request)
    last = request.headers.get("last-event-id")
    seq = int(last) if last and last.isdigit() else int(number_of(request, "after", sandbox.feed.seq))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_changes(sandbox, seq), media_type="text/event-stream", headers=headers)


async def _changes(sandbox: Sandbox, seq: int) -> AsyncIterator[str]:
    yield ": hello\n\n"
    while not sandbox.feed.closed:
        changes, seen = sandbox.feed.after(seq), sandbox.feed.seq
        for each in changes:
            if each.kind != "media":
                data = change(each.kind, each.id, sandbox)
                text = json.dumps({"kind": each.kind, "id": each.id, "data": data}, ensure_ascii=False)
                yield f"id: {each.seq}\ndata: {text}\n\n"
        seq = seen
        if not await sandbox.feed.wait(seq, _HEARTBEAT) and not sandbox.feed.closed:
            yield ": still here\n\n"


_AUDIO = {".ogg", ".oga", ".opus", ".mp3", ".m4a", ".wav", ".amr"}


def sample_path(folder: Path | None, name: str) -> Path:
    """Find a sample note by its file name. Raises: `NotFound` for anything but a note of the folder."""
    for path in sample_paths(folder):
        if path.name == name:
            return path
    raise NotFound("Sample not found")


def read_sample(folder: Path | None, name: str) -> bytes:
    """Read a sample note. Raises: `NotFound` for anything but a note of the folder."""
    return sample_path(folder, name).read_bytes()


def sample_paths(folder: Path | None) -> list[Path]:
    """List the audio files of the folder; none without a folder."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _AUDIO and path.is_file())


async def media(request: Request) -> Response:
    """Serve a file, or the part of it that a `Range` header asks for, so that players can seek."""
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
