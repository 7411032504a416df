"""The client and the local platform, which were built apart, understand each other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from messaging import open_platform
from messaging.aelyst import Aelyst, Condition, Filter, by_phone
from messaging.aelyst.addresses import Addresses
from messaging.errors import InQueue, Invalid, NotFound, OutcomeUnknown, RateLimited, Unauthorized, Unavailable
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.sandbox.faults import FaultName
from messaging.settings import MessagingSettings
from messaging.types import (
    Address,
    AssigneeChanged,
    ContactFilter,
    ContactKey,
    ConversationClosed,
    Event,
    File,
    InboundMessage,
    MessageSent,
    QuickReplies,
    Template,
    Text,
)
from tests.messaging.stub import Answer, Stub

SECRET = "webhook-key"


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    options = SandboxOptions(
        port=0, sent_after=timedelta(), delivered_after=timedelta(), webhook_backoff=timedelta(seconds=0.05)
    )
    async with RunningSandbox(options) as running:
        yield running


@pytest.fixture
def client(sandbox: RunningSandbox, http: httpx.AsyncClient) -> Aelyst:
    return Aelyst(
        http,
        base_url=sandbox.api_url,
        token=sandbox.token,
        name="sandbox",
        keys=[SECRET.encode()],
        addresses=Addresses(delay=timedelta()),
    )


async def key_of(client: Aelyst, phone: str = "+6281234567801") -> ContactKey:
    return (await client.contacts.get(by_phone(phone))).key


async def test_settings_without_a_token_reach_the_sandbox(sandbox: RunningSandbox, http: httpx.AsyncClient) -> None:
    platform = open_platform(MessagingSettings(platform="sandbox", base_url=sandbox.api_url), http)
    assert platform.name == "sandbox"
    assert await platform.channels()


async def test_messages_go_out_and_are_found_again(client: Aelyst) -> None:
    sari = await key_of(client)
    since = datetime.now(UTC) - timedelta(minutes=1)
    messages = (Text("Halo *Sari*"), File("image", "http://127.0.0.1/q.png"), QuickReplies("Pilih", ("Ya", "Tidak")))
    channel = (await client.channels())[0].id
    ids = [await client.send(sari, message, channel) for message in messages]
    listed = await client.messages(sari, since)
    assert [message.id for message in listed] == ids[::-1]
    assert [message.content for message in reversed(listed)] == list(messages)
    assert {message.sender_source for message in listed} == {"api"}
    assert (await client.message(sari, ids[0])).content == messages[0]


async def test_a_contact_lives_from_creation_to_deletion(client: Aelyst) -> None:
    identifier = by_phone("+62811222333")
    await client.contacts.create(identifier, {"first_name": "Dewi", "language": "id"})
    dewi = (await client.contacts.get(identifier)).key
    await client.update_contact(dewi, {"last_name": "Lestari"})
    await client.add_tags(dewi, ["vip", "reseller"])
    await client.remove_tags(dewi, ["reseller"])
    user = await anext(client.space.users())
    await client.assign(dewi, user.id)
    await client.comment(dewi, "Tolong dibantu")
    await client.open_conversation(dewi)
    contact = await client.contact(dewi)
    assert (contact.first_name, contact.last_name, contact.tags) == ("Dewi", "Lestari", ("vip",))
    assert contact.assignee is not None
    assert contact.assignee.id == user.id
    assert contact.status == "open"
    await client.close_conversation(dewi)
    await client.assign(dewi, None)
    contact = await client.contact(dewi)
    assert (contact.status, contact.assignee) == ("closed", None)
    wanted = Filter(all_of=(Condition("contactTag", None, "hasAnyOf", ["vip"]),))
    assert [found.key async for found in client.contacts.list(wanted)] == [dewi]
    again = await client.contacts.create_or_update(identifier, {"first_name": "Dewi", "email": "dewi@example.com"})
    assert again == dewi
    await client.contacts.delete(dewi)
    with pytest.raises(NotFound):
        await client.contact(dewi)


async def test_lists_are_read_over_their_pages(client: Aelyst, sandbox: RunningSandbox) -> None:
    for number in range(120):
        sandbox.phone(f"+62811000{number:04}")
    everybody = [contact.key async for contact in client.contacts.list()]
    assert len(everybody) == len(set(everybody)) >= 120


async def test_the_workspace_answers(client: Aelyst) -> None:
    channel = (await client.channels())[0]
    assert [template.name async for template in client.space.templates(channel.id)]
    assert [note.category async for note in client.space.closing_notes()]
    field = await client.space.create_custom_field("Ukuran Gelas", "list", options=["Kecil", "Besar"])
    assert field in [found async for found in client.space.custom_fields()]
    sari = await key_of(client)
    await client.update_contact(sari, {"ukuran gelas": "besar"})
    assert (await client.contact(sari)).custom_fields["Ukuran Gelas"] == "Besar"
    with pytest.raises(Invalid):
        await client.update_contact(sari, {"ukuran gelas": "raksasa"})


async def test_a_template_is_looked_up_and_filled_in_when_it_is_sent(client: Aelyst) -> None:
    sari = await key_of(client)
    channel = (await client.channels())[0].id
    sent = Template("pengingat_pembayaran", "id", values=("Sari", "KS-1"))
    message = await client.message(sari, await client.send(sari, sent, channel))
    assert isinstance(message.content, Template)
    assert message.content.components[0]["text"] == "Halo {{1}}, pesanan {{2}} masih menunggu pembayaran."
    assert message.content.texts == sent.texts == ("Sari", "KS-1")
    with pytest.raises(Invalid, match="placeholders"):
        await client.send(sari, Template("pengingat_pembayaran", "id", values=("Sari",)), channel)
    with pytest.raises(Invalid, match="no template 'pengingat_pembayaran' in 'en'"):
        await client.send(sari, Template("pengingat_pembayaran", "en", values=("Sari",)), channel)


async def test_a_template_that_is_new_on_the_platform_is_found_at_once(client: Aelyst, sandbox: RunningSandbox) -> None:
    sari = await key_of(client)
    channel = (await client.channels())[0].id
    assert {one.name for one in await client.templates()} == {one.name for one in await client.templates(channel)}
    await client.send(sari, Template("sapaan", "id", values=("Sari",)), channel)
    sandbox.state.workspace.add_template(int(channel), "promo", "id", "Hai {{1}}")
    assert "promo" in {one.name for one in await client.templates()}
    assert await client.send(sari, Template("promo", "id", values=("Sari",)), channel)


async def test_wrong_token_and_unknown_contact(
    sandbox: RunningSandbox, http: httpx.AsyncClient, client: Aelyst
) -> None:
    with pytest.raises(Unauthorized):
        await Aelyst(http, base_url=sandbox.api_url, token="wrong").channels()
    with pytest.raises(NotFound):
        await client.send(ContactKey("sandbox", "999999"), Text("Halo"))


async def test_the_sandboxs_limiter_has_nothing_to_refuse(client: Aelyst) -> None:
    sari = await key_of(client)
    channel = (await client.channels())[0].id
    sends = (client.send(sari, Text(f"pesan {number}"), channel) for number in range(16))
    answers = await asyncio.gather(*sends, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) <= 2, refused  # a busy machine delays a request; without the limiter, eleven are refused


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limited", RateLimited),
        ("queued", InQueue),
        ("server_error", Unavailable),
        ("drop_answer", OutcomeUnknown),
    ],
)
async def test_faults_arrive_as_their_errors(
    client: Aelyst, sandbox: RunningSandbox, fault: FaultName, kind: type[Exception]
) -> None:
    sari = await key_of(client)
    channel = (await client.channels())[0].id
    sandbox.fault(fault)
    with pytest.raises(kind):
        await client.send(sari, Text("Halo"), channel)


async def test_webhooks_verify_and_parse(client: Aelyst, sandbox: RunningSandbox, stub: Stub) -> None:
    stub.decide = lambda _: Answer({"accepted": True})
    sandbox.send_webhooks_to(f"{stub.url}/webhooks/sandbox", SECRET)
    sari = sandbox.phone("+6281234567801")
    sandbox.say(sari, "Halo, mau pesan")
    sandbox.attach(sari, b"OggS", "note.ogg")
    sandbox.reply_as_human(sari, "Saya bantu ya")
    sandbox.assign(sari)
    sandbox.close(sari)
    key = ContactKey("sandbox", str(sari.id))
    await client.send(key, Text("Baik kak"))

    events: list[Event] = []

    def said(kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in events)

    async with asyncio.timeout(60):
        while not (
            said(ConversationClosed) and said(AssigneeChanged) and sum(isinstance(e, MessageSent) for e in events) == 2
        ):
            await asyncio.sleep(0.05)
            events.clear()
            for call in list(stub.calls):
                client.verify(call.headers, call.raw)
                events += client.parse(call.raw)
    received = [event for event in events if isinstance(event, InboundMessage)]
    assert [event.text for event in received] == ["Halo, mau pesan", None]
    assert {event.key for event in received} == {key}
    assert received[1].attachments[0].kind == "audio"
    by_human = {event.text: event.by_human for event in events if isinstance(event, MessageSent)}
    assert by_human == {"Saya bantu ya": True, "Baik kak": False}


async def test_somebody_unknown_is_created_by_phone_or_email_and_found_again(client: Aelyst) -> None:
    for address in (Address("phone", "+628111222333"), Address("email", "dewi@example.com")):
        with pytest.raises(NotFound):
            await client.find_contact(address)
        key = await client.create_contact(address, {"first_name": "Dewi"})
        assert await client.create_contact(address, {"first_name": "Dewi"}) == key
        found = await client.find_contact(address)
        assert (found.key, found.first_name) == (key, "Dewi")


async def test_a_contact_made_just_now_is_left_alone_for_a_while(
    sandbox: RunningSandbox, http: httpx.AsyncClient
) -> None:
    settling = timedelta(seconds=0.5)
    addresses = Addresses(delay=settling)
    client = Aelyst(http, base_url=sandbox.api_url, token=sandbox.token, addresses=addresses)
    assert client.settling == settling
    key = await client.create_contact(Address("phone", "+628111222333"), {"first_name": "Dewi"})
    created = asyncio.get_running_loop().time()
    await client.contact(key)
    assert asyncio.get_running_loop().time() - created >= 0.4


async def test_contacts_are_listed_by_all_their_conditions(client: Aelyst) -> None:
    vip, new = [Address("phone", f"+62811122233{n}") for n in range(2)]
    one = await client.create_contact(vip, {"first_name": "Dewi", "language": "id", "country": "ID"})
    two = await client.create_contact(new, {"first_name": "Emma", "language": "en", "country": "GB"})
    await client.add_tags(one, ["vip", "reseller"])
    await client.add_tags(two, ["vip"])

    async def listed(wanted: ContactFilter) -> set[ContactKey]:
        return {contact.key async for contact in client.list_contacts(wanted)}

    assert await listed(ContactFilter(any_tag=("vip", "gold"))) == {one, two}
    assert await listed(ContactFilter(all_tags=("vip", "reseller"))) == {one}
    assert await listed(ContactFilter(any_tag=("vip",), no_tag=("reseller",))) == {two}
    assert await listed(ContactFilter(any_tag=("vip",), languages=("id", "ms"))) == {one}
    assert await listed(ContactFilter(any_tag=("vip",), countries=("GB",))) == {two}
    assert await listed(ContactFilter(any_tag=("vip",), fields={"firstName": "Emma"})) == {two}
    assert {one, two} < await listed(ContactFilter())
