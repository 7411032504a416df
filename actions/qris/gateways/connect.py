"""From settings to a gateway."""

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

import httpx

from actions.qris.gateways import doku, duitku, midtrans, xendit
from actions.qris.gateways.gateway import Gateway
from actions.qris.gateways.settings import (
    DokuSettings,
    DuitkuSettings,
    GatewaySettings,
    MidtransSettings,
    XenditSettings,
)


def connect(
    settings: GatewaySettings, client: httpx.AsyncClient, clock: Callable[[], datetime], public_url: str | None
) -> Gateway:
    """The gateway of `settings`. It is told to send notifications to `public_url` + `/payments/{name}`, where that can be told
    with a charge; else, and without a `public_url`, its dashboard says where they go.
    """
    notify = f"{public_url.rstrip('/')}/payments/{settings.name}" if public_url else None
    match settings:
        case MidtransSettings():
            return midtrans.Midtrans(settings, client, clock, notify)
        case XenditSettings():
            return xendit.Xendit(settings, client, clock)
        case DuitkuSettings():
            return duitku.Duitku(settings, client, clock, notify)
        case DokuSettings():
            return doku.Doku(settings, client, clock)
        case _:
            assert_never(settings)
