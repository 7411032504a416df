"""What the agent can do in this shop: plain functions with type hints and a docstring, which agent.yaml names under `actions`."""

CUSTOMERS = {"+6281234567890", "+6281234567801"}
"""Who writes in `balas chat`, and the first customer of `balas sandbox`; everybody else has no orders here."""

ORDERS = {
    "TC-1234": {"status": "on its way", "courier": "JNE", "tracking": "JNE0012345"},
    "TC-1235": {"status": "being packed"},
}
"""Made up; ask your own system in their place."""


def order_status(order_id: str, phone: str) -> dict[str, str]:
    """Status, courier and tracking number of an order."""
    if phone not in CUSTOMERS or order_id not in ORDERS:
        raise ValueError(f"Order {order_id} was not found for this number.")
    return {"order": order_id, **ORDERS[order_id]}
