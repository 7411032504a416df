"""`/api/v1/actions`: what the agent can do, and a call by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from sqlalchemy import Connection

from actions.action import Action, Context
from agent.ledger import contacts
from agent.ledger.codec import pack_outcome
from agent.web.answers import TOKEN, VIEWER, BadRequest, Before, Body, Forbidden, Limit, NotFound, agent_of, page
from messaging.types import Contact

router = APIRouter(tags=["actions"])


@dataclass(frozen=True, slots=True)
class Declared:
    """An action as the model is offered it. `effect`: it changes something; `confirm`: the customer is asked this first."""

    name: str
    description: str
    effect: bool
    reads: bool
    idempotent: bool
    builtin: str | None
    confirm: str | None
    parameters: dict[str, Any]
    examples: list[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of actions."""

    actions: list[Declared]
    next: str | None


class CallBody(Body):
    """The arguments as a model would give them; `contact` is who asks, for parameters that are bound to them."""

    arguments: dict[str, Any] = Field(default_factory=dict)
    live: bool = Field(default=False, description="Really call it. Else only its arguments are checked.")
    contact: str | None = Field(default=None, description="Id, platform:id, phone number or e-mail.")


@dataclass(frozen=True, slots=True)
class Called:
    """How the call ended: `dry` without `live`; else `done`, `failed`, `unknown`, `confirm`. `content` is what the model reads.

    `arguments` are what it was, or would be, called with, secrets left out; `requests` what it asks of the runtime.
    """

    status: str
    content: str
    arguments: dict[str, Any]
    data: Any
    requests: list[dict[str, Any]]
    seconds: float


@router.get("/actions")
async def list_actions(request: Request, limit: Limit = 100, before: Before = None) -> Listed:
    """What the agent can do."""
    actions = list(agent_of(request).actions.values())
    shown, following = page(actions, lambda each: each.name, limit, before)
    return Listed([_declared(action) for action in shown], following)


def _declared(action: Action) -> Declared:
    return Declared(
        action.name,
        action.description,
        action.effect,
        action.reads,
        action.idempotent,
        action.builtin,
        action.confirm,
        dict(action.parameters),
        list(action.examples),
    )


@router.post("/actions/{name}/test", openapi_extra=VIEWER)
async def test_action(request: Request, name: str, body: CallBody) -> Called:
    """Call an action by hand: dry unless `live`, which needs an operator. What is given counts as said by the customer."""
    agent = agent_of(request)
    if body.live and not request.scope[TOKEN].may("operator"):
        raise Forbidden("live: this needs the token of an operator", "live")
    action = agent.actions.get(name)
    if action is None:
        raise NotFound(f"there is no action {name!r}; there are {', '.join(agent.actions) or 'none'}", "name")
    properties: Any = action.parameters.get("properties") or {}
    if unknown := [key for key in body.arguments if key not in properties]:
        known = ", ".join(properties) or "none"
        raise BadRequest(f"{unknown[0]}: {name} has no such parameter; it has {known}", unknown[0])
    now = agent.clock()
    who = await agent.database.read(lambda connection: _who(connection, body.contact))
    context = Context(
        contact=who,
        said=[" ".join(map(str, body.arguments.values()))],
        results={},
        key=f"balas-api-{now:%Y%m%dT%H%M%S.%f}",
        now=now,
    )
    refusal = await action.check(body.arguments, context)
    if refusal is not None and refusal.status == "refused":
        wrong = next((key for key in properties if key in refusal.content), None)
        raise BadRequest(refusal.content, wrong)
    shown = dict(action.visible(body.arguments, context))
    if not body.live:
        content = refusal.content if refusal is not None else f"{name} would be called. Nothing was done."
        return Called("dry", content, shown, None, [], 0.0)
    outcome = await action.run(body.arguments, context)
    packed = pack_outcome(outcome)
    seconds = (agent.clock() - now).total_seconds()
    return Called(outcome.status, outcome.content, shown, outcome.data, packed["requests"], round(seconds, 3))


def _who(connection: Connection, name: str | None) -> Mapping[str, Any]:
    """The facts of the contact who asks; of an unknown one, the phone number or e-mail that was given."""
    found = contacts.find(connection, name) if name else []
    if len(found) == 1:
        return facts(found[0].contact)
    by = "phone" if name and name.startswith("+") else "email" if name and "@" in name else "id"
    return {"id": name or "api", by: name or "api", "custom": {}}


def facts(contact: Contact) -> dict[str, Any]:
    """A contact's facts by their name in agent.yaml."""
    return {
        "id": contact.key.id,
        "platform": contact.key.platform,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "phone": contact.phone,
        "email": contact.email,
        "language": contact.language,
        "country": contact.country,
        "tags": contact.tags,
        "custom": dict(contact.custom_fields),
    }
