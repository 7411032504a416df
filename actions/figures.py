"""Secrets, hours and counts in a reply that nothing in the conversation supports.

    unknown_figures("Password wifi-nya sawah123", ["Passwordnya ada di kartu kamar."])   # ["sawah123"]

A weak model answers "what is the wifi password?" with one of its own, and "when do you open?" with an hour. A password, a code of letters
and digits, an hour of the clock and a number beside its unit stand in what the model was given; where they do not, they are invented.
Amounts of money are `actions.prices`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from language.lexicon import KNOWN
from language.numbers import figures, numbers
from language.values import squash

_SECRET: Final = re.compile(
    r"\b(?:password|passcode|passwordnya|kata sandi|sandi|sandinya|pin|pin-nya|kode akses|access code)\b"
    r"(?: (?!is\b|adalah\b|ialah\b)[\w-]+){0,4} ?"
    r"(?:adalah|ialah|yaitu|is|:|=) ?[\"'“‘*`(]{0,2}(?P<secret>[\w@#$!.+-]{3,40})",
    re.IGNORECASE,
)
_CODE: Final = re.compile(
    r"(?<![\w./@-])(?=[\w-]{0,30}[A-Za-z])(?=[\w-]{0,30}\d)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?![\w@/-])"
)
_MEASURE: Final = re.compile(
    r"(?i:\d+(?:-\d+)?[a-z]{1,3}|[a-z]-?\d{1,3}|\d[a-z]\d[a-z]|(?:ke|se|ber|di)-?\d+(?:-?an)?|\d+-?(?:an|nya|ribu|juta|jutaan|ribuan|"
    r"jam|hari|menit|malam|orang|kali|tahun|bulan|minggu|hour|hours|day|days|night|nights|minute|minutes|year|years|old|way|stop|piece|star|"
    r"person|seater|bedroom|digit|digits)(?:-\w+)?|covid-?19|\w+-\d|(?:jam|pukul|rp|idr|usd|rm)\d+)"
)
"""Letters and digits that are no code: `10am`, `50rb`, `2nd`, `H-1`, `ke-3`, `24-hour`."""

_CLOCK: Final = re.compile(
    r"(?P<called>\b(?:pukul|jam|at|from|until|till|by|sampai|hingga|pkl)\.? )?"
    r"(?<![\d.,:/-])(?P<hour>[01]?\d|2[0-4])(?:(?P<mark>[.:])(?P<minute>[0-5]\d))?(?:[.:][0-5]\d)? ?"
    r"(?P<half>(?:a\.?m|p\.?m)\b\.?|(?:pagi|siang|sore|malam|petang|tengah hari)\b)?"
    r"(?![\d%]|[.,:]\d| ?(?:rb|ribu|jt|juta|k\b|usd|dollars?|hari|menit|hours?|minutes?|days?|jam|orang|people))",
    re.IGNORECASE,
)
_UNITS: Final = (
    "detik second seconds sec",
    "menit minute minutes min mins mnt",
    "jam hour hours hr hrs",
    "hari day days harian daily malam night nights semalam sehari tonight overnight nightly",
    "minggu week weeks weekly pekan seminggu",
    "bulan month months monthly sebulan",
    "tahun year years yearly annual setahun thn",
    "km kilometer kilometre kilometers kilometres",
    "meter metre meters metres",
    "cm centimeter centimetre sentimeter",
    "kg kilo kilogram sekilo kilos",
    "gram gr grams",
    "liter litre liters litres",
    "kata word words",
    "lantai floor floors lt storey",
    "persen percent %",
)
"""Words of one unit, in any language. A month of nights is a month of days."""
_OF_UNIT: Final = {word: each for each in _UNITS for word in each.split()}
_UNIT: Final = "|".join(sorted((re.escape(word) for word in _OF_UNIT if len(word) > 1), key=len, reverse=True))
_COUNTED: Final = re.compile(
    rf"(?<![\w.,:/-])(?P<number>\d{{1,4}}(?:[.,]\d{{1,2}})?)(?: ?(?:-|–|sampai|hingga|to) ?(?P<upto>\d{{1,4}}))?"
    rf" ?-?(?P<unit>%|(?:{_UNIT})\b)",
    re.IGNORECASE,
)
_TIMES: Final = frozenset(_UNITS[1:4])
"""Minutes, hours and days are told in each other."""


def names_figures(text: str) -> bool:
    """Tell whether a reply names anything that `unknown_figures` looks at.

    Args:
        text: the reply as the customer would read it.
    """
    return _SECRET.search(text) is not None or any(map(str.isdigit, text)) or figures(text.lower()) != text.lower()


def unknown_figures(text: str, sources: Sequence[str]) -> list[str]:
    """Find the passwords, codes, hours and counted numbers in a reply that stand nowhere and do not follow.

    Args:
        text: the reply as the customer would read it.
        sources: what the business, its systems, colleagues and the customer have said.
    """
    secrets = [match["secret"].rstrip(".!,") for match in _SECRET.finditer(text)]
    codes = [match[0] for match in _CODE.finditer(text) if not _MEASURE.fullmatch(match[0])]
    hours, counted = list(_hours(text)), list(_COUNTED.finditer(figures(text.lower())))
    if not (secrets or codes or hours or counted):
        return []
    told = "\n".join(sources)
    loose = [each for each in dict.fromkeys(secrets) if each.casefold() not in told.casefold() and not _is_word(each)]
    if unseen := [each for each in dict.fromkeys(codes) if each not in told]:
        known = squash(told)
        loose += [each for each in unseen if squash(each) not in known]
    if hours:
        clock = {minute for _, minutes in _hours(told, bare=True) for minute in minutes}
        loose += [said for said, minutes in hours if clock.isdisjoint(minutes)]
    if counted:
        known_numbers = numbers(told)
        units = {_OF_UNIT[word] for word in re.findall(r"[a-z]+|%", told.lower()) if word in _OF_UNIT}
        units |= _TIMES if units & _TIMES or _CLOCK.search(told) else set()
        loose += [
            match[0]
            for match in counted
            if _OF_UNIT[match["unit"]] not in units or not known_numbers.issuperset(_values(match))
        ]
    return loose


def _is_word(secret: str) -> bool:
    """Whether what stands behind "the password is" tells where it is and not what: `on the card`, `gratis`."""
    return secret.casefold() in KNOWN or secret.casefold() in _PLACES


_PLACES: Final = frozenset(
    "on at in the written printed available given provided shown located found case ada tertera tertulis dicantumkan tersedia tercantum "
    "diberikan terdapat bisa dapat akan that not different unique your same required needed sensitive correct wrong".split()
)


def _hours(text: str, *, bare: bool = False) -> Iterator[tuple[str, frozenset[int]]]:
    """The hours of the clock in a text: as written, and the minutes of the day that each may mean, of twelve hours.

    Args:
        text: of a reply or a source.
        bare: whether any number that may be an hour counts, as it does for what is known.
    """
    for match in _CLOCK.finditer(text):
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
        surely = (
            match["half"]
            or (match["mark"] == ":" and match["minute"])
            or (match["called"] or "").lower().startswith(("pukul", "jam", "pkl"))
        )
        if bare or (surely and not (match["called"] is None and match["half"] is None and match["mark"] == ".")):
            yield match[0].strip(), frozenset((hour % 12 * 60 + minute,))


def _values(match: re.Match[str]) -> Iterable[Decimal]:
    return [Decimal(each.replace(",", ".")) for each in (match["number"], match["upto"]) if each]
