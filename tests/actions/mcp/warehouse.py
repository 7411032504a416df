"""A small MCP server for the tests: over standard input when run, over HTTP when its app is served."""

import os
from typing import Any

from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations


def server(*, stateless_http: bool = True) -> FastMCP:
    found = FastMCP("stock", stateless_http=stateless_http)

    @found.tool(annotations=ToolAnnotations(readOnlyHint=True))
    def stock(item: str) -> dict[str, Any]:
        """How many of an item are left."""
        return {"item": item, "left": 7}

    @found.tool()
    def reserve(item: str, count: int, phone: str) -> str:
        """Set items aside for a customer."""
        return f"{count} {item} for {phone}"

    @found.tool()
    def broken(item: str) -> str:
        """Always fails."""
        raise ValueError(f"no shelf for {item}")

    @found.tool()
    def die() -> str:
        """Ends the server."""
        os._exit(1)

    return found


if __name__ == "__main__":
    server().run("stdio")
