"""What every platform must fulfil, as tests that run against any of them.

A package with a platform of its own describes it in a `Kit` and runs

```sh
BALAS_KIT=my_package.kit:KIT pytest --pyargs messaging.conformance
```

or imports the tests (`from messaging.conformance import *`) into a test module with a `kit` fixture of its own, as balas does.
"""

import copy
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from importlib import import_module
from typing import Any

import httpx
import pytest

from messaging.errors import (
    Invalid,
    NotSent,
    PayloadError,
    PlatformError,
    RateLimited,
    SignatureError,
    Unauthorized,
    Unsupported,
)
from messaging.platform import Capabilities, Platform
from messaging.types import (
    Address,
    ContactFilter,
    ContactKey,
    DeliveryReport,
    Event,
    File,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Reaction,
    Text,
    read_platform_file,
)

__all__ = [
    "KINDS",
    "PICTURE",
    "Kit",
    "test_a_body_that_is_not_the_platforms_is_refused",
    "test_a_genuine_webhook_is_verified_and_any_other_refused",
    "test_a_lost_answer_is_uncertain_and_a_refused_connection_is_not",
    "test_a_message_names_its_contact_itself_and_when_it_was_sent",
    "test_a_message_that_is_accepted_has_gone_out_once",
    "test_a_picture_goes_out_in_the_way_that_it_says",
    "test_a_platform_that_wants_a_long_pause_is_not_asked_again",
    "test_an_answer_that_is_not_the_platforms_is_uncertain",
    "test_anything_anywhere_in_a_body_yields_events_or_a_refusal",
    "test_files_that_come_in_are_fetched_up_to_a_size",
    "test_its_own_messages_are_never_a_customers",
    "test_refusals_are_told_apart",
    "test_what_customers_do_beside_writing_is_read_as_what_it_is",
    "test_what_it_says_it_cannot_do_is_refused_without_a_request",
    "test_what_it_says_of_itself_is_well_formed",
]


PICTURE = "https://agent.example/media/qris.png"
"""The address of the picture that is sent; a platform that uploads gets its content from its `media` reader."""

KINDS: Mapping[str, Callable[[Event], bool]] = {
    "voice": lambda event: isinstance(event, InboundMessage) and [a.kind for a in event.attachments] == ["audio"],
    "picture": lambda event: isinstance(event, InboundMessage) and [a.kind for a in event.attachments] == ["image"],
    "sticker": lambda event: isinstance(event, InboundMessage) and [a.kind for a in event.attachments] == ["sticker"],
    "place": lambda event: isinstance(event, InboundMessage) and event.location is not None,
    "card": lambda event: isinstance(event, InboundMessage) and bool(event.cards),
    "quote": lambda event: isinstance(event, InboundMessage) and event.quote is not None and bool(event.text),
    "choice": lambda event: isinstance(event, InboundMessage) and bool(event.text),
    "reaction": lambda event: isinstance(event, Reaction) and bool(event.to and event.emoji),
    "edit": lambda event: isinstance(event, MessageEdited) and bool(event.text),
    "delete": lambda event: isinstance(event, MessageDeleted),
    "status": lambda event: isinstance(event, DeliveryReport) and event.state in ("sent", "delivered", "read"),
    "failure": lambda event: isinstance(event, DeliveryReport) and event.state == "failed",
}
"""What customers do beside writing, and platforms tell: by its name in `Kit.samples`, how it must be read."""


@dataclass(frozen=True)
class Kit:
    """One platform under test.

    Attributes:
        open: makes its client over the given HTTP client, with credentials that mean nothing.
        sign: gives the headers (lower-case names) of a genuine webhook with this body.
        received: the body of a webhook with which one customer writes one text.
        own: the body of a webhook that reports a message of the agent's own; `None` where the platform reports none.
        samples: bodies of further webhooks by their names in `KINDS`, as far as the platform knows them.
        accepts: plays the API where it takes every message; `None` leaves out what needs it.
        serves: plays the API where it has the file of `samples["voice"]`, and that file; `None` where files have addresses of their own.
        picture: what the `media` reader of an uploading platform makes of `PICTURE`.
    """

    open: Callable[[httpx.AsyncClient], Platform]
    sign: Callable[[bytes], Mapping[str, str]]
    received: bytes
    own: bytes | None = None
    samples: Mapping[str, bytes] = field(default_factory=dict)
    accepts: Callable[[httpx.Request], httpx.Response] | None = None
    serves: tuple[Callable[[httpx.Request], httpx.Response], bytes] | None = None
    picture: bytes = b""


@pytest.fixture
def kit() -> Kit:
    """The kit that `BALAS_KIT` names as `module:name`."""
    place = os.environ.get("BALAS_KIT")
    if place is None:
        pytest.skip("set BALAS_KIT=module:name to the kit of a platform")
    module, _, name = place.partition(":")
    found: Kit = getattr(import_module(module), name)
    return found


def _no_request(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"a request was made: {request.method} {request.url}")


@asynccontextmanager
async def _opened(kit: Kit, answer: Callable[[httpx.Request], httpx.Response] = _no_request) -> AsyncIterator[Platform]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        platform = kit.open(http)
        yield platform
        await platform.aclose()


async def test_what_it_says_of_itself_is_well_formed(kit: Kit) -> None:
    async with _opened(kit) as platform:
        assert platform.name
        assert "/" not in platform.name
        assert ":" not in platform.name
        assert isinstance(platform.capabilities, Capabilities)
        assert platform.settling >= timedelta(0)


async def test_a_genuine_webhook_is_verified_and_any_other_refused(kit: Kit) -> None:
    async with _opened(kit) as platform:
        genuine = kit.sign(kit.received)
        platform.verify(genuine, kit.received)
        wrong: list[tuple[Mapping[str, str], bytes]] = [({}, kit.received)]
        wrong += [({**genuine, name: value}, kit.received) for name in genuine for value in ("", "wrong", "ü\ud800")]
        if kit.sign(b"{}") != genuine:  # it signs the body, rather than showing a secret
            wrong += [(genuine, kit.received + b" "), (kit.sign(b"{}"), kit.received)]
        for headers, body in wrong:
            with pytest.raises(SignatureError):
                platform.verify(headers, body)


async def test_a_message_names_its_contact_itself_and_when_it_was_sent(kit: Kit) -> None:
    async with _opened(kit) as platform:
        (event,) = platform.parse(kit.received)
        assert isinstance(event, InboundMessage)
        assert event.key.platform == platform.name
        assert event.key.id
        assert event.message_id
        assert event.text
        assert event.sent_at.utcoffset() == timedelta(0) == UTC.utcoffset(None)
        (again,) = platform.parse(kit.received)
        assert isinstance(again, InboundMessage)
        assert (again.key, again.message_id) == (event.key, event.message_id), "a redelivery is recognised by both"


async def test_its_own_messages_are_never_a_customers(kit: Kit) -> None:
    if kit.own is None:
        pytest.skip("this platform reports no messages of its own")
    async with _opened(kit) as platform:
        assert not any(isinstance(event, InboundMessage) for event in platform.parse(kit.own))


@pytest.mark.parametrize("body", [b"", b"x", b"\xff", b"[]", b"{}", b"null", b"NaN", b'"x"', b"[" * 100_000])
async def test_a_body_that_is_not_the_platforms_is_refused(kit: Kit, body: bytes) -> None:
    async with _opened(kit) as platform:
        with pytest.raises(PayloadError):
            platform.parse(body)


async def test_anything_anywhere_in_a_body_yields_events_or_a_refusal(kit: Kit) -> None:
    async with _opened(kit) as platform:
        document = json.loads(kit.received)
        for path in _places(document):
            values: tuple[Any, ...] = (None, True, 0, -1.5, 10**40, "", "\x00\ud800", [], {}, [[]], {"a": {}})
            for value in values:
                body = json.dumps(_replaced(document, path, value)).encode()
                try:
                    events = platform.parse(body)
                except PayloadError:
                    continue
                assert all(event.key.id for event in events if isinstance(event, InboundMessage))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*path, key)
        yield from _places(inner, (*path, key))


def _replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


async def test_what_it_says_it_cannot_do_is_refused_without_a_request(kit: Kit) -> None:
    async with _opened(kit) as platform:
        can, key = platform.capabilities, ContactKey(platform.name, "1")
        lacking: list[tuple[bool, Callable[[], Awaitable[object]]]] = [
            (can.tags, lambda: platform.add_tags(key, ["a"])),
            (can.tags, lambda: platform.remove_tags(key, ["a"])),
            (can.lifecycle, lambda: platform.set_lifecycle(key, "a")),
            (can.assignment, lambda: platform.assign(key, None)),
            (can.conversations, lambda: platform.open_conversation(key)),
            (can.conversations, lambda: platform.close_conversation(key)),
            (can.comments, lambda: platform.comment(key, "a")),
            (can.contact_fields != "none", lambda: platform.update_contact(key, {"first_name": "a"})),
            (can.message_list, lambda: platform.messages(key)),
            (can.lists_templates, platform.templates),
            (can.lists_contacts, lambda: anext(platform.list_contacts(ContactFilter()))),
            ("phone" in can.finds, lambda: platform.find_contact(Address("phone", "+6281234567801"))),
            ("email" in can.finds, lambda: platform.find_contact(Address("email", "a@example.com"))),
        ]
        for able, ask in lacking:
            if not able:
                with pytest.raises(Unsupported):
                    await ask()


async def test_what_customers_do_beside_writing_is_read_as_what_it_is(kit: Kit) -> None:
    assert kit.samples.keys() <= KINDS.keys(), "see KINDS"
    async with _opened(kit) as platform:
        for name, body in kit.samples.items():
            events = platform.parse(body)
            assert [KINDS[name](event) for event in events] == [True], (name, events)
            assert all(event.contact is None or event.contact.key.platform == platform.name for event in events)


async def test_files_that_come_in_are_fetched_up_to_a_size(kit: Kit) -> None:
    if kit.serves is None:
        return  # files of this platform have addresses of their own
    answer, content = kit.serves
    async with _opened(kit, lambda request: _streamed(answer(request))) as platform:
        (event,) = platform.parse(kit.samples["voice"])
        assert isinstance(event, InboundMessage)
        place = read_platform_file(event.attachments[0].url)
        assert place is not None
        assert place[0] == platform.name
        assert await platform.fetch(place[1], len(content)) == content
        with pytest.raises(Invalid):
            await platform.fetch(place[1], len(content) - 1)


async def test_a_message_that_is_accepted_has_gone_out_once(kit: Kit) -> None:
    if kit.accepts is None:
        pytest.skip("the kit does not play the API")
    calls: list[httpx.Request] = []
    async with _opened(kit, _recorded(kit.accepts, calls)) as platform:
        for _ in range(2):
            identity = await platform.send(_contact(kit, platform), Text("halo"), key="delivery-1")
            assert identity is None or identity
        assert len(calls) == 2
        if platform.capabilities.idempotency_keys:
            assert all("delivery-1" in f"{call.headers}{call.content!r}" for call in calls), "each attempt has the key"


async def test_a_picture_goes_out_in_the_way_that_it_says(kit: Kit) -> None:
    if kit.accepts is None:
        pytest.skip("the kit does not play the API")
    calls: list[httpx.Request] = []
    async with _opened(kit, _recorded(kit.accepts, calls)) as platform:
        try:
            await platform.send(_contact(kit, platform), File("image", PICTURE))
        except Unsupported:
            assert not calls
            return
        sent = b"".join(call.content for call in calls).replace(b"\\/", b"/")
        linked, uploaded = PICTURE.encode() in sent, bool(kit.picture) and kit.picture in sent
        assert (linked, uploaded) == (
            platform.capabilities.media == "link",
            platform.capabilities.media == "upload",
        )


async def test_an_answer_that_is_not_the_platforms_is_uncertain(kit: Kit) -> None:
    for status in (502, 200):

        def proxy(request: httpx.Request, status: int = status) -> httpx.Response:
            return httpx.Response(status, html="<html>Bad gateway</html>")

        async with _opened(kit, proxy) as platform:
            with pytest.raises(PlatformError) as answered:
                await platform.send(_contact(kit, platform), Text("halo"))
            assert not answered.value.certain, "the message may have gone out behind the proxy"


async def test_a_platform_that_wants_a_long_pause_is_not_asked_again(kit: Kit) -> None:
    calls: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"message": "slow"}, headers={"Retry-After": "3600"})

    async with _opened(kit, _recorded(refuse, calls)) as platform:
        for _ in range(2):
            with pytest.raises(RateLimited) as limited:
                await platform.send(_contact(kit, platform), Text("halo"))
            assert limited.value.retry_after is not None
            assert limited.value.retry_after > timedelta(minutes=50)
        assert len(calls) == 1


def _streamed(response: httpx.Response) -> httpx.Response:
    """The same answer as it comes over a network: piece by piece."""

    async def pieces() -> AsyncIterator[bytes]:
        yield response.content

    return httpx.Response(response.status_code, headers={"Content-Type": "application/json"}, content=pieces())


def _recorded(
    answer: Callable[[httpx.Request], httpx.Response], calls: list[httpx.Request]
) -> Callable[[httpx.Request], httpx.Response]:
    def record(request: httpx.Request) -> httpx.Response:
        request.read()
        calls.append(request)
        return answer(request)

    return record


async def test_refusals_are_told_apart(kit: Kit) -> None:
    for status, error in ((401, Unauthorized), (429, RateLimited)):
        calls: list[httpx.Request] = []

        def refuse(request: httpx.Request, status: int = status, calls: list[httpx.Request] = calls) -> httpx.Response:
            calls.append(request)
            return httpx.Response(status, json={"message": "no"}, headers={"Retry-After": "7"})

        async with _opened(kit, refuse) as platform:
            with pytest.raises(error) as raised:
                await platform.send(_contact(kit, platform), Text("halo"))
            assert raised.value.certain
            assert len(calls) == 1, "a call makes one attempt; the outbox decides about retries"
            if status == 429:
                assert raised.value.retry_after == timedelta(seconds=7)


async def test_a_lost_answer_is_uncertain_and_a_refused_connection_is_not(kit: Kit) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    def lose(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("lost", request=request)

    async with _opened(kit, refuse) as platform:
        with pytest.raises(NotSent):
            await platform.send(_contact(kit, platform), Text("halo"))
    async with _opened(kit, lose) as platform:
        with pytest.raises(PlatformError) as lost:
            await platform.send(_contact(kit, platform), Text("halo"))
        assert lost.value.retryable
        assert not lost.value.certain


def _contact(kit: Kit, platform: Platform) -> ContactKey:
    (event,) = platform.parse(kit.received)
    assert isinstance(event, InboundMessage)
    return event.key
