"""Building an agent from agent.yaml: everything shared is made here, once, in the order in which it depends on each other.

`open_agent` builds all of it; commands that need only the ledger, the knowledge base or the actions open those alone.
"""

import asyncio
import mimetypes
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from agent.config import AgentConfig
from agent.config.environment import secret_values
from agent.ledger import open_database
from agent.ledger.database import Database
from settings.clock import Clock, now

if TYPE_CHECKING:
    import httpx

    from actions.action import Action
    from actions.builtin.contact_fields import InFormat
    from actions.qris.gateways.gateway import Gateway
    from actions.settings import ActionSettings
    from agent.app import Agent
    from agent.config.followups import FollowUpRule
    from agent.engine.engine import Engine
    from agent.ledger.followups import Plan
    from knowledge import Knowledge
    from messaging.platform import Platform

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
    import httpx

    from agent import logging
    from agent.app import Agent
    from agent.broadcasts.feeder import Feeder
    from agent.config.semantics import read_fields
    from agent.delivery.followups import FollowUps
    from agent.delivery.outbox import Outbox
    from agent.ledger.inbound import Rules
    from agent.models.chat import open_models
    from agent.payments import open_gateway, watch
    from agent.profiles import Profiles
    from agent.slots import LOCAL, REMOTE, Slots
    from agent.turn import gate
    from agent.turn.listen import Listener
    from agent.turn.loop import Loop, LoopLimits
    from agent.turn.prompt import Persona
    from agent.turn.reply import ReplyWriter
    from agent.turn.summary import Summariser, SummarySettings
    from agent.turn.turn import Turns, TurnSettings
    from agent.worker import ContactWorker
    from messaging import open_platform
    from voice import FetchLimits, open_transcriber

    logging.hide(secret_values(config))
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    conversation, limits, zone = config.conversation, config.limits, config.zone
    async with AsyncExitStack() as stack:
        # the ledger and the clients
        database = await stack.enter_async_context(open_ledger(config, storage))
        stack.enter_context(database.process_lock())
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=config.messaging.timeout.total_seconds()))
        guarded = await stack.enter_async_context(open_guarded(config))

        # the wings
        if platform is None:
            platform = open_platform(config.messaging, client, clock)
            stack.push_async_callback(platform.aclose)
        knowledge = await stack.enter_async_context(open_knowledge(config, database, guarded))
        profiles = Profiles(platform, database, wanted=bool(read_fields(config)), clock=clock)
        gateway = open_gateway(config.payments, client, clock, config.server.public_url)
        actions = await stack.enter_async_context(open_actions(config, database, guarded, gateway, profiles.in_format))
        languages = ("id", "en", "ms") if config.language == "auto" else (config.language,)
        transcriber = open_transcriber(config.voice, client=client, languages=languages, base=config.folder)
        if transcriber is not None:
            stack.push_async_callback(transcriber.aclose)

        # a turn
        models = open_models(config.model, agent_name=config.name)
        loop = Loop(
            models,
            actions,
            LoopLimits(limits.model_calls, limits.actions, limits.tokens_per_turn, config.model.retries),
            clock=clock,
        )
        reached_at = (base_url or config.server.url).rstrip("/")
        writer = ReplyWriter(
            database,
            conversation,
            zone=zone,
            default_language=config.default_language,
            media_url=lambda media_id: f"{reached_at}/media/{media_id}",
            read_file=partial(_read_file, config.folder),
            clock=clock,
        )
        due = partial(gate.due, window=conversation.quiet_window)
        turns = Turns(
            database,
            settings=TurnSettings(
                Persona(config.name, config.instructions, zone),
                conversation,
                limits,
                config.language,
                config.default_language,
                tuple(_plan(rule) for rule in config.followups.rules),
            ),
            loop=loop,
            actions=actions,
            knowledge=knowledge,
            listener=Listener(transcriber, guarded, FetchLimits(config.voice.largest), clock=clock),
            writer=writer,
            owner=owner,
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
        outbox = Outbox(database, platform, owner=owner, clock=clock)
        followups = FollowUps(database, config.followups, hours=conversation.hours, zone=zone, clock=clock)

        # who works, and when
        slots = Slots(REMOTE if database.remote else LOCAL)
        worker = ContactWorker(
            database, turns, outbox, followups, answered=summariser.consider, clock=clock, slots=slots
        )
        engine = await stack.enter_async_context(_open_engine(config, storage, clock))
        feeder = Feeder(database, platform, engine, zone=zone, default_language=config.default_language, clock=clock)
        jobs: dict[str, Callable[[], Awaitable[None]]] = {"broadcasts": feeder.run}
        if config.payments.qris is not None:
            jobs["payments"] = partial(watch, database, clock, gateway)

        handover = conversation.handover
        yield Agent(
            config=config,
            database=database,
            platform=platform,
            engine=engine,
            knowledge=knowledge,
            actions=actions,
            transcriber=transcriber,
            gateway=gateway,
            worker=worker,
            summariser=summariser,
            slots=slots,
            rules=Rules(due, handover.resume_after, handover.resume_on, handover.assigned),
            jobs=jobs,
            owner=owner,
            clock=clock,
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
    from agent.ledger import migrate

    database = open_database(url or config.storage_url, base=config.folder)
    try:
        await asyncio.to_thread(migrate.upgrade, database.engine)
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
        if not config.knowledge.sources:  # nothing to find: Chroma, which takes seconds to load, is left alone
            knowledge = await Knowledge.open_without_chroma(config.knowledge, config.folder, store, client, now)
            stack.push_async_callback(knowledge.aclose)
            yield knowledge
            return
        try:
            knowledge = await Knowledge.open(config.knowledge, config.folder, store, client, now)
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
) -> "AsyncIterator[Mapping[str, Action]]":
    """The agent's actions by name; without `database` and `client` it opens its own."""
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
            clock=now,
            timezone=config.zone,
            files=config.folder,
            in_format=in_format,
            extra=[
                *payment_actions(config.payments, database, config.messaging.effective_platform, gateway),
                *reminder_actions(config, database, now),
            ],
        )
        stack.push_async_callback(actions.aclose)
        yield actions


def _implied(config: AgentConfig) -> "list[ActionSettings]":
    """Built-in actions that are on without being listed: a customer may ask for a human unless agent.yaml says otherwise."""
    from actions.builtin.settings import HandOverAction

    listed = any(isinstance(action, HandOverAction) for action in config.actions)
    if listed or "asked" not in config.conversation.handover.when:
        return []
    return [HandOverAction(builtin="hand_over")]
