"""The payment link of Razorpay as an action."""

import os

import httpx


async def razorpay_link(amount: int, phone: str) -> dict[str, str]:
    """Makes a payment link of Razorpay for an amount in whole rupees.

    Args:
        amount: whole rupees.
        phone: of the customer.
    """
    url = os.environ.get("RAZORPAY_URL", "https://api.razorpay.com")
    key = (os.environ.get("RAZORPAY_KEY", "rzp_test"), os.environ.get("RAZORPAY_SECRET", "demo"))
    body = {"amount": amount * 100, "currency": "INR", "notes": {"phone": phone}}
    async with httpx.AsyncClient(auth=key, timeout=10) as client:
        answer = await client.post(f"{url}/v1/payment_links", json=body)
        answer.raise_for_status()
    link = answer.json()
    return {"id": link["id"], "url": link["short_url"], "status": link["status"]}
