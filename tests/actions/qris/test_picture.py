import io
import re
from datetime import datetime, timedelta, timezone
from functools import cache

import pytest
from PIL import Image

from actions.qris import parse, with_amount
from actions.qris.errors import ImageError
from actions.qris.picture import (
    Card,
    blocks,
    drawable,
    local_time,
    modules,
    png,
    read_image,
    render,
    svg,
    terminal,
    verified,
)
from tests.actions.qris.codes import GOOD, STATIC

WIB = timezone(timedelta(hours=7))
CODE = with_amount(STATIC, 50000, "INV-2026-0001").text


def card(**changes):
    merchant = parse(CODE).merchant
    facts = {
        "payload": CODE, "amount": 50000, "merchant": merchant.name, "reference": "INV-2026-0001", "nmid": merchant.nmid,
        "city": merchant.city, "expires": datetime(2026, 11, 21, 15, 45, tzinfo=WIB),
    }  # fmt: skip
    return render(Card(**facts | changes))


@pytest.mark.parametrize("payload", GOOD)
def test_every_code_reads_back_from_its_picture(payload):
    assert read_image(png(payload, 400)) == [payload]


def test_the_code_is_in_byte_mode_at_level_m_with_a_quiet_zone():
    import zxingcpp

    image = Image.open(io.BytesIO(png(CODE)))
    (found,) = zxingcpp.read_barcodes(image)
    assert found.ec_level == "M"
    matrix = modules(CODE)
    version = 11  # byte mode needs version 11 for these 229 characters; mixed modes would do with less
    assert len(matrix) == 17 + 4 * version + 8
    assert not any(any(row) for row in [*matrix[:4], *matrix[-4:]])
    assert not any(row[n] for row in matrix for n in (0, 1, 2, 3, -1, -2, -3, -4))


@cache
def plain_card():
    return card()


@pytest.mark.parametrize("draw", [lambda: png(CODE), plain_card])
def test_pictures_are_8_bit_rgb_with_at_least_8_pixels_a_module(draw):
    image = Image.open(io.BytesIO(draw()))
    assert (image.mode, image.format) == ("RGB", "PNG")
    row = [image.getpixel((x, image.height // 2)) for x in range(image.width)]
    runs = [len(run) for run in re.findall("(?<=w)b+(?=w)", "".join("b" if p == (0, 0, 0) else "w" for p in row))]
    assert min(runs) >= 8


@pytest.mark.parametrize("width", [1080, 800, 640, 480])
@pytest.mark.parametrize("quality", [35, 70])
def test_a_card_survives_what_a_chat_platform_does_to_it(width, quality):
    image = Image.open(io.BytesIO(plain_card()))
    smaller = image.resize((width, image.height * width // image.width), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    smaller.save(buffer, "JPEG", quality=quality)
    assert read_image(buffer.getvalue()) == [CODE]


def test_a_card_shows_long_names_and_little_facts_alike():
    for changes in (
        {"merchant": "TOKO KOPI DAN ROTI SEJAHTERA BERSAMA KELUARGA BESAR"},
        {"reference": None, "nmid": None, "city": None, "expires": None},
        {"amount": 9_999_999_999_999, "reference": "X" * 25, "language": "en"},
    ):
        assert read_image(card(**changes)) == [CODE]


def test_the_card_changes_with_each_fact():
    cards = [
        card(), card(amount=50001), card(reference="INV-2"), card(merchant="X"), card(nmid=None), card(city=None),
        card(expires=None), card(language="en"),
    ]  # fmt: skip
    assert len(set(cards)) == len(cards)


def test_a_picture_that_reads_as_something_else_is_not_given_out():
    image = Image.open(io.BytesIO(png(CODE)))
    with pytest.raises(ImageError, match="reads as"):
        verified(image, STATIC)
    with pytest.raises(ImageError, match="nothing"):
        verified(Image.new("RGB", (200, 200), "white"), CODE)


def test_a_code_on_transparent_ground_is_read():
    image = Image.open(io.BytesIO(png(CODE))).convert("RGBA")
    pixels = image.load()
    for x in range(image.width):
        for y in range(image.height):
            if pixels[x, y][0] == 255:
                pixels[x, y] = (0, 0, 0, 0)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert read_image(buffer.getvalue()) == [CODE]


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\nbroken", b"GIF89a"])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(ImageError, match="not an image"):
        read_image(data)


def test_a_payload_too_long_for_a_code_is_refused():
    with pytest.raises(ImageError, match="do not fit"):
        png("x" * 3000)


def test_the_svg_is_the_same_code():
    text = svg(CODE, module=10)
    side = len(modules(CODE))
    assert f'viewBox="0 0 {side} {side}"' in text
    image = Image.new("RGB", (side, side), "white")
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", text):
        for n in range(int(width)):
            image.putpixel((int(x) + n, int(y)), (0, 0, 0))
    buffer = io.BytesIO()
    image.resize((side * 8, side * 8), Image.Resampling.NEAREST).save(buffer, "PNG")
    assert read_image(buffer.getvalue()) == [CODE]


def test_the_terminal_shows_the_same_code():
    lines = blocks(CODE).split("\n")
    matrix = modules(CODE)
    drawn = [[char in dark for char in line] for line in lines for dark in ("▀█", "▄█")]
    assert drawn[: len(matrix)] == matrix
    assert terminal(CODE).count("\x1b[0m") == len(lines)


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (7, "21 Nov, 15:45 WIB"),
        (8, "21 Nov, 15:45 WITA"),
        (9, "21 Nov, 15:45 WIT"),
        (0, "21 Nov, 15:45 UTC"),
        (5.5, "21 Nov, 15:45 UTC+5.5"),
    ],
)
def test_times_carry_the_zone_of_the_customer(hours, text):
    assert local_time(datetime(2026, 11, 21, 15, 45, tzinfo=timezone(timedelta(hours=hours)))) == text


def test_a_name_in_another_script_is_the_codes_own_name_rather_than_boxes() -> None:
    assert card(merchant="咖啡馆 ราคา") == card()
    assert card(merchant="ＫＯＰＩ Señja") == card(merchant="KOPI Señja")
    assert drawable("Kopi ☕ Senja") == "Kopi Senja"
