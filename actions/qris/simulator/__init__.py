"""Simulators of the four gateways on this machine: charges to create, a button that pays them, and signed notifications.

No account is needed and no money moves. Point a gateway's `base_url` to `…/midtrans`, `…/xendit`, `…/duitku` or `…/doku`.
"""

from actions.qris.simulator.app import simulator
from actions.qris.simulator.charges import GATEWAYS, Keys, examples

__all__ = ["GATEWAYS", "Keys", "examples", "simulator"]
