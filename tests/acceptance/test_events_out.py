"""Every event of the contract reaches another system, with the data that docs/events.md promises."""

import re
from pathlib import Path
from typing import Any, get_args

from agent.config.workflows import EventName
from tests.acceptance.campaign import Campaign
from tests.acceptance.flow import TOKEN, Receiver, call, private, rows, until
from tests.acceptance.test_api import PHONE, api
from tests.acceptance.test_api_contract import ask
from tests.actions.qris.codes import STATIC

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
FLOWS: list[dict[str, Any]] = [
    {"name": "good", "on": "webhook", "token": TOKEN, "do": [{"note": "x"}]},
    {"name": "bad", "on": "webhook", "token": TOKEN, "do": [{"action": {"broken": {}}}]},
]
BROKEN = {"name": "broken", "description": "Always fails", "request": {"url": "http://127.0.0.1:9/never"}}
SOME_TIMES = {"template", "by", "turn", "run"}


def promised() -> dict[str, set[str]]:
    """What the page says stands in `data`, by event."""
    table = PAGE.partition("| event | `data` |")[2].partition("\n\n")[0]
    found: dict[str, set[str]] = {}
    for line in table.splitlines()[2:]:
        names, data = line.strip("| ").split(" | ")
        for name in re.findall(r"`([^`]+)`", names):
            found[name] = set(re.findall(r"`([a-z_]+)`", data)) - {"contact", "agent", "human"}
    return found


def test_the_page_has_every_event() -> None:
    assert promised().keys() == set(get_args(EventName))


async def test_every_event_is_told_with_its_data(tmp_path: Path) -> None:
    receiver = Receiver()
    changes: dict[str, Any] = {
        "model": {"name": "offline"}, "payments": {"qris": {"payload": STATIC, "expires": "5s"}}, "workflows": FLOWS,
        "actions": [BROKEN], "webhooks": [{"url": receiver.url, "secret": "secret-of-the-crm"}], "network": private(),
    }  # fmt: skip
    async with receiver.up(), api(tmp_path, **changes) as (here, client):
        budi = here.sandbox.phone(PHONE, "Budi")

        async def told(name: str) -> dict[str, Any]:
            def found() -> list[dict[str, Any]]:
                return [each for each in receiver.events if each["event"] == name]

            events: list[dict[str, Any]] = await until(found, here, within=90)
            return events[0]

        here.sandbox.say(budi, "bayar 50rb")
        for name in (
            "contact.created",
            "message.received",
            "turn.done",
            "message.sent",
            "action.done",
            "payment.expired",
        ):
            await told(name)
        here.sandbox.say(budi, "bayar 60rb")
        await until(lambda: rows(here, "SELECT 1 FROM payment WHERE amount = 60000"), here, within=60)
        ((second,),) = rows(here, "SELECT id FROM payment WHERE amount = 60000")
        await ask(client, "POST", f"/payments/{second}/paid", json={})
        await ask(client, "PUT", f"/contacts/{PHONE}", json={"tags": ["vip"], "lifecycle": "Customer"})
        for name in ("good", "bad"):
            assert (await call(here, name, {"id": 1, "phone": PHONE})).status_code == 200
        campaign = Campaign(here)
        campaign.write([PHONE])
        await campaign.send()
        here.sandbox.close(budi)
        here.sandbox.say(budi, "halo lagi")
        await ask(client, "POST", f"/conversations/{PHONE}/pause", json={"for": None})
        for name, keys in promised().items():
            event = await told(name)
            assert event.keys() == {"id", "event", "at", "contact", "data"}
            assert keys - SOME_TIMES <= event["data"].keys() <= keys | {"by"}, name
            assert event["at"].endswith("Z")
            if name != "broadcast.done":
                assert event["contact"]["phone"] == PHONE
        ids = [headers["x-balas-event-id"] for headers, _ in receiver.calls]
        assert len(ids) == len(set(ids))
        assert all(
            headers["x-balas-event"] == event["event"]
            for (headers, _), event in zip(receiver.calls, receiver.events, strict=True)
        )
