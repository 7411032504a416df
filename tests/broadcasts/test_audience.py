from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from agent.broadcasts.audience import Book, from_filter, unseen
from agent.broadcasts.plan import possible
from agent.config.audience import AudienceFilter
from messaging import open_platform
from messaging.platform import Capabilities, Platform
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.settings import MessagingSettings
from messaging.types import Channel, Contact, ContactKey

NOW = datetime(2026, 12, 1, 3, tzinfo=UTC)


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with RunningSandbox(SandboxOptions(port=0, seed=())) as running:
        book = running.state.contacts
        sari, budi, emma = (
            running.phone(f"+628123456780{n}", name, language)
            for n, name, language in ((1, "Sari", "id"), (2, "Budi", "id"), (3, "Emma", "en"))
        )
        book.add_tags(sari, ["vip", "reseller"])
        book.add_tags(budi, ["vip"])
        book.set_lifecycle(emma, running.state.workspace.lifecycles[0])
        yield running


@pytest.fixture
async def platform(sandbox: RunningSandbox) -> AsyncIterator[Platform]:
    async with httpx.AsyncClient() as http:
        yield open_platform(MessagingSettings(platform="sandbox", base_url=sandbox.api_url), http)


async def names(platform: Platform, book: Book | None = None, **conditions: Any) -> list[str | None]:
    wanted = AudienceFilter.model_validate(conditions)
    audience = await from_filter(wanted, book or Book([], "sandbox"), platform, NOW)
    return [person.state.contact.first_name for person in audience.people]


async def test_the_platforms_conditions_hold_all_together(platform: Platform, sandbox: RunningSandbox) -> None:
    assert await names(platform) == ["Sari", "Budi", "Emma"]
    assert await names(platform, any_tag=["vip"]) == ["Sari", "Budi"]
    assert await names(platform, any_tag=["vip"], no_tag=["reseller"]) == ["Budi"]
    assert await names(platform, all_tags=["vip", "reseller"]) == ["Sari"]
    assert await names(platform, language=["en"]) == ["Emma"]
    assert await names(platform, lifecycle=[sandbox.state.workspace.lifecycles[0]]) == ["Emma"]
    assert await names(platform, fields={"firstName": "Budi"}) == ["Budi"]


async def test_what_the_ledger_has_seen_narrows_it(platform: Platform, sandbox: RunningSandbox) -> None:
    sari = await platform.contact(ContactKey("sandbox", "1"))
    wrote = replace(unseen(sari), channel=Channel("1", "whatsapp_cloud"), last_inbound_at=NOW - timedelta(days=10))
    book = Book([wrote], "sandbox")
    assert await names(platform, book, channel=["whatsapp_cloud"]) == ["Sari"]
    assert await names(platform, book, wrote_within="30d") == ["Sari"]
    assert await names(platform, book, wrote_within="9d") == []
    assert await names(platform, book, silent_for="30d") == ["Budi", "Emma"]
    assert await names(platform, book, silent_for="9d", any_tag=["vip"]) == ["Sari", "Budi"]


async def test_the_ledgers_contacts_are_found_without_asking_the_platform(platform: Platform) -> None:
    known = [
        replace(unseen(Contact(ContactKey("sandbox", "7"), first_name="Tini", language="id")), language="en"),
        unseen(Contact(ContactKey("sandbox", "8"), first_name="Joko", language="id", country="ID")),
        unseen(Contact(ContactKey("elsewhere", "9"), first_name="Lain")),
    ]
    book = Book(known, "sandbox")
    assert await names(platform, book, of="ledger") == ["Tini", "Joko"]
    assert await names(platform, book, of="ledger", language=["en"]) == ["Tini"]
    assert await names(platform, book, of="ledger", country=["ID"]) == ["Joko"]


def test_a_person_is_found_by_either_spelling_and_stays_opted_out() -> None:
    newer = unseen(Contact(ContactKey("whatsapp", "5511987654321"), phone="+5511987654321"))
    older = replace(unseen(Contact(ContactKey("whatsapp", "551187654321"), phone="+551187654321")), opted_out_at=NOW)
    for states in ([older], [newer, older], [older, newer]):
        book = Book(states, "whatsapp")
        for phone in ("phone:+551187654321", "phone:+5511987654321"):
            found = book.find(phone)
            assert found is not None
            assert found.opted_out_at == NOW


async def test_a_workflow_that_ran_to_its_end_makes_an_audience(platform: Platform) -> None:
    through = frozenset({ContactKey("sandbox", "2")})
    states = [unseen(await platform.contact(ContactKey("sandbox", each))) for each in "123"]
    for of in ("platform", "ledger"):
        book = Book(states, "sandbox", through)
        assert await names(platform, book, workflow="welcome", of=of) == ["Budi"]
        assert await names(platform, Book(states, "sandbox"), workflow=["welcome"], of=of) == []


async def test_where_only_the_ledger_knows_tags_and_fields_they_hold_all_the_same(platform: Platform) -> None:
    """A platform without a list of contacts is asked of the ledger: a condition that is passed over would write to everybody."""
    sari = await platform.contact(ContactKey("sandbox", "1"))
    budi = replace(await platform.contact(ContactKey("sandbox", "2")), custom_fields={"City": "Bandung"})
    book = Book([unseen(sari), unseen(budi)], "sandbox")
    unlisted = SimpleNamespace(capabilities=Capabilities(lists_contacts=False))

    async def found(**conditions: Any) -> list[str | None]:
        wanted = possible(AudienceFilter.model_validate(conditions), unlisted)  # type: ignore[arg-type]
        audience = await from_filter(wanted, book, platform, NOW)
        return [person.state.contact.first_name for person in audience.people]

    assert await found(any_tag=["reseller"]) == ["Sari"]
    assert await found(fields={"city": "bandung"}) == ["Budi"]
    assert await found(fields={"city": "Medan"}) == []
