"""Who a broadcast goes to: the rows of a CSV file or the contacts of a filter, beside what the ledger knows of each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from agent.broadcasts.csvfile import BadRow, read_csv
from agent.broadcasts.load import BroadcastFile
from agent.broadcasts.settings import AudienceFilter
from agent.ledger.broadcasts import Addressed
from agent.ledger.contacts import ContactState
from messaging.platform import Platform
from messaging.types import Contact, ContactFilter, ContactKey


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the audience: how the ledger will note them, and who they are as far as is known now."""

    addressed: Addressed
    state: ContactState
    known: bool

    @property
    def row(self) -> Mapping[str, str]:
        return self.addressed.row or {}


@dataclass(frozen=True, slots=True)
class Audience:
    """The people, and the lines of the file (`csv`) that name nobody new."""

    people: Sequence[Person]
    bad: Sequence[BadRow] = field(default_factory=tuple)
    csv: Path | None = None


class Book:
    """The contacts of the ledger, found by what a file may call them."""

    def __init__(self, states: Sequence[ContactState], platform: str) -> None:
        self._platform = platform
        self.states = [state for state in states if state.key.platform == platform]
        self._by: dict[str, ContactState] = {}
        for state in self.states:
            contact = state.contact
            for address in (
                f"id:{state.key.id}",
                contact.phone and f"phone:{contact.phone}",
                contact.email and f"email:{contact.email.casefold()}",
            ):
                if address:
                    self._by.setdefault(address, state)

    def find(self, address: str) -> ContactState | None:
        return self._by.get(address)

    def stranger(self, address: str, row: Mapping[str, str]) -> ContactState:
        """Somebody who never wrote, as far as the file tells."""
        kind, _, value = address.partition(":")
        contact = Contact(
            ContactKey(self._platform, value),
            first_name=row.get("first_name") or None,
            last_name=row.get("last_name") or None,
            phone=value if kind == "phone" else None,
            email=value if kind == "email" else None,
        )
        return unseen(contact)


def unseen(contact: Contact) -> ContactState:
    """A contact of whom the ledger knows nothing."""
    return ContactState(contact, None, None, None, None, None, None, None, None, None)


def from_csv(file: BroadcastFile, book: Book) -> Audience:
    """The people of the CSV file.

    Raises:
        InputError: the file cannot be read.
        ConfigErrors: a text uses a column that the file does not have.
    """
    settings = file.settings
    assert settings.audience.csv is not None  # noqa: S101 - the caller has looked
    path = file.path.parent / Path(settings.audience.csv).expanduser()
    found = read_csv(path, settings.audience.country)
    missing = sorted(settings.columns() - set(found.columns))
    if missing:
        place = ("text",) if settings.text is not None else ("template",)
        columns = ", ".join(column for column in found.columns if column)
        raise file.wrong(place, f"{{row.{missing[0]}}} is used, and {path} has no such column; it has {columns}")
    people = []
    for row in found.rows:
        state = book.find(row.address)
        addressed = Addressed(row.address, row.line, row.values)
        people.append(Person(addressed, state or book.stranger(row.address, row.values), state is not None))
    return Audience(people, found.bad, path)


async def from_filter(wanted: AudienceFilter, book: Book, platform: Platform, now: datetime) -> Audience:
    """The contacts that the filter finds. Raises `PlatformError` when the platform cannot be asked."""
    people = []
    async for contact, state in _candidates(wanted, book, platform):
        if _fits(wanted, contact, state, now):
            address = f"id:{contact.key.id}"
            people.append(Person(Addressed(address), state or unseen(contact), state is not None))
    return Audience(people)


async def _candidates(
    wanted: AudienceFilter, book: Book, platform: Platform
) -> AsyncIterator[tuple[Contact, ContactState | None]]:
    if wanted.of == "ledger":
        for state in book.states:
            yield state.contact, state
        return
    conditions = ContactFilter(
        any_tag=wanted.any_tag,
        all_tags=wanted.all_tags,
        no_tag=wanted.no_tag,
        lifecycles=wanted.lifecycle,
        languages=wanted.language,
        countries=wanted.country,
        fields=wanted.fields,
    )
    async for contact in platform.list_contacts(conditions):
        yield contact, book.find(f"id:{contact.key.id}")


def _fits(wanted: AudienceFilter, contact: Contact, state: ContactState | None, now: datetime) -> bool:
    """Everything but custom fields is looked at here too: nobody is written to because a platform read a condition otherwise."""
    language = (state.language if state is not None and wanted.of == "ledger" else None) or contact.language
    tags = set(contact.tags)
    channel = state.channel if state is not None else None
    last = state.last_inbound_at if state is not None else None
    return (
        (not wanted.any_tag or bool(tags & set(wanted.any_tag)))
        and tags >= set(wanted.all_tags)
        and not tags & set(wanted.no_tag)
        and (not wanted.lifecycle or contact.lifecycle in wanted.lifecycle)
        and (not wanted.language or language in wanted.language)
        and (not wanted.country or contact.country in wanted.country)
        and (not wanted.channel or (channel is not None and channel.source in wanted.channel))
        and (wanted.wrote_within is None or _within(last, wanted.wrote_within, now))
        and (wanted.silent_for is None or not _within(last, wanted.silent_for, now))
    )


def _within(last: datetime | None, span: timedelta, now: datetime) -> bool:
    return last is not None and now - last <= span
