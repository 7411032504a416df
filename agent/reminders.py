"""Reminders in the agent: the actions that schedule, list and cancel them, over the ledger."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from actions.action import Action, Context
from actions.builtin.settings import FollowUpAction
from actions.reminders.actions import CancelReminder, ListReminders, Remind, Reminder
from agent.config import AgentConfig
from agent.delivery.window import closes
from agent.ledger import contacts, followups
from agent.ledger.database import Database
from messaging.types import ChannelKind, ContactKey

LONGEST = timedelta(days=30)
"""How far ahead a customer may ask for a reminder, unless `{builtin: follow_up, longest: …}` says otherwise."""


def reminder_actions(config: AgentConfig, database: Database, clock: Callable[[], datetime]) -> list[Action]:
    """Build `follow_up`, `list_reminders` and `cancel_reminder`, unless `followups.reminders` is off.

    Args:
        config: agent.yaml.
        clock: the time, aware UTC.
    """
    if not config.followups.reminders:
        return []
    book = LedgerReminderBook(
        database, config.platforms[0].effective_name, has_template=config.followups.reminder_template is not None
    )
    longest = next((entry.longest for entry in config.actions if isinstance(entry, FollowUpAction)), LONGEST)
    return [
        Remind(book, config.zone, clock, longest=longest),
        ListReminders(book, config.zone, clock),
        CancelReminder(book, config.zone, clock),
    ]


class LedgerReminderBook:
    """`actions.reminders.actions.ReminderBook` over the ledger. `platform` is that of contacts whose context names none."""

    def __init__(self, database: Database, platform: str, *, has_template: bool) -> None:
        self._database = database
        self._platform = platform
        self._has_template = has_template

    async def waiting(self, context: Context) -> Sequence[Reminder]:
        key = self._key(context)
        found = await self._database.read(lambda connection: followups.promised(connection, key))
        return [Reminder(one.id, one.due_at, one.text) for one in found]

    async def free_until(self, context: Context) -> datetime | None:
        """When the channel's window closes; `None` on WhatsApp with a template, which may be sent at any time."""
        key = self._key(context)
        state = await self._database.read(lambda connection: contacts.load(connection, key))
        if state is None or state.channel is None:
            return None
        if self._has_template and state.channel_kind is ChannelKind.WHATSAPP:
            return None
        return closes(state, state.channel_kind)

    def _key(self, context: Context) -> ContactKey:
        return ContactKey(str(context.contact.get("platform") or self._platform), str(context.contact.get("id")))
