"""When a customer wants to hear from us again: Indonesian, Malay and English phrases to a point in time.

    parse_when("besok jam 9", now, ZoneInfo("Asia/Jakarta"))

Plain functions. A phrase without a time of day means nine in the morning; an hour without "pagi" or "pm" means the next one,
or with a day the likelier one of a working day (`besok jam 3` is 15:00).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

_MORNING = time(9)

_ONES = {
    word: n
    for words in (
        "nol satu dua tiga empat lima enam tujuh delapan sembilan sepuluh sebelas",
        "zero one two three four five six seven eight nine ten eleven twelve",
    )
    for n, word in enumerate(words.split())
}
_UNITS = (
    dict.fromkeys("menit minit minute minutes min mins mnt".split(), timedelta(minutes=1))
    | dict.fromkeys("jam hour hours hr hrs".split(), timedelta(hours=1))
    | dict.fromkeys("hari day days".split(), timedelta(days=1))
    | dict.fromkeys("minggu pekan week weeks".split(), timedelta(weeks=1))
    | dict.fromkeys("bulan month months".split(), timedelta(days=30))
)
_WEEKDAYS = {
    word: n
    for words in (
        "senin selasa rabu kamis jumat sabtu minggu",
        "isnin selasa rabu khamis jumaat sabtu ahad",
        "monday tuesday wednesday thursday friday saturday sunday",
        "mon tue wed thu fri sat sun",
    )
    for n, word in enumerate(words.split())
}
_MONTHS = {
    word: n
    for words in (
        "januari februari maret april mei juni juli agustus september oktober november desember",
        "january february march april may june july august september october november december",
        "jan feb mar apr mei jun jul agu sep okt nov des",
        "jan feb mac apr mei jun jul ogos sept oct nov dec",
    )
    for n, word in enumerate(words.split(), start=1)
}
_DAYS = (
    dict.fromkeys(("hari ini", "today", "nanti", "tonight", "malam ini", "sore ini", "siang ini"), 0)
    | dict.fromkeys(("besok", "esok", "bsk", "tomorrow", "tmr"), 1)
    | dict.fromkeys(("lusa", "besok lusa", "day after tomorrow"), 2)
)
_PARTS = (
    dict.fromkeys(("pagi", "morning"), time(9))
    | dict.fromkeys(("siang",), time(13))
    | dict.fromkeys(("noon", "tengah hari"), time(12))
    | dict.fromkeys(("afternoon",), time(14))
    | dict.fromkeys(("sore", "petang"), time(16))
    | dict.fromkeys(("evening",), time(18))
    | dict.fromkeys(("malam", "night", "tonight"), time(19))
)
_ZONES = {"wib": "Asia/Jakarta", "wita": "Asia/Makassar", "wit": "Asia/Jayapura", "myt": "Asia/Kuala_Lumpur"}


def _any(words: object) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))  # type: ignore[call-overload]


_AHEAD = re.compile(
    rf"\b(?:dalam |in )?(\d+|setengah|half an|an?|se)\s*({_any(_UNITS)})\b(?:\s*(lagi|ke depan|kemudian|from now|later|depan))?"
)
_DAY = re.compile(rf"\b({_any(_DAYS)})\b")
_NEXT_WEEK = re.compile(r"\b(?:minggu|pekan) depan\b|\bnext week\b")
_NEXT_MONTH = re.compile(r"\bbulan depan\b|\bnext month\b")
_WEEKDAY = re.compile(rf"\b(next |hari )?({_any(_WEEKDAYS)})\b( depan| next week)?")
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_NUMBER_DATE = re.compile(r"\b(\d{1,2})[/-](\d{1,2})(?:[/-](\d{4}|\d{2}))?\b")
_NAMED_DATE = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of )?({_any(_MONTHS)})\b(?:\s+(\d{{4}}))?|\b({_any(_MONTHS)})\s+(\d{{1,2}})\b"
)
_DAY_OF_MONTH = re.compile(r"\b(?:tanggal|tgl|the)\s+(\d{1,2})\b")
_TIME = re.compile(
    r"\b(?P<word>jam|pukul|pkl|at|@)?\s*(?P<half>setengah\s+)?(?P<hour>\d{1,2})(?:[.:](?P<minute>\d{2}))?"
    r"(?:\s*(?P<half_day>am|pm|a\.m\.|p\.m\.))?(?:\s+(?P<less>kurang|lewat|lebih)\s+(?P<by>\d{1,2}))?"
    rf"(?:\s*(?P<part>{_any(_PARTS)})\b)?"
)
_PART = re.compile(rf"\b({_any(_PARTS)})\b")
_COUNT = rf"(?:\d+|(?:{_any(_ONES)})(?:\s+(?:belas|puluh(?:\s+(?:{_any(_ONES)}))?))?)"
_SPAN = rf"(?:(?:{_COUNT}|setengah|half an|an?)\s+|\d+\s*|se)(?:{_any(_UNITS)})"
_ANY_TIME = re.compile(
    r"\b(?:(?:pada|hari|on|by|around|sekitar|mulai|from|this|(?:se)?tiap|saban|every|each|next)\s+)*(?:"
    + "|".join(
        (
            r"\d{4}-\d{1,2}-\d{1,2}(?:[t ]\d{2}:\d{2}\S*)?",
            rf"(?:dalam|in)\s+{_SPAN}",
            rf"{_SPAN}\s+(?:lagi|ke depan|kemudian|from now|later)",
            r"(?:minggu|pekan|bulan) depan|(?<=next )(?:week|month)",
            rf"(?:(?<=setiap )|(?<=tiap )|(?<=saban )|(?<=every )|(?<=each ))(?:{_any(_UNITS)})",
            rf"(?:tanggal|tgl|the)\s+\d{{1,2}}(?:st|nd|rd|th)?(?:\s+(?:of )?(?:{_any(_MONTHS)}))?(?:\s+\d{{4}})?",
            rf"\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of )?(?:{_any(_MONTHS)})(?:\s+\d{{4}})?|(?:{_any(_MONTHS)})\s+\d{{1,2}}",
            r"\d{1,2}[/-]\d{1,2}(?:[/-]\d{2,4})?",
            rf"(?:{_any(_WEEKDAYS)}|jum'at)(?:s\b)?(?:\s+(?:depan|next week|ini))?",
            rf"(?:the )?(?:{_any(_DAYS)})",
            rf"(?:jam|pukul|pkl|at|@)\s*(?:setengah\s+)?{_COUNT}(?:[.:]\d{{2}})?(?:\s*(?:am|pm|a\.m\.|p\.m\.))?"
            rf"(?:\s+(?:kurang|lewat|lebih)\s+{_COUNT})?",
            r"\d{1,2}[.:]\d{2}(?:\s*(?:am|pm))?(?!\d)|\d{1,2}\s*(?:am|pm)",
            rf"(?:in the |at )?(?<!makan )(?:{_any(_PARTS)})(?:\s+(?:hari|nanti|ini))?",
            _any(_ZONES),
        )
    )
    + r")(?!\w)",
    re.IGNORECASE,
)


def without_times(text: str) -> str:
    """A text without the words that say when: `besok jam 9 bayar pesanan` → `bayar pesanan`."""
    return " ".join(_ANY_TIME.sub(" ", text).split())


@dataclass(frozen=True, slots=True)
class _Clock:
    """A time of day as said. `fixed` when no other half of the day can be meant."""

    at: time
    fixed: bool


def parse_when(text: str, now: datetime, timezone: tzinfo) -> datetime | None:
    """The point in time that a phrase means, as aware UTC; None when it names none, or one that has passed.

    An ISO 8601 time is taken as it is, without an offset in `timezone`.
    """
    moment = moment_named(text, now, timezone)
    return moment if moment is not None and moment > now else None


def moment_named(text: str, now: datetime, timezone: tzinfo) -> datetime | None:
    """The same, for a point in time that has passed too: `21-11-2025 jam 9`."""
    if (iso := _iso(text.strip(), timezone)) is not None:
        return iso
    phrase = _figures(" ".join(text.casefold().split()))
    for word, name in _ZONES.items():
        if re.search(rf"\b{word}\b", phrase):
            timezone = ZoneInfo(name)
            phrase = re.sub(rf"\b{word}\b", "", phrase)
    local = now.astimezone(timezone)
    moment = _ahead(phrase, local) or _on_a_day(phrase, local) or _by_the_clock(phrase, local)
    return moment.astimezone(UTC) if moment is not None else None


_BETWEEN = re.compile(r"\s+(?:sampai|hingga|s/d|sd|ke|dan|atau|to|until|till|and|or|then|lalu)\s+|[,;\n]")


def moments_in(text: str, now: datetime, timezone: tzinfo) -> set[datetime]:
    """Every point in time that a text may mean, as aware UTC."""
    pieces = [text, *_BETWEEN.split(text)]
    return {moment for piece in pieces if (moment := parse_when(piece, now, timezone)) is not None}


def days_in(text: str, now: datetime, timezone: tzinfo) -> set[date]:
    """Every day that a text may mean, past ones included: a date of birth is written like any other."""
    today = now.astimezone(timezone).date()
    found = {moment.astimezone(timezone).date() for moment in moments_in(text, now, timezone)}
    phrase = _figures(" ".join(text.casefold().split()))
    for pattern, reader in ((_ISO_DATE, _ymd), (_NAMED_DATE, _named), (_NUMBER_DATE, _dmy), (_DAY_OF_MONTH, _of_month)):
        for match in pattern.finditer(phrase):
            if (day := reader(match, today)) is not None:
                found |= {day, day.replace(year=today.year)} if day.year == today.year + 1 and day.day < 29 else {day}
    for piece in _BETWEEN.split(phrase):
        day, _ = _day(piece, today)
        found |= {day} if day is not None else set()
    return found


def _iso(text: str, timezone: tzinfo) -> datetime | None:
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).astimezone(UTC)


def _figures(phrase: str) -> str:
    """Number words up to 99 as figures: `dua jam lagi` → `2 jam lagi`, `jam dua belas` → `jam 12`."""
    ones = _any(_ONES)
    phrase = re.sub(rf"\b({ones}) belas\b", lambda match: str(10 + _ONES[match[1]]), phrase)
    phrase = re.sub(
        rf"\b({ones}) puluh(?: ({ones}))?\b",
        lambda match: str(10 * _ONES[match[1]] + (_ONES[match[2]] if match[2] else 0)),
        phrase,
    )
    phrase = re.sub(r"\bse(menit|jam|hari|minggu|pekan|bulan)\b", r"1 \1", phrase)
    phrase = re.sub(r"\bjum'at\b", "jumat", phrase)
    return re.sub(rf"\b({ones})\b", lambda match: str(_ONES[match[1]]), phrase)


def _ahead(phrase: str, local: datetime) -> datetime | None:
    """`2 jam lagi`, `in 30 minutes`, `setengah jam lagi`. `jam 2` is a time of day, `2 jam` alone a length of time."""
    for match in _AHEAD.finditer(phrase):
        said = match[0].startswith(("dalam ", "in ")) or match[3] is not None
        if not said or (match[3] == "depan" and not match[1].isdigit()):
            continue
        count = 0.5 if match[1] in ("setengah", "half an") else float(match[1]) if match[1].isdigit() else 1.0
        moment = local + _UNITS[match[2]] * count
        rest = phrase[: match.start()] + " " + phrase[match.end() :]
        if _UNITS[match[2]] >= timedelta(days=1) and (clock := _clock(rest)):
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
    if match := _NEXT_WEEK.search(phrase):
        rest = _without(phrase, match)
        weekday = _WEEKDAY.search(rest)
        if weekday is None:
            return today + timedelta(days=7), rest
        monday = today - timedelta(days=today.weekday()) + timedelta(days=7)
        return monday + timedelta(days=_WEEKDAYS[weekday[2]]), _without(rest, weekday)
    if match := _NEXT_MONTH.search(phrase):
        following = today.replace(day=1) + timedelta(days=32)
        return _date(following.year, following.month, min(today.day, 28)), _without(phrase, match)
    if match := _DAY.search(phrase):
        kept = " malam " if "malam" in match[0] or match[0] == "tonight" else " sore " if "sore" in match[0] else " "
        return today + timedelta(days=_DAYS[match[1]]), phrase[: match.start()] + kept + phrase[match.end() :]
    for pattern, reader in ((_ISO_DATE, _ymd), (_NAMED_DATE, _named), (_NUMBER_DATE, _dmy), (_DAY_OF_MONTH, _of_month)):
        if (match := pattern.search(phrase)) and (day := reader(match, today)) is not None:
            return day, _without(phrase, match)
    if match := _WEEKDAY.search(phrase):
        ahead = (_WEEKDAYS[match[2]] - today.weekday()) % 7 or 7
        if match[3] or match[1] == "next ":
            ahead = 7 - today.weekday() + _WEEKDAYS[match[2]]
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
    day, month = (int(match[1]), _MONTHS[match[2]]) if match[1] else (int(match[5]), _MONTHS[match[4]])
    return _date(int(match[3]), month, day) if match[3] else _coming(month, day, today)


def _of_month(match: re.Match[str], today: date) -> date | None:
    day = int(match[1])
    this = _date(today.year, today.month, day)
    if this is not None and this >= today:
        return this
    following = today.replace(day=1) + timedelta(days=32)
    return _date(following.year, following.month, day)


def _clock(phrase: str) -> _Clock | None:
    """The time of day in a phrase: `jam 9`, `pukul 14.30`, `10am`, `jam setengah 8 malam`, `sore`."""
    for match in _TIME.finditer(phrase):
        if not (match["word"] or match["minute"] or match["half_day"] or match["part"]):
            continue  # a bare number is no time
        elsewhere = _PART.search(_without(phrase, match))
        if (clock := _read_time(match, match["part"] or (elsewhere[1] if elsewhere else None))) is not None:
            return clock
    if part := _PART.search(phrase):
        return _Clock(_PARTS[part[1]], fixed=True)
    return None


def _read_time(match: re.Match[str], part: str | None) -> _Clock | None:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if hour > 24 or minute > 59:
        return None
    half_day = (match["half_day"] or "").replace(".", "")
    fixed = bool(half_day or part) or hour > 12 or hour == 0 or bool(match["minute"] and match["hour"].startswith("0"))
    minutes = hour % 24 * 60 + minute
    if half_day == "pm" or (
        part in ("siang", "sore", "petang", "afternoon", "evening", "malam", "night") and hour < 12
    ):
        minutes += 720 if hour < 12 and not (part == "siang" and hour >= 10) else 0
    elif hour == 12 and (half_day == "am" or part in ("malam", "night")):
        minutes -= 720
    if match["half"]:
        minutes -= 30  # "setengah 10" is half an hour before ten
    if match["by"]:
        minutes += -int(match["by"]) if match["less"] == "kurang" else int(match["by"])
    minutes %= 1440
    return _Clock(time(minutes // 60, minutes % 60), fixed or minutes >= 720)
