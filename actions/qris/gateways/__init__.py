"""Payment gateways behind one interface: `connect` opens one."""

from actions.qris.gateways.connect import connect
from actions.qris.gateways.gateway import Charge, Event, Gateway
from actions.qris.gateways.settings import GatewaySettings

__all__ = ["Charge", "Event", "Gateway", "GatewaySettings", "connect"]
