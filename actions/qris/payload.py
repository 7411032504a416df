"""Reading a payment code: lenient about rules that are broken every day, exact about structure and CRC.

>>> parse("00020101021126...6304EEEB").merchant.name
'WARUNG CONTOH JAYA'
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from actions.qris import profiles
from actions.qris.errors import PayloadError
from actions.qris.profiles import Account, Kind, Scheme
from actions.qris.tlv import Item, checksum, walk

_AMOUNT = re.compile(r"[0-9]+(\.[0-9]*)?")
_AT = re.compile("at character ([0-9]+)")
_WRAPPING = " \t\r\n\v\f\ufeff\u200b\u200e\u2060\u00a0"


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who is paid, as the payer's app shows it. Absent facts are `None`."""

    name: str | None  # 59
    city: str | None  # 60
    postal: str | None  # 61
    country: str | None  # 58, ISO 3166-1 alpha-2
    mcc: str | None  # 52, ISO 18245
    nmid: str | None  # 51/02, the national merchant ID of QRIS
    criteria: str | None  # UMI, UKE, UME, UBE, URE, PSO, BLU


@dataclass(frozen=True, slots=True)
class Payload:
    """What was read. `errors` make it unfit for use; `warnings` are broken rules that payers' apps live with."""

    text: str
    objects: tuple[Item, ...]
    crc_ok: bool
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    scheme: Scheme
    kind: Kind
    merchant: Merchant
    accounts: tuple[Account, ...]
    amount: Decimal | None  # in the currency's main unit: rupiah
    additional_items: tuple[Item, ...]  # the objects of 62, in order
    error_at: int | None = None  # where the first error is, in characters

    def __str__(self) -> str:
        return self.text

    @property
    def items(self) -> list[tuple[str, str]]:
        """All data objects in the order of the text, the CRC too: (ID, value)."""
        return [(item.id, item.value) for item in self.objects]

    @property
    def additional(self) -> Mapping[str, str]:
        """Additional data (62) by ID: 01 bill, 03 store, 05 reference, 07 terminal, 08 purpose."""
        return MappingProxyType(dict(reversed(self.additional_items)))

    @property
    def reference(self) -> str | None:
        """The reference label, 62/05."""
        return self.additional.get("05")

    @property
    def is_dynamic(self) -> bool:
        """Whether it is meant for one payment (01 is 12)."""
        return self.get("01") == "12"

    @property
    def currency(self) -> str | None:
        """ISO 4217 number: `"360"` is the rupiah."""
        return self.get("53")

    def get(self, id_: str) -> str | None:
        """The value of the first object with this ID."""
        return _first(self.objects, id_)

    def positions(self) -> list[int]:
        """Where each object begins in `text`, in characters."""
        return _positions(self.objects)


def parse(text: "str | Payload") -> Payload:
    """Read a payment code. A `Payload` is returned as it is.

    White space around the text is ignored, inside it is data. A wrong CRC, a repeated object or an unreadable template is
    in `errors`; a broken rule (a name too long, no postal code) is in `warnings`.

    Raises:
        PayloadError: the text is not a list of data objects; `position` says where reading stopped.
    """
    if isinstance(text, Payload):
        return text
    text = text.strip(_WRAPPING)
    if not text:
        raise PayloadError("the text is empty")
    items = walk(text)
    errors = _structure(items)
    crc_ok, crc_errors, warnings = _crc(text, items)
    errors += crc_errors
    accounts, additional = _templates(items, errors)
    amount = _amount(items, errors)
    scheme = profiles.recognise(items, accounts)
    kind = profiles.kind_of(accounts, additional) if scheme == "qris" else "payment"
    warnings += profiles.emv_warnings(items, additional)
    if scheme == "qris":
        warnings += profiles.qris_warnings(items, accounts, kind)
    return Payload(
        text=text,
        objects=items,
        crc_ok=crc_ok,
        errors=tuple(errors),
        warnings=tuple(warnings),
        scheme=scheme,
        kind=kind,
        merchant=_merchant(items, accounts, scheme),
        accounts=tuple(accounts),
        amount=amount,
        additional_items=additional,
        error_at=min((int(found[1]) for error in errors if (found := _AT.search(error))), default=None),
    )


def _first(items: Sequence[Item], id_: str) -> str | None:
    return next((item.value for item in items if item.id == id_), None)


def _positions(items: Sequence[Item]) -> list[int]:
    positions, at = [], 0
    for item in items:
        positions.append(at)
        at += 4 + len(item.value)
    return positions


def _structure(items: Sequence[Item]) -> list[str]:
    errors = []
    if items[0].id != "00":
        errors.append(f"at character 0: object {items[0].id} comes first; 00 must")
    seen: set[str] = set()
    for item, at in zip(items, _positions(items), strict=True):
        if item.id in seen:
            errors.append(f"at character {at}: object {item.id} is there twice")
        seen.add(item.id)
        if not item.value:
            errors.append(f"at character {at}: object {item.id} is empty")
    return errors


def _crc(text: str, items: Sequence[Item]) -> tuple[bool, list[str], list[str]]:
    """Whether the CRC fits, the errors, the warnings."""
    stored = _first(items, "63")
    if stored is None:
        return False, [f"at character {len(text)}: the CRC (object 63) is missing"], []
    index = next(n for n, item in enumerate(items) if item.id == "63")
    at = _positions(items)[index]
    if index != len(items) - 1:
        return False, [f"at character {at}: the CRC (object 63) must come last"], []
    right = checksum(text[: at + 4])
    if len(stored) != 4 or stored.upper() != right:
        return False, [f"at character {at}: the CRC is {stored!r}, but the text gives {right}"], []
    return True, [], [] if stored == right else [f"the CRC {stored!r} is in lower case"]


def _templates(items: Sequence[Item], errors: list[str]) -> tuple[list[Account], tuple[Item, ...]]:
    """The merchant accounts and the additional data; what cannot be read is added to `errors`."""
    accounts: list[Account] = []
    additional: tuple[Item, ...] = ()
    for item, at in zip(items, _positions(items), strict=True):
        if "02" <= item.id <= "25":
            accounts.append(Account(item.id, item.value))
            continue
        if not ("26" <= item.id <= "51" or item.id in ("62", "64")):
            continue
        try:
            inner = walk(item.value, at + 4)
        except PayloadError as error:
            errors.append(f"object {item.id}: {error}")
            inner = ()
        seen: set[str] = set()
        for part in inner:
            if part.id in seen:
                errors.append(f"at character {at}: {item.id}/{part.id} is there twice")
            seen.add(part.id)
        if item.id == "62":
            additional = additional or inner
        elif item.id != "64":
            accounts.append(Account(item.id, item.value, inner))
    return accounts, additional


def _amount(items: Sequence[Item], errors: list[str]) -> Decimal | None:
    value = _first(items, "54")
    if value is None:
        return None
    if not _AMOUNT.fullmatch(value):
        at = _positions(items)[next(n for n, item in enumerate(items) if item.id == "54")]
        errors.append(f"at character {at}: the amount {value!r} is not digits with at most one decimal point")
        return None
    return Decimal(value)


def _merchant(items: Sequence[Item], accounts: Sequence[Account], scheme: Scheme) -> Merchant:
    repository = next((account for account in accounts if account.id == "51"), None)
    criteria = next((account.criteria for account in accounts if account.criteria), None)
    return Merchant(
        name=_first(items, "59"),
        city=_first(items, "60"),
        postal=_first(items, "61"),
        country=_first(items, "58"),
        mcc=_first(items, "52"),
        nmid=repository.merchant_id if repository and scheme == "qris" else None,
        criteria=criteria if scheme == "qris" else None,
    )
