"""Which contacts `contacts.list` finds: conditions, joined by "and" or "or"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from messaging.aelyst.values import Json
from messaging.types import ContactFilter

Category = Literal["contactField", "contactTag", "lifecycle"]
Operator = Literal[
    "isEqualTo",
    "isNotEqualTo",
    "isTimestampAfter",
    "isTimestampBefore",
    "isTimestampBetween",
    "exists",
    "doesNotExist",
    "isGreaterThan",
    "isLessThan",
    "isBetween",
    "hasAnyOf",
    "hasAllOf",
    "hasNoneOf",
]
Operand: TypeAlias = str | Sequence[str] | tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: `Condition("contactTag", None, "hasAnyOf", ["vip"])`. The between-operators take `(from, to)`."""

    category: Category
    field: str | None
    operator: Operator
    value: Operand = None


@dataclass(frozen=True, slots=True)
class Filter:
    """All contacts for which `all_of` holds, or any of `any_of` does; one of the two. Empty: every contact."""

    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()


def conditions(wanted: ContactFilter) -> Filter:
    """A filter of the agent's in the platform's conditions."""
    found: list[Condition] = []
    if wanted.any_tag:
        found.append(Condition("contactTag", None, "hasAnyOf", wanted.any_tag))
    if wanted.all_tags:
        found.append(Condition("contactTag", None, "hasAllOf", wanted.all_tags))
    if wanted.no_tag:
        found.append(Condition("contactTag", None, "hasNoneOf", wanted.no_tag))
    if wanted.lifecycles:
        found.append(Condition("lifecycle", None, "hasAnyOf", wanted.lifecycles))
    if wanted.languages:
        found.append(Condition("contactField", "language", "hasAnyOf", wanted.languages))
    if wanted.countries:
        found.append(Condition("contactField", "countryCode", "hasAnyOf", wanted.countries))
    found += [Condition("contactField", name, "isEqualTo", value) for name, value in wanted.fields.items()]
    return Filter(all_of=tuple(found))


def filter_body(wanted: Filter, search: str | None, timezone: str) -> dict[str, Json]:
    """The body of `POST /contact/list`. `search` looks in names, phones and e-mails; `timezone` (IANA) reads the timestamps."""
    joined: Mapping[str, Json] = (
        {"$and": [_condition(condition) for condition in wanted.all_of]}
        if wanted.all_of
        else {"$or": [_condition(condition) for condition in wanted.any_of]}
    )
    return {"search": search or "", "timezone": timezone, "filter": joined}


def _condition(condition: Condition) -> dict[str, Json]:
    value: Json
    if condition.operator in ("isBetween", "isTimestampBetween") and isinstance(condition.value, Sequence):
        value = dict(zip(("from", "to"), condition.value, strict=True))
    else:
        value = (
            condition.value if condition.value is None or isinstance(condition.value, str) else list(condition.value)
        )
    return {"category": condition.category, "field": condition.field, "operator": condition.operator, "value": value}
