"""From what the model said and the actions asked for to what is sent: messages, files, and tasks for the desk."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from actions.action import (
    CancelFollowUp,
    ChangeTags,
    CloseConversation,
    Comment,
    HandOver,
    Remember,
    Request,
    ScheduleFollowUp,
    SendFile,
    SendPayment,
    SendQuickReplies,
    SetLifecycle,
    UpdateContact,
)
from actions.claims import says_handover
from agent.config.conversation import HandoverSettings
from agent.config.texts import fill
from agent.ledger import memory, payments
from agent.ledger.codec import Assign, Deliverable, OpenConversation
from agent.ledger.database import Work
from agent.ledger.followups import FollowUp, cancel
from agent.ledger.media import Media, new_id
from messaging.types import Channel, Contact, ContactKey, File, QuickReplies, Text

MEDIA_KEPT = timedelta(days=7)
"""How long the platform can fetch a file that was sent; long after it has made a copy of its own."""


@dataclass(slots=True)
class Reply:
    """What a turn will write. Built up by `ReplyWriter`."""

    contents: list[Deliverable] = field(default_factory=list)
    files: list[Media] = field(default_factory=list)
    followups: list[FollowUp] = field(default_factory=list)
    also: list[Work[object]] = field(default_factory=list)
    handover: HandOver | None = None
    shown: list[str] = field(default_factory=list)  # what the history keeps of it


class ReplyWriter:
    """Writes replies for one agent. `media_url` gives the public address of a file's id."""

    def __init__(
        self,
        *,
        handover: HandoverSettings,
        zone: ZoneInfo,
        media_url: Callable[[str], str],
        read_file: Callable[[str], tuple[bytes, str, str]],
        clock: Callable[[], datetime],
    ) -> None:
        self._handover = handover
        self._zone = zone
        self._media_url = media_url
        self._read_file = read_file
        self._clock = clock

    async def write(
        self,
        contact: Contact,
        turn: str,
        text: str,
        requests: Sequence[Request],
        *,
        channel: Channel | None,
        language: str,
    ) -> Reply:
        """A reply with `text` first, then whatever the actions asked for, in order."""
        reply = Reply()
        handover = next((request for request in requests if isinstance(request, HandOver)), None)
        if handover is not None and not says_handover(text):
            text = f"{text}\n\n{fill(self._handover.text.in_language(language), contact)}".strip()
        self.say(reply, text, channel)
        for position, request in enumerate(requests):
            await self._add(reply, request, contact.key, f"{turn}-{position}", channel=channel, language=language)
        reply.handover = handover
        return reply

    def say(self, reply: Reply, text: str, channel: Channel | None) -> None:
        """Add a text: in the channel's formatting, and in as many messages as its length takes."""
        from messaging.splitting import messages_of

        if not text:
            return
        source = channel.source if channel is not None else None
        reply.shown.append(text)
        reply.contents.extend(Text(part) for part in messages_of(text, source))

    def hand_over(self, reply: Reply, note: str) -> None:
        """Put the conversation into colleagues' hands on the platform, with a note of what they should know."""
        reply.contents.append(OpenConversation())
        if self._handover.assign_to is not None:
            reply.contents.append(Assign(self._handover.assign_to))
        reply.contents.append(Comment(note))

    async def _add(
        self, reply: Reply, request: Request, key: ContactKey, name: str, *, channel: Channel | None, language: str
    ) -> None:
        match request:
            case SendPayment():
                await self._payment(reply, request, key, name, channel=channel, language=language)
            case SendFile(path, caption):
                content, kind, filename = await asyncio.to_thread(self._read_file, path)
                url = self._keep(reply, content, kind, filename)
                reply.contents.append(File("image" if kind.startswith("image/") else "file", url))
                reply.shown.append(f"[{filename}]")
                self.say(reply, caption or "", channel)
            case SendQuickReplies(title, replies):
                self._offer(reply, title, replies, channel)
            case ScheduleFollowUp(due, text):
                followup = FollowUp(f"{name}-followup", key, due, text, None, {}, self._clock())
                reply.followups.append(followup)
            case Remember(told):
                self._remember(reply, key, told, name.rpartition("-")[0])
            case CancelFollowUp(followup_id):
                reply.also.append(
                    lambda connection: cancel(connection, followup_id, "the customer called it off", self._clock())
                )
            case UpdateContact() | ChangeTags() | SetLifecycle() | Comment() | CloseConversation():
                reply.contents.append(request)
            case HandOver():
                pass  # the turn does it, with a summary of everything

    def _offer(self, reply: Reply, title: str, replies: tuple[str, ...], channel: Channel | None) -> None:
        """Answers to choose from; the history shows them as the customer sees them, so that "2" can be understood."""
        from messaging.formatting import for_channel, numbered, takes_quick_replies

        source = channel.source if channel is not None else None
        if not takes_quick_replies(source):
            self.say(reply, numbered(title, replies), channel)
            return
        reply.contents.append(QuickReplies(for_channel(title, source), replies))
        reply.shown.append(f"{title} [{' | '.join(replies)}]")

    def _remember(self, reply: Reply, key: ContactKey, told: Mapping[str, str], turn: str) -> None:
        reply.also.append(lambda connection: memory.learn(connection, key, told, turn, self._clock()))

    async def _payment(
        self, reply: Reply, payment: SendPayment, key: ContactKey, name: str, *, channel: Channel | None, language: str
    ) -> None:
        from actions.qris.texts import caption, picture

        image = await asyncio.to_thread(picture, payment, self._zone, language)
        reply.contents.append(File("image", self._keep(reply, image, "image/png", "qris.png")))
        reply.shown.append(f"[QRIS {payment.amount} {payment.reference}]")
        self.say(reply, caption(payment, self._zone, language), channel)
        if not payment.resend:
            reply.also.append(lambda connection: payments.open_payment(connection, key, name, payment, self._clock()))

    def _keep(self, reply: Reply, content: bytes, kind: str, filename: str) -> str:
        now = self._clock()
        media = Media(new_id(filename.rpartition(".")[2]), content, kind, filename, now, now + MEDIA_KEPT)
        reply.files.append(media)
        return self._media_url(media.id)
