"""What the conversations of one run share: agent.yaml, its knowledge base, a ledger with its tables, and whether the network is there.

Each conversation stands on a copy of that ledger, which is thrown away with it; the turn, the outbox and the follow-ups are those of
`balas serve`.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from actions.redaction import Redactor
from agent.assembly import open_guarded, open_knowledge, open_ledger
from agent.config import AgentConfig
from agent.config.environment import secret_values
from agent.config.summary import with_embeddings
from agent.ledger.errors import LedgerLocked
from agent.ledger.sqlite import LockFile
from agent.scenarios.outside import Files
from agent.scenarios.tools import FILE as TOOLS
from agent.scenarios.tools import ToolLists
from knowledge.settings import AUTO, ChromaSettings, EndpointSettings, FolderSettings
from settings.clock import now

if TYPE_CHECKING:
    from agent.models.chat import ChatModel
    from knowledge import Knowledge
    from voice import Transcriber

FOLDERS = (Path("tests/scenarios"), Path("tests"))
"""Where scenarios lie beside agent.yaml; the first that is there."""

FOLDER = Path(".balas/test")
"""Where runs keep the index of the documents, beside agent.yaml."""


@dataclass
class Stage:
    """What conversations share.

    `live`: the network may be used; `documents` are those that were read; `notes` are what the owner should know of the run.
    """

    config: AgentConfig
    knowledge: "Knowledge"
    transcriber: "Transcriber | None"
    folder: Path
    tables: Path
    redactor: Redactor
    tools: ToolLists
    live: bool
    documents: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def new_ledger(self) -> Path:
        """A ledger of a conversation's own, with nothing in it."""
        path = self.folder / f"{next(self._numbers)}.db"
        shutil.copyfile(self.tables, path)
        return path

    def models(self) -> "Sequence[ChatModel]":
        """The models of agent.yaml."""
        from agent.models.chat import open_models

        return open_models(self.config.model, agent_name=self.config.name)

    def offline(self) -> "Sequence[ChatModel]":
        """The model that is a program."""
        from agent.config.model import OFFLINE, ModelSettings
        from agent.models.chat import open_models

        return open_models(ModelSettings(name=OFFLINE), agent_name=self.config.name)


@asynccontextmanager
async def open_stage(config: AgentConfig, *, live: bool) -> AsyncIterator[Stage]:
    """Read the documents and make a ledger. The agent's own ledger, index and platform are left alone.

    Args:
        config: agent.yaml.
        live: whether the network may be used: for web sources, remote embeddings and speech.
    """
    from agent.ledger.knowledge import SqlKnowledgeStore
    from knowledge import Knowledge
    from voice import open_transcriber
    from voice.settings import Endpoint

    async with AsyncExitStack() as stack:
        tables = await _new_tables(config, stack)
        folder = tables.parent
        kept = _kept_folder(config, stack) or folder
        chroma = config.knowledge.model_copy(update={"chroma": ChromaSettings(path=kept / "chroma")})
        local = config.model_copy(update={"knowledge": chroma, "workers": False})
        client = (
            await stack.enter_async_context(open_guarded(config))
            if live
            else await stack.enter_async_context(httpx.AsyncClient(transport=Files()))
        )
        database = await stack.enter_async_context(open_ledger(local, f"sqlite:///{kept / 'knowledge.db'}"))
        if _meaning(config, live=live):
            knowledge = await stack.enter_async_context(open_knowledge(local, database, client))
        else:
            store = SqlKnowledgeStore(database)
            knowledge = await Knowledge.open_without_chroma(local.knowledge, config.folder, store, client, now)
            stack.push_async_callback(knowledge.aclose)
        notes: list[str] = []
        if knowledge.has_sources:
            report = await knowledge.first_sync()
            notes = [f"{source.source}: {source.error}" for source in report.sources if source.error]
        heard_here = not isinstance(config.voice.model, Endpoint)
        transcriber = None
        if heard_here or live:
            languages = tuple(dict.fromkeys((config.default_language, "id", "en", "ms")))
            transcriber = open_transcriber(config.voice, client=client, languages=languages, base=config.folder)
            if transcriber is not None:
                stack.push_async_callback(transcriber.aclose)
        redactor = Redactor(secret_values(config))
        documents = tuple(sorted(document.id for document in await SqlKnowledgeStore(database).documents()))
        tools = ToolLists(scenarios_of(config.folder) / TOOLS, ask=live)
        yield Stage(local, knowledge, transcriber, folder, tables, redactor, tools, live, documents, notes)


@asynccontextmanager
async def stage_over(config: AgentConfig, knowledge: "Knowledge") -> AsyncIterator[Stage]:
    """Make a stage over a knowledge base that is open already: for conversations beside a running agent, without the network.

    Args:
        config: agent.yaml.
        knowledge: that of the running agent.
    """
    async with AsyncExitStack() as stack:
        local = config.model_copy(update={"workers": False})
        tables, redactor = await _new_tables(config, stack), Redactor(secret_values(config))
        tools = ToolLists(scenarios_of(config.folder) / TOOLS, ask=False)
        yield Stage(local, knowledge, None, tables.parent, tables, redactor, tools, live=False)


async def _new_tables(config: AgentConfig, stack: AsyncExitStack) -> Path:
    """An empty ledger in a folder that is thrown away, of which conversations take copies."""
    tables = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="balas-test-", dir=_memory()))) / "tables.db"
    async with open_ledger(config, f"sqlite:///{tables}"):
        pass  # its tables are made, and its log is written back when it is closed
    return tables


def scenarios_of(folder: Path) -> Path:
    """The folder of the scenarios of an agent, given its own."""
    return next((folder / each for each in FOLDERS if (folder / each).is_dir()), folder / FOLDERS[-1])


def _memory() -> str | None:
    """A folder in memory where the system has one: nothing of a conversation is kept, so no disk need be waited for."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder below it is our own, with a random name
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 200_000_000 else None


def _kept_folder(config: AgentConfig, stack: AsyncExitStack) -> Path | None:
    """The folder that keeps the index between runs; `None` while another run is in it, or nothing can be written there."""
    folder = config.resolve(FOLDER).absolute()
    try:
        stack.enter_context(LockFile(folder / "session.lock"))
    except (LedgerLocked, OSError):
        return None
    return folder


def _meaning(config: AgentConfig, *, live: bool) -> bool:
    """Whether a search uses embeddings: with a model on this machine, or one of a server when that may be asked."""
    chosen = with_embeddings(config).embeddings
    if isinstance(chosen, EndpointSettings):
        return live
    return isinstance(chosen, FolderSettings) or (chosen == "auto" and (config.folder / AUTO).is_dir())
