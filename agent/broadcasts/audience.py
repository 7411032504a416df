"""Who gets a broadcast: the rows of a CSV file, or the contacts that a filter finds.

A CSV file has a header, then a contact per line; problems are reported with the line number.
"""

import csv
import re
import unicodedata
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import structlog

from agent.broadcasts.settings import BroadcastFile
from agent.config.audience import AudienceFilter
from agent.errors import InputError
from agent.ledger import contacts
from agent.ledger.broadcasts import Addressed
from agent.ledger.contacts import ContactState
from knowledge.documents.csvfile import delimiter
from language.encoding import decode
from messaging.admission import admitted_contact, admitted_facts
from messaging.platform import Platform
from messaging.types import Address, Contact, ContactFilter, ContactKey
from settings.phone import of_older_plan, spellings, to_assigned_e164
from settings.text import brief, one_line

log = structlog.get_logger()

_LARGEST = 50 * 1024 * 1024
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{1,63}")
_SEPARATOR = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # what Excel writes and reads as the first line
_ROUNDED = re.compile(r"[\d.,]+[eE][+-]?\d+")
_AS_NUMBER = re.compile(r"\d{7,}[.,]0+")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_NUMBER = re.compile(r"[\d\s().\u2010-\u2015-]+")
_LONGEST_NUMBER = 60  # characters
_EMPTY = frozenset({"", "-", "–", "—", "n/a", "null", "none"})
_MOST_COLUMNS = 200
_LONGEST_COLUMN = 200  # characters
_HEADER_ROWS = 20  # rows among which the header is looked for, under titles

COLUMNS = {
    "id": frozenset("id contactid idkontak".split()),
    "phone": frozenset(
        "phone phonenumber phoneno telephone telephonenumber mobile mobilephone mobilenumber msisdn cellphone telepon telpon telp tlp "
        "nomor nomortelepon nomortelpon notelepon notelpon notelp notlp nomorhp nohp hp handphone nohandphone nomorhandphone wa nowa "
        "nomorwa whatsapp whatsappnumber nowhatsapp nomorwhatsapp notel nombortelefon telefon".split()
    ),
    "email": frozenset("email emailaddress mail surel alamatemail alamatsurel emel".split()),
}
"""Accepted names of the address columns, as `_plain` writes them; the first kind that is not empty in a line counts."""


def _plain(column: str) -> str:
    """The letters and digits of a column's name: `No. HP`, `no_hp` and `No HP` are one."""
    return "".join(letter for letter in column.casefold() if letter.isalnum())


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `address` is `id:123`, `phone:+62…` or `email:…`; `others` are the further addresses that it gives."""

    line: int
    address: str
    values: Mapping[str, str]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line without a usable address, or with one that an earlier line has."""

    line: int
    kind: str  # invalid, duplicate
    reason: str


@dataclass(slots=True)
class CsvFile:
    """What a file holds. `columns` are in lower case."""

    path: Path
    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


def read_csv(path: Path, country: str) -> CsvFile:
    """Read a file as spreadsheets write it: any charset and delimiter, with titles and empty lines over the header.

    Raises:
        InputError: it cannot be read, or has no column for an id, a phone number or an e-mail.
    """
    found: CsvFile | None = None
    above: list[tuple[int, list[str]]] = []
    seen: dict[str, int] = {}
    for line, cells in _records(path):
        if not any(cell.strip() for cell in cells):
            continue
        if found is None:
            above.append((line, cells))
            if any(_kind(cell) for cell in cells):
                found = CsvFile(path, tuple(one_line(cell.casefold(), _LONGEST_COLUMN) for cell in cells))
                _check_columns(found, line)
            elif len(above) >= _HEADER_ROWS:
                break
        else:
            _add(found, line, cells, country, seen)
    if found is not None:
        return found
    if not above:
        raise InputError(f"{path} is empty; it needs a header such as phone,first_name and a line for each contact")
    line, cells = above[0]
    shown = brief(", ".join(cell.strip().casefold() for cell in cells[:_MOST_COLUMNS] if cell.strip()), 500)
    raise InputError(f"{path}:{line}: no column phone, email or id; the header has {shown}")


def _kind(column: str) -> str | None:
    return next((kind for kind, names in COLUMNS.items() if _plain(column) in names), None)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is larger than {_LARGEST // 1024**2} MB; split it into several broadcasts")
        return decode(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every record with the line it begins on; a quoted cell may go over several lines."""
    text = _text(path)
    named = _SEPARATOR.match(text)
    body = text[named.end() :] if named else text
    before = 1 if named else 0
    reader = csv.reader(StringIO(body, newline=""), delimiter=named[1] if named else delimiter(body), strict=True)
    begins = 1 + before
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1 + before
    except csv.Error as error:
        raise InputError(f"{path}:{begins}: {error}; a cell that begins with a quote must end with one") from None


def _check_columns(found: CsvFile, line: int) -> None:
    if len(found.columns) > _MOST_COLUMNS:
        raise InputError(f"{found.path}:{line}: more than {_MOST_COLUMNS} columns; keep those that the texts use")
    double = {column for column in found.columns if column and found.columns.count(column) > 1}
    if double:
        raise InputError(
            f"{found.path}:{line}: the column {sorted(double)[0]!r} is there twice; give each a name of its own"
        )


def _add(found: CsvFile, line: int, cells: Sequence[str], country: str, seen: dict[str, int]) -> None:
    values = admitted_facts(
        {column: cell.strip() for column, cell in zip(found.columns, cells, strict=False) if column}
    )
    try:
        address, *others = _addresses(values, country)
    except ValueError as error:
        found.bad.append(BadRow(line, "invalid", str(error)))
        return
    person = _person(address)
    if person in seen:
        who = address.partition(":")[2]
        found.bad.append(BadRow(line, "duplicate", f"{who} is on line {seen[person]} already"))
        return
    if of_older_plan(address.removeprefix("phone:")):
        log.warning("phone_of_older_plan", line=line, phone=address.removeprefix("phone:"), effect="sent to as written")
    seen[person] = line
    found.rows.append(Row(line, address, values, tuple(others)))


def _addresses(values: Mapping[str, str], country: str) -> list[str]:
    """The addresses of a line, one of each kind. Raises `ValueError` when it has none, an unreadable one, or two of one kind."""
    found: list[str] = []
    for kind in COLUMNS:
        texts = [text for column, text in values.items() if _kind(column) == kind and text.lower() not in _EMPTY]
        addresses = [_address(kind, text, country) for text in texts]
        several = list({_person(address): address for address in reversed(addresses)}.values())[::-1]
        if len(several) > 1:
            shown = " and ".join(address.partition(":")[2] for address in several)
            raise ValueError(f"two columns disagree: {shown}; keep the right one")
        found += several
    if not found:
        raise ValueError("no phone number, e-mail address or id")
    return found


def _person(address: str) -> str:
    """The address in the one spelling by which a person is told from others."""
    kind, _, value = address.partition(":")
    return f"phone:{spellings(value)[0]}" if kind == "phone" else address


def _address(kind: str, text: str, country: str) -> str:
    if kind == "phone":
        return str(Address("phone", phone_number(text, country)))
    if kind == "email":
        if not _EMAIL.fullmatch(text):
            raise ValueError(f"{text!r} is not an e-mail address")
        return str(Address("email", text.casefold()))
    return f"id:{text}"


def phone_number(text: str, country: str) -> str:
    """Read `0812-3456-7801` as E.164.

    Nothing is passed over but what parts digits: a mistyped, masked or computed number would become that of a stranger.

    Raises:
        ValueError: it is no number; with the reason.
    """
    plain = unicodedata.normalize("NFKC", text[: _LONGEST_NUMBER + 1]).strip()
    for prefix in ("tel:", "TEL:", "p:", "P:", "'"):
        plain = plain.removeprefix(prefix).strip()
    if len(plain) > _LONGEST_NUMBER:
        raise ValueError(f"{text[:20]!r}… is no phone number: it is too long")
    if _ROUNDED.fullmatch(plain):
        raise ValueError(f"{text!r} was rounded by a spreadsheet; make the column text there and write it again")
    if _AS_NUMBER.fullmatch(plain) or _GROUPED.fullmatch(plain):
        raise ValueError(f"{text!r} was made a number by a spreadsheet; make the column text there and write it again")
    digits = plain.removeprefix("+")
    if any(letter.isdigit() for letter in plain) and not _NUMBER.fullmatch(digits):
        wrong = next(letter for letter in digits if not _NUMBER.fullmatch(letter))
        raise ValueError(f"{text!r} is no phone number: {wrong!r} is no part of one")
    return to_assigned_e164(plain, country)


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the audience: the recipient as the ledger records it, and the contact as far as it is known now."""

    addressed: Addressed
    state: ContactState
    known: bool

    @property
    def row(self) -> Mapping[str, str]:
        return self.addressed.row or {}


@dataclass(frozen=True, slots=True)
class Audience:
    """The people, and the invalid and duplicate lines of the file (`csv`)."""

    people: Sequence[Person]
    bad: Sequence[BadRow] = field(default_factory=tuple)
    csv: Path | None = None


class Book:
    """The contacts of the ledger, found by what a file may call them."""

    def __init__(
        self, states: Sequence[ContactState], platform: str, gone_through: Collection[ContactKey] = frozenset()
    ) -> None:
        """Arrange contacts by their addresses.

        Args:
            states: of all platforms.
            platform: whose contacts are found.
            gone_through: for whom the workflows that a filter names have run to their end.
        """
        self._platform = platform
        self.gone_through = gone_through
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
                    self._keep(_person(address), state)

    def _keep(self, person: str, state: ContactState) -> None:
        """Of two contacts with one number, the one that opted out speaks for the person."""
        known = self._by.setdefault(person, state)
        if known.opted_out_at is None and state.opted_out_at is not None:
            self._by[person] = state

    def find(self, address: str) -> ContactState | None:
        return self._by.get(_person(address))

    def owns(self, key: ContactKey) -> bool:
        """Whether a contact is one of this book's platform."""
        return key.platform == self._platform

    def stranger(self, address: str, row: Mapping[str, str]) -> ContactState:
        """A contact who never wrote, as far as the file tells."""
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
    """The state of a contact that is not in the ledger."""
    return ContactState(contact, None, None, None, None, None, None, None, None, None)


def address_of(key: ContactKey, platform: str) -> str:
    """The address of a contact that is known: `id:123` on the platform of the broadcast, `id@other:123` on another."""
    return f"id:{key.id}" if key.platform == platform else f"id@{key.platform}:{key.id}"


def from_csv(file: BroadcastFile, book: Book, others: Sequence[Book] = ()) -> Audience:
    """The people of the CSV file.

    Args:
        file: the broadcast's.
        book: the contacts of its platform, where people are made who are new.
        others: those of further platforms: who is known there gets it there.

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
        if row.others and (reason := _disagreement(row, state, book)):
            found.bad.append(BadRow(row.line, "invalid", reason))
            continue
        if state is None and row.address.startswith("id:") and row.others:
            row = replace(row, address=row.others[0])  # noqa: PLW2901 - an unknown id may be a mere number of the line
            state = book.find(row.address)
        address = row.address
        if state is None and (state := next(filter(None, (other.find(address) for other in others)), None)) is not None:
            address = f"id@{state.key.platform}:{state.key.id}"
        addressed = Addressed(address, row.line, row.values)
        people.append(Person(addressed, state or book.stranger(row.address, row.values), state is not None))
    return Audience(people, found.bad, path)


def _disagreement(row: Row, state: ContactState | None, book: Book) -> str | None:
    """Why the addresses of a line are those of different contacts, as far as the ledger knows them."""
    known = {"phone": state.contact.phone, "email": state.contact.email} if state is not None else {}
    for other in row.others:
        kind, _, value = other.partition(":")
        own = known.get(kind)
        if own and _person(f"{kind}:{own.casefold()}") != _person(other.casefold()):
            return f"{row.address.partition(':')[2]} is a contact with {own}, not with {value}"
        found = book.find(other)
        if found is not None and state is not None and found.key != state.key:
            return f"{row.address.partition(':')[2]} and {value} are two contacts"
    return None


async def from_filter(wanted: AudienceFilter, book: Book, platform: Platform, now: datetime) -> Audience:
    """Find the contacts that a filter wants, in the ledger and on the platform.

    Raises:
        PlatformError: the platform cannot be asked.
    """
    people = []
    async for contact, state in _candidates(wanted, book, platform):
        if wanted.workflow and contact.key not in book.gone_through:
            continue
        if fits(wanted, contact, state, now):
            address = f"id:{contact.key.id}"
            known = (
                unseen(contact) if state is None else replace(state, contact=contacts.merged(state.contact, contact))
            )
            people.append(Person(Addressed(address), known, state is not None))
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
    async for listed in platform.list_contacts(conditions):
        contact = admitted_contact(listed)
        yield contact, book.find(f"id:{contact.key.id}")


def fits(wanted: AudienceFilter, contact: Contact, state: ContactState | None, now: datetime) -> bool:
    """Tell whether the conditions hold of a contact, but for `workflow`, and for custom fields that only the platform has.

    Args:
        wanted: the conditions.
        contact: as the platform has it.
        state: what the ledger knows; `None` for one who never wrote.
        now: the time that `wrote_within` and `silent_for` are counted from, aware UTC.
    """
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
        and (wanted.of == "platform" or _has_fields(wanted, contact))
        and (not wanted.channel or (channel is not None and channel.source in wanted.channel))
        and (wanted.wrote_within is None or _within(last, wanted.wrote_within, now))
        and (wanted.silent_for is None or not _within(last, wanted.silent_for, now))
    )


def _has_fields(wanted: AudienceFilter, contact: Contact) -> bool:
    known = {name.casefold(): value for name, value in contact.custom_fields.items()}
    return all(
        str(known.get(name.casefold(), "")).casefold() == value.casefold() for name, value in wanted.fields.items()
    )


def _within(last: datetime | None, span: timedelta, now: datetime) -> bool:
    return last is not None and now - last <= span
