"""Payment gateways behind one interface: `connect` opens the one that agent.yaml names."""

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import entry_points
from typing import TypeAlias, assert_never

import httpx

from actions.qris.gateways.doku import Doku
from actions.qris.gateways.duitku import Duitku
from actions.qris.gateways.gateway import Charge, Event, Gateway
from actions.qris.gateways.midtrans import Midtrans
from actions.qris.gateways.settings import (
    GROUP,
    AddedGatewaySettings,
    DokuSettings,
    DuitkuSettings,
    GatewaySettings,
    MidtransSettings,
    XenditSettings,
)
from actions.qris.gateways.xendit import Xendit

__all__ = ["Charge", "Event", "Gateway", "GatewaySettings", "OpenGateway", "connect"]

OpenGateway: TypeAlias = Callable[
    [AddedGatewaySettings, httpx.AsyncClient, Callable[[], datetime], str | None], Gateway
]
"""Opens the gateway of a package: its settings, the HTTP client, the clock, and where it should notify, if that is known."""


def connect(
    settings: GatewaySettings, client: httpx.AsyncClient, clock: Callable[[], datetime], public_url: str | None
) -> Gateway:
    """Open the gateway of `settings`.

    Args:
        client: sends its calls; it is shared and not closed here.
        clock: gives aware times.
        public_url: where this agent is reached from the internet. Midtrans and Duitku are told with each charge to notify
            `public_url` + `/payments/{name}`; the others, and all of them without it, notify where their dashboard says.
    """
    notify = f"{public_url.rstrip('/')}/payments/{settings.name}" if public_url else None
    match settings:
        case MidtransSettings():
            return Midtrans(settings, client, clock, notify)
        case XenditSettings():
            return Xendit(settings, client, clock)
        case DuitkuSettings():
            return Duitku(settings, client, clock, notify)
        case DokuSettings():
            return Doku(settings, client, clock)
        case AddedGatewaySettings():
            (entry,) = entry_points(group=GROUP, name=settings.name)
            added: OpenGateway = entry.load()
            return added(settings, client, clock, notify)
        case _:
            assert_never(settings)
