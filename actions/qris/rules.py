"""National schemes that share the EMV envelope, and the rules that each adds. QRIS is ours; the others are recognised.

Broken rules are warnings: half of the working merchant codes in Indonesia break one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from actions.qris.tlv import Item

Scheme = Literal["qris", "paynow", "promptpay", "duitnow", "vietqr", "pix", "qrph", "emv"]
Kind = Literal["payment", "transfer", "cash-in", "cash-out", "bill"]

QRIS_REPOSITORY = "ID.CO.QRIS.WWW"
CRITERIA = {
    "UMI": "micro",
    "UKE": "small",
    "UME": "medium",
    "UBE": "large",
    "URE": "regular",
    "PSO": "public service obligation",
    "BLU": "public service agency",
}
_PURPOSES: dict[str, Kind] = {
    "BOOK": "transfer",
    "DMCT": "transfer",
    "XBCT": "transfer",
    "CDPT": "cash-in",
    "CWDL": "cash-out",
    "BILL": "bill",
}


@dataclass(frozen=True, slots=True)
class Account:
    """A merchant account template (IDs 26 to 51), or a card scheme's plain number (02 to 25: `items` is empty)."""

    id: str
    value: str
    items: tuple[Item, ...] = ()

    def get(self, id_: str) -> str | None:
        return next((value for key, value in self.items if key == id_), None)

    @property
    def guid(self) -> str | None:
        """Whose template it is: a reverse domain, an AID or a UUID."""
        return self.get("00")

    @property
    def pan(self) -> str | None:
        """QRIS: 18 digits without check digit, the first 8 name the acquirer. Never Luhn-check it."""
        return self.get("01")

    @property
    def merchant_id(self) -> str | None:
        """QRIS: the acquirer's merchant ID in 26 to 45, the NMID in 51."""
        return self.get("02")

    @property
    def criteria(self) -> str | None:
        return self.get("03")


def recognise(items: Sequence[Item], accounts: Sequence[Account]) -> Scheme:
    """Which scheme a code belongs to, by its merchant templates first, and by country and currency for QRIS."""
    for account in accounts:
        guid = (account.guid or "").upper()
        if guid == "SG.PAYNOW":
            return "paynow"
        if guid.startswith("A00000067701011"):
            return "promptpay"
        if guid == "A0000006150001":
            return "duitnow"
        if guid == "A000000727":
            return "vietqr"
        if guid == "BR.GOV.BCB.PIX":
            return "pix"
        if guid.startswith("PH.PPMI."):
            return "qrph"
        if guid == QRIS_REPOSITORY:
            return "qris"
    found = dict(reversed(items))
    return "qris" if found.get("58") == "ID" or found.get("53") == "360" else "emv"


def kind_of(accounts: Sequence[Account], additional: Sequence[Item]) -> Kind:
    """What a code is for (QRIS: object 40 marks the ones between people, 62/08 says which)."""
    purpose = next((value for key, value in additional if key == "08"), "")
    if any(account.id == "40" for account in accounts):
        return _PURPOSES.get(purpose, "transfer" if purpose != "POSP" else "payment")
    return "bill" if purpose == "BILL" else "payment"


_LIMITS = {"59": 25, "60": 15, "61": 10}
_FORMATS = {
    "00": (re.compile("01"), '"01"'),
    "01": (re.compile("1[12]"), "11 (same code every time) or 12 (one payment only)"),
    "52": (re.compile("[0-9]{4}"), "four digits"),
    "53": (re.compile("[0-9]{3}"), "three digits"),
    "55": (re.compile("0[123]"), "01, 02 or 03"),
    "58": (re.compile("[A-Z]{2}"), "two capital letters"),
}


def emv_warnings(items: Sequence[Item], additional: Sequence[Item]) -> list[str]:
    """Rules of the envelope that hold in every country."""
    warnings = []
    found = dict(reversed(items))
    for id_, (pattern, right) in _FORMATS.items():
        if id_ in found and not pattern.fullmatch(found[id_]):
            warnings.append(f"{id_} is {found[id_]!r}; it should be {right}")
    for id_, longest in _LIMITS.items():
        if len(found.get(id_, "")) > longest:
            warnings.append(f"{id_} has {len(found[id_])} characters; at most {longest} are allowed")
    if "54" in found and len(found["54"]) > 13:
        warnings.append(f"54 has {len(found['54'])} characters; at most 13 are allowed")
    if "54" in found and not found["54"].strip("0."):
        warnings.append("54 is zero; an amount must not be zero")
    for tip, fee in (("02", "56"), ("03", "57")):
        if (found.get("55") == tip) != (fee in found):
            warnings.append(f"{fee} should be there exactly when 55 is {tip}")
    warnings.extend(
        f"62/{key} has {len(value)} characters; at most 25 are allowed"
        for key, value in additional
        if key <= "08" and len(value) > 25
    )
    total = sum(4 + len(item.value) for item in items)
    if total > 512:
        warnings.append(f"the code has {total} characters; at most 512 are allowed")
    return warnings


def qris_warnings(items: Sequence[Item], accounts: Sequence[Account], kind: Kind) -> list[str]:
    """Rules that QRIS adds (ASPI tables 4.3, 4.5 and 4.6)."""
    warnings: list[str] = []
    found = dict(reversed(items))
    warnings.extend(f"{id_} is missing" for id_ in ("52", "53", "58", "59", "60", "61") if id_ not in found)
    if found.get("53", "360") != "360":
        warnings.append(f"53 is {found['53']!r}; rupiah is 360")
    if found.get("58", "ID") != "ID":
        warnings.append(f"58 is {found['58']!r}; Indonesia is ID")
    repository = next((account for account in accounts if account.id == "51"), None)
    if repository is None:
        if found.get("01") == "11" and kind == "payment":
            warnings.append("51 (the national repository with the NMID) is missing in a static code")
    elif repository.guid != QRIS_REPOSITORY:
        warnings.append(f"51 belongs to {repository.guid!r}; today it is {QRIS_REPOSITORY}")
    for account in accounts:
        if account.criteria is not None and account.criteria not in CRITERIA:
            warnings.append(f"{account.id}/03 is {account.criteria!r}; known are {', '.join(CRITERIA)}")
        if "26" <= account.id <= "45" and account.items:
            if account.pan is None:
                warnings.append(f"{account.id}/01 (the merchant's number) is missing")
            elif not re.fullmatch("[0-9]{1,19}", account.pan):
                warnings.append(f"{account.id}/01 is {account.pan!r}; it should be up to 19 digits")
    if not any("02" <= account.id <= "45" for account in accounts) and repository is None:
        warnings.append("no merchant account (26 to 45, or 51) is there")
    warnings.extend(f"{id_} holds a |, which is not allowed" for id_ in ("59", "60", "61") if "|" in found.get(id_, ""))
    if kind == "payment":
        if found.get("01") == "11" and "54" in found:
            warnings.append("01 is 11 although there is an amount; it should be 12")
        if found.get("01") == "12" and "54" not in found:
            warnings.append("01 is 12 although there is no amount")
    return warnings
