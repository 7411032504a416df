"""A customer pays: a code that a reader decodes, a notification that is told once, an end that is told too."""

from pathlib import Path

import httpx

from actions.qris import parse, with_amount
from actions.qris.picture import read_image
from actions.qris.simulator import Keys, simulator
from messaging.sandbox.records import Contact, Message
from tests.acceptance.world import World, world
from tests.actions.qris.codes import STATIC
from tests.actions.qris.serving import serve

OFFLINE = {"name": "offline"}


async def code_and_caption(here: World, contact: Contact, after: Message | int = 0) -> tuple[str, str]:
    """The payload that a QR reader sees in the picture that was sent, and the caption under it."""
    messages = await here.sandbox.replies(contact, after=after, count=2, within=60)
    image, caption = (message.content for message in messages[-2:])
    async with httpx.AsyncClient() as client:
        picture = await client.get(image["attachment"]["url"])
    assert picture.headers["content-type"] == "image/png"
    (payload,) = read_image(picture.content)
    return payload, caption["text"]


async def test_bayar_50rb_brings_a_code_and_kirim_ulang_the_same_again(tmp_path: Path) -> None:
    async with world(tmp_path, model=OFFLINE, payments={"qris": {"payload": STATIC}}) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "bayar 50rb")
        payload, caption = await code_and_caption(here, budi)
        assert payload == with_amount(STATIC, 50000).text
        assert parse(payload).amount == 50000
        assert all(fact in caption for fact in ("Rp50.000", "QR-", "WARUNG CONTOH JAYA", "ID1099000000017", "WIB"))

        before = here.sandbox.say(budi, "kirim ulang qris")
        again, same_caption = await code_and_caption(here, budi, after=before)
        assert (again, same_caption) == (payload, caption)


async def test_an_unclear_amount_is_asked_back_and_the_end_of_a_code_is_told(tmp_path: Path) -> None:
    async with world(tmp_path, model=OFFLINE, payments={"qris": {"payload": STATIC, "expires": "1s"}}) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "bayar 1.500rb")
        (question,) = await here.texts(budi)
        assert "Rp1.500 " in question
        assert "Rp1.500.000" in question
        before = here.sandbox.say(budi, "bayar 50rb")
        await code_and_caption(here, budi, after=before)
        *_, end = await here.texts(budi, after=before, count=3, within=30)
        assert "kedaluwarsa" in end
        assert "kirim ulang" in end


async def test_a_payment_through_a_gateway_is_confirmed_by_its_notification_once(tmp_path: Path) -> None:
    keys = Keys()
    async with (
        httpx.AsyncClient() as client,
        world(tmp_path, model=OFFLINE) as here,
        serve(simulator(here.url, client, keys)) as play,
    ):
        gateway = {"name": "midtrans", "server_key": keys.midtrans, "base_url": f"{play}/midtrans"}
        here.config["payments"] = {"qris": {"gateway": gateway}}
        here.config["server"]["public_url"] = here.url
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "bayar 50rb")
        payload, caption = await code_and_caption(here, budi)
        assert parse(payload).amount == 50000
        order = next(word for word in caption.split() if word.startswith("QR-"))

        before = here.sandbox.say(budi, "pembayaran saya sudah masuk belum?")
        (not_yet,) = await here.texts(budi, after=before)
        assert "belum masuk" in not_yet

        last = here.sandbox.sent(budi)[-1]
        paid = await client.post(f"{play}/pay/{order}", json={"times": 3})
        assert paid.json() == {"answers": [200, 200, 200]}
        (thanks,) = await here.texts(budi, after=last)
        assert "Rp50.000" in thanks
        assert "terima" in thanks
        await here.settled(1)
        texts = [str(message.content.get("text")) for message in here.sandbox.sent(budi)]
        assert sum("sudah kami terima" in text for text in texts) == 1

        forged = await client.post(f"{here.url}/payments/midtrans", json={"order_id": order, "signature_key": "0"})
        other = await client.post(f"{here.url}/payments/xendit", json={})
        assert (forged.status_code, other.status_code) == (400, 404)
