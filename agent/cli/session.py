"""A chat with the agent in this process: the real road from accept to delivery, on a ledger of its own."""

import asyncio
import mimetypes
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from agent.app import Agent
from agent.assembly import open_agent
from agent.config import AgentConfig
from agent.config.conversation import QuietWindow
from agent.config.summary import with_embeddings
from agent.errors import InputError
from agent.ledger import media, overview, steps
from agent.ledger.errors import LedgerLocked
from agent.ledger.media import Media
from agent.ledger.sqlite import LockFile
from agent.ledger.steps import Step
from agent.terminal import TerminalPlatform, as_text
from agent.web.listening import bind, create_media_app, serving
from messaging.types import Attachment, AttachmentKind, Contact, ContactKey, File, InboundMessage, Outbound
from settings.clock import now
from settings.phone import InvalidPhone, to_e164

if TYPE_CHECKING:
    from sqlalchemy import Connection

FOLDER = Path(".balas/chat")
"""Where a chat keeps its ledger, its index and what was typed, beside agent.yaml."""

FIRST_CUSTOMER = "+6281234567801"
"""The customer who writes by default: the demo's first, whose orders the sample's shop knows."""

_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Picture:
    """An attachment of a reply. `qris` is the payload when it shows a payment code; `content` its bytes when they are ours."""

    kind: AttachmentKind
    url: str
    type: str | None = None
    content: bytes | None = None
    qris: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one message. `state` and `reason` are the turn's; `seconds` from accept until everything was sent."""

    messages: tuple[Outbound, ...]
    pictures: tuple[Picture, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    state: str
    reason: str | None
    tokens: int
    seconds: float

    @property
    def text(self) -> str:
        """The texts of the reply, one below the other."""
        return "\n\n".join(as_text(message) for message in self.messages if not isinstance(message, File))


class ChatSession:
    """One customer talking to one agent. `base_url` is where this process serves files."""

    def __init__(self, agent: Agent, platform: TerminalPlatform, base_url: str, phone: str) -> None:
        self._agent = agent
        self._platform = platform
        self._base_url = base_url
        self._phone = phone
        self._key = ContactKey(platform.name, "")
        self.restart()

    @property
    def phone(self) -> str:
        return self._phone

    def restart(self, phone: str | None = None) -> None:
        """Begin a new conversation, as another customer if a phone number is given.

        Raises:
            InputError: `phone` is no phone number.
        """
        self._phone = phone_number(phone) if phone is not None else self._phone
        self._key = ContactKey(self._platform.name, f"{self._phone.removeprefix('+')}-{secrets.token_hex(4)}")
        self._platform.greet(self._contact())

    async def say(self, *texts: str) -> Answer:
        """Write a message, or several at once, and wait for everything that comes of it."""
        return await self._accept([self._message(text) for text in texts])

    async def send_file(self, path: Path, kind: AttachmentKind) -> Answer:
        """Send a file as a message: a voice note (`audio`) or a picture. Raises `InputError` when it cannot be read."""
        try:
            content = await asyncio.to_thread(_read, path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        mime_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        at = now()
        file = Media(media.new_id(path.suffix.lstrip(".") or "bin"), content, mime_type, path.name, at, at + _KEPT)
        await self._agent.database.write(lambda connection: media.put(connection, file))
        attachment = Attachment(kind, f"{self._base_url}/media/{file.id}", path.name, mime_type, len(content))
        return await self._accept([self._message(None, attachment)])

    def _message(self, text: str | None, *attachments: Attachment) -> InboundMessage:
        return InboundMessage(
            contact=self._contact(),
            message_id=secrets.token_hex(12),
            sent_at=now(),
            text=text,
            attachments=attachments,
            kind="attachment" if attachments else "text",
        )

    async def _accept(self, messages: Sequence[InboundMessage]) -> Answer:
        began = asyncio.get_running_loop().time()
        await self._agent.accept(messages)
        await self._agent.idle()
        seconds = asyncio.get_running_loop().time() - began
        summaries, recorded = await self._agent.database.read(self._last_turn)
        sent = self._platform.take(self._key)
        return Answer(
            messages=tuple(sent),
            pictures=tuple([await self._picture(file) for file in sent if isinstance(file, File)]),
            steps=tuple(recorded),
            notes=tuple(self._platform.take_notes()),
            state=summaries[-1].state if summaries else "waiting",
            reason=summaries[-1].reason if summaries else None,
            tokens=sum(step.tokens for step in recorded),
            seconds=seconds,
        )

    def _last_turn(self, connection: "Connection") -> tuple[list[overview.TurnSummary], list[Step]]:
        summaries = overview.turns_of(connection, self._key, limit=1)
        return summaries, steps.of_turn(connection, summaries[-1].id) if summaries else []

    async def _picture(self, file: File) -> Picture:
        """A file of a reply with what it shows; ours are read from the ledger, others stay what they are."""
        prefix = f"{self._base_url}/media/"
        if not file.url.startswith(prefix):
            return Picture(file.kind, file.url)
        media_id = file.url.removeprefix(prefix)
        stored = await self._agent.database.read(lambda connection: media.get(connection, media_id, now()))
        if stored is None:
            return Picture(file.kind, file.url)
        payload = await asyncio.to_thread(_payload_in, stored) if stored.type.startswith("image/") else None
        return Picture(file.kind, file.url, stored.type, stored.content, payload)

    def _contact(self) -> Contact:
        return Contact(self._key, phone=self._phone)


def _read(path: Path) -> bytes:
    return path.expanduser().read_bytes()


def _payload_in(stored: Media) -> str | None:
    from actions.qris.picture import read_image

    found = read_image(stored.content)
    return found[0] if found else None


def phone_number(text: str) -> str:
    """`0812-3456-7801` or `+62 812 3456 7801` as E.164; a number without a country is Indonesian.

    Raises `InputError` when it is no phone number.
    """
    try:
        return to_e164(text, "ID")
    except InvalidPhone as error:
        raise InputError(f"{error}; write it with its country, e.g. {FIRST_CUSTOMER}") from error


@asynccontextmanager
async def open_session(config: AgentConfig, phone: str = FIRST_CUSTOMER) -> AsyncIterator[ChatSession]:
    """A chat with the agent of `config`. Its real ledger, platform and index are left alone; its model and actions are real."""
    customer = phone_number(phone)
    platform = TerminalPlatform()
    with _folder(config) as folder, bind("127.0.0.1", 0) as listener:
        local = _for_terminal(config, folder, listener.url.removeprefix("http://"))
        storage = f"sqlite:///{folder / 'chat.db'}"
        async with (
            open_agent(local, platform=platform, storage=storage, base_url=listener.url) as agent,
            serving(create_media_app(agent), listener),
        ):
            await agent.start()
            try:
                await agent.learn()
                yield ChatSession(agent, platform, listener.url, customer)
            finally:
                await agent.stop()


def _for_terminal(config: AgentConfig, folder: Path, files: str) -> AgentConfig:
    """The configuration with an index of its own, files served at `files`, and no quiet window: a line is a turn."""
    from knowledge.settings import AUTO, ChromaSettings

    embeddings = with_embeddings(config).embeddings
    if embeddings == "auto" and not (config.folder / AUTO).is_dir():
        embeddings = "none"  # the keywords alone decide, so that Chroma, which takes seconds to load, is left alone
    quiet = QuietWindow(finished=_NO_TIME, unfinished=_NO_TIME, longest=_NO_TIME)
    return config.model_copy(
        update={
            "conversation": config.conversation.model_copy(update={"quiet_window": quiet}),
            "knowledge": config.knowledge.model_copy(
                update={"chroma": ChromaSettings(path=folder / "chroma"), "embeddings": embeddings}
            ),
            "network": config.network.model_copy(update={"allow_private": [*config.network.allow_private, files]}),
            "workers": False,
        }
    )


_NO_TIME = timedelta(0)


@contextmanager
def _folder(config: AgentConfig) -> Iterator[Path]:
    """The chat's folder, or a temporary one when another chat is in it or nothing can be written there."""
    with ExitStack() as stack:
        folder = config.resolve(FOLDER).absolute()
        try:
            stack.enter_context(LockFile(folder / "session.lock"))
        except (LedgerLocked, OSError):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="balas-chat-")))
        yield folder
