"""The simulator's application: the routes of all gateways, a page of charges, and the button that pays one."""

import html
import secrets
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from actions.qris.money import format_rupiah
from actions.qris.simulator import doku, duitku, midtrans, xendit
from actions.qris.simulator.charges import GATEWAYS, Charge, Charges, Keys, Notification, Payment

_ROUTES = {"midtrans": midtrans.routes, "xendit": xendit.routes, "duitku": duitku.routes, "doku": doku.routes}
_NOTIFICATIONS = {
    "midtrans": midtrans.notification,
    "xendit": xendit.notification,
    "duitku": duitku.notification,
    "doku": doku.notification,
}
_ENDS = ("paid", "expired", "cancelled", "failed")


def simulator(agent_url: str, client: httpx.AsyncClient, keys: Keys | None = None) -> Starlette:
    """Make the application: all gateways under `/midtrans`, `/xendit`, `/duitku` and `/doku`; `GET /` shows the charges.

    `POST /pay/{order}` settles a charge and sends the notification to `agent_url` + `/payments/{gateway}`, or to where the charge
    said. Its JSON body may hold `amount`, `payer`, `status` (paid, expired, cancelled, failed), `times` (how often the same
    notification is sent) and `form` (`old`: DOKU's notification outside SNAP). The answer holds the agent's HTTP statuses.
    `POST /forget/{order}` takes the payments back, or with `{"charge": true}` the charge, so that a notification is no longer true.
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

    async def forget(request: Request) -> Response:
        """Take the payments of a charge back, or the whole charge: what was notified is then not so."""
        charge = charges.find(request.path_params["order"])
        if charge is None:
            return JSONResponse({"error": f"there is no charge {request.path_params['order']}"}, 404)
        body: dict[str, Any] = await request.json() if await request.body() else {}
        charge.payments.clear()
        charge.status = "pending"
        if body.get("charge"):
            charges.remove(charge)
        return JSONResponse({"status": charge.status})

    async def page(_request: Request) -> Response:
        return HTMLResponse(_page(charges.newest()))

    routes: list[BaseRoute] = [
        Route("/", page),
        Route("/pay/{order}", pay, methods=["POST"]),
        Route("/forget/{order}", forget, methods=["POST"]),
    ]
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
