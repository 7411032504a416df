from datetime import UTC, datetime, timedelta

import pytest

from agent.delivery.matching import is_ours, says_the_same
from messaging.types import CustomPayload, Email, File, Outbound, PlatformMessage, QuickReplies, Template, Text

NOW = datetime(2026, 11, 21, 5, tzinfo=UTC)
TEXT = Text("Harganya Rp18.000.\n\nAda lagi?  ", tag="ACCOUNT_UPDATE")
QR = File("image", "https://toko.example/media/9f2c11ab")
COMPONENTS = ({"type": "body", "text": "Halo {{1}}", "parameters": [{"type": "text", "text": "Sari"}]},)


@pytest.mark.parametrize(
    ("listed", "ours"),
    [
        (TEXT, TEXT),
        (Text("Harganya Rp18.000.\n\nAda lagi?  "), TEXT),  # without the tag
        (Text("Harganya Rp18.000.\r\n\r\nAda lagi?", tag="ACCOUNT_UPDATE"), TEXT),
        (Text("Harganya Rp18.000. Ada lagi?"), TEXT),
        (Text("cafe\u0301"), Text("caf\u00e9")),
        (QR, QR),
        (File("image", "https://cdn.platform.example/w/77/9f2c11ab.png?sig=abc&e=1"), QR),
        (QuickReplies("Sudah bayar? ", ("Sudah", "Belum ")), QuickReplies("Sudah bayar?", ("Sudah", "Belum"))),
        (QuickReplies("Sudah bayar?", ()), QuickReplies("Sudah bayar?", ("Sudah", "Belum"))),
        (Email("Halo \n"), Email("Halo", subject="Pesanan", cc=("a@b.example",))),
        (Template("promo", "id", components=COMPONENTS), Template("promo", "id", values=("Sari",))),
        (CustomPayload({"a": 1}), CustomPayload({"a": 1})),
    ],
)
def test_what_says_the_same_is_the_same(listed: Outbound, ours: Outbound) -> None:
    assert says_the_same(listed, ours)


@pytest.mark.parametrize(
    ("listed", "ours"),
    [
        (Text("Harganya Rp19.000. Ada lagi?"), TEXT),
        (QuickReplies("Harganya Rp18.000. Ada lagi?", ()), TEXT),
        (File("video", QR.url), QR),
        (File("image", "https://toko.example/media/77aa22bb"), QR),
        (QuickReplies("Sudah bayar?", ("Ya",)), QuickReplies("Sudah bayar?", ("Sudah", "Belum"))),
        (Email("Halo", subject="Lain"), Email("Halo", subject="Pesanan")),
        (Template("promo", "id", values=("Budi",)), Template("promo", "id", values=("Sari",))),
        (CustomPayload({"a": 2}), CustomPayload({"a": 1})),
    ],
)
def test_what_says_something_else_is_another(listed: Outbound, ours: Outbound) -> None:
    assert not says_the_same(listed, ours)


def listed(**changes: object) -> PlatformMessage:
    facts = {"id": "7", "direction": "outgoing", "content": TEXT, "text": TEXT.text, "state": "sent", "at": NOW}
    return PlatformMessage(**(facts | changes))  # type: ignore[arg-type]


def test_our_own_message_is_recognised_also_when_the_platform_s_clock_is_behind() -> None:
    assert is_ours(listed(), TEXT, NOW, known=())
    assert is_ours(listed(at=None, sender_source="api"), TEXT, NOW, known=())
    assert is_ours(listed(at=NOW - timedelta(hours=1)), TEXT, NOW, known=())


def test_the_same_words_of_somebody_else_or_of_another_time_are_not_ours() -> None:
    others = [
        listed(direction="incoming"),
        listed(sender_source="user"),
        listed(sender_source="workflow"),
        listed(at=NOW - timedelta(hours=3)),
        listed(content=None),
    ]
    assert not any(is_ours(each, TEXT, NOW, known=()) for each in others)
    assert not is_ours(listed(), TEXT, NOW, known={"7"})
