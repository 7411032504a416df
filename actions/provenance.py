"""Where the values of a call come from: bound by the runtime, said by the customer, or found by an earlier action.

An order number that the model made up looks like any other; only its absence from the conversation tells them apart.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from actions.action import Context, Json
from actions.parameters import Parameter, Schema, Source
from language.dates import days_in, moments_in
from language.numbers import numbers
from language.values import as_phone, contains, phones, squash


def bound_values(parameters: Mapping[str, Parameter], context: Context) -> tuple[dict[str, Json], list[str]]:
    """Look up the values that the runtime sets.

    Returns:
        The values by name, and the names of needed parameters for which the contact holds nothing.
    """
    values: dict[str, Json] = {}
    missing: list[str] = []
    for name, parameter in parameters.items():
        if not parameter.bound:
            continue
        value = next(
            (found for source in parameter.source if (found := _bound(source, parameter, context)) is not None), None
        )
        if value is not None:
            values[name] = value
        elif parameter.needed:
            missing.append(name)
        elif "default" in parameter.model_fields_set:
            values[name] = parameter.default
    return values, missing


def _bound(source: Source, parameter: Parameter, context: Context) -> Any:
    if source.kind == "contact":
        fact, _, custom = source.name.partition(".")
        value = (context.contact.get("custom") or {}).get(custom) if custom else context.contact.get(fact)
        return value if value != "" else None
    value = parameter.value
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def unsupported(
    value: Json, schema: Schema, sources: Sequence[Source], context: Context, timezone: tzinfo = UTC
) -> str | int | float | None:
    """Find the first part of `value` that none of the sources produced; None when all of it has its provenance.

    Enumerations, constants and booleans need none: the model can only choose among what agent.yaml lists.
    """
    if any(source.kind == "model" for source in sources):
        return None
    for leaf, leaf_schema in _leaves(value, schema):
        if not any(_supports(source, leaf, leaf_schema, context, timezone) for source in sources):
            return leaf
    return None


def _leaves(value: Json, schema: Schema | None) -> Iterator[tuple[str | int | float, Schema | None]]:
    if schema is not None and (schema.enum is not None or "const" in schema.model_fields_set):
        return
    if isinstance(value, bool) or value is None or value == "":
        return
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item, schema.items if schema else None)
    elif isinstance(value, dict):
        properties = (schema.properties if schema else None) or {}
        for key, item in value.items():
            yield from _leaves(item, properties.get(key))
            if key not in properties:
                yield key, None  # a name that agent.yaml does not list is the model's own word
    else:
        yield value, schema


def _supports(
    source: Source, leaf: str | int | float, schema: Schema | None, context: Context, timezone: tzinfo
) -> bool:
    if source.kind == "conversation":
        return said(leaf, context, schema, timezone)
    if source.kind == "action":
        return any(found(leaf, result) for result in context.results.get(source.name, ()))
    return False


def said(leaf: str | int | float, context: Context, schema: Schema | None = None, timezone: tzinfo = UTC) -> bool:
    """Tell whether the customer wrote or said a value, in one message or across neighbouring ones."""
    if isinstance(leaf, int | float):
        return any(Decimal(str(leaf)) in numbers(text) for text in context.said)
    joined = "\n".join(context.said)
    rest = _without_prefix(leaf, schema.pattern) if schema is not None and schema.pattern else None
    if contains(joined, leaf) or (rest is not None and contains(joined, rest)):
        return True
    kind = schema.format if schema is not None and schema.format else _shape(leaf)
    if kind in ("date", "date-time", "time"):
        return _names_the_time(leaf, kind, context, timezone)
    if (number := as_phone(leaf, _region(context))) is not None and number in phones(joined, _region(context)):
        return True
    if re.fullmatch(r"\d+([.,]\d+)?", leaf):
        return any(Decimal(leaf.replace(",", ".")) in numbers(text) for text in context.said)
    return False


def _shape(leaf: str) -> str | None:
    """A day or an hour in the spelling of ISO 8601: a custom field of that type takes no other, and customers write none."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", leaf):
        return "date"
    return "time" if re.fullmatch(r"\d{2}:\d{2}", leaf) else None


def _names_the_time(leaf: str, kind: str, context: Context, timezone: tzinfo) -> bool:
    """Whether a phrase such as "besok jam 9" means the time that the model wrote as ISO 8601."""
    try:
        if kind == "date":
            day = date.fromisoformat(leaf)
            return any(day in days_in(text, context.now, timezone) for text in context.said)
        moments = {moment for text in context.said for moment in moments_in(text, context.now, timezone)}
        if kind == "time":
            at = time.fromisoformat(leaf).replace(tzinfo=None)
            return any(moment.astimezone(timezone).time() == at for moment in moments)
        wanted = datetime.fromisoformat(leaf)
    except ValueError:
        return False
    return (wanted if wanted.tzinfo else wanted.replace(tzinfo=timezone)) in moments


def _region(context: Context) -> str:
    """The country whose numbers are written without its code."""
    country = context.contact.get("country")
    return str(country).upper() if country else {"ms": "MY"}.get(context.language, "ID")


def _without_prefix(value: str, pattern: str) -> str | None:
    """`KS-10345` without the letters that its pattern fixes (`^KS-[0-9]{5}$`): customers leave them out."""
    match = re.match(r"\^((?:[A-Za-z0-9 /_:#-]|\\[-./])+)(?=[\[\\(])", pattern)
    if not match:
        return None
    prefix = match[1].replace("\\", "")
    rest = value[len(prefix) :]
    return rest if value.startswith(prefix) and len(squash(rest)) >= 3 else None


def found(leaf: str | int | float, result: Json) -> bool:
    """Tell whether a value stands in the result of an action, as a value or as words within a text."""
    if isinstance(result, dict):
        return any(found(leaf, item) for item in result.values())
    if isinstance(result, list):
        return any(found(leaf, item) for item in result)
    if isinstance(result, bool) or result is None:
        return False
    if isinstance(result, int | float):
        return str(leaf) == str(result) or (isinstance(leaf, int | float) and leaf == result)
    return contains(result, str(leaf))
