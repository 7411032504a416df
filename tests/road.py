"""A way to PostgreSQL over TCP on which things get lost: all of them for a while or for good, or the answer to a COMMIT."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import make_url

_COMMIT = b"COMMIT\0"


class Road:
    """Carries bytes between clients and the server's socket. `lost` counts the answers that were kept from a client."""

    def __init__(self, server_url: str) -> None:
        self._url = make_url(server_url)
        self._socket = Path(str(self._url.query["host"])) / ".s.PGSQL.5432"
        self._open = asyncio.Event()
        self._open.set()
        self._port = 0
        self._cut: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._every, self._of = 0, b""
        self._commits = 0
        self.lost = 0

    def url(self, database: str | None = None) -> str:
        """The address of a database, by this way."""
        there = self._url.set(host="127.0.0.1", port=self._port, query={}, database=database or self._url.database)
        return there.render_as_string(hide_password=False)

    def freeze(self) -> None:
        """Let nothing through, in no direction; connections stay, and new ones are still made."""
        self._open.clear()

    def thaw(self) -> None:
        """Let everything through again, what was held up first."""
        self._open.set()

    def cut(self) -> None:
        """Drop whatever is sent on the connections that stand now, their end too; new ones are not concerned."""
        self._cut.update(self._clients)

    def lose_answers(self, *, every: int, of: bytes = b"") -> None:
        """Of so many commits of transactions with these words in them, let one happen and cut the connection instead of saying so."""
        self._every, self._of = every, of

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = writer
        try:
            there, out = await asyncio.open_unix_connection(self._socket)
            doomed = asyncio.Event()
            ways = [
                asyncio.create_task(self._forth(task, reader, out, doomed)),
                asyncio.create_task(self._back(task, there, writer, doomed)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                if task in self._cut:
                    await self._ended.wait()
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                out.close()
        except OSError:
            return  # the server is not there: the client is sent away
        finally:
            writer.close()
            del self._clients[task]

    async def _forth(
        self, client: asyncio.Task[None], reader: asyncio.StreamReader, out: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        meant = False
        while data := await reader.read(65536):
            await self._open.wait()
            if client in self._cut:
                continue
            if self._every:
                meant = meant or self._of in data
                if _COMMIT in data and meant:
                    meant = False
                    self._commits += 1
                    if self._commits % self._every == 0:
                        doomed.set()
            out.write(data)
            await out.drain()

    async def _back(
        self,
        client: asyncio.Task[None],
        there: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        doomed: asyncio.Event,
    ) -> None:
        while data := await there.read(65536):
            await self._open.wait()
            if client in self._cut:
                continue
            if doomed.is_set():
                self.lost += 1
                return
            writer.write(data)
            await writer.drain()

    async def close(self) -> None:
        self._ended.set()
        for writer in self._clients.values():
            writer.close()
        await asyncio.gather(*self._clients, return_exceptions=True)


@asynccontextmanager
async def road_to(server_url: str) -> AsyncIterator[Road]:
    """A way to the server at this address, open at first."""
    road = Road(server_url)
    server = await asyncio.start_server(road._serve, "127.0.0.1", 0)
    road._port = server.sockets[0].getsockname()[1]
    try:
        yield road
    finally:
        road.thaw()
        server.close()
        await road.close()
