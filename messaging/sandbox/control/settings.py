"""Faults, webhook targets, the delivery log, templates, reset."""

import json
from typing import Annotated, Literal, cast

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox.api.gate import body_of, sandbox_of
from messaging.sandbox.content import Body, Words, read_body
from messaging.sandbox.control import views
from messaging.sandbox.errors import NotFound
from messaging.sandbox.faults import FaultName
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
    sandbox.faults.switch_on(cast("FaultName", request.path_params["name"]), **body.model_dump(exclude_none=True))
    return JSONResponse(views.faults(sandbox))


async def switch_off(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    sandbox.faults.switch_off(cast("FaultName", request.path_params["name"]))
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
