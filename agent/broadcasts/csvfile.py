"""The CSV file of an audience: a header, then a contact a line; what is wrong with a line is said with its number."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from agent.errors import InputError
from messaging.types import Address

_DELIMITERS = ",;\t|"
_LARGEST = 50 * 1024 * 1024
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ROUNDED = re.compile(r"[\d.,]+[eE]\+\d+")

COLUMNS = {
    "id": ("id", "contact_id"),
    "phone": ("phone", "phone_number", "telepon", "nomor", "no_hp", "hp", "wa", "whatsapp"),
    "email": ("email", "e-mail", "e_mail"),
}
"""How the columns that say who it is may be called; the first that a line has something in counts."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `address` is `id:123`, `phone:+62…` or `email:…`."""

    line: int
    address: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that names nobody, or somebody who is named already."""

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
    """Read a file as spreadsheets write it: UTF-8, with commas, semicolons or tabs.

    Raises:
        InputError: it cannot be read, or has no column that says who somebody is.
    """
    found: CsvFile | None = None
    seen: dict[str, int] = {}
    for line, cells in _records(path):
        if found is None:
            found = CsvFile(path, tuple(cell.strip().casefold() for cell in cells))
            _check_columns(found)
        elif any(cell.strip() for cell in cells):
            _add(found, line, cells, country, seen)
    if found is None:
        raise InputError(f"{path} is empty; it needs a header such as phone,first_name and a line for each contact")
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is larger than {_LARGEST // 1024**2} MB; split it into several broadcasts")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; save it as CSV UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every record with the line it begins on; a quoted cell may go over several lines."""
    text = _text(path)
    header = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=header.count), strict=True)
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}:{begins}: {error}; a cell that begins with a quote must end with one") from None


def _check_columns(found: CsvFile) -> None:
    names = {name for names in COLUMNS.values() for name in names}
    if not names & set(found.columns):
        shown = ", ".join(column for column in found.columns if column) or "no columns"
        raise InputError(f"{found.path}:1: no column phone, email or id; the header has {shown}")
    double = {column for column in found.columns if column and found.columns.count(column) > 1}
    if double:
        raise InputError(
            f"{found.path}:1: the column {sorted(double)[0]!r} is there twice; give each a name of its own"
        )


def _add(found: CsvFile, line: int, cells: Sequence[str], country: str, seen: dict[str, int]) -> None:
    values = {column: cell.strip() for column, cell in zip(found.columns, cells, strict=False) if column}
    try:
        address = _address(values, country)
    except ValueError as error:
        found.bad.append(BadRow(line, "invalid", str(error)))
        return
    if address in seen:
        who = address.partition(":")[2]
        found.bad.append(BadRow(line, "duplicate", f"{who} is on line {seen[address]} already"))
        return
    seen[address] = line
    found.rows.append(Row(line, address, values))


def _address(values: Mapping[str, str], country: str) -> str:
    """Raises `ValueError` for a line that names nobody."""
    for kind, names in COLUMNS.items():
        text = next((values[name] for name in names if values.get(name)), "")
        if not text:
            continue
        if kind == "phone":
            return str(Address("phone", phone_number(text, country)))
        if kind == "email":
            if not _EMAIL.fullmatch(text):
                raise ValueError(f"{text!r} is not an e-mail address")
            return str(Address("email", text.casefold()))
        return f"id:{text}"
    raise ValueError("no phone number, e-mail address or id")


def phone_number(text: str, country: str) -> str:
    """`0812-3456-7801` as E.164, in the country it is written in. Raises `ValueError` with the reason."""
    import phonenumbers

    if _ROUNDED.fullmatch(text):
        raise ValueError(f"{text!r} was rounded by a spreadsheet; make the column text there and write it again")
    try:
        number = phonenumbers.parse(text.removeprefix("'"), country)
    except phonenumbers.NumberParseException:
        raise ValueError(f"{text!r} is no phone number") from None
    if not phonenumbers.is_valid_number(number):
        reason = {
            phonenumbers.ValidationResult.TOO_SHORT: "it is too short",
            phonenumbers.ValidationResult.TOO_LONG: "it is too long",
        }.get(phonenumbers.is_possible_number_with_reason(number), "nobody can have it")
        raise ValueError(f"{text!r} is no phone number of {_where(number.country_code, country)}: {reason}")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _where(code: int | None, country: str) -> str:
    import phonenumbers

    return phonenumbers.region_code_for_country_code(code) if code else country


def country_of(phone: str | None) -> str | None:
    """`+62…` → `ID`."""
    import phonenumbers

    try:
        return None if phone is None else phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None
