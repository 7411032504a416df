"""The HTTP client with which the sandbox calls others: webhook targets, and hosts of attachments."""

import functools
import ssl

import httpx


@functools.cache
def _tls() -> ssl.SSLContext:
    """Reading the certificates takes tens of milliseconds: once a process is enough."""
    return httpx.create_ssl_context()


def open_client() -> httpx.AsyncClient:
    """No proxy and no time limit: callers limit each call as a whole."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    return httpx.AsyncClient(limits=limits, timeout=None, trust_env=False, verify=_tls())  # noqa: S113
