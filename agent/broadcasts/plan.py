"""The plan of a broadcast before it is sent: how many get what, who is skipped and why, what it costs, how long it takes."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from agent.broadcasts.audience import Audience, BadRow, Book, Person, address_of, from_csv, from_filter
from agent.broadcasts.compose import Message, Occasion, compose, language_of
from agent.broadcasts.settings import BroadcastFile, PriceSettings
from agent.config import AgentConfig
from agent.config.audience import AudienceFilter
from agent.config.texts import TemplateSettings
from agent.delivery.window import Skip, template_problem
from agent.errors import InputError
from agent.ledger import broadcasts, contacts, workflows
from agent.ledger.broadcasts import Addressed, Broadcast
from agent.ledger.database import Database
from messaging.platform import Platform
from messaging.types import Channel, ChannelKind, ChannelTemplate, ContactKey, Template
from settings.phone import country_of


@dataclass(slots=True)
class Plan:
    """Counts of an audience at this moment. `skips` are by reason, `bad` the invalid and duplicate lines of the CSV.

    `known` are recipients already and do not get it twice. `strangers` are not in the ledger: they never wrote. `cost` is in
    rupiah, `takes` the time at the given rate without the hours of rest.
    """

    audience: int = 0
    bad: Sequence[BadRow] = ()
    known: int = 0
    strangers: int = 0
    texts: int = 0
    templates: int = 0
    skips: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    cost: int = 0
    takes: timedelta = timedelta()
    example: str = ""

    @property
    def to_send(self) -> int:
        return self.texts + self.templates

    def left_out(self) -> Mapping[str, int]:
        """The bad lines by kind: invalid, duplicate."""
        return Counter(each.kind for each in self.bad)


def make_plan(audience: Audience, occasion: Occasion, known: frozenset[str], now: datetime) -> Plan:
    """Count what each person of an audience would get.

    Args:
        known: addresses that are recipients of the broadcast already.
        now: when it is sent.
    """
    plan = Plan(audience=len(audience.people) + len(audience.bad), bad=audience.bad)
    seen: set[ContactKey] = set()
    for person in audience.people:
        if person.state.key in seen:
            plan.skips["the same contact as another line"] += 1
            continue
        seen.add(person.state.key)
        if person.addressed.address in known:
            plan.known += 1
            continue
        _add(plan, person, occasion, now)
    rate = occasion.settings.rate
    plan.takes = rate.per / rate.count * max(0, plan.to_send - 1)
    return plan


def _add(plan: Plan, person: Person, occasion: Occasion, now: datetime) -> None:
    if not person.known:
        plan.strangers += 1
        kind = person.addressed.address.partition(":")[0]
        if kind in ("phone", "email") and kind not in occasion.finds:
            plan.skips[f"they never wrote, and {occasion.platform} finds no contacts by {kind}"] += 1
            return
    message = compose(occasion.on(person.state.key.platform), person.state, person.row, now)
    if isinstance(message, Skip):
        plan.skips[message.reason] += 1
        return
    plan.languages[_language(message, person, occasion)] += 1
    plan.cost += _price(message, person.state.contact.phone, occasion.settings.price)
    if isinstance(message.content, Template):
        plan.templates += 1
    else:
        plan.texts += 1
    plan.example = plan.example or message.said


def _language(message: Message, person: Person, occasion: Occasion) -> str:
    """In which language this one is: a template has its own."""
    if isinstance(message.content, Template):
        return message.content.language
    texts = occasion.settings.text
    wanted = language_of(person.state, person.row, occasion.default_language)
    if texts is None or "" in texts.by_language:
        return wanted
    written = texts.in_language(wanted)
    return next(code for code, text in texts.by_language.items() if text == written)


def _price(message: Message, phone: str | None, price: PriceSettings) -> int:
    if not isinstance(message.content, Template):
        return price.text
    country = country_of(phone) if price.countries and phone else None
    return price.countries.get(country, price.template) if country else price.template


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
    file: BroadcastFile,
    config: AgentConfig,
    database: Database,
    platform: Platform,
    now: datetime,
    others: Sequence[Platform] = (),
) -> Prepared:
    """Look at everything that a broadcast needs; nothing is written, nothing is sent.

    Args:
        file: the broadcast's.
        config: agent.yaml.
        platform: where people are made who are new, and whose channel and template the file names.
        now: the time, aware UTC.
        others: further platforms, whose contacts get it there.

    Raises:
        ConfigErrors: the channel or the template is not there, a text uses what the CSV has not, or the name is taken.
        InputError: the CSV cannot be read, or there are too many recipients.
        PlatformError: the platform cannot be asked.
    """
    settings = file.settings
    wanted = settings.audience.filter
    flows = () if wanted is None else wanted.workflow
    if unknown := [name for name in flows if name not in {flow.name for flow in config.workflows}]:
        place = ("audience", "filter", "workflow")
        raise file.wrong(place, f"audience.filter.workflow: agent.yaml has no workflow {unknown[0]!r}")
    states, through, existing, known, again = await database.read(
        lambda connection: (
            contacts.every(connection),
            workflows.gone_through(connection, flows),
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
    book = Book(states, platform.name, through)
    if wanted is not None:
        audience = await from_filter(possible(wanted, platform), book, platform, now)
        for other in others:
            found = await from_filter(possible(wanted, other), Book(states, other.name, through), other, now)
            elsewhere = [
                replace(each, addressed=Addressed(address_of(each.state.key, platform.name))) for each in found.people
            ]
            audience = replace(audience, people=[*audience.people, *elsewhere])
    else:
        audience = await asyncio.to_thread(from_csv, file, book, [Book(states, other.name) for other in others])
    if len(audience.people) > MOST_RECIPIENTS:
        raise InputError(
            f"{len(audience.people)} recipients are more than {MOST_RECIPIENTS}; split it into broadcasts with names of their own"
        )
    finds = frozenset[str](platform.capabilities.finds)
    occasion = Occasion(settings, channel, parts, config.default_language, platform.name, finds)
    plan = await asyncio.to_thread(make_plan, audience, occasion, known, begins)
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


def possible(wanted: AudienceFilter, platform: Platform) -> AudienceFilter:
    """The filter as a platform can answer it: where it lists no contacts, those of the ledger are looked at."""
    if wanted.of == "ledger" or platform.capabilities.lists_contacts:
        return wanted
    return wanted.model_copy(update={"of": "ledger"})


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
    if declared is None or (platform.capabilities.templates and not platform.capabilities.lists_templates):
        return ()  # a platform that does not list them is taken at its owner's word
    wanted = TemplateSettings.model_construct(
        name=declared.name, language=declared.language, parameters=declared.parameters
    )
    listed: list[ChannelTemplate] = []
    if channel is None or channel.kind is ChannelKind.WHATSAPP:
        listed = list(await platform.templates(channel.id if channel is not None else None))
    if problem := template_problem(wanted, listed):
        raise file.wrong(("template",), f"template: {problem}")
    found = next(one for one in listed if (one.name, one.language) == (declared.name, declared.language))
    return tuple(dict(part) for part in found.components)


def _begins(file: BroadcastFile, config: AgentConfig, now: datetime) -> datetime:
    at = file.settings.begins(config.zone)
    return now if at is None else max(now, at)
