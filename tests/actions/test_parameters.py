"""What the model is told of where each argument may come from, however deep it stands."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from actions.parameters import Parameters, model_schema

ORDER, SAID = "[from the result of get_order]", "[from what the customer wrote]"
EITHER = "[from what the customer wrote or the result of get_order]"


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"from": "conversation", "description": "kode."}, {"description": f"kode. {SAID}"}),
        ({"from": ["conversation", "get_order"]}, {"description": EITHER}),
        ({"from": "model"}, {}),
        ({"items": {"from": "get_order"}}, {"items": {"description": ORDER}}),
        (
            {"from": "conversation", "properties": {"id": {"from": "get_order"}, "why": {}}},
            {"description": SAID, "properties": {"id": {"description": ORDER}, "why": {}}},
        ),
        ({"properties": {"a": {"properties": {"id": {"from": ["conversation", "get_order"]}}}}},
         {"properties": {"a": {"properties": {"id": {"description": EITHER}}}}}),
        ({"anyOf": [{"from": "get_order"}, {"type": "integer"}]}, {"anyOf": [{"description": ORDER}, {}]}),
        ({"additionalProperties": {"from": "conversation"}}, {"additionalProperties": {"description": SAID}}),
    ],
)  # fmt: skip
def test_the_source_of_each_member_stands_in_its_own_description(
    declared: dict[str, Any], told: dict[str, Any]
) -> None:
    schema = model_schema(TypeAdapter(Parameters).validate_python({"value": declared}))
    assert _descriptions(schema["properties"]["value"]) == told  # type: ignore[index,call-overload]


@pytest.mark.parametrize("bound", ["contact.phone", "contact.custom.member_no"])
def test_what_is_bound_is_not_told_at_all(bound: str) -> None:
    assert model_schema(TypeAdapter(Parameters).validate_python({"value": {"from": bound}}))["properties"] == {}


def _descriptions(schema: Any) -> Any:
    """The schema without anything but its descriptions."""
    if isinstance(schema, list):
        return [_descriptions(each) for each in schema]
    named = {
        key: {name: _descriptions(each) for name, each in schema[key].items()}
        for key in ("properties",)
        if key in schema
    }
    inner = {key: _descriptions(schema[key]) for key in ("items", "additionalProperties", "anyOf") if key in schema}
    return {**{key: schema[key] for key in ("description",) if key in schema}, **named, **inner}
