"""`update_contact` and `create_contact`: what customers tell about themselves, and of others, into the fields of platform contacts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from typing import TypeAlias

from actions.action import Context, CreateContact, Json, Outcome, UpdateContact
from actions.builtin.actions import BuiltinAction
from actions.builtin.settings import CreateContactAction, UpdateContactAction
from actions.errors import FieldRefused, FieldUnknown
from actions.redaction import secret_in
from settings.phone import to_assigned_e164

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
        return await _formatted(self._outcome(arguments, context), self._in_format)


class CreateContactBuiltin(BuiltinAction):
    """Writes down somebody else. Their number or e-mail, their name and every field must be the customer's own words."""

    def __init__(self, settings: CreateContactAction, in_format: InFormat | None, timezone: tzinfo) -> None:
        text = (
            "Write down somebody else whom the customer names, by phone number or e-mail, so that colleagues can get in touch. "
            "Nothing is sent to them. Not for the customer themselves."
        )
        work = partial(_create, country=settings.country)
        super().__init__(settings, "create_contact", text, _schema_of_another(settings), work, True, timezone)
        self._in_format = in_format

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        outcome = await self.run(arguments, context)
        return outcome if outcome.status != "done" else None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        return await _formatted(self._outcome(arguments, context), self._in_format)


async def _formatted(outcome: Outcome, in_format: InFormat | None) -> Outcome:
    """The outcome with the fields of its request in the platform's formats, or why they do not fit."""
    if outcome.status != "done" or in_format is None:
        return outcome
    (request,) = outcome.requests
    assert isinstance(request, UpdateContact | CreateContact)  # noqa: S101 - all that these two ask for
    try:
        fields = await in_format(request.fields)
    except FieldRefused as error:
        return Outcome(
            "refused", f"Nothing was saved: {error}. Put it so yourself if it is clear, else ask the customer."
        )
    except FieldUnknown as error:
        return Outcome("failed", f"Nothing was saved: {error}. A colleague has to put that right; do not try again.")
    return replace(outcome, requests=(replace(request, fields=fields),))


def _create(arguments: Mapping[str, Json], context: Context, *, country: str) -> Outcome:
    phone, email = str(arguments.get("phone") or ""), str(arguments.get("email") or "")
    if not phone and not email:
        return Outcome("refused", "Nothing was saved: a phone number or an e-mail address is needed. Ask the customer.")
    fields = {**_changes(arguments), "first_name": str(arguments["first_name"])}
    if email:
        fields["email"] = email
    if phone:
        try:
            phone = fields["phone"] = to_assigned_e164(phone, country)
        except ValueError as error:
            return Outcome("refused", f"Nothing was saved: {error}. Ask the customer.")
    if (kind := next(filter(None, (secret_in(str(value)) for value in fields.values())), None)) is not None:
        return Outcome("refused", f"Nothing was saved: {kind} is never kept. Do not repeat it to the customer.")
    if context.contact.get("phone") == phone or (email and context.contact.get("email") == email):
        return Outcome("refused", "Nothing was saved: that is the customer themselves, who is a contact already.")
    request = CreateContact("phone" if phone else "email", phone or email, fields)
    return Outcome("done", f"{fields['first_name']} will be saved as a contact.", {"saved": list(fields)}, (request,))


def _save(arguments: Mapping[str, Json], _context: Context) -> Outcome:
    fields = _changes(arguments)
    if (kind := next(filter(None, (secret_in(str(value)) for value in fields.values())), None)) is not None:
        return Outcome("refused", f"Nothing was saved: {kind} is never kept. Do not repeat it to the customer.")
    return Outcome("done", f"Will be saved: {', '.join(fields)}.", {"saved": list(fields)}, (UpdateContact(fields),))


def _changes(arguments: Mapping[str, Json]) -> dict[str, Scalar]:
    """Fields and values; the schema admits only scalars."""
    changes = arguments.get("changes")
    return {
        str(change["field"]): value
        for change in (changes if isinstance(changes, list) else [])
        if isinstance(change, dict) and not isinstance(value := change["value"], dict | list)
    }


def _schema(settings: UpdateContactAction) -> Mapping[str, object]:
    return {"changes": _changes_schema(settings.fields)}


def _schema_of_another(settings: CreateContactAction) -> Mapping[str, object]:
    said = {"type": "string", "from": "conversation", "maxLength": 200}
    schema: dict[str, object] = {
        "first_name": {**said, "description": "what the person is called"},
        "phone": {**said, "optional": True, "description": "the person's phone number, as the customer wrote it"},
        "email": {**said, "optional": True, "description": "the person's e-mail address"},
    }
    if settings.fields:
        schema["changes"] = {**_changes_schema(settings.fields), "optional": True}
    return schema


def _changes_schema(fields: Sequence[str]) -> Mapping[str, object]:
    return {
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
                "field": {"type": "string", "enum": list(fields)},
                "value": {"type": ["string", "number", "boolean"], "maxLength": 500},
            },
        },
    }
