"""Who answers a contact and whether the conversation is open; and the notes among colleagues."""

import re
from dataclasses import replace

from messaging.sandbox import events
from messaging.sandbox.contacts import ContactBook
from messaging.sandbox.options import Clock
from messaging.sandbox.records import Comment, Contact, Conversation, Message, Sender, User
from messaging.sandbox.storage import Feed
from messaging.sandbox.webhooks import Webhooks
from messaging.sandbox.workspace import Workspace

_MENTION = re.compile(r"\{\{\s*@user\.(\d+)\s*\}\}")


class Conversations:
    """Opening, closing, assigning, commenting."""

    def __init__(self, book: ContactBook, workspace: Workspace, webhooks: Webhooks, feed: Feed, clock: Clock) -> None:
        self._book = book
        self._workspace = workspace
        self._webhooks = webhooks
        self._feed = feed
        self._clock = clock
        self.comments: dict[int, Comment] = {}

    def open(self, contact: Contact, source: str) -> Contact:
        """Open the conversation; nothing happens when it is open."""
        if contact.conversation is None:
            contact = self._book.keep(replace(contact, conversation=Conversation(self._clock(), source)))
            self.announce_open(contact, None)
        return contact

    def announce_open(self, contact: Contact, first: Message | None) -> None:
        conversation = contact.conversation
        if conversation is not None:
            body = events.conversation_opened(contact, conversation, first, self._workspace)
            self._webhooks.emit(contact.id, body)

    def close(
        self,
        contact: Contact,
        source: str,
        by: User | None = None,
        category: str | None = None,
        summary: str | None = None,
    ) -> Contact:
        """Close the conversation; nothing happens when it is closed. `category` is the name of a closing note."""
        conversation = contact.conversation
        if conversation is None:
            return contact
        contact = self._book.keep(replace(contact, conversation=None))
        body = events.conversation_closed(
            contact, conversation, self._clock(), by, source, category, summary if category else None, self._workspace
        )
        self._webhooks.emit(contact.id, body)
        return contact

    def assign(self, contact: Contact, to: User | None) -> Contact:
        """Assign to a colleague, or with `None` to nobody."""
        number = None if to is None else to.id
        if number == contact.assignee:
            return contact
        conversation = contact.conversation
        if conversation is not None and to is not None:
            conversation = replace(conversation, assigned_at=self._clock())
        contact = self._book.keep(replace(contact, assignee=number, conversation=conversation))
        self._webhooks.emit(contact.id, events.assignee_updated(contact, self._workspace))
        return contact

    def comment(self, contact: Contact, text: str, author: Sender) -> Comment:
        """Leave a note; `{{@user.3}}` mentions a colleague."""
        number = 1 + max(self.comments, default=0)
        comment = self.keep_comment(Comment(number, contact.id, text, self._clock(), author))
        wanted = {int(number) for number in _MENTION.findall(text)}
        mentioned = [user for user in self._workspace.users if user.id in wanted]
        self._webhooks.emit(contact.id, events.comment_created(contact, comment, mentioned, self._workspace))
        return comment

    def keep_comment(self, comment: Comment) -> Comment:
        self.comments[comment.id] = comment
        self._feed.touch("comment", comment.id)
        return comment

    def forget(self, contact: int) -> None:
        for comment in [comment for comment in self.comments.values() if comment.contact == contact]:
            del self.comments[comment.id]
            self._feed.touch("comment", comment.id)

    def move(self, source: int, target: int) -> None:
        for comment in [comment for comment in self.comments.values() if comment.contact == source]:
            self.keep_comment(replace(comment, contact=target))

    def count_incoming(self, contact: Contact, message: Message) -> Contact:
        conversation = contact.conversation or Conversation(message.at, "contact", message.id)
        return self._book.keep(replace(contact, conversation=replace(conversation, incoming=conversation.incoming + 1)))

    def count_outgoing(self, contact: Contact, message: Message) -> None:
        conversation = contact.conversation
        if conversation is not None:
            first = conversation.first_response_at or message.at
            conversation = replace(conversation, outgoing=conversation.outgoing + 1, first_response_at=first)
            self._book.keep(replace(contact, conversation=conversation))
