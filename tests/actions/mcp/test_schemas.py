"""Schemas that a stranger wrote: none is fetched, none is endless, none takes for ever."""

from typing import Any

import pytest
from jsonschema.exceptions import _WrappedReferencingError

from actions.arguments import errors_in, validator
from actions.mcp.schemas import is_quick, refusal
from settings.matching import TooCostly


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
        ({"properties": {"a": {"pattern": "a{1,999}a{1,999}a{1,999}b"}}}, "for ever"),
        ({"properties": {"a": {"pattern": "(?:(?:a?){9}){9}b"}}}, "for ever"),
        ({"properties": {"a": {"pattern": r"(\w{1,9})\1"}}}, "for ever"),
        ([], "no object"),
    ],
)
def test_what_could_fetch_or_freeze_is_refused(schema: Any, reason: str) -> None:
    assert reason in (refusal(schema) or "")


def test_usual_schemas_are_accepted() -> None:
    assert refusal({"$defs": {"b": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/b"}}}) is None
    assert refusal({"properties": {"id": {"type": "string", "pattern": r"^KS-\d{5}$"}}}) is None
    assert refusal(_deep(5)) is None


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "^[A-Z]{2}-[0-9]{5}$",
            "^\\S+$",
            "^(ja|tidak)$",
            "^(?:[a-z]{1,8})$",
            r"^\+?[1-9]\d{6,14}$",
            "^https?://\\S+$",
        ),
        *("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", r"^[\w.+-]{1,64}@[\w.-]{1,200}$", r"^\d{4}-\d\d(-\d\d)?$"),
    ],
)
def test_usual_patterns_are_quick(pattern: str) -> None:
    assert is_quick(pattern)


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/a.json", "file:///etc/hostname", "urn:x"])
def test_nothing_is_fetched_for_a_schema(target: str) -> None:
    with pytest.raises(_WrappedReferencingError):
        errors_in({}, validator({"$ref": target}))


TWICE = {"properties": {"x": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}
CHAIN = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(60)} | {"a60": {"type": "object"}}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "schema",
    [
        TWICE,
        {"$schema": DIALECT, **TWICE},
        {"$defs": CHAIN, "$ref": "#/$defs/a0"},
        {"$defs": {name: {"$schema": DIALECT, **part} for name, part in CHAIN.items()}, "$ref": "#/$defs/a0"},
        {"properties": {"x": {"anyOf": [{"$ref": "#"}] * 20, "not": {"$ref": "#"}}}},
        {"$dynamicAnchor": "n", "properties": {"x": {"oneOf": [{"$dynamicRef": "#n"}] * 9}}},
        {"properties": {"list": {"items": {"anyOf": [{"const": n} for n in range(2_000)]}}}},
    ],
)
def test_references_that_multiply_over_a_value_are_given_up(schema: dict[str, Any]) -> None:
    assert refusal(schema) is None, "no look at the schema alone tells"
    deep: dict[str, Any] = {"list": list(range(3_000))}
    for _ in range(19):
        deep = {"x": deep, "list": list(range(3_000))}
    with pytest.raises(TooCostly):
        errors_in(deep, validator(schema))


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"$dynamicAnchor": "n", "$dynamicRef": "#n"}]
)
def test_a_schema_that_is_nothing_but_itself_is_an_error_and_no_loop(schema: dict[str, Any]) -> None:
    with pytest.raises((RecursionError, TooCostly)):
        errors_in({}, validator(schema))


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a|aa)+[^a!]", r"(?:\w+?\W*?)+?\d"])
def test_a_pattern_that_takes_too_long_over_a_value_is_given_up(pattern: str) -> None:
    for schema in ({"pattern": pattern}, {"patternProperties": {pattern: {"type": "string"}}}):
        with pytest.raises(TooCostly):
            errors_in("a" * 400 + "!" if "pattern" in schema else {"a" * 400 + "!": 1}, validator(schema))


def test_patterns_mean_what_they_do_in_json_schema() -> None:
    schema = {"properties": {"id": {"pattern": "^KS-"}}, "patternProperties": {"^n_": {"type": "integer"}}}
    assert errors_in({"id": "KS-1", "n_a": 1, "x": "y"}, validator(schema)) == []
    assert errors_in({"id": "ks-1"}, validator(schema)) == [("id", "'ks-1' does not match '^KS-'")]
    assert errors_in({"n_a": "1"}, validator(schema)) == [("n_a", "'1' is not of type 'integer'")]
