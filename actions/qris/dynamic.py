"""Putting an amount into the merchant's own static code: 01, 54, 63 and, when asked, 62/05 change; nothing else ever.

What such a code is not: it has no expiry and no status, and the money arrives like any other in the merchant's account.
Whether it was paid is only known from a bank statement or a gateway.
"""

from actions.qris.errors import EditRefused, PayloadError
from actions.qris.payload import Payload, parse
from actions.qris.tlv import Item, join, seal, walk

LARGEST = 9_999_999_999_999
"""Rupiah that fit into the 13 characters of object 54."""
_MAY_CHANGE = frozenset({"01", "54", "62", "63"})


def with_amount(payload: Payload | str, rupiah: int, reference: str | None = None) -> Payload:
    """The code that asks for exactly `rupiah`, with `reference` as its label when one is given.

    Doing it twice with the same arguments gives the same code.

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
        "this is a single-use code (01 is 12) that somebody issued for one payment; use the merchant's static code"
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
    """Who is paid must be the same, byte for byte: NMID and PAN are pinned."""

    def identity(code: Payload) -> list[tuple[str, str]]:
        kept = [item for item in code.items if item[0] not in _MAY_CHANGE]
        return kept + [("62/" + key, value) for key, value in code.additional_items if key != "05"]

    if identity(before) != identity(after) or not after.crc_ok:
        raise EditRefused("adding the amount would have changed who is paid")
