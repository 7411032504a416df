"""`/console`: the web page over `/api/v1`. It is a client of that API alone; here are only its files, and what they may do."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent / "page"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""No script but the console's own files, nothing from elsewhere, in no frame."""


def _files() -> dict[str, Path]:
    """The files by their path below `/console`; a request names one of these or nothing."""
    found = {path.relative_to(_FOLDER).as_posix(): path for path in _FOLDER.rglob("*") if path.suffix in _TYPES}
    return {**found, "": _FOLDER / "index.html"}


def routes() -> list[Route]:
    """The routes of the console."""
    files = _files()

    async def page(request: Request) -> Response:
        file = files.get(request.path_params["path"])
        if file is None:
            return Response("there is no such page\n", 404, HEADERS, "text/plain")
        return Response(file.read_bytes(), 200, HEADERS, _TYPES[file.suffix])

    async def root(request: Request) -> Response:
        return RedirectResponse(f"{request.url.path.rstrip('/')}/", 307, HEADERS)

    return [Route("/console", root, methods=["GET"]), Route("/console/{path:path}", page, methods=["GET"])]
