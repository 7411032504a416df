"""What the styles of a page keep from its readers: `remove` takes it out of the tree, before the page is read.

Read are the `hidden` attribute, `style` and the `<style>` elements with the selectors that shops write (tags, classes, ids, attributes,
`:nth-child`, descendants). Other sheets are not fetched; what only some screens hide is shown.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

_MOST_RULES = 1_000
_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")
_COMPOUND = re.compile(r"([a-z][\w-]*|\*)?((?:[.#][\w-]+|\[[^\[\]]*+\]|:[a-z-]+(?:\(\d+\))?)*+)", re.IGNORECASE)
_SIMPLE = re.compile(r"([.#])([\w-]+)|\[([^\[\]]*+)\]|:([a-z-]+)(?:\((\d+)\))?", re.IGNORECASE)
_NUMBER = re.compile(r"(-?\d*\.?\d+)([a-z%]*)", re.IGNORECASE)
_EVERYWHERE = re.compile(
    r"@(?:layer|supports|container|media\s+(?:(?:only\s+)?screen|all))\b[^(]*\Z|@(?:layer|supports)\b", re.IGNORECASE
)
_MOVES = re.compile(r"anim|aos|\bwow\b|fade|reveal|appear|scroll|data-w-id", re.IGNORECASE)
_FAR = 500.0  # pixels; what lies further out is on no screen
_PROPERTIES = frozenset(
    "display visibility content-visibility font-size opacity position left top right bottom text-indent clip clip-path color background "
    "background-color background-image transform transition animation height max-height width max-width overflow padding padding-top "
    "padding-bottom text-decoration text-decoration-line".split()
)
_COLOURS = frozenset(("color", "background", "background-color", "background-image"))
_WHITE = (255, 255, 255)
_NAMED = {
    "white": _WHITE,
    "black": (0, 0, 0),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "whitesmoke": (245, 245, 245),
}
_NEAR = 12  # steps of a colour that nobody tells apart
_TABLE = ("tr", "td", "th", "tbody", "thead", "tfoot", "table")
_SILENT = ("script", "style", "template", "noscript")


@dataclass(frozen=True, slots=True)
class _Rule:
    """`compounds` are those of its selector from the right, each with whether the next must be the parent."""

    compounds: tuple[tuple[str, str, bool], ...]
    weight: tuple[int, int, int]
    order: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Ink:
    """What an element hands down: whether its letters have a size and are visible, their colour and what is behind them, if known."""

    has_size: bool = True
    visible: bool = True
    colour: tuple[int, ...] | None = (0, 0, 0)
    ground: tuple[int, ...] | None = _WHITE

    @property
    def is_seen(self) -> bool:
        same = self.colour is not None and self.ground is not None and _are_near(self.colour, self.ground)
        return self.has_size and self.visible and not same and self.colour != ()


def remove(tree: Any, can_open: Callable[[Any], bool]) -> list[str]:
    """Take out of a page what its readers do not see.

    Args:
        tree: of the whole page; it is changed.
        can_open: whether a reader can open an element that is hidden now.

    Returns:
        The kinds of what was taken out, for people to read; empty where it held no text.
    """
    rules, knows_grounds = _indexed(tree)
    is_still = not any("json" not in (each.get("type") or "") for each in tree.iter("script"))
    found: dict[str, None] = {}
    pending = [(tree, _Ink(ground=_WHITE if knows_grounds else None))]
    while pending:
        element, above = pending.pop()
        values = _computed(element, rules)
        if element.tag in ("html", "body"):  # hidden until scripts or sheets are there
            values = {name: value for name, value in values.items() if name in _COLOURS}
        if _is_gone(element, values, is_still) and (element.tag in _TABLE[:-1] or not can_open(element)):
            if _takes_words(element):
                found[_kind(element)] = None
            _drop(element)
            continue
        if any("line-through" in values.get(name, "") for name in ("text-decoration", "text-decoration-line")):
            for each in element.iter():  # taken back, as in `<del>`; a cell stays in its place
                each.text = None
                each.tail = each.tail if each is element else None
            continue
        ink = _inked(element, values, above)
        if not ink.visible and above.visible and (can_open(element) or _MOVES.search(_names(element))):
            ink = replace(ink, visible=True)
        if not ink.is_seen:
            if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
                found[_kind(element)] = None
            element.text = None
            for child in element:
                child.tail = None
        pending += [(child, ink) for child in element if isinstance(child.tag, str) and child.tag not in _SILENT]
    return list(found)


def _takes_words(element: Any) -> bool:
    return any(
        (text or "").strip()
        for each in element.iter()
        if isinstance(each.tag, str) and each.tag not in _SILENT
        for text in ((each.text,) if each is element else (each.text, each.tail))
    )


def _kind(element: Any) -> str:
    inside = element.tag in _TABLE[:-1] or next(element.iterancestors("table"), None) is not None
    return "hidden rows or cells of a table" if inside else "hidden parts of the page"


def _drop(element: Any) -> None:
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        return
    if element.tail and before is not None:
        before.tail = (before.tail or "") + element.tail
    elif element.tail:
        parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def _names(element: Any) -> str:
    return f"{element.get('class') or ''} {' '.join(element.keys())}"


def _is_gone(element: Any, values: Mapping[str, str], is_still: bool) -> bool:
    """Whether an element with all that is in it stands on no screen."""
    hidden = element.get("hidden")
    if (hidden is not None and hidden.lower() != "until-found") or element.get("popover") is not None:
        return True
    if element.tag == "dialog" and element.get("open") is None:
        return True
    if values.get("display") == "none" or values.get("content-visibility") == "hidden":
        return True
    if values.get("visibility") == "collapse" and element.tag == "tr":
        return True
    if is_still and _is_zero(values.get("opacity", "1")) and not {"transition", "animation"} & values.keys():
        return True
    if values.get("position") in ("absolute", "fixed") and (
        any(_pixels(values.get(side, "0")) < -_FAR for side in ("left", "top", "right", "bottom"))
        or re.match(r"rect\((?:\s*[01](?:px)?\s*,?){4}\s*\)", values.get("clip", ""))
        or re.match(r"inset\(\s*(?:50|100)%", values.get("clip-path", ""))
    ):
        return True
    if _pixels(values.get("text-indent", "0")) < -_FAR or re.match(r"scale\(\s*0\s*[,)]", values.get("transform", "")):
        return True
    flat = any(_is_zero(values.get(side, "auto")) for side in ("height", "max-height", "width", "max-width"))
    padded = any(not _is_zero(values.get(side, "0")) for side in ("padding", "padding-top", "padding-bottom"))
    return flat and not padded and values.get("overflow", "").startswith(("hidden", "clip"))


def _inked(element: Any, values: Mapping[str, str], above: _Ink) -> _Ink:
    size, visibility = values.get("font-size"), values.get("visibility")
    ink = above
    if size is not None:
        number = _NUMBER.match(size)
        relative = number is not None and number[2].lower() in ("em", "%")
        ink = replace(ink, has_size=not _is_zero(size) and (above.has_size or not relative))
    if visibility in ("hidden", "visible", "collapse"):
        ink = replace(ink, visible=visibility == "visible")
    if "color" in values:
        colour = _colour(values["color"])  # no colour over a picture is how letters get the picture's
        ink = replace(ink, colour=None if colour == () and _COLOURS & values.keys() - {"color"} else colour)
    behind = values.get("background-color") or values.get("background") or element.get("bgcolor")
    if behind is not None and behind not in ("none", "inherit", "initial", "unset"):
        colour = _colour(behind)
        ink = ink if colour == () else replace(ink, ground=colour)
    lies_over = values.get("position") in ("absolute", "fixed", "sticky") or element.get("background") is not None
    if lies_over or values.get("background-image", "none") != "none":
        ink = replace(ink, ground=None)
    return ink


def _colour(value: str) -> tuple[int, ...] | None:
    """Red, green and blue; empty for no colour at all, `None` for one that is not known."""
    text = value.strip().lower()
    if text == "transparent":
        return ()
    if text in _NAMED:
        return _NAMED[text]
    if re.fullmatch(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", text):
        digits = text[1:] if len(text) > 5 else "".join(2 * digit for digit in text[1:])
        parts = [int(digits[at : at + 2], 16) for at in range(0, len(digits), 2)]
        return () if parts[3:] == [0] else tuple(parts[:3])
    numbers = re.fullmatch(r"rgba?\(([\d\s.,%/]{1,60})\)", text)
    if numbers is None:
        return None
    found = re.split(r"[\s,/]+", numbers[1].strip())
    if len(found) == 4 and _is_zero(found[3]):
        return ()
    return tuple(int(part) for part in found[:3]) if all(part.isdigit() for part in found[:3]) else None


def _are_near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return len(one) == len(other) == 3 and all(abs(a - b) <= _NEAR for a, b in zip(one, other, strict=True))


def _is_zero(value: str) -> bool:
    number = _NUMBER.match(value)
    return number is not None and float(number[1]) == 0


def _pixels(value: str) -> float:
    """A length in pixels, as for letters of 16 and a window of 1,000; 0 for what is none."""
    number = _NUMBER.match(value)
    if number is None:
        return 0.0
    scale = {"em": 16, "rem": 16, "vw": 10, "vh": 10, "%": 10, "in": 96, "cm": 38}
    return float(number[1]) * scale.get(number[2].lower(), 1)


def _indexed(tree: Any) -> tuple[dict[str, list[_Rule]], bool]:
    """The rules of a page by the tag, class or id that their last part names, and whether these are all that colour what is behind."""
    found: dict[str, list[_Rule]] = defaultdict(list)
    count = 0
    knows_grounds = not any("stylesheet" in (each.get("rel") or "").lower() for each in tree.iter("link"))
    for sheet in tree.iter("style"):
        if re.search(r"print|speech", sheet.get("media") or "", re.IGNORECASE):
            continue
        for selectors, text, only_some in _rules(sheet.text or ""):
            values = _declared(text)
            paints = not values.keys().isdisjoint(_COLOURS - {"color"})
            if only_some:  # of these screens, only what they show counts
                values = {
                    name: value for name, value in values.items() if name == "display" and not value.startswith("none")
                }
                knows_grounds = knows_grounds and not paints
            if not values:
                continue
            for selector in selectors.split(","):
                count += 1
                if count > _MOST_RULES:
                    return found, False
                rule = _rule(selector, values, count)
                if rule is None:
                    knows_grounds = knows_grounds and not paints
                else:
                    tag, more, _ = rule.compounds[0]
                    named = _SIMPLE.match(more)
                    key = f"{named[1]}{named[2]}" if named is not None and named[1] else tag.lower() or "*"
                    found[key].append(rule)
    return found, knows_grounds


def _rules(sheet: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the selectors and declarations of a style sheet, and whether they are for some screens only."""
    css = _COMMENT.sub(" ", sheet)
    at, narrow_until = 0, -1
    while (brace := css.find("{", at)) >= 0:
        head = css[at:brace].replace("}", " ").rpartition(";")[2].strip()
        if head.startswith("@"):
            if not _EVERYWHERE.match(head):
                end = _closing(css, brace)
                if re.match(r"@media\b(?!.*\bprint\b)", head, re.IGNORECASE):
                    narrow_until = max(narrow_until, end)
                else:
                    at = end + 1
                    continue
            at = brace + 1
            continue
        end = css.find("}", brace)
        if end < 0:
            return
        yield head, css[brace + 1 : end], brace < narrow_until
        at = end + 1


def _closing(css: str, brace: int) -> int:
    """Where the block ends that begins at a brace."""
    depth = 0
    for each in re.compile(r"[{}]").finditer(css, brace):
        depth += 1 if each[0] == "{" else -1
        if depth == 0:
            return each.start()
    return len(css)


def _declared(text: str) -> dict[str, str]:
    """The declarations that matter here; `!important` stays at the end of a value."""
    found: dict[str, str] = {}
    for each in text[:10_000].split(";"):
        name, colon, value = each.partition(":")
        name = name.strip().lower()
        if colon and name in _PROPERTIES:
            found[name] = " ".join(value.lower().split())
    return found


def _rule(selector: str, values: Mapping[str, str], order: int) -> _Rule | None:
    """A rule whose selector is understood."""
    parts = selector.replace(">", " > ").split()
    if not parts or len(parts) > 16 or len(selector) > 500:
        return None
    compounds: list[tuple[str, str, bool]] = []
    weight = [0, 0, 0]
    is_child = False
    for part in reversed(parts):
        if part == ">":
            is_child = True
            continue
        match = _COMPOUND.fullmatch(part)
        if match is None or not part:
            return None
        if compounds and is_child:
            compounds[-1] = (*compounds[-1][:2], True)
        is_child = False
        compounds.append((match[1] or "", match[2], False))
        weight[2] += match[1] not in (None, "*")
        for simple in _SIMPLE.finditer(match[2]):
            weight[0 if simple[1] == "#" else 1] += 1
    return _Rule(tuple(compounds), (weight[0], weight[1], weight[2]), order, values)


def _computed(element: Any, rules: Mapping[str, list[_Rule]]) -> dict[str, str]:
    """What the rules of the page and the element's own style say of it."""
    tag = str(element.tag).lower()
    keys = [tag, "*", f"#{element.get('id')}", *(f".{name}" for name in (element.get("class") or "").split()[:50])]
    won: dict[str, tuple[tuple[bool, tuple[int, int, int], int], str]] = {}
    for key in dict.fromkeys(keys):
        for rule in rules.get(key, ()):
            if _matches(element, rule.compounds):
                for name, value in rule.values.items():
                    place = (value.endswith("!important"), rule.weight, rule.order)
                    if name not in won or won[name][0] <= place:
                        won[name] = (place, value)
    own = _declared(element.get("style") or "")
    for name, value in own.items():
        if name not in won or not won[name][0][0] or value.endswith("!important"):
            won[name] = ((False, (0, 0, 0), 0), value)
    return {name: value.removesuffix("!important").strip() for name, (_, value) in won.items()}


def _matches(element: Any, compounds: tuple[tuple[str, str, bool], ...]) -> bool:
    at, here = 0, element
    while True:
        tag, more, _ = compounds[at]
        if _is(here, tag, more):
            at += 1
            if at == len(compounds):
                return True
        elif at == 0 or compounds[at - 1][2]:
            return False
        here = here.getparent()
        if here is None:
            return False


def _is(element: Any, tag: str, more: str) -> bool:
    if tag not in ("", "*") and str(element.tag).lower() != tag.lower():
        return False
    return all(_has(element, simple) for simple in _SIMPLE.finditer(more))


def _has(element: Any, simple: re.Match[str]) -> bool:
    if simple[1] == ".":
        return simple[2] in (element.get("class") or "").split()
    if simple[1] == "#":
        return bool(element.get("id") == simple[2])
    if simple[3] is not None:
        name, equals, value = simple[3].partition("=")
        given = element.get(name.strip().lower())
        return given is not None and (not equals or given == value.strip().strip("\"'"))
    nth = {"first-child": 1, "nth-child": int((simple[5] or "0")[:4])}.get(simple[4].lower(), 0)
    if not nth:  # states that an element has only while somebody points at it
        return simple[4].lower() == "root" and element.getparent() is None
    return sum(1 for _ in islice(element.itersiblings(preceding=True), nth)) == nth - 1
