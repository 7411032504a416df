import io
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from actions.action import SendPayment
from actions.qris import parse, with_amount
from actions.qris.picture import read_image
from actions.qris.texts import LONGEST, caption, language_of, picture
from actions.qris.tlv import Item, seal
from tests.actions.qris.codes import STATIC

JAKARTA = ZoneInfo("Asia/Jakarta")
PAYMENT = SendPayment(
    payload=with_amount(STATIC, 50000).text,
    amount=50000,
    reference="INV-1",
    merchant="WARUNG CONTOH JAYA",
    nmid="ID1099000000017",
    expires=datetime(2026, 11, 21, 8, 45, tzinfo=UTC),
    provider="static",
)


def test_the_caption_says_everything_that_is_on_the_card():
    text = caption(PAYMENT, JAKARTA)
    for fact in ("Rp50.000", "INV-1", "WARUNG CONTOH JAYA", "ID1099000000017", "21 Nov, 15:45 WIB"):
        assert fact in text
    assert [line[:2] for line in text.splitlines() if line[:1].isdigit()] == ["1.", "2.", "3."]
    assert len(text) <= LONGEST


def test_the_caption_speaks_the_customers_language():
    assert "Payment of Rp50.000" in caption(PAYMENT, JAKARTA, "en")
    assert "WITA" in caption(PAYMENT, ZoneInfo("Asia/Makassar"), "id")
    assert [language_of(code) for code in ("id", "ms", "en", "fr", None)] == ["id", "id", "en", "en", "id"]


def test_a_unique_amount_is_explained():
    assert "kode unik" in caption(replace(PAYMENT, asked=49_900), JAKARTA)
    assert "kode unik" not in caption(replace(PAYMENT, asked=50_000), JAKARTA)


def test_the_picture_of_a_payment_holds_its_code():
    assert read_image(picture(PAYMENT, JAKARTA, "id")) == [PAYMENT.payload]


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        ([("55", "02"), ("56", "2500")], {"id": "biaya Rp2.500", "en": "a fee of Rp2.500"}),
        ([("56", "1000.00")], {"id": "biaya Rp1.000", "en": "a fee of Rp1.000"}),
        ([("55", "03"), ("57", "0.7")], {"id": "biaya 0.7%", "en": "a fee of 0.7%"}),
        ([("55", "01")], {"id": "menanyakan tip", "en": "asks for a tip"}),
        ([("55", "02")], {"id": "biaya yang tidak disebut", "en": "an unknown amount"}),
    ],
)
def test_a_fee_stands_on_the_card_and_in_the_caption(objects: list[tuple[str, str]], told: dict[str, str]) -> None:
    items = [item for item in parse(PAYMENT.payload).objects if item.id != "63"]
    at = next(place for place, item in enumerate(items) if item.id == "58")
    payload = seal([*items[:at], *(Item(*one) for one in objects), *items[at:]])
    dear = replace(PAYMENT, payload=payload)
    for language, words in told.items():
        text = caption(dear, JAKARTA, language)
        assert words in text
        assert "tambahan" not in text
        assert "no extra fee" not in text
    card = picture(dear, JAKARTA)
    assert read_image(card) == [payload]
    free, taller = (Image.open(io.BytesIO(each)).height for each in (picture(PAYMENT, JAKARTA), card))
    assert taller > free
    assert "Tidak ada biaya tambahan." in caption(PAYMENT, JAKARTA)
