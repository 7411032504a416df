"""What the keys of agent.yaml mean together: fields that it names, contradictions, doubts, and keys that do nothing yet."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from actions.builtin.settings import UpdateContactAction
from actions.parameters import CONTACT_FACTS, Source
from agent.config.config import AgentConfig
from agent.config.document import Document, Path, Problem
from agent.config.model import OFFLINE
from agent.config.problems import dotted, mask, nearest
from agent.config.texts import Text
from knowledge.sync.files import inspect
from messaging.settings import PLANNED_PLATFORMS
from voice.errors import VoiceError
from voice.models import find as find_model
from voice.settings import NONE

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


def inactive_keys(config: AgentConfig, document: Document) -> list[Problem]:
    """Find the keys that are valid and do nothing yet: a platform that has no client."""
    platform = config.messaging.platform
    if platform not in PLANNED_PLATFORMS:
        return []
    path: Path = ("messaging", "platform")
    message = f"{dotted(path)}: not active yet: there is no client for {platform} so far; use aelyst or sandbox"
    return [Problem(document.mark(path), message)]


@dataclass(slots=True)
class _Problems:
    """A list of problems, each at its place."""

    document: Document
    found: list[Problem] = field(default_factory=list)

    def add(self, path: Path, message: str) -> None:
        message = mask(f"{dotted(path)}: {message}", self.document.secrets)
        self.found.append(Problem(self.document.mark(path), message))


def contradictions(config: AgentConfig, document: Document) -> list[Problem]:
    """What single fields cannot know and no agent can run with."""
    problems = _Problems(document)
    _workers(config, problems)
    return problems.found


def doubts(config: AgentConfig, document: Document) -> list[Problem]:
    """What is probably not meant, though the agent runs."""
    problems = _Problems(document)
    _model(config, problems)
    _messaging(config, problems)
    _knowledge(config, problems)
    _chroma(config, problems)
    _voice(config, problems)
    return problems.found


def _workers(config: AgentConfig, problems: _Problems) -> None:
    if config.workers and config.storage_url.startswith("sqlite"):
        problems.add(
            ("workers",),
            "several workers need PostgreSQL, found SQLite; set storage: postgresql://…, or workers: false",
        )


def _chroma(config: AgentConfig, problems: _Problems) -> None:
    if config.workers and config.knowledge.sources and config.knowledge.chroma.url is None:
        problems.add(
            ("workers",),
            "the embedded Chroma belongs to one process of a machine, the others search by keywords only; "
            "set knowledge.index.chroma.url to a Chroma server",
        )


def _model(config: AgentConfig, problems: _Problems) -> None:
    model = config.model
    for number, fallback in enumerate(model.fallbacks):
        path = ("model", "fallbacks", number)
        name = fallback if isinstance(fallback, str) else fallback.name
        if name == model.name and (isinstance(fallback, str) or fallback.base_url is None):
            problems.add(path, f"{name} is the model itself; it does not help when that fails")
        elif name != OFFLINE and name.lower() != OFFLINE and nearest(name, [OFFLINE]):
            problems.add(path, f"{name!r} is asked of the server by that name; did you mean {OFFLINE}?")
        if name == OFFLINE and number < len(model.fallbacks) - 1:
            problems.add(path, f"{OFFLINE} always answers; the fallbacks after it are never asked")
    if "usd_per_day" in config.limits.model_fields_set and model.unpriced:
        problems.add(
            ("limits", "usd_per_day"),
            f"does not count {', '.join(model.unpriced)}, whose price is not known; add it to the model, in US dollars per million "
            "tokens, e.g. price: {input: 0.25, output: 2}",
        )
    if model.timeout.total_seconds() > config.limits.seconds:
        problems.add(
            ("model", "timeout"),
            f"a model call may take longer than limits.seconds ({config.limits.seconds:g}) leaves to the turn",
        )


def _messaging(config: AgentConfig, problems: _Problems) -> None:
    messaging = config.messaging
    platform = messaging.effective_platform
    if platform == "sandbox":
        return
    if messaging.webhook_secret is None:
        problems.add(
            ("messaging",), f"without webhook_secret every webhook of {platform} is refused; copy it from the platform"
        )
    elif messaging.accepts_unsigned:
        problems.add(
            ("messaging", "webhook_secret"), "webhooks are accepted without a signature; anybody can send them"
        )
    public = config.server.public_url
    if config.payments.qris is not None and (public is None or _is_local(public)):
        path: Path = ("server", "public_url") if public else ("payments", "qris")
        problems.add(
            path,
            f"{platform} must be able to fetch the QR images; set server.public_url to an address that the internet reaches",
        )


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".local")


def _knowledge(config: AgentConfig, problems: _Problems) -> None:
    for finding in inspect(config.knowledge, config.folder):
        path: Path = ("knowledge", "sources", finding.source)
        problems.add((*path, "path") if (*path, "path") in problems.document.marks else path, finding.message)


def _voice(config: AgentConfig, problems: _Problems) -> None:
    if not isinstance(config.voice.model, str) or config.voice.model == NONE:
        return
    try:
        find_model(config.voice, config.folder)
    except VoiceError as error:
        problems.add(("voice", "model"), str(error).removeprefix("voice.model: "))
