"""Which custom fields of the platform's contacts agent.yaml names: those it reads, and those it writes."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from actions.builtin.settings import UpdateContactAction
from actions.parameters import CONTACT_FACTS, Source
from agent.config.config import AgentConfig
from agent.config.texts import Text

_PLACE = re.compile(r"\{\s*contact\.custom\.([^{}|]+)")


def read_fields(config: AgentConfig) -> list[str]:
    """Names after `contact.custom.`: in texts, and where parameters come from."""
    return sorted(set(_read(config)))


def written_fields(config: AgentConfig) -> list[str]:
    """Names that `update_contact` may set, beside the standard ones."""
    fields = {name for action in config.actions if isinstance(action, UpdateContactAction) for name in action.fields}
    return sorted(fields - set(CONTACT_FACTS))


def _read(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (name.strip() for name in _PLACE.findall(value))
    elif isinstance(value, Source):
        if value.kind == "contact" and value.name.startswith("custom."):
            yield value.name.removeprefix("custom.")
    elif isinstance(value, Text):
        yield from _read(value.by_language)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _read(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _read(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _read(item)
