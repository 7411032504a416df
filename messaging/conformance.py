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
from dataclasses import dataclass
from datetime import UTC, timedelta
from importlib import import_module
from typing import Any

import httpx
import pytest

from messaging.errors import (
    NotSent,
    PayloadError,
    PlatformError,
    RateLimited,
    SignatureError,
    Unauthorized,
    Unsupported,
)
from messaging.platform import Capabilities, Platform
from messaging.types import Address, ContactKey, InboundMessage, Text

__all__ = [
    "Kit",
    "test_a_body_that_is_not_the_platforms_is_refused",
    "test_a_genuine_webhook_is_verified_and_any_other_refused",
    "test_a_lost_answer_is_uncertain_and_a_refused_connection_is_not",
    "test_a_message_names_its_contact_itself_and_when_it_was_sent",
    "test_anything_anywhere_in_a_body_yields_events_or_a_refusal",
    "test_its_own_messages_are_never_a_customers",
    "test_refusals_are_told_apart",
    "test_what_it_says_it_cannot_do_is_refused_without_a_request",
    "test_what_it_says_of_itself_is_well_formed",
]


@dataclass(frozen=True)
class Kit:
    """One platform under test.

    Attributes:
        open: makes its client over the given HTTP client, with credentials that mean nothing.
        sign: gives the headers (lower-case names) of a genuine webhook with this body.
        received: the body of a webhook with which one customer writes one text.
        own: the body of a webhook that reports a message of the agent's own; `None` where the platform reports none.
    """

    open: Callable[[httpx.AsyncClient], Platform]
    sign: Callable[[bytes], Mapping[str, str]]
    received: bytes
    own: bytes | None = None


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
            ("phone" in can.finds, lambda: platform.find_contact(Address("phone", "+6281234567801"))),
            ("email" in can.finds, lambda: platform.find_contact(Address("email", "a@example.com"))),
        ]
        for able, ask in lacking:
            if not able:
                with pytest.raises(Unsupported):
                    await ask()


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
