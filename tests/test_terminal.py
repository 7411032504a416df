from datetime import UTC, datetime

import pytest

from agent.terminal import TerminalPlatform, as_text
from messaging.errors import NotFound, PayloadError
from messaging.platform import Platform
from messaging.types import Contact, ContactKey, File, QuickReplies, Template, Text

RINA = ContactKey("terminal", "1")
BUDI = ContactKey("terminal", "2")


def platform() -> TerminalPlatform:
    made = TerminalPlatform()
    made.greet(Contact(RINA, first_name="Rina", phone="+6281234567801"))
    return made


async def test_what_is_sent_is_taken_once_and_by_its_own_customer_only() -> None:
    terminal: Platform = platform()
    assert isinstance(terminal, TerminalPlatform)
    await terminal.send(RINA, Text("halo"))
    await terminal.send(BUDI, Text("hai"))
    assert terminal.take(RINA) == [Text("halo")]
    assert terminal.take(RINA) == []
    assert terminal.take(BUDI) == [Text("hai")]


async def test_every_message_gets_an_id_of_its_own() -> None:
    terminal = platform()
    assert len({await terminal.send(RINA, Text("a")) for _ in range(3)}) == 3


async def test_what_colleagues_would_see_is_noted() -> None:
    terminal = platform()
    await terminal.open_conversation(RINA)
    await terminal.assign(RINA, "budi@example.com")
    await terminal.assign(RINA, None)
    await terminal.comment(RINA, "mohon dibantu")
    await terminal.add_tags(RINA, ["vip"])
    await terminal.remove_tags(RINA, ["baru"])
    await terminal.set_lifecycle(RINA, None)
    await terminal.close_conversation(RINA, "selesai")
    assert terminal.take_notes() == [
        "conversation opened for colleagues",
        "assigned to budi@example.com",
        "unassigned",
        "comment for colleagues: mohon dibantu",
        "tags added: vip",
        "tags removed: baru",
        "lifecycle: none",
        "conversation closed: selesai",
    ]
    assert terminal.take_notes() == []


async def test_an_updated_contact_keeps_its_other_facts() -> None:
    terminal = platform()
    await terminal.update_contact(RINA, {"email": "rina@example.com", "ukuran": "M"})
    contact = await terminal.contact(RINA)
    assert (contact.first_name, contact.email, contact.custom_fields) == ("Rina", "rina@example.com", {"ukuran": "M"})


async def test_a_stranger_is_nobody() -> None:
    with pytest.raises(NotFound):
        await platform().contact(BUDI)


async def test_there_are_no_webhooks_and_no_message_list() -> None:
    with pytest.raises(PayloadError):
        platform().parse(b"{}")
    assert await platform().messages(RINA, since=datetime.now(UTC)) == []


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Text("halo"), "halo"),
        (File("image", "http://x/a.png"), "[image: http://x/a.png]"),
        (QuickReplies("Yang mana?", ("Satu", "Dua")), "Yang mana? [Satu] [Dua]"),
        (Template("promo", "id"), "[template: promo (id)]"),
    ],
)
def test_every_message_can_be_put_in_words(message: Text | File | QuickReplies | Template, words: str) -> None:
    assert as_text(message) == words
