"""Drawing a payment code, and reading one back. All of it is CPU work (10 to 200 ms): call it in a worker thread.

EMVCo allows only byte mode (section 4.12.1.1), which QR libraries leave by default. Level M, a quiet zone of four modules
and at least eight pixels a module stay readable after a chat platform has shrunk and recompressed the picture.
"""

import io
from typing import TYPE_CHECKING

from actions.qris.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

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
