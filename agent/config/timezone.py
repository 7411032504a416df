"""Time zones by their names in the IANA database."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_INDONESIA = {"WIB": "Asia/Jakarta", "WITA": "Asia/Makassar", "WIT": "Asia/Jayapura"}


def known_timezone(name: str) -> str:
    """`name`, if the IANA database has it; `WIB`, `WITA` and `WIT` become the names it has for them.

    Raises:
        ValueError: there is no such time zone; the message names the nearest ones.
    """
    name = _INDONESIA.get(name, name)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from rapidfuzz import process

        near = [found for found, _, _ in process.extract(name, sorted(available_timezones()), limit=1, score_cutoff=60)]
        hint = f"did you mean {near[0]}?" if near else "write e.g. Asia/Jakarta"
        raise ValueError(f"{name!r} is not a time zone; {hint}") from None
    return name
