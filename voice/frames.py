"""How a worker process and its parent talk: a JSON header and raw bytes, each with its length before it.

Not pickle: the worker decodes what strangers send, and a parent that unpickled its answers would share its fate.
"""

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

_LENGTHS = struct.Struct(">II")
_LARGEST_HEADER = 8 * 2**20  # bytes; an hour of speech is about 100 KB of JSON


def pack(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    encoded = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(encoded), len(body)) + encoded + body


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """The next frame of a blocking stream. Raises `EOFError` when it has ended."""
    header, body = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    return json.loads(_exactly(stream, header)), _exactly(stream, body)


async def receive(stream: asyncio.StreamReader) -> dict[str, Any]:
    """The next frame's header of an asyncio stream; it must have no body.

    Raises:
        EOFError: the stream has ended, or what it says is no frame.
    """
    try:
        length, body = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
        if length > _LARGEST_HEADER or body:
            raise EOFError(f"a frame of {length} + {body} bytes")
        value: dict[str, Any] = dict(json.loads(await stream.readexactly(length)))
    except (asyncio.IncompleteReadError, ConnectionError, TypeError, ValueError) as error:
        raise EOFError(str(error)) from error
    return value


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data
