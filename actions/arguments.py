"""The arguments of a call: JSON as a model sends it becomes values that have the right type and a known provenance.

`deeper_than` and `encodable` keep out JSON that no request can carry, `coerced` and `validator` hold a value against its
schema, and `Arguments` does all of it for the parameters of one action.
"""

import math
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from functools import cache, cached_property
from itertools import islice
from typing import Any, Final

from actions.action import Context, Json, Outcome
from actions.lookups import LookUps, remedy
from actions.parameters import Parameter, Schema, model_schema
from actions.provenance import bound_values, without_source
from actions.template import plain
from language.dates import day_named
from settings.matching import TooCostly, bounded, search
from settings.text import from_json


def deeper_than(value: Json, levels: int) -> bool:
    """Tell whether a value is nested deeper than `levels`, without recursion: deep input must not exhaust the stack."""
    here: list[Json] = [value]
    for _ in range(levels):
        here = [
            item
            for each in here
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not here:
            return False
    return True


def encodable(value: Json) -> Json:
    """Drop lone surrogates and replace NaN and infinities by null: Python reads them, but no request can carry them."""
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {str(encodable(key)): encodable(item) for key, item in value.items()}
    return value


DEEPEST = 20  # levels of arguments; no declaration needs more


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a call. `all` goes into the request; `visible` lacks what is secret and may be told."""

    all: Mapping[str, Json]
    visible: Mapping[str, Json]


class Arguments:
    """The parameters of one action, and the checks that arguments for them must pass.

    Args:
        parameters: as agent.yaml declares them.
        timezone: in which a date or hour of the conversation is meant.
        look_ups: the reading actions, one of which a refusal may name.
    """

    def __init__(
        self, parameters: Mapping[str, Parameter], timezone: tzinfo = UTC, look_ups: LookUps | None = None
    ) -> None:
        self._parameters = parameters
        self._timezone = timezone
        self._look_ups = look_ups or LookUps()
        self.schema = model_schema(parameters)

    @cached_property
    def _validators(self) -> dict[str, Any]:
        return {name: validator(parameter.json_schema()) for name, parameter in self._parameters.items()}

    def take(self, arguments: Mapping[str, Json], context: Context) -> Values | Outcome:
        """Check the arguments of a call and add what the runtime binds.

        Returns:
            The values, or the outcome that says why nothing may be called: `refused` where the customer has to be asked,
            `failed` where the contact lacks a fact that only a colleague can add.
        """
        if deeper_than(dict(arguments), DEEPEST):
            return Outcome("refused", "Nothing was called: the arguments are nested too deeply.")
        arguments = {str(encodable(name)): encodable(value) for name, value in arguments.items()}
        bound, missing = bound_values(self._parameters, context)
        bound = {name: coerced(value, self._parameters[name]) for name, value in bound.items()}
        given: dict[str, Json] = {}
        remedies: list[str] = []
        problems = [
            f"there is no parameter {name}"
            for name in arguments
            if name not in self._parameters or self._parameters[name].bound
        ]
        for name, parameter in self._parameters.items():
            if parameter.bound:
                if parameter.source[0].kind == "contact" and name in bound and self._invalid(name, bound[name]):
                    missing.append(name)
                continue
            value = coerced(arguments.get(name), parameter)
            if value is not None or (name in arguments and parameter.needed and _takes_null(parameter)):
                given[name] = value
                if invalid := self._invalid(name, value):
                    problems += invalid
                    remedies += self._respelled(name, value, context)
            elif parameter.default is not None:
                given[name] = parameter.default
            elif parameter.needed:
                problems.append(f"{name} is missing ({parameter.description or 'required'})")
                remedies.append(remedy(name, parameter.description, parameter.source, self._look_ups))
        if problems:
            advice = " ".join(dict.fromkeys(remedies)) or "Ask the customer for what is missing or wrong; do not guess."
            return Outcome("refused", f"Nothing was called: {'; '.join(problems)}. {advice}")
        if refusal := self._provenance(given, arguments, context):
            return refusal
        if missing:
            facts = " and no ".join(map(self._fact, missing))
            return Outcome(
                "failed", f"Nothing was called: the contact has no valid {facts} on record. A colleague has to add it."
            )
        secret = {name for name, parameter in self._parameters.items() if parameter.source[0].kind == "secret"}
        values = {**given, **bound}
        return Values(values, {name: value for name, value in values.items() if name not in secret})

    def _fact(self, name: str) -> str:
        return " or ".join(source.name.removeprefix("custom.") for source in self._parameters[name].source) or name

    def _respelled(self, name: str, value: Json, context: Context) -> list[str]:
        """Tell the model how a day is written that the parameter takes as ISO 8601 only, so that the customer is not asked again."""
        if (
            not isinstance(value, str)
            or (day := day_named(value, context.now.astimezone(self._timezone).date())) is None
        ):
            return []
        spelled = day.isoformat()
        if self._invalid(name, spelled):
            return []
        return [
            f"If {value[:60]!r} is {day:%A}, {spelled}, call it again with {name} {spelled!r}; else ask the customer."
        ]

    def _invalid(self, name: str, value: Json) -> list[str]:
        try:
            found = errors_in(value, self._validators[name])[:1]
        except TooCostly as error:
            found = [("", str(error))]
        return [f"{name}.{where}".rstrip(".") + f" is not valid: {what}" for where, what in found]

    def _provenance(self, given: Mapping[str, Json], arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        for name, value in given.items():
            if name not in arguments:
                continue  # a default is the operator's word
            parameter = self._parameters[name]
            lacking = without_source(value, parameter, parameter.source, context, self._timezone)
            if lacking is None:
                continue
            where = f"{name}{lacking.path}"
            if any(source.kind == "conversation" for source in lacking.sources):
                reason = f"the customer never mentioned {lacking.value!r}"
            else:
                earlier = " or ".join(source.name for source in lacking.sources)
                reason = f"{lacking.value!r} is in no result of {earlier}"
            described = (lacking.schema.description if lacking.schema else None) or parameter.description
            advice = remedy(where, described, lacking.sources, self._look_ups)
            return Outcome("refused", f"Nothing was called: {reason}, so it cannot be {where}. {advice}")
        return None


def coerced(value: Json, schema: Schema) -> Json:
    """Convert a value to the type of its schema where nothing is lost: `"3"` for an integer, `10345` for a text."""
    kind = schema.type
    if (choices := _choices(schema)) and "type" not in schema.model_fields_set:
        if any(_is_a(value, one.type) for one in choices):
            return value.strip() if isinstance(value, str) else value
        changed = ((coerced(value, one), one.type) for one in choices)
        return next((found for found, wanted in changed if _is_a(found, wanted)), value)
    if isinstance(value, str):
        text = value.strip()
        if kind == "integer" and re.fullmatch(r"-?\d{1,15}", text):
            return int(text)
        if kind == "number" and re.fullmatch(r"-?\d{1,15}(\.\d{1,10})?", text):
            return float(text)
        if kind == "boolean" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("array", "object") and text[:1] in ("[", "{"):
            try:
                return coerced(from_json(text), schema)
            except ValueError:
                return value
        return text
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return plain(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list) and schema.items is not None:
        return [coerced(item, schema.items) for item in value]
    if isinstance(value, dict) and schema.properties is not None:
        return {
            key: coerced(item, schema.properties[key]) if key in schema.properties else item
            for key, item in value.items()
        }
    return value


_JSON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def _is_a(value: Json, kind: Any) -> bool:
    """Whether a value has a type of JSON, or one of a list of them."""
    return any(
        isinstance(value, _JSON_TYPES[one]) and (one == "boolean" or not isinstance(value, bool))
        for one in (kind if isinstance(kind, list) else [kind])
    )


def _choices(schema: Schema) -> list[Schema]:
    return [*(schema.any_of or ()), *(schema.one_of or ())]


def _takes_null(schema: Schema) -> bool:
    return _is_a(None, schema.type) or any(_takes_null(one) for one in _choices(schema))


MOST_CHECKS = 20_000
"""Keywords of a schema that are held against a value: references that multiply would take for ever, over a value of three levels too."""

_CHECKS: ContextVar[Iterator[int]] = ContextVar("checks")


def errors_in(value: Json, held_against: Any) -> list[tuple[str, str]]:
    """Say what is wrong with a value, five things at most: where, as `a.0.b`, and what.

    Args:
        value: as a model wrote it.
        held_against: a `validator`.

    Raises:
        TooCostly: the schema, or a pattern in it, is too costly for this value.
        Exception: the schema refers to itself without end, or to what is not there.
    """
    token = _CHECKS.set(iter(range(MOST_CHECKS)))
    try:
        with bounded():
            found = islice(held_against.iter_errors(value), 5)
            return [(".".join(map(str, error.absolute_path)), error.message[:300]) for error in found]
    finally:
        _CHECKS.reset(token)


def _counted(check: Any) -> Any:
    def counted(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        if next(_CHECKS.get(), None) is None:
            raise TooCostly(f"more than {MOST_CHECKS} checks")
        yield from check(validator, wanted, value, schema) or ()

    return counted


def _pattern(validator: Any, wanted: str, value: Any, _: Any) -> Any:
    from jsonschema import ValidationError

    if isinstance(value, str) and not search(wanted, value):
        yield ValidationError(f"{value!r} does not match {wanted!r}")


def _pattern_properties(validator: Any, wanted: Mapping[str, Any], value: Any, _: Any) -> Any:
    for pattern, schema in wanted.items() if isinstance(value, dict) else ():
        for name, item in value.items():
            if search(pattern, name):
                yield from validator.descend(item, schema, path=name, schema_path=pattern)


def _of_one_dialect(schema: Any) -> Any:
    """A schema without `$schema`, upon which its reader would become another one, which does not count."""
    if isinstance(schema, Mapping):
        return {
            name: _of_one_dialect(part)
            for name, part in schema.items()
            if name != "$schema" or not isinstance(part, str)
        }
    return [_of_one_dialect(part) for part in schema] if isinstance(schema, list) else schema


@cache
def _validators() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    checks = {**Draft202012Validator.VALIDATORS, "pattern": _pattern, "patternProperties": _pattern_properties}
    counted = {name: _counted(check) for name, check in checks.items()}
    return extend(Draft202012Validator, counted)  # type: ignore[no-untyped-call]


def validator(schema: Mapping[str, Json]) -> Any:
    """Make a validator for `errors_in`, of JSON Schema 2020-12 and the formats date, time, date-time, email, uuid, ip and regex."""
    from jsonschema import FormatChecker
    from referencing import Registry

    checker = FormatChecker(formats=("date", "email", "ipv4", "ipv6", "uuid", "regex"))
    for name, kind in (("date-time", datetime), ("time", time), ("date", date)):
        checker.checks(name, raises=ValueError)(_readable_by(kind))
    # an empty registry: without one, a reference to elsewhere would be fetched, past the guard
    return _validators()(_of_one_dialect(schema), format_checker=checker, registry=Registry())


def _readable_by(kind: type[date] | type[time]) -> Any:
    def check(value: object) -> bool:
        return not isinstance(value, str) or bool(kind.fromisoformat(value) or True)

    return check
