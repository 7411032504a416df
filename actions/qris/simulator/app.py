"""What the simulator keeps: charges, in memory."""

import html
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from actions.qris.code import Item, seal
from actions.qris.money import format_rupiah
from actions.qris.simulator import doku, duitku, midtrans, xendit

GATEWAYS = ("midtrans", "xendit", "duitku", "doku")
WIB = timezone(timedelta(hours=7))


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets that both sides share; the defaults are as good as any, for nothing is behind them."""

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


_ROUTES = {"midtrans": midtrans.routes, "xendit": xendit.routes, "duitku": duitku.routes, "doku": doku.routes}
_NOTIFICATIONS = {
    "midtrans": midtrans.notification,
    "xendit": xendit.notification,
    "duitku": duitku.notification,
    "doku": doku.notification,
}
_ENDS = ("paid", "expired", "cancelled", "failed")


def simulator(agent_url: str, client: httpx.AsyncClient, keys: Keys | None = None) -> Starlette:
    """All gateways under `/midtrans`, `/xendit`, `/duitku` and `/doku`; `GET /` shows the charges.

    `POST /pay/{order}` settles a charge and sends the notification to `agent_url` + `/payments/{gateway}`, or to where the charge
    said. Its JSON body may hold `amount`, `payer`, `status` (paid, expired, cancelled, failed), `times` (how often the same
    notification is sent) and `form` (`old`: DOKU's notification outside SNAP). The answer holds the agent's HTTP statuses.
    """
    keys = keys or Keys()
    charges = Charges()

    async def pay(request: Request) -> Response:
        charge = charges.find(request.path_params["order"])
        if charge is None:
            return JSONResponse({"error": f"there is no charge {request.path_params['order']}"}, 404)
        body: dict[str, Any] = await request.json() if await request.body() else {}
        status = body.get("status", "paid")
        if status not in _ENDS:
            return JSONResponse({"error": f"{status!r} is not one of {', '.join(_ENDS)}"}, 400)
        payment = Payment(
            amount=int(body.get("amount", charge.amount)),
            payer=str(body.get("payer", "GoPay")),
            status=status,
            receipt=secrets.token_hex(6),
            at=datetime.now(UTC),
        )
        charge.payments.append(payment)
        charge.status = status
        signed = _sign(charge, payment, keys, str(body.get("form", "")))
        return JSONResponse(
            {"answers": [await _post(client, charge, signed) for _ in range(int(body.get("times", 1)))]}
        )

    async def page(_request: Request) -> Response:
        return HTMLResponse(_page(charges.newest()))

    routes: list[BaseRoute] = [Route("/", page), Route("/pay/{order}", pay, methods=["POST"])]
    base = agent_url.rstrip("/")
    routes += [Mount(f"/{name}", routes=_ROUTES[name](charges, keys, f"{base}/payments/{name}")) for name in GATEWAYS]
    return Starlette(routes=routes)


def _sign(charge: Charge, payment: Payment, keys: Keys, form: str) -> Notification:
    if charge.gateway == "doku" and form == "old":
        return doku.old_notification(charge, payment, keys)
    return _NOTIFICATIONS[charge.gateway](charge, payment, keys)


async def _post(client: httpx.AsyncClient, charge: Charge, signed: Notification) -> int | str:
    """The agent's HTTP status, or why there is none."""
    try:
        answer = await client.post(charge.notify, content=signed.body, headers=signed.headers)
    except httpx.HTTPError as error:
        return f"{charge.notify} does not answer: {type(error).__name__}"
    return answer.status_code


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Payment simulator</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 system-ui;margin:2rem auto;max-width:52rem;padding:0 1rem;color:#14181f}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.5rem;border-bottom:1px solid #e3e7ed}}
button{{font:inherit;padding:.25rem .75rem;border:1px solid #c8102e;border-radius:1rem;background:#fff;color:#c8102e}}</style>
<h1>Payment simulator</h1><p>No money moves. Reload for new charges.</p>
<table><tr><th>Order<th>Gateway<th>Amount<th>State<th></tr>{rows}</table>
<script>document.onclick=async e=>{{const o=e.target.dataset.order;if(!o)return;
await fetch('pay/'+encodeURIComponent(o),{{method:'POST'}});location.reload()}}</script></html>"""


def _page(charges: list[Charge]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(charge.order)}<td>{charge.gateway}<td>{format_rupiah(charge.amount)}<td>{charge.status}"
        f'<td><button data-order="{html.escape(charge.order, quote=True)}">Pay</button></tr>'
        for charge in charges
    )
    return _PAGE.format(rows=rows or "<tr><td colspan=5>Nothing to pay yet.</tr>")
