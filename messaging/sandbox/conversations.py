"""Conversations: opening, closing, assigning, and the comments of colleagues."""

import re
from dataclasses import replace

from messaging.sandbox import events
from messaging.sandbox.contacts import ContactBook
from messaging.sandbox.records import Comment, Contact, Conversation, Message, Sender, SenderKind, User
from messaging.sandbox.storage import Feed
from messaging.sandbox.webhooks import Webhooks
from messaging.sandbox.workspace import Workspace
from settings.clock import Clock

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

    def open(self, contact: Contact, source: SenderKind) -> Contact:
        """Open the conversation; nothing happens when it is open."""
        if contact.conversation is None:
            contact = self._book.keep(replace(contact, conversation=Conversation(self._clock(), source)))
            self.announce_open(contact, None)
        return contact

    def announce_open(self, contact: Contact, first: Message | None) -> None:
        """Report that the conversation is open; `first` is the message that opened it, if one did."""
        if contact.conversation is not None:
            self._webhooks.emit(events.ConversationOpened(contact, contact.conversation, first))

    def close(
        self,
        contact: Contact,
        source: SenderKind,
        by: User | None = None,
        category: str | None = None,
        summary: str | None = None,
    ) -> Contact:
        """Close the conversation; nothing happens when it is closed. `category` is the name of a closing note."""
        conversation = contact.conversation
        if conversation is None:
            return contact
        contact = self._book.keep(replace(contact, conversation=None))
        note = summary if category else None
        self._webhooks.emit(events.ConversationClosed(contact, conversation, self._clock(), by, source, category, note))
        return contact

    def assign(self, contact: Contact, to: User | None) -> Contact:
        """Assign to a colleague; `None` unassigns."""
        number = None if to is None else to.id
        if number == contact.assignee:
            return contact
        conversation = contact.conversation
        if conversation is not None and to is not None:
            conversation = replace(conversation, assigned_at=self._clock())
        contact = self._book.keep(replace(contact, assignee=number, conversation=conversation))
        self._webhooks.emit(events.AssigneeUpdated(contact))
        return contact

    def comment(self, contact: Contact, text: str, author: Sender) -> Comment:
        """Leave a note; `{{@user.3}}` mentions a colleague."""
        number = 1 + max(self.comments, default=0)
        comment = self.keep_comment(Comment(number, contact.id, text, self._clock(), author))
        wanted = {int(number) for number in _MENTION.findall(text)}
        mentioned = tuple(user for user in self._workspace.users if user.id in wanted)
        self._webhooks.emit(events.CommentCreated(contact, comment, mentioned))
        return comment

    def keep_comment(self, comment: Comment) -> Comment:
        """Store a comment; no event is sent."""
        self.comments[comment.id] = comment
        self._feed.touch("comment", comment.id)
        return comment

    def forget(self, contact: int) -> None:
        """Drop the comments of a deleted contact."""
        for comment in [comment for comment in self.comments.values() if comment.contact == contact]:
            del self.comments[comment.id]
            self._feed.touch("comment", comment.id)

    def move(self, source: int, target: int) -> None:
        """Give the comments of a merged contact to the one that stays."""
        for comment in [comment for comment in self.comments.values() if comment.contact == source]:
            self.keep_comment(replace(comment, contact=target))

    def count_incoming(self, contact: Contact, message: Message) -> Contact:
        """Count a message of the customer, which opens the conversation."""
        conversation = contact.conversation or Conversation(message.at, SenderKind.CONTACT)
        return self._book.keep(replace(contact, conversation=replace(conversation, incoming=conversation.incoming + 1)))

    def count_outgoing(self, contact: Contact, message: Message) -> None:
        """Count a message to the customer, if the conversation is open."""
        conversation = contact.conversation
        if conversation is not None:
            first = conversation.first_response_at or message.at
            conversation = replace(conversation, outgoing=conversation.outgoing + 1, first_response_at=first)
            self._book.keep(replace(contact, conversation=conversation))
