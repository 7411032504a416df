"""Follow-ups that are due: each is sent through the outbox, put off, or ended with its reason, in one transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from actions.action import Comment
from agent.config.followups import FollowUpSettings
from agent.config.hours import Hours
from agent.delivery.due import End, Facts, Send, Wait, judge
from agent.delivery.window import UNLESS_REPLIED
from agent.faults import point
from agent.ledger import contacts, followups, history, outbound, payments
from agent.ledger.codec import Deliverable
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database, lock_contact
from agent.ledger.followups import FollowUp
from messaging.types import ContactKey, Outbound, Template, Text

log = structlog.get_logger()


class FollowUps:
    """Sees to what is due of one contact. `hours` are the business's, in its own `zone`."""

    def __init__(
        self,
        database: Database,
        settings: FollowUpSettings,
        *,
        hours: Hours | None,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._settings = settings
        self._hours = hours
        self._zone = zone
        self._clock = clock

    async def see_to(self, contact: ContactKey) -> bool:
        """Decide on everything that is due; False when nothing is. What is to be sent is in the outbox when this returns."""
        now = self._clock()
        if not await self._database.read(lambda connection: followups.due(connection, contact, now)):
            return False
        point("followup-due")
        for followup, verdict in await self._database.write(lambda connection: self._decide(connection, contact)):
            log.info(
                "followup_decided",
                followup=followup.id,
                contact=str(contact),
                rule=followup.rule,
                verdict=verdict.state if isinstance(verdict, End) else type(verdict).__name__.lower(),
                reason=verdict.reason if isinstance(verdict, End) else None,
            )
        point("followup-decided")
        return True

    def _decide(self, connection: Connection, key: ContactKey) -> list[tuple[FollowUp, Send | End | Wait]]:
        lock_contact(connection, key.platform, key.id)
        now = self._clock()
        state = contacts.load(connection, key)
        decided: list[tuple[FollowUp, Send | End | Wait]] = []
        if state is None:
            return decided
        midnight = now.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        for followup in followups.due(connection, key, now):
            facts = Facts(
                state,
                payments.state_of_last(connection, key, now),
                followups.unanswered(connection, key),
                followups.sent_since(connection, key, midnight),
            )
            verdict = judge(followup, facts, settings=self._settings, hours=self._hours, zone=self._zone, now=now)
            self._carry_out(connection, followup, verdict, state, now)
            decided.append((followup, verdict))
        return decided

    def _carry_out(
        self, connection: Connection, followup: FollowUp, verdict: Send | End | Wait, state: ContactState, now: datetime
    ) -> None:
        key = followup.contact
        channel = state.channel.id if state.channel is not None else None
        match verdict:
            case Wait(until):
                followups.postpone(connection, followup.id, until)
            case Send(content):
                followups.end(connection, followup.id, "sent", None, now)
                contents = _messages(content, state)
                outbound.add(connection, key, outbox_id(followup), contents, now=now, channel=channel)
                history.append(connection, key, [history.Line("agent", _shown(content), now)])
            case End(ended, reason):
                followups.end(connection, followup.id, ended, reason, now)
                if followup.rule is None and state.opted_out_at is None:
                    note = (
                        f"The customer asked to be reminded now, and was not: {reason}. The reminder: {followup.text}"
                    )
                    outbound.add(connection, key, outbox_id(followup), [Comment(note)], now=now, channel=channel)


def outbox_id(followup: FollowUp) -> str:
    """What its deliveries are called, so that one follow-up is in the outbox once."""
    if followup.conditions.get("no_reply"):
        return f"{UNLESS_REPLIED}{followup.id}"
    return f"followup/{followup.id}"


def _messages(content: Outbound, state: ContactState) -> list[Deliverable]:
    """A text in the channel's formatting, and in as many messages as its length takes."""
    from messaging.splitting import messages_of

    if not isinstance(content, Text):
        return [content]
    source = state.channel.source if state.channel is not None else None
    return [replace(content, text=part) for part in messages_of(content.text, source)]


def _shown(content: Outbound) -> str:
    """What the history keeps, so that the model knows what was said."""
    if isinstance(content, Template):
        return f"[template {content.name}: {', '.join(content.values)}]"
    return content.text if isinstance(content, Text) else f"[{type(content).__name__}]"
