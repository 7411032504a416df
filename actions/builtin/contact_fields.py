"""`update_contact`: what the customer told about themselves, into the fields of the platform's contact."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import tzinfo
from typing import TypeAlias

from actions.action import Context, Json, Outcome, UpdateContact
from actions.builtin.actions import BuiltinAction
from actions.builtin.settings import UpdateContactAction
from actions.errors import FieldRefused, FieldUnknown
from actions.redaction import secret_in

Scalar: TypeAlias = str | int | float | bool | None

InFormat: TypeAlias = Callable[[Mapping[str, Scalar]], Awaitable[Mapping[str, Scalar]]]
"""Puts values into the formats of their fields. Raises `FieldRefused` and `FieldUnknown`."""


class UpdateContactBuiltin(BuiltinAction):
    """Asks for the formats of the fields before it promises anything; without `in_format` values go out as they are."""

    def __init__(self, settings: UpdateContactAction, in_format: InFormat | None, timezone: tzinfo) -> None:
        text = f"Save what the customer told about themselves: {', '.join(settings.fields)}."
        super().__init__(settings, "update_contact", text, _schema(settings), _save, effect=True, timezone=timezone)
        self._in_format = in_format

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        outcome = await self.run(arguments, context)
        return outcome if outcome.status != "done" else None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        outcome = self._outcome(arguments, context)
        if outcome.status != "done" or self._in_format is None:
            return outcome
        try:
            fields = await self._in_format(_changes(arguments))
        except FieldRefused as error:
            return Outcome(
                "refused", f"Nothing was saved: {error}. Put it so yourself if it is clear, else ask the customer."
            )
        except FieldUnknown as error:
            return Outcome(
                "failed", f"Nothing was saved: {error}. A colleague has to put that right; do not try again."
            )
        return Outcome("done", outcome.content, outcome.data, (UpdateContact(fields),))


def _save(arguments: Mapping[str, Json], _context: Context) -> Outcome:
    fields = _changes(arguments)
    if (kind := next(filter(None, (secret_in(str(value)) for value in fields.values())), None)) is not None:
        return Outcome("refused", f"Nothing was saved: {kind} is never kept. Do not repeat it to the customer.")
    return Outcome("done", f"Will be saved: {', '.join(fields)}.", {"saved": list(fields)}, (UpdateContact(fields),))


def _changes(arguments: Mapping[str, Json]) -> dict[str, Scalar]:
    """Fields and values; the schema admits only scalars."""
    changes = arguments["changes"]
    return {
        str(change["field"]): value
        for change in (changes if isinstance(changes, list) else [])
        if isinstance(change, dict) and not isinstance(value := change["value"], dict | list)
    }


def _schema(settings: UpdateContactAction) -> Mapping[str, object]:
    return {
        "changes": {
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "from": "conversation",
            "description": "the fields and their new values, as the customer said them",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["field", "value"],
                "properties": {
                    "field": {"type": "string", "enum": list(settings.fields)},
                    "value": {"type": ["string", "number", "boolean"], "maxLength": 500},
                },
            },
        }
    }
