"""Sources on the web, against a real server on loopback."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from knowledge.web import same_site
from tests.knowledge.conftest import Clock, OpenKnowledge


class Site:
    """Pages by path. `asked` holds every request with its conditional header; `status` overrides an answer."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.status: dict[str, int] = {}
        self.asked: list[tuple[str, str | None]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                condition = self.headers.get("If-None-Match")
                site.asked.append((self.path, condition))
                kind, body = site.pages.get(self.path, ("text/plain", b""))
                tag = f'"{hash(body)}"'
                status = site.status.get(self.path, 200 if self.path in site.pages else 404)
                if status == 200 and condition == tag:
                    status = 304
                self.send_response(status)
                if status == 200:
                    self.send_header("Content-Type", kind)
                    self.send_header("ETag", tag)
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


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


async def test_a_page_is_fetched_again_only_when_it_changed(site: Site, open_knowledge: OpenKnowledge) -> None:
    site.page("/faq", "Tanya jawab", "Kami buka pukul delapan pagi setiap hari kecuali hari raya.")
    knowledge = await open_knowledge(f"{site.url}/faq")
    assert (await knowledge.sync()).sources[0].added == 1
    report = (await knowledge.sync()).sources[0]
    assert (report.unchanged, report.changed) == (1, 0)
    assert site.asked[-1][1] is not None
    site.page("/faq", "Tanya jawab", "Kami buka pukul sembilan pagi setiap hari kecuali hari raya.")
    assert (await knowledge.sync()).sources[0].changed == 1
    assert "sembilan" in (await knowledge.search(["buka pukul berapa"])).hits[0].text


async def test_a_server_that_fails_leaves_the_last_good_copy(
    site: Site, open_knowledge: OpenKnowledge, clock: Clock
) -> None:
    site.page("/harga", "Harga", "Kopi susu dua puluh lima ribu rupiah per gelas.")
    knowledge = await open_knowledge({"url": f"{site.url}/harga", "volatile": True, "refresh": "1h"})
    await knowledge.sync()
    site.status["/harga"] = 500
    clock.advance(hours=1)
    report = (await knowledge.sync()).sources[0]
    assert report.failing_since == clock.now
    assert report.error == f"{site.url}/harga answered 500 Internal Server Error"
    assert (await knowledge.search(["harga kopi susu"])).stale
    site.status.clear()
    await knowledge.sync()
    assert not (await knowledge.search(["harga kopi susu"])).stale


async def test_a_volatile_page_grows_stale_when_nobody_looks_at_it(
    site: Site, open_knowledge: OpenKnowledge, clock: Clock
) -> None:
    site.page("/harga", "Harga", "Kopi susu dua puluh lima ribu rupiah per gelas.")
    knowledge = await open_knowledge({"url": f"{site.url}/harga", "volatile": True, "refresh": "1h"})
    await knowledge.sync()
    clock.advance(hours=1, minutes=59)
    assert not (await knowledge.search(["harga kopi susu"])).stale
    clock.advance(minutes=2)
    assert (await knowledge.search(["harga kopi susu"])).stale


async def test_a_sitemap_leads_to_its_pages_and_unchanged_ones_are_not_asked_for(
    site: Site, open_knowledge: OpenKnowledge
) -> None:
    site.page("/a", "Pengiriman", "Ongkos kirim ke Bandung lima belas ribu rupiah.")
    site.page("/b?x=1&y=2", "Retur", "Barang rusak kami ganti dalam tujuh hari kerja.")
    site.page("/rahasia", "Rahasia", "Ini tidak boleh diambil oleh siapa pun juga.")
    urls = "".join(
        f"<url><loc>{site.url}{path}</loc><lastmod>2026-01-01</lastmod></url>"
        for path in ("/a", "/b?x=1&amp;y=2", "/rahasia")
    )
    inner = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
    site.pages["/inner.xml.gz"] = ("application/gzip", gzip.compress(inner.encode()))
    index = f"<sitemapindex><sitemap><loc>{site.url}/inner.xml.gz</loc></sitemap></sitemapindex>"
    site.pages["/sitemap.xml"] = ("application/xml", index.encode())
    site.pages["/robots.txt"] = ("text/plain", b"User-agent: *\nDisallow: /rahasia\n")
    knowledge = await open_knowledge({"sitemap": f"{site.url}/sitemap.xml"})
    report = (await knowledge.sync()).sources[0]
    assert (report.documents, report.error) == (2, None)
    assert "/rahasia" not in site.paths()
    site.asked.clear()
    assert (await knowledge.sync()).sources[0].unchanged == 2
    assert set(site.paths()) == {"/sitemap.xml", "/inner.xml.gz", "/robots.txt"}


async def test_a_crawl_follows_links_of_its_host_as_deep_as_told(site: Site, open_knowledge: OpenKnowledge) -> None:
    site.page(
        "/", "Toko", "Selamat datang di toko kopi kami di Jakarta.", "/a", "/hilang", "https://lain.example/", "/a#x"
    )
    site.page("/a", "Pengiriman", "Ongkos kirim ke Bandung lima belas ribu rupiah.", "/b", "/")
    site.page("/b", "Retur", "Barang rusak kami ganti dalam tujuh hari kerja.", "/c")
    site.page("/c", "Terlalu dalam", "Halaman ini tiga tautan jauhnya dari halaman pertama.")
    knowledge = await open_knowledge({"crawl": {"url": f"{site.url}/", "depth": 2}})
    report = (await knowledge.sync()).sources[0]
    assert (report.documents, report.error, report.problems) == (3, None, ())
    assert "/c" not in site.paths()
    site.page("/a", "Pengiriman", "Ongkos kirim ke Bandung dua puluh ribu rupiah.")  # no longer leads to /b
    report = (await knowledge.sync()).sources[0]
    assert (report.changed, report.removed, report.unchanged) == (1, 1, 1)


async def test_a_crawl_stops_after_so_many_pages(site: Site, open_knowledge: OpenKnowledge) -> None:
    for n in range(30):
        site.page(
            f"/{n}", f"Halaman {n}", f"Ini adalah halaman nomor {n} dari banyak halaman.", *(f"/{k}" for k in range(30))
        )
    knowledge = await open_knowledge({"crawl": {"url": f"{site.url}/0", "depth": 3, "pages": 12}})
    assert (await knowledge.sync()).sources[0].documents == 12


async def test_nothing_is_fetched_where_robots_txt_cannot_be_had(site: Site, open_knowledge: OpenKnowledge) -> None:
    site.page("/", "Toko", "Selamat datang di toko kopi kami di Jakarta.")
    site.status["/robots.txt"] = 503
    knowledge = await open_knowledge({"crawl": {"url": f"{site.url}/"}})
    report = (await knowledge.sync()).sources[0]
    assert report.error == f"{site.url}/robots.txt answered 503, so nothing may be fetched there now"
    assert site.paths() == ["/robots.txt"]


async def test_a_page_larger_than_allowed_is_refused(site: Site, open_knowledge: OpenKnowledge) -> None:
    site.page("/besar", "Besar", "kata " * 1000)
    knowledge = await open_knowledge(f"{site.url}/besar", largest="2KB")
    assert "larger than the 2,000 bytes" in ((await knowledge.sync()).sources[0].error or "")


async def test_markdown_on_the_web_is_read_as_markdown(site: Site, open_knowledge: OpenKnowledge) -> None:
    site.pages["/faq.md"] = ("text/plain", b"# FAQ\n\n## Jam buka?\n\nPukul delapan.\n")
    knowledge = await open_knowledge(f"{site.url}/faq.md")
    await knowledge.sync()
    assert (await knowledge.search(["jam buka"])).hits[0].answer == "Pukul delapan."


def test_links_are_absolute_without_fragments_and_stay_on_their_host() -> None:
    links = ["/a", "b#x", "b", "https://lain.example/", "mailto:a@b", "http://[", "javascript:void(0)"]
    assert same_site(links, "https://toko.example/x/") == ["https://toko.example/a", "https://toko.example/x/b"]
