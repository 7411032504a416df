"""The body of an answer, read no further than allowed."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator

import httpx

from actions.errors import ResponseTooLarge, ResponseTooSlow

ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""The content encodings that can be unpacked piece by piece, with zlib's window for each."""

_PIECE = 64 * 1024


class BoundedBody(httpx.AsyncByteStream):
    """A response stream that unpacks, counts and watches the clock.

    Unpacking happens here because a limit on the bytes of the wire is none: a kilobyte of gzip holds a megabyte.
    """

    def __init__(
        self, inner: httpx.AsyncByteStream, where: str, encoding: str, max_bytes: int, deadline: float | None
    ) -> None:
        self._inner = inner
        self._where = where
        self._unpacker = zlib.decompressobj(ENCODINGS[encoding]) if encoding in ENCODINGS else None
        self._max_bytes = max_bytes
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        chunks = aiter(self._inner)
        try:
            while True:
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                for piece in self._unpacked(chunk):
                    total += len(piece)
                    if total > self._max_bytes:
                        raise ResponseTooLarge(f"the answer of {self._where} is larger than {self._max_bytes:,} bytes")
                    yield piece
        except TimeoutError:
            raise ResponseTooSlow(f"the answer of {self._where} did not end in time") from None

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _unpacked(self, chunk: bytes) -> Iterator[bytes]:
        if self._unpacker is None:
            yield chunk
            return
        while True:
            try:
                piece = self._unpacker.decompress(chunk, _PIECE)
            except zlib.error as error:
                raise httpx.DecodingError(
                    f"the answer of {self._where} is not what its encoding says: {error}"
                ) from None
            if piece:
                yield piece
            chunk = self._unpacker.unconsumed_tail
            if not chunk and len(piece) < _PIECE:
                return  # a full piece may have more behind it, although all input is taken
