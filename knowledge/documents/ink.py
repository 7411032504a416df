"""Which letters of a PDF's page a reader sees: not those without ink, in the colour of what is behind them, or without size.

Text without ink over a picture is what OCR puts over a scan: the picture shows it.
"""

import math
from ctypes import byref, c_float, c_int, c_uint, c_void_p, cast
from itertools import islice
from typing import Any

from knowledge.documents.ruled import Box, is_within

_SMALLEST = 1.0  # points of a letter that can be seen
_WHITE = 250  # of 255, from which a colour is that of paper
_THICK = 4.0  # points of a line that letters may stand on
_MOST = 4_000  # things on a page; of more, nothing is told


class Ink:
    """Tells of the letters of one page whether they are seen, and keeps the places of those that are not."""

    def __init__(self, page: Any, text: Any) -> None:
        """Look at a page.

        Args:
            page: as pypdfium2 opened it.
            text: its text page.
        """
        self.unseen: list[Box] = []
        self._page = page
        self._text = text
        self._height: float = page.get_height()
        self._known: dict[
            int, str
        ] = {}  # by text object: `seen`, `unseen`, or what must lie behind: `picture`, `colour`
        self._behind: dict[str, list[Box]] | None = None

    def shows(self, at: int, box: Box) -> bool:
        """Whether a letter is seen.

        Args:
            at: its place in the text of the page.
            box: where it stands.
        """
        from pypdfium2 import raw

        thing = raw.FPDFText_GetTextObject(self._text, at)
        if not thing:
            return True
        key = cast(thing, c_void_p).value or 0
        if key not in self._known:
            self._known[key] = _kind(thing, box)
        kind = self._known[key]
        seen = kind == "seen" or (kind != "unseen" and self._lies_on(kind, box))
        if not seen:
            self.unseen.append(box)
        return seen

    def _lies_on(self, kind: str, box: Box) -> bool:
        if self._behind is None:
            self._behind = self._grounds()
        return any(is_within(box, ground) for ground in self._behind[kind])

    def _grounds(self) -> dict[str, list[Box]]:
        """The places of pictures, and of all that has a colour: pictures, shadings, forms, areas and thick lines."""
        from pypdfium2 import raw

        found: dict[str, list[Box]] = {"picture": [], "colour": []}
        things = list(islice(self._page.get_objects(max_depth=1), _MOST + 1))
        if len(things) > _MOST:
            everywhere = (-math.inf, -math.inf, math.inf, math.inf)
            return {"picture": [everywhere], "colour": [everywhere]}
        left, bottom, right, top = c_float(), c_float(), c_float(), c_float()
        for each in things:
            if each.type == raw.FPDF_PAGEOBJ_TEXT or (
                each.type == raw.FPDF_PAGEOBJ_PATH and not _is_coloured(each.raw)
            ):
                continue
            if raw.FPDFPageObj_GetBounds(each.raw, byref(left), byref(bottom), byref(right), byref(top)):
                box = (left.value, self._height - top.value, right.value, self._height - bottom.value)
                found["colour"].append(box)
                if each.type in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM):
                    found["picture"].append(box)
        return found


def _kind(thing: Any, box: Box) -> str:
    """What is to be known of a text object: `seen`, `unseen`, or what must lie behind its letters."""
    from pypdfium2 import raw

    size, matrix = c_float(), raw.FS_MATRIX()
    measured = raw.FPDFTextObj_GetFontSize(thing, byref(size)) and raw.FPDFPageObj_GetMatrix(thing, byref(matrix))
    if measured and size.value * math.hypot(matrix.b, matrix.d) < _SMALLEST and box[3] - box[1] < _SMALLEST:
        return "unseen"
    mode = raw.FPDFTextObj_GetTextRenderMode(thing)
    if mode == raw.FPDF_TEXTRENDERMODE_INVISIBLE:
        return "picture"
    colour = _colour(thing) if mode == raw.FPDF_TEXTRENDERMODE_FILL else None
    if colour is None or (colour[3] and min(colour[:3]) < _WHITE):
        return "seen"
    return "colour" if colour[3] else "picture"


def _colour(thing: Any) -> tuple[int, int, int, int] | None:
    """Red, green, blue and opacity of what fills a thing, 0 to 255; `None` where that cannot be told."""
    from pypdfium2 import raw

    red, green, blue, opacity = c_uint(), c_uint(), c_uint(), c_uint()
    told = raw.FPDFPageObj_GetFillColor(thing, byref(red), byref(green), byref(blue), byref(opacity))
    return (red.value, green.value, blue.value, opacity.value) if told else None


def _is_coloured(path: Any) -> bool:
    """Whether letters in the colour of paper can be read on a path."""
    from pypdfium2 import raw

    fills, strokes, width = c_int(), c_int(), c_float()
    if not raw.FPDFPath_GetDrawMode(path, byref(fills), byref(strokes)):
        return True
    if strokes.value and raw.FPDFPageObj_GetStrokeWidth(path, byref(width)) and width.value > _THICK:
        return True
    colour = _colour(path) if fills.value else (255, 255, 255, 255)
    return colour is None or (colour[3] > 0 and min(colour[:3]) < _WHITE)
