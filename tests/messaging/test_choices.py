"""Quick replies where the channel has them."""

import pytest

from messaging.formatting import numbered, takes_quick_replies


@pytest.mark.parametrize(
    ("source", "takes"),
    [
        ("whatsapp_cloud", True),
        ("twilio_whatsapp", True),
        ("instagram", True),
        ("facebook", True),
        ("telegram", True),
        (None, True),
        ("gmail", False),
        ("other_email", False),
        ("twilio_sms", False),
        ("sms", False),
    ],
)
def test_channels_of_mere_text_get_numbered_lines(source: str | None, takes: bool) -> None:
    assert takes_quick_replies(source) is takes


def test_answers_are_numbered() -> None:
    assert numbered("Ukuran?", ("Kecil", "Besar")) == "Ukuran?\n1. Kecil\n2. Besar"
