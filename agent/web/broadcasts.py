"""`/api/v1/broadcasts`: one message to many; how far it is, and stopping it."""

import asyncio
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.datastructures import UploadFile

from agent.broadcasts.plan import Prepared, prepare
from agent.broadcasts.report import plan_record
from agent.broadcasts.settings import BroadcastFile, BroadcastSettings
from agent.config.document import ConfigErrors, read
from agent.config.load import listed, validate
from agent.errors import InputError
from agent.ledger import broadcasts, reports
from agent.web.answers import (
    BadRequest,
    Before,
    Conflict,
    Limit,
    NotFound,
    OutsideFailed,
    agent_of,
    apart,
    cursor,
    cursor_before,
    require_kind,
)
from messaging.errors import MessagingError
from settings.text import cleaned, from_json

router = APIRouter(tags=["broadcasts"])

_NAMED = re.compile(r"\bkey `(?P<key>[^`]+)`(?: in (?P<inside>[\w.]+))?")


@dataclass(frozen=True, slots=True)
class Broadcast:
    """How far a broadcast is. `counts` are its recipients by state, `reasons` why some got nothing, `left_out` wrong lines."""

    name: str
    state: str
    created_at: datetime
    next_at: datetime
    finished_at: datetime | None
    counts: dict[str, int]
    reasons: list[reports.Reason]
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of broadcasts."""

    broadcasts: list[Broadcast]
    next: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the CSV that is not used, and why."""

    line: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What would be sent, and what was recorded: `recorded` is the number of new recipients, 0 on a dry run. `cost` is in rupiah."""

    name: str
    audience: int
    to_send: int
    texts: int
    templates: int
    languages: dict[str, int]
    recipients_already: int
    tried_again: int
    never_wrote: int
    skipped: dict[str, int]
    left_out: list[Line]
    cost: int
    begins: datetime
    seconds: int
    example: str
    dry_run: bool
    recorded: int


@router.get("/broadcasts")
async def list_broadcasts(request: Request, limit: Limit = 50, before: Before = None) -> Listed:
    """All broadcasts and how far they are, the newest first."""
    last = cursor_before(before)

    def look(connection: Connection) -> Listed:
        found = broadcasts.newest(connection, limit + 1, last)
        end = found[limit - 1] if len(found) > limit else None
        listed = [_record(connection, each) for each in found[:limit]]
        return Listed(listed, None if end is None else cursor(end.created_at, end.name))

    return await agent_of(request).database.read(look)


@router.post(
    "/broadcasts",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": BroadcastSettings.model_json_schema(ref_template="#/components/schemas/{model}")
                },
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "file": {"type": "string", "format": "binary", "description": "The CSV of recipients."},
                            "broadcast": {"type": "string", "description": "The other keys as JSON."},
                        },
                        "additionalProperties": {"type": "string", "description": "The other keys, each as a field."},
                    }
                },
            },
        }
    },
)
async def create_broadcast(
    request: Request, dry_run: Annotated[bool, Query(description="Count only; nothing is recorded or sent.")] = False
) -> Planned:
    """Record a broadcast: the keys of broadcast.yaml as JSON, or a form with the CSV as `file`. The agent sends it."""
    agent = agent_of(request)
    platform, *others = agent.platforms.values()
    with tempfile.TemporaryDirectory(prefix="balas-broadcast-") as folder:
        keys = await _keys(request, Path(folder))
        file = await apart(request, _file, keys, Path(folder))
        try:
            prepared = await prepare(file, agent.config, agent.database, platform, agent.clock(), others)
        except (ConfigErrors, InputError) as error:
            raise _wrong(error, folder) from None
        except MessagingError as error:
            raise OutsideFailed(f"{platform.name} does not answer: {error}") from None
    recorded = 0
    if not dry_run and not prepared.nothing_to_do:
        people = [person.addressed for person in prepared.audience.people]
        recorded = await agent.database.write(
            lambda connection: broadcasts.record(connection, prepared.broadcast, people)
        )
    return _planned(prepared, dry_run=dry_run, recorded=recorded)


def _planned(prepared: Prepared, *, dry_run: bool, recorded: int) -> Planned:
    plan: dict[str, Any] = plan_record(prepared)
    lines = [Line(**asdict(each)) for each in prepared.plan.bad]
    return Planned(**{**plan, "left_out": lines}, dry_run=dry_run, recorded=recorded)


async def _keys(request: Request, folder: Path) -> dict[str, Any]:
    """The keys of a broadcast; an uploaded CSV is written into `folder`."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await request.form()
        keys = _json(str(form.get("broadcast") or "{}"))
        keys |= {name: _field(value) for name, value in form.items() if isinstance(value, str) and name != "broadcast"}
        upload = form.get("file")
        if isinstance(upload, UploadFile):
            name = PurePosixPath(upload.filename or "recipients.csv").name.replace("\\", "_") or "recipients.csv"
            content = await upload.read()
            await asyncio.to_thread((folder / name).write_bytes, content)
            audience = keys.get("audience")
            keys["audience"] = {**(audience if isinstance(audience, dict) else {}), "csv": name}
        return keys
    require_kind(request, "application/json", "multipart/form-data")
    keys = _json((await request.body()).decode("utf-8", "replace"))
    audience = keys.get("audience")
    if isinstance(audience, dict) and audience.get("csv") is not None:
        raise BadRequest(
            "audience.csv: upload the file as `file` of a form, with these keys in `broadcast`", "audience"
        )
    return keys


def _json(text: str) -> dict[str, Any]:
    try:
        value = cleaned(from_json(text))
    except ValueError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object with the keys of broadcast.yaml")
    return value


def _field(value: str) -> Any:
    """A field of a form: JSON where it is a structure."""
    return _json(value) if value.startswith("{") else value


def _file(keys: dict[str, Any], folder: Path) -> BroadcastFile:
    """The keys as the file that they could have been; references to the environment are not resolved for a caller."""
    document = read(json.dumps(keys, ensure_ascii=False).encode(), {}, needs="a broadcast needs a name")
    settings, problems = validate(document, BroadcastSettings)
    problems += document.problems
    path = folder / "broadcast.json"
    if problems or settings is None:
        raise _wrong(ConfigErrors(listed(problems, path)), str(folder))
    return BroadcastFile(path, settings, document)


def _wrong(error: InputError, folder: str) -> BadRequest:
    message = error.errors[0].message if isinstance(error, ConfigErrors) else str(error).replace(f"{folder}/", "")
    key, colon, _ = message.partition(":")
    if colon and " " not in key:
        return BadRequest(message, key.strip("`"))
    named = _NAMED.search(message)  # unknown key `tags` in audience; the key `audience` is missing
    return BadRequest(message, None if named is None else ".".join(filter(None, (named["inside"], named["key"]))))


@router.get("/broadcasts/{name}")
async def read_broadcast(request: Request, name: str) -> Broadcast:
    """How far a broadcast is."""
    return await _after(request, name, lambda _connection: True)


@router.post("/broadcasts/{name}/pause")
async def pause_broadcast(request: Request, name: str) -> Broadcast:
    """Send no more for now."""
    return await _after(request, name, lambda connection: broadcasts.pause(connection, name))


@router.post("/broadcasts/{name}/resume")
async def resume_broadcast(request: Request, name: str) -> Broadcast:
    """Go on."""
    now = agent_of(request).clock()
    return await _after(request, name, lambda connection: broadcasts.resume(connection, name, now))


@router.post("/broadcasts/{name}/cancel")
async def cancel_broadcast(request: Request, name: str) -> Broadcast:
    """Send no more at all."""
    now = agent_of(request).clock()
    return await _after(request, name, lambda connection: broadcasts.cancel(connection, name, now))


async def _after(request: Request, name: str, work: Callable[[Connection], bool]) -> Broadcast:
    """The broadcast after `work`; 409 when that did not fit its state."""

    def run(connection: Connection) -> Broadcast:
        changed = work(connection)
        found = broadcasts.load(connection, name)
        if found is None:
            raise NotFound(f"there is no broadcast {name!r}", "name")
        if not changed:
            raise Conflict(f"{name} is {found.state}")
        return _record(connection, found)

    return await agent_of(request).database.write(run)


def _record(connection: Connection, broadcast: broadcasts.Broadcast) -> Broadcast:
    counts = reports.counts(connection, broadcast.name)
    return Broadcast(
        name=broadcast.name,
        state=broadcast.state,
        created_at=broadcast.created_at,
        next_at=broadcast.next_at,
        finished_at=broadcast.finished_at,
        counts=dict(counts),
        reasons=reports.reasons(connection, broadcast.name),
        left_out=dict(broadcast.left_out),
    )
