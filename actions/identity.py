"""Which effect a call asks for: two calls with the same identity are one effect, however the model wrote their arguments.

    identity_of(refund, {"order_id": " ks-10345", "note": "please"}) == identity_of(refund, {"order_id": "KS-10345"})

An identity is the action's name and the arguments that tell one effect from another, written in one way: trimmed, without case and
compatibility forms, numbers and dates canonical, defaults filled in, unknown arguments dropped. Optional notes (free text that an
action also works without) are no part of it, since a model words them anew each time.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from actions.action import Action, Json
from settings.text import from_json

_CONSTRAINED = ("enum", "const", "pattern", "format")


@dataclass(frozen=True, slots=True)
class Identity:
    """An effect: the action's name and the canonical arguments that identify it."""

    action: str
    arguments: Mapping[str, Json]

    @property
    def key(self) -> tuple[str, str]:
        """The action and the fingerprint: what an effect is kept by."""
        return self.action, self.digest

    @property
    def digest(self) -> str:
        """A short fingerprint, the same in every process."""
        text = json.dumps([self.action, self.arguments], sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def identity_of(action: Action, arguments: Mapping[str, Json]) -> Identity:
    """Identify the effect that a call asks for.

    Args:
        action: what is called; `action.identity` names the parameters that count.
        arguments: as the model wrote them.
    """
    properties: Mapping[str, Any] = dict(action.parameters.get("properties") or {})  # type: ignore[arg-type]
    values: dict[str, Json] = {}
    for name in action.identity if properties else sorted(arguments):
        schema = properties.get(name) or {}
        value = canonical(arguments.get(name), schema)
        if value is None and "default" in schema:
            value = canonical(schema["default"], schema)
        if value is not None:
            values[name] = value
    return Identity(action.name, values)


def contract_of(action: Action) -> str:
    """Fingerprint what a call of an action, and a customer's yes to it, rest on: its arguments, and what it is said to do."""
    contract = [action.name, action.parameters, action.effect, list(action.hints)]
    text = json.dumps(contract, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def identifying(schema: Mapping[str, Json], notes: Mapping[str, bool] | None = None) -> tuple[str, ...]:
    """Name the parameters that tell one effect of an action from another.

    Args:
        schema: the JSON Schema of its arguments.
        notes: what agent.yaml says of single parameters: whether they are notes.

    Returns:
        All but the optional notes: text without enum, pattern or format that is not required. All of them where nothing would be left.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}  # type: ignore[assignment]
    required: Sequence[str] = schema.get("required") or ()  # type: ignore[assignment]
    said = notes or {}
    kept = tuple(name for name in properties if not said.get(name, name not in required and _is_text(properties[name])))
    return kept or tuple(properties)


def _is_text(schema: Any) -> bool:
    if not isinstance(schema, Mapping) or any(key in schema for key in _CONSTRAINED):
        return False
    kind = schema.get(
        "type", "string" if not schema.keys() & {"anyOf", "oneOf", "allOf", "properties", "items"} else None
    )
    return bool(kind == "string" or (isinstance(kind, list) and set(kind) <= {"string", "null"}))


def canonical(value: Json, schema: Mapping[str, Any]) -> Json:
    """Write a value in one way; None where it says nothing.

    Args:
        value: as the model wrote it.
        schema: its JSON Schema: with it `"3"` is the number 3 and `2026-12-07T09:00+07:00` a moment in UTC.
    """
    kind = schema.get("type")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        number = _number(str(value))
        return _text(str(value)) if kind == "string" else number
    if isinstance(value, str):
        return _of_text(value, schema)
    if isinstance(value, list):
        inner = _schema(schema.get("items"))
        listed = [item for one in value if (item := canonical(one, inner)) is not None]
        return sorted(listed, key=lambda item: json.dumps(item, sort_keys=True)) or None
    members = {name: _schema(member) for name, member in _schema(schema.get("properties")).items()}
    stated = {name: member["default"] for name, member in members.items() if "default" in member}
    named = {_text(key): canonical(item, members.get(key, {})) for key, item in {**stated, **value}.items()}
    return {key: item for key, item in sorted(named.items()) if item is not None} or None


def _of_text(value: str, schema: Mapping[str, Any]) -> Json:
    text = _text(value)
    if not text:
        return None
    kinds = _kinds(schema)
    if kinds & {"integer", "number"} and (number := _number(text)) is not None:
        return number
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    if kinds & {"array", "object"} and text[0] in "[{":
        try:
            return canonical(from_json(value), schema)
        except ValueError:
            return text
    return _moment(text, schema.get("format")) or text


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """What a value may be: one type, a list of them, or those of its choices."""
    kind = schema.get("type")
    if kind is None:
        choices = [*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())]
        return {one for choice in choices for one in _kinds(_schema(choice))}
    return {one for one in (kind if isinstance(kind, list) else [kind]) if isinstance(one, str)}


def _schema(value: Any) -> Mapping[str, Any]:
    """A schema as its keywords; `true`, which takes everything, has none."""
    return value if isinstance(value, Mapping) else {}


def _text(value: str) -> str:
    folded = unicodedata.normalize("NFKC", value).casefold()
    return " ".join("".join(sign for sign in folded if unicodedata.category(sign) != "Cf").split())


def _number(text: str) -> str | None:
    """A number as a text, for floats have no one way of writing: `3`, `3.0` and `3.00` are `3`."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return format(number.normalize(), "f") if number.is_finite() else None


def _moment(text: str, kind: Any) -> str | None:
    try:
        if kind == "date":
            return date.fromisoformat(text).isoformat()
        if kind == "time":
            return time.fromisoformat(text).isoformat()
        if kind == "date-time":
            moment = datetime.fromisoformat(text.upper())
            return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()
    except ValueError:
        return None
    return None
