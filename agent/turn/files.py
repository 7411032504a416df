"""Files that customers send, made what a model can read: pictures scaled down, documents as text.

Nothing in them is trusted: they are fetched over the guarded client, told apart by their bytes, and opened in worker processes that
are bounded in memory and time, so that a decompression bomb ends its worker and nothing else. A picture is drawn anew: what it says
of place and camera is gone. It lies in the ledger for as long as a model may be shown it again.
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

if TYPE_CHECKING:
    import httpx

    from messaging.types import Attachment
    from voice import FetchLimits
    from workers.pool import Pool
    from workers.process import Handler

SIDE = 1_024
"""Pixels of the longer side of a picture as a model sees it; more costs more and shows little more."""

MOST_PIXELS = 50_000_000
"""Pixels of a picture that is opened whole. A JPEG is read at a smaller scale, so it may have four times as many."""

MOST_CHARACTERS = 12_000
"""Characters of a document that a model reads; the rest is left out."""

_MEMORY = 900 * 2**20
_DEADLINE = timedelta(seconds=20)
_LARGEST_ANSWER = 4 * 2**20  # bytes of JSON
_RECYCLE = 200  # pictures after which a worker is replaced
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_QUALITY = 82
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF.{4}WEBP", re.DOTALL)
_PDF = re.compile(rb"[\x00-\x20\xef\xbb\xbf]{0,16}%PDF-")
_OFFICE: Final[Mapping[bytes, str]] = {
    b"word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
"""The part that a document of each kind holds; the names of parts stand plain in its archive."""

Reason = Literal["unseen", "too_large", "not_fetched", "unreadable"]

TOLD: Final[Mapping[Reason, str]] = {
    "unseen": "cannot be seen here: say so, and ask the customer to describe it in words",
    "too_large": "is too large to be opened: say so, and ask the customer for what matters in words",
    "not_fetched": "did not arrive: say so, and ask the customer to send it again or to describe it in words",
    "unreadable": "cannot be read here: say so, and ask the customer for a PDF, a photo, or what matters in words",
}
"""What the model reads of a file whose content it does not get."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: the `text` of a document, a `picture` as JPEG, or why there is neither."""

    text: str | None = None
    picture: bytes | None = None
    unread: Reason | None = None
    detail: str = ""


class Reads(Protocol):
    """Finds out what files hold."""

    async def read(self, attachment: "Attachment") -> Content:
        """What a file holds."""


class _NoPicture(Exception):
    """The bytes are no picture that is opened here."""

    reason = "unreadable"


def open_handler(options: Mapping[str, Any]) -> "Handler":
    """Make the handler of pictures. Runs inside a worker.

    Returns:
        A handler that reads a picture and answers `{"jpeg": …}`: it in Base64, upright, at most `SIDE` pixels on each side. Where that is
        not possible it raises an exception with a `reason`, which `workers` hands on to the caller.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # our own bound is checked before anything is decoded

    def handle(header: Mapping[str, Any], data: bytes, is_dropped: Callable[[], bool]) -> Mapping[str, Any]:
        try:
            with Image.open(BytesIO(data), formats=_FORMATS) as image:
                most = MOST_PIXELS * (4 if image.format == "JPEG" else 1)
                if image.width * image.height > most:
                    raise _NoPicture(f"it has {image.width} x {image.height} pixels")
                image.thumbnail((SIDE, SIDE))
                upright = ImageOps.exif_transpose(image).convert("RGBA")
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
            raise _NoPicture(str(error) or type(error).__name__) from error
        drawn = Image.new("RGB", upright.size, "white")
        drawn.paste(upright, mask=upright.getchannel("A"))
        written = BytesIO()
        drawn.save(written, "JPEG", quality=_QUALITY)
        return {"jpeg": base64.b64encode(written.getvalue()).decode()}

    return handle


class FileReader:
    """Reads the files of customers. Worker processes are started with the first picture, and with the first document."""

    def __init__(
        self,
        client: "httpx.AsyncClient",
        limits: "FetchLimits",
        *,
        from_platform: Callable[[str, int], Awaitable[bytes]],
        sees: bool,
        characters: int = MOST_CHARACTERS,
    ) -> None:
        """Read files.

        Args:
            client: fetches them; it is guarded against private addresses.
            limits: how large a file may be, and how long fetching may take.
            from_platform: fetches what only its platform can give: the URL, and the most bytes.
            sees: whether any model can be shown pictures; else none is fetched.
            characters: of a document, that are read.
        """
        from knowledge.documents.reader import DocumentReader

        self._client = client
        self._limits = limits
        self._from_platform = from_platform
        self._sees = sees
        self._characters = characters
        self._documents = DocumentReader(deadline=_DEADLINE)
        self._pool: Pool | None = None

    async def read(self, attachment: "Attachment") -> Content:
        """Find out what a file holds.

        Args:
            attachment: as it came; its kind, name and type are only claims.
        """
        from messaging.errors import PlatformError
        from messaging.types import read_platform_file
        from voice import VoiceError, fetch_file
        from voice.errors import TooLarge

        if attachment.kind == "video" or (is_picture(attachment) and not self._sees):
            return Content(unread="unseen")
        try:
            if read_platform_file(attachment.url) is None:
                data = await fetch_file(self._client, attachment.url, self._limits)
            else:
                async with asyncio.timeout(self._limits.time.total_seconds()):
                    data = await self._from_platform(attachment.url, self._limits.size)
        except TooLarge as error:
            return Content(unread="too_large", detail=str(error))
        except (VoiceError, PlatformError, TimeoutError) as error:
            return Content(unread="not_fetched", detail=str(error) or "it did not arrive in time")
        if _PICTURE.match(data):
            return await self._picture(data) if self._sees else Content(unread="unseen")
        return await self._document(attachment, data)

    async def aclose(self) -> None:
        """End the worker processes."""
        await self._documents.aclose()
        if self._pool is not None:
            await self._pool.aclose()

    async def _picture(self, data: bytes) -> Content:
        from workers.pool import Pool, WorkerError, WorkerSpec

        if self._pool is None:
            spec = WorkerSpec(
                name="picture worker",
                task="scale a picture",
                target="agent.turn.files:open_handler",
                options={},
                memory=_MEMORY,
                largest_answer=_LARGEST_ANSWER,
                environment={"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
                attempts=1,
            )
            self._pool = Pool(spec, 1, _DEADLINE, _RECYCLE)
        try:
            answer = await self._pool.run({}, data)
        except WorkerError as error:
            return Content(unread="unreadable", detail=str(error))
        return Content(picture=base64.b64decode(answer["jpeg"]))

    async def _document(self, attachment: "Attachment", data: bytes) -> Content:
        from knowledge.errors import Unreadable
        from settings.text import clean

        kind = _kind_by_bytes(data) or attachment.mime_type
        try:
            read = await self._documents.read(attachment.name or "file", data, kind)
        except Unreadable as error:
            return Content(unread="unreadable", detail=str(error))
        text = clean(read.text).strip()
        return Content(text if len(text) <= self._characters else f"{text[: self._characters].rstrip()} …")


def _kind_by_bytes(data: bytes) -> str | None:
    """The MIME type that a document has by what is in it; platforms send files without a name and as a stream of bytes."""
    if _PDF.match(data):
        return "application/pdf"
    return next((kind for part, kind in _OFFICE.items() if part in data), None) if data.startswith(b"PK") else None


def is_picture(attachment: "Attachment") -> bool:
    """A picture by its kind or by its MIME type: many are sent as files."""
    return attachment.kind == "image" or (attachment.mime_type or "").startswith("image/")
