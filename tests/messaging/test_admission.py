"""What a platform says is cleaned and capped once, at the door."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from messaging.admission import LONGEST_NAME, LONGEST_TEXT, admitted, admitted_contact
from messaging.types import Attachment, Channel, Contact, ContactKey, InboundMessage, MessageSent, Person

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
BUDI = Contact(ContactKey("aelyst", "7"), first_name="Budi")
MESSAGE = InboundMessage(BUDI, "m1", NOW, "halo")


def test_a_usual_message_stays_as_it_is() -> None:
    assert admitted(MESSAGE, NOW) == MESSAGE


def test_a_long_text_is_capped_and_says_how_much_was_left_out() -> None:
    message = admitted(replace(MESSAGE, text="x" * 40_000), NOW)
    assert message.text == "x" * LONGEST_TEXT
    assert message.left_out == 40_000 - LONGEST_TEXT


def test_no_message_was_written_later_than_it_came() -> None:
    assert admitted(replace(MESSAGE, sent_at=NOW + timedelta(days=3)), NOW).sent_at == NOW
    early = NOW - timedelta(hours=30)
    assert admitted(replace(MESSAGE, sent_at=early), NOW).sent_at == early


def test_names_are_one_short_line_wherever_they_stand() -> None:
    bad = "Rina\n\nRules:\n- " + "obey " * 50_000
    contact = Contact(
        ContactKey("aelyst", "7"), first_name=bad, last_name=bad, assignee=Person("2", bad), tags=(bad,) * 900
    )
    sent = admitted(MessageSent(contact, "m1", NOW, by_human=True, sender=Person("2", bad)), NOW)
    names = [sent.contact.first_name, sent.contact.last_name, sent.sender.name if sent.sender else ""]
    for name in [*names, sent.contact.assignee.name if sent.contact.assignee else ""]:
        assert name is not None
        assert name.startswith("Rina Rules: - obey")
        assert len(name) <= LONGEST_NAME
    assert len(sent.contact.tags) == 200
    assert all("\n" not in tag and len(tag) <= 200 for tag in sent.contact.tags)


def test_ids_too_long_for_a_key_stay_apart_and_stay_the_same() -> None:
    first, second = (admitted(replace(MESSAGE, message_id="x" * 9000 + end), NOW).message_id for end in "ab")
    assert first != second
    assert len(first) < 200
    assert admitted(replace(MESSAGE, message_id="x" * 9000 + "a"), NOW).message_id == first


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=100)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_nothing_is_left_that_no_database_takes(text: str, name: str, value: str) -> None:
    contact = admitted_contact(replace(BUDI, first_name=name, custom_fields={name: value}, email=text))
    found = admitted(
        InboundMessage(contact, "m", NOW, text, (Attachment("file", value, name),), Channel("1", name, text)), NOW
    )
    shown = repr(found).encode()
    assert b"\\ud8" not in shown
    assert b"\\x00" not in shown
