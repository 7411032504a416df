"""What colleagues see on the platform, and waiting until they do."""

import asyncio

from messaging.sandbox.records import Contact, Message
from tests.acceptance.world import World


def comments(here: World, contact: Contact) -> list[str]:
    """The notes about a contact, oldest first."""
    return [each.text for each in here.sandbox.state.conversations.comments.values() if each.contact == contact.id]


async def noted(here: World, contact: Contact, *, within: float = 90) -> str:
    """The newest note about a contact, once there is one."""
    try:
        async with asyncio.timeout(within):
            while not comments(here, contact):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError("no note was left\n" + "\n".join(here.log[-40:])) from None
    return comments(here, contact)[-1]


def seen(here: World, contact: Contact) -> Contact:
    """The contact as the platform has it now."""
    found = here.sandbox.state.look_up("contact", contact.id)
    assert isinstance(found, Contact)
    return found


async def write(here: World, contact: Contact, text: str, *, within: float = 90) -> None:
    """A colleague writes, and the platform has told the agent so. The customer must have written before."""
    message = here.sandbox.reply_as_human(contact, text, 2)
    try:
        async with asyncio.timeout(within):
            while not _told(here, message):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"the platform did not report {text!r} as sent") from None


def _told(here: World, message: Message) -> bool:
    deliveries = here.sandbox.state.webhooks.deliveries.values()
    return any(
        each.event_type == "message.sent" and each.state == "delivered" and str(message.id) in each.body
        for each in deliveries
    )
