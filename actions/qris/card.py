"""The picture that is sent: the code on a white card with what is paid, to whom, for what, and until when.

The text repeats what the payer's app must show, so that a swapped code is noticed. No logo is drawn: those of QRIS and GPN
are licensed.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from actions.qris.amounts import format_rupiah
from actions.qris.image import draw, verified

if TYPE_CHECKING:
    from PIL import Image, ImageFont

Language = Literal["id", "en"]

WIDTH = 1080
"""Pixels; chat platforms shrink anything wider."""
_MARGIN = 72
_FINE = 4
_TOP = 372  # where the code begins, its own quiet zone included
_FONT = Path(__file__).parent / "fonts" / "PlusJakartaSans.ttf"
_GREY, _LINE = "#5b6472", "#e3e7ed"


@dataclass(frozen=True, slots=True)
class Card:
    """What stands on the card. `expires` is aware; it is shown in the time zone it carries."""

    payload: str
    amount: int
    merchant: str
    reference: str | None = None
    nmid: str | None = None
    city: str | None = None
    expires: datetime | None = None
    language: Language = "id"


_WORDS = {
    "id": {
        "pay": "Bayar",
        "reference": "Referensi",
        "expires": "Berlaku sampai",
        "check": "Pastikan nama ini muncul di aplikasi Anda",
        "scan": "Simpan gambar ini, lalu scan dari galeri",
    },
    "en": {
        "pay": "Pay",
        "reference": "Reference",
        "expires": "Valid until",
        "check": "Make sure your app shows this name",
        "scan": "Save this picture, then scan it from your gallery",
    },
}
_ZONES = {7: "WIB", 8: "WITA", 9: "WIT"}
_MONTHS = {
    "id": ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}


def local_time(moment: datetime, language: Language = "id") -> str:
    """`"21 Nov, 15:45 WIB"`; in the zone that `moment` carries, by its Indonesian name where it has one."""
    offset = moment.utcoffset()
    hours = offset.total_seconds() / 3600 if offset is not None else 0
    zone = _ZONES.get(int(hours)) if hours == int(hours) else None
    name = zone or (f"UTC{hours:+g}" if hours else "UTC")
    return f"{moment.day} {_MONTHS[language][moment.month - 1]}, {moment:%H:%M} {name}"


def render(card: Card) -> bytes:
    """The card as a PNG (8-bit RGB, 1080 pixels wide), read back and compared before it is returned.

    Raises:
        ImageError: a reader would see something else than `card.payload`.
    """
    return verified(_paint(card), card.payload)


def _paint(card: Card) -> "Image.Image":
    from PIL import Image, ImageDraw

    words = _WORDS[card.language]
    code = draw(card.payload, 820)
    below = _TOP + code.height
    image = Image.new("RGB", (WIDTH, below + 324), "#ffffff")
    brush = ImageDraw.Draw(image)
    left, right, middle = _MARGIN, WIDTH - _MARGIN, WIDTH // 2
    brush.rectangle((0, 0, WIDTH, 14), fill="#c8102e")
    _write(image, (left, 96), "QRIS", _Type(46, 800))
    if card.expires is not None:
        _write(image, (right, 70), words["expires"], _Type(26, 500, _GREY), "rs")
        _write(image, (right, 108), local_time(card.expires, card.language), _Type(30, 700), "rs")
    brush.line((left, 138, right, 138), fill=_LINE, width=2)
    _write(image, (left, 192), words["pay"], _Type(30, 500, _GREY))
    _write(image, (left - 4, 290), format_rupiah(card.amount), _Type(104, 800))
    if card.reference:
        end = _write(image, (left, 346), f"{words['reference']}  ", _Type(30, 500, _GREY))
        _write(image, (end, 346), card.reference, _Type(30, 700))
    image.paste(code, ((WIDTH - code.width) // 2, _TOP))
    brush.line((left, below + 12, right, below + 12), fill=_LINE, width=2)
    _write(image, (middle, below + 60), words["check"], _Type(28, 500, _GREY), "ms")
    _write(image, (middle, below + 122), card.merchant, _Type(52, 800), "ms")
    place = "   ·   ".join(part for part in (f"NMID {card.nmid}" if card.nmid else None, card.city) if part)
    _write(image, (middle, below + 172), place, _Type(30, 500, _GREY), "ms")
    brush.rounded_rectangle((left, below + 208, right, below + 284), 38, fill="#f2f4f7")
    _write(image, (middle, below + 257), words["scan"], _Type(29, 600), "ms")
    return image


class _Type(NamedTuple):
    size: int  # pixels
    weight: int  # 200 to 800
    fill: str = "#14181f"


def _write(
    image: "Image.Image", at: tuple[int, int], text: str, kind: _Type, anchor: Literal["ls", "ms", "rs"] = "ls"
) -> int:
    """Write one line on the baseline, smaller where it would not fit; where it ends.

    It is drawn four times as large and shrunk: letters keep their places, which hinting would round to whole pixels.
    """
    from PIL import Image, ImageDraw

    if not text:
        return at[0]
    room = WIDTH - _MARGIN - at[0] if anchor == "ls" else WIDTH - 2 * _MARGIN
    font = _font(kind.size * _FINE, kind.weight)
    if font.getlength(text) > room * _FINE:
        font = _font(max(14 * _FINE, int(kind.size * room * _FINE**2 / font.getlength(text))), kind.weight)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text, anchor="ls"))
    left, top = left - left % _FINE, top - top % _FINE
    width, height = -(-(right - left) // _FINE), -(-(bottom - top) // _FINE)
    mask = Image.new("L", (width * _FINE, height * _FINE))
    ImageDraw.Draw(mask).text((-left, -top), text, font=font, fill=255, anchor="ls")
    length = round(font.getlength(text) / _FINE)
    start = at[0] - {"ls": 0, "ms": length // 2, "rs": length}[anchor]
    place = (start + left // _FINE, at[1] + top // _FINE)
    image.paste(kind.fill, (*place, place[0] + width, place[1] + height), mask.reduce(_FINE))
    return start + length


def _font(size: int, weight: int) -> "ImageFont.FreeTypeFont":
    """Plus Jakarta Sans (SIL Open Font License, see fonts/OFL.txt)."""
    from PIL import ImageFont

    font = ImageFont.truetype(_FONT, size)
    font.set_variation_by_axes([weight])
    return font
