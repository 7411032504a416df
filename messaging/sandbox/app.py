"""The web application: REST API, control API, phone page."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from messaging.sandbox.api import api_routes
from messaging.sandbox.control import control_routes
from messaging.sandbox.control.access import OwnSite
from messaging.sandbox.errors import ApiError
from messaging.sandbox.options import SandboxOptions
from messaging.sandbox.state import Sandbox

_PAGE = Path(__file__).with_name("page")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cache-Control": "no-cache",
}


class PhonePage(StaticFiles):
    """The files of the page, with the headers that let it load nothing from elsewhere."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response


def create_app(options: SandboxOptions | None = None, *, sandbox: Sandbox | None = None) -> Starlette:
    """The application of one sandbox. Its lifespan starts and stops the sandbox; `app.state.sandbox` is its state."""
    state = sandbox or Sandbox(options or SandboxOptions())

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await state.start()
        try:
            yield
        finally:
            await state.stop()

    page = Mount(
        "/",
        PhonePage(directory=_PAGE, html=True),
        middleware=[Middleware(OwnSite, allowed=state.options.allowed_hosts)],
    )
    app = Starlette(
        routes=[*api_routes(state), *control_routes(state), page],
        lifespan=lifespan,
        exception_handlers={ApiError: _say_error, HTTPException: _say_http_error, Exception: _say_crash},
    )
    app.state.sandbox = state
    return app


async def _say_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)  # noqa: S101 (registered for it)
    return JSONResponse({"code": error.status, "message": error.message}, error.status)


async def _say_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    return JSONResponse({"code": error.status_code, "message": error.detail}, error.status_code, error.headers)


async def _say_crash(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"code": 500, "message": f"The sandbox itself failed: {type(error).__name__}: {error}"}, 500)
