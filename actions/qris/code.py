"""Payment codes: `parse` reads one, `with_amount` puts an amount into the merchant's own static code.

Source of the rules: EMV QRCPS Merchant-Presented Mode v1.1, sections 4.1 to 4.7 (EMVCo), and the tables that QRIS adds
(ASPI, see `actions.qris.rules`). Numbers in comments are IDs of data objects: 59 is the merchant's name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from actions.qris import rules
from actions.qris.errors import EditRefused, PayloadError
from actions.qris.rules import Account, Kind, Scheme
from actions.qris.tlv import Item, checksum, join, seal, walk

_AMOUNT = re.compile(r"[0-9]+(\.[0-9]*)?")
_AT = re.compile("at character ([0-9]+)")
_WRAPPING = " \t\r\n\v\f\ufeff\u200b\u200e\u2060\u00a0"


@dataclass(frozen=True, slots=True)
class Merchant:
    """The payee, as the payer's app shows it. Absent facts are `None`."""

    name: str | None  # 59
    city: str | None  # 60
    postal: str | None  # 61
    country: str | None  # 58, ISO 3166-1 alpha-2
    mcc: str | None  # 52, ISO 18245
    nmid: str | None  # 51/02, the national merchant ID of QRIS
    criteria: str | None  # UMI, UKE, UME, UBE, URE, PSO, BLU


@dataclass(frozen=True, slots=True)
class Payload:
    """A payment code that was read. `errors` make it unusable; `warnings` are broken rules that payers' apps tolerate."""

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
    def fee(self) -> str | None:
        """What the payer's app adds to the amount (EMVCo 4.7.6, objects 55 to 57), in words; `None` for nothing."""
        match self.surcharge:
            case None:
                return None
            case ("fixed", fixed):
                return f"a fixed fee of {fixed or 'an unknown amount'} (object 56)"
            case ("percent", percent):
                return f"a fee of {percent or 'an unknown'} percent (object 57)"
        return "a tip that the payer enters (object 55)"

    @property
    def surcharge(self) -> tuple[Literal["fixed", "percent", "tip"], str] | None:
        """The same as a kind and its value as written: rupiah, or percent; empty where it is not said."""
        kind, fixed, percent = self.get("55"), self.get("56"), self.get("57")
        if kind == "02" or (kind is None and fixed):
            return "fixed", fixed or ""
        if kind == "03" or (kind is None and percent):
            return "percent", percent or ""
        return None if kind is None else ("tip", "")

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
    scheme = rules.recognise(items, accounts)
    kind = rules.kind_of(accounts, additional) if scheme == "qris" else "payment"
    warnings += rules.emv_warnings(items, additional)
    if scheme == "qris":
        warnings += rules.qris_warnings(items, accounts, kind)
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


LARGEST = 9_999_999_999_999
"""Rupiah that fit into the 13 characters of object 54."""
_MAY_CHANGE = frozenset({"01", "54", "62", "63"})


def with_amount(payload: Payload | str, rupiah: int, reference: str | None = None) -> Payload:
    """Make the code that asks for exactly `rupiah` (object 54), for one payment (01 becomes 12).

    Doing it twice with the same arguments gives the same code.

    Args:
        payload: the merchant's static code.
        rupiah: 1 to 9,999,999,999,999; what a payer may pay is limited by Bank Indonesia, see `QrisSettings.limit`.
        reference: becomes the reference label (62/05): 1 to 25 printable ASCII characters.

    Raises:
        EditRefused: the code is damaged, not QRIS, for a transfer or cash, or already a single-use code of its own.
        PayloadError: the text is no code at all, or amount or reference do not fit.
    """
    code = parse(payload)
    _check_amount(rupiah)
    if reference is not None:
        _check_reference(reference)
    _check_editable(code)
    if code.is_dynamic:
        return _same_again(code, rupiah, reference)
    items = [Item("01", "12") if item.id == "01" else item for item in code.objects]
    if code.get("01") is None:
        items.insert(1, Item("01", "12"))
    items = _with_item(items, Item("54", str(rupiah)), after="53")
    if reference is not None:
        items = _with_reference(items, reference)
    changed = parse(seal(items))
    _check_identity(code, changed)
    return changed


def _check_amount(rupiah: int) -> None:
    if isinstance(rupiah, bool) or not isinstance(rupiah, int):
        raise PayloadError(f"the amount {rupiah!r} is not a whole number of rupiah")
    if not 1 <= rupiah <= LARGEST:
        raise PayloadError(f"the amount {rupiah} is not between 1 and {LARGEST} rupiah")


def _check_reference(reference: str) -> None:
    if not 1 <= len(reference) <= 25:
        raise PayloadError(f"the reference {reference!r} has {len(reference)} characters; 1 to 25 fit into 62/05")
    if not (reference.isascii() and reference.isprintable()):
        raise PayloadError(f"the reference {reference!r} must be plain ASCII letters, digits and signs")


def _check_editable(code: Payload) -> None:
    if code.errors:
        raise EditRefused(f"the code is damaged: {'; '.join(code.errors)}", code.error_at or 0)
    if code.scheme != "qris":
        raise EditRefused(f"this is a {code.scheme} code, not QRIS; no amount in rupiah can be put into it")
    if code.currency != "360":
        raise EditRefused(f"the code's currency is {code.currency or 'not given'}; only rupiah (360) can be asked for")
    if code.kind in ("transfer", "cash-in", "cash-out") or any(account.id == "40" for account in code.accounts):
        raise EditRefused(f"this is a code for a {code.kind}, made for one use by its issuer")


def _same_again(code: Payload, rupiah: int, reference: str | None) -> Payload:
    """A code for one payment may only be what is asked for already, and not carry a gateway's key (62/01, 62/50 to 98)."""
    keyed = any(key == "01" or "50" <= key <= "98" for key in code.additional)
    if code.amount == rupiah and reference in (None, code.reference) and not keyed:
        return code
    raise EditRefused(
        "this is a single-use code (01 is 12) that was issued for one payment; use the merchant's static code"
    )


def _with_item(items: list[Item], new: Item, after: str) -> list[Item]:
    """`items` with `new` in the place of the object of that ID, else after the object `after`."""
    if any(item.id == new.id for item in items):
        return [new if item.id == new.id else item for item in items]
    place = next(n for n, item in enumerate(items) if item.id == after) + 1
    return [*items[:place], new, *items[place:]]


def _with_reference(items: list[Item], reference: str) -> list[Item]:
    """The label goes into 62/05, in the order of IDs; an existing one is replaced."""
    label = Item("05", reference)
    template = next((item.value for item in items if item.id == "62"), None)
    if template is None:
        return _with_item(items, Item("62", join([label])), after=items[-2].id)
    inner = [item for item in walk(template) if item.id != "05"]
    place = next((n for n, item in enumerate(inner) if item.id > "05"), len(inner))
    value = join([*inner[:place], label, *inner[place:]])
    if len(value) > 99:
        room = max(0, len(reference) - (len(value) - 99))
        raise PayloadError(
            f"the reference {reference!r} does not fit: the code's own additional data leaves room for {room} characters"
        )
    return _with_item(items, Item("62", value), after="61")


def _check_identity(before: Payload, after: Payload) -> None:
    """Refuse unless the payee is the same, byte for byte: NMID and PAN must not change."""

    def identity(code: Payload) -> list[tuple[str, str]]:
        kept = [item for item in code.items if item[0] not in _MAY_CHANGE]
        return kept + [("62/" + key, value) for key, value in code.additional_items if key != "05"]

    if identity(before) != identity(after) or not after.crc_ok:
        raise EditRefused("adding the amount would have changed who is paid")
