"""The names of days, months and time zones, to read them and to write a point in time in words.

    in_words(moment, ZoneInfo("Asia/Jakarta"), "id")  # Minggu, 22 November 2026 pukul 09.00 WIB

The names are those of the section `[calendar]` of the data files.
"""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cache
from typing import Final

from language.tables import languages, section, sections

_SHORT: Final = {"Asia/Kuala_Lumpur": "MYT", "Asia/Kuching": "MYT", "Asia/Singapore": "SGT"}
_WITHOUT_DATA: Final = "en"


@cache
def weekdays() -> Mapping[str, int]:
    """Read the names of the days of the week in every language, lower case, with their number; Monday is 0.

    Where a word names different days, the language first in alphabetical order wins.
    """
    return _numbered(0, "days", "short_days")


@cache
def months() -> Mapping[str, int]:
    """Read the names and abbreviations of the months in every language, lower case, with their number; January is 1."""
    return _numbered(1, "months", "short_months")


def _numbered(first: int, *keys: str) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for data in sections("calendar"):
        for key in keys:
            for number, spellings in enumerate(data.get(key, "").lower().split(), first):
                for word in spellings.split("/"):
                    found.setdefault(word, number)
    return found


@cache
def zones() -> Mapping[str, str]:
    """Read the abbreviations of time zones, lower case, with their IANA names: `wib` is `Asia/Jakarta`."""
    return {word: name for data in sections("calendar") for word, name in data.get("zones", {}).items()}


@cache
def spellings() -> Mapping[str, str]:
    """Read other spellings of names with the usual ones: `jum'at` is `jumat`."""
    return {word: usual for data in sections("calendar") for word, usual in data.get("spellings", {}).items()}


def in_words(moment: datetime, zone: tzinfo, language: str) -> str:
    """Write a point in time in words.

    Args:
        moment: aware.
        zone: in which it is told.
        language: ISO 639-1 code; English where there is no data file.

    Returns:
        `Minggu, 22 November 2026 pukul 09.00 WIB`; in English `Sunday, 22 November 2026 at 09:00 WIB`.
    """
    data = section(language if language in languages() else _WITHOUT_DATA, "calendar")
    local = moment.astimezone(zone)
    return str(data["moment"]).format(
        day=data["days"].split()[local.weekday()],
        date=local.day,
        month=data["months"].split()[local.month - 1],
        year=local.year,
        hour=f"{local:%H}",
        minute=f"{local:%M}",
        zone=_zone_name(local),
    )


def _zone_name(local: datetime) -> str:
    name = local.tzname() or ""
    if name.isalpha():
        return name
    return _SHORT.get(str(local.tzinfo)) or f"UTC{local:%z}"


def from_english(text: str, language: str) -> str:
    """Write the English names of days and months in a text, and ` at ` between them, in another language."""
    if language not in languages() or language == "en":
        return text
    english, own = section("en", "calendar"), section(language, "calendar")
    names = {
        word: other
        for key in ("days", "months")
        for word, other in zip(english[key].split(), own[key].split(), strict=True)
    }
    named = re.sub(rf"\b(?:{'|'.join(names)})\b", lambda match: names[match[0]], text)
    return named.replace(f" {english['at']} ", f" {own['at']} ")


@cache
def _day_ranges() -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, weekdays()), key=len, reverse=True))
    return re.compile(rf"\b({names})\.?\s*(?:-|–|—|s/d|s\.d\.|sampai|hingga|sehingga|to|through|until)\s*({names})\b")


_EVERY_DAY: Final = re.compile(r"\b(?:(?:se)?tiap hari|every ?day|daily)\b")


def days_between(text: str) -> str:
    """Name the days that a text means without naming them: `Senin–Jumat` means `senin selasa rabu kamis jumat`.

    Args:
        text: in any of the languages.

    Returns:
        Indonesian names with blanks between them, in the order of the week.
    """
    names = str(section("id", "calendar")["days"]).lower().split()
    return " ".join(names[day] for day in sorted(_meant(text.casefold())))


def _meant(folded: str) -> set[int]:
    meant = set(range(7)) if _EVERY_DAY.search(folded) else set()
    for first, last in _day_ranges().findall(folded):
        begin, end = weekdays()[first], weekdays()[last]
        meant |= {day % 7 for day in range(begin, end + (8 if end < begin else 1))}
    return meant


@cache
def _day_names() -> re.Pattern[str]:
    """The names of days written out: `sen`, `min` and `sat` are words of their own."""
    names = sorted({*_numbered(0, "days"), *spellings()}, key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(map(re.escape, names))})s?\b")


_WEEK: Final = re.compile(
    r"\b(?:\d{1,3}|per|(?:se)?tiap|dua|tiga|empat|beberapa) minggu\b|\bminggu (?:depan|ini|lalu|kemarin)\b"
)
"""Where `minggu`, which is Sunday, is a week."""


def days_named(text: str) -> frozenset[int]:
    """List the days of the week that a text names, or means by a range; Monday is 0.

    Args:
        text: in any of the languages.
    """
    folded = _WEEK.sub(" ", text.casefold())
    return frozenset(
        _meant(folded) | {weekdays()[spellings().get(name, name)] for name in _day_names().findall(folded)}
    )
