"""A point in time in words, and the time zone that a customer means."""

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAYS = {
    "id": "Senin Selasa Rabu Kamis Jumat Sabtu Minggu".split(),
    "ms": "Isnin Selasa Rabu Khamis Jumaat Sabtu Ahad".split(),
}
_MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split(),
    "ms": "Januari Februari Mac April Mei Jun Julai Ogos September Oktober November Disember".split(),
}
_SHORT = {"Asia/Kuala_Lumpur": "MYT", "Asia/Kuching": "MYT", "Asia/Singapore": "SGT"}


def in_words(moment: datetime, zone: tzinfo, language: str) -> str:
    """`Minggu, 22 November 2026 pukul 09.00 WIB`; in English `Sunday, 22 November 2026 at 09:00 WIB`."""
    local = moment.astimezone(zone)
    if language not in _DAYS:
        return f"{local:%A}, {local.day} {local:%B %Y} at {local:%H:%M} {_zone_name(local)}"
    day, month = _DAYS[language][local.weekday()], _MONTHS[language][local.month - 1]
    return f"{day}, {local.day} {month} {local.year} pukul {local:%H.%M} {_zone_name(local)}"


def _zone_name(local: datetime) -> str:
    name = local.tzname() or ""
    if name.isalpha():
        return name
    return _SHORT.get(str(local.tzinfo)) or f"UTC{local:%z}"


def zone_of(phone: str | None, business: tzinfo, now: datetime) -> tzinfo:
    """The zone of a telephone number, where its country has one time; else the business's own.

    Indonesian numbers do not tell which of the country's three times is meant, British ones do.
    """
    names = _zones(phone) if phone else ()
    found = [ZoneInfo(name) for name in names]
    times = {
        tuple((now + timedelta(days=days)).astimezone(zone).utcoffset() for days in (0, 91, 182, 273)) for zone in found
    }
    return found[-1] if len(times) == 1 else business


@lru_cache(maxsize=10_000)
def _zones(phone: str) -> tuple[str, ...]:
    import phonenumbers
    from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number

    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return ()
    country = phonenumbers.PhoneNumber(
        country_code=number.country_code, national_number=0
    )  # mobile numbers tell no area
    return tuple(name for name in time_zones_for_geographical_number(country) if name != UNKNOWN_TIMEZONE)
