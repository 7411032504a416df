"""A broadcast made ready: its channel and template found on the platform, its audience read, its plan made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.broadcasts.audience import Audience, Book, from_csv, from_filter
from agent.broadcasts.load import BroadcastFile
from agent.broadcasts.message import Occasion
from agent.broadcasts.plan import Plan, make_plan
from agent.config import AgentConfig
from agent.config.templates import TemplateSettings
from agent.delivery.templates import template_problem
from agent.errors import InputError
from agent.ledger import broadcasts, contacts
from agent.ledger.broadcasts import Broadcast
from agent.ledger.database import Database
from messaging.platform import Platform
from messaging.types import Channel, ChannelTemplate

MOST_RECIPIENTS = 100_000
"""They are recorded in one transaction, which takes three seconds; SQLite lets others wait for five."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """`broadcast` is what will be recorded, `existing` what was recorded before under this name; `again` of its recipients
    have failed before there was a message for them, and are tried again."""

    broadcast: Broadcast
    existing: Broadcast | None
    audience: Audience
    plan: Plan
    again: int

    @property
    def nothing_to_do(self) -> bool:
        """Whether everybody is a recipient of a broadcast that runs or is done."""
        if self.existing is None or self.existing.state == "paused" or self.again:
            return False
        return len(self.audience.people) == self.plan.known


async def prepare(
    file: BroadcastFile, config: AgentConfig, database: Database, platform: Platform, now: datetime
) -> Prepared:
    """Look at everything that a broadcast needs; nothing is written, nothing is sent.

    Raises:
        ConfigErrors: the channel or the template is not there, a text uses what the CSV has not, or the name is taken.
        InputError: the CSV cannot be read, or there are too many recipients.
        PlatformError: the platform cannot be asked.
    """
    settings = file.settings
    states, existing, known, again = await database.read(
        lambda connection: (
            contacts.every(connection),
            broadcasts.load(connection, settings.name),
            frozenset(broadcasts.addresses(connection, settings.name)),
            broadcasts.unprepared(connection, settings.name),
        )
    )
    if existing is not None:
        _check_same(file, existing)
    channel = _channel(file, await platform.channels())
    parts = await _template(file, platform, channel)
    begins = _begins(file, config, now)
    book = Book(states, platform.name)
    if settings.audience.filter is not None:
        audience = await from_filter(settings.audience.filter, book, platform, now)
    else:
        audience = from_csv(file, book)
    if len(audience.people) > MOST_RECIPIENTS:
        raise InputError(
            f"{len(audience.people)} recipients are more than {MOST_RECIPIENTS}; split it into broadcasts with names of their own"
        )
    occasion = Occasion(settings, channel, parts, config.default_language)
    plan = make_plan(audience, occasion, known, begins)
    broadcast = Broadcast(
        name=settings.name,
        settings=settings.model_dump(mode="json"),
        channel=channel,
        template=parts,
        left_out=plan.left_out(),
        created_at=now,
        next_at=begins,
    )
    return Prepared(broadcast, existing, audience, plan, again)


def _check_same(file: BroadcastFile, existing: Broadcast) -> None:
    """One name says one thing: who got it must not get something else under it."""
    if existing.state == "cancelled":
        raise file.wrong(("name",), f"name: {existing.name!r} was cancelled; give a new broadcast a name of its own")
    for part, content in file.settings.content().items():
        if existing.settings.get(part) != content:
            raise file.wrong(
                (part,) if (part,) in file.document.marks or (part,) in file.document.keys else ("name",),
                f"{part}: {existing.name!r} was recorded with another {part}; give a new broadcast a name of its own",
            )


def _channel(file: BroadcastFile, channels: Sequence[Channel]) -> Channel | None:
    """The channel that the file names, or the only one there is."""
    wanted = file.settings.channel
    if wanted is None:
        return channels[0] if len(channels) == 1 else None
    found = [channel for channel in channels if wanted in (channel.id, channel.name, channel.source)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{channel.id} ({channel.name or channel.source})" for channel in channels) or "none"
    what = "there is no channel" if not found else "there are several channels"
    raise file.wrong(("channel",), f"channel: {what} {wanted!r} on the platform; its channels are {listed}")


async def _template(file: BroadcastFile, platform: Platform, channel: Channel | None) -> tuple[dict[str, object], ...]:
    """The parts of the declared template."""
    declared = file.settings.template
    if declared is None:
        return ()
    wanted = TemplateSettings.model_construct(
        name=declared.name, language=declared.language, parameters=declared.parameters
    )
    listed: list[ChannelTemplate] = []
    if channel is None or "whatsapp" in (channel.source or ""):
        listed = list(await platform.templates(channel.id if channel is not None else None))
    if problem := template_problem(wanted, listed):
        raise file.wrong(("template",), f"template: {problem}")
    found = next(one for one in listed if (one.name, one.language) == (declared.name, declared.language))
    return tuple(dict(part) for part in found.components)


def _begins(file: BroadcastFile, config: AgentConfig, now: datetime) -> datetime:
    at = file.settings.begins(config.zone)
    return now if at is None else max(now, at)
