"""The guarded network: one httpx client that cannot be talked into reaching a private address.

    client = guarded_client(allow_private=["localhost:9000"])
    await client.get(url, extensions={"guard": {"max_bytes": 1_000_000, "content_types": ["text/html"]}})

The keys of the `guard` extension are the fields of `Limits`; what is absent is as the client was made.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from actions.guard.addresses import PrivateHosts, check_host, is_public

if TYPE_CHECKING:
    from actions.guard.transport import GuardedTransport, Limits, guarded_client

__all__ = ["GuardedTransport", "Limits", "PrivateHosts", "check_host", "guarded_client", "is_public"]

_LAZY = frozenset({"GuardedTransport", "Limits", "guarded_client"})  # they import httpx, which takes a while


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module("actions.guard.transport"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
