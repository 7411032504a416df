"""The sandbox plays every platform well enough for our own clients, which are tested against the documents elsewhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.delivery.matching import is_ours
from messaging import open_platform
from messaging.errors import Conflict, NotFound, PlatformError, RateLimited, Unauthorized, Unsupported
from messaging.platform import MediaFile, Platform
from messaging.sandbox import RunningSandbox
from messaging.sandbox.faces import FACES
from messaging.settings import MessagingSettings
from messaging.types import (
    Address,
    ContactFilter,
    ContactKey,
    CustomPayload,
    DeliveryReport,
    File,
    InboundMessage,
    MessageSent,
    OtherEvent,
    QuickReplies,
    Template,
    Text,
    read_platform_file,
)
from tests.messaging.sandbox.conftest import QUICK
from tests.messaging.sandbox.receiver import Receiver

NOTE = (Path(__file__).parents[2] / "data" / "voice" / "samples" / "01-id-jam-berapa-toko-buka.ogg").read_bytes()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)
every_face = pytest.mark.parametrize("name", sorted(FACES))


def settings(name: str, sandbox: RunningSandbox, token: str | None = None) -> MessagingSettings:
    facts: dict[str, Any] = {
        "platform": name.partition("-")[0],
        "dialect": "docs" if name.endswith("-docs") else "help",
        "base_url": sandbox.api_url,
        "token": token or sandbox.token,
        "webhook_secret": "s3cret",
        "account": "sandbox",
    }
    return MessagingSettings.model_validate(facts)


@dataclass
class Stage:
    sandbox: RunningSandbox
    receiver: Receiver
    platform: Platform

    async def events(self, count: int) -> list[Any]:
        """What the platform makes of the first webhooks, all of which it must be able to verify."""
        await self.receiver.wait_until(count)
        found: list[Any] = []
        for headers, body in self.receiver.taken:
            self.platform.verify(headers, body)
            found += self.platform.parse(body)
        return found


@asynccontextmanager
async def stage(name: str) -> AsyncIterator[Stage]:
    async def media(_: str) -> MediaFile:
        return MediaFile(PNG, "image/png", "qris.png")

    async with (
        RunningSandbox(QUICK, FACES[name]()) as sandbox,
        Receiver(files={"/qris.png": ("image/png", PNG)}) as receiver,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        sandbox.send_webhooks_to(receiver.url, "s3cret", ("message.received", "message.sent"))
        yield Stage(sandbox, receiver, open_platform(settings(name, sandbox), http, lambda: datetime.now(UTC), media))


@every_face
async def test_a_conversation_goes_both_ways(name: str) -> None:
    async with stage(name) as here:
        budi = here.sandbox.phone("+6281234567802")
        asked = here.sandbox.say(budi, "harga kopi susu?")
        (event,) = await here.events(1)
        assert isinstance(event, InboundMessage)
        assert event.text == "harga kopi susu?"
        await here.platform.send(event.key, Text("25.000"), key="d1")
        (reply,) = await here.sandbox.replies(budi, after=asked)
        assert reply.text == "25.000"
        assert await here.platform.channels()
        async with httpx.AsyncClient(trust_env=False) as page:
            shown = (await page.get(f"{here.sandbox.url}/sandbox/messages", params={"contact": str(budi.id)})).json()
        assert {"harga kopi susu?", "25.000"} <= {message["text"] for message in shown["items"]}


@every_face
async def test_choices_and_pictures_arrive(name: str) -> None:
    async with stage(name) as here:
        budi = here.sandbox.phone("+6281234567802")
        asked = here.sandbox.say(budi, "halo")
        (event,) = await here.events(1)
        await here.platform.send(event.key, QuickReplies("Panas atau dingin?", ("Panas", "Dingin")))
        await here.platform.send(event.key, File("image", f"{here.receiver.url}/qris.png"))
        choices, picture = await here.sandbox.replies(budi, after=asked, count=2)
        assert "Panas atau dingin?" in str(choices.content)
        assert "Dingin" in str(choices.content)
        assert picture.content["attachment"]["type"] == "image"  # type: ignore[index,call-overload]
        if here.platform.capabilities.templates:
            await here.platform.send(event.key, Template("sapaan", "id", values=("Budi",)))


async def test_aisoules_contacts_templates_campaigns_and_accounts_are_played() -> None:
    async with stage("aisoule") as here:
        aisoule: Any = here.platform
        new = Address("phone", "+6281234567999")
        with pytest.raises(NotFound):
            await aisoule.find_contact(new)
        key = await aisoule.create_contact(new, {"first_name": "Sari", "last_name": "Dewi"})
        with pytest.raises(Conflict):
            await aisoule.create_contact(new, {"first_name": "Sari"})
        await aisoule.update_contact(key, {"first_name": "Sri", "last_name": "Dewi"})
        found = await aisoule.find_contact(new)
        assert (found.first_name, found.last_name) == ("Sri", "Dewi")
        assert new.value in {contact.phone async for contact in aisoule.list_contacts(ContactFilter())}
        identity = str(here.sandbox.phone(new.value).id)
        assert (await aisoule.api.contact(identity))["phone_number"] == new.value
        await aisoule.api.delete_contact(identity)
        with pytest.raises(NotFound):
            await aisoule.find_contact(new)
        assert aisoule.capabilities.lists_templates
        assert await aisoule.templates()
        assert list(await aisoule.api.campaigns()) == []
        assert (await aisoule.api.create_campaign({"name": "Lebaran"}))["name"] == "Lebaran"
        assert [one["id"] for one in await aisoule.api.accounts()] == ["sandbox"]


async def test_aisoules_docs_dialect_has_contacts_and_says_what_it_has_not() -> None:
    async with stage("aisoule-docs") as here:
        aisoule: Any = here.platform
        key = await aisoule.create_contact(Address("phone", "+6281234567999"), {"first_name": "Sari"})
        assert (await aisoule.contact(key)).first_name == "Sari"
        assert len([one async for one in aisoule.list_contacts(ContactFilter())]) == len(
            here.sandbox.state.contacts.all()
        )
        assert not aisoule.capabilities.lists_templates
        for lacking in (aisoule.templates(), aisoule.api.campaigns(), aisoule.api.contact("cnt_1")):
            with pytest.raises(Unsupported):
                await lacking


async def test_a_login_opens_a_session_in_the_place_of_a_key() -> None:
    async with stage("aisoule") as here, httpx.AsyncClient(trust_env=False) as http:
        budi = here.sandbox.phone("+6281234567802")
        facts = settings("aisoule", here.sandbox).model_dump() | {"token": ""}
        for password, works in ((here.sandbox.token, True), ("wrong", False)):
            login = {"email": "melati@example.com", "password": password}
            platform = open_platform(MessagingSettings.model_validate(facts | {"login": login}), http)
            key = ContactKey("aisoule", "+6281234567802")
            if works:
                await platform.send(key, Text("halo"))
            else:
                with pytest.raises(Unauthorized):
                    await platform.send(key, Text("halo lagi"))
        assert [message.text for message in here.sandbox.sent(budi)] == ["halo"]


@pytest.mark.parametrize("name", ["unipile", "zernio"])
async def test_a_conversation_is_begun_by_number(name: str) -> None:
    async with stage(name) as here:
        budi = here.sandbox.phone("+6281234567802")
        found = await here.platform.find_contact(Address("phone", "+6281234567802"))
        await here.platform.send(found.key, Text("halo"))
        if here.platform.capabilities.templates:
            await here.platform.send(found.key, Template("sapaan", "id", values=("Budi",)))
        assert here.sandbox.sent(budi)[0].text == "halo"
        here.sandbox.say(budi, "ya?")
        answer = next(event for event in await here.events(2) if isinstance(event, InboundMessage))
        assert answer.contact.stand_in == found.key


async def test_a_comment_on_zernio_is_a_message_where_it_is_asked_for() -> None:
    async with stage("zernio") as here:
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.state.receive(budi, {"type": "comment", "text": "harga?"})
        assert [type(event) for event in await here.events(1)] == [OtherEvent]
        asked = settings("zernio", here.sandbox).model_copy(update={"comments": True})
        async with httpx.AsyncClient(trust_env=False) as http:
            platform = open_platform(asked, http)
            (event,) = platform.parse(here.receiver.taken[0][1])
            assert isinstance(event, InboundMessage)
            assert (event.kind, event.text) == ("comment", "harga?")
            await platform.send(event.key, Text("25.000"))
        assert here.sandbox.sent(budi)[-1].text == "25.000"


@pytest.mark.parametrize("content", [{"type": "location", "latitude": -6.26, "longitude": 106.81}, {"type": "list"}])
async def test_what_zernio_sends_beside_texts_is_shown(content: dict[str, Any]) -> None:
    async with stage("zernio") as here:
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "halo")
        (event,) = await here.events(1)
        if content["type"] == "location":
            await here.platform.send(event.key, CustomPayload({"location": content}))
            assert here.sandbox.sent(budi)[-1].content["latitude"] == -6.26
        else:
            await here.platform.send(event.key, QuickReplies("Pilih", ("A", "B", "C", "D")))
            assert here.sandbox.sent(budi)[-1].content["replies"] == ["A", "B", "C", "D"]


@every_face
async def test_a_shared_place_and_a_shared_card_are_read(name: str) -> None:
    async with stage(name) as here:
        budi = here.sandbox.phone("+6281234567802")
        place = {"type": "location", "latitude": -6.26, "longitude": 106.81}
        card = {"name": {"formatted_name": "Sari"}, "phones": [{"phone": "+6281234567801"}]}
        here.sandbox.state.receive(budi, place)
        await here.receiver.wait_until(1)
        here.sandbox.state.receive(budi, {"type": "contacts", "contacts": [card]})
        shared, shown = await here.events(2)
        if name == "unipile":
            assert shared.text == "-6.26, 106.81"
            assert shown.text == "Sari, +6281234567801"
        else:
            assert (shared.location.latitude, shared.location.longitude) == (-6.26, 106.81)
            assert shown.cards[0].phones[0].removeprefix("+") == "6281234567801"
        assert shared.contact.phone == (None if name == "telegram" else "+6281234567802")


async def test_the_number_of_a_telegram_user_is_known_once_it_is_shared() -> None:
    async with stage("telegram") as here:
        budi = here.sandbox.phone("+6281234567802")
        card = {"name": {"formatted_name": "Budi"}, "phones": [{"phone": "+6281234567802"}]}
        here.sandbox.state.receive(budi, {"type": "contacts", "contacts": [card]})
        (event,) = await here.events(1)
        assert event.contact.phone == "+6281234567802"


@every_face
async def test_own_messages_are_known_as_such(name: str) -> None:
    async with stage(name) as here:
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "halo")
        (event,) = await here.events(1)
        sent = await here.platform.send(event.key, Text("hai"))
        if not here.platform.capabilities.echoes:
            return
        echo = (await here.events(2))[-1]
        assert isinstance(echo, MessageSent | DeliveryReport)
        assert echo.message_id == sent
        assert echo.contact is not None
        assert echo.contact.key == event.key


@every_face
async def test_a_voice_note_is_fetched(name: str) -> None:
    async with stage(name) as here:
        here.sandbox.attach(here.sandbox.phone("+6281234567802"), NOTE, "note.ogg")
        (event,) = await here.events(1)
        (attachment,) = event.attachments
        assert attachment.kind == "audio"
        if (place := read_platform_file(attachment.url)) is not None:
            assert await here.platform.fetch(place[1], 1_000_000) == NOTE
        else:
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(attachment.url)).content == NOTE


@every_face
async def test_faults_and_refusals_are_said_in_the_platforms_words(name: str) -> None:
    async with stage(name) as here:
        here.sandbox.say(here.sandbox.phone("+6281234567802"), "halo")
        (event,) = await here.events(1)
        here.sandbox.fault("rate_limited", only="sends", times=1, seconds=2)
        with pytest.raises(RateLimited):
            await here.platform.send(event.key, Text("hai"))
        async with httpx.AsyncClient(trust_env=False) as http:
            stranger = open_platform(settings(name, here.sandbox, "wrong"), http)
            with pytest.raises(Unauthorized):
                await stranger.send(event.key, Text("hai"))


@pytest.mark.parametrize("name", ["aelyst", "unipile", "zernio"])
async def test_a_lost_answer_can_be_told(name: str) -> None:
    async with stage(name) as here:
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "halo")
        (event,) = await here.events(1)
        here.sandbox.fault("drop_answer", only="sends", times=1)
        begun = datetime.now(UTC)
        with pytest.raises(PlatformError) as lost:
            await here.platform.send(event.key, Text("hai"), key="d1")
        assert not lost.value.certain
        if here.platform.capabilities.message_list:
            listed = await here.platform.messages(event.key)
            assert [is_ours(one, Text("hai"), begun, ()) for one in listed].count(True) == 1
        else:
            await here.platform.send(event.key, Text("hai"), key="d1")
        assert len(here.sandbox.sent(budi)) == 1
