"""An agent on each platform's API: signatures, one reply per message, echoes, lost answers, kills, pictures, two platforms at once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from actions.qris import parse
from actions.qris.picture import read_image
from messaging.signature import sign
from tests.acceptance.campaign import Campaign
from tests.acceptance.world import World, world
from tests.actions.qris.codes import STATIC
from tests.messaging import test_aisoule, test_telegram, test_unipile, test_whatsapp, test_zernio
from tests.messaging.platforms import SECRET
from tests.messaging.servers import (
    TOKEN,
    AisouleDocsServer,
    AisouleServer,
    Server,
    TelegramServer,
    UnipileServer,
    WhatsAppServer,
    ZernioServer,
    running,
)

OFFLINE = {"name": "offline"}
PHONE = "+6281234567801"


def digest(body: bytes) -> str:
    return sign(SECRET.encode(), body, "hex")


@dataclass(frozen=True)
class Kit:
    """How one platform is configured, how a customer writes there, and what the agent's message looks like."""

    name: str
    make: Callable[[], Server]
    entry: Mapping[str, Any]
    signed: Callable[[bytes], Mapping[str, str]]
    said: Callable[[str, str], Any]
    own: Callable[[str, str], Any]
    words: Callable[[Mapping[str, Any]], Any]
    picture: Callable[[Mapping[str, Any]], Any]
    fate: str


def zernio_own(message_id: str, text: str) -> Any:
    payload = test_zernio.received(id=message_id, text=text, direction="outgoing", sentVia="api")
    return payload | {"event": "message.sent"}


KITS = [
    Kit(
        "zernio",
        ZernioServer,
        {"account": "acc_9"},
        lambda body: {"X-Zernio-Signature": digest(body)},
        lambda number, text: test_zernio.received(id=number, text=text),
        zernio_own,
        lambda sent: sent.get("message"),
        lambda sent: sent.get("attachmentUrl"),
        "key",
    ),
    Kit(
        "unipile",
        UnipileServer,
        {"account": "acc_1", "stale_after": "36500d"},
        lambda _: {"Unipile-Auth": SECRET},
        lambda number, text: test_unipile.received(message_id=number, message=text),
        lambda number, text: test_unipile.received(
            message_id=number, message=text, is_sender=True, sender=test_unipile.US
        ),
        lambda sent: sent.get("text"),
        lambda sent: sent["attachments"][1] if "attachments" in sent else None,
        "list",
    ),
    Kit(
        "aisoule",
        AisouleServer,
        {},
        lambda body: {"X-Webhook-Signature": digest(body)},
        lambda number, text: test_aisoule.with_data(test_aisoule.HELP, message_id=number, text=text),
        lambda number, _: {"event": "message.sent", "data": {"message_id": f"wamid.{number}", "to": PHONE}},
        lambda sent: sent.get("text"),
        lambda sent: sent.get("image", {}).get("url"),
        "status",
    ),
    Kit(
        "aisoule-docs",
        AisouleDocsServer,
        {"dialect": "docs"},
        lambda body: {"X-AISoule-Signature": f"sha256={digest(body)}"},
        lambda number, text: test_aisoule.with_data(test_aisoule.DOCS, message_id=number, body=text),
        lambda number, _: {"event": "message.sent", "data": {"message_id": f"msg_{number}", "recipient": PHONE[1:]}},
        lambda sent: sent.get("text", {}).get("body"),
        lambda sent: sent.get("image", {}).get("link"),
        "status",
    ),
    Kit(
        "whatsapp",
        WhatsAppServer,
        {"account": "p1", "verify_token": "kata"},
        lambda body: {"X-Hub-Signature-256": f"sha256={digest(body)}"},
        lambda number, text: test_whatsapp.received(id=number, type="text", text={"body": text}, timestamp=None),
        lambda number, _: test_whatsapp.notification(
            statuses=[{"id": f"wamid.{number}", "status": "sent", "recipient_id": "628123456789"}]
        ),
        lambda sent: sent.get("text", {}).get("body"),
        lambda sent: sent.get("image", {}).get("id"),
        "status",
    ),
    Kit(
        "telegram",
        TelegramServer,
        {},
        lambda _: {"X-Telegram-Bot-Api-Secret-Token": SECRET},
        lambda number, text: test_telegram.received(message_id=int(number), text=text),
        lambda number, text: {"update_id": 99, "channel_post": {"message_id": 1, "text": text}},
        lambda sent: sent.get("text"),
        lambda sent: sent["photo"][1] if "photo" in sent else None,
        "none",
    ),
]
BY_NAME = {kit.name: kit for kit in KITS}


def entry(kit: Kit, server: Server, **changes: Any) -> dict[str, Any]:
    platform = kit.name.partition("-")[0]
    facts = {"platform": platform, "base_url": server.url, "token": TOKEN, "webhook_secret": SECRET, "name": kit.name}
    return {**facts, **kit.entry, **changes}


def dated(payload: Any, at: datetime) -> Any:
    """The same webhook, written at this time: a customer of the samples' date may no longer be answered."""
    if isinstance(payload, list):
        return [dated(each, at) for each in payload]
    if not isinstance(payload, dict):
        return payload
    found = {name: dated(each, at) for name, each in payload.items()}
    for name in found.keys() & {"timestamp", "sentAt", "date"}:
        if isinstance(found[name], int):
            found[name] = int(at.timestamp())
        elif found[name] is not None:
            found[name] = at.isoformat().replace("+00:00", "Z")
    return found


@dataclass
class Place:
    """An agent and the server of one platform."""

    here: World
    kit: Kit
    server: Server
    name: str = ""
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def post(self, payload: Any, headers: Mapping[str, str] | None = None) -> httpx.Response:
        body = json.dumps(dated(payload, self.begun)).encode()
        given = self.kit.signed(body) if headers is None else headers
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.post(
                f"{self.here.url}/webhooks/{self.name or self.kit.name}", content=body, headers=dict(given)
            )

    async def say(self, number: str, text: str) -> None:
        answer = await self.post(self.kit.said(number, text))
        assert (answer.status_code, answer.json()["accepted"]) == (200, True), answer.text

    @property
    def texts(self) -> list[str]:
        return [words for sent in self.server.sent if (words := self.kit.words(sent)) is not None]

    async def got(self, count: int, within: float = 60) -> list[str]:
        """The texts that were sent, once there are `count` messages."""
        try:
            async with asyncio.timeout(within):
                while len(self.server.sent) < count:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{self.server.sent}\n" + "\n".join(self.here.log[-40:])) from None
        return self.texts


@asynccontextmanager
async def place(kit: Kit, folder: Path, **changes: Any) -> AsyncIterator[Place]:
    messaging = changes.pop("messaging", {})
    with running(kit.make()) as server:
        async with world(folder, messaging=entry(kit, server, **messaging), **changes) as here:
            await here.start()
            yield Place(here, kit, server)


every_platform = pytest.mark.parametrize("kit", KITS, ids=lambda kit: kit.name)


@every_platform
async def test_one_reply_per_message_whatever_comes_beside_it(kit: Kit, tmp_path: Path) -> None:
    async with place(kit, tmp_path) as here:
        for wrong in ({}, dict.fromkeys(kit.signed(b"x"), "wrong")):
            assert (await here.post(kit.said("1", "halo?"), wrong)).status_code == 401
        assert (await here.post([], kit.signed(b"[]"))).status_code == 400
        assert (await here.post({"a": 1}, kit.signed(b'{"a": 1}'))).status_code == 400
        huge = json.dumps({"a": "x" * 1_100_000}).encode()
        assert (await here.post({"a": "x" * 1_100_000}, kit.signed(huge))).status_code == 413

        await asyncio.gather(*(here.say("1", "harga kopi susu berapa?") for _ in range(3)))
        assert await here.got(1) == ["Jawaban untuk: harga kopi susu berapa?"]
        again = await here.post(kit.said("1", "harga kopi susu berapa?"))
        assert again.json() == {"accepted": True, "duplicate": True}

        answer = await here.post(kit.own("m1", "Jawaban untuk: harga kopi susu berapa?"))
        assert answer.status_code == 200
        for number, text in (("2", "halo"), ("3", "mau tanya"), ("4", "harga kopi susu berapa?")):
            await here.say(number, text)
        await here.got(2)
        await here.here.settled()
        assert len(here.server.sent) == 2, "neither the redelivery nor our own message was answered; the burst once"


@every_platform
async def test_a_reply_that_is_refused_for_a_while_goes_out_later_once(kit: Kit, tmp_path: Path) -> None:
    async with place(kit, tmp_path) as here:
        here.server.fail(429, {"error": "slow"}, times=2, Retry_After="1")
        await here.say("1", "harga kopi susu berapa?")
        await here.got(1)
        await here.here.settled()
        assert len(here.server.sent) == 1


@dataclass(frozen=True)
class Slow:
    """How a platform refuses what is too much: with these, and either after `pause` seconds or at the reset its headers tell."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 2
    resets: bool = False


SLOW = {
    "aisoule": Slow(
        429,
        {"message": "Too many requests", "status": "error"},
        {"X_RateLimit_Limit": "100", "X_RateLimit_Remaining": "0"},
        resets=True,
    ),
    "aisoule-docs": Slow(
        429, {"success": False, "error": {"code": "rate_limit_exceeded", "message": "slow", "retry_after_seconds": 2}}
    ),
    "telegram": Slow(
        429,
        {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 2}},
    ),
    "unipile": Slow(
        429, {"type": "errors/too_many_requests", "title": "Too many requests", "status": 429}, {"Retry_After": "2"}
    ),
    "whatsapp": Slow(
        400, {"error": {"message": "(#130429) Rate limit hit", "type": "OAuthException", "code": 130429}}, pause=0
    ),
    "zernio": Slow(
        429,
        {"error": "Rate limit exceeded", "type": "rate_limit_error", "code": "rate_limit_exceeded"},
        {"X_RateLimit_Limit": "60", "X_RateLimit_Remaining": "0"},
        resets=True,
    ),
}


@every_platform
async def test_a_platform_that_is_asked_too_much_says_when_to_come_back_in_its_own_way(
    kit: Kit, tmp_path: Path
) -> None:
    async with place(kit, tmp_path) as here:
        slow, reset = SLOW[kit.name], int(time.time()) + 6
        told = {"X_RateLimit_Reset": str(reset)} if slow.resets else {}
        here.server.fail(slow.status, slow.body, **slow.headers, **told)
        await here.say("1", "harga kopi susu berapa?")
        await here.got(1, within=40)
        await here.here.settled()
        assert len(here.server.sent) == 1
        refused, taken = here.server.taken_at
        assert taken >= (reset if slow.resets else refused + slow.pause) - 0.1


@every_platform
async def test_a_lost_answer_never_sends_twice_and_its_echo_settles_it(kit: Kit, tmp_path: Path) -> None:
    async with place(kit, tmp_path) as here:
        here.server.lose()
        await here.say("1", "harga kopi susu berapa?")
        await here.got(1)
        if kit.fate == "status":
            await here.post(kit.own("m1", here.texts[0]))
        await here.here.settled(3)
        if kit.fate != "none":
            await here.say("2", "es teh berapa?")
            assert (await here.got(2))[-1] == "Jawaban untuk: es teh berapa?"
            assert "may have been sent" not in await here.here.command("ledger", "dead")
        assert len(set(map(str, here.server.sent))) == len(here.server.sent)


@every_platform
async def test_a_kill_loses_nothing(kit: Kit, tmp_path: Path) -> None:
    async with place(kit, tmp_path) as here:
        here.here.model.delay = 5
        await here.say("1", "harga kopi susu berapa?")
        await here.here.kill()
        here.here.model.delay = 0
        await here.here.start()
        assert await here.got(1) == ["Jawaban untuk: harga kopi susu berapa?"]
        await here.here.settled()
        assert len(here.server.sent) == 1


@every_platform
async def test_a_payment_code_arrives_as_a_picture(kit: Kit, tmp_path: Path) -> None:
    async with place(kit, tmp_path, model=OFFLINE, payments={"qris": {"payload": STATIC}}) as here:
        await here.say("1", "bayar 50rb")
        texts = await here.got(2)
        picture = next(found for sent in here.server.sent if (found := kit.picture(sent)) is not None)
        if kit.name == "whatsapp":
            picture = here.server.files[picture]
        elif isinstance(picture, str):
            async with httpx.AsyncClient(trust_env=False) as client:
                picture = (await client.get(picture)).content
        (payload,) = read_image(picture)
        assert parse(payload).amount == 50000
        assert any("Rp50.000" in text for text in texts)


VOICE = Path(__file__).parent.parent / "data" / "voice"
HEARING = {
    "voice": {"model": str(VOICE / "tiny-whisper"), "allow_toy": True, "threads": 1},
    "network": {"allow_private": ["127.0.0.1"]},
}
NOTES: Mapping[str, Callable[[str], Any]] = {
    "zernio": lambda base: test_zernio.received(
        text=None, attachments=[{"type": "audio", "url": f"{base}/whatsapp/media/9?accountId=acc_9"}]
    ),
    "unipile": lambda _: test_unipile.received(
        message=None, attachments=[{"id": "a1", "type": "audio", "voice_note": True}]
    ),
    "whatsapp": lambda _: test_whatsapp.received(type="audio", audio={"id": "media9", "voice": True}, timestamp=None),
    "aisoule": lambda base: test_aisoule.with_data(
        test_aisoule.HELP, type="audio", text=None, audio={"url": f"{base.removesuffix('/api')}/public/note.ogg"}
    ),
    "aisoule-docs": lambda base: test_aisoule.with_data(
        test_aisoule.DOCS, type="audio", body=None, audio={"link": f"{base.removesuffix('/v1')}/public/note.ogg"}
    ),
    "telegram": lambda _: test_telegram.received(voice={"file_id": "v", "duration": 2, "mime_type": "audio/ogg"}),
}


@pytest.mark.parametrize("name", sorted(NOTES))
async def test_a_voice_note_is_fetched_in_the_platforms_own_way_and_answered(name: str, tmp_path: Path) -> None:
    async with place(BY_NAME[name], tmp_path, **HEARING) as here:
        here.server.audio = (VOICE / "samples" / "01-id-jam-berapa-toko-buka.ogg").read_bytes()
        assert (await here.post(NOTES[name](here.server.url))).status_code == 200
        (answer,) = await here.got(1)
        assert "jam berapa toko buka" in answer.lower()


async def test_an_album_and_a_sticker_on_telegram_get_one_answer(tmp_path: Path) -> None:
    async with place(BY_NAME["telegram"], tmp_path) as here:
        for number in (1, 2, 3):
            photo = {"photo": [{"file_id": f"p{number}"}], "media_group_id": "g"} | (
                {"caption": "yang ini ada?"} if number == 1 else {}
            )
            assert (await here.post(test_telegram.received(message_id=number, **photo))).status_code == 200
        sticker = test_telegram.received(message_id=4, sticker={"file_id": "s", "emoji": "👍"})
        assert (await here.post(sticker)).status_code == 200
        await here.got(1)
        await here.here.settled(3)
        assert len(here.server.sent) == 1
        assert "yang ini ada?" in here.here.model.asked[0].question


async def test_two_platforms_are_served_by_one_agent(tmp_path: Path) -> None:
    unipile, zernio = BY_NAME["unipile"], BY_NAME["zernio"]
    with ExitStack() as stack:
        servers = [stack.enter_context(running(kit.make())) for kit in (unipile, zernio)]
        entries = [entry(unipile, servers[0]), entry(zernio, servers[1], name="sales")]
        async with world(tmp_path, messaging=entries) as here:
            await here.start()
            first, second = Place(here, unipile, servers[0]), Place(here, zernio, servers[1], "sales")
            await first.say("in1", "satu?")
            await second.say("m1", "dua?")
            unnamed = Place(here, zernio, servers[1])
            assert (await unnamed.post(zernio.said("m1", "dua?"))).status_code == 404
            assert await first.got(1) == ["Jawaban untuk: satu?"]
            assert await second.got(1) == ["Jawaban untuk: dua?"]
            async with httpx.AsyncClient(trust_env=False) as client:
                metrics = (await client.get(f"{here.url}/metrics")).text
            assert 'balas_platform{kind="zernio",platform="sales"} 1.0' in metrics
            assert 'balas_platform_outbound{platform="unipile",state="sent"} 1.0' in metrics
            assert any("sales (zernio)" in line for line in here.log)


@pytest.mark.parametrize("name", ["unipile", "zernio"])
async def test_a_broadcast_begins_the_conversation_and_the_answer_goes_on_with_it(name: str, tmp_path: Path) -> None:
    async with place(BY_NAME[name], tmp_path) as here:
        campaign, promo = Campaign(here.here), "Promo kopi hari ini!"
        campaign.write(["+628123456789"], **({"template": None, "text": promo} if name == "unipile" else {}))
        campaign.settings = {key: value for key, value in campaign.settings.items() if key != "channel" and value}
        campaign.save()
        here.server.platform = "whatsapp"  # type: ignore[attr-defined]
        await campaign.send()
        await here.got(1)
        (first,) = here.server.sent
        if name == "zernio":
            assert (first["participantId"], first["templateName"]) == ("628123456789", "sapaan")
            assert first["templateParams"] == ["Orang0"]
        else:
            assert (first["attendees_ids"], first["text"]) == ("628123456789@s.whatsapp.net", promo)
            assert (await here.post(here.kit.own("m1", promo))).status_code == 200
        await here.say("9", "berapa harganya?")
        assert (await here.got(2))[-1].endswith("berapa harganya?")
        shown = await here.here.command("ledger", "show", "+628123456789")
        said = promo if name == "unipile" else "[sapaan] Orang0"
        assert shown.index(said) < shown.index("berapa harganya?"), "one contact, one history"
        assert "new-" not in shown


async def test_two_accounts_of_one_platform_are_told_apart_by_name(tmp_path: Path) -> None:
    kit = BY_NAME["zernio"]
    with ExitStack() as stack:
        servers = [stack.enter_context(running(ZernioServer())) for _ in range(2)]
        entries = [
            entry(kit, server, name=name, account=account)
            for server, name, account in zip(servers, ("toko", "grosir"), ("acc_1", "acc_2"), strict=True)
        ]
        async with world(tmp_path, messaging=entries) as here:
            await here.start()
            first, second = (
                Place(here, kit, server, name) for server, name in zip(servers, ("toko", "grosir"), strict=True)
            )
            for account, shop in (("acc_1", first), ("acc_2", second), ("acc_2", first)):
                payload = test_zernio.received(id="m1", text=f"halo {account}?")
                payload["account"] |= {"id": account, "accountId": account}
                assert (await shop.post(payload)).status_code == 200
            assert await first.got(1) == ["Jawaban untuk: halo acc_1?"]
            assert await second.got(1) == ["Jawaban untuk: halo acc_2?"]
            await here.settled()
            assert [sent["accountId"] for server in servers for sent in server.sent] == ["acc_1", "acc_2"]
            listed = await here.command("ledger", "show", "grosir:c1")
            assert "halo acc_2?" in listed
            assert "halo acc_1?" not in listed


async def test_meta_is_answered_when_it_sets_the_webhook_up(tmp_path: Path) -> None:
    async with place(BY_NAME["whatsapp"], tmp_path) as here, httpx.AsyncClient(trust_env=False) as client:
        asked = {"hub.mode": "subscribe", "hub.verify_token": "kata", "hub.challenge": "115"}
        answer = await client.get(f"{here.here.url}/webhooks/whatsapp", params=asked)
        assert (answer.status_code, answer.text) == (200, "115")
        wrong = await client.get(f"{here.here.url}/webhooks/whatsapp", params=asked | {"hub.verify_token": "x"})
        assert wrong.status_code == 403
        assert (await client.get(f"{here.here.url}/webhooks/other", params=asked)).status_code == 404


async def test_a_colleague_on_the_business_phone_silences_the_agent(tmp_path: Path) -> None:
    async with place(BY_NAME["unipile"], tmp_path) as here:
        await here.say("in1", "satu?")
        await here.got(1)
        await here.post(here.kit.own("by-hand", "saya bantu ya"))
        await here.say("in2", "dua?")
        await here.here.settled(3)
        assert len(here.server.sent) == 1


async def test_a_note_for_colleagues_is_in_the_ledger_where_the_platform_has_no_place_for_it(tmp_path: Path) -> None:
    async with place(BY_NAME["unipile"], tmp_path, model=OFFLINE) as here:
        await here.say("in1", "saya mau bicara dengan admin")
        await here.got(1)
        await here.here.settled()
        assert " note     " in await here.here.command("ledger", "show", "+628123456789")


async def test_a_message_of_unknown_fate_stands_among_the_dead(tmp_path: Path) -> None:
    async with place(BY_NAME["telegram"], tmp_path) as here:
        here.server.lose()
        await here.say("1", "satu?")
        await here.got(1)
        async with asyncio.timeout(60):
            while "may have been sent" not in await here.here.command("ledger", "dead"):
                await asyncio.sleep(1)
        assert len(here.server.sent) == 1


async def test_it_is_sent_again_where_the_owner_prefers_that(tmp_path: Path) -> None:
    async with place(BY_NAME["telegram"], tmp_path, messaging={"uncertain": "repeat"}) as here:
        here.server.lose()
        await here.say("1", "satu?")
        assert len(set(await here.got(2))) == 1
