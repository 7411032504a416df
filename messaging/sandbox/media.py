"""Files: their types, safe names and storage, and the HTTP client that fetches attachments and delivers webhooks."""

import asyncio
import functools
import io
import re
import secrets
import ssl
from pathlib import PurePosixPath

import httpx

from messaging.sandbox.errors import Invalid, NotFound
from messaging.sandbox.records import Media
from messaging.sandbox.storage import Feed


@functools.cache
def _tls() -> ssl.SSLContext:
    """Reading the certificates takes tens of milliseconds: once a process is enough."""
    return httpx.create_ssl_context()


def open_client() -> httpx.AsyncClient:
    """Make an HTTP client without proxy and time limit: callers limit each call as a whole."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    return httpx.AsyncClient(limits=limits, timeout=None, trust_env=False, verify=_tls())  # noqa: S113


def to_ogg(data: bytes) -> bytes:
    """Move the Opus packets of a WebM recording into an Ogg file without decoding them.

    Raises:
        Invalid: the bytes are no WebM file with an Opus track.
    """
    import av

    target = io.BytesIO()
    try:
        with av.open(io.BytesIO(data), "r", format="matroska") as source, av.open(target, "w", format="ogg") as sink:
            track = source.streams.audio[0]
            if track.codec_context.name not in {"opus", "libopus"}:
                raise Invalid(f"file: the recording is {track.codec_context.name}, not Opus")
            out = sink.add_stream_from_template(track)
            for packet in source.demux(track):
                if packet.dts is not None:
                    packet.stream = out
                    sink.mux(packet)
    except (av.FFmpegError, IndexError) as error:
        raise Invalid(f"file: the recording cannot be read: {error}") from error
    return target.getvalue()


LARGEST = 25 * 1024 * 1024  # bytes
_TIMEOUT = 10.0  # seconds
_EXTENSIONS = {
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/wav": "wav",
    "audio/amr": "amr",
    "audio/webm": "webm",
    "video/webm": "webm",
    "video/mp4": "mp4",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "text/plain": "txt",
}
_UNSPECIFIC = {
    "application/octet-stream",
    "application/x-www-form-urlencoded",
}  # what clients send that do not know the type
_MIME_TYPES = {extension: mime for mime, extension in _EXTENSIONS.items() if mime != "audio/webm"} | {
    "jpeg": "image/jpeg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "csv": "text/csv",
}


class MediaUnreachable(Exception):
    """An address that gave no usable file; the text says why."""


def sniff(data: bytes) -> str | None:
    """Recognise the media type by the first bytes; `None` when they do not tell."""
    match data[:12]:
        case head if head.startswith(b"OggS"):
            return "audio/ogg"
        case head if head.startswith(b"\x1a\x45\xdf\xa3"):
            return "audio/webm"
        case head if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return "image/png"
        case head if head.startswith(b"\xff\xd8\xff"):
            return "image/jpeg"
        case head if head.startswith((b"GIF87a", b"GIF89a")):
            return "image/gif"
        case head if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            return "image/webp"
        case head if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
            return "audio/wav"
        case head if head.startswith(b"%PDF-"):
            return "application/pdf"
        case head if head.startswith(b"#!AMR"):
            return "audio/amr"
        case head if head.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3")):
            return "audio/mpeg"
        case head if head[4:8] == b"ftyp":
            return "audio/mp4" if head[8:11] == b"M4A" else "video/mp4"
    return None


def type_of(name: str, data: bytes, claimed: str | None) -> str:
    """Find the media type of a file by its first bytes, else by what is `claimed`, else by its name."""
    found = sniff(data)
    if found == "audio/webm" and (claimed or "").startswith("video/"):
        return "video/webm"
    plain = (claimed or "").partition(";")[0].strip().lower()
    if found is None and plain and plain not in _UNSPECIFIC:
        return plain
    return found or _MIME_TYPES.get(PurePosixPath(name).suffix[1:].lower(), "application/octet-stream")


def kind_of(mime_type: str) -> str:
    """Classify a media type as image, video, audio or file."""
    family = mime_type.partition("/")[0]
    return family if family in {"image", "video", "audio"} else "file"


def extension_of(mime_type: str) -> str:
    """Return the usual file extension, without the dot; `bin` for an unknown type."""
    return _EXTENSIONS.get(mime_type, "bin")


def tidy_name(name: str, mime_type: str) -> str:
    """Make a file name that is safe in a URL and has the extension of its type."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(name).stem)[:60].strip("-.") or "file"
    suffix = PurePosixPath(name).suffix[1:].lower()
    extension = extension_of(mime_type) if mime_type in _EXTENSIONS else re.sub(r"[^a-z0-9]", "", suffix) or "bin"
    return f"{stem}.{extension}"


class MediaStore:
    """All files by token."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._files: dict[str, Media] = {}

    def all(self) -> tuple[Media, ...]:
        """List all files."""
        return tuple(self._files.values())

    def peek(self, token: str) -> Media | None:
        """Return the file with this token, if there is one."""
        return self._files.get(token)

    def get(self, token: str) -> Media:
        """Return the file with this token. Raises: `NotFound`."""
        media = self._files.get(token)
        if media is None:
            raise NotFound("Media not found")
        return media

    def add(self, name: str, data: bytes, claimed: str | None = None) -> Media:
        """Store a file under a new token. Raises: `Invalid` for an empty file."""
        if not data:
            raise Invalid("file: it is empty")
        mime_type = type_of(name, data, claimed)
        return self.keep(Media(secrets.token_urlsafe(24), tidy_name(name, mime_type), mime_type, data))

    def keep(self, media: Media) -> Media:
        """Store a file under the token it has."""
        self._files[media.token] = media
        self._feed.touch("media", media.token)
        return media

    async def fetch(self, url: str, kind: str) -> Media:
        """Download a copy of an attachment.

        Args:
            url: where it is.
            kind: what the message calls it: image, video, audio or file (which fits any type).

        Raises:
            MediaUnreachable: no answer within 10 s, an error, over 25 MiB, or not of this `kind`.
        """
        try:
            async with (
                asyncio.timeout(_TIMEOUT),
                open_client() as http,
                http.stream("GET", url, follow_redirects=True) as answer,
            ):
                answer.raise_for_status()
                data = bytearray()
                async for chunk in answer.aiter_bytes():
                    data += chunk
                    if len(data) > LARGEST:
                        raise MediaUnreachable(f"{url} is larger than {LARGEST} bytes")
        except TimeoutError as error:
            raise MediaUnreachable(f"{url} gave no answer within {_TIMEOUT:g} s") from error
        except httpx.HTTPStatusError as error:
            raise MediaUnreachable(f"{url} answered {error.response.status_code}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MediaUnreachable(f"{url}: {error or type(error).__name__}") from error
        name = PurePosixPath(url.partition("?")[0]).name
        try:
            media = self.add(name, bytes(data), answer.headers.get("content-type"))
        except Invalid as error:
            raise MediaUnreachable(f"{url} is empty") from error
        if kind != "file" and kind_of(media.mime_type) != kind:
            raise MediaUnreachable(f"{url} is {media.mime_type}, not {kind}")
        return media

    def clear(self) -> None:
        """Forget all files."""
        self._files.clear()
