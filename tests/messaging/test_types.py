"""The kind of a channel, from the platforms' open set of sources."""

import pytest

from messaging.types import Channel, ChannelKind, kind_of


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("whatsapp", ChannelKind.WHATSAPP),
        ("whatsapp_cloud", ChannelKind.WHATSAPP),
        ("360dialog_whatsapp", ChannelKind.WHATSAPP),
        ("twilio_whatsapp", ChannelKind.WHATSAPP),
        ("WhatsApp_Cloud", ChannelKind.WHATSAPP),
        ("twilio", ChannelKind.SMS),
        ("other_sms", ChannelKind.SMS),
        ("gmail", ChannelKind.EMAIL),
        ("other_email", ChannelKind.EMAIL),
        ("instagram", ChannelKind.INSTAGRAM),
        ("facebook", ChannelKind.FACEBOOK),
        ("line", ChannelKind.LINE),
        ("custom_channel", ChannelKind.CUSTOM),
        ("online_shop", ChannelKind.OTHER),
        ("", ChannelKind.UNKNOWN),
        (None, ChannelKind.UNKNOWN),
    ],
)
def test_a_source_tells_the_kind_of_its_channel(source: str | None, kind: ChannelKind) -> None:
    assert kind_of(source) is kind
    assert Channel("1", source).kind is kind
