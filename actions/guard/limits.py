"""How far one exchange may go."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may reach and what its answer may be.

    `origins`: the only `scheme://host:port` that the request and its redirects may go to; None is any.
    `ports`: the only ports; None is any. `content_types`: media types of a successful answer (also `image/*`, `*+json`);
    None is any. `max_bytes` counts the body after decompression, `seconds` the time from connecting to the last byte;
    None is no limit.
    """

    origins: frozenset[str] | None = None
    ports: frozenset[int] | None = None
    content_types: tuple[str, ...] | None = None
    max_bytes: int = 25 * 1024 * 1024
    seconds: float | None = 60.0

    def narrowed(self, extension: Mapping[str, Any] | None) -> "Limits":
        """These limits, changed by the `guard` extension of a request.

        Raises:
            TypeError: a key that is none of the fields.
        """
        if not extension:
            return self
        if unknown := extension.keys() - {field.name for field in fields(self)}:
            raise TypeError(f"unknown keys in the guard extension: {', '.join(sorted(unknown))}")
        changes = dict(extension)
        for name, kind in (("origins", frozenset), ("ports", frozenset), ("content_types", tuple)):
            if changes.get(name) is not None:
                changes[name] = kind(changes[name])
        return replace(self, **changes)

    def accepts(self, content_type: str) -> bool:
        """Whether an answer of this `Content-Type` is wanted. One without a type may be anything, so it is."""
        kind = content_type.partition(";")[0].strip().lower()
        return self.content_types is None or not kind or any(_matches(kind, wanted) for wanted in self.content_types)


def _matches(kind: str, wanted: str) -> bool:
    if wanted.endswith("/*"):
        return kind.startswith(wanted[:-1])
    return kind.endswith(wanted[1:]) if wanted.startswith("*+") else kind == wanted


def origin(url: httpx.URL) -> str:
    """`scheme://host:port` with the port always written: `https://api.kopisenja.example:443`."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}:{url.port or {'https': 443, 'http': 80}.get(url.scheme, 0)}"
