"""Books in EPUB: their chapters in the order of reading, each a page of HTML (EPUB 3.3, W3C)."""

import posixpath
from urllib.parse import unquote

from knowledge.documents import html
from knowledge.documents.ooxml import Package, opened
from knowledge.documents.passage import Composer, Loaded, meaningful
from knowledge.errors import Unreadable

_PAGES = ("application/xhtml+xml", "text/html")
_ENCRYPTION = "{http://www.w3.org/2001/04/xmlenc#}EncryptionMethod"
_FONTS = "http://www.idpf.org/2008/embedding"  # an obfuscated font is no protected text


def load(data: bytes) -> Loaded:
    """Load a book.

    Raises:
        Unreadable: it is damaged or protected, or none of its chapters holds text.
    """
    with opened(data, "EPUB", "file") as package:
        return _load(package)


def _load(package: Package) -> Loaded:
    protected = package.xml("META-INF/encryption.xml")
    if protected is not None and any(each.get("Algorithm") != _FONTS for each in protected.iter(_ENCRYPTION)):
        raise Unreadable("the book is protected against copying; get it without protection")
    container = package.xml("META-INF/container.xml")
    root = None if container is None else next(container.iter("{*}rootfile"), None)
    path = "" if root is None else root.get("full-path") or ""
    book = package.xml(path) if path else None
    if book is None:
        raise Unreadable("not a readable EPUB file: it names no book in it")
    chapters = {
        item.get("id"): item.get("href") or ""
        for item in book.iterfind("{*}manifest/{*}item")
        if item.get("media-type") in _PAGES
    }
    composer = Composer()
    unread: list[str] = []
    for place in dict.fromkeys(chapters.get(each.get("idref")) for each in book.iterfind("{*}spine/{*}itemref")):
        file = (
            None
            if place is None
            else package.open(posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(place))))
        )
        if place is None or file is None:
            continue
        with file:
            content = file.read()
        try:
            chapter = html.load(content, "application/xhtml+xml")
        except Unreadable:  # a cover, or a page of pictures
            unread.append(place)
            continue
        for block in chapter.blocks:
            composer.copy(block, chapter.text[block.start : block.end])
    title = meaningful(book.findtext(".//{http://purl.org/dc/elements/1.1/}title"))
    problem = f"left out: chapters without text ({', '.join(unread[:5])})" if unread else None
    return Loaded(composer.text, composer.blocks, title=title, problem=problem)
