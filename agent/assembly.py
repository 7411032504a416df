"""Building an agent from agent.yaml: everything shared is made here, once, in the order in which it depends on each other.

`open_agent` builds all of it; commands that need only the ledger, the knowledge base or the actions open those alone.
"""

import asyncio
import mimetypes
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from agent.config import AgentConfig
from agent.config.environment import check_proxies, secret_values
from agent.config.summary import with_vectors
from agent.ledger import open_database
from agent.ledger.database import Database
from agent.platforms import media_reader, only_channel, open_platforms, platform_file, platform_message
from settings.clock import Clock, now

if TYPE_CHECKING:
    import httpx

    from actions import Actions
    from actions.action import Action
    from actions.builtin.contact_fields import InFormat
    from actions.mcp.server import Listing
    from actions.qris.gateways.gateway import Gateway
    from actions.settings import ActionSettings
    from agent.app import Agent
    from agent.config.followups import FollowUpRule
    from agent.engine.engine import Engine
    from agent.ledger.followups import Plan
    from agent.models.chat import ChatModel
    from agent.slots import Slots
    from agent.turn.files import Reads
    from knowledge import Knowledge
    from messaging.platform import Platform
    from voice import Transcriber

log = structlog.get_logger()


@asynccontextmanager
async def open_agent(
    config: AgentConfig,
    *,
    platform: "Platform | None" = None,
    storage: str | None = None,
    base_url: str | None = None,
    clock: Clock = now,
) -> "AsyncIterator[Agent]":
    """Build an agent, and take it down again.

    Args:
        config: agent.yaml.
        platform: replaces the configured one, for `balas chat` and tests.
        storage: a database URL that replaces the configured one; such an agent is never one of several workers.
        base_url: where the platform reaches this process; by default what `server:` says.
        clock: tells the time.

    Raises:
        LedgerLocked: another process works on the same SQLite file.
    """
    async with open_ledger(config, storage) as database:
        with database.process_lock():
            async with _on(database, config, platform, storage, base_url, clock) as agent:
                yield agent


@asynccontextmanager
async def open_beside(config: AgentConfig) -> "AsyncIterator[Agent]":
    """Build an agent that looks, tries and writes beside the process that answers; it is never started."""
    async with open_ledger(config) as database, _on(database, config) as agent:
        yield agent


@asynccontextmanager
async def _on(
    database: Database,
    config: AgentConfig,
    platform: "Platform | None" = None,
    storage: str | None = None,
    base_url: str | None = None,
    clock: Clock = now,
) -> "AsyncIterator[Agent]":
    """Build an agent on a ledger; see `open_agent`."""
    from agent.slots import LOCAL, REMOTE, Slots

    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    async with AsyncExitStack() as stack:
        agent: Agent | None = None
        resources = AsyncExitStack()

        async def close() -> None:
            await (resources if agent is None else agent.resources).aclose()

        stack.push_async_callback(close)
        guarded = await resources.enter_async_context(open_guarded(config))
        ground = Ground(
            database=database,
            knowledge=await stack.enter_async_context(open_knowledge(config, database, guarded)),
            engine=await stack.enter_async_context(_open_engine(config, storage, clock)),
            slots=Slots(REMOTE if database.remote else LOCAL),
            owner=owner,
            clock=clock,
        )
        reached_at = (base_url or config.server.url).rstrip("/")
        agent = await assemble(config, ground, resources, guarded, platform=platform, base_url=reached_at)
        agent.address = config.server.own_url
        yield agent


@dataclass(frozen=True, slots=True)
class Instead:
    """What replaces the outside world in a scenario.

    Attributes:
        client: makes the requests of payment gateways.
        models: are asked instead of those of agent.yaml; `None` asks those.
        transcriber: transcribes voice notes.
        reading: reads files, given the agent's own reader.
        listing: lists the tools of MCP servers; one that cannot be listed is an error.
    """

    client: "httpx.AsyncClient"
    models: "Sequence[ChatModel] | None"
    transcriber: "Transcriber"
    reading: "Callable[[Reads], Reads]"
    listing: "Listing"


@dataclass(frozen=True, slots=True)
class Ground:
    """What stays while configurations come and go: the ledger, the knowledge base, and who works when."""

    database: Database
    knowledge: "Knowledge"
    engine: "Engine"
    slots: "Slots"
    owner: str
    clock: Clock


async def assemble(
    config: AgentConfig,
    ground: Ground,
    resources: AsyncExitStack,
    guarded: "httpx.AsyncClient",
    *,
    base_url: str,
    platform: "Platform | None" = None,
    limited: "Callable[[Mapping[str, Action]], Mapping[str, Action]]" = lambda actions: actions,
    instead: "Instead | None" = None,
) -> "Agent":
    """Build an agent on a ground that is there.

    Args:
        config: agent.yaml.
        ground: what it stands on.
        resources: takes what is opened for it, and is closed with it.
        guarded: the client for places that others name.
        base_url: where the platform reaches this process.
        platform: replaces the configured one.
        limited: what becomes of the actions before they are offered, for a trial.
        instead: what a scenario puts in the place of the outside world.
    """
    from agent import logging
    from agent.app import Agent, Job
    from agent.broadcasts.feeder import Feeder
    from agent.config.semantics import read_fields
    from agent.delivery.followups import FollowUps
    from agent.delivery.outbox import Outbox
    from agent.ledger import events
    from agent.ledger.events import Subscriptions
    from agent.ledger.inbound import Rules
    from agent.models.chat import model_client, open_models
    from agent.payments import PaymentWatch, open_gateway
    from agent.profiles import Profiles
    from agent.turn import gate
    from agent.turn.files import MOST_CHARACTERS, FileReader
    from agent.turn.listen import Listener
    from agent.turn.loop import Loop, LoopLimits
    from agent.turn.pending import PendingFiles
    from agent.turn.prompt import Persona
    from agent.turn.reply import ReplyWriter
    from agent.turn.summary import Summariser, SummarySettings
    from agent.turn.turn import Turns, TurnSettings
    from agent.worker import ContactWorker
    from agent.workflows.alone import RunsAlone
    from agent.workflows.jobs import WorkflowJobs
    from agent.workflows.runner import WorkflowRules, Workflows
    from agent.workflows.sender import EventSender, targets_of
    from settings.connections import open_client
    from voice import FetchLimits, open_speaker, open_transcriber

    logging.hide(secret_values(config))
    database, knowledge, clock = ground.database, ground.knowledge, ground.clock
    conversation, limits, zone = config.conversation, config.limits, config.zone
    timeout = max(entry.timeout for entry in config.platforms).total_seconds()
    if instead is None:
        check_proxies()
        client = await resources.enter_async_context(open_client(timeout))
    else:
        client = instead.client

    # the wings
    if platform is None:
        media = media_reader(database, guarded, f"{base_url}/media/", clock)
        platforms = open_platforms(config, client, clock, media)
        for each in platforms.values():
            resources.push_async_callback(each.aclose)
    else:
        platforms = {platform.name: platform}
    profiles = Profiles(platforms, database, wanted=bool(read_fields(config)), clock=clock)
    gateway = open_gateway(config.payments, client, clock, config.server.public_url)
    opened = await resources.enter_async_context(
        open_actions(
            config,
            database,
            guarded,
            gateway,
            profiles.in_format,
            _away if instead is None else None,
            clock,
            None if instead is None else instead.listing,
        )
    )
    actions = limited(opened)
    languages = tuple(dict.fromkeys((config.default_language, "id", "en", "ms")))  # the first is preferred in doubt
    if instead is None:
        transcriber = open_transcriber(config.voice, client=client, languages=languages, base=config.folder)
        if transcriber is not None:
            resources.push_async_callback(transcriber.aclose)
    else:
        transcriber = instead.transcriber

    # a turn
    models = instead.models if instead is not None else None
    if models is None:
        http = None if config.model.offline else await resources.enter_async_context(model_client())
        models = open_models(config.model, agent_name=config.name, http=http)
    loop = Loop(
        models,
        actions,
        LoopLimits(
            limits.model_calls,
            limits.actions,
            limits.tokens_per_turn,
            limits.prompt_tokens,
            config.model.retries,
            limits.usd_per_day,
            limits.usd_of_contact,
        ),
        clock=clock,
        version=lambda: opened.version,
    )
    writer = ReplyWriter(
        database,
        conversation,
        zone=zone,
        default_language=config.default_language,
        media_url=lambda media_id: f"{base_url}/media/{media_id}",
        read_file=partial(_read_file, config.folder),
        clock=clock,
        speaker=open_speaker(config.voice, client),
    )
    from_platform = partial(platform_file, platforms)
    files = FileReader(
        guarded,
        FetchLimits(),
        from_platform=from_platform,
        sees=any(model.dialect.images for model in models),
        characters=min(MOST_CHARACTERS, limits.prompt_tokens),
    )
    resources.push_async_callback(files.aclose)
    due = partial(gate.due, window=conversation.quiet_window)
    turns = Turns(
        database,
        settings=TurnSettings(
            Persona(
                config.name, config.instructions, zone, knows=lambda: knowledge.has_sources, cite=config.knowledge.cite
            ),
            conversation,
            limits,
            config.language,
            config.default_language,
            tuple(_plan(rule) for rule in config.followups.rules),
        ),
        loop=loop,
        actions=actions,
        knowledge=knowledge,
        files=PendingFiles(partial(platform_message, platforms), clock=clock),
        listener=Listener(
            transcriber,
            guarded,
            FetchLimits(config.voice.largest),
            from_platform=from_platform,
            clock=clock,
            files=files if instead is None else instead.reading(files),
        ),
        writer=writer,
        owner=ground.owner,
        quiet=due,
        current=profiles.current,
        clock=clock,
    )
    summariser = Summariser(
        database,
        models,
        SummarySettings(conversation.history, limits.usd_per_day, config.model.timeout),
        clock=clock,
    )

    # what becomes of its result
    repeat = {entry.effective_name for entry in config.platforms if entry.uncertain == "repeat"}
    outbox = Outbox(database, platforms, owner=ground.owner, clock=clock, repeat=repeat)
    followups = FollowUps(database, config.followups, hours=conversation.hours, zone=zone, clock=clock)

    # what happens by itself
    events.listen(database.engine, Subscriptions.of(config.workflows, config.webhooks))
    rules = WorkflowRules(
        {flow.name: flow for flow in config.workflows},
        conversation.hours,
        zone,
        limits.workflow_messages_per_contact_per_day,
        config.default_language,
    )
    workflows = Workflows(
        database, rules, current=profiles.current, channel_of=partial(only_channel, platforms, {}), clock=clock
    )

    # who works, and when
    worker = ContactWorker(
        database, turns, outbox, followups, workflows, answered=summariser.consider, clock=clock, slots=ground.slots
    )
    feeder = Feeder(
        database,
        next(iter(platforms.values())),
        ground.engine,
        zone=zone,
        default_language=config.default_language,
        clock=clock,
        others=list(platforms.values())[1:],
    )
    sender = EventSender(database, guarded, targets_of(config.webhooks, config.workflows), clock=clock)
    jobs: list[Job] = [feeder, sender]
    alone = RunsAlone(database, rules, actions, clock=clock)
    jobs.append(WorkflowJobs(database, rules, platforms, ground.engine, alone, resolve=config.resolve, clock=clock))
    if config.payments.qris is not None:
        jobs.append(PaymentWatch(database, gateway, clock=clock))

    handover = conversation.handover
    return Agent(
        config=config,
        database=database,
        platforms=platforms,
        engine=ground.engine,
        knowledge=knowledge,
        actions=opened,
        transcriber=transcriber,
        gateway=gateway,
        worker=worker,
        summariser=summariser,
        slots=ground.slots,
        rules=Rules(due, handover.resume_after, handover.resume_on, handover.assigned),
        jobs=jobs,
        owner=ground.owner,
        clock=clock,
        base_url=base_url,
        resources=resources,
    )


@asynccontextmanager
async def _open_engine(config: AgentConfig, storage: str | None, clock: Clock) -> "AsyncIterator[Engine]":
    """One process by itself, or one of many."""
    if not config.workers or storage is not None:
        from agent.engine.embedded import EmbeddedEngine

        yield EmbeddedEngine(concurrent=config.limits.turns_at_once, clock=clock)
        return
    from agent.engine.procrastinate import ProcrastinateEngine

    engine = ProcrastinateEngine(config.storage_url, concurrent=config.limits.turns_at_once, clock=clock)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.aclose()


def _plan(rule: "FollowUpRule") -> "Plan":
    from agent.ledger.followups import Plan

    return Plan(rule.name, rule.after, rule.when.model_dump(exclude_none=True), rule.text.in_language)


def _read_file(folder: Path, path: str) -> tuple[bytes, str, str]:
    """A file to send: content, MIME type, name. The action has checked that it lies inside the agent's folder."""
    file = folder / path
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return file.read_bytes(), kind, file.name


@asynccontextmanager
async def open_ledger(config: AgentConfig, url: str | None = None) -> AsyncIterator[Database]:
    """The agent's ledger, its tables brought to the newest form."""
    from agent.ledger import events, migrate
    from agent.ledger.events import Subscriptions

    database = open_database(url or config.storage_url, base=config.folder)
    try:
        await asyncio.to_thread(migrate.upgrade, database.engine)
        events.listen(database.engine, Subscriptions.of(config.workflows, config.webhooks))
        yield database
    finally:
        await database.aclose()


@asynccontextmanager
async def open_guarded(config: AgentConfig) -> "AsyncIterator[httpx.AsyncClient]":
    """The client for places that others name: actions, documents, voice notes."""
    from actions.guard import guarded_client

    async with guarded_client(config.network.allow_private) as client:
        yield client


@asynccontextmanager
async def open_knowledge(
    config: AgentConfig, database: Database | None = None, client: "httpx.AsyncClient | None" = None
) -> "AsyncIterator[Knowledge]":
    """The agent's knowledge base; without `database` and `client` it opens its own."""
    from agent.ledger.knowledge import SqlKnowledgeStore
    from knowledge import Knowledge
    from knowledge.errors import IndexLocked

    async with AsyncExitStack() as stack:
        if database is None:
            database = await stack.enter_async_context(open_ledger(config))
        if client is None:
            client = await stack.enter_async_context(open_guarded(config))
        store = SqlKnowledgeStore(database)
        settings = with_vectors(config)
        if settings is None:  # Chroma, which takes seconds to load, is left alone
            knowledge = await Knowledge.open_without_chroma(config.knowledge, config.folder, store, client, now)
            stack.push_async_callback(knowledge.aclose)
            yield knowledge
            return
        try:
            knowledge = await Knowledge.open(settings, config.folder, store, client, now)
        except IndexLocked as error:
            log.warning("chroma_locked", detail=str(error))
            knowledge = await Knowledge.open_without_chroma(
                config.knowledge, config.folder, store, client, now, str(error)
            )
        stack.push_async_callback(knowledge.aclose)
        yield knowledge


@asynccontextmanager
async def open_actions(
    config: AgentConfig,
    database: Database | None = None,
    client: "httpx.AsyncClient | None" = None,
    gateway: "Gateway | None" = None,
    in_format: "InFormat | None" = None,
    away: Callable[[str], None] | None = None,
    clock: Clock = now,
    listing: "Listing | None" = None,
) -> "AsyncIterator[Actions]":
    """Open the agent's actions, by name.

    Args:
        database: keeps payments and reminders; `None` opens the configured one.
        client: makes all requests; `None` opens a guarded one.
        gateway: of payments, where agent.yaml names one.
        in_format: brings contact fields into the platform's formats.
        away: is called with the name of each MCP server that cannot be reached, which is tried again until it answers; without it
            that is an error.
        listing: what is known of MCP servers from before.
    """
    from actions import Redactor
    from actions import open_actions as open_listed
    from agent.payments import payment_actions
    from agent.reminders import reminder_actions

    async with AsyncExitStack() as stack:
        if database is None:
            database = await stack.enter_async_context(open_ledger(config))
        if client is None:
            client = await stack.enter_async_context(open_guarded(config))
        actions = await open_listed(
            [*config.actions, *_implied(config)],
            client,
            redactor=Redactor(secret_values(config)),
            clock=clock,
            timezone=config.zone,
            files=config.folder,
            in_format=in_format,
            away=away,
            listing=listing,
            extra=[
                *payment_actions(config.payments, database, config.platforms[0].effective_name, gateway),
                *reminder_actions(config, database, clock),
            ],
        )
        stack.push_async_callback(actions.aclose)
        yield actions


def _away(reason: str) -> None:
    log.error("mcp_server_away", reason=reason, effect="its tools are missing until it answers")


def _implied(config: AgentConfig) -> "list[ActionSettings]":
    """Built-in actions that are on without being listed: a customer may ask for a human unless agent.yaml says otherwise."""
    from actions.builtin.settings import HandOverAction

    listed = any(isinstance(action, HandOverAction) for action in config.actions)
    if listed or "asked" not in config.conversation.handover.when:
        return []
    return [HandOverAction(builtin="hand_over")]
