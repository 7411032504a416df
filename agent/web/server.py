"""The HTTP server: webhooks, payment notifications, media, health and metrics; `/api/v1` stands in `agent.web.api`.

The ports are taken and served in `agent.web.listening`.
"""

import asyncio
import hashlib
import importlib
import ipaddress
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.app import Agent
from agent.faults import point
from agent.ledger.errors import LedgerUnavailable
from agent.rollout import Rollout
from agent.swap import Overlay, Probe
from agent.trial import Trials
from agent.web import console
from agent.web.answers import TOKEN, read_body
from agent.web.api import create_api
from agent.web.auth import Gate, bears_token
from agent.web.feed import Feed
from agent.web.listening import media_route
from messaging.errors import PayloadError, SignatureError
from messaging.platform import Platform
from settings.text import from_json

if TYPE_CHECKING:
    from agent.web.mcp import Endpoint

log = structlog.get_logger()


LARGEST_WEBHOOK = 1024 * 1024
"""Bytes of a webhook body; more is answered with 413."""

_RETRY_AFTER = {"Retry-After": "5"}


@dataclass(slots=True)
class Swaps:
    """How the agent gets another configuration while it runs: what the command changes in each, and what asks its servers.

    `rollout` hands it to the other processes, where there are any.
    """

    overlay: Overlay
    probe: Probe
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    rollout: Rollout | None = None


def create_app(agent: Agent, swaps: Swaps | None = None) -> Starlette:
    """The application of one agent; without `swaps` its configuration stays as it is."""
    routes = [
        Route("/webhooks/{name}", _webhook, methods=["POST"]),
        Route("/webhooks/{name}", _challenge, methods=["GET"]),
        Route("/payments/{gateway}", _payment, methods=["POST"]),
        media_route(agent),
        Route("/healthz", _healthz, methods=["GET"]),
        Route("/readyz", _readyz, methods=["GET"]),
        Route("/metrics", _metrics, methods=["GET"]),
        *console.routes(),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(_NeverFail)])
    app.router.redirect_slashes = False  # it would lead to whatever host the request names
    app.state.agent = agent
    app.state.swaps = swaps
    app.state.trials = Trials(agent)
    app.state.feed = Feed(agent)
    api = create_api(app.state, version("balas"))
    app.state.api = api
    app.router.routes += [_below("/api/v1", api), Route("/api/v1", api)]
    app.state.mcp = _Mcp(agent, api)
    app.router.routes.append(Route("/mcp", app.state.mcp))
    return app


def _below(path: str, app: ASGIApp) -> Mount:
    """Hand on whatever lies below a path, with line breaks in it too."""
    mount = Mount(path, app)
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read once more."""
    told = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replayed() -> Message:
        return next(told, None) or await receive()

    return replayed


class _Mcp:
    """`/mcp`, built at its first request: its library takes a second to import."""

    def __init__(self, agent: Agent, api: Gate) -> None:
        self._agent = agent
        self._api = api
        self._building = asyncio.Lock()
        self._built: Endpoint | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of who bears a token."""
        token = await self._api.bearer(scope)
        if isinstance(token, JSONResponse):
            await token(scope, receive, send)
            return
        if scope["method"] == "POST":  # its library reads only what Python's parser can read to the end
            body = await _body(Request(scope, receive))
            if isinstance(body, Response):
                await body(scope, receive, send)
                return
            try:
                from_json(body)
            except ValueError:
                await JSONResponse({"error": "the body is not JSON"}, 400)(scope, receive, send)
                return
            receive = _replayed(body, receive)
        async with self._building:
            if self._built is None:
                chapter = await asyncio.to_thread(importlib.import_module, "agent.web.mcp")
                self._built = chapter.Endpoint(chapter.Tools(self._api, self._agent.config.name))
        self._built.tools.introduce(self._agent.config.name)
        await self._built({**scope, TOKEN: token}, receive, send)

    async def aclose(self) -> None:
        """End what is under way."""
        if self._built is not None:
            await self._built.aclose()


async def end_streams(app: Starlette) -> None:
    """End what would keep the server from stopping: open event streams, and trials."""
    app.state.feed.close()
    await app.state.mcp.aclose()
    await app.state.trials.aclose()


class _NeverFail:
    """Answer any unhandled error with 503 and Retry-After: a platform may not repeat a webhook answered with 500."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watch(message: Any) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("request_failed", path=scope["path"])
            if not begun:
                response = JSONResponse({"error": "try again later"}, 503, headers=_RETRY_AFTER)
                await response(scope, receive, send)


def _agent(request: Request) -> Agent:
    agent: Agent = request.app.state.agent
    return agent


async def _body(request: Request) -> bytes | Response:
    """The body of a webhook or notification, or the answer to one that cannot be read."""
    try:
        return await read_body(request, LARGEST_WEBHOOK)
    except HTTPException as error:
        # One that was too large is read to its end.
        late = {"Connection": "close"} if error.status_code == 408 else None
        return JSONResponse({"error": error.detail}, error.status_code, headers=late)


async def _webhook(request: Request) -> Response:
    agent = _agent(request)
    platform = agent.platforms.get(request.path_params["name"])
    if platform is None:
        return _no_platform(request)
    body = await _body(request)
    if isinstance(body, Response):
        return body
    with agent.slots.webhook():
        return await _accept(agent, platform, dict(request.headers), body)


def _no_platform(request: Request) -> Response:
    return JSONResponse({"error": f"the platform {request.path_params['name']!r} is not configured here"}, 404)


async def _challenge(request: Request) -> Response:
    """Meta asks once, by GET, whether this address expects its webhooks."""
    platform = _agent(request).platforms.get(request.path_params["name"])
    if platform is None:
        return _no_platform(request)
    answer = platform.challenge(request.query_params)
    if answer is None:
        return JSONResponse({"error": "nothing here answers this; webhooks come by POST"}, 403)
    return Response(answer, media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})


async def _accept(agent: Agent, platform: Platform, headers: Mapping[str, str], body: bytes) -> Response:
    try:
        platform.verify(headers, body)
        events = platform.parse(body)
    except SignatureError as error:
        log.warning("webhook_refused", platform=platform.name, reason=str(error))
        return JSONResponse({"error": str(error)}, 401)
    except PayloadError as error:
        log.warning("webhook_unreadable", platform=platform.name, reason=str(error))
        return JSONResponse({"error": str(error)}, 400)
    except Exception:  # it will not become readable by coming again
        log.exception("webhook_unreadable", platform=platform.name)
        return JSONResponse({"error": "this webhook cannot be read"}, 400)
    point("before-accept")
    try:
        results = await agent.accept(events, platform.name, webhook_id(body))
    except LedgerUnavailable as error:
        log.error("webhook_not_recorded", platform=platform.name, reason=str(error))
        return JSONResponse({"error": "the ledger cannot be written now"}, 503, headers=_RETRY_AFTER)
    except Exception:
        log.exception("webhook_not_recorded", platform=platform.name)
        return JSONResponse({"error": "this webhook cannot be recorded"}, 400)
    point("accepted")
    answer: dict[str, bool] = {"accepted": True}
    if results and all(result.duplicate for result in results):
        answer["duplicate"] = True
    return JSONResponse(answer)


def webhook_id(body: bytes) -> str:
    """The id of a webhook: its own where it has one, else a digest of its bytes."""
    with suppress(ValueError):
        told = from_json(body)
        for name in ("event_id", "eventId"):
            if isinstance(told, dict) and isinstance(told.get(name), str | int):
                return str(told[name])[:200]
    return hashlib.blake2b(body, digest_size=12).hexdigest()


async def _payment(request: Request) -> Response:
    from actions.qris.errors import GatewayRefused, GatewayUnavailable, NotificationForged, NotificationUnreadable
    from agent.payments import receive

    agent = _agent(request)
    name = request.path_params["gateway"]
    if agent.gateway is None or agent.gateway.name != name:
        return JSONResponse({"error": f"the gateway {name!r} is not configured here"}, 404)
    body = await _body(request)
    if isinstance(body, Response):
        return body
    try:
        settled, order = await receive(
            agent.gateway, agent.database, dict(request.headers), body, request.url.path, agent.clock()
        )
    except NotificationForged as error:
        log.warning("payment_refused", gateway=name, reason=str(error))
        return JSONResponse({"error": str(error)}, 401)
    except NotificationUnreadable as error:
        log.warning("payment_unreadable", gateway=name, reason=str(error))
        return JSONResponse({"error": str(error)}, 400)
    except (GatewayUnavailable, GatewayRefused) as error:
        log.warning("payment_status_unknown", gateway=name, reason=str(error))
        return JSONResponse({"error": "the gateway does not tell the status now"}, 503, headers=_RETRY_AFTER)
    except LedgerUnavailable as error:
        log.error("payment_not_recorded", reason=str(error))
        return JSONResponse({"error": "the ledger cannot be written now"}, 503, headers=_RETRY_AFTER)
    except Exception:  # it will not become readable by coming again
        log.exception("payment_unreadable", gateway=name)
        return JSONResponse({"error": "this notification cannot be read"}, 400)
    if isinstance(settled, str):
        log.warning("payment_unmatched", gateway=name, order=order, reason=settled)
        return JSONResponse({"accepted": True, "matched": False})
    await agent.engine.wake(settled.payment.contact, agent.clock())
    log.info("payment_settled", gateway=name, order=order, state=settled.payment.state, changed=settled.changed)
    return JSONResponse({"accepted": True})


async def _healthz(_request: Request) -> Response:
    return JSONResponse({"alive": True})


async def _readyz(request: Request) -> Response:
    agent = _agent(request)
    try:
        await agent.database.write(lambda _connection: None)
    except LedgerUnavailable as error:
        return JSONResponse({"ready": False, "ledger": str(error)}, 503, headers=_RETRY_AFTER)
    if not agent.ready:
        return JSONResponse({"ready": False, "knowledge": "still reading the documents"}, 503, headers=_RETRY_AFTER)
    return JSONResponse({"ready": True})


async def _metrics(request: Request) -> Response:
    """Counts tell how a business is doing: they are for this machine, and for who has the token."""
    config = _agent(request).config
    if not _is_loopback(request) and not bears_token(request, config):
        return JSONResponse({"error": "send server.api_token of agent.yaml as a bearer token"}, 401)
    metrics = await asyncio.to_thread(
        importlib.import_module, "agent.web.metrics"
    )  # takes half a second the first time
    text, kind = await metrics.exposition(_agent(request))
    return Response(text, media_type=kind)


def _is_loopback(request: Request) -> bool:
    """Whether the request comes from this machine, to an address of it, and was not passed on by a proxy on it.

    A page of another site that a browser here has open can name an address of this machine as its own, but asks under its own name.
    """
    if request.client is None or "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        asked = request.url.hostname or ""
        return ipaddress.ip_address(request.client.host).is_loopback and (
            asked == "localhost" or ipaddress.ip_address(asked).is_loopback
        )
    except ValueError:
        return False
