"""Durations and rates as people write them: `0.3s`, `15m`, `12h`, `7d`, `1h30m`, `5/s`, `100/min`."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(?<![\d.])(\d++(?:\.\d++)?)\s*+(ms|min|s|m|h|d|w)")
_DURATION = re.compile(rf"(?:{_PART.pattern}\s*)+")
_RATE = re.compile(r"(\d+)\s*/\s*(\d+(?:\.\d+)?)?\s*(ms|min|s|m|h|d|w)")


def parse_duration(value: object) -> timedelta:
    """`"1h30m"` → 5,400 s. A number without a unit is refused: seconds and milliseconds are too easily confused.

    Raises:
        ValueError: the value is not a duration; the message names it and shows what would be right.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and _DURATION.fullmatch(text := value.strip().lower()):
        try:
            return timedelta(seconds=sum(float(n) * _SECONDS[unit] for n, unit in _PART.findall(text)))
        except OverflowError:
            raise ValueError(f"{value!r} is longer than any calendar") from None
    raise ValueError(f"{value!r} is not a duration; write a number with a unit, e.g. 0.3s, 15m, 12h or 7d")


def format_duration(value: timedelta) -> str:
    """The shortest way to write a duration so that `parse_duration` reads it back: 5,400 s → `"1h30m"`."""
    rest = round(value.total_seconds() * 1000)
    if rest == 0:
        return "0s"
    parts = []
    for unit, milliseconds in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        count, rest = divmod(rest, milliseconds)
        if count:
            parts.append(f"{count}{unit}")
    if rest:
        parts.append(f"{rest / 1000:g}s")
    return "".join(parts)


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*(\d+(\.\d+)?\s*(ms|min|s|m|h|d|w)\s*)+$",
            "examples": ["0.3s", "15m", "12h"],
        }
    ),
]
"""A `timedelta` that agent.yaml writes as `15m`."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many events in a span of time: `Rate(5, timedelta(seconds=1))` is written `5/s`."""

    count: int
    per: timedelta

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            parse_rate, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": r"^\d+\s*/\s*(\d+(\.\d+)?)?\s*(ms|min|s|m|h|d|w)$",
            "examples": ["5/s", "100/min"],
        }

    def __str__(self) -> str:
        return f"{self.count}/{format_duration(self.per).removeprefix('1')}"


def parse_rate(value: object) -> Rate:
    """`"5/s"` → 5 events a second; `"30/10s"` → 30 events in ten seconds.

    Raises:
        ValueError: the value is not a rate, or its count or span is zero.
    """
    if isinstance(value, Rate):
        return value
    if isinstance(value, str) and (match := _RATE.fullmatch(value.strip().lower())):
        count, number, unit = int(match[1]), float(match[2] or 1), match[3]
        if count and number:
            return Rate(count, timedelta(seconds=number * _SECONDS[unit]))
    raise ValueError(f"{value!r} is not a rate; write a count and a span, e.g. 5/s, 100/min or 30/10s")
