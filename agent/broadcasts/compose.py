"""What one recipient gets: a text, the template, or nothing and why. Decisions without I/O."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agent.broadcasts.settings import BroadcastSettings, fill_row
from agent.config.texts import TemplateSettings
from agent.delivery import window
from agent.delivery.window import Skip, Wording
from agent.ledger.contacts import ContactState
from messaging.types import Channel, ChannelKind, Contact, Outbound, Template, Text

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Message:
    """`said` is what the history keeps of it. Without a `channel` the platform takes the one the contact last wrote on."""

    content: Outbound
    said: str
    channel: str | None


@dataclass(frozen=True, slots=True)
class Occasion:
    """What holds for all recipients of a broadcast. `template` are the parts of the platform's template, as it lists them.

    `platform` is the name of the one that `channel` belongs to; `finds` by what it finds contacts who never wrote.
    """

    settings: BroadcastSettings
    channel: Channel | None
    template: Sequence[Mapping[str, Any]]
    default_language: str
    platform: str = ""
    finds: frozenset[str] = frozenset({"phone", "email"})

    def on(self, platform: str) -> "Occasion":
        """The same for a contact of a platform: the channel that was chosen is one of `self.platform` only."""
        return self if platform == self.platform or not self.platform else replace(self, channel=None)


def language_of(contact: ContactState, row: Mapping[str, str], default: str) -> str:
    """The language to write in: the one the contact writes in, else what the platform or the file says."""
    return contact.language or contact.contact.language or row.get("language") or default


def compose(occasion: Occasion, contact: ContactState, row: Mapping[str, str], now: datetime) -> Message | Skip:
    """Write the message for one contact, or say why they get none.

    Args:
        row: the columns of their line of the CSV file; empty without one.
    """
    if contact.contact.status == "blocked":
        return Skip("the contact is blocked on the platform")
    if contact.opted_out_at is not None:
        return Skip("the contact opted out")
    if contact.paused(now):
        return Skip(f"a human is in the conversation ({contact.paused_by})")
    channel = occasion.channel or contact.channel
    if channel is None:
        return Skip("no channel is known: the contact never wrote, and the broadcast names none")
    if contact.channel is not None and contact.channel.id != channel.id:
        contact = replace(contact, last_inbound_at=None)  # a message on another channel opens no window on this one
    contact = replace(contact, contact=_properly_named(contact.contact))
    settings = occasion.settings
    template = _template(settings, row)
    if settings.text is None:
        if channel.kind is not ChannelKind.WHATSAPP:
            return Skip(f"a template cannot be sent on {channel.source}, and there is no text")
        contact = replace(contact, last_inbound_at=None)  # the template is sent inside the window too
        words = ""
    else:
        words = fill_row(settings.text.in_language(language_of(contact, row, occasion.default_language)), row)
    found = window.decide(Wording(words, template), contact, channel.kind, now)
    if isinstance(found, Skip):
        return found
    if isinstance(found, Text) and not found.text:
        return Skip("nothing of the text is left: what it is made of is not known")
    return Message(found, _said(found, occasion.template), channel.id if occasion.channel else None)


def _properly_named(contact: Contact) -> Contact:
    """Drop a first name that is only the phone number or the e-mail address."""
    unnamed = contact.first_name is not None and contact.first_name in (contact.phone, contact.email)
    return replace(contact, first_name=None) if unnamed else contact


def _template(settings: BroadcastSettings, row: Mapping[str, str]) -> TemplateSettings | None:
    if settings.template is None:
        return None
    declared = settings.template
    parameters = tuple(fill_row(parameter, row) for parameter in declared.parameters)
    return TemplateSettings.model_construct(name=declared.name, language=declared.language, parameters=parameters)


def _said(content: Outbound, template: Sequence[Mapping[str, Any]]) -> str:
    if isinstance(content, Text):
        return content.text
    if isinstance(content, Template):
        return template_words(template, content.texts) or f"[{content.name}] {', '.join(content.texts)}".strip()
    raise TypeError(f"a broadcast sends texts and templates, not {type(content).__name__}")


def template_words(parts: Sequence[Mapping[str, Any]], values: Sequence[str]) -> str:
    """The words of a template with its values: header, body and footer, a line each."""
    rest = list(values)
    by_kind = {str(part.get("type")).lower(): str(part.get("text") or "") for part in parts}
    lines = [_written(by_kind.get(kind, ""), rest) for kind in ("header", "body", "footer")]
    return "\n".join(line for line in lines if line)


def _written(words: str, rest: list[str]) -> str:
    """One part, each of its placeholders with a value taken from the front of `rest`."""
    taken: dict[str, str] = {}
    for name in _PLACEHOLDER.findall(words):
        if name not in taken and rest:
            taken[name] = rest.pop(0)
    return _PLACEHOLDER.sub(lambda match: taken.get(match[1], match[0]), words)
