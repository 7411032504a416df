"""Every error of `actions:` and `network:` is told at its own key."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from actions.settings import ActionList, DeclaredAction, NetworkSettings

LIST: TypeAdapter[Any] = TypeAdapter(ActionList)


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "name": "get_order",
        "description": "Status.",
        "parameters": {"id": {"from": "conversation"}},
        "request": {"url": "https://api.example/orders/{id}"},
        **changes,
    }


def errors(*entries: dict[str, Any]) -> dict[str, str]:
    """Messages by place; tags of the union left out."""
    try:
        LIST.validate_python(list(entries))
    except ValidationError as error:
        return {
            ".".join(str(part) for part in each["loc"] if not str(part).startswith("(")): each["msg"]
            for each in error.errors()
        }
    return {}


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"name": "get order"}, "0.name", "match pattern"),
        ({"nam": 1}, "0.nam", "not permitted"),
        ({"description": ""}, "0.description", "at least 1"),
        ({"request": {"url": "api.example/{id}"}}, "0.request.url", "not a web address"),
        ({"request": {"url": "ftp://api.example/{id}"}}, "0.request.url", "not a web address"),
        ({"request": {"url": "https://{id}/x"}}, "0.request.url", "host must be written out"),
        ({"request": {"url": "https://u:p@api.example/{id}"}}, "0.request.url", "use auth"),
        ({"request": {"url": "https://0x7f.1/{id}"}}, "0.request.url", "disguise"),
        ({"request": {"url": "https://api.example:0/{id}"}}, "0.request.url", "port"),
        ({"request": {"url": "https://api.example/{idd}"}}, "0.request.url", "did you mean id?"),
        ({"request": {"url": "https://api.example/{id}/{id-x}"}}, "0.request.url", "not the name of a parameter"),
        ({"request": {"url": "https://api.example/{id}", "query": {"q": "{no}"}}}, "0.request.query.q", "{no}"),
        (
            {"request": {"url": "https://api.example/{id}", "method": "POST", "json": {"a": ["{no}"]}}},
            "0.request.json",
            "{no}",
        ),
        ({"request": {"url": "https://api.example/{id}", "json": {}}}, "0.request.json", "has no body"),
        (
            {"request": {"url": "https://api.example/{id}", "method": "POST", "json": {"a": 1}, "form": {"a": 1}}},
            "0.request.form",
            "one body",
        ),
        (
            {"request": {"url": "https://api.example/{id}", "headers": {"Host": "x"}}},
            "0.request.headers.Host.[key]",
            "client itself",
        ),
        (
            {"request": {"url": "https://api.example/{id}", "headers": {"A b": "x"}}},
            "0.request.headers.A b.[key]",
            "pattern",
        ),
        ({"request": {"url": "https://api.example/{id}", "timeout": "9"}}, "0.request.timeout", "not a duration"),
        ({"request": {"url": "https://api.example/{id}", "timeout": "1h"}}, "0.request.timeout", "at most 5m"),
        ({"request": {"url": "https://api.example/{id}", "retries": 99}}, "0.request.retries", "less than or equal"),
        ({"request": {"url": "https://api.example/{id}", "auth": {}}}, "0.request.auth", "exactly one"),
        (
            {"request": {"url": "https://api.example/{id}", "auth": {"hmac": {"secret": "k", "signed": "{x}"}}}},
            "0.request.auth.hmac.signed",
            "cannot be signed",
        ),
        (
            {"request": {"url": "https://api.example/{id}", "auth": {"api_key": {"name": "a b", "value": "k"}}}},
            "0.request.auth.api_key.name",
            "not a name",
        ),
        ({"response": {"pick": {"a": "$.["}}}, "0.response.pick.a", "not a JSONPath"),
        ({"response": {"errors": {"oops": "x"}}}, "0.response.errors.oops.[key]", "pattern"),
        ({"response": {"errors": {404: "{no}"}}}, "0.response.errors.404", "{no}"),
        ({"response": {"limit": "much"}}, "0.response.limit", "byte"),
        ({"effect": True, "response": {"cache": "1m"}}, "0.response", "cache"),
        ({"claims": ["(["]}, "0.claims.0", "regular expression"),
        ({"confirm": "Batalkan {order}?"}, "0.confirm.text", "{order}"),
        ({"confirm": {"text": "x", "expires": "soon"}}, "0.confirm.expires", "not a duration"),
        ({"parameters": {"id": {}, "x": {}}}, "0.parameters.x", "never used"),
        ({"parameters": {"id": {"type": "text"}}}, "0.parameters.id.type", "not a type"),
        ({"parameters": {"id": {"pattern": "["}}}, "0.parameters.id.pattern", "regular expression"),
        ({"parameters": {"id": {"enum": [1]}}}, "0.parameters.id.enum", "quotes"),
        ({"parameters": {"id": {"minLength": -1}}}, "0.parameters.id.minLength", "greater than or equal"),
        ({"parameters": {"id": {"optional": True}}}, "0.request.url", "hole"),
        ({"parameters": {"id": {"from": "contact.fone"}}}, "0.parameters.id.from", "did you mean phone?"),
        ({"parameters": {"id": {"from": "get_ordr"}}}, "0.parameters.id.from", "did you mean get_order?"),
        ({"parameters": {"id": {"from": ["contact.phone", "conversation"]}}}, "0.parameters.id.from", "not both"),
        ({"parameters": {"id": {"from": ["secret", "const"]}}}, "0.parameters.id.from", "one source of several"),
        ({"parameters": {"id": {"from": []}}}, "0.parameters.id.from", "write one source"),
        ({"parameters": {"id": {"from": "secret"}}}, "0.parameters.id.value", "needs its value"),
        ({"parameters": {"id": {"value": "x"}}}, "0.parameters.id.value", "only for secret and const"),
        (
            {"parameters": {"id": {"type": "object", "properties": {"a": {}}, "required": ["b"]}}},
            "0.parameters.id.required",
            "not one of the properties",
        ),
    ],
)
def test_an_error_is_told_at_its_key(changes: dict[str, Any], place: str, message: str) -> None:
    found = errors(entry(**changes))
    assert place in found, found
    assert message in found[place]


@pytest.mark.parametrize(
    ("item", "place", "message"),
    [
        ({"builtin": "hand_ovr"}, "0.builtin", "did you mean hand_over?"),
        ({"builtin": ["x"]}, "0.builtin", "not a built-in"),
        ({"builtin": "comment", "foo": 1}, "0.foo", "not permitted"),
        ({"builtin": "tags"}, "0.tags", "required"),
        ({"builtin": "update_contact", "fields": ["id"]}, "0.fields.0", "cannot be changed"),
        ({"mcp": {}}, "0.mcp", "either a url or a command"),
        ({"mcp": {"url": "https://x.example", "command": ["a"]}}, "0.mcp", "either"),
        ({"mcp": {"command": []}}, "0.mcp.command", "at least 1"),
        ({"mcp": {"command": "x"}, "bind": {"a": "secret"}}, "0.bind.a", "fixed value"),
        ({"description": "x"}, "0.name", "required"),
    ],
)
def test_an_entry_of_another_kind_is_told_at_its_key_too(item: dict[str, Any], place: str, message: str) -> None:
    found = errors(item)
    assert place in found, found
    assert message in found[place]


def test_two_actions_of_one_name_are_an_error_of_both() -> None:
    assert set(errors(entry(), entry())) == {"0.name", "1.name"}
    assert "1.name" in errors({"builtin": "comment"}, entry(name="comment"))


def test_all_errors_are_told_at_once() -> None:
    assert len(errors(entry(name="a b", claims=["(["], effect="often"), {"builtin": "nope"})) == 4


def test_a_field_that_binds_a_parameter_cannot_be_changed_by_the_customer() -> None:
    bound = entry(parameters={"id": {"from": "contact.custom.member_no"}})
    found = errors(bound, {"builtin": "update_contact", "fields": ["email", "member_no"]})
    assert list(found) == ["1.fields.1"]
    assert "act as somebody else" in found["1.fields.1"]


@pytest.mark.parametrize(
    "binding",
    [
        entry(parameters={"id": {"from": "contact.custom.member_no"}}),
        {"mcp": {"command": "x"}, "bind": {"member": "contact.custom.member_no"}},
        {"python": "shop.py:reserve", "parameters": {"member": {"from": "contact.custom.member_no"}}},
        {
            "python": "shop.py:reserve",
            "parameters": {"member": {"from": ["contact.custom.member_no", "contact.phone"]}},
        },
    ],
)
@pytest.mark.parametrize(
    "field", ["member_no", "Member No", "memberNo", "MEMBER-NO", "custom.member_no", "member\u200b_no", "ｍember_no"]
)
def test_no_spelling_of_a_bound_fact_can_be_changed_by_the_customer(binding: dict[str, Any], field: str) -> None:
    found = errors(binding, {"builtin": "update_contact", "fields": ["email", field]})
    assert list(found) == ["1.fields.1"]


def test_an_action_may_take_values_from_any_other_of_the_list_and_from_mcp_tools() -> None:
    assert errors(entry(parameters={"id": {"from": "comment"}}), {"builtin": "comment"}) == {}
    assert errors(entry(parameters={"id": {"from": "tool"}}), {"mcp": {"command": "x"}}) == {}


@pytest.mark.parametrize(
    ("method", "effect", "repeatable"),
    [("GET", False, True), ("POST", True, False), ("PUT", True, True), ("DELETE", True, True), ("PATCH", True, False)],
)
def test_what_a_method_says_when_nothing_else_is_said(method: str, *, effect: bool, repeatable: bool) -> None:
    action = DeclaredAction.model_validate(entry(request={"method": method, "url": "https://api.example/{id}"}))
    assert (action.has_effect, action.request.repeatable) == (effect, repeatable)


def test_secrets_do_not_show_in_the_settings() -> None:
    action = DeclaredAction.model_validate(
        entry(
            parameters={"id": {"from": "secret", "value": "hunter22"}},
            request={"url": "https://api.example/{id}", "auth": {"bearer": "hunter33"}},
        )
    )
    assert "hunter" not in repr(action) + action.model_dump_json()


def test_the_editor_gets_a_schema_and_every_field_is_described() -> None:
    schema = LIST.json_schema()
    assert "request" in str(schema)
    for name, definition in schema["$defs"].items():
        for field, described in definition.get("properties", {}).items():
            assert "description" in described, f"{name}.{field}"


def test_private_hosts_are_checked_when_they_are_read() -> None:
    assert NetworkSettings.model_validate({"allow_private": ["localhost:9000", "10.0.0.0/8", "::1"]})
    with pytest.raises(ValidationError) as error:
        NetworkSettings.model_validate({"allow_private": ["localhost", "http://x"]})
    assert error.value.errors()[0]["loc"] == ("allow_private", 1)
