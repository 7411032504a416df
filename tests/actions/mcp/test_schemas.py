"""Schemas that a stranger wrote: none is fetched, none is endless, none takes for ever."""

from typing import Any

import pytest
from jsonschema.exceptions import _WrappedReferencingError

from actions.arguments import validator
from actions.mcp.schemas import is_quick, refusal


def _deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "http://169.254.169.254/latest"}, "refers to"),
        ({"properties": {"a": {"$dynamicRef": "https://evil.example/x"}}}, "refers to"),
        ({"properties": {"a": {"items": [{"$ref": "file:///etc/passwd"}]}}}, "refers to"),
        ({"allOf": [{"$ref": "other.json#/a"}]}, "refers to"),
        (_deep(3_000), "deeper"),
        (_deep(11), "deeper"),
        ({"enum": ["x" * 100_000]}, "larger"),
        ({"properties": {"a": {"pattern": "(a+)+$"}}}, "for ever"),
        ({"patternProperties": {"^(\\w|\\d)*$": {}, "(x*)*": {}}}, "for ever"),
        ({"properties": {"a": {"pattern": "(a|a{1,60}){1,60}b"}}}, "for ever"),
        ([], "no object"),
    ],
)
def test_what_could_fetch_or_freeze_is_refused(schema: Any, reason: str) -> None:
    assert reason in (refusal(schema) or "")


def test_usual_schemas_are_accepted() -> None:
    assert refusal({"$defs": {"b": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/b"}}}) is None
    assert refusal({"properties": {"id": {"type": "string", "pattern": r"^KS-\d{5}$"}}}) is None
    assert refusal(_deep(5)) is None


@pytest.mark.parametrize("pattern", ["^[A-Z]{2}-[0-9]{5}$", "^\\S+$", "^(ja|tidak)$", "^(?:[a-z]{1,8})$"])
def test_usual_patterns_are_quick(pattern: str) -> None:
    assert is_quick(pattern)


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/a.json", "file:///etc/hostname", "urn:x"])
def test_nothing_is_fetched_for_a_schema(target: str) -> None:
    with pytest.raises(_WrappedReferencingError):
        list(validator({"$ref": target}).iter_errors({}))
