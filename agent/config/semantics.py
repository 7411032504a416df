"""What the parts of agent.yaml must know of each other."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agent.config.config import AgentConfig
from agent.config.document import Document, Path, Problem
from agent.config.language_model import OFFLINE
from agent.config.problems import dotted, nearest
from voice.settings import is_folder


@dataclass(slots=True)
class Checks:
    """Errors stop the agent, warnings do not."""

    document: Document
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, path: Path, message: str) -> None:
        self.errors.append(Problem(self.document.mark(path), f"{dotted(path)}: {message}"))

    def warn(self, path: Path, message: str) -> None:
        self.warnings.append(Problem(self.document.mark(path), f"{dotted(path)}: {message}"))


def cross_checks(config: AgentConfig, document: Document) -> Checks:
    """Everything that single fields cannot know."""
    checks = Checks(document)
    _workers(config, checks)
    _model(config, checks)
    _messaging(config, checks)
    _knowledge(config, checks)
    _voice(config, checks)
    return checks


def _workers(config: AgentConfig, checks: Checks) -> None:
    if not config.workers:
        return
    if config.storage_url.startswith("sqlite"):
        checks.error(
            ("workers",),
            "workers share their work through PostgreSQL, found SQLite; set storage: postgresql://…, or workers: false",
        )
    if config.knowledge.chroma.url is None and config.knowledge.sources:
        checks.error(
            ("workers",),
            "the embedded Chroma belongs to one process; set knowledge.chroma.url to a Chroma server, or workers: false",
        )


def _model(config: AgentConfig, checks: Checks) -> None:
    model = config.model
    for number, fallback in enumerate(model.fallbacks):
        path = ("model", "fallbacks", number)
        name = fallback if isinstance(fallback, str) else fallback.name
        if name == model.name and (isinstance(fallback, str) or fallback.base_url is None):
            checks.warn(path, f"{name} is the model itself; it does not help when that fails")
        elif name != OFFLINE and name.lower() != OFFLINE and nearest(name, [OFFLINE]):
            checks.warn(path, f"{name!r} is asked of the server by that name; did you mean {OFFLINE}?")
        if name == OFFLINE and number < len(model.fallbacks) - 1:
            checks.warn(path, f"{OFFLINE} always answers; the fallbacks after it are never asked")
    if model.timeout.total_seconds() > config.limits.seconds:
        checks.warn(
            ("model", "timeout"),
            f"a model call may take longer than limits.seconds ({config.limits.seconds:g}) leaves to the whole turn",
        )


def _messaging(config: AgentConfig, checks: Checks) -> None:
    messaging = config.messaging
    platform = messaging.effective_platform
    if platform == "sandbox":
        return
    if messaging.webhook_secret is None:
        checks.warn(
            ("messaging",), f"without webhook_secret every webhook of {platform} is refused; copy it from the platform"
        )
    elif messaging.accepts_unsigned:
        checks.warn(("messaging", "webhook_secret"), "webhooks are accepted without a signature; anybody can send them")
    public = config.server.public_url
    if config.payments.qris is not None and (public is None or _is_local(public)):
        path: Path = ("server", "public_url") if public else ("payments", "qris")
        checks.warn(
            path,
            f"{platform} must be able to fetch the QR images; set server.public_url to an address that the internet reaches",
        )


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".local")


def _knowledge(config: AgentConfig, checks: Checks) -> None:
    for number, source in enumerate(config.knowledge.sources):
        if source.path is not None and next(_matches(config, source.path), None) is None:
            path: Path = ("knowledge", "sources", number)
            where = (*path, "path") if (*path, "path") in checks.document.marks else path
            checks.warn(where, f"no file matches {source.path} in {config.folder.absolute()}")


def _matches(config: AgentConfig, pattern: str) -> Iterator[str]:
    return glob.iglob(str(config.resolve(pattern)), recursive=True, include_hidden=False)


def _voice(config: AgentConfig, checks: Checks) -> None:
    model = config.voice.model
    if isinstance(model, str) and is_folder(model) and not config.resolve(model).is_dir():
        checks.warn(("voice", "model"), f"there is no folder {config.resolve(model)}; voice notes are not understood")
