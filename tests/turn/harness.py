"""A turn in one process: the real ledger, loop, listener and reply writer; a scripted chat model, and actions that count."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field
from sqlalchemy import Connection, select

from actions import Actions
from actions.action import Action, Context, Json, Outcome
from actions.identity import identifying
from agent.config.conversation import ConversationSettings
from agent.config.model import LimitSettings
from agent.ledger import contacts, history, inbound, outbound, steps
from agent.ledger.codec import Deliverable
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database
from agent.ledger.history import Line
from agent.ledger.tables import turn as turn_table
from agent.models.chat import ChatModel
from agent.models.values import TurnValues, values_of
from agent.turn.context import TurnContext
from agent.turn.files import FileReader
from agent.turn.listen import Listener
from agent.turn.loop import Loop, LoopLimits
from agent.turn.pending import PendingFiles
from agent.turn.prompt import Persona
from agent.turn.reply import ReplyWriter
from agent.turn.retrieval import Search
from agent.turn.turn import Turns, TurnSettings
from messaging.errors import NotFound
from messaging.types import Attachment, ContactKey, Event, PlatformMessage, Text
from tests.actions.conftest import TLS
from tests.ledger.messages import BUDI, NOW, RULES, quiet
from voice import FetchLimits, Speaker, Transcriber

JAKARTA = ZoneInfo("Asia/Jakarta")
OWNER = "me"

Meanwhile = Callable[[], Awaitable[None]]


class ScriptedModel(BaseChatModel):
    """Answers with the replies in order; an exception is raised, a callable is awaited first and its value is the reply.

    `asked` holds the messages of every call, `told` the values that came with them, `choices` the tools that might be called.
    """

    replies: list[Any] = Field(default_factory=list)
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    told: list[TurnValues | None] = Field(default_factory=list)
    choices: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(choice=kwargs.get("tool_choice", "any"))

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise AssertionError("a turn never blocks")

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> AIMessage:  # noqa: A002
        self.told.append(values_of(config))
        self.choices.append(kwargs.pop("choice", ""))
        return await super().ainvoke(input, config, **kwargs)

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.asked.append(messages)
        reply = self.replies.pop(0)
        if callable(reply):
            reply = await reply()
        if isinstance(reply, Exception):
            raise reply
        return ChatResult(generations=[ChatGeneration(message=reply)])


def says(text: str) -> AIMessage:
    """A final answer; it costs 15 tokens."""
    return AIMessage(text, usage_metadata={"input_tokens": 10, "output_tokens": 5, "total_tokens": 15})


def calls(name: str, call_id: str = "c1", **arguments: Any) -> AIMessage:
    """A call of an action; it costs nothing."""
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": call_id}], usage_metadata=usage)


def then(work: Meanwhile, reply: AIMessage | Exception) -> Callable[[], Awaitable[AIMessage | Exception]]:
    """A reply before which something happens outside, as while a real model thinks."""

    async def answer() -> AIMessage | Exception:
        await work()
        return reply

    return answer


@dataclass
class CountedAction:
    """An action that keeps its calls; `before` happens outside while it runs, `refusal` is what `check` says."""

    name: str
    outcome: Outcome = field(default_factory=lambda: Outcome("done", "ok", {"status": "shipped"}))
    effect: bool = False
    idempotent: bool = False
    per_turn: int | None = 1
    hints: Sequence[str] = ()
    confirm: str | None = None
    claims: Sequence[str] = ()
    before: Meanwhile | None = None
    refusal: Outcome | None = None
    ran: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    builtin: str | None = None
    description: str = "Does something."
    confirm_expires: timedelta = timedelta(minutes=30)
    examples: Sequence[str] = ()

    @property
    def parameters(self) -> Mapping[str, Json]:
        return {"type": "object", "properties": {"order_id": {"type": "string"}}}

    @property
    def reads(self) -> bool:
        return not self.effect

    @property
    def identity(self) -> Sequence[str]:
        return identifying(self.parameters)

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        return arguments

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        return self.refusal

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        if self.before is not None:
            await self.before()
        self.ran.append((dict(arguments), context.key))
        self.contexts.append(context)
        return self.outcome


@dataclass
class Desk:
    """One agent and one customer. Settings are changed before the first `answer`."""

    database: Database
    model: ScriptedModel = field(default_factory=ScriptedModel)
    fallback: ScriptedModel | None = None
    actions: list[CountedAction] = field(default_factory=list)
    knowledge: Search | None = None
    persona: Persona = field(default_factory=lambda: Persona("Melati", "Be kind to {contact.first_name}.", JAKARTA))
    conversation: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    language: str = "auto"
    default_language: str = "id"
    transcriber: Transcriber | None = None
    files: FileReader | None = None
    speaker: Speaker | None = None
    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(verify=TLS))
    now: datetime = NOW
    opened: Actions | None = None
    """Actions that come and change while the agent runs, instead of `actions`."""
    listed: list[tuple[Attachment, ...] | BaseException] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    @property
    def offered(self) -> Mapping[str, Action]:
        return {action.name: action for action in self.actions} if self.opened is None else self.opened

    def loop(self) -> Loop:
        limits = LimitSettings(**self.limits)
        models = [ChatModel("scripted", self.model, 1.0, 1.0)]
        if self.fallback is not None:
            models.append(ChatModel("fallback", self.fallback))
        return Loop(
            models,
            self.offered,
            LoopLimits(
                limits.model_calls,
                limits.actions,
                limits.tokens_per_turn,
                limits.prompt_tokens,
                1,
                limits.usd_per_day,
                limits.usd_of_contact,
            ),
            clock=self.clock,
            version=lambda: 0 if self.opened is None else self.opened.version,
        )

    async def ask(self, contact: ContactKey, message_id: str) -> PlatformMessage:
        """What the platform says of a message now: the next of `listed`."""
        self.asked.append(message_id)
        answer = self.listed.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return PlatformMessage(message_id, "incoming", None, None, None, None, attachments=answer)

    async def from_platform(self, url: str, most: int) -> bytes:
        raise NotFound(f"{url} is not there")

    def turns(self, owner: str = OWNER) -> Turns:
        conversation = ConversationSettings.model_validate(self.conversation)
        return Turns(
            self.database,
            settings=TurnSettings(
                replace(self.persona, knows=lambda: self.knowledge is not None),
                conversation,
                LimitSettings(**self.limits),
                self.language,
                self.default_language,
            ),
            loop=self.loop(),
            actions=self.offered,
            knowledge=self.knowledge,
            files=PendingFiles(self.ask, clock=self.clock, waits=[timedelta(0)] * 3),
            listener=Listener(
                self.transcriber,
                self.client,
                FetchLimits(),
                from_platform=self.from_platform,
                clock=self.clock,
                files=self.files,
            ),
            writer=ReplyWriter(
                self.database,
                conversation,
                zone=JAKARTA,
                default_language=self.default_language,
                media_url=lambda media_id: f"https://agent.example/media/{media_id}",
                read_file=lambda path: (b"menu", "application/pdf", path),
                clock=self.clock,
                speaker=self.speaker,
            ),
            owner=owner,
            quiet=quiet,
            current=_as_known,
            clock=self.clock,
        )

    async def receive(self, *events: Event) -> None:
        """Accept what the platform reports."""
        dated = [replace(e, sent_at=self.now) if getattr(e, "sent_at", None) == NOW else e for e in events]  # type: ignore[arg-type]
        await self.database.write(lambda c: [inbound.accept(c, event, self.now, RULES) for event in dated])

    async def deliver(self) -> None:
        """Send what waits for the customer, as the outbox does."""

        def send(connection: Connection) -> None:
            while ready := [each for each in outbound.heads(connection, BUDI) if each.state == "pending"]:
                for delivery in ready:
                    outbound.mark_sending(connection, delivery.id, OWNER, self.now)
                    outbound.mark(connection, delivery.id, "sent", now=self.now, message_id=f"p{delivery.id}")

        await self.database.write(send)

    async def claim(self, owner: str = OWNER) -> TurnContext:
        """Claim the customer's turn."""
        turn = await self.database.write(lambda c: self.turns(owner).begin(c, BUDI))
        assert isinstance(turn, TurnContext)
        return turn

    async def answer(self) -> TurnContext:
        """Claim and run one turn."""
        turn = await self.claim()
        await self.turns().run(turn, lambda _: None)
        return turn

    async def said(self, key: ContactKey = BUDI) -> list[str]:
        """The texts that are on their way to the customer."""
        queued = await self.contents(key)
        return [content.text for content in queued if isinstance(content, Text)]

    async def contents(self, key: ContactKey = BUDI) -> list[Deliverable]:
        """Everything that is on its way to the platform."""
        return await self.database.read(lambda c: outbound.unfinished(c, key))

    async def state(self) -> ContactState:
        return await self.database.read(lambda c: contacts.known(c, BUDI))

    async def history(self) -> list[Line]:
        return await self.database.read(lambda c: history.recent(c, BUDI, 50))

    async def steps(self, turn: TurnContext) -> list[str]:
        """The places of the turn's steps, in order."""
        found = await self.database.read(lambda c: steps.of_turn(c, turn.id))
        return [step.key.partition("#")[0] for step in found]

    async def ended(self) -> list[tuple[str, str | None]]:
        """State and reason of every turn, in order."""

        def read(connection: Connection) -> list[tuple[str, str | None]]:
            rows = connection.execute(select(turn_table.c.state, turn_table.c.reason).order_by(turn_table.c.started_at))
            return [(row.state, row.reason) for row in rows]

        return await self.database.read(read)


async def _as_known(state: ContactState) -> ContactState:
    return state
