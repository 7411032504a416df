"""From declaration and values to the request: plain functions. A value cannot break out of its place in the request."""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode

from actions.action import Json
from actions.http.settings import FilePart, Request
from actions.template import fill, placeholders, plain, whole

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Part = tuple[str | None, bytes, str | None]
"""A part of a multipart form: file name (None for a text), content, media type."""


class BadValueError(ValueError):
    """A value that would leave its place: a line break in a header, `..` in a path."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request without its authentication. At most one of `json`, `form` and `multipart` is set."""

    method: str
    url: str
    headers: Mapping[str, bytes] = field(default_factory=dict)
    json: Any = None
    has_json: bool = False
    form: tuple[tuple[str, str], ...] | None = None
    multipart: tuple[tuple[str, Part], ...] | None = None

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of `httpx.AsyncClient.build_request`."""
        found: dict[str, Any] = {"method": self.method, "url": self.url, "headers": dict(self.headers)}
        if self.has_json:
            found["json"] = self.json
        elif self.form is not None:
            found["content"] = urlencode(self.form).encode()
            found["headers"].setdefault("Content-Type", b"application/x-www-form-urlencoded")
        elif self.multipart is not None:
            found["files"] = list(self.multipart)
        return found


def build(request: Request, values: Mapping[str, Json], patterned: Collection[str] = ()) -> Call:
    """Fill the request with values. An absent optional one leaves out the member, header or field it stands in.

    Args:
        request: as declared.
        values: for its placeholders.
        patterned: names whose value matches a `pattern` of their declaration, which may allow `/`, `;`, `%` in a path.

    Raises:
        BadValueError: a value does not fit the place it stands in.
    """
    url, query = _fill_url(request.url, values, patterned)
    pairs = _pairs(request.query, values)
    if pairs:
        query = "&".join(filter(None, (query, urlencode(pairs, quote_via=quote))))
    return Call(
        request.method,
        f"{url}?{query}" if query else url,
        headers={
            name: _header(name, fill(text, _text(values)))
            for name, text in request.headers.items()
            if _present(text, values)
        },
        json=None if request.json_body is None else _tree(request.json_body, values),
        has_json=request.json_body is not None,
        form=None if request.form is None else tuple(_pairs(request.form, values)),
        multipart=None if request.multipart is None else tuple(_parts(request.multipart, values)),
    )


def _present(text: str, values: Mapping[str, Json]) -> bool:
    return all(values.get(name) is not None for name in placeholders(text))


def _text(values: Mapping[str, Json]) -> Callable[[str], str]:
    return lambda name: plain(values.get(name))


def _fill_url(template: str, values: Mapping[str, Json], patterned: Collection[str]) -> tuple[str, str]:
    path, _, query = template.partition("?")
    parts = [
        fill(part, lambda name: quote(plain(values.get(name)), safe=""))
        for part in query.split("&")
        if part and _present(part, values)
    ]
    return fill(path, lambda name: _path_part(name, plain(values.get(name)), patterned)), "&".join(parts)


_ROUTING = re.compile(r"[/\\;%]")
"""What servers and proxies decode, split at or cut off again in a path, however it is escaped."""


def _path_part(name: str, text: str, patterned: Collection[str]) -> str:
    if not text:
        raise BadValueError(f"{name} is empty and stands in the address")
    if _CONTROL.search(text):
        raise BadValueError(f"{name} holds a line break or a control character")
    plainly = unicodedata.normalize("NFKC", unquote(text))  # `．．／` becomes `../` where names are normalised
    if any(piece.strip() in (".", "..") for piece in re.split(r"[/\\;]", plainly)):
        raise BadValueError(f"{name} holds a step to another folder")
    if name not in patterned and (_ROUTING.search(text) or _ROUTING.search(plainly)):
        raise BadValueError(f"{name} holds one of / \\ ; %, which could lead to another address")
    return quote(text, safe="")


def _header(name: str, text: str) -> bytes:
    if _CONTROL.search(text):
        raise BadValueError(f"the header {name} would hold a line break or a control character")
    return text.strip().encode()


def _pairs(templates: Mapping[str, Any], values: Mapping[str, Json]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, template in templates.items():
        for item in template if isinstance(template, list) else [template]:
            filled = _tree(item, values)
            if filled is _ABSENT:
                continue
            pairs += [
                (name, plain(part)) for part in (filled if isinstance(filled, list) else [filled]) if part is not None
            ]
    return pairs


def _parts(templates: Mapping[str, str | FilePart], values: Mapping[str, Json]) -> list[tuple[str, Part]]:
    parts: list[tuple[str, Part]] = []
    for name, template in templates.items():
        if isinstance(template, FilePart):
            if _present(template.content, values):
                filename = re.sub(r"[^\w. -]", "_", fill(template.filename, _text(values))).strip(". ") or "file"
                parts.append((name, (filename, fill(template.content, _text(values)).encode(), template.type)))
        elif _present(template, values):
            value = values.get(whole(template) or "")
            listed = value if isinstance(value, list) else [fill(template, _text(values))]
            parts += [(name, (None, plain(item).encode(), None)) for item in listed]
    return parts


_ABSENT: Any = object()  # a member that is left out, as opposed to null


def _tree(template: Any, values: Mapping[str, Json]) -> Any:
    if isinstance(template, str):
        name = whole(template)
        if name is not None:
            return values.get(name, _ABSENT)  # null where the API demands a member that says nothing
        return fill(template, _text(values)) if _present(template, values) else _ABSENT
    if isinstance(template, Mapping):
        members = {key: _tree(item, values) for key, item in template.items()}
        return {key: item for key, item in members.items() if item is not _ABSENT}
    if isinstance(template, list):
        return [item for item in (_tree(part, values) for part in template) if item is not _ABSENT]
    return template
