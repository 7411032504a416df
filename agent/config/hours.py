"""Time zones (names of the IANA database) and business hours: how they are written, and whether a moment lies in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator
from pydantic.config import JsonDict
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from agent.config.texts import FactText
from settings import Settings

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


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMES = dict(zip(DAYS, DAYS, strict=True)) | dict(zip(_LONG, DAYS, strict=True))
_SPAN = re.compile(r"([a-z]+)(?:\s*-\s*([a-z]+))?")
_RANGE = re.compile(r"(\d{1,2})[:.](\d{2})\s*[-–]\s*(\d{1,2})[:.](\d{2})")
_DAY = timedelta(days=1)
_FAR = 370  # days to look ahead for the next opening; a business that stays closed longer has none


@dataclass(frozen=True, slots=True)
class OpenRange:
    """From `start` to `end` after midnight; `end` may lie on the next day: 18:00-02:00 is 18 h to 26 h."""

    start: timedelta
    end: timedelta

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end if self.end <= _DAY else self.end - _DAY)}"


def parse_ranges(value: object) -> tuple[OpenRange, ...]:
    """`"08:00-12:00, 13:00-21:00"`, a list of ranges, or `closed` (no range at all).

    Raises:
        ValueError: the value is something else; the message shows what would be right.
    """
    if isinstance(value, tuple) and all(isinstance(each, OpenRange) for each in value):
        return value
    parts = value.split(",") if isinstance(value, str) else value
    if isinstance(value, str) and value.strip().lower() == "closed":
        return ()
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        raise ValueError(
            f'{value!r} is not a range of hours; write e.g. "08:00-21:00", "08:00-12:00, 13:00-17:00" or closed'
        )
    ranges = sorted((_range(str(part)) for part in parts), key=lambda each: each.start)
    for earlier, later in pairwise(ranges):
        if later.start < earlier.end:
            raise ValueError(f"{earlier} and {later} overlap")
    return tuple(ranges)


def _range(text: str) -> OpenRange:
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'{text.strip()!r} is not a range of hours; write e.g. "08:00-21:00" or closed')
    start, end = (_moment(text, int(found[i]), int(found[i + 1])) for i in (1, 3))
    if start in {end, _DAY}:
        raise ValueError(f'{text.strip()!r} is an empty range; for the whole day write "00:00-24:00"')
    return OpenRange(start, end if end > start else end + _DAY)


def _moment(text: str, hour: int, minute: int) -> timedelta:
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise ValueError(f"{text.strip()!r} holds a time that does not exist: {hour:02d}:{minute:02d}")
    return timedelta(hours=hour, minutes=minute)


def _clock(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def parse_days(text: str) -> tuple[int, ...]:
    """`mon-fri` → 0 … 4; `sat` → 5; `fri-mon` → 4, 5, 6, 0; `mon, wed` → 0, 2.

    Raises:
        ValueError: a day is not known.
    """
    days: list[int] = []
    for part in text.split(","):
        found = _SPAN.fullmatch(part.strip().lower())
        names = [_NAMES.get(name, "") for name in found.groups() if name] if found else []
        if not names or not all(names):
            raise ValueError(f"{text!r} is not a day; write {', '.join(DAYS)}, or a span such as mon-fri")
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        days.extend((first + n) % 7 for n in range((last - first) % 7 + 1))
    return tuple(days)


Ranges: TypeAlias = Annotated[
    tuple[OpenRange, ...],
    BeforeValidator(parse_ranges),
    PlainSerializer(lambda ranges: ", ".join(map(str, ranges)) or "closed"),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
            "examples": ["08:00-21:00", "08:00-12:00, 13:00-17:00", "closed"],
        }
    ),
]

_DAY_FIELD = "Hours of {}, e.g. `08:00-21:00`, several separated by commas, or `closed`."


def _with_spans(schema: JsonDict) -> None:
    """Days may be spans and lists of days; the schema of one day holds for them too."""
    properties = schema["properties"]
    assert isinstance(properties, dict)  # noqa: S101 pydantic has just made it
    monday = properties["mon"]
    assert isinstance(monday, dict)  # noqa: S101
    ranges: JsonDict = {key: value for key, value in monday.items() if key in {"anyOf", "examples"}}
    schema["patternProperties"] = {rf"^({'|'.join(DAYS)})[a-z]*(\s*[-,].*)?$": ranges}


class OutsideNote(Settings):
    """Outside the hours the agent answers, and says once per absence that no colleague is there."""

    note: FactText = Field(description="What is added to the first answer of an absence.")


class Hours(Settings):
    """When the business is open. Days may be written as spans: `mon-fri`. A day that is not named is closed."""

    model_config = ConfigDict(json_schema_extra=_with_spans)

    mon: Ranges = Field(default=(), description=_DAY_FIELD.format("Monday; `mon-fri` and the like name several days"))
    tue: Ranges = Field(default=(), description=_DAY_FIELD.format("Tuesday"))
    wed: Ranges = Field(default=(), description=_DAY_FIELD.format("Wednesday"))
    thu: Ranges = Field(default=(), description=_DAY_FIELD.format("Thursday"))
    fri: Ranges = Field(default=(), description=_DAY_FIELD.format("Friday"))
    sat: Ranges = Field(default=(), description=_DAY_FIELD.format("Saturday"))
    sun: Ranges = Field(default=(), description=_DAY_FIELD.format("Sunday"))
    exceptions: dict[date, Ranges] = Field(
        default_factory=dict,
        description="Single dates with other hours, such as holidays: `{2026-12-25: closed, 2026-12-31: 08:00-15:00}`.",
    )
    outside: Literal["answer"] | OutsideNote | FactText = Field(
        default="answer",
        description="What happens outside these hours: `answer` as always; `{note: …}` answers and adds the note once per "
        "absence; a text is sent once per absence, and nothing else.",
    )

    @model_validator(mode="before")
    @classmethod
    def _spread_days(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        spread: dict[str, Any] = {}
        named_by: dict[str, str] = {}
        wrong: list[InitErrorDetails] = []
        for key, ranges in value.items():
            if key in {"exceptions", "outside"}:
                spread[key] = ranges
                continue
            try:
                days = [DAYS[day] for day in parse_days(str(key))]
                parsed = parse_ranges(ranges)
            except ValueError as error:
                wrong.append(_problem(str(key), str(error)))
                continue
            for day in days:
                if day in named_by:
                    wrong.append(_problem(str(key), f"{day} is named by `{named_by[day]}` already"))
                named_by[day] = str(key)
                spread[day] = parsed
        if wrong:  # pydantic takes these over, each at its own key
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return spread

    @property
    def week(self) -> tuple[tuple[OpenRange, ...], ...]:
        """For each weekday, from Monday on, its ranges."""
        return (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)

    def on(self, day: date) -> tuple[OpenRange, ...]:
        """The ranges that begin on `day`."""
        return self.exceptions.get(day, self.week[day.weekday()])

    def is_open(self, moment: datetime) -> bool:
        """Whether the business is open at `moment`, a time in the business's own time zone."""
        return any(start <= moment < end for start, end in self._around(moment))

    def next_opening(self, moment: datetime) -> datetime | None:
        """When it opens next after `moment` (a time in the business's own time zone); `None` when it does not within a year."""
        for ahead in range(_FAR):
            day = moment.date() + ahead * _DAY
            for each in self.on(day):
                start = _at(day, each.start, moment)
                if start > moment:
                    return start
        return None

    def _around(self, moment: datetime) -> list[tuple[datetime, datetime]]:
        """The ranges of the day and of the day before, which may reach into it, as times."""
        return [
            (_at(day, each.start, moment), _at(day, each.end, moment))
            for day in (moment.date() - _DAY, moment.date())
            for each in self.on(day)
        ]


def _problem(key: str, message: str) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("hours", "{message}", {"message": message}), loc=(key,), input=key)


def _at(day: date, time: timedelta, moment: datetime) -> datetime:
    midnight = datetime(day.year, day.month, day.day, tzinfo=moment.tzinfo)
    return midnight + time  # wall-clock arithmetic: 08:00 stays 08:00 on a day that has 23 hours
