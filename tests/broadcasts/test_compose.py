from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.broadcasts.audience import unseen
from agent.broadcasts.compose import Message, Occasion, compose, template_words
from agent.broadcasts.settings import BroadcastSettings
from agent.delivery.window import Skip
from agent.ledger.contacts import ContactState
from messaging.types import Channel, Contact, ContactKey, Template, Text

NOW = datetime(2026, 12, 1, 3, tzinfo=UTC)
WHATSAPP = Channel("1", "whatsapp_cloud")
SARI = unseen(Contact(ContactKey("aelyst", "1"), first_name="Sari", phone="+6281234567801"))
JUST_WROTE = replace(SARI, channel=WHATSAPP, last_inbound_at=NOW - timedelta(hours=1))
PARTS = ({"type": "BODY", "text": "Halo {{1}}, kode {{2}}, {{1}}."}, {"type": "FOOTER", "text": "Kopi Senja"})


def occasion(channel: Channel | None = WHATSAPP, **changes: Any) -> Occasion:
    settings = {
        "name": "a",
        "audience": {"filter": {}},
        "text": {"id": "Halo {contact.first_name|Kak} {row.kode}", "en": "Hi {contact.first_name|there}"},
        "template": {"name": "promo", "language": "id", "parameters": ["{contact.first_name|Kak}", "{row.kode}"]},
        **changes,
    }
    return Occasion(BroadcastSettings.model_validate(settings), channel, PARTS, "id")


def sent(state: ContactState, row: dict[str, str] | None = None, on: Occasion | None = None) -> Message:
    found = compose(on or occasion(), state, row or {"kode": "X1"}, NOW)
    assert isinstance(found, Message), found
    return found


def skipped(state: ContactState, row: dict[str, str] | None = None, on: Occasion | None = None) -> str:
    found = compose(on or occasion(), state, row or {"kode": "X1"}, NOW)
    assert isinstance(found, Skip), found
    return found.reason


def test_inside_the_window_the_text_goes_out_and_outside_the_template() -> None:
    assert sent(JUST_WROTE) == Message(Text("Halo Sari X1"), "Halo Sari X1", "1")
    template = sent(SARI)
    assert template.content == Template("promo", "id", values=("Sari", "X1"))
    assert template.said == "Halo Sari, kode X1, Sari.\nKopi Senja"


def test_a_window_on_another_channel_is_none_here() -> None:
    elsewhere = replace(JUST_WROTE, channel=Channel("2", "instagram"))
    assert isinstance(sent(elsewhere).content, Template)


def test_without_a_channel_the_one_they_last_wrote_on_is_taken_and_strangers_are_skipped() -> None:
    assert sent(JUST_WROTE, on=occasion(None)).channel is None
    assert "no channel is known" in skipped(SARI, on=occasion(None))


def test_without_a_text_everybody_gets_the_template_and_only_on_whatsapp() -> None:
    assert isinstance(sent(JUST_WROTE, on=occasion(text=None)).content, Template)
    assert "cannot be sent on telegram" in skipped(SARI, on=occasion(Channel("3", "telegram"), text=None))


def test_without_a_template_strangers_are_skipped() -> None:
    assert "never wrote" in skipped(SARI, on=occasion(template=None))


def test_who_must_not_be_written_to_is_skipped_with_the_reason() -> None:
    assert skipped(replace(JUST_WROTE, opted_out_at=NOW)) == "the contact opted out"
    assert skipped(replace(JUST_WROTE, paused_at=NOW, paused_by="Dewi")) == "a human is in the conversation (Dewi)"
    blocked = replace(JUST_WROTE, contact=replace(SARI.contact, status="blocked"))
    assert skipped(blocked) == "the contact is blocked on the platform"


def test_the_language_is_theirs_then_the_files() -> None:
    assert sent(replace(JUST_WROTE, language="en"), {"kode": "", "language": "id"}).said == "Hi Sari"
    assert sent(JUST_WROTE, {"language": "en", "kode": ""}).said == "Hi Sari"
    assert sent(JUST_WROTE, {"kode": "Y"}).said == "Halo Sari Y"


def test_a_number_in_place_of_a_name_greets_nobody() -> None:
    unnamed = replace(JUST_WROTE, contact=replace(SARI.contact, first_name="+6281234567801"))
    assert sent(unnamed).said == "Halo Kak X1"


def test_a_template_with_a_value_that_is_not_known_is_not_sent() -> None:
    assert "nothing is known for placeholder 2 of the template" in skipped(SARI, {"kode": ""})


def test_the_words_of_a_template_have_their_values_part_by_part() -> None:
    parts = [{"type": "header", "text": "Hai {{1}}"}, {"type": "body", "text": "Kode {{1}}, {{2}}"}]
    assert template_words(parts, ("Sari", "A", "B")) == "Hai Sari\nKode A, B"
