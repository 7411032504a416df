"""Drawing a payment code, and reading one back. All of it is CPU work (10 to 200 ms): call it in a worker thread.

EMVCo allows only byte mode (section 4.12.1.1), which QR libraries leave by default. Level M, a quiet zone of four modules
and at least eight pixels a module stay readable after a chat platform has shrunk and recompressed the picture.
"""

import io
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from actions.qris.code import parse
from actions.qris.errors import ImageError
from actions.qris.money import format_rupiah

if TYPE_CHECKING:
    from PIL import Image, ImageFont


QUIET = 4
"""Modules of white around the code."""
SMALLEST_MODULE = 8
"""Pixels."""
LARGEST_IMAGE = 40_000_000
"""Pixels of an image that will still be decoded for reading."""


def modules(payload: str) -> list[list[bool]]:
    """The code as rows of dark (`True`) and light modules, the quiet zone included.

    Raises:
        ImageError: the payload is too long for a QR code.
    """
    import qrcode
    from qrcode.exceptions import DataOverflowError
    from qrcode.util import MODE_8BIT_BYTE, QRData

    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=QUIET)
    code.add_data(QRData(payload.encode(), mode=MODE_8BIT_BYTE), optimize=0)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError) as error:
        raise ImageError(f"{len(payload.encode())} bytes do not fit into a QR code") from error
    return [[bool(module) for module in row] for row in code.get_matrix()]


def draw(payload: str, pixels: int = 720) -> "Image.Image":
    """The bare code as an 8-bit RGB image, at most `pixels` wide but never under 8 pixels a module."""
    from PIL import Image

    matrix = modules(payload)
    side = len(matrix)
    scale = max(SMALLEST_MODULE, pixels // side)
    small = Image.frombytes("L", (side, side), bytes(0 if dark else 255 for row in matrix for dark in row))
    return small.resize((side * scale, side * scale), Image.Resampling.NEAREST).convert("RGB")


def png(payload: str, pixels: int = 720) -> bytes:
    """The bare code as a PNG that has been read back and compared.

    Raises:
        ImageError: it could not be drawn, or does not read back as `payload`.
    """
    return verified(draw(payload, pixels), payload)


def verified(image: "Image.Image", payload: str) -> bytes:
    """`image` as a PNG, after reading the very bytes back.

    Raises:
        ImageError: a reader sees something else than `payload`, or nothing.
    """
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=False)
    return _read_back(buffer.getvalue(), payload)


def jpeg(picture: bytes, payload: str) -> bytes:
    """A picture with a code as a JPEG of high quality, read back too. Raises like `verified`."""
    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.save(buffer, "JPEG", quality=92, subsampling=0)
    return _read_back(buffer.getvalue(), payload)


def _read_back(data: bytes, payload: str) -> bytes:
    found = read_image(data)
    if found != [payload]:
        raise ImageError(f"the drawn code reads as {found or 'nothing'} and not as what was to be paid")
    return data


def read_image(data: bytes) -> list[str]:
    """The texts of all QR codes in an image file.

    Raises:
        ImageError: the bytes are no image, or one of more than 40 million pixels.
    """
    import zxingcpp
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > LARGEST_IMAGE:
                raise ImageError(f"the image has {image.width} × {image.height} pixels; send one under 40 million")
            pixels = _on_white(image)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"this is not an image that can be read: {error}") from error
    found = zxingcpp.read_barcodes(pixels, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return [code.text for code in found]


def _on_white(image: "Image.Image") -> "Image.Image":
    """RGB, with transparency laid on white: a transparent quiet zone would be read as black."""
    from PIL import Image

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def svg(payload: str, module: int = SMALLEST_MODULE) -> str:
    """The bare code as an SVG document, black on white, `module` user units a module."""
    matrix = modules(payload)
    side = len(matrix)
    runs = []
    for y, row in enumerate(matrix):
        x = 0
        while x < side:
            width = 1
            while x + width < side and row[x + width] == row[x]:
                width += 1
            if row[x]:
                runs.append(f"M{x} {y}h{width}v1h-{width}z")
            x += width
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side * module}" height="{side * module}" '
        f'viewBox="0 0 {side} {side}" shape-rendering="crispEdges" role="img" aria-label="QRIS">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d="{"".join(runs)}"/></svg>\n'
    )


def blocks(payload: str) -> str:
    """The code in half-block characters, two modules a character, for dark ink on a light ground."""
    matrix = modules(payload)
    if len(matrix) % 2:
        matrix.append([False] * len(matrix))
    return "\n".join(
        "".join(_HALF[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(matrix[::2], matrix[1::2], strict=True)
    )


def terminal(payload: str) -> str:
    """`blocks` in black on white by escape sequences, so that it reads on any background."""
    return "\n".join(f"\x1b[30;107m{line}\x1b[0m" for line in blocks(payload).split("\n"))


_HALF = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


Language = Literal["id", "en"]

WIDTH = 1080
"""Pixels; chat platforms shrink anything wider."""
_MARGIN = 72
_FINE = 4
_TOP = 372  # where the code begins, its own quiet zone included
_EXTRA = 48  # the line that tells of a fee
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
        "fixed": "aplikasi pembayar menambahkan biaya {value}",
        "percent": "aplikasi pembayar menambahkan biaya {value}%",
        "tip": "aplikasi pembayar menanyakan tip di atas nominal ini",
        "unsaid": "yang tidak disebut",
    },
    "en": {
        "pay": "Pay",
        "reference": "Reference",
        "expires": "Valid until",
        "check": "Make sure your app shows this name",
        "scan": "Save this picture, then scan it from your gallery",
        "fixed": "the payer's app adds a fee of {value}",
        "percent": "the payer's app adds a fee of {value}%",
        "tip": "the payer's app asks for a tip on top",
        "unsaid": "an unknown amount",
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


def surcharge(payload: str, language: Language) -> str | None:
    """Say what the payer's app adds to the amount on the card; `None` for nothing.

    Args:
        payload: of the code.
        language: to say it in.
    """
    found = parse(payload).surcharge
    if found is None:
        return None
    kind, value = found
    words = _WORDS[language]
    if kind != "tip" and not value:
        return words["fixed"].format(value=words["unsaid"])
    return words[kind].format(value=_rupiah(value) if kind == "fixed" else value)


def _rupiah(value: str) -> str:
    """An amount as a code writes it (`2500`, `2500.00`) as people read it."""
    whole, _, rest = value.partition(".")
    return format_rupiah(int(whole)) if whole.isdecimal() and not rest.strip("0") else f"Rp{value}"


def render(card: Card) -> bytes:
    """The card as a PNG (8-bit RGB, 1080 pixels wide), read back and compared before it is returned.

    Raises:
        ImageError: a reader would see something else than `card.payload`.
    """
    return verified(_paint(card), card.payload)


def _paint(card: Card) -> "Image.Image":
    from PIL import Image, ImageDraw

    words = _WORDS[card.language]
    own = parse(card.payload).merchant.name or ""  # what the payer's app shows, in letters that every app has
    code = draw(card.payload, 820)
    added = surcharge(card.payload, card.language)
    top = _TOP if added is None else _TOP + _EXTRA
    below = top + code.height
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
    if added is not None:
        _write(image, (left, 346 + _EXTRA), f"+ {added}", _Type(30, 700, "#c8102e"))
    image.paste(code, ((WIDTH - code.width) // 2, top))
    brush.line((left, below + 12, right, below + 12), fill=_LINE, width=2)
    _write(image, (middle, below + 60), words["check"], _Type(28, 500, _GREY), "ms")
    _write(image, (middle, below + 122), card.merchant if drawable(card.merchant) else own, _Type(52, 800), "ms")
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

    text = drawable(text)
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


def drawable(text: str) -> str:
    """Keep what the font has letters for; a text of another script would become boxes.

    Returns:
        The text, or nothing when less than half of its letters can be drawn.
    """
    plain = unicodedata.normalize("NFKC", text)
    kept = "".join(letter for letter in plain if letter.isspace() or letter in _letters())
    return " ".join(kept.split()) if 2 * len(kept.strip()) >= len(plain.strip()) else ""


@cache
def _letters() -> frozenset[str]:
    """Letters and signs up to U+2122 that the font draws otherwise than one it lacks."""
    from PIL import ImageFont

    font = ImageFont.truetype(_FONT, 24, layout_engine=ImageFont.Layout.BASIC)
    missing = bytes(font.getmask("\U0010fffe"))
    return frozenset(
        letter for letter in map(chr, range(33, 0x2123)) if bytes(font.getmask(letter)) not in (b"", missing)
    )


def _font(size: int, weight: int) -> "ImageFont.FreeTypeFont":
    """Plus Jakarta Sans (SIL Open Font License, see fonts/OFL.txt)."""
    from PIL import ImageFont

    font = ImageFont.truetype(_FONT, size)
    font.set_variation_by_axes([weight])
    return font
