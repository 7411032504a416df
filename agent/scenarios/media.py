"""The files that a scenario's customer sends: beside the scenario, or written into it as a `data:` address.

    {image: "data:image/png;base64,iVBOR…"}        {file: "data:text/plain,tiga gelas kopi susu"}

A saved conversation has files of the second kind: they replace what the customer sent, which is private.
"""

import base64
import binascii
import mimetypes
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from agent.turn.files import is_picture
from agent.turn.listen import is_voice
from messaging.types import Attachment, AttachmentKind

_INLINE = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w-]+=[\w.+-]+)*(?P<packed>;base64)?,", re.ASCII)
_UNSPECIFIED = "application/octet-stream"

_PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)
"""A white pixel."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as it is sent."""

    name: str
    mime_type: str
    content: bytes


def inline(address: str, kind: AttachmentKind) -> SentFile | None:
    """Read what is written into a scenario as a `data:` address (RFC 2397); `None` for a path.

    Raises:
        ValueError: it is malformed.
    """
    if not address.startswith("data:"):
        return None
    found = _INLINE.match(address)
    if found is None:
        raise ValueError("a data: address is written `data:TYPE,TEXT` or `data:TYPE;base64,…`")
    content = unquote_to_bytes(address[found.end() :])
    if found["packed"]:
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise ValueError(f"what stands behind `base64,` is none: {error}") from None
    sort = found["type"] or "text/plain"
    return SentFile(f"{kind}{mimetypes.guess_extension(sort) or ''}", sort, content)


def read(address: str, kind: AttachmentKind, resolve: Callable[[str], Path]) -> SentFile:
    """Read a file that a scenario names, or holds. Blocks.

    Args:
        address: a path or a `data:` address.
        kind: what it is sent as.
        resolve: finds a path.
    """
    if (found := inline(address, kind)) is not None:
        return found
    path = resolve(address)
    sort = mimetypes.guess_type(path.name)[0] or ("audio/ogg" if kind == "audio" else _UNSPECIFIED)
    return SentFile(path.name, sort, path.read_bytes())


def stand_in(attachment: Attachment, found: Mapping[str, Any] | None, heard: str | None) -> dict[str, str] | None:
    """Write what replaces a file in a saved scenario and leads to the same outcome; `None` where nothing can.

    Args:
        attachment: as it came.
        found: what was found in it: a `picture`, its `text`, or why it is `unread`; `None` where it was not opened.
        heard: the words of a voice note, without personal data.
    """
    if is_voice(attachment):
        return {"voice": "data:audio/ogg,"} | ({"text": heard} if heard else {})
    read_as = found or {}
    if is_picture(attachment):
        return {"image": _PICTURE if read_as.get("unread") in (None, "unseen") else "data:image/png,"}
    if attachment.kind != "file":
        return None
    text = read_as.get("text")
    return {"file": f"data:{_UNSPECIFIED}," if text is None else f"data:text/plain,{_quoted(text)}"}


def _quoted(text: str) -> str:
    """A text as it stands in a `data:` address: as readable as it can be."""
    return "".join(
        letter if letter.isprintable() and letter != "%" else "".join(f"%{byte:02X}" for byte in letter.encode())
        for letter in text
    )
