"""Keys that are validated and do nothing yet: they are reported, never silently ignored."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from agent.config.document import Document, Path, Problem
from agent.config.problems import dotted
from messaging.settings import PLANNED_PLATFORMS
from settings import Planned


def inactive_keys(config: BaseModel, document: Document) -> list[Problem]:
    """The keys that the user has set to something else than their default and that are marked `Planned`."""
    problems = [
        Problem(document.key(path), f"{dotted(path)}: not active yet: {planned.missing}")
        for path, planned in _planned(config, ())
    ]
    platform = getattr(getattr(config, "messaging", None), "platform", None)
    if platform in PLANNED_PLATFORMS:
        path: Path = ("messaging", "platform")
        message = f"{dotted(path)}: not active yet: there is no client for {platform} so far; use aelyst or sandbox"
        problems.append(Problem(document.mark(path), message))
    return problems


def _planned(value: Any, path: Path) -> Iterator[tuple[Path, Planned]]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            if name not in value.model_fields_set:
                continue
            here = (*path, field.alias or name)
            inner = getattr(value, name)
            marks = [each for each in field.metadata if isinstance(each, Planned)]
            if marks and inner != field.get_default(call_default_factory=True, validated_data={}):
                yield here, marks[0]
            else:
                yield from _planned(inner, here)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _planned(inner, (*path, number))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _planned(inner, (*path, str(key)))
