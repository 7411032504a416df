"""A conversation with the agent on a ledger of its own and with a clock that is moved: what `balas serve` does, without waiting.

Nothing runs beside it: `say`, `colleague` and `wait` do what falls due, in its order, at its own time, and return what came of it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import Connection, select

from actions.qris import parse
from agent.app import Agent
from agent.assembly import Ground, Instead, assemble, open_guarded
from agent.broadcasts.plan import prepare
from agent.broadcasts.settings import load as load_broadcast
from agent.engine.embedded import EmbeddedEngine
from agent.errors import InputError
from agent.ledger import broadcasts, contacts, history, open_database, overview, payments, steps, tables
from agent.ledger import media as media_of_ledger
from agent.ledger.contacts import ContactState
from agent.ledger.overview import TurnSummary
from agent.ledger.payments import Payment
from agent.ledger.steps import Step
from agent.scenarios import media
from agent.scenarios.agenda import Agenda
from agent.scenarios.events import PlatformEvent, changed, shown, told
from agent.scenarios.format import Answers, ContactFacts, PlatformFault, Remembered, Said
from agent.scenarios.happened import Happened, Shown
from agent.scenarios.outside import Files, Ledgered, ScenarioFiles, ScenarioTranscriber, Stubbed, gateway_transport
from agent.scenarios.platform import ScenarioPlatform, Sent, Timeline
from agent.scenarios.stage import Stage
from agent.slots import LOCAL, Slots
from agent.terminal import as_text
from agent.turn.files import Content
from agent.workflows import hooks
from messaging.errors import PlatformError
from messaging.registry import capabilities_of
from messaging.types import (
    Attachment,
    Channel,
    Contact,
    ContactKey,
    File,
    InboundMessage,
    Location,
    MessageSent,
    Person,
    Template,
)
from settings import format_duration
from settings.clock import sleeping

if TYPE_CHECKING:
    from agent.models.chat import ChatModel

_BURST = timedelta(milliseconds=200)
"""Between two messages of a burst."""

_PAYABLE = {"payment.paid": ("open", "expired"), "payment.expired": ("open",)}
"""In which states of a payment an event can happen to it."""

AUTHORS: Mapping[str, history.Author] = {"customer": "contact", "agent": "agent", "colleague": "human"}
"""Who wrote a line of `history:`, as the ledger calls them."""


@dataclass(slots=True)
class _Seen:
    """How much of the ledger earlier turns of the scenario have shown."""

    sent: int = 0
    calls: int = 0
    problems: int = 0
    posted: int = 0
    turns: frozenset[str] = frozenset()
    followups: frozenset[tuple[str, str]] = frozenset()


class Conversation:
    """One customer and the agent. Use `open_conversation`."""

    def __init__(
        self,
        agent: Agent,
        platform: ScenarioPlatform,
        contact: Contact,
        timeline: Timeline,
        files: Files,
        transcriber: ScenarioTranscriber,
        reader: ScenarioFiles,
        ledgered: Ledgered,
        models: "Sequence[ChatModel]",
    ) -> None:
        self.agent = agent
        self.models = models
        self.timeline = timeline
        self.ledgered = ledgered
        self._platform = platform
        self._contact = contact
        self._files = files
        self._transcriber = transcriber
        self._reader = reader
        self._messages = 0
        self._seen = _Seen()
        self._agenda = Agenda(agent, timeline)
        platform.greet(contact)

    @property
    def key(self) -> ContactKey:
        """The contact."""
        return self._contact.key

    def fail(self, fault: PlatformFault) -> Happened:
        """Let the platform fail at the next sends."""
        self._platform.fail(fault)
        wait = f", retry after {fault.retry_after.total_seconds():g} s" if fault.retry_after else ""
        return Happened(f"the platform fails: {fault.fail}{wait}, {fault.times} ×", began=self.timeline())

    def fail_receivers(self, fault: PlatformFault) -> Happened:
        """Let other systems fail at the next requests that tell them something."""
        self._files.receivers.fail(fault)
        return Happened(f"other systems fail: {fault.fail}, {fault.times} ×", began=self.timeline())

    async def say(self, messages: Sequence[Said], resolve: Callable[[str], Path]) -> Happened:
        """Let the customer write, all at once, and the agent answer.

        Args:
            messages: in order.
            resolve: finds the files that they name.
        """
        said, at = [], self.timeline()
        events = []
        for number, message in enumerate(messages):
            event = await self._message(message, resolve, at + number * _BURST)
            events.append(event)
            said.append(_said(message))
        return await self._happens(" / ".join(said), lambda: self._write(events))

    async def _write(self, events: Sequence[InboundMessage]) -> None:
        for event in events:
            self.timeline.move_to(event.sent_at)
            await self.agent.accept([event], self._platform.name)
        await self._agenda.settle(self.key)

    async def colleague(self, text: str) -> Happened:
        """Let a human colleague write in the conversation."""
        now = self.timeline()
        self._messages += 1
        event = MessageSent(
            await self._platform.contact(self.key),
            f"colleague-{self._messages}",
            now,
            True,
            text,
            Person("colleague", "Colleague"),
            "user",
        )

        async def work() -> None:
            await self.agent.accept([event], self._platform.name)
            await self._agenda.settle(self.key)

        return await self._happens(f"a colleague: {text}", work)

    async def event(self, event: PlatformEvent) -> Happened:
        """Let something happen on the platform, or to the newest payment that is open."""

        async def work() -> None:
            contact = changed(event, await self._platform.contact(self.key))
            self._platform.greet(contact)
            if (webhook := told(event, contact)) is not None:
                await self.agent.accept([webhook], self._platform.name)
            else:
                await self._payment(event)
            await self._agenda.settle(self.key)

        return await self._happens(shown(event), work)

    async def _payment(self, event: PlatformEvent) -> None:
        made = await self.payments()
        named = event.value
        if named is None:
            which, fitting = "", [payment for payment in made if payment.state == "open"]
        elif named.number is not None:
            which, fitting = f" number {named.number}", made[named.number - 1 : named.number]
        else:
            which, fitting = f" over Rp{named.amount}", [payment for payment in made if payment.amount == named.amount]
        payable = [payment for payment in fitting if payment.state in _PAYABLE[event.name]]
        payment = next(reversed(payable), None)
        if payment is None:
            states = f": it is {fitting[-1].state}" if fitting else ""
            self.ledgered.problems.append(f"{event.name}: no payment{which} of the customer is open{states}")
        elif event.name == "payment.paid":
            await self._pay(payment)
        elif payment.expires_at is not None:
            await self._agenda.pass_until(payment.expires_at)

    async def payments(self) -> list[Payment]:
        """Those of the customer, in the order in which they were made."""
        known = await self.agent.database.read(lambda connection: payments.of_contact(connection, self.key, 1000))
        return sorted(known, key=lambda payment: payment.created_at)

    async def _pay(self, payment: Payment) -> None:
        now = self.timeline()
        await self.agent.database.write(
            lambda connection: payments.mark_paid(connection, payment.id, "the scenario", now)
        )

    async def hook(self, name: str, body: Any) -> Happened:
        """Let another system call the hook of a workflow."""

        async def work() -> None:
            flow = next(flow for flow in self.agent.config.workflows if flow.name == name)
            try:
                read = hooks.read_hook(flow, {}, json.dumps(body).encode())
            except hooks.UnreadableHook as error:
                self.ledgered.problems.append(f"hook {name}: {error}")
                return
            now = self.timeline()
            await self.agent.database.write(lambda connection: hooks.accept(connection, flow, read, now))
            await self._agenda.settle(self.key)

        return await self._happens(f"hook {name}: {json.dumps(body, ensure_ascii=False)}", work)

    async def broadcast(self, path: Path) -> Happened:
        """Begin a broadcast, as `balas broadcast send` does."""

        async def work() -> None:
            database = self.agent.database
            try:
                file = await asyncio.to_thread(load_broadcast, path)
                settings = file.settings.model_copy(update={"channel": None})  # there is only one
                file = replace(file, settings=settings)
                prepared = await prepare(file, self.agent.config, database, self._platform, self.timeline())
            except (InputError, PlatformError) as error:
                self.ledgered.problems.append(str(error))
                return
            people = [person.addressed for person in prepared.audience.people]
            await database.write(lambda connection: broadcasts.record(connection, prepared.broadcast, people))
            await self._agenda.settle(self.key)

        return await self._happens(f"broadcast {path.name}", work)

    async def wait(self, span: timedelta) -> Happened:
        """Let time pass, with everything that falls due in it."""
        until = self.timeline() + span
        return await self._happens(f"{_words(span)} later", lambda: self._agenda.pass_until(until))

    async def remember(self, lines: Sequence[Remembered]) -> Happened:
        """Add lines to the history that are not answered."""
        now, contact = self.timeline(), await self._platform.contact(self.key)
        said = [history.Line(AUTHORS[each.author], each.text, now) for each in lines]

        def work(connection: Connection) -> None:
            if contacts.load(connection, self.key) is None:
                contacts.remember(connection, contact)
            history.append(connection, self.key, said)

        await self.agent.database.write(work)
        return Happened("\n".join(f"({each.author}: {each.text})" for each in lines), began=now)

    async def until(self, moment: datetime) -> None:
        """Let time pass until a moment; its effects are counted for no turn."""
        await self._happens("", lambda: self._agenda.pass_until(moment.astimezone(UTC)))

    async def pay(self, number: int) -> None:
        """Let one of the customer's payments be paid, counted from 0 in the order in which they were made; none where there is none."""
        made = await self.payments()
        if number < len(made) and made[number].state in _PAYABLE["payment.paid"]:
            await self._pay(made[number])

    async def repeat(
        self,
        messages: Sequence[InboundMessage],
        times: Sequence[datetime],
        transcripts: Mapping[tuple[str, int], str],
        files: Mapping[str, Content],
    ) -> Happened:
        """Let the customer write once more what was recorded.

        Args:
            messages: in order.
            times: when they came.
            transcripts: what was heard in voice notes, by message id and position.
            files: what was found in files, by their address.
        """
        self._reader.learn(files)
        events, last = [], self.timeline()
        for message, at in zip(messages, times, strict=True):
            last = max(last, at.astimezone(UTC))
            attachments = []
            for position, attachment in enumerate(message.attachments):
                words = transcripts.get((message.message_id, position))
                if words is not None:
                    note = f"{message.message_id}/{position}".encode()
                    self._transcriber.learn(note, words)
                    attachment = replace(attachment, url=self._files.add("note.ogg", note, "audio/ogg"))  # noqa: PLW2901
                attachments.append(attachment)
            events.append(
                replace(
                    message,
                    contact=self._contact,
                    sent_at=last,
                    attachments=tuple(attachments),
                    channel=self._platform.channel,
                )
            )
        said = " / ".join(message.text or f"[{message.kind}]" for message in messages)
        return await self._happens(said, lambda: self._write(events))

    async def _happens(self, said: str, work: Callable[[], Awaitable[None]]) -> Happened:
        began, clock = self.timeline(), asyncio.get_running_loop().time()
        with sleeping(self.timeline.sleep):
            await work()
        seconds = asyncio.get_running_loop().time() - clock
        return await self._collect(said, began, seconds)

    async def _collect(self, said: str, began: datetime, seconds: float) -> Happened:
        """What came of it, that no earlier turn of the scenario has shown."""
        seen = self._seen

        def read(
            connection: Connection,
        ) -> tuple[list[TurnSummary], list[Step], list[Any], list[Any], ContactState | None, list[str]]:
            ended = [turn for turn in overview.turns_of(connection, self.key, 1000) if turn.id not in seen.turns]
            recorded = [step for turn in ended for step in steps.of_turn(connection, turn.id)]
            later = connection.execute(select(tables.followup).order_by(tables.followup.c.created_at)).all()
            paid = connection.execute(select(tables.payment).order_by(tables.payment.c.created_at.desc())).all()
            state = contacts.load(connection, self.key)
            return ended, recorded, list(later), list(paid), state, _workflow_steps(connection)

        ended, recorded, later, paid, state, automated = await self.agent.database.read(read)
        fresh = [
            dict(row._mapping)
            for row in later
            if (row.id, row.state) not in seen.followups and row.state in ("scheduled", "sent")
        ]
        delivered = self._platform.delivered[seen.sent :]
        notes = self._platform.take_notes()
        notes += [f"to {each.to}: {_words_of(each)}" for each in delivered if each.to != self.key]
        happened = Happened(
            said=said,
            messages=tuple([await self._message_shown(each) for each in delivered if each.to == self.key]),
            calls=tuple(self.ledgered.calls[seen.calls :]),
            passages=tuple(_passages(recorded)),
            turns=tuple(ended),
            steps=tuple(recorded),
            notes=tuple(notes),
            handover="; ".join(turn.handover for turn in ended if turn.handover) or None,
            followups=tuple(fresh),
            payments=tuple(dict(row._mapping) for row in paid),
            contact=state,
            tags=state.contact.tags if state is not None else (),
            problems=tuple(dict.fromkeys(self.ledgered.problems[seen.problems :])),
            began=began,
            seconds=round(seconds, 3),
            workflow_steps=tuple(automated),
            posted=tuple(self._files.receivers.posted[seen.posted :]),
        )
        self._seen = _Seen(
            len(self._platform.delivered),
            len(self.ledgered.calls),
            len(self.ledgered.problems),
            len(self._files.receivers.posted),
            seen.turns | {turn.id for turn in ended},
            seen.followups | {(row.id, row.state) for row in later},
        )
        return happened

    async def _message_shown(self, sent: Sent) -> Shown:
        content = sent.content
        if not isinstance(content, File):
            return Shown(_words_of(sent), "template" if isinstance(content, Template) else "text")
        prefix = f"{self.agent.base_url}/media/"
        name, now = content.url.removeprefix(prefix), self.timeline()
        stored = await self.agent.database.read(lambda connection: media_of_ledger.get(connection, name, now))
        if stored is None or not stored.type.startswith("image/"):
            return Shown("" if stored is None else f"[{stored.name or content.kind}]", content.kind)
        from actions.qris.picture import read_image

        found = await asyncio.to_thread(read_image, stored.content)
        return Shown("", content.kind, found[0] if found else None)

    async def _message(self, message: Said, resolve: Callable[[str], Path], at: datetime) -> InboundMessage:
        self._messages += 1
        contact = await self._platform.contact(self.key)
        attachments: tuple[Attachment, ...] = ()
        text, kind, name, place = message.text, "text", f"message-{self._messages}", None
        if message.location is not None:
            kind, place = "location", Location(*message.location)
        elif message.attachment is not None:
            kind = "attachment"
            sort, address = message.attachment
            file = await asyncio.to_thread(media.read, address, sort, resolve)
            content, size = file.content, len(file.content)
            if sort == "audio" and text is not None:
                content = (
                    name.encode()
                )  # its words are known: they must not be those of another note with the same sound
                self._transcriber.learn(content, text)
                text = None
            url = self._files.add(file.name, content, file.mime_type)
            attachments = (Attachment(sort, url, file.name, file.mime_type, size),)
        channel = self._platform.channel
        return InboundMessage(contact, name, at, text, attachments, channel, kind, location=place)


@asynccontextmanager
async def open_conversation(
    stage: Stage,
    *,
    facts: ContactFacts,
    begins: datetime,
    answers: "Mapping[str, Answers] | str",
    models: "Callable[[Ledgered], Sequence[ChatModel]]",
    contact: Contact | None = None,
) -> AsyncIterator[Conversation]:
    """Begin a conversation.

    Args:
        stage: what conversations share.
        facts: who writes.
        begins: when, aware.
        answers: what actions answer, by name; `live`: they are called.
        models: who answers, given what the conversation notes.
        contact: takes the place of `facts`, of which only the channel counts then.
    """
    config, timeline, ledgered = stage.config, Timeline(begins.astimezone(UTC)), Ledgered()
    names = [entry.effective_name for entry in config.platforms]
    settings = config.platforms[0 if facts.platform is None else names.index(facts.platform)]
    channel = Channel("channel-1", facts.channel)
    platform = ScenarioPlatform(settings.effective_name, capabilities_of(settings), channel, timeline)
    allowed = stage.live or answers == "live" or (not isinstance(answers, str) and "live" in answers.values())
    database = open_database(f"sqlite:///{stage.new_ledger()}", base=config.folder)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.aclose)
        files = Files(await stack.enter_async_context(open_guarded(config)) if allowed else None)
        guarded = await stack.enter_async_context(httpx.AsyncClient(transport=files))
        gateway = httpx.AsyncHTTPTransport() if answers == "live" else gateway_transport(config, Files())
        client = await stack.enter_async_context(httpx.AsyncClient(transport=gateway))
        transcriber, reader = ScenarioTranscriber(stage.transcriber, config.default_language), ScenarioFiles()
        resources = AsyncExitStack()
        stack.push_async_callback(resources.aclose)
        answering = models(ledgered)
        agent = await assemble(
            config,
            Ground(
                database,
                stage.knowledge,
                EmbeddedEngine(clock=timeline),
                Slots(LOCAL),
                f"test-{id(ledgered):x}",
                timeline,
            ),
            resources,
            guarded,
            base_url=config.server.url.rstrip("/"),
            platform=platform,
            limited=lambda actions: Stubbed(actions, answers, ledgered, stage.redactor),
            instead=Instead(client, answering, transcriber, reader.over, stage.tools),
        )
        if contact is not None:
            contact = replace(contact, key=ContactKey(platform.name, contact.key.id))
        contact = contact or Contact(
            ContactKey(platform.name, facts.phone.removeprefix("+")),
            facts.first_name,
            facts.last_name,
            facts.phone,
            facts.email,
            facts.language,
            facts.country,
            lifecycle=facts.lifecycle,
            tags=facts.tags,
            custom_fields=dict(facts.custom_fields),
        )
        yield Conversation(agent, platform, contact, timeline, files, transcriber, reader, ledgered, answering)


def _words_of(sent: Sent) -> str:
    content = sent.content
    if isinstance(content, Template):
        return f"[template {content.name}: {', '.join(content.texts)}]"
    return as_text(content)


def _workflow_steps(connection: Connection) -> list[str]:
    """The steps of workflows that were done so far, as `name/1`."""
    step, run = tables.workflow_step, tables.workflow_run
    rows = connection.execute(
        select(run.c.workflow, step.c.n).join(run, run.c.id == step.c.run).where(step.c.outcome == "done")
    ).all()
    return sorted({f"{row.workflow}/{row.n + 1}" for row in rows})


def _passages(recorded: Sequence[Step]) -> list[str]:
    """The sources of what was found, and shown to the model."""
    found = []
    for step in recorded:
        if step.kind == "retrieval" and isinstance(step.output, Mapping):
            hits = [hit for hit in step.output.get("hits", ()) if not hit.get("stale")]
            found += [str(hit["source"]) for hit in hits] if step.output.get("passages") else []
    return list(dict.fromkeys(found))


def _said(message: Said) -> str:
    if message.location is not None:
        return f"📍 {message.location[0]:g}, {message.location[1]:g}" + (f" {message.text}" if message.text else "")
    if message.attachment is None:
        return message.text or ""
    kind, address = message.attachment
    mark, file = {"audio": "🎤", "image": "🖼", "file": "📎"}.get(kind, kind), media.inline(address, kind)
    return f"{mark} {address if file is None else file.name}" + (f" “{message.text}”" if message.text else "")


def _words(span: timedelta) -> str:
    return format_duration(span)


def amount_in(payload: str) -> int | None:
    """The amount in rupiah that a payment code carries; `None` where it has none or is none."""
    from actions.qris import PayloadError

    try:
        amount = parse(payload).amount
    except PayloadError:
        return None
    return None if amount is None else int(amount)
