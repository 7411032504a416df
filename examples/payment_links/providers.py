"""As much of Stripe and Razorpay as the example calls, with webhooks signed as theirs are."""

import hashlib
import hmac
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Providers:
    """Links that were made, by their id; the same Idempotency-Key makes one."""

    def __init__(self) -> None:
        self.links: dict[str, dict[str, Any]] = {}
        self._by_key: dict[str, str] = {}

    def app(self) -> Starlette:
        """Both APIs on one server."""
        return Starlette(
            routes=[
                Route("/v1/checkout/sessions", self._stripe, methods=["POST"]),
                Route("/v1/checkout/sessions/{id}", self._stripe_status),
                Route("/v1/payment_links", self._razorpay, methods=["POST"]),
            ]
        )

    async def _stripe(self, request: Request) -> Response:
        form = dict(await request.form())
        key = request.headers.get("idempotency-key", "")
        number = self._by_key.setdefault(key, f"cs_{len(self.links) + 1}")
        amount = int(str(form["line_items[0][price_data][unit_amount]"]))
        link = {"id": number, "url": f"https://checkout.example/{number}", "amount_total": amount}
        self.links.setdefault(number, link | {"payment_status": "unpaid", "phone": form["metadata[phone]"]})
        return JSONResponse(self.links[number])

    async def _stripe_status(self, request: Request) -> Response:
        link = self.links.get(request.path_params["id"])
        return JSONResponse(link or {"error": {"message": "no such session"}}, 200 if link else 404)

    async def _razorpay(self, request: Request) -> Response:
        body = await request.json()
        number = f"plink_{len(self.links) + 1}"
        self.links[number] = {"id": number, "short_url": f"https://rzp.example/{number}", "status": "created", **body}
        return JSONResponse(self.links[number])


def stripe_webhook(event: dict[str, Any], secret: str, at: int) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a Stripe event. `at` is the time in seconds since 1970."""
    body = json.dumps(event).encode()
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Content-Type": "application/json", "Stripe-Signature": f"t={at},v1={signature}"}


def razorpay_webhook(event: dict[str, Any], secret: str, number: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a Razorpay event."""
    body = json.dumps(event).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": number}
    return body, {"Content-Type": "application/json", **headers}
