"""The 24-hour window: what a message of the business goes out as, on which channel, how late."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from actions.action import Comment
from agent.config.texts import TemplateSettings
from agent.delivery.window import Obstacle, Skip, Wording, closes, decide, obstacle
from agent.ledger.codec import Deliverable
from agent.ledger.contacts import ContactState
from agent.ledger.outbound import Delivery
from messaging.types import Channel, ChannelKind, Contact, ContactKey, Email, File, Outbound, Template, Text, kind_of

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
BUDI = ContactKey("aelyst", "7")
TEMPLATE = TemplateSettings(name="pengingat", language="id", parameters=("{contact.first_name}", "KS-1"))


def contact(
    hours: float | None = 1, source: str | None = "whatsapp_cloud", first_name: str | None = "Budi"
) -> ContactState:
    """A contact who wrote so many hours ago, or never."""
    return ContactState(
        contact=Contact(BUDI, first_name=first_name),
        language="id",
        channel=None if source is None else Channel("1", source),
        last_inbound_at=None if hours is None else NOW - timedelta(hours=hours),
        wake_at=None,
        paused_at=None,
        paused_until=None,
        paused_by=None,
        opted_out_at=None,
        notice_at=None,
    )


CLOSED = "the 24-hour window is closed"
TEXT = "Halo {contact.first_name}, pesanannya masih kami simpan."
FILLED = "Halo Budi, pesanannya masih kami simpan."


@pytest.mark.parametrize(
    ("source", "hours", "wording", "expected"),
    [
        ("whatsapp_cloud", 23.9, Wording(TEXT, TEMPLATE), Text(FILLED)),
        ("whatsapp_cloud", 24.1, Wording(TEXT, TEMPLATE), Template("pengingat", "id", values=("Budi", "KS-1"))),
        ("360dialog_whatsapp", 24.1, Wording(TEXT, TEMPLATE), Template("pengingat", "id", values=("Budi", "KS-1"))),
        ("whatsapp_cloud", 24.1, Wording(TEXT, None, "ACCOUNT_UPDATE"), f"{CLOSED}; a template could be sent, and none is set"),
        ("whatsapp_cloud", None, Wording(TEXT), f"the customer never wrote, so {CLOSED}; a template could be sent, and none is set"),
        ("instagram", 23.9, Wording(TEXT, None, "ACCOUNT_UPDATE"), Text(FILLED)),
        ("instagram", 24.1, Wording(TEXT, None, "ACCOUNT_UPDATE"), Text(FILLED, "ACCOUNT_UPDATE")),
        ("facebook", 24.1, Wording(TEXT, None, "POST_PURCHASE_UPDATE"), Text(FILLED, "POST_PURCHASE_UPDATE")),
        ("facebook", 24.1, Wording(TEXT, TEMPLATE), f"{CLOSED}; facebook would take the text with a tag, and none is set"),
        ("telegram", 24 * 90, Wording(TEXT), Text(FILLED)),
        ("gmail", None, Wording(TEXT), Text(FILLED)),
        (None, 24 * 90, Wording(TEXT), Text(FILLED)),
    ],
)  # fmt: skip
def test_what_a_message_goes_out_as(
    source: str | None, hours: float | None, wording: Wording, expected: Outbound | str
) -> None:
    decided = decide(wording, contact(hours, source), kind_of(source), NOW)
    assert decided == (Skip(expected) if isinstance(expected, str) else expected)


def test_a_template_with_a_placeholder_that_nothing_is_known_for_is_not_sent() -> None:
    late = contact(25, first_name=None)
    assert decide(Wording(TEXT, TEMPLATE), late, ChannelKind.WHATSAPP, NOW) == Skip(
        "nothing is known for {contact.first_name} of the template pengingat"
    )
    kind = TEMPLATE.model_copy(update={"parameters": ("{contact.first_name|Kak}", "KS-1")})
    assert decide(Wording(TEXT, kind), late, ChannelKind.WHATSAPP, NOW) == Template(
        "pengingat", "id", values=("Kak", "KS-1")
    )


def test_the_window_closes_a_day_after_the_last_message() -> None:
    assert closes(contact(1), ChannelKind.WHATSAPP) == NOW + timedelta(hours=23)
    assert closes(contact(1), ChannelKind.TELEGRAM) is None


def _delivery(content: Deliverable, channel: str | None = None) -> Delivery:
    at = NOW - timedelta(hours=3)
    return Delivery("t/0", BUDI, "message", channel, content, "pending", None, 0, at, None, at, None, None, "t")


LATE = Obstacle("failed", "too late: the 24-hour window is closed")


@pytest.mark.parametrize(
    ("source", "hours", "content", "expected"),
    [
        ("whatsapp_cloud", 1, Text("ya"), None),
        ("whatsapp_cloud", 25, Text("ya"), LATE),
        ("instagram", 25, File("image", "https://a.example/q.png"), LATE),
        ("facebook", 25, Text("ya", "ACCOUNT_UPDATE"), None),
        ("whatsapp_cloud", 25, Template("pengingat", "id"), None),
        ("whatsapp_cloud", 25, Email("ya"), None),
        ("whatsapp_cloud", 25, Comment("untuk rekan"), None),
        ("telegram", 25, Text("ya"), None),
        (None, 25, Text("ya"), None),
    ],
)
def test_a_reply_that_became_too_late_is_given_up_where_somebody_sees_it(
    source: str | None, hours: float, content: Deliverable, expected: Obstacle | None
) -> None:
    assert obstacle(_delivery(content), contact(hours, source), NOW) == expected


def test_a_message_on_another_channel_is_not_judged_by_this_ones_window() -> None:
    assert obstacle(_delivery(Text("ya"), channel="1"), contact(25), NOW) == LATE
    assert obstacle(_delivery(Text("ya"), channel="2"), contact(25), NOW) is None


def test_nothing_goes_out_after_a_human_took_over_or_the_contact_opted_out() -> None:
    later, earlier = NOW - timedelta(hours=1), NOW - timedelta(hours=4)
    human = replace(contact(), paused_at=later, paused_by="Rina")
    assert obstacle(_delivery(Text("ya")), human, NOW) == Obstacle("skipped", "a human took over (Rina)")
    assert obstacle(_delivery(Text("ya")), replace(human, paused_at=earlier), NOW) is None
    opted_out = replace(contact(), opted_out_at=later)
    assert obstacle(_delivery(Text("ya")), opted_out, NOW) == Obstacle("skipped", "the contact opted out")
    assert obstacle(_delivery(Text("ya")), replace(opted_out, opted_out_at=earlier), NOW) is None


def test_a_nudge_is_not_sent_to_somebody_who_has_written_meanwhile() -> None:
    nudge = replace(_delivery(Text("Jadi?")), unless_replied=True)
    assert obstacle(nudge, contact(hours=4), NOW) is None
    assert obstacle(nudge, contact(hours=2), NOW) == Obstacle("skipped", "the contact replied")
    assert obstacle(_delivery(Text("Jadi?")), contact(hours=2), NOW) is None
    assert obstacle(replace(_delivery(Text("Jadi?")), id="nudge/1/0"), contact(hours=2), NOW) is None, "whatever its id"
