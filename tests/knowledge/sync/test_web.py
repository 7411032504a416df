"""Sources on the web, against a real server on loopback."""

import gzip

from knowledge.sync.web import same_site
from tests.knowledge.conftest import Clock, OpenKnowledge
from tests.knowledge.site import Site


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


async def test_a_page_without_a_tag_is_asked_for_by_its_date(site: Site, open_knowledge: OpenKnowledge) -> None:
    site.page("/faq", "Tanya jawab", "Kami buka pukul delapan pagi setiap hari kecuali hari raya.")
    site.dated["/faq"] = "Sun, 01 Mar 2026 00:00:00 GMT"
    knowledge = await open_knowledge(f"{site.url}/faq")
    await knowledge.sync()
    report = (await knowledge.sync()).sources[0]
    assert (site.asked[-1], report.unchanged) == (("/faq", "Sun, 01 Mar 2026 00:00:00 GMT"), 1)


async def test_at_a_new_start_a_page_is_fetched_only_when_it_is_due_or_configured_otherwise(
    site: Site, open_knowledge: OpenKnowledge, clock: Clock
) -> None:
    site.page("/faq", "Tanya jawab", "Kami buka pukul delapan pagi setiap hari kecuali hari raya.")
    source = {"url": f"{site.url}/faq", "refresh": "1h"}

    async def fetches(source: dict[str, str]) -> int:
        site.asked.clear()
        knowledge = await open_knowledge(source)
        await knowledge.first_sync()
        await knowledge.aclose()
        return len(site.asked)

    assert await fetches(source) == 1
    assert await fetches(source) == 0
    assert await fetches({**source, "title": "Bantuan"}) == 1
    clock.advance(hours=2)
    assert await fetches({**source, "title": "Bantuan"}) == 1


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


async def test_a_volatile_page_grows_stale_without_a_sync(
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
