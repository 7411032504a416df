"""When a customer means: a phrase in any of the languages to a day, a time of day or a point in time.

    parse_when("besok jam 9", now, ZoneInfo("Asia/Jakarta"))

A phrase without a time of day means nine in the morning; an hour without "pagi" or "pm" means the next one, or with a day the likelier
one of a working day (`besok jam 3` is 15:00). The words are those of the sections `[dates]` and `[calendar]` of the data files.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from language.calendar import months, spellings, weekdays, zones
from language.numbers import every_vocabulary, figures
from language.tables import sections

_MORNING: Final = time(9)
_LENGTHS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_HOUR = re.compile(r"(?<![\d:.])(?P<hour>\d{1,3}):(?P<minute>\d{2})(?![\d:])")
_NUMBER_DATE = re.compile(r"\b(\d{1,2})[/-](\d{1,2})(?:[/-](\d{4}|\d{2}))?\b")


def _phrases(key: str) -> frozenset[str]:
    found = (phrase.strip() for data in sections("dates") for phrase in data.get(key, "").split(","))
    return frozenset(filter(None, found))


def _any(words: Iterable[str]) -> str:
    """An alternation of words, the longest first; one that matches nothing where there are none."""
    return "|".join(sorted(map(re.escape, words), key=lambda word: (-len(word), word))) or "(?!)"


@dataclass(frozen=True, slots=True)
class _Grammar:
    """What the data files say, as lookups and patterns. Phrases are matched in lower case, numbers in digits."""

    units: Mapping[str, timedelta]
    days: Mapping[str, int]
    parts: Mapping[str, time]
    second_half: frozenset[str]
    midday: frozenset[str]
    night: frozenset[str]
    half_unit: frozenset[str]
    less: frozenset[str]
    ahead_before: frozenset[str]
    next_before: frozenset[str]
    next_after: frozenset[str]
    pm: frozenset[str]
    am: frozenset[str]
    one_prefix: re.Pattern[str]
    ahead: re.Pattern[str]
    day: re.Pattern[str]
    next_week: re.Pattern[str]
    next_month: re.Pattern[str]
    weekday: re.Pattern[str]
    named_date: re.Pattern[str]
    day_of_month: re.Pattern[str]
    clock: re.Pattern[str]
    part: re.Pattern[str]
    between: re.Pattern[str]


@cache
def _grammar() -> _Grammar:
    units = {
        phrase.strip(): length
        for data in sections("dates")
        for name, length in _LENGTHS.items()
        for phrase in data.get("units", {}).get(name, "").split(",")
        if phrase.strip()
    }
    parts = {word: time.fromisoformat(at) for data in sections("dates") for word, at in data.get("parts", {}).items()}
    days = {word: ahead for data in sections("dates") for word, ahead in data.get("days", {}).items()}
    halves = {
        key: frozenset(
            phrase.strip()
            for data in sections("dates")
            for phrase in data.get("halves", {}).get(key, "").split(",")
            if phrase.strip()
        )
        for key in ("second", "midday", "night")
    }
    before, after, ones = _phrases("ahead_before"), _phrases("ahead_after"), _phrases("one")
    next_before, next_after = _phrases("next_before"), _phrases("next_after")
    weekday_before, half_unit = _phrases("weekday_before"), _phrases("half_unit")
    less, am, pm = _phrases("less"), _phrases("am"), _phrases("pm")
    one_prefix = _any(_phrases("one_prefix"))
    names, named = _any(weekdays()), _any(months())
    ordinals, of = _any(_phrases("ordinals")), _any(_phrases("of"))
    return _Grammar(
        units=units,
        days=days,
        parts=parts,
        second_half=halves["second"],
        midday=halves["midday"],
        night=halves["night"],
        half_unit=half_unit,
        less=less,
        ahead_before=before,
        next_before=next_before,
        next_after=next_after,
        pm=pm,
        am=am,
        one_prefix=re.compile(rf"\b(?:{one_prefix})({_any(units)})\b"),
        ahead=re.compile(
            rf"\b(?:(?P<before>{_any(before)}) )?(?P<count>\d+|{_any(half_unit | ones)}|{one_prefix})\s*(?P<unit>{_any(units)})\b"
            rf"(?:\s*(?P<after>{_any(after)}))?"
        ),
        day=re.compile(rf"\b({_any(days)})\b"),
        next_week=re.compile(rf"\b(?:{_any(_phrases('next_week'))})\b"),
        next_month=re.compile(rf"\b(?:{_any(_phrases('next_month'))})\b"),
        weekday=re.compile(
            rf"\b(?:(?P<before>{_any(next_before | weekday_before)}) )?(?P<name>{names})\b(?: (?P<after>{_any(next_after)}))?"
        ),
        named_date=re.compile(
            rf"\b(\d{{1,2}})(?:{ordinals})?\s+(?:(?:{of}) )?({named})\b(?:,?\s+(\d{{4}}))?"
            rf"|\b({named})\s+(?:{_any(_phrases('article'))}\s+)?(\d{{1,2}})(?:{ordinals})?\b(?:,?\s+(\d{{4}})\b)?"
        ),
        day_of_month=re.compile(
            rf"\b(?:{_any(_phrases('day_of_month'))})\s+(\d{{1,2}})(?:{ordinals})?\b(?!\s+(?:(?:{of}) )?(?:{named})\b)"
        ),
        clock=re.compile(
            rf"\b(?P<word>{_any(_phrases('clock'))})?\s*(?:(?P<half>{_any(_phrases('half'))})\s+)?(?P<hour>\d{{1,2}})(?:[.:](?P<minute>\d{{2}}))?"
            rf"(?:\s*(?P<half_day>{_any(am | pm)}))?(?:\s+(?P<less>{_any(less | _phrases('more'))})\s+(?P<by>\d{{1,2}}))?"
            rf"(?:\s*(?P<part>{_any(parts)})\b)?"
        ),
        part=re.compile(rf"\b({_any(parts)})\b"),
        between=re.compile(rf"\s{{1,9}}(?:{_any(_phrases('between'))})\s{{1,9}}|[,;\n]"),
    )


@cache
def _any_time() -> re.Pattern[str]:
    """Everything that says when, to be taken out of a text."""
    grammar, words = _grammar(), every_vocabulary()
    units, parts, names, named = map(_any, (grammar.units, grammar.parts, (*weekdays(), *spellings()), months()))
    every, am_pm, ordinals = _phrases("every"), _any(grammar.am | grammar.pm), _any(_phrases("ordinals"))
    digit = _any(words.digits)
    count = (
        rf"(?:\d+|(?:{_any(words.tens)})(?:\s+(?:{digit}))?|(?:{_any(words.teens.keys() | words.digits.keys())})"
        rf"(?:\s+(?:{_any(words.teen)}|(?:{_any(words.ten)})(?:\s+(?:{digit}))?))?)"
    )
    one_prefix = _any(_phrases("one_prefix"))
    span = rf"(?:(?:{count}|{_any(grammar.half_unit | _phrases('one'))})\s+|\d+\s*|{one_prefix})(?:{units})"
    article, part_before = _any(_phrases("article")), _any(_phrases("part_before"))
    each = "|".join(rf"(?<={re.escape(word)} )" for word in sorted(every)) or "(?!)"
    coming = "|".join(rf"(?<={re.escape(word)} )" for word in sorted(grammar.next_before)) or "(?!)"
    not_part = "".join(rf"(?<!{re.escape(word)} )" for word in sorted(_phrases("not_part_after")))
    kinds = (
        r"\d{4}-\d{1,2}-\d{1,2}(?:[t ]\d{2}:\d{2}\S*)?",
        rf"(?:{_any(grammar.ahead_before)})\s+{span}",
        rf"{span}\s+(?:{_any(_phrases('ahead_after') - grammar.next_after)})",
        rf"{_any(_phrases('next_week') | _phrases('next_month'))}|(?:{coming})(?:{units})",
        rf"(?:{each})(?:{units})",
        rf"(?:{_any(_phrases('day_of_month'))})\s+\d{{1,2}}(?:{ordinals})?(?:\s+(?:(?:{_any(_phrases('of'))}) )?(?:{named}))?"
        r"(?:,?\s+\d{4})?",
        rf"\d{{1,2}}(?:{ordinals})?\s+(?:(?:{_any(_phrases('of'))}) )?(?:{named})(?:,?\s+\d{{4}})?"
        rf"|(?:{named})\s+\d{{1,2}}(?:{ordinals})?(?:,?\s+\d{{4}})?",
        r"\d{1,2}[/-]\d{1,2}(?:[/-]\d{2,4})?",
        rf"(?:{names})(?:s\b)?(?:\s+(?:{_any(grammar.next_after | _phrases('this_after'))}))?",
        rf"(?:(?:{article}) )?(?:{_any(grammar.days)})",
        rf"(?:{_any(_phrases('clock'))})\s*(?:(?:{_any(_phrases('half'))})\s+)?{count}(?:[.:]\d{{2}})?(?:\s*(?:{am_pm}))?"
        rf"(?:\s+(?:{_any(grammar.less | _phrases('more'))})\s+{count})?",
        rf"\d{{1,2}}[.:]\d{{2}}(?:\s*(?:{am_pm}))?(?!\d)|\d{{1,2}}\s*(?:{am_pm})",
        rf"(?:(?:{part_before}) )?{not_part}(?:{parts})(?:\s+(?:{_any(_phrases('part_after'))}))?",
        _any(zones()),
    )
    leading = rf"(?:(?:{_any(_phrases('leading') | every)}|(?:{one_prefix})(?:{_any(every)}))\s+){{0,5}}"
    return re.compile(rf"\b{leading}(?:{'|'.join(kinds)})(?!\w)", re.IGNORECASE)


def without_times(text: str) -> str:
    """Take the words that say when out of a text: `besok jam 9 bayar pesanan` → `bayar pesanan`."""
    return " ".join(_any_time().sub(" ", text).split())


@dataclass(frozen=True, slots=True)
class _Clock:
    """A time of day as said. `fixed` when no other half of the day can be meant."""

    at: time
    fixed: bool


def parse_when(text: str, now: datetime, timezone: tzinfo) -> datetime | None:
    """Read the point in time that a phrase means and that is still to come.

    Args:
        text: the phrase, or ISO 8601, which is taken as it is.
        now: aware.
        timezone: in which the phrase is meant where it names no other (`jam 9 WITA`).

    Returns:
        Aware UTC; None when the phrase names no time, or one that has passed.
    """
    moment = moment_named(text, now, timezone)
    return moment if moment is not None and moment > now else None


def moment_named(text: str, now: datetime, timezone: tzinfo) -> datetime | None:
    """Read the point in time that a phrase means, one that has passed too: `21-11-2025 jam 9`. Else as `parse_when`.

    A phrase with a time or a day that there is not (`senin jam 30`, `31 Februari jam 9`) means none: what is left of it is a guess.
    """
    if _ISO.match(text.strip()):
        return _iso(text.strip(), timezone)
    phrase = _phrase(text)
    for word, name in zones().items():
        if re.search(rf"\b{word}\b", phrase):
            timezone = ZoneInfo(name)
            phrase = re.sub(rf"\b{word}\b", "", phrase)
    local = now.astimezone(timezone)
    if _is_impossible(phrase, local.date()):
        return None
    try:
        moment = _ahead(phrase, local) or _on_a_day(phrase, local) or _by_the_clock(phrase, local)
        return moment.astimezone(UTC) if moment is not None else None
    except OverflowError:  # "99999999999 hari lagi" is in no calendar
        return None


def names_no_time(text: str, today: date) -> bool:
    """Tell whether a text names an hour or a day that there is not: `senin jam 24`, `31 Februari`."""
    return _is_impossible(_phrase(text), today)


def exact_moment(text: str, now: datetime, timezone: tzinfo) -> datetime | None:
    """Read the point in time that a phrase means, as `moment_named`, but only where it names the hour too.

    `besok jam 9` and `3 jam lagi` do; `besok` does not.
    """
    phrase = _phrase(text)
    try:
        ahead = _ahead(phrase, now.astimezone(timezone))
    except OverflowError:
        return None
    if _iso(text.strip(), timezone) is None and ahead is None and not _clock(phrase):
        return None
    return moment_named(text, now, timezone)


def day_named(text: str, today: date) -> date | None:
    """Read the day that a phrase names, the next one where it names no year: `besok`, `Senin depan`, `25 Desember`."""
    return _day(_phrase(text), today)[0]


def time_named(text: str) -> time | None:
    """Read the time of day that a phrase names, in the half of the day that it says: `jam 9` is 09:00, `jam 9 malam` 21:00."""
    clock = _clock(_phrase(text))
    return clock.at if clock else None


def moments_in(text: str, now: datetime, timezone: tzinfo) -> set[datetime]:
    """Read every point in time that a text may mean and that is still to come, as aware UTC. Arguments as of `parse_when`."""
    pieces = [text, *_grammar().between.split(text)]
    return {moment for piece in pieces if (moment := parse_when(piece, now, timezone)) is not None}


def days_in(text: str, now: datetime, timezone: tzinfo) -> set[date]:
    """Read every day that a text may mean, past ones included: a date of birth is written like any other."""
    today = now.astimezone(timezone).date()
    found = {moment.astimezone(timezone).date() for moment in moments_in(text, now, timezone)}
    phrase = _phrase(text)
    for pattern, reader in _written():
        for match in pattern.finditer(phrase):
            if (day := reader(match, today)) is not None:
                found |= (
                    {day, day.replace(year=today.year)}
                    if day.year == today.year + 1 and day.day < 29 and not re.search(r"\d{4}", match[0])
                    else {day}
                )
    for piece in _grammar().between.split(phrase):
        day, _ = _day(piece, today)
        found |= {day} if day is not None else set()
    return found


_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}[\d:.,Z+-]*$", re.IGNORECASE)
"""Written as ISO 8601: it is that time or, where the calendar has no such day or hour, none; never another one by its parts."""


def _iso(text: str, timezone: tzinfo) -> datetime | None:
    if not _ISO.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).astimezone(UTC)
    except (ValueError, OverflowError):  # the last hours of the year 9999 are no time elsewhere
        return None


def _phrase(text: str) -> str:
    """Lower case, single spaces, usual spellings, number words in digits, "sejam" as "1 jam", hours from and to as the first."""
    phrase = figures(" ".join(text.casefold().split()))
    for words, minutes in _minutes_before_the_hour().items():
        phrase = re.sub(rf"\b{words}\s+(1[0-2]|[1-9])\b(?![.:]\d)", lambda match: _at(int(match[1]), minutes), phrase)  # noqa: B023
    phrase = _from_to().sub(lambda match: match[match.lastindex or 0], phrase)
    phrase = _grammar().one_prefix.sub(r"1 \1", phrase)
    for word, usual in spellings().items():
        if word in phrase:
            phrase = re.sub(rf"\b{re.escape(word)}\b", usual, phrase)
    return phrase


@cache
def _minutes_before_the_hour() -> dict[str, int]:
    """Minutes that are said before their hour (`half past 4`), negative where they lead up to it (`quarter to 5`)."""
    found = (pair.partition("=") for pair in _phrases("minutes_before"))
    return {re.escape(words.strip()): int(minutes) for words, _, minutes in found}


def _at(hour: int, minutes: int) -> str:
    """An hour of twelve and the minutes from it: `4:30`, `12:45`."""
    return f"{hour if minutes >= 0 else hour - 1 or 12}:{minutes % 60:02}"


@cache
def _from_to() -> re.Pattern[str]:
    """Hours from and to: `jam 9-10`, `9-10am`, `08.00-09.00`; without a word or a minute it is a date."""
    to, grammar = r"\s?[-–—]\s?\d{1,2}", _grammar()
    half_day = rf"(?=\s?(?:{_any(grammar.am | grammar.pm)})\b)"
    return re.compile(
        rf"(\b(?:{_any(_phrases('clock'))})\s*\d{{1,2}}(?:[.:]\d{{2}})?)(?:{to}|\s?/\s?\d{{1,2}})(?:[.:]\d{{2}})?(?![\d/-])"
        rf"|(?<![\d/-])(\d{{1,2}}[.:]\d{{2}}){to}[.:]\d{{2}}(?!\d)|(?<![\d/-])(\d{{1,2}}){to}{half_day}"
    )


def _is_impossible(phrase: str, today: date) -> bool:
    """Whether a phrase names an hour, a minute or a day of the calendar that there is not."""
    for match in _HOUR.finditer(phrase):
        if int(match["hour"]) > 23 or int(match["minute"] or 0) > 59:
            return True
    for match in _grammar().clock.finditer(phrase):
        if match["word"] and not _counts_hours(phrase, match):
            begin = match.start("hour")
            digits = phrase[begin : begin + 3]
            if (len(digits) > 2 and digits.isdecimal()) or int(match["hour"]) > 23 or int(match["minute"] or 0) > 59:
                return True
    days = [
        reader(match, today)
        for pattern, reader in _written()
        for match in pattern.finditer(phrase)
        if phrase[match.start() - 1 : match.start()] != ":"  # `08:00-09:00`
    ]
    return bool(days) and all(day is None for day in days)


def _counts_hours(phrase: str, clock: re.Match[str]) -> bool:
    """Whether the word before a number counts hours, and the number something else: `2 jam 30 menit lagi`."""
    before = phrase[max(0, clock.start() - 2) : clock.start()].rstrip()  # a phrase holds single spaces
    return before[-1:].isdecimal() or bool(_unit_next().match(phrase, clock.end("hour")))


@cache
def _unit_next() -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{_any(_grammar().units)})\b")


def _written() -> tuple[tuple[re.Pattern[str], "Callable[[re.Match[str], date], date | None]"], ...]:
    """How dates are written, and what reads each; the first that fits counts."""
    grammar = _grammar()
    return (
        (_ISO_DATE, _ymd),
        (grammar.named_date, _named),
        (_NUMBER_DATE, _dmy),
        (grammar.day_of_month, _of_month),
    )


def _ahead(phrase: str, local: datetime) -> datetime | None:
    """`2 jam lagi`, `in 30 minutes`, `setengah jam lagi`. `jam 2` is a time of day, `2 jam` alone a length of time."""
    grammar = _grammar()
    for match in grammar.ahead.finditer(phrase):
        count, unit, after = match["count"], grammar.units[match["unit"]], match["after"]
        if not (match["before"] or after) or (after in grammar.next_after and not count.isdigit()):
            continue
        moment = local + unit * (0.5 if count in grammar.half_unit else float(count) if count.isdigit() else 1.0)
        rest = phrase[: match.start()] + " " + phrase[match.end() :]
        if unit >= timedelta(days=1) and (clock := _clock(rest)):
            return datetime.combine(moment.date(), _likely(clock), local.tzinfo)
        return moment
    return None


def _on_a_day(phrase: str, local: datetime) -> datetime | None:
    day, rest = _day(phrase, local.date())
    if day is None:
        return None
    clock = _clock(rest)
    if clock is None:
        return None if day == local.date() else datetime.combine(day, _MORNING, local.tzinfo)
    if day == local.date():
        return _next(clock, local, day)
    return datetime.combine(day, _likely(clock), local.tzinfo)


def _by_the_clock(phrase: str, local: datetime) -> datetime | None:
    clock = _clock(phrase)
    if clock is None:
        return None
    return _next(clock, local, local.date()) or datetime.combine(
        local.date() + timedelta(days=1), clock.at, local.tzinfo
    )


def _next(clock: _Clock, local: datetime, day: date) -> datetime | None:
    """The clock time still to come on `day`; for an hour that may be either, the earlier one."""
    times = [clock.at] if clock.fixed else [clock.at, clock.at.replace(hour=clock.at.hour + 12)]
    moments = [datetime.combine(day, at, local.tzinfo) for at in times]
    return next((moment for moment in moments if moment > local), None)


def _likely(clock: _Clock) -> time:
    """On another day, `jam 3` is in the afternoon: nobody wants a message at three in the night."""
    return clock.at if clock.fixed or clock.at.hour >= 7 else clock.at.replace(hour=clock.at.hour + 12)


def _day(phrase: str, today: date) -> tuple[date | None, str]:
    """The day that is named, and the phrase without it."""
    grammar = _grammar()
    if match := grammar.next_week.search(phrase):
        rest = _without(phrase, match)
        weekday = grammar.weekday.search(rest)
        if weekday is None:
            return today + timedelta(days=7), rest
        monday = today - timedelta(days=today.weekday()) + timedelta(days=7)
        return monday + timedelta(days=weekdays()[weekday["name"]]), _without(rest, weekday)
    if match := grammar.next_month.search(phrase):
        following = today.replace(day=1) + timedelta(days=32)
        return _date(following.year, following.month, min(today.day, 28)), _without(phrase, match)
    if match := grammar.day.search(phrase):
        part = grammar.part.search(match[0])
        kept = f" {part[0]} " if part else " "
        return today + timedelta(days=grammar.days[match[1]]), phrase[: match.start()] + kept + phrase[match.end() :]
    for pattern, reader in _written():
        if (match := pattern.search(phrase)) and (day := reader(match, today)) is not None:
            return day, _without(phrase, match)
    if match := grammar.weekday.search(phrase):
        number = weekdays()[match["name"]]
        ahead = (number - today.weekday()) % 7 or 7
        if match["after"] or match["before"] in grammar.next_before:
            ahead = 7 - today.weekday() + number
        return today + timedelta(days=ahead), _without(phrase, match)
    return None, phrase


def _without(phrase: str, match: re.Match[str]) -> str:
    return f"{phrase[: match.start()]} {phrase[match.end() :]}"


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _coming(month: int, day: int, today: date) -> date | None:
    """A day without its year is the next one."""
    this = _date(today.year, month, day)
    return this if this is not None and this >= today else _date(today.year + 1, month, day)


def _ymd(match: re.Match[str], _today: date) -> date | None:
    return _date(int(match[1]), int(match[2]), int(match[3]))


def _dmy(match: re.Match[str], today: date) -> date | None:
    day, month = int(match[1]), int(match[2])
    if not match[3]:
        return _coming(month, day, today)
    return _date(int(match[3]) + (2000 if len(match[3]) == 2 else 0), month, day)


def _named(match: re.Match[str], today: date) -> date | None:
    day, month = (int(match[1]), months()[match[2]]) if match[1] else (int(match[5]), months()[match[4]])
    year = match[3] or match[6]
    return _date(int(year), month, day) if year else _coming(month, day, today)


def _of_month(match: re.Match[str], today: date) -> date | None:
    day = int(match[1])
    this = _date(today.year, today.month, day)
    if this is not None and this >= today:
        return this
    following = today.replace(day=1) + timedelta(days=32)
    return _date(following.year, following.month, day)


def _clock(phrase: str) -> _Clock | None:
    """The time of day in a phrase: `jam 9`, `pukul 14.30`, `10am`, `jam setengah 8 malam`, `sore`."""
    for match in _grammar().clock.finditer(phrase):
        if not (match["word"] or match["minute"] or match["half_day"] or match["part"]):
            continue  # a bare number is no time
        elsewhere = _grammar().part.search(_without(phrase, match))
        if (clock := _read_time(match, match["part"] or (elsewhere[1] if elsewhere else None))) is not None:
            return clock
    if part := _grammar().part.search(phrase):
        return _Clock(_grammar().parts[part[1]], fixed=True)
    return None


def _read_time(match: re.Match[str], part: str | None) -> _Clock | None:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if hour > 23 or minute > 59:
        return None
    grammar, half_day = _grammar(), match["half_day"]
    fixed = bool(half_day or part) or hour > 12 or hour == 0 or bool(match["minute"] and match["hour"].startswith("0"))
    minutes = hour * 60 + minute
    if half_day in grammar.pm or part in grammar.second_half or part in grammar.midday:
        minutes += 720 if hour < 12 and not (part in grammar.midday and hour >= 10) else 0
    elif hour == 12 and half_day in grammar.am:
        minutes -= 720
    if hour == 12 and part in grammar.night and half_day not in grammar.pm:
        minutes -= 720
    if match["half"]:
        minutes -= 30  # "setengah 10" is half an hour before ten
    if match["by"]:
        minutes += -int(match["by"]) if match["less"] in grammar.less else int(match["by"])
    minutes %= 1440
    return _Clock(time(minutes // 60, minutes % 60), fixed or minutes >= 720)
