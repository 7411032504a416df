"""What may be sent when: the channel's window for free text, templates, and whether a delivery may still go out.

WhatsApp, Facebook and Instagram let a business write freely for 24 hours after the customer's last message. Later, WhatsApp
takes templates only, and Facebook and Instagram texts with a tag that says what kind of update they are. The tag `HUMAN_AGENT`
is for what a human types, so nothing here ever sends it. Telegram, e-mail, web chat and the like have no window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args

from agent.config.texts import TemplateSettings, fill
from messaging.types import ChannelKind, ChannelTemplate, Email, MessageTag, Outbound, Template, Text

if TYPE_CHECKING:
    from agent.ledger.contacts import ContactState
    from agent.ledger.outbound import Delivery

WINDOW = timedelta(hours=24)
"""How long after the customer's last message a business may write freely, where there is a window."""

_TAGGED = frozenset({ChannelKind.FACEBOOK, ChannelKind.INSTAGRAM})
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wording:
    """What the business wants to say: free text, and what stands in for it once the window is closed.

    `template` is for WhatsApp; `tag` for Facebook and Instagram, where the text itself goes out with it.
    """

    text: str
    template: TemplateSettings | None = None
    tag: MessageTag | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing is sent; why."""

    reason: str


def closes(contact: "ContactState", kind: ChannelKind) -> datetime | None:
    """Tell when free text ends on such a channel (a time long past for a contact who never wrote); `None` where it never does."""
    if kind is not ChannelKind.WHATSAPP and kind not in _TAGGED:
        return None
    return _NEVER if contact.last_inbound_at is None else contact.last_inbound_at + WINDOW


def decide(wording: Wording, contact: "ContactState", kind: ChannelKind, now: datetime) -> Outbound | Skip:
    """Decide what a message that the business starts, or that comes late, goes out as.

    Facts of the contact are filled in. A template with a placeholder for which no fact is known is not sent: WhatsApp refuses it.

    Args:
        wording: what the business wants to say.
        contact: with the time of their last message on the channel.
        kind: of the channel that it goes to.
        now: the time, aware.
    """
    end = closes(contact, kind)
    if end is None or now <= end:
        return Text(fill(wording.text, contact.contact))
    if kind in _TAGGED:
        if wording.tag is None:
            return Skip(f"{_closed(contact)}; {kind} would take the text with a tag, and none is set")
        return Text(fill(wording.text, contact.contact), wording.tag)
    if wording.template is None:
        return Skip(f"{_closed(contact)}; a template could be sent, and none is set")
    values = tuple(fill(parameter, contact.contact) for parameter in wording.template.parameters)
    for number, (parameter, value) in enumerate(zip(wording.template.parameters, values, strict=True), 1):
        if not value:  # a value of an event or a row has been filled in before, and left nothing
            missing = parameter.strip() or f"placeholder {number}"
            return Skip(f"nothing is known for {missing} of the template {wording.template.name}")
    return Template(wording.template.name, wording.template.language, values=values)


def template_problem(template: TemplateSettings, listed: Sequence[ChannelTemplate]) -> str | None:
    """Tell why the platform would not send a template that one of our files declares.

    Args:
        template: as declared.
        listed: the templates that the platform has.
    """
    from messaging.aelyst.templates import fill
    from messaging.errors import Invalid

    same_name = [one for one in listed if one.name == template.name]
    found = next((one for one in same_name if one.language == template.language), None)
    if found is None:
        languages = ", ".join(sorted(str(one.language) for one in same_name))
        there = f"; it is there in {languages}" if languages else ""
        return f"the platform has no template {template.name!r} in {template.language!r}{there}"
    if found.status is not None and found.status.lower() != "approved":
        return f"the template {template.name!r} is {found.status}, so it cannot be sent"
    if not found.components:
        return None  # a platform that lists names only
    try:
        fill(found, template.parameters)
    except Invalid as error:
        return error.message
    return None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a delivery must not go out any more: `skipped` as it should be, or `failed`, which a colleague should see."""

    state: Literal["skipped", "failed"]
    reason: str


def obstacle(delivery: "Delivery", contact: "ContactState", now: datetime) -> Obstacle | None:
    """Tell why a message must not be sent after all, at the last moment before it goes out; `None` when it may.

    What was decided before a human took over, or before the contact opted out, is not sent after it (`skipped`); the handover's
    own words and the opt-out's confirmation were written in the same moment and are. What has become too late for the
    channel's window has `failed`: the customer never got it, and a colleague should know.
    """
    content = delivery.content
    if not isinstance(content, get_args(Outbound)):
        return None
    if contact.paused(now) and contact.paused_at is not None and contact.paused_at > delivery.created_at:
        return Obstacle("skipped", f"a human took over ({contact.paused_by})")
    if contact.opted_out_at is not None and contact.opted_out_at > delivery.created_at:
        return Obstacle("skipped", "the contact opted out")
    if delivery.unless_replied and (contact.last_inbound_at or _NEVER) > delivery.created_at:
        return Obstacle("skipped", "the contact replied")
    if isinstance(content, Template | Email) or (isinstance(content, Text) and content.tag is not None):
        return None
    channel = contact.channel
    if channel is None or delivery.channel not in (None, channel.id):
        return None  # another channel than the one that the customer last wrote on: nothing is known of its window
    end = closes(contact, channel.kind)
    return Obstacle("failed", f"too late: {_closed(contact)}") if end is not None and now > end else None


def _closed(contact: "ContactState") -> str:
    if contact.last_inbound_at is None:
        return "the customer never wrote, so the 24-hour window is closed"
    return "the 24-hour window is closed"
