"""Follow-ups that are due: a plain decision on what is known then, not on what was known when it was scheduled."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from actions.action import Comment
from actions.qris.states import SETTLED, PaymentState
from agent.config.followups import FollowUpConditions, FollowUpRule, FollowUpSettings
from agent.config.hours import Hours
from agent.delivery.window import Skip, Wording, decide
from agent.faults import point
from agent.ledger import contacts, followups, history, outbound, payments
from agent.ledger.codec import Deliverable
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database, lock_contact
from agent.ledger.followups import FollowUp
from messaging.types import ContactKey, Outbound, Template, Text

log = structlog.get_logger()


STALE = timedelta(days=1)
"""How late one may still be sent, e.g. after the agent was switched off; later it would puzzle the customer."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when it is due. `sent_today` counts what rules have sent since midnight."""

    contact: ContactState
    payment: PaymentState | None
    unanswered: bool
    sent_today: int


@dataclass(frozen=True, slots=True)
class Send:
    """It is sent now."""

    content: Outbound


@dataclass(frozen=True, slots=True)
class End:
    """It is not sent: `cancelled` when it is no longer wanted, `skipped` when it may not be."""

    state: Literal["cancelled", "skipped"]
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """It is decided again then."""

    until: datetime


def judge(
    followup: FollowUp, facts: Facts, *, settings: FollowUpSettings, hours: Hours | None, zone: ZoneInfo, now: datetime
) -> Send | End | Wait:
    """Decide whether a follow-up is sent, ended with a reason, or decided again at the next opening.

    A promise (`rule` is `None`) is kept at the hour that the customer asked for, whatever they wrote since and however much was
    sent today; only silence that was asked for, a human, and the channel's window stand against it.

    Args:
        facts: of the contact, read in the same transaction.
        hours: when rules may write; `None` for always.
        zone: of the business, for `hours`.
    """
    contact = facts.contact
    if contact.contact.status == "blocked":
        return End("skipped", "the contact is blocked on the platform")
    if contact.opted_out_at is not None:
        return End("skipped", "the contact opted out")
    if now - followup.due_at > STALE:
        return End("skipped", f"it was due {(now - followup.due_at).days} days ago, when the agent did not run")
    rule = None
    if followup.rule is not None:
        rule = next((each for each in settings.rules if each.name == followup.rule), None)
        if rule is None:
            return End("cancelled", f"agent.yaml has no rule {followup.rule!r} any more")
        if (end := _unmet(rule.when, followup, facts)) is not None:
            return end
    if contact.paused(now):
        return End("skipped", f"a human answers ({contact.paused_by})")
    if rule is not None:
        if facts.sent_today >= settings.limit:
            return End("skipped", f"followups.limit: {settings.limit} a day are used up")
        if hours is not None and not hours.is_open(now.astimezone(zone)):
            opening = hours.next_opening(now.astimezone(zone))
            return Wait(opening) if opening is not None else End("skipped", "the business never opens again")
    wording = _wording(followup, rule, settings, contact.language)
    decided = decide(wording, contact, contact.channel_kind, now)
    return End("skipped", decided.reason) if isinstance(decided, Skip) else Send(decided)


def _unmet(when: FollowUpConditions, followup: FollowUp, facts: Facts) -> End | None:
    """The condition that does not hold."""
    if (
        when.no_reply
        and facts.contact.last_inbound_at is not None
        and facts.contact.last_inbound_at > followup.created_at
    ):
        return End("cancelled", "the contact replied")
    if when.payment is not None and facts.payment != when.payment:
        if facts.payment in SETTLED:
            return End("cancelled", "it is paid")
        reason = (
            "there is no payment" if facts.payment is None else f"the payment is {facts.payment}, not {when.payment}"
        )
        return End("skipped", reason)
    if when.unanswered and not facts.unanswered:
        return End("cancelled", "the question was answered")
    return None


def _wording(
    followup: FollowUp, rule: FollowUpRule | None, settings: FollowUpSettings, language: str | None
) -> Wording:
    """A rule's words are those of agent.yaml now; a promise has its own, and they fill the last placeholder of a template."""
    if rule is None:
        template, line = settings.reminder_template, " ".join(followup.text.split())
        if template is not None:
            template = template.model_copy(update={"parameters": (*template.parameters, line)})
        return Wording(followup.text, template)
    return Wording(rule.text.in_language(language), rule.template, rule.tag)


class FollowUps:
    """Decides on the due follow-ups of one contact. `hours` are the business's, in its own `zone`."""

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

    async def process(self, contact: ContactKey) -> bool:
        """Decide on everything that is due; what is to be sent is in the outbox when this returns.

        Returns:
            Whether anything was due.
        """
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
                contents = messages_in(content, state)
                outbound.add(
                    connection,
                    key,
                    outbox_id(followup),
                    contents,
                    now=now,
                    channel=channel,
                    unless_replied=bool(followup.conditions.get("no_reply")),
                )
                history.append(connection, key, [line_of(content, now)])
            case End(ended, reason):
                followups.end(connection, followup.id, ended, reason, now)
                if followup.rule is None and state.opted_out_at is None:
                    note = (
                        f"The customer asked to be reminded now, and was not: {reason}. The reminder: {followup.text}"
                    )
                    outbound.add(connection, key, outbox_id(followup), [Comment(note)], now=now, channel=channel)


def outbox_id(followup: FollowUp) -> str:
    """Name its deliveries, so that one follow-up is in the outbox once."""
    return f"followup/{followup.id}"


def messages_in(content: Outbound, state: ContactState) -> list[Deliverable]:
    """A text in the channel's formatting, and in as many messages as its length takes."""
    from messaging.splitting import messages_of

    if not isinstance(content, Text):
        return [content]
    source = state.channel.source if state.channel is not None else None
    return [replace(content, text=part) for part in messages_of(content.text, source)]


def line_of(content: Outbound, now: datetime) -> history.Line:
    """Write what is sent as the history keeps it, so that the model knows of it; the words of a template are the platform's."""
    if isinstance(content, Text):
        return history.Line("agent", content.text, now)
    shown = (
        f"template {content.name}: {', '.join(content.values)}"
        if isinstance(content, Template)
        else type(content).__name__
    )
    return history.Line("agent", f"[{shown}]", now, said="")
