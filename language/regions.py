"""Countries and their states or provinces: `OR`, `US-OR` and `Oregon` are one, as are `ID`, `IDN` and `Indonesia`.

The names are those of ISO 3166 (pycountry), countries also in Indonesian and Malay. A bare two-letter code is known for the countries in
whose addresses people write them.
"""

import gettext
import re
from functools import cache

_CODED = ("US", "ID", "MY", "CA", "AU", "SG")
_COMPASS = (
    ("north", "utara"),
    ("south", "selatan"),
    ("west", "barat"),
    ("east", "timur"),
    ("central", "tengah"),
    ("southeast", "tenggara"),
)
_ISLANDS = (
    ("java", "jawa"),
    ("sumatra", "sumatera"),
    ("kalimantan", "kalimantan"),
    ("sulawesi", "sulawesi"),
    ("papua", "papua"),
)
_SHORT = {
    "jakarta": "jakarta raya",
    "dki jakarta": "jakarta raya",
    "yogyakarta": "yogyakarta",
    "jogja": "yogyakarta",
    "usa": "united states",
}


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[^\W\d_]+", name.casefold()))


@cache
def _spellings() -> dict[str, frozenset[str]]:
    """All spellings of a region by each of them, in lower case; codes as they are written."""
    import pycountry

    known: dict[str, set[str]] = {}

    def add(names: set[str]) -> None:
        for name in names:
            known.setdefault(name, set()).update(names)

    others = [
        gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[code], fallback=True)
        for code in ("id", "ms")
    ]
    for country in pycountry.countries:
        names = [country.name, getattr(country, "common_name", None), getattr(country, "official_name", None)]
        names += [other.gettext(country.name) for other in others]
        add({_plain(name.partition(",")[0]) for name in names if name} | {country.alpha_2, country.alpha_3})
    for subdivision in pycountry.subdivisions:
        if (country := subdivision.country_code) in _CODED:
            code = subdivision.code.partition("-")[2]
            add({_plain(subdivision.name), *_english(_plain(subdivision.name)), subdivision.code, code})
    for short, name in _SHORT.items():
        if name in known:
            add(known[name] | {short})
    return {name: frozenset(names) for name, names in known.items()}


def _english(name: str) -> set[str]:
    """`jawa barat` → `west java`."""
    words = name.split()
    if len(words) != 2:
        return set()
    side = {there: here for here, there in _COMPASS}.get(words[1])
    island = {there: here for here, there in _ISLANDS}.get(words[0])
    return {f"{side} {island or words[0]}"} if side else set()


def is_code(text: str) -> bool:
    """Tell whether a text is the code of a country, or of a state or province: two or three capitals, or `ID-JB`."""
    return re.fullmatch(r"[A-Z]{2,3}|[A-Z]{2}-[A-Z0-9]{1,3}", text) is not None and text in _spellings()


def names_region(text: str, region: str) -> bool:
    """Tell whether a text names a country, state or province in any spelling.

    Args:
        text: in which it may be named. Codes count in capitals only: "or" is no Oregon.
        region: a name or code; False when it is no region.
    """
    spellings = _spellings().get(region) or _spellings().get(_plain(region)) or frozenset()
    if not spellings:
        return False
    words = f" {_plain(text)} "
    codes = set(re.findall(r"\b[A-Z]{2}-[A-Z0-9]{1,3}\b|\b[A-Z]{2,3}\b", text))
    return any(name in codes if name.isupper() or "-" in name else f" {name} " in words for name in spellings)
