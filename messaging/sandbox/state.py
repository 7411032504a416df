"""The state of a sandbox, and what a customer or a colleague can do in it."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from messaging.sandbox import events
from messaging.sandbox.contacts import ContactBook, ContactFields
from messaging.sandbox.conversations import Conversations
from messaging.sandbox.errors import Invalid
from messaging.sandbox.face import Face
from messaging.sandbox.faults import Faults, RateLimiter
from messaging.sandbox.media import MediaStore, kind_of
from messaging.sandbox.messages import MessageLog
from messaging.sandbox.options import SandboxOptions
from messaging.sandbox.records import (
    Channel,
    Comment,
    Contact,
    Content,
    Delivery,
    Media,
    Message,
    Sender,
    SenderKind,
    User,
    WebhookTarget,
    WorkspaceSettings,
)
from messaging.sandbox.storage import Feed, Storage
from messaging.sandbox.webhooks import RetryRule, Webhooks
from messaging.sandbox.workspace import Workspace

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "workspace": TypeAdapter(WorkspaceSettings),
    "webhooks": TypeAdapter(tuple[WebhookTarget, ...]),
    "contact": TypeAdapter(Contact),
    "message": TypeAdapter(Message),
    "comment": TypeAdapter(Comment),
    "delivery": TypeAdapter(Delivery),
    "media": TypeAdapter(Media),
}


class Sandbox:
    """The state of a sandbox. All methods but `start` and `stop` take effect at once; call them inside its event loop.

    Args:
        options: how it is set up.
        face: the platform that it plays.

    Attributes:
        base_url: where the sandbox is reached, e.g. `http://127.0.0.1:8099`; media addresses begin with it.
    """

    def __init__(self, options: SandboxOptions, face: Face) -> None:
        self.options = options
        self.face = face
        self.base_url = f"http://{options.host}:{options.port}"
        self.feed = Feed()
        self.faults = Faults(self.feed)
        self.limiter = None if options.rate is None else RateLimiter(options.rate)
        self.media = MediaStore(self.feed)
        self.workspace = Workspace(self.feed, options.clock)
        rule = RetryRule(options.webhook_tries, options.webhook_backoff, options.webhook_timeout)
        self.webhooks = Webhooks(self.feed, self.faults, options.clock, rule, face, self.workspace)
        self.contacts = ContactBook(self.workspace, self.webhooks, self.feed, options.clock)
        self.conversations = Conversations(self.contacts, self.workspace, self.webhooks, self.feed, options.clock)
        pace = (options.sent_after, options.delivered_after)
        self.messages = MessageLog(
            self.contacts,
            self.conversations,
            self.workspace,
            self.media,
            self.webhooks,
            face,
            self.feed,
            options.clock,
            pace,
        )
        self._storage = (
            None if options.storage is None else Storage(options.storage, self.feed, self._keys, self._record)
        )

    async def start(self) -> None:
        """Read the storage, or begin with the seed contacts; then go on with waiting messages and deliveries."""
        loaded = [] if self._storage is None else await asyncio.to_thread(self._storage.load)
        for kind, data in loaded:
            self._restore(kind, _ADAPTERS[kind].validate_json(data))
        if self._storage is not None:
            self._storage.start()
        if not loaded:
            self._seed()
        options = self.options
        if options.webhook_url is not None:
            self.webhooks.add(options.webhook_url, options.webhook_secret, options.webhook_events, "start")
        await self.webhooks.start()
        self.messages.resume()

    async def stop(self) -> None:
        """End waiting reads, stop deliveries and write the storage."""
        self.feed.close()
        await self.messages.stop()
        await self.webhooks.stop()
        if self._storage is not None:
            await self._storage.stop()

    def reset(self) -> None:
        """Go back to the beginning: seed contacts only, faults off; webhook targets stay."""
        self.faults.switch_off()
        self.messages.clear()
        self.webhooks.clear()
        self.conversations.comments.clear()
        self.contacts.clear()
        self.media.clear()
        self.workspace.fill()
        self.feed.touch("reset")
        self._seed()

    # The customer.

    def phone(
        self, phone: str, first_name: str = "Pelanggan", email: str | None = None, language: str | None = None
    ) -> Contact:
        """Return the contact with this number, or create it with the other values.

        Raises:
            Invalid: it is no number.
        """
        known = self.contacts.look_up(f"phone:{phone}")
        if known is not None:
            return known
        return self.contacts.create(
            f"phone:{phone}", ContactFields(first_name=first_name, email=email, language=language)
        )

    def say(self, contact: Contact | int, text: str, channel: int | None = None) -> Message:
        """Write `text` as the customer."""
        return self.receive(contact, {"type": "text", "text": text}, channel)

    def receive(self, contact: Contact | int, content: Content, channel: int | None = None) -> Message:
        """Send any message type as the customer, e.g. `{"type": "location", "latitude": …}`."""
        return self.messages.receive(self._current(contact), content, channel)

    def attach(
        self,
        contact: Contact | int,
        data: bytes,
        name: str = "file",
        mime_type: str | None = None,
        caption: str | None = None,
        channel: int | None = None,
    ) -> Message:
        """Send a file as the customer; an audio file is a voice note.

        Args:
            contact: it or its id.
            mime_type: what the sender says it is; `None` leaves it to the content.
            channel: id; `None` for the one that the contact wrote on last.
        """
        media = self.media.add(name, data, mime_type)
        attachment = {
            "type": kind_of(media.mime_type),
            "url": self.media_url(media),
            "fileName": media.name,
            "mimeType": media.mime_type,
            "size": len(data),
        }
        content: dict[str, Any] = {"type": "attachment", "attachment": attachment}
        if caption:
            content["description"] = caption
        return self.receive(contact, content, channel)

    def media_url(self, media: Media) -> str:
        """Return the address under which a file is served."""
        return f"{self.base_url}/sandbox/media/{media.token}/{media.name}"

    # The colleague.

    def reply_as_human(self, contact: Contact | int, text: str, user: User | int | str | None = None) -> Message:
        """Write to the customer as a colleague; a closed conversation opens. Raises: `Invalid` for an empty text."""
        current, by = self._current(contact), self._colleague(user)
        current = self.conversations.open(current, SenderKind.USER)
        if not text.strip():
            raise Invalid("text: it is empty")
        sender = Sender(SenderKind.USER, by.id)
        return self.messages.send(current, self._channel_of(current), {"type": "text", "text": text}, sender)

    def listed(self, contact: Contact) -> list[Message]:
        """List the messages of a contact as the API does, oldest first: with the fault `late_list`, without the newest outgoing ones."""
        found, fault = self.messages.of(contact.id), self.faults.strike("late_list")
        if fault is None:
            return found
        shown = self.options.clock() - timedelta(seconds=fault.seconds)
        return [message for message in found if message.traffic == "incoming" or message.at <= shown]

    def assign(self, contact: Contact | int, user: User | int | str | None = None) -> Contact:
        """Assign the contact to a colleague (`user`: id or e-mail; the last one when left out)."""
        return self.conversations.assign(self._current(contact), self._colleague(user))

    def unassign(self, contact: Contact | int) -> Contact:
        """Take the assignment back."""
        return self.conversations.assign(self._current(contact), None)

    def close(
        self,
        contact: Contact | int,
        user: User | int | str | None = None,
        category: str | None = None,
        summary: str | None = None,
    ) -> Contact:
        """Close the conversation as a colleague.

        Args:
            contact: it or its id.
            user: the colleague, or their id or e-mail address; `None` for the last one of the workspace.
            category: name of a closing note.
        """
        return self.conversations.close(
            self._current(contact), SenderKind.USER, self._colleague(user), category, summary
        )

    def reopen(self, contact: Contact | int) -> Contact:
        """Open the conversation as a colleague."""
        return self.conversations.open(self._current(contact), SenderKind.USER)

    def block(self, contact: Contact | int) -> Contact:
        """Block the customer as a colleague."""
        return self.contacts.keep(replace(self._current(contact), blocked=True))

    def unblock(self, contact: Contact | int) -> Contact:
        """Unblock the customer."""
        return self.contacts.keep(replace(self._current(contact), blocked=False))

    def comment(self, contact: Contact | int, text: str, user: User | int | str | None = None) -> Comment:
        """Leave an internal note as a colleague."""
        author = Sender(SenderKind.USER, self._colleague(user).id)
        return self.conversations.comment(self._current(contact), text, author)

    def end_call(self, contact: Contact | int, seconds: int, user: User | int | str | None = None) -> None:
        """Report a telephone call of `seconds` with a colleague that ends now."""
        current, ended = self._current(contact), self.options.clock()
        began = ended - timedelta(seconds=seconds)
        self.webhooks.emit(events.CallEnded(current, self._channel_of(current), self._colleague(user), began, ended))

    def age(self, contact: Contact | int, since: timedelta) -> Contact:
        """Pretend that the customer last wrote `since` ago, e.g. to leave the 24-hour window."""
        return self.contacts.keep(replace(self._current(contact), last_incoming_at=self.options.clock() - since))

    # What several parts must do together.

    def delete_contact(self, contact: Contact) -> None:
        """Delete a contact with its messages and comments."""
        self.messages.forget(contact.id)
        self.conversations.forget(contact.id)
        self.contacts.delete(contact)

    def merge_contacts(self, first: Contact, second: Contact, fields: ContactFields) -> Contact:
        """Join two contacts, their messages and comments; the older one stays and gets `fields`."""
        kept, gone = self.contacts.merge(first, second, fields)
        self.messages.move(gone.id, kept.id)
        self.conversations.move(gone.id, kept.id)
        return kept

    def _current(self, contact: Contact | int) -> Contact:
        return self.contacts.get(contact if isinstance(contact, int) else contact.id)

    def _channel_of(self, contact: Contact) -> Channel:
        """The channel the contact wrote on last, else the first."""
        return self.workspace.channel(contact.channel or self.workspace.channels[0].id)

    def _colleague(self, user: User | int | str | None) -> User:
        if isinstance(user, User):
            return user
        return self.workspace.users[-1] if user is None else self.workspace.find_user(user)

    def _seed(self) -> None:
        for seed in self.options.seed:
            fields = ContactFields(
                first_name=seed.first_name,
                last_name=seed.last_name,
                email=seed.email,
                language=seed.language,
                country_code=seed.country_code,
            )
            self.contacts.create(f"phone:{seed.phone}", fields)

    def _keys(self) -> Iterable[tuple[str, int | str]]:
        yield "workspace", 0
        yield "webhooks", 0
        yield from (("media", media.token) for media in self.media.all())
        yield from (("contact", contact.id) for contact in self.contacts.all())
        yield from (("message", message.id) for message in self.messages.all())
        yield from (("comment", number) for number in self.conversations.comments)
        yield from (("delivery", number) for number in self.webhooks.deliveries)

    def _record(self, kind: str, number: int | str) -> bytes | None:
        record = self.look_up(kind, number)
        return None if record is None else _ADAPTERS[kind].dump_json(record)

    def look_up(self, kind: str, number: int | str) -> object:
        """Return the record that a change of the feed names; `None` when it is gone."""
        match kind, number:
            case "contact", int():
                return self.contacts.peek(number)
            case "message", int():
                return self.messages.peek(number)
            case "comment", int():
                return self.conversations.comments.get(number)
            case "delivery", int():
                return self.webhooks.deliveries.get(number)
            case "media", str():
                return self.media.peek(number)
            case "workspace", _:
                return self.workspace.settings()
            case "webhooks", _:
                return tuple(self.webhooks.targets.values())
        return None

    def _restore(self, kind: str, record: Any) -> None:
        match kind:
            case "workspace":
                self.workspace.restore(record)
            case "webhooks":
                for target in record:
                    self.webhooks.restore_target(target)
            case "contact":
                self.contacts.keep(record)
            case "message":
                self.messages.keep(record)
            case "comment":
                self.conversations.keep_comment(record)
            case "delivery":
                self.webhooks.restore(record)
            case "media":
                self.media.keep(record)
            case _:
                raise Invalid(f"storage: {self.options.storage} holds an unknown record kind {kind!r}")
