"""A web site on loopback that remembers what it was asked."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """Pages by path. `asked` holds every request with its conditional header; `status` overrides an answer.

    A page in `dated` tells when it was last modified instead of a tag. Each answer takes `delay` seconds.
    """

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.status: dict[str, int] = {}
        self.dated: dict[str, str] = {}
        self.delay = 0.0
        self.asked: list[tuple[str, str | None]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                time.sleep(site.delay)
                date = site.dated.get(self.path)
                condition = self.headers.get("If-None-Match" if date is None else "If-Modified-Since")
                site.asked.append((self.path, condition))
                kind, body = site.pages.get(self.path, ("text/plain", b""))
                tag = date or f'"{hash(body)}"'
                status = site.status.get(self.path, 200 if self.path in site.pages else 404)
                if status == 200 and condition == tag:
                    status = 304
                self.send_response(status)
                if status == 200:
                    self.send_header("Content-Type", kind)
                    self.send_header("ETag" if date is None else "Last-Modified", tag)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                else:
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *arguments: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def page(self, path: str, title: str, text: str, *links: str) -> None:
        anchors = "".join(f'<a href="{link}">lihat</a> ' for link in links)
        body = f"<nav>{anchors}</nav><main><h1>{title}</h1><p>{text}</p></main>"
        html = f"<html><head><title>{title}</title></head><body>{body}</body></html>"
        self.pages[path] = ("text/html; charset=utf-8", html.encode())

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
