"""Looking at the sandbox: everything at once, the messages of a contact, or every change as it happens."""

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from messaging.sandbox.api.answers import sandbox_of
from messaging.sandbox.control import views
from messaging.sandbox.control.files import sample_paths
from messaging.sandbox.control.requests import named_contact, number_of
from messaging.sandbox.errors import Invalid
from messaging.sandbox.state import Sandbox

_LONGEST_WAIT = 120.0
_HEARTBEAT = 15.0
_MESSAGES, _FEWEST, _DELIVERIES = 6000, 20, 200  # what the page gets at first: in all, of each contact, of the log


async def state(request: Request) -> JSONResponse:
    """Everything: contacts, their latest messages, comments, faults, webhooks; `seq` is where the stream goes on."""
    sandbox = sandbox_of(request)
    names = [path.name for path in await asyncio.to_thread(sample_paths, sandbox.options.samples)]
    contacts = sandbox.contacts.all()
    most = max(_FEWEST, _MESSAGES // max(1, len(contacts)))
    messages = [message for contact in contacts for message in sandbox.messages.of(contact.id)[-most:]]
    return JSONResponse(
        {
            "seq": sandbox.feed.seq,
            "apiUrl": f"{sandbox.base_url}/v1",
            "business": sandbox.options.business,
            "workspace": views.workspace(sandbox),
            "contacts": [views.contact(contact, sandbox) for contact in contacts],
            "messages": [views.message(message, sandbox) for message in messages],
            "comments": [views.comment(item, sandbox) for item in sandbox.conversations.comments.values()],
            "deliveries": [views.delivery(item) for item in list(sandbox.webhooks.deliveries.values())[-_DELIVERIES:]],
            "webhooks": views.change("webhooks", 0, sandbox),
            "faults": views.faults(sandbox),
            "samples": names,
        }
    )


async def messages(request: Request) -> JSONResponse:
    """Messages later than the id `after`, oldest first; waits up to `wait` seconds for at least one.

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
            return JSONResponse({"items": [views.message(message, sandbox) for message in found]})


async def stream(request: Request) -> StreamingResponse:
    """Server-sent events: `{"kind", "id", "data"}` for every change after `seq` (or `Last-Event-ID`)."""
    sandbox = sandbox_of(request)
    last = request.headers.get("last-event-id")
    seq = int(last) if last and last.isdigit() else int(number_of(request, "after", sandbox.feed.seq))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_changes(sandbox, seq), media_type="text/event-stream", headers=headers)


async def _changes(sandbox: Sandbox, seq: int) -> AsyncIterator[str]:
    yield ": hello\n\n"
    while not sandbox.feed.closed:
        changes, seen = sandbox.feed.after(seq), sandbox.feed.seq
        for change in changes:
            if change.kind != "media":
                data = views.change(change.kind, change.id, sandbox)
                text = json.dumps({"kind": change.kind, "id": change.id, "data": data}, ensure_ascii=False)
                yield f"id: {change.seq}\ndata: {text}\n\n"
        seq = seen
        if not await sandbox.feed.wait(seq, _HEARTBEAT) and not sandbox.feed.closed:
            yield ": still here\n\n"
