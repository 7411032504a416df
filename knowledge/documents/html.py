"""Web pages: the main text without menus, cookie bars and footers, as Markdown."""

import re
from configparser import ConfigParser
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

from knowledge.documents.passage import Loaded
from knowledge.documents.text import parse_markdown
from knowledge.errors import Unreadable

_CHARSET = re.compile(rb"""<meta[^>]+charset=["']?([\w-]+)""", re.IGNORECASE)
_BLANK = re.compile(r"\s+")


def load(data: bytes) -> Loaded:
    """Load the main text of a page, with its title, language and links.

    Raises:
        Unreadable: nothing is left without scripts and menus.
    """
    import trafilatura

    page = decode(data)
    facts = Facts()
    facts.feed(page)
    text = trafilatura.extract(
        page,
        output_format="markdown",
        include_tables=True,
        include_comments=False,
        include_links=False,
        config=_config(),
    )
    if not text or not text.strip():
        raise Unreadable("the page holds no text of its own (is it built by scripts in the browser?)")
    loaded = parse_markdown(text)
    return replace(
        loaded, title=loaded.title or facts.title, language=loaded.language or facts.language, links=tuple(facts.links)
    )


@cache
def _config() -> ConfigParser:
    """A page of 200 characters keeps its headings too; trafilatura would fall back to bare text."""
    from trafilatura.settings import use_config

    config: ConfigParser = use_config()
    config.set("DEFAULT", "MIN_EXTRACTED_SIZE", "1")
    return config


def decode(data: bytes) -> str:
    """Decode a page by the charset it declares, or as UTF-8."""
    declared = _CHARSET.search(data[:4096])
    try:
        return data.decode(declared[1].decode() if declared else "utf-8", errors="replace")
    except LookupError:  # an unknown charset
        return data.decode("utf-8", errors="replace")


class Facts(HTMLParser):
    """Title, language and links of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: str | None = None
        self.language: str | None = None
        self.links: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "title":
            self._in_title = self.title is None
        elif tag == "html" and values.get("lang"):
            self.language = (values["lang"] or "").split("-")[0].lower() or None
        elif tag == "a" and values.get("href") and "nofollow" not in (values.get("rel") or ""):
            self.links.append(values["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title and data.strip():
            self.title = _BLANK.sub(" ", f"{self.title or ''} {data}").strip()
