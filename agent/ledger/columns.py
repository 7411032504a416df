"""The kinds of values that the ledger's columns hold, alike in SQLite and PostgreSQL: numbers that count, times, text of others."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, String, Text
from sqlalchemy.types import TypeDecorator

from agent.logging import masked
from settings.text import clean

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Counter = BigInteger().with_variant(Integer, "sqlite")
"""An automatic number: SQLite counts only in a column that is declared exactly INTEGER PRIMARY KEY."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as whole microseconds since 1970: exact, ordered, alike in both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


class FreeText(TypeDecorator[str]):
    """Text that people, models or errors wrote: what no database holds is cleaned away, so that a commit never fails on it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else clean(value)


class FreeLine(FreeText):
    """The same in a column of type `String`: reasons, in which others may have echoed a secret of ours."""

    impl = String  # type: ignore[assignment]
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else masked(clean(value))
