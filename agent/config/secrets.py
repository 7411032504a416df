"""The secrets that a configuration holds, so that logs, traces and pages can mask them."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr


def secret_values(config: BaseModel) -> frozenset[str]:
    """Every secret of the configuration as text. Of an address such as `storage` the password alone is one."""
    return frozenset(secret for value in _secrets(config) for secret in _parts(value) if secret)


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secrets(each)


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
