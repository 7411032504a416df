"""`/api/v1/stats`, `/events`, `/audit`, `/session`: figures over time, what happens now, who did what, and who is asking."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from agent.config.config import Role
from agent.ledger import audit, overview, stats
from agent.ledger.stats import Figures
from agent.web.answers import ADMIN, TOKEN, BadRequest, Before, Limit, agent_of, moment, number_before, page

router = APIRouter(tags=["overview"])

_DATE = len("2026-11-21")


@dataclass(frozen=True, slots=True)
class Stats:
    """A page of figures by time, the oldest first; without a limit it is whole."""

    stats: list[Figures]
    next: str | None


@dataclass(frozen=True, slots=True)
class Who:
    """Whose token it is, and what runs here."""

    name: str
    role: Role
    agent: str
    timezone: str
    version: str
    platforms: list[str]


@dataclass(frozen=True, slots=True)
class Audited:
    """A page of the audit trail, the newest first."""

    audit: list[audit.Entry]
    next: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of the ledger by table and state."""

    counts: dict[str, dict[str, float]]


@router.get("/stats")
async def read_stats(
    request: Request,
    since: Annotated[
        str | None, Query(alias="from", description="A time, or a date; by default a week (a day by the hour) ago.")
    ] = None,
    until: Annotated[
        str | None, Query(alias="to", description="A time, or a date, which is included; by default now.")
    ] = None,
    by: Annotated[stats.By, Query(description="An hour or a day a row, in the business's time zone.")] = "day",
    limit: Annotated[int, Query(ge=1, le=stats.MOST_ROWS, description="Rows of a page.")] = stats.MOST_ROWS,
    before: Before = None,
) -> Stats:
    """Messages, replies, time to the first reply, handovers and why, unanswered, actions, failures, tokens, cost."""
    agent = agent_of(request)
    zone = agent.config.zone
    end = moment(until, "to", zone) or agent.clock()
    if until is not None and len(until) == _DATE:
        end += timedelta(days=1)  # up to the end of that day
    begin = moment(since, "from", zone) or end - (timedelta(days=6) if by == "day" else timedelta(hours=23))
    if begin >= end:
        raise BadRequest("from: must be earlier than `to`", "from")
    longest = timedelta(hours=stats.MOST_ROWS) if by == "hour" else timedelta(days=stats.MOST_ROWS)
    if end - begin > longest:
        raise BadRequest(f"from: at most {stats.MOST_ROWS} {by}s at once", "from")
    rows = await agent.database.read(lambda connection: stats.figures(connection, begin, end, by, zone))
    return Stats(*page(rows, lambda row: row.at.isoformat(), limit, before))


@router.get("/counts")
async def read_counts(request: Request) -> Counts:
    """How many messages, turns and deliveries are in which state now."""
    return Counts((await agent_of(request).database.read(overview.counts)).tables)


@router.get("/session")
async def read_session(request: Request) -> Who:
    """Whose token it is."""
    from importlib.metadata import version

    agent, token = agent_of(request), request.scope[TOKEN]
    return Who(
        token.name, token.role, agent.config.name, agent.config.timezone, version("balas"), list(agent.platforms)
    )


@router.get("/audit", openapi_extra=ADMIN)
async def list_audit(request: Request, limit: Limit = 100, before: Before = None) -> Audited:
    """Who changed what, and who could not log in."""
    earlier = number_before(before)
    found = await agent_of(request).database.read(lambda connection: audit.newest(connection, limit + 1, earlier))
    return Audited(found[:limit], str(found[limit - 1].n) if len(found) > limit else None)


@router.get(
    "/events",
    response_class=Response,
    responses={200: {"description": "`event:` and `data:` (JSON) lines.", "content": {"text/event-stream": {}}}},
)
async def read_events(request: Request) -> Response:
    """Server-sent events: `message`, `turn`, `handover`, `sync`, `broadcast`, `payment`, each when it happens."""
    feed = request.app.state.feed

    async def stream() -> AsyncIterator[str]:
        with feed.reader() as reader:
            yield "retry: 2000\nevent: hello\ndata: {}\n\n"
            async for text in reader:
                yield text

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
