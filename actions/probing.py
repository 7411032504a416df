"""Whether the hosts of the declared actions answer, without calling any action."""

from collections.abc import Iterable, Sequence

import httpx

from actions.guard.transport import origin
from actions.mcp.settings import McpAction
from actions.settings import ActionSettings, DeclaredAction


def hosts(settings: Iterable[ActionSettings]) -> dict[str, list[str]]:
    """Each `scheme://host:port` that the actions call, with the names of those that do."""
    found: dict[str, list[str]] = {}
    for entry in settings:
        if isinstance(entry, DeclaredAction):
            found.setdefault(origin(httpx.URL(entry.request.url.partition("{")[0])), []).append(entry.name)
        elif isinstance(entry, McpAction) and entry.mcp.url is not None:
            found.setdefault(origin(httpx.URL(entry.mcp.url)), []).append("mcp")
    return found


async def unreachable(settings: Sequence[ActionSettings], client: httpx.AsyncClient) -> dict[str, str]:
    """The hosts that do not answer a `HEAD /`, with the reason. Any answer counts, `404` and `405` too.

    Args:
        client: the guarded client, so that a host which the guard would refuse is found here.
    """
    found: dict[str, str] = {}
    for host in hosts(settings):
        try:
            await client.head(
                f"{host}/",
                follow_redirects=False,
                timeout=10.0,
                extensions={"guard": {"origins": [host], "max_bytes": 65536, "seconds": 15.0}},
            )
        except httpx.HTTPError as error:
            found[host] = str(error) or type(error).__name__
    return found
