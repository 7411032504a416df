"""`/api/v1/agent`: trying the agent, and its configuration: shown, checked, put in place while messages flow."""

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AliasChoices, Field, ValidationError, model_validator
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from actions.redaction import Redactor
from agent import swap
from agent.app import Agent
from agent.config import ConfigErrors
from agent.config.environment import secret_values
from agent.ledger import contacts, history, media, memory
from agent.ledger.contacts import ContactState
from agent.ledger.history import Author, Line
from agent.ledger.media import Media
from agent.ledger.rollout import Process
from agent.ledger.steps import Step
from agent.trial import KEPT, LARGEST_FILE, Shown, Trial
from agent.web.answers import (
    ADMIN,
    TOKEN,
    VIEWER,
    BadRequest,
    Body,
    Conflict,
    Error,
    Forbidden,
    Invalid,
    OutsideFailed,
    ProblemAt,
    agent_of,
    apart,
    kind_of,
    require_kind,
)
from messaging.types import Attachment, AttachmentKind, Contact, ContactKey
from settings.phone import InvalidPhone, to_e164
from settings.text import from_json

router = APIRouter(tags=["agent"])

_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)((?:;[\w=.+-]+)*);base64,", re.ASCII)
_LINES = 30

Url = Annotated[
    str,
    Field(
        pattern="^(https?://|data:)",
        max_length=4 * LARGEST_FILE // 3 + 200,
        description="An address, or the content itself as data:…;base64,…",
    ),
]


_AUTHORS: dict[str, Author] = {
    "contact": "contact", "customer": "contact", "user": "contact", "agent": "agent", "assistant": "agent", "human": "human",
}  # fmt: skip


class Said(Body):
    """A message from before, oldest first."""

    author: Literal["contact", "customer", "user", "agent", "assistant", "human"] = Field(
        validation_alias=AliasChoices("author", "role"),
        description="`role` with `user` and `assistant`, as models have it, is read as well.",
    )
    text: Annotated[str, Field(max_length=10_000, validation_alias=AliasChoices("text", "content"))]


class TestBody(Body):
    """What a customer writes, who they are, and what was said before.

    `contact` may be one that there is (their history and facts are used), or a new phone number, e-mail or id. `session`, from an
    earlier answer, goes on with that conversation.
    """

    text: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    audio_url: Url | None = None
    image_url: Url | None = None
    contact: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    history: Annotated[list[Said], Field(max_length=200)] = Field(default_factory=list)
    session: str | None = None
    live: bool = Field(default=False, description="Run effects for real; needs an operator. Nothing is sent even then.")

    @model_validator(mode="after")
    def _something(self) -> "TestBody":
        if self.text is None and self.audio_url is None and self.image_url is None:
            raise ValueError("give at least one of text, audio_url and image_url")
        return self


@dataclass(frozen=True, slots=True)
class StepShown:
    """A step of the turn, as in `GET /turns/{id}`. `dry`: an effect that was not run. `ms` is how long it took."""

    kind: str
    name: str
    input: Any
    output: Any
    ms: float | None
    tokens: int
    cost: float
    dry: bool


@dataclass(frozen=True, slots=True)
class PassageShown:
    """A passage that was found; `score` from 0 to 1. A stale one was not shown to the model."""

    id: str
    source: str
    title: str
    score: float
    stale: bool


@dataclass(frozen=True, slots=True)
class CallShown:
    """A call of an action. `status` is `dry` for an effect that was not run."""

    name: str
    arguments: Any
    status: str
    content: str
    data: Any


@dataclass(frozen=True, slots=True)
class Usage:
    """What models were asked: calls, and tokens read and written."""

    model_calls: int
    tokens: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Tested:
    """The reply and how it came about.

    Attributes:
        reply: the texts of the reply, a blank line between two messages; empty when the agent stays silent.
        messages: the same, a message each.
        attachments: pictures and files of the reply.
        steps: what was done, in order.
        passages: what was found in the documents.
        actions: the calls of actions.
        usage: of models.
        cost: US dollars.
        seconds: from the message to the whole reply.
        state: how the turn ended: `done`, `held` (silent), `failed`.
        reason: why, where that needs one.
        handover: why a human was asked for; null when none was.
        notes: what colleagues would have seen.
        session: goes on with this conversation.
    """

    reply: str
    messages: list[str]
    attachments: list[Shown]
    steps: list[StepShown]
    passages: list[PassageShown]
    actions: list[CallShown]
    usage: Usage
    cost: float
    seconds: float
    state: str
    reason: str | None
    handover: str | None
    notes: list[str]
    session: str


@dataclass(frozen=True, slots=True)
class ProcessShown:
    """A running process, and whether it goes by the newest configuration; `reason` says why it refused it."""

    id: str
    kind: str
    state: Literal["current", "behind", "refused"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """agent.yaml as it was read, and what it means. Secrets are masked. `warnings` are doubtful things.

    `note` says which processes keep the configuration before, and why; `processes` are those that share the work
    (`workers: true`), none where one process does all. `restart` names the keys whose values only a new process goes by.
    """

    file: str
    yaml: str
    config: dict[str, Any]
    warnings: list[ProblemAt]
    saved: bool = False
    note: str | None = None
    processes: list[ProcessShown] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)


_MOST_VALUES = 100_000
"""Values that the JSON of a trial may hold; its files are long texts, and reading many short ones takes long."""


async def _test_body(request: Request) -> TestBody:
    """The body of a trial, which may hold files: read without the event loop."""
    require_kind(request, "application/json")
    return await apart(request, _as_test_body, await request.body())


def _as_test_body(body: bytes) -> TestBody:
    if body.count(b",") + body.count(b"[") + body.count(b"{") > _MOST_VALUES:
        raise BadRequest(f"the body holds more than {_MOST_VALUES} values")
    try:
        return TestBody.model_validate(from_json(body))
    except ValidationError as error:
        wrong = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()[:1]]
        raise RequestValidationError(wrong) from None
    except ValueError:
        raise BadRequest("the body is not JSON") from None


@router.post(
    "/agent/test",
    openapi_extra={
        **VIEWER,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": TestBody.model_json_schema(ref_template="#/components/schemas/{model}")}
            },
        },
    },
    responses={200: {"content": {"text/event-stream": {}}, "model": Tested}},
    response_model=Tested,
)
async def test_agent(request: Request, body: Annotated[TestBody, Depends(_test_body)]) -> Any:
    """Try the agent: the whole turn on a ledger that is thrown away. Nothing is sent; no effect is run unless `live`.

    With `Accept: text/event-stream` each step is told as it ends (`event: step`), then the whole (`event: done`).
    """
    if body.live and not request.scope[TOKEN].may("operator"):
        raise Forbidden("live: this needs the token of an operator", "live")
    agent = agent_of(request)
    bench = await request.app.state.trials.bench()
    state = await agent.database.read(lambda connection: _state(connection, body.contact))
    session, new = bench.session(body.session, state.contact if state else _stranger(body.contact))
    if new:
        lines, facts = await agent.database.read(lambda connection: _before(connection, state))
        given = [Line(_AUTHORS[each.author], each.text, agent.clock()) for each in body.history]
        await bench.begin(session, state.language if state else None, given or lines, facts)
    attachments = []
    if body.audio_url is not None:
        attachments.append(await _attachment(agent, body.audio_url, "audio", "audio_url"))
    if body.image_url is not None:
        attachments.append(await _attachment(agent, body.image_url, "image", "image_url"))
    if "text/event-stream" not in request.headers.get("accept", ""):
        return _tested(await bench.say(session, body.text, attachments, live=body.live))

    async def events() -> AsyncIterator[str]:
        seen: set[str] = set()
        await bench.watch(session, seen)  # what an earlier turn of the session has left
        working = asyncio.ensure_future(bench.say(session, body.text, attachments, live=body.live))
        dry = frozenset() if body.live else bench.effects
        try:
            while not working.done():
                await asyncio.wait([working], timeout=0.1)
                for step in await bench.watch(session, seen):
                    yield _event("step", _step(step, dry))
            yield _event("done", _tested(working.result()))
        finally:
            if not working.done():
                await asyncio.shield(asyncio.wait([working]))

    return StreamingResponse(events(), media_type="text/event-stream")


def _event(name: str, value: Any) -> str:
    from pydantic import TypeAdapter

    return f"event: {name}\ndata: {TypeAdapter(type(value)).dump_json(value).decode()}\n\n"


def _tested(trial: Trial) -> Tested:
    steps = [_step(step, trial.dry) for step in trial.steps]
    usage = [step.output.get("data", {}).get("usage_metadata") or {} for step in trial.steps if step.kind == "model"]
    return Tested(
        reply="\n\n".join(trial.messages),
        messages=trial.messages,
        attachments=trial.attachments,
        steps=steps,
        passages=[
            PassageShown(**hit)
            for step in trial.steps
            if step.kind == "retrieval"
            for hit in step.output.get("hits", ())
        ],
        actions=[_call(step) for step in steps if step.kind == "action"],
        usage=Usage(
            len(usage),
            trial.tokens,
            sum(each.get("input_tokens", 0) for each in usage),
            sum(each.get("output_tokens", 0) for each in usage),
        ),
        cost=trial.cost,
        seconds=trial.seconds,
        state=trial.state,
        reason=trial.reason,
        handover=trial.handover,
        notes=trial.notes,
        session=trial.session,
    )


def _step(step: Step, dry: frozenset[str]) -> StepShown:
    output = step.output
    not_run = step.kind == "action" and step.name in dry and isinstance(output, dict) and output["status"] == "done"
    if not_run:
        output = {**output, "status": "dry"}
    took = None if step.finished_at is None else round((step.finished_at - step.started_at).total_seconds() * 1000, 1)
    return StepShown(step.kind, step.name, step.input, output, took, step.tokens, step.cost, not_run)


def _call(step: StepShown) -> CallShown:
    output = step.output or {"status": "unknown", "content": "", "data": None}
    arguments = step.input.get("arguments") if isinstance(step.input, dict) else None
    return CallShown(step.name, arguments, output["status"], output["content"], output["data"])


def _state(connection: Connection, name: str | None) -> ContactState | None:
    found = contacts.find(connection, name) if name else []
    return found[0] if len(found) == 1 else None


def _stranger(name: str | None) -> Contact:
    """A customer of whom only the phone number or e-mail is known."""
    key = ContactKey("trial", name or "trial")
    if name is None:
        return Contact(key)
    if "@" in name:
        return Contact(key, email=name)
    try:
        return Contact(key, phone=to_e164(name, "ID"))
    except InvalidPhone:
        return Contact(key)


def _before(connection: Connection, state: ContactState | None) -> tuple[list[Line], dict[str, str]]:
    if state is None:
        return [], {}
    facts = {fact.key: fact.value for fact in memory.of_contact(connection, state.key)}
    return history.recent(connection, state.key, _LINES), facts


async def _attachment(agent: Agent, url: str, kind: AttachmentKind, field: str) -> Attachment:
    """A file by its address; content that was sent along is kept for an hour where the agent can fetch it."""
    if not url.startswith("data:"):
        return Attachment(kind, url)
    match = _DATA.match(url)
    if match is None:
        raise BadRequest(f"{field}: must be an address or data:TYPE;base64,CONTENT", field)
    try:
        content = await asyncio.to_thread(partial(base64.b64decode, validate=True), url[match.end() :])
    except (binascii.Error, ValueError):
        raise BadRequest(f"{field}: the content is not base64", field) from None
    if not content or len(content) > LARGEST_FILE:
        raise BadRequest(f"{field}: must have 1 to {LARGEST_FILE} bytes", field)
    now, ending = agent.clock(), match[1].rpartition("/")[2].split("+")[0]
    file = Media(media.new_id(re.sub(r"\W", "", ending) or "bin"), content, match[1], None, now, now + KEPT)
    await agent.database.write(lambda connection: media.put(connection, file))
    return Attachment(kind, f"{agent.base_url}/media/{file.id}", None, match[1], len(content))


@router.get("/agent/config")
async def read_config(request: Request) -> Config:
    """agent.yaml as it is in place, secrets masked."""
    config, swaps = await apart(request, _config, agent_of(request)), request.app.state.swaps
    if swaps is None or swaps.rollout is None:
        return config
    return _with_processes(config, await swaps.rollout.processes(), swaps.rollout.number)


def _with_processes(config: Config, found: Sequence[Process], n: int | None) -> Config:
    """The same with the processes that share the work; `n`: the number of the configuration that is shown."""

    def state(one: Process) -> Literal["current", "behind", "refused"]:
        if one.configuration == n:
            return "current"
        return "refused" if one.refused == n else "behind"

    shown = [
        ProcessShown(one.id, one.kind, state(one), one.reason if state(one) == "refused" else None) for one in found
    ]
    apart = [f"{one.kind} {one.id}: {one.reason or 'has not taken it yet'}" for one in shown if one.state != "current"]
    share = f"{len(shown) - len(apart)} of {len(shown)} processes go by it; the others keep the one before: "
    return replace(config, processes=shown, note=share + "; ".join(apart) if apart else None)


def _config(agent: Agent) -> Config:
    from agent.config import examine_text

    config = agent.config
    doubts = examine_text(config.text, file=config.file)
    warnings = [
        ProblemAt(line=each.mark.line, column=each.mark.column, message=each.message) for each in doubts.warnings
    ]
    parsed = config.model_dump(mode="json")
    parsed = Redactor(secret_values(config))(parsed)
    waiting = swap.waiting_for_restart(agent)
    return Config(config.file.name, swap.masked(config), parsed, warnings, restart=waiting)


_KINDS = frozenset(
    {
        "", "application/json", "application/octet-stream", "application/x-www-form-urlencoded", "application/x-yaml",
        "application/yaml", "text/plain", "text/x-yaml", "text/yaml",
    }
)  # fmt: skip
"""Content types of a new agent.yaml; curl sends a file as a form unless told otherwise."""

_YAML = {"schema": {"type": "string", "description": "The text of agent.yaml."}}
_JSON = {"schema": {"type": "object", "required": ["yaml"], "properties": {"yaml": {"type": "string"}}}}


@router.put(
    "/agent/config",
    openapi_extra={
        **ADMIN,
        "requestBody": {"required": True, "content": {"application/yaml": _YAML, "application/json": _JSON}},
    },
    responses={
        422: {"model": Error, "description": "What is wrong in the text, in `error.problems`."},
        502: {"model": Error, "description": "A server that the text names does not answer; the old one stays."},
    },
)
async def replace_config(
    request: Request,
    save: Annotated[bool, Query(description="Also write the file.")] = False,
    check: Annotated[bool, Query(description="Only check it.")] = False,
) -> Config:
    """Put another agent.yaml in place while messages flow: checked, its servers asked, then swapped. Else the old one stays."""
    agent, swaps = agent_of(request), request.app.state.swaps
    if kind_of(request) not in _KINDS:
        require_kind(request, "application/yaml", "application/json")
    text = _text(await request.body(), request.headers.get("content-type", ""))
    if swaps is None:
        raise Conflict("this agent cannot be reconfigured while it runs")
    try:
        config = await apart(request, swap.read, text, agent, swaps.overlay)
    except (ConfigErrors, swap.MaskMisplaced) as error:
        problems = swap.problems_of(error)
        first = problems[0]
        message = f"{agent.config.file.name}:{first['line']}:{first['column']}: {first['message']}"
        raise Invalid(message, None, problems=problems) from None
    if check:
        return await apart(request, _config, agent)
    rollout = swaps.rollout
    async with swaps.one_at_a_time:
        try:
            await swap.replace(agent, config, probe=swaps.probe, publish=rollout and rollout.publish)
        except swap.NeedsRestart as error:
            raise Conflict(str(error), error.keys[0]) from None
        except swap.Unreachable as error:
            raise OutsideFailed(f"the old configuration stays in place: {error}") from None
        except Exception as error:
            raise Invalid(f"the old configuration stays in place: {error}") from error
        if save:
            try:
                await swap.save(config)
            except OSError as error:
                raise Conflict(f"it is in place, but {config.file} cannot be written: {error.strerror}") from None
            if rollout is not None:
                await rollout.saved()
        shown, n = replace(await apart(request, _config, agent), saved=save), rollout and rollout.number
    return shown if rollout is None else _with_processes(shown, await rollout.taken(n), n)


def _text(body: bytes, kind: str) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("the body is not UTF-8 text") from None
    if not kind.startswith("application/json"):
        return text
    try:
        given = from_json(text)
    except ValueError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(given, dict) or not isinstance(given.get("yaml"), str):
        raise BadRequest('yaml: give the text of agent.yaml as {"yaml": …}', "yaml")
    wanted: str = given["yaml"]
    return wanted
