"""The charges of the simulator, in memory, and the keys that sign its notifications."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from actions.qris.tlv import Item, seal

GATEWAYS = ("midtrans", "xendit", "duitku", "doku")


WIB = timezone(timedelta(hours=7))


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets that the agent and the simulator share; the defaults protect nothing real."""

    midtrans: str = "SB-Mid-server-simulator"
    xendit: str = "xnd_development_simulator"
    xendit_token: str = "simulator-callback-token"  # noqa: S105 - there is nothing behind it
    duitku_merchant: str = "DS0000"
    duitku: str = "simulator-duitku-key"
    doku_client: str = "BRN-0000-simulator"
    doku: str = "SK-simulator"
    doku_public_key: str | None = None  # PEM; the signature of token requests is checked when it is given


def examples(keys: Keys, address: str) -> list[str]:
    """What `payments.qris.gateway` of agent.yaml must say to use the simulator at `address`; DOKU needs an RSA key besides."""
    return [
        f"{{name: midtrans, server_key: {keys.midtrans}, base_url: {address}/midtrans}}",
        f"{{name: xendit, secret_key: {keys.xendit}, callback_token: {keys.xendit_token}, base_url: {address}/xendit}}",
        f"{{name: duitku, merchant_code: {keys.duitku_merchant}, api_key: {keys.duitku}, base_url: {address}/duitku}}",
    ]


@dataclass(slots=True)
class Charge:
    """A code that was asked for. `status` is one of pending, paid, expired, cancelled, failed."""

    gateway: str
    order: str
    amount: int
    expires: datetime
    notify: str
    form: str = ""  # which of the gateway's APIs made it
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = "pending"
    payments: list["Payment"] = field(default_factory=list)

    @property
    def arrived(self) -> int:
        """What the payments brought in all; the amount asked for while there is none."""
        return sum(payment.amount for payment in self.payments if payment.status == "paid") or self.amount

    @property
    def payload(self) -> str:
        """A code of a merchant who does not exist, with the charge's id as its key: nobody can pay it."""
        return seal(
            [
                Item("00", "01"),
                Item("01", "12"),
                Item("26", "0015COM.EXAMPLE.WWW0118936009990000000017" + "0215EX00000000000170303UMI"),
                Item("51", "0014ID.CO.QRIS.WWW0215ID10990000000170303UMI"),
                Item("52", "5812"),
                Item("53", "360"),
                Item("54", str(self.amount)),
                Item("58", "ID"),
                Item("59", "SIMULATOR - DO NOT PAY"),
                Item("60", "JAKARTA PUSAT"),
                Item("61", "10310"),
                Item("62", f"01{len(self.id):02d}{self.id}"),
            ]
        )


@dataclass(frozen=True, slots=True)
class Payment:
    """One press of the button. `status` as in `Charge`."""

    amount: int
    payer: str
    status: str
    receipt: str
    at: datetime


class Charges:
    """All charges of one simulator, by gateway and order."""

    def __init__(self) -> None:
        self._charges: dict[tuple[str, str], Charge] = {}

    def add(self, charge: Charge) -> Charge:
        """The charge; the one already there when the same order comes again."""
        return self._charges.setdefault((charge.gateway, charge.order), charge)

    def remove(self, charge: Charge) -> None:
        """Forget a charge."""
        del self._charges[charge.gateway, charge.order]

    def by_order(self, gateway: str, order: str) -> Charge | None:
        return self._charges.get((gateway, order))

    def by_id(self, charge_id: str) -> Charge | None:
        return next((charge for charge in self._charges.values() if charge.id == charge_id), None)

    def find(self, name: str) -> Charge | None:
        """By order, or by id, of any gateway."""
        return self.by_id(name) or next((one for one in self._charges.values() if one.order == name), None)

    def newest(self) -> list[Charge]:
        return sorted(self._charges.values(), key=lambda charge: charge.created, reverse=True)


@dataclass(frozen=True, slots=True)
class Notification:
    """What is posted to the agent."""

    headers: dict[str, str]
    body: bytes
