"""Aelyst as a `Platform`."""

from pathlib import Path

import httpx

from messaging.aelyst import Aelyst
from messaging.types import (
    ContactKey,
    Person,
)
from tests.messaging.stub import CONTACT, Stub


async def test_contacts_belong_to_the_configured_platform(stub: Stub, http: httpx.AsyncClient) -> None:
    stub.will(CONTACT)
    sandbox = Aelyst(http, base_url=stub.url, token="t", name="sandbox")
    assert (await sandbox.contact(ContactKey("sandbox", "1"))).key == ContactKey("sandbox", "1")


async def test_a_webhook_is_verified_and_parsed(aelyst: Aelyst) -> None:
    body = (Path(__file__).parents[2] / "data" / "messaging" / "webhooks" / "message-sent-user.json").read_bytes()
    (event,) = aelyst.parse(body)
    assert event.contact is not None
    assert event.contact.assignee == Person("2", "John Doe", "johndoe@sample.com")
