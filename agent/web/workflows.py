"""`/api/v1/workflows` and their runs, `/hooks` that begin them, and `/webhooks`: what other systems were told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy import Connection

from agent.app import Agent
from agent.config.workflows import Workflow
from agent.errors import InputError
from agent.ledger import events, webhooks, workflows
from agent.ledger.webhooks import Delivery
from agent.ledger.workflows import Run, StepRecord
from agent.web.answers import (
    VIEWER,
    ApiError,
    BadRequest,
    Before,
    Body,
    Conflict,
    Limit,
    NotFound,
    agent_of,
    apart,
    contact_named,
    cursor,
    cursor_before,
    moment,
    page,
    states_asked,
)
from agent.workflows import hooks
from messaging.types import ContactKey

router = APIRouter(tags=["workflows"])

_DELIVERIES = ("pending", "sent", "failed")


@dataclass(frozen=True, slots=True)
class Listed:
    """A workflow: what begins it, its steps by kind, its runs by state, and the next time of a schedule."""

    name: str
    on: str
    condition: Any
    once: str
    steps: list[str]
    runs: dict[str, int]
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Flows:
    """A page of the workflows of agent.yaml."""

    workflows: list[Listed]
    next: str | None


@dataclass(frozen=True, slots=True)
class Runs:
    """A page of runs, the newest first."""

    runs: list[Run]
    next: str | None


@dataclass(frozen=True, slots=True)
class Details:
    """A run with the steps that were begun."""

    run: Run
    steps: list[StepRecord]


@dataclass(frozen=True, slots=True)
class Begun:
    """What was begun: the event, and the run where it is for one contact."""

    event: str
    run: str | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event is recorded; `duplicate` when it was before, and nothing is done again."""

    accepted: bool
    duplicate: bool
    run: str | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """A page of what other systems were told, the newest first."""

    deliveries: list[Delivery]
    next: str | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many deliveries are queued again."""

    queued: int


class RunBody(Body):
    """For whom; left out for the audience of a schedule."""

    contact: str | None = Field(default=None, min_length=1, description="Id, platform:id, phone number or e-mail.")


class ReplayBody(Body):
    """Since when, and for which receiver of `webhooks`; all when left out."""

    since: str
    url: str | None = None


def _flow(agent: Agent, name: str) -> Workflow:
    found = next((flow for flow in agent.config.workflows if flow.name == name), None)
    if found is None:
        raise NotFound(f"agent.yaml has no workflow {name!r}", "name")
    return found


@router.get("/workflows")
async def list_workflows(request: Request, limit: Limit = 100, before: Before = None) -> Flows:
    """Workflows and how often they ran."""
    agent = agent_of(request)
    shown, following = page(agent.config.workflows, lambda each: each.name, limit, before)

    def look(connection: Connection) -> Flows:
        counts, times = workflows.counts(connection), workflows.scheduled(connection)
        return Flows([_listed(flow, counts, times) for flow in shown], following)

    return await agent.database.read(look)


def _listed(flow: Workflow, counts: dict[str, dict[str, int]], times: dict[str, tuple[str, datetime]]) -> Listed:
    value = flow.on.value if isinstance(flow.on.value, str) else None
    on = flow.on.event if value is None else f"{flow.on.event}: {value}"
    condition = flow.condition.model_dump(exclude_defaults=True)
    next_at = times[flow.name][1] if flow.name in times and flow.on.event == "schedule" else None
    kinds = [step.kind for step in flow.do]
    return Listed(flow.name, on, condition, flow.once, kinds, counts.get(flow.name, {}), next_at)


@router.get("/workflows/{name}")
async def read_workflow(request: Request, name: str) -> Listed:
    """One workflow."""
    agent = agent_of(request)
    flow = _flow(agent, name)
    return await agent.database.read(lambda c: _listed(flow, workflows.counts(c), workflows.scheduled(c)))


@router.get("/workflows/{name}/runs")
async def list_runs(
    request: Request,
    name: str,
    state: Annotated[
        str | None, Query(description=f"Only these, separated by commas: {', '.join(workflows.STATES)}.")
    ] = None,
    limit: Limit = 100,
    before: Before = None,
) -> Runs:
    """The runs of a workflow, the newest first."""
    agent = agent_of(request)
    _flow(agent, name)
    states, last = states_asked(state, workflows.STATES), cursor_before(before)
    found = await agent.database.read(
        lambda connection: workflows.listed(connection, workflow=name, states=states, last=last, limit=limit + 1)
    )
    end = found[limit - 1] if len(found) > limit else None
    return Runs(found[:limit], None if end is None else cursor(end.created_at, end.id))


@router.get("/workflows/{name}/runs/{run}")
async def read_run(request: Request, name: str, run: str) -> Details:
    """A run with its steps."""
    return await agent_of(request).database.read(lambda connection: _details(connection, name, run))


def _details(connection: Connection, name: str, identity: str) -> Details:
    found = workflows.load(connection, identity)
    if found is None or found.workflow != name:
        raise NotFound(f"{name} has no run {identity!r}", "run")
    return Details(found, workflows.steps(connection, identity))


@router.post("/workflows/{name}/run")
async def run_workflow(request: Request, name: str, body: RunBody | None = None) -> Begun:
    """Begin a workflow by hand: for a contact, or for the audience of a schedule."""
    agent = agent_of(request)
    flow, wanted, now = _flow(agent, name), body.contact if body is not None else None, agent.clock()

    def work(connection: Connection) -> tuple[Begun, ContactKey | None]:
        key = None if wanted is None else contact_named(connection, wanted).key
        try:
            event = hooks.begin_by_hand(connection, flow, key, now)
        except InputError as error:
            raise BadRequest(f"contact: {error}", "contact") from None
        run = workflows.of_event(connection, name, event)
        return Begun(event, None if run is None else run.id), key

    begun, key = await agent.database.write(work)
    if key is not None:
        await agent.engine.wake(key, now)
    return begun


@router.post("/workflows/{name}/runs/{run}/cancel")
async def cancel_run(request: Request, name: str, run: str) -> Details:
    """End a run that has not ended."""
    now = agent_of(request).clock()
    return await _after(request, name, run, lambda c: workflows.cancel(c, run, "cancelled by the API", now))


@router.post("/workflows/{name}/runs/{run}/retry")
async def retry_run(request: Request, name: str, run: str) -> Details:
    """Let a failed run try its step again."""
    now = agent_of(request).clock()
    return await _after(request, name, run, lambda c: workflows.retry(c, run, now))


async def _after(request: Request, name: str, run: str, work: Callable[[Connection], Run | None]) -> Details:
    """The run after `work`; 409 when that did not fit its state."""
    agent = agent_of(request)

    def change(connection: Connection) -> Details:
        before = _details(connection, name, run)
        if work(connection) is None:
            raise Conflict(f"{run} is {before.run.state}")
        return _details(connection, name, run)

    details = await agent.database.write(change)
    if details.run.contact is not None:
        await agent.engine.wake(details.run.contact, agent.clock())
    return details


@router.post(
    "/hooks/{workflow}",
    openapi_extra={
        **VIEWER,
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    },
)
async def hook(request: Request, workflow: str) -> Accepted:
    """Begin a workflow, once for each event id: with its bearer token, or a signature of WooCommerce, Stripe or Razorpay."""
    agent = agent_of(request)
    flow = _flow(agent, workflow)
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    secret = flow.token.get_secret_value() if flow.token is not None else ""
    if not request.scope.get("balas.hook_verified", False) and not hooks.is_signed(
        headers, body, secret, agent.clock()
    ):
        if hooks.is_woocommerce_ping(body):
            return Accepted(accepted=True, duplicate=False, run=None)
        raise _Unverified("the signature does not fit this workflow's token")
    try:
        read = await apart(request, hooks.read_hook, flow, headers, body)
    except hooks.UnreadableHook as error:
        raise BadRequest(str(error), error.field) from None
    now = agent.clock()
    begun = await agent.database.write(lambda connection: hooks.accept(connection, flow, read, now))
    if begun.contact is not None:
        await agent.engine.wake(begun.contact, now)
    return Accepted(accepted=True, duplicate=not begun.new, run=begun.run)


class _Unverified(ApiError):
    """A hook that does not come from who may call it."""

    status = 401
    code = "unauthorized"


@router.get("/webhooks/deliveries")
async def list_deliveries(
    request: Request,
    state: Annotated[
        str | None, Query(description=f"Only these, separated by commas: {', '.join(_DELIVERIES)}.")
    ] = None,
    limit: Limit = 100,
    before: Before = None,
) -> Deliveries:
    """What other systems were told, and how that went."""
    states, last = states_asked(state, _DELIVERIES), cursor_before(before)
    found = await agent_of(request).database.read(
        lambda connection: webhooks.newest(connection, states=states, last=last, limit=limit + 1)
    )
    end = found[limit - 1] if len(found) > limit else None
    return Deliveries(found[:limit], None if end is None else cursor(end.created_at, end.id))


@router.post("/webhooks/replay")
async def replay(request: Request, body: ReplayBody) -> Replayed:
    """Tell again what happened since a time, with the same event ids."""
    agent = agent_of(request)
    since = moment(body.since, "since")
    if since is None:
        raise BadRequest("since: must be a time such as 2026-11-21T09:00:00Z", "since")
    targets = [target for target in agent.config.webhooks if body.url in (None, target.url)]
    if not targets:
        raise NotFound(
            f"webhooks of agent.yaml names no {body.url!r}" if body.url else "agent.yaml has no webhooks", "url"
        )
    now = agent.clock()
    return Replayed(await agent.database.write(lambda connection: events.replay(connection, targets, since, now)))
