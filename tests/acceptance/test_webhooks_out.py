"""Events told to other systems: signed, once, in order, also when the receiver was down."""

import hashlib
import hmac
from pathlib import Path

from tests.acceptance.flow import Receiver, api, private, rows, server, until
from tests.acceptance.world import world

SECRET = "secret-of-the-receiver"
NAMES = ["message.received", "turn.done", "message.sent", "contact.created"]


async def test_a_signed_event_arrives_once_at_a_server_that_was_down(tmp_path: Path) -> None:
    receiver = Receiver()
    told = {"url": receiver.url, "events": NAMES, "secret": SECRET}
    async with world(tmp_path, webhooks=[told], network=private()) as here:
        here.config["server"] = server(here)
        await here.start()
        budi = here.sandbox.phone("+6281234567802", "Budi")
        here.sandbox.say(budi, "harga kopi susu berapa?")
        await here.texts(budi)
        await until(lambda: rows(here, "SELECT 1 FROM webhook_delivery WHERE attempts > 0"), here)
        await here.kill()
        async with receiver.up():
            receiver.statuses = [500]
            await here.start()
            await until(lambda: len(receiver.calls) >= 5, here, within=40)
            await here.settled(2)
            ids = [headers["x-balas-event-id"] for headers, _ in receiver.calls]
            assert len(ids) == 5
            assert ids[0] == ids[1] != ids[2]  # the one that was answered with 500 came again, before the others
            assert len(set(ids)) == 4
            names = [event["event"] for event in receiver.events[1:]]
            assert names == ["contact.created", "message.received", "turn.done", "message.sent"]
            assert receiver.events[-1]["data"]["text"] == here.sandbox.sent(budi)[0].content["text"]
            assert receiver.events[-1]["contact"]["phone"] == "+6281234567802"
            for headers, body in receiver.calls:
                expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                assert headers["x-balas-signature"] == f"sha256={expected}"
            log = (await api(here, "GET", "/webhooks/deliveries?state=sent")).json()["deliveries"]
            assert len(log) == 4
            again = await api(here, "POST", "/webhooks/replay", json={"since": "2020-01-01T00:00:00Z"})
            assert again.json() == {"queued": 4}
            await until(lambda: len(receiver.calls) >= 9, here)
            assert [headers["x-balas-event-id"] for headers, _ in receiver.calls[5:]] == ids[1:]
            assert "4 deliveries" in await here.command("webhooks", "replay", "--since", "1h")


async def test_a_private_receiver_is_not_reached_unless_allowed_nor_is_one_that_is_named_no_more(
    tmp_path: Path,
) -> None:
    receiver = Receiver()
    async with receiver.up(), world(tmp_path, webhooks=[{"url": receiver.url}]) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802", "Budi")
        here.sandbox.say(budi, "harga kopi susu berapa?")
        await here.texts(budi)
        query = "SELECT reason FROM webhook_delivery WHERE state = 'failed'"
        ((reason, *_), *_) = await until(lambda: rows(here, query), here)
        assert "private" in reason
        assert receiver.calls == []
        await here.stop()
        rows(here, "UPDATE webhook_delivery SET state = 'pending', next_attempt_at = created_at")
        here.config["webhooks"] = []
        await here.start()
        await until(lambda: not rows(here, "SELECT 1 FROM webhook_delivery WHERE state = 'pending'"), here)
        assert "does not name this receiver any more" in await here.command("ledger", "dead")
