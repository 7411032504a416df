"""`/api/v1/knowledge`: what the agent may quote, how it is found, where it comes from, and questions without an answer."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Request
from pydantic import Field
from starlette.datastructures import UploadFile

from agent.app import Agent
from agent.web.answers import (
    BadRequest,
    Before,
    Body,
    Conflict,
    Limit,
    NotBlank,
    NotFound,
    agent_of,
    page,
    require_kind,
)
from knowledge.documents.loading import readable_kind
from knowledge.errors import GapNotFound, NoSuchSource, SourceExists, Unreadable
from knowledge.gaps import Cluster
from knowledge.library import SourceStatus
from knowledge.results import Hit, Mode
from knowledge.settings import SourceSettings
from knowledge.sync.report import Progress, SyncReport

router = APIRouter(tags=["knowledge"])

UPLOADS = "uploads"
"""The folder beside `knowledge.suggestions` in which uploaded files are kept."""

_NAME = re.compile(r"[^\w. ()-]+")


class SyncBody(Body):
    """Which source alone is to be read; all when left out."""

    only: str | None = Field(default=None, examples=["docs/*.md"])


@dataclass(frozen=True, slots=True)
class Sources:
    """A page of sources. `added` names those that are not in agent.yaml and may be removed here."""

    sources: list[SourceStatus]
    added: list[str]
    next: str | None


@dataclass(frozen=True, slots=True)
class Added:
    """The source is kept and is being read; `GET /knowledge/status` tells how far that is."""

    id: str
    syncing: bool = True


@dataclass(frozen=True, slots=True)
class Status:
    """How far the sync is. `problem` says why vectors take no part when they should."""

    syncing: bool
    progress: list[Progress]
    passages: int
    ready: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """The passages for a question, best first, on a scale from 0 to 1."""

    hits: list[Hit]
    confidence: float
    mode: Mode
    off_topic: bool
    repaired: list[str]
    milliseconds: float
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Gaps:
    """A page of questions without an answer, the most asked first; similar ones are one."""

    gaps: list[Cluster]
    next: str | None


class GapBody(Body):
    """The answer, which the agent gives from now on; or `drop`: it is nothing for the agent."""

    answer: Annotated[str, Field(min_length=1, max_length=10_000), NotBlank] | None = None
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """The question is closed; an answer stands in `file`."""

    id: int
    state: str
    file: str | None = None


@router.post("/knowledge/sync")
async def sync_knowledge(request: Request, body: SyncBody | None = None) -> SyncReport:
    """Read the sources again, and wait for the end of it."""
    try:
        return await agent_of(request).knowledge.sync(only=body.only if body else None)
    except NoSuchSource as error:
        raise BadRequest(str(error), "only") from None


@router.get("/knowledge/search")
async def search_knowledge(
    request: Request,
    q: Annotated[str, Query(max_length=1000, description="The question.")] = "",
    limit: Annotated[int | None, Query(ge=1, le=50, description="As many as a model gets when left out.")] = None,
    before: Before = None,
) -> Found:
    """What is found for a question."""
    question = q.strip()
    if not question:
        raise BadRequest("give the question as ?q=", "q")
    knowledge = agent_of(request).knowledge
    pages = limit is not None or before is not None
    found = await knowledge.search([question], knowledge.size if pages else None)
    hits, following = page(found.hits, lambda hit: hit.id, limit or 50, before)
    return Found(
        hits, found.confidence, found.mode, found.off_topic, list(found.repaired), found.milliseconds, following
    )


@router.get("/knowledge/status")
async def read_knowledge_status(request: Request) -> Status:
    """How far the sync is, and how much is known."""
    agent = agent_of(request)
    knowledge = agent.knowledge
    progress = list(knowledge.progress.values()) if knowledge.is_syncing else []
    return Status(knowledge.is_syncing, progress, knowledge.size, agent.ready, knowledge.problem)


@router.get("/knowledge/sources")
async def list_sources(request: Request, limit: Limit = 100, before: Before = None) -> Sources:
    """The sources and when each was last read."""
    agent = agent_of(request)
    shown, following = page(agent.knowledge.sources(), lambda each: each.id, limit, before)
    listed = {source.id for source in agent.config.knowledge.sources}
    learned = agent.config.knowledge.suggestions.as_posix()
    added = [each.id for each in shown if each.id not in listed and each.id != learned]
    return Sources(shown, added, following)


@router.post("/knowledge/sources")
async def add_source(request: Request, body: SourceSettings, tasks: BackgroundTasks) -> Added:
    """Add a source: an entry as in agent.yaml. It is kept in the ledger and read at once."""
    agent = agent_of(request)
    if body.path is not None:
        _inside(agent, body.path)
    return await _add(agent, body, tasks)


@router.post(
    "/knowledge/files",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
)
async def upload_file(request: Request, tasks: BackgroundTasks) -> Added:
    """Upload a document; it becomes a source of its own and is read at once. The same name again replaces it."""
    agent = agent_of(request)
    require_kind(request, "multipart/form-data")
    file = (await request.form()).get("file")
    if not isinstance(file, UploadFile):
        raise BadRequest("file: send the document as `file` of a multipart form", "file")
    largest = agent.config.knowledge.largest
    if file.size is not None and file.size > largest:
        raise BadRequest(f"file: larger than knowledge.largest ({largest:,} bytes)", "file")
    name = _NAME.sub("_", PurePosixPath((file.filename or "").replace("\\", "/")).name).strip(" .")[:120]
    if not name:
        raise BadRequest("file: the document has no name", "file")
    try:
        readable_kind(name)
    except Unreadable as error:
        raise BadRequest(f"file: {error}", "file") from None
    path = (agent.config.knowledge.suggestions.parent / UPLOADS / name).as_posix()
    content = await file.read()
    await asyncio.to_thread(_write, agent.config.resolve(path), content)
    if any(source.id == path for source in agent.knowledge.sources()):
        tasks.add_task(_sync, agent, path)
        return Added(path)
    return await _add(agent, SourceSettings(path=path), tasks)


@router.delete("/knowledge/sources")
async def remove_source_named(
    request: Request,
    id: Annotated[str, Query(description="Its path or address.")],  # noqa: A002 - the name in the query
) -> Added:
    """Remove a source that was added here, named in the query because addresses hold slashes."""
    return await remove_source(request, id)


@router.delete("/knowledge/sources/{id:path}")
async def remove_source(request: Request, id: str) -> Added:  # noqa: A002 - the name in the path
    """Remove a source that was added here, with its documents; an uploaded file is deleted."""
    agent = agent_of(request)
    try:
        await agent.knowledge.remove_source(id)
    except NoSuchSource as error:
        if any(source.id == id for source in agent.config.knowledge.sources):
            raise Conflict(str(error)) from None
        raise NotFound(str(error), "id") from None
    uploads = agent.config.resolve(agent.config.knowledge.suggestions.parent / UPLOADS).resolve()
    file = agent.config.resolve(id).resolve()
    if file.parent == uploads:
        await asyncio.to_thread(file.unlink, missing_ok=True)
    return Added(id, syncing=False)


@router.get("/knowledge/gaps")
async def list_gaps(request: Request, limit: Limit = 100, before: Before = None) -> Gaps:
    """Questions that found no answer."""
    return Gaps(*page(await agent_of(request).knowledge.gaps(), lambda each: str(each.id), limit, before))


@router.post("/knowledge/gaps/{id}")
async def close_gap(request: Request, id: int, body: GapBody) -> Closed:  # noqa: A002 - the name in the path
    """Answer a question, so that the agent knows it from now on, or drop it."""
    agent = agent_of(request)
    if (body.answer is None) == (not body.drop):
        raise BadRequest("answer: give either an answer or drop: true", "answer")
    try:
        if body.answer is None:
            await agent.knowledge.reject(id)
            return Closed(id, "rejected")
        file = await agent.knowledge.accept_as_entry(id, body.answer)
    except GapNotFound as error:
        raise NotFound(str(error), "id") from None
    await agent.knowledge.sync(only=agent.config.knowledge.suggestions.as_posix())
    return Closed(id, "accepted", str(file.relative_to(agent.config.folder)))


async def _add(agent: Agent, source: SourceSettings, tasks: BackgroundTasks) -> Added:
    try:
        await agent.knowledge.add_source(source)
    except SourceExists as error:
        raise Conflict(str(error)) from None
    tasks.add_task(_sync, agent, source.id)
    return Added(source.id)


async def _sync(agent: Agent, source: str) -> None:
    await agent.knowledge.sync(only=source)


def _inside(agent: Agent, path: str) -> None:
    """A path of the API stays in the agent's folder, and is no hidden file: it comes from the network."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    folder = agent.config.folder.resolve()
    hidden = any(part.startswith((".", "~")) for part in parts)
    if hidden or path.startswith("/") or not Path(folder, path).resolve().is_relative_to(folder):
        raise BadRequest(f"path: {path!r} must be a path inside the agent's folder, e.g. docs/*.md", "path")


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
