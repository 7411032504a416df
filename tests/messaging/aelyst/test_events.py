"""Webhook bodies → events."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from messaging.aelyst.events import parse_events
from messaging.errors import PayloadError
from messaging.types import (
    AssigneeChanged,
    Channel,
    ContactChanged,
    ContactKey,
    ConversationClosed,
    ConversationOpened,
    Event,
    InboundMessage,
    Location,
    MessageSent,
    NoteLeft,
    OtherEvent,
    Person,
)

WEBHOOKS = Path(__file__).parents[2] / "data" / "messaging" / "webhooks"
RECEIVED_AT = datetime(2026, 11, 21, tzinfo=UTC)
ALL = sorted(path.stem for path in WEBHOOKS.glob("*.json"))


def parse(name: str) -> Event:
    (event,) = parse_events((WEBHOOKS / f"{name}.json").read_bytes(), "aelyst", RECEIVED_AT)
    return event


def received(name: str) -> InboundMessage:
    event = parse(name)
    assert isinstance(event, InboundMessage)
    return event


def sent(name: str) -> MessageSent:
    event = parse(name)
    assert isinstance(event, MessageSent)
    return event


def body(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((WEBHOOKS / f"{name}.json").read_bytes())
    return loaded


def parse_body(payload: object) -> Event:
    (event,) = parse_events(json.dumps(payload).encode(), "aelyst", RECEIVED_AT)
    return event


def test_a_text_carries_its_contact_channel_time_and_identity() -> None:
    event = received("message-received-text")
    assert event.key == ContactKey("aelyst", "1")
    assert (event.message_id, event.text, event.kind) == ("1726740558441000", "Message text", "text")
    assert event.sent_at == datetime(2024, 9, 19, 10, 9, 18, 441000, tzinfo=UTC)
    assert event.channel == Channel("1", "facebook", "Facebook")
    contact = event.contact
    assert (contact.first_name, contact.last_name, contact.phone) == ("John", "Doe", "+60123456789")
    assert (contact.email, contact.language, contact.country) == ("johndoe@sample.com", "en", "MY")
    assert (contact.status, contact.lifecycle) == ("open", "Hot Lead")
    assert contact.assignee == Person("2", "John Doe", "johndoe@sample.com")
    assert contact.created_at == datetime.fromtimestamp(1663274081, UTC)


def test_old_payloads_have_seconds_and_no_sender() -> None:
    assert received("message-received-old").sent_at == datetime.fromtimestamp(1662965213, UTC)


def test_empty_fields_arrive_as_null_and_numbers_as_text() -> None:
    event = received("message-received-nulls")
    assert event.key == ContactKey("aelyst", "241889")
    assert event.message_id == "1726740558441000"
    assert event.contact.assignee is None
    assert event.contact.last_name is None
    assert event.contact.phone == "+6281234567890"
    assert event.channel == Channel("377", "whatsapp_cloud", "Kopi Senja")


@pytest.mark.parametrize("name", ["message-received-voice", "message-received-voice-as-file"])
def test_a_voice_note_is_an_audio_attachment(name: str) -> None:
    (attachment,) = received(name).attachments
    assert attachment.kind == "audio"
    assert attachment.url.startswith("https://cdn.chatapi.net/message/")
    assert attachment.mime_type is not None
    assert attachment.mime_type.startswith("audio/ogg")
    assert attachment.size in (12345, 2048)
    assert not attachment.pending


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"type": "attachment", "attachment": {"type": "image", "link": "https://cdn.example/a"}}, "image"),
        (
            {
                "type": "attachment",
                "attachment": {"content_type": "audio/ogg", "payload": {"url": "https://cdn.example/a"}},
            },
            "audio",
        ),
        ({"type": "attachment", "attachment": {"mediaType": "voice", "fileUrl": "https://cdn.example/a"}}, "audio"),
        ({"type": "attachment", "attachments": [{"type": "file", "src": "https://cdn.example/a"}]}, "file"),
        ({"type": "image", "image": {"link": "https://cdn.example/a", "caption": "ini"}}, "image"),
        ({"type": "voice", "url": "https://cdn.example/a"}, "audio"),
        ({"type": "document", "file": {"media_url": "https://cdn.example/a"}}, "file"),
        ({"type": "audio", "audio": {"id": "9"}}, "audio"),
        ({"type": "text", "text": "lihat", "url": "https://cdn.example/a"}, None),
    ],
)
def test_a_file_is_found_where_other_platforms_put_it(content: dict[str, Any], kind: str | None) -> None:
    payload = body("message-received-voice")
    payload["message"]["message"] = content
    event = parse_body(payload)
    assert isinstance(event, InboundMessage)
    assert [file.kind for file in event.attachments] == ([] if kind is None else [kind])
    assert all(
        file.url == "https://cdn.example/a" or (file.pending and "id" in content["audio"]) for file in event.attachments
    )


def test_an_attachment_that_cannot_be_fetched_yet_is_still_a_message() -> None:
    event = received("message-received-pending")
    (attachment,) = event.attachments
    assert (attachment.kind, attachment.url, attachment.pending) == ("audio", "", True)
    payload = body("message-received-voice")
    del payload["message"]["message"]["attachment"]["url"]
    without_url = parse_body(payload)
    assert isinstance(without_url, InboundMessage)
    assert without_url.attachments[0].pending


@pytest.mark.parametrize(
    ("name", "text", "attachments"),
    [
        ("message-received-image-caption", "ini rusak kak", ["image"]),
        ("message-received-email", "Pesanan\n\nKapan sampai?", ["file"]),
        ("message-received-interactive", "Ya, benar", []),
        ("message-received-order", "2 × KS-LATTE (25000 IDR)", []),
        ("message-received-story", "Masih ada?", ["image"]),
        ("message-received-location", None, []),
        ("message-received-unsupported", None, []),
    ],
)
def test_every_type_of_message_becomes_readable(name: str, text: str | None, attachments: list[str]) -> None:
    event = received(name)
    assert event.text == text
    assert [attachment.kind for attachment in event.attachments] == attachments


def test_a_place_is_a_place() -> None:
    place = Location(-6.917464, 107.609344, address="Jl. Braga 1, Bandung")
    assert received("message-received-location").location == place
    assert str(place) == "Jl. Braga 1, Bandung (-6.917464, 107.609344)"


@pytest.mark.parametrize(
    ("name", "by_human", "source"),
    [
        ("message-sent-user", True, "user"),
        ("message-sent-old", True, None),
        ("message-sent-echo", True, "echo"),
        ("message-sent-api", False, "api"),
        ("message-sent-workflow", False, "workflow"),
    ],
)
def test_a_message_that_went_out_tells_whether_a_human_wrote_it(name: str, by_human: bool, source: str | None) -> None:
    event = sent(name)
    assert (event.by_human, event.source) == (by_human, source)
    assert event.contact.key == ContactKey("aelyst", "1")


def test_the_human_who_wrote_is_named() -> None:
    assert sent("message-sent-user").sender == Person("2", "John Doe", "johndoe@sample.com")
    assert sent("message-sent-api").sender is None


@pytest.mark.parametrize("source", ["api", "workflow", "broadcast", "ai_agent", "bot", "zapier", "make", "n8n"])
def test_machines_are_not_human_even_when_a_user_set_them_up(source: str) -> None:
    payload = body("message-sent-user")
    payload["sender"]["source"] = source
    event = parse_body(payload)
    assert isinstance(event, MessageSent)
    assert not event.by_human


def test_an_outgoing_message_is_never_answered_under_whatever_event_it_comes() -> None:
    payload = body("message-received-text")
    payload["message"]["traffic"] = "outgoing"
    assert isinstance(parse_body(payload), MessageSent)


def test_conversations_open_and_close() -> None:
    opened, closed, by_workflow = (
        parse(name) for name in ("conversation-opened", "conversation-closed", "conversation-closed-by-workflow")
    )
    assert isinstance(opened, ConversationOpened)
    assert opened.source == "contact"
    assert isinstance(closed, ConversationClosed)
    assert (closed.category, closed.summary, closed.source) == ("Selesai", "Sudah dibayar", "user")
    assert closed.closed_by == Person("2", "John Doe", "johndoe@sample.com")
    assert isinstance(by_workflow, ConversationClosed)
    assert by_workflow.closed_by is None


def test_assignment_names_the_colleague_or_nobody() -> None:
    assigned, removed = parse("contact-assignee-updated"), parse("contact-assignee-removed")
    assert isinstance(assigned, AssigneeChanged)
    assert assigned.contact.assignee is not None
    assert isinstance(removed, AssigneeChanged)
    assert removed.contact.assignee is None


def test_contacts_change() -> None:
    changes = [parse(f"contact-{name}") for name in ("created", "updated", "tag-updated", "lifecycle-updated")]
    assert all(isinstance(change, ContactChanged) for change in changes)
    created, updated, tag, lifecycle = (change for change in changes if isinstance(change, ContactChanged))
    assert [change.change for change in (created, updated, tag, lifecycle)] == [
        "created",
        "updated",
        "tag",
        "lifecycle",
    ]
    assert updated.contact.tags == ("vip", "reseller")
    assert (tag.tag, tag.action) == ("vip", "add")
    assert lifecycle.contact.lifecycle == "Customer"


def test_what_an_updated_contact_has_no_more_is_told_from_what_is_not_mentioned() -> None:
    facts: dict[str, object] = {"id": 7, "firstName": "Budi", "email": None, "tags": [], "phone": "+62812"}
    change = parse_body({"event_type": "contact.updated", "contact": facts, "action": "updated"})
    assert isinstance(change, ContactChanged)
    assert change.emptied == {"email", "tags"}
    ended = parse_body({"event_type": "contact.lifecycle.updated", "contact": facts, "lifecycle": None})
    assert isinstance(ended, ContactChanged)
    assert ended.emptied == {"lifecycle"}


@pytest.mark.parametrize(
    ("name", "event"),
    [("call-ended", "call.ended"), ("new-kind-of-event", "contact.blocked")],
)
def test_what_needs_no_answer_is_another_event(name: str, event: str) -> None:
    other = parse(name)
    assert isinstance(other, OtherEvent)
    assert other.name == event
    assert other.contact is not None


def test_a_note_for_colleagues_is_read_with_its_words() -> None:
    note = parse("comment-created")
    assert isinstance(note, NoteLeft)
    assert (note.contact.key.id, note.text) == ("1", "{{@user.2}} tolong dicek")


def test_a_body_may_hold_several_events() -> None:
    both = json.dumps([body("message-received-text"), body("message-sent-api")]).encode()
    assert [type(event) for event in parse_events(both, "aelyst", RECEIVED_AT)] == [InboundMessage, MessageSent]


def test_a_message_without_a_time_is_dated_by_its_id_or_by_its_arrival() -> None:
    payload = body("message-received-text")
    payload["message"]["timestamp"] = None
    assert parse_body(payload).sent_at == datetime(2024, 9, 19, 10, 9, 18, 441000, tzinfo=UTC)  # type: ignore[union-attr]
    for identity in ("abc", 17, 1262965213):
        payload["message"]["messageId"] = identity
        assert parse_body(payload).sent_at == RECEIVED_AT  # type: ignore[union-attr]


def test_text_that_no_database_holds_is_repaired() -> None:
    payload = body("message-received-text")
    payload["message"]["message"]["text"] = "a\x00b\ud800c"
    event = parse_body(payload)
    assert isinstance(event, InboundMessage)
    assert event.text is not None
    event.text.encode()
    assert "\x00" not in event.text


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b"null",
        b"3",
        b"[1]",
        b"\xff\xfe",
        b'{"event_type":"message.received"}',
        b'{"event_type":"message.received","contact":{"id":1},"message":{}}',
        b'{"event_type":"message.received","message":{"messageId":1}}',
        b'{"event_type":"conversation.closed","contact":null}',
        b'{"event_type":NaN}',
        b"[" * 100_000,
        b'{"event_type":"x","a":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_not_the_platforms_json_is_refused(wrong: bytes) -> None:
    with pytest.raises(PayloadError):
        parse_events(wrong, "aelyst", RECEIVED_AT)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800\x00")
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _places(value: object, place: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [place] if place else []
    for name, item in value.items() if isinstance(value, dict) else ():
        found += _places(item, (*place, name))
    return found


_FIELDS = [(name, place) for name in ALL for place in _places(body(name))]


@given(st.sampled_from(_FIELDS), _ANYTHING)
@example(("message-received-text", ("message", "timestamp")), 1e300)
@example(("message-received-text", ("message", "messageId")), 10**400)
@settings(max_examples=300)
def test_a_field_may_hold_anything_and_nothing_but_a_payload_error_comes_of_it(
    field: tuple[str, tuple[str, ...]], value: object
) -> None:
    name, (*path, last) = field
    payload = body(name)
    parent = payload
    for step in path:
        parent = parent[step]
    parent[last] = value
    try:
        (event,) = parse_events(json.dumps(payload).encode(), "aelyst", RECEIVED_AT)
    except PayloadError:
        return
    if isinstance(event, InboundMessage | MessageSent):
        repr(event).encode()
        assert event.sent_at.tzinfo is UTC


@given(st.binary(max_size=200) | _ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_events_or_a_payload_error(data: bytes) -> None:
    with suppress(PayloadError):
        parse_events(data, "aelyst", RECEIVED_AT)
