"""The secrets that a configuration holds, so that logs, traces and pages can mask them."""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from actions.catalogue import secrets_of
from settings import Settings


def secret_values(config: Settings) -> frozenset[str]:
    """Every secret of the configuration as text. Of an address such as `storage` the password alone is one."""
    return frozenset(part for secret in secrets_of(config) for part in _parts(secret) if part)


def _parts(value: str) -> Iterator[str]:
    if "://" not in value:
        yield value
        return
    try:
        password = urlsplit(value).password
    except ValueError:  # not an address after all
        yield value
        return
    if password:
        yield from {password, unquote(password)}
