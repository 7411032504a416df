"""The tools of MCP servers in scenarios: what a server lists is kept beside the scenarios, so that they need no network to know it."""

import asyncio
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agent.errors import InputError

if TYPE_CHECKING:
    from mcp.types import Tool

    from actions.mcp.connection import Connection

FILE = "mcp.cassette.yaml"
_HEAD = "# The tools of the MCP servers of agent.yaml, kept by `balas test --record` and `--live`.\n"


class ToolLists:
    """What each server lists: a program is started once in a run and asked, a server with an address only where that is allowed."""

    def __init__(self, path: Path, *, ask: bool) -> None:
        """Begin to list.

        Args:
            path: the file that keeps the lists, by the address of the server.
            ask: whether servers with an address may be asked; what they list is kept then.
        """
        self._path = path
        self._ask = ask
        self._known: dict[str, list[Tool]] = {}
        self._listing = asyncio.Lock()

    async def __call__(self, connection: "Connection") -> "list[Tool]":
        """List the tools of a server.

        Raises:
            McpError: it cannot be asked.
            InputError: it is not to be asked, and nothing is kept of it.
        """
        async with self._listing:
            if connection.where not in self._known:
                self._known[connection.where] = await self._list(connection)
            return self._known[connection.where]

    async def _list(self, connection: "Connection") -> "list[Tool]":
        from mcp.types import Tool

        if connection.is_program:
            return await connection.tools()
        kept = await asyncio.to_thread(self._read)
        if self._ask:
            tools = await connection.tools()
            told = [tool.model_dump(mode="json", exclude_none=True, by_alias=True) for tool in tools]
            if kept.get(connection.where) != told:
                await asyncio.to_thread(self._write, {**kept, connection.where: told})
            return tools
        if connection.where not in kept:
            remedy = f"--live asks it, and keeps them in {self._path}"
            raise InputError(
                f"the tools of the MCP server {connection.where} are not known, and it is not asked: {remedy}"
            )
        return [Tool.model_validate(tool) for tool in kept[connection.where]]

    def _read(self) -> dict[str, Any]:
        """The kept lists; none where there is no file. Raises `InputError` where it cannot be read."""
        try:
            return dict(YAML(typ="safe").load(self._path.read_text(encoding="utf-8")) or {})
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError, YAMLError, TypeError, ValueError) as error:
            raise InputError(f"{self._path} cannot be read ({error}); delete it and record it again") from error

    def _write(self, lists: dict[str, Any]) -> None:
        yaml, out = YAML(), io.StringIO()
        yaml.width, yaml.allow_unicode = 4096, True
        yaml.dump(lists, out)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(_HEAD + out.getvalue(), encoding="utf-8")
