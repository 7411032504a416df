"""Another configuration for a running agent: checked, tried, put in place of the old one; no message is lost on the way.

Secrets are masked in what is shown of agent.yaml; a mask that comes back means the secret that is in place.
"""

import asyncio
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from actions.redaction import MASK, Redactor
from agent.app import Agent
from agent.assembly import Ground, assemble, open_guarded
from agent.config import AgentConfig, ConfigErrors, loads
from agent.config.document import Unreadable, compose
from agent.config.environment import secret_values
from agent.config.summary import with_vectors
from agent.ledger import events
from agent.ledger.events import Subscriptions
from agent.telemetry import spans

if TYPE_CHECKING:
    from knowledge import Knowledge
    from knowledge.settings import KnowledgeSettings

log = structlog.get_logger()

Overlay = Callable[[AgentConfig], AgentConfig]
"""What a command changes in every configuration: `balas demo` puts its sandbox in place of the platform."""

Probe = Callable[[AgentConfig], Awaitable[Sequence[str]]]
"""Asks the servers that a configuration names; what is wrong, a line for each."""

_FIXED = ("storage", "workers")
_FIXED_KNOWLEDGE = ("embeddings", "chroma")
_FIXED_SERVER = ("host", "port")


class SwapRefused(Exception):
    """The configuration cannot replace the old one while the agent runs; the old one stays."""


class NeedsRestart(SwapRefused):
    """It changes what only a new process can change; `keys` say what."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(f"{', '.join(keys)} cannot be changed while the agent runs; save the file and restart it")
        self.keys = keys


class Unreachable(SwapRefused):
    """A server that it needs does not answer as it should."""


class MaskMisplaced(SwapRefused):
    """A mask stands where no secret is in place. `line` and `column` count from 1."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(
            f"{MASK} stands for a secret that is in place, and here is none; write the secret, or ${{NAME}}"
        )
        self.line = line
        self.column = column


async def replace(
    agent: Agent,
    config: AgentConfig,
    *,
    probe: Probe | None = None,
    publish: Callable[[AgentConfig], Awaitable[object]] | None = None,
) -> None:
    """Replace an agent's configuration. Until everything of the new one is built, the old one answers.

    Args:
        agent: that runs.
        config: what it is to go by.
        probe: asks the servers that it names.
        publish: called once all is built; when it fails the old one stays.

    Raises:
        NeedsRestart: it changes what only a new process can change.
        Unreachable: a server that it needs does not answer.
    """
    if keys := _fixed(agent.config, config):
        raise NeedsRestart(keys)
    if probe is not None and (problems := await probe(config)):
        raise Unreachable("; ".join(problems))
    ground = Ground(agent.database, agent.knowledge, agent.engine, agent.slots, agent.owner, agent.clock)
    resources = AsyncExitStack()
    try:
        guarded = await resources.enter_async_context(open_guarded(config))
        reached_at = (config.server.public_url or agent.address).rstrip("/")
        built = await assemble(config, ground, resources, guarded, base_url=reached_at)
        if publish is not None:
            await publish(config)
    except BaseException:
        events.listen(agent.database.engine, Subscriptions.of(agent.config.workflows, agent.config.webhooks))
        await resources.aclose()
        raise
    before = agent.config.knowledge
    agent.knowledge.reconfigure(config.knowledge, guarded)
    agent.adopt(built)
    await agent.engine.resize(config.limits.turns_at_once)
    if (vectors := with_vectors(config)) is not None and agent.knowledge.opened_with is None:
        await _add_vectors(agent.knowledge, vectors)
    if config.knowledge != before:
        agent.refresh()


async def _add_vectors(knowledge: "Knowledge", settings: "KnowledgeSettings") -> None:
    """Let vectors take part where there were no sources before; the keywords are enough until they can."""
    from knowledge.errors import KnowledgeError

    try:
        await knowledge.add_vectors(settings)
    except KnowledgeError as error:
        knowledge.locked = str(error)
        log.warning("vectors_left_out", reason=str(error))


def waiting_for_restart(agent: Agent) -> list[str]:
    """The keys of the current configuration whose values take effect only after a restart, as dotted names."""
    config, vectors = agent.config, with_vectors(agent.config)
    waiting = {
        "limits.turns_at_once": agent.engine.concurrent != config.limits.turns_at_once,
        "knowledge.embeddings": vectors is not None and agent.knowledge.opened_with not in (None, vectors.embeddings),
        "name": spans.exporting_as() not in (None, config.name),
    }
    return [key for key, waits in waiting.items() if waits]


def _fixed(old: AgentConfig, new: AgentConfig) -> list[str]:
    """The keys that differ and cannot while the agent runs."""
    parts = ((old, new, _FIXED, ""), (old.knowledge, new.knowledge, _FIXED_KNOWLEDGE, "knowledge."))
    return [
        f"{prefix}{key}"
        for before, after, keys, prefix in (*parts, (old.server, new.server, _FIXED_SERVER, "server."))
        for key in keys
        if getattr(before, key) != getattr(after, key)
    ]


def masked(config: AgentConfig) -> str:
    """The text of agent.yaml without its secrets; references such as `${TOKEN}` stay."""
    return Redactor(secret_values(config)).text(config.text)


def unmasked(text: str, config: AgentConfig) -> str:
    """A text of agent.yaml with the secrets that are in place where it has their masks.

    Args:
        text: as it came back.
        config: whose secrets.

    Raises:
        MaskMisplaced: there is none at a place where a mask stands.
    """
    if MASK not in text:
        return text
    redactor = Redactor(secret_values(config))
    old = {path: config.text[_span(node)] for path, node in _scalars(config.text)}
    comments = {redactor.text(comment): comment for comment in _COMMENT.findall(config.text)}
    parts, end = [], 0
    for path, node in _scalars(text):
        raw = text[_span(node)]
        if MASK not in raw:
            continue
        if redactor.text(old.get(path, "")) != raw:
            raise MaskMisplaced(node.start_mark.line + 1, node.start_mark.column + 1)
        parts += [_restored(text[end : node.start_mark.index], comments), old[path]]
        end = node.end_mark.index
    return "".join([*parts, _restored(text[end:], comments)])


_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")


def _restored(between: str, comments: Mapping[str, str]) -> str:
    """What stands between two masked values, with the words of comments that a mask has hit: they may look like a secret."""
    return _COMMENT.sub(lambda match: comments.get(match[0], match[0]), between)


def _span(node: Node) -> slice:
    return slice(node.start_mark.index, node.end_mark.index)


def _scalars(text: str) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """The values of a YAML text in order, each once and with its path; none of a text that is no YAML."""
    try:
        composed = compose(text)
    except Unreadable:
        return
    if composed is not None:
        yield from _below(composed[1], (), set())


def _below(node: Node, path: tuple[str | int, ...], seen: set[int]) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    if id(node) in seen:  # an alias repeats a value that was written before
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        yield path, node
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _below(value, (*path, str(key.value)), seen)
    elif isinstance(node, SequenceNode):
        for place, value in enumerate(node.value):
            yield from _below(value, (*path, place), seen)


def read(text: str, agent: Agent, overlay: Overlay) -> AgentConfig:
    """Read a text of agent.yaml as it would be read from the agent's file.

    Raises:
        MaskMisplaced: a mask stands where no secret is in place.
        ConfigErrors: everything that is wrong, with line and column.
    """
    return overlay(loads(unmasked(text, agent.config), file=agent.config.file))


async def save(config: AgentConfig) -> Path:
    """Write the text of a configuration to its file: whole or not at all; what was there stays beside it as `.bak`.

    Raises:
        OSError: it cannot be written.
    """
    await asyncio.to_thread(_write, config.file, config.text)
    return config.file


def _write(file: Path, text: str) -> None:
    mode = file.stat().st_mode if file.exists() else 0o600
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}.", delete=False) as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    Path(new.name).chmod(mode)
    if file.exists():
        file.with_name(f"{file.name}.bak").write_bytes(file.read_bytes())
        file.with_name(f"{file.name}.bak").chmod(mode)
    Path(new.name).replace(file)


def problems_of(error: ConfigErrors | MaskMisplaced) -> list[dict[str, int | str]]:
    """What is wrong, as the API and the console show it."""
    if isinstance(error, MaskMisplaced):
        return [{"line": error.line, "column": error.column, "message": str(error)}]
    return [{"line": one.mark.line, "column": one.mark.column, "message": one.message} for one in error.errors]
