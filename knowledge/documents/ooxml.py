"""The packages of Word and Excel: a ZIP file of XML parts that refer to each other (ECMA-376, part 2), opened within bounds."""

import io
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

from lxml import etree

from knowledge.documents.passage import meaningful
from knowledge.errors import Unreadable

MAX_EXPANDED = 400 * 2**20
"""Bytes that the parts of a package may expand to together."""

R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_STRICT = "http://purl.oclc.org/ooxml/"
_OLE = b"\xd0\xcf\x11\xe0"  # the container of protected and of old Office files


@dataclass(frozen=True, slots=True)
class Relation:
    """What a part refers to; `kind` is the last word of its type, e.g. `worksheet`."""

    kind: str
    target: str


class Package:
    """A package that is open for reading.

    Args:
        data: the file.
        suffix: what the kind of file is called in messages, e.g. `DOCX`.

    Raises:
        Unreadable: it is no package, protected by a password, or expands beyond `MAX_EXPANDED`.
    """

    def __init__(self, data: bytes, suffix: str) -> None:
        if data.startswith(_OLE):
            raise Unreadable(
                f"the file is protected by a password or in an old Office format; save it as {suffix} without one"
            )
        try:
            self._zip = ZipFile(io.BytesIO(data))
        except BadZipFile as error:
            raise Unreadable(f"not a readable {suffix} file (is it protected by a password?): {error}") from error
        if sum(entry.file_size for entry in self._zip.infolist()) > MAX_EXPANDED:
            raise Unreadable(f"the file expands to more than {MAX_EXPANDED // 2**20} MiB")
        self._names = {name.lower(): name for name in self._zip.namelist()}
        self._opened = 0

    def open(self, part: str) -> IO[bytes] | None:
        """Open a part for reading; `None` when the package has none of this name.

        Raises:
            Unreadable: with those opened before, many times perhaps, it is more than twice of what a package may hold.
        """
        name = self._names.get(part.lstrip("/").lower())
        if name is None:
            return None
        self._opened += self._zip.getinfo(name).file_size
        if self._opened > 2 * MAX_EXPANDED:
            raise Unreadable("it refers to its parts again and again")
        return self._zip.open(name)

    def xml(self, part: str) -> Any:
        """Parse a part; `None` when there is none of this name. The namespaces of the strict form become the usual ones."""
        file = self.open(part)
        if file is None:
            return None
        with file:
            content = file.read()
        if _STRICT.encode() in content:
            content = _transitional(content)
        return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))

    def relations(self, part: str) -> Mapping[str, Relation]:
        """Read what a part refers to, by id; `""` for the package itself."""
        folder, name = posixpath.split(part)
        root = self.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        found: dict[str, Relation] = {}
        for each in () if root is None else root:
            target = each.get("Target") or ""
            if each.get("TargetMode") != "External":
                path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
                found[each.get("Id") or ""] = Relation((each.get("Type") or "").rsplit("/", 1)[-1], path.lstrip("/"))
        return found

    def main(self) -> str:
        """Name the main part: the document or workbook.

        Raises:
            Unreadable: the package names none.
        """
        for relation in self.relations("").values():
            if relation.kind == "officeDocument":
                return relation.target
        raise Unreadable("the file names no document in it")

    def title(self) -> str | None:
        """Read the title in the properties, unless it is what an office program puts there by itself."""
        root = self.xml("docProps/core.xml")
        title = "" if root is None else (root.findtext("{http://purl.org/dc/elements/1.1/}title") or "")
        return meaningful(title)

    def walk(self, part: str, *tags: str) -> Iterator[Any]:
        """Yield the elements with these tags of a part as they end, and free them after that."""
        file = self.open(part)
        if file is None:
            return
        with file:
            for _, element in etree.iterparse(file, tag=tags, resolve_entities=False, no_network=True):
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]


@contextmanager
def opened(data: bytes, suffix: str, kind: str) -> Iterator[Package]:
    """Open a package to read it whole.

    Args:
        data: the file.
        suffix: what the kind of file is called in messages, e.g. `DOCX`.
        kind: what it is, e.g. `document`.

    Raises:
        Unreadable: as for `Package`, and where a part of it is damaged.
    """
    package = Package(data, suffix)
    try:
        yield package
    except (etree.XMLSyntaxError, KeyError, ValueError) as error:
        raise Unreadable(f"not a readable {suffix} {kind}: {error}") from error


def _transitional(content: bytes) -> bytes:
    """Rename the namespaces of ISO 29500 Strict."""
    usual = b"http://schemas.openxmlformats.org/"
    for name in (b"drawingml", b"presentationml", b"spreadsheetml", b"wordprocessingml"):
        content = content.replace(b"http://purl.oclc.org/ooxml/%s/main" % name, usual + name + b"/2006/main")
    return content.replace(b"http://purl.oclc.org/ooxml/officeDocument/", usual + b"officeDocument/2006/")
