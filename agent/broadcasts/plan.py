"""What would happen if a broadcast were sent: how many get what, who is left out and why, what it costs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.broadcasts.audience import Audience, Person
from agent.broadcasts.csvfile import BadRow, country_of
from agent.broadcasts.message import Message, Occasion, compose, language_of
from agent.broadcasts.settings import PriceSettings
from agent.delivery.window import Skip
from messaging.types import ContactKey, Template


@dataclass(slots=True)
class Plan:
    """Counts of an audience as things stand. `skips` are by reason, `bad` the lines of the CSV that name nobody new.

    `known` were recipients before: nobody gets it twice. `strangers` are not in the ledger: they never wrote. `cost` is in
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
    """Look at everybody. `now` is when it is sent; `known` the addresses that are recipients already."""
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
    message = compose(occasion, person.state, person.row, now)
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
    country = country_of(phone) if price.countries else None
    return price.countries.get(country, price.template) if country else price.template
