"""The messages of every contact, and how an outgoing one is sent, delivered and read, or fails."""

import asyncio
import secrets
from bisect import bisect_right, insort
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from messaging.sandbox import events
from messaging.sandbox.contacts import ContactBook
from messaging.sandbox.conversations import Conversations
from messaging.sandbox.errors import Invalid, NotFound
from messaging.sandbox.face import Face
from messaging.sandbox.media import MediaStore, MediaUnreachable
from messaging.sandbox.records import Channel, Contact, Content, Message, Sender, SenderKind, Status, StatusValue
from messaging.sandbox.storage import Feed
from messaging.sandbox.webhooks import Webhooks
from messaging.sandbox.workspace import Workspace
from messaging.types import ChannelKind
from settings.clock import Clock

_WINDOW = timedelta(hours=24)
_WINDOWED = {ChannelKind.WHATSAPP, ChannelKind.INSTAGRAM, ChannelKind.FACEBOOK}
_LONGEST_TEXT = 4096
_ORDER: tuple[StatusValue, ...] = ("pending", "sent", "delivered", "read")


class MessageLog:
    """All messages by id. Ids are microseconds since 1970, unique and rising.

    Args:
        pace: how long after it was accepted an outgoing message is sent, and delivered.
    """

    def __init__(
        self,
        book: ContactBook,
        conversations: Conversations,
        workspace: Workspace,
        media: MediaStore,
        webhooks: Webhooks,
        face: Face,
        feed: Feed,
        clock: Clock,
        pace: tuple[timedelta, timedelta],
    ) -> None:
        self._book = book
        self._conversations = conversations
        self._workspace = workspace
        self._media = media
        self._webhooks = webhooks
        self._face = face
        self._feed = feed
        self._clock = clock
        self._sent_after, self._delivered_after = (wait.total_seconds() for wait in pace)
        self._messages: dict[int, Message] = {}
        self._order: list[int] = []
        self._of: dict[int, list[int]] = {}
        self._newest = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def all(self) -> tuple[Message, ...]:
        """List all messages, in the order in which they were stored."""
        return tuple(self._messages.values())

    def peek(self, number: int) -> Message | None:
        """Return the message with this id, if there is one."""
        return self._messages.get(number)

    def get(self, contact: Contact, number: int) -> Message:
        """Return a message of a contact. Raises: `NotFound`, also when it is another contact's."""
        message = self._messages.get(number)
        if message is None or message.contact != contact.id:
            raise NotFound("Message not found")
        return message

    def of(
        self, contact: int | None, after: int = 0, traffic: Literal["incoming", "outgoing"] | None = None
    ) -> list[Message]:
        """List the messages of one contact or of all (`None`), later than the id `after`, oldest first."""
        numbers = self._order if contact is None else self._of.get(contact, [])
        numbers = numbers[bisect_right(numbers, after) :]
        return [self._messages[n] for n in numbers if traffic in {None, self._messages[n].traffic}]

    def keep(self, message: Message) -> Message:
        """Store a new message, or a new version of one; no event is sent."""
        if message.id not in self._messages:
            insort(self._order, message.id)
            insort(self._of.setdefault(message.contact, []), message.id)
            self._newest = max(self._newest, message.id)
        self._messages[message.id] = message
        self._feed.touch("message", message.id)
        return message

    def receive(self, contact: Contact, content: Content, channel: int | None = None) -> Message:
        """Record a message of the customer: a closed conversation opens, and the webhook goes out.

        Raises:
            Invalid: an empty text, or a content without type.
            NotFound: there is no such channel.
        """
        if not isinstance(content.get("type"), str):
            raise Invalid("message.type: a string is needed, e.g. text")
        if content["type"] == "text" and not str(content.get("text") or "").strip():
            raise Invalid("message.text: the text is empty")
        on = self._workspace.channel(channel or contact.channel or self._workspace.channels[0].id)
        message = self.keep(self._new(contact, on.id, "incoming", content, Sender(SenderKind.CONTACT)))
        contact = self._book.keep(
            replace(contact, channel=on.id, last_incoming_at=message.at, last_message_at=message.at)
        )
        opened = contact.conversation is None
        contact = self._conversations.count_incoming(contact, message)
        self._webhooks.emit(events.MessageReceived(contact, message))
        if opened:
            self._conversations.announce_open(contact, message)
        return message

    def send(self, contact: Contact, channel: Channel, content: Content, sender: Sender) -> Message:
        """Accept an outgoing message; it is sent and delivered a little later, or fails with a reason in its `statuses`."""
        message = self._new(contact, channel.id, "outgoing", self._face.fill_in(content, contact), sender)
        message = self.keep(replace(message, statuses=(Status("pending", message.at),)))
        contact = self._book.keep(replace(contact, last_message_at=message.at))
        self._conversations.count_outgoing(contact, message)
        self._start(self._transmit(message.id))
        return message

    def read_all(self, contact: Contact) -> None:
        """Mark what was delivered to a customer as read."""
        for message in self.of(contact.id, traffic="outgoing"):
            if message.state in {"sent", "delivered"}:
                self._advance(message.id, "read")

    def resume(self) -> None:
        """Go on with the messages that were not delivered yet when the sandbox stopped."""
        for message in self.all():
            if message.state in {"pending", "sent"}:
                self._start(self._transmit(message.id))

    async def stop(self) -> None:
        """Stop sending; `resume` goes on."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget(self, contact: int) -> None:
        """Drop the messages of a deleted contact."""
        gone = self._of.pop(contact, [])
        for number in gone:
            del self._messages[number]
            self._feed.touch("message", number)
        self._order = sorted(self._messages)

    def move(self, source: int, target: int) -> None:
        """Give the messages of a merged contact to the one that stays."""
        numbers = self._of.pop(source, [])
        for number in numbers:
            self._messages[number] = replace(self._messages[number], contact=target)
            self._feed.touch("message", number)
        self._of[target] = sorted(self._of.get(target, []) + numbers)

    def clear(self) -> None:
        """Forget all messages."""
        for task in self._tasks:
            task.cancel()
        self._messages.clear()
        self._order.clear()
        self._of.clear()

    def _new(
        self, contact: Contact, channel: int, traffic: Literal["incoming", "outgoing"], content: Content, sender: Sender
    ) -> Message:
        at = self._clock()
        self._newest = max(self._newest + 1, int(at.timestamp() * 1_000_000))
        token = f"wamid.{secrets.token_urlsafe(18)}"
        return Message(self._newest, token, contact.id, channel, traffic, dict(content), sender, at)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _transmit(self, number: int) -> None:
        await asyncio.sleep(self._sent_after)
        message = self._messages.get(number)
        if message is None:
            return
        reason = self._obstacle(message)
        if reason is None:
            reason = await self._fetch(message)
        if reason is not None:
            self._advance(number, "failed", reason)
            return
        if self._advance(number, "sent"):
            message = self._messages[number]
            contact = self._book.get(message.contact)
            self._webhooks.emit(events.MessageSent(contact, message))
        await asyncio.sleep(max(0.0, self._delivered_after - self._sent_after))
        self._advance(number, "delivered")

    def _obstacle(self, message: Message) -> str | None:
        """Why the channel refuses a message that the platform has accepted; `None` when it does not."""
        contact, channel = self._book.get(message.contact), self._workspace.channel(message.channel)
        match message.content:
            case {"template": {"name": str(name), "languageCode": str(language)}} if (
                channel.kind is ChannelKind.WHATSAPP
            ):
                known = self._workspace.has_template(channel.id, name, language)
                return None if known else f"Template name does not exist in the translation: {name} ({language})"
            case {"messageTag": str()} | {"template": _}:
                return None
        last = contact.last_incoming_at
        if channel.kind in _WINDOWED and (last is None or message.at - last > _WINDOW):
            return "Message failed to send because more than 24 hours have passed since the customer last replied"
        if channel.kind is ChannelKind.WHATSAPP and len(message.text or "") > _LONGEST_TEXT:
            return f"Text is longer than {_LONGEST_TEXT} characters"
        return None

    async def _fetch(self, message: Message) -> str | None:
        """Copy the attachment, as platforms do; the reason when it cannot be downloaded."""
        match message.content:
            case {"attachment": {"url": str(url), "type": str(kind)}} if message.copy is None:
                try:
                    copy = await self._media.fetch(url, kind)
                except MediaUnreachable as error:
                    return f"Media could not be downloaded: {error}"
                if (current := self._messages.get(message.id)) is not None:
                    self.keep(replace(current, copy=copy.token))
        return None

    def _advance(self, number: int, value: StatusValue, reason: str | None = None) -> bool:
        """Add a status, unless the message is gone or already further; whether it was added."""
        message = self._messages.get(number)
        if message is None or message.state == "failed":
            return False
        if value != "failed" and _ORDER.index(value) <= _ORDER.index(message.state or "pending"):
            return False
        self.keep(replace(message, statuses=(*message.statuses, Status(value, self._clock(), reason))))
        return True
