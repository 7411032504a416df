"""Opening what the agent is made of, for the agent itself and for commands that need only one of them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from agent.config import AgentConfig
from agent.config.environment import secret_values
from agent.ledger.database import Database, open_database
from settings.clock import now

if TYPE_CHECKING:
    import httpx

    from actions.action import Action
    from actions.builtin.contact_fields import InFormat
    from actions.qris.gateways.gateway import Gateway
    from actions.settings import ActionSettings
    from knowledge import Knowledge


log = structlog.get_logger()


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
