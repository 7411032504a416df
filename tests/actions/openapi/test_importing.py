"""OpenAPI documents become declarations that agent.yaml takes."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from actions.errors import OpenApiError
from actions.openapi import Imported, import_openapi, read_document
from actions.settings import ActionList
from agent.config.environment import expand

BOOKS = """
openapi: 3.0.3
info: {title: Toko Buku, version: "1"}
servers:
  - url: https://{env}.buku.example/v1
    variables: {env: {default: api}}
security: [{token: []}]
paths:
  /books/{bookId}:
    parameters:
      - {name: bookId, in: path, required: true, schema: {type: integer, format: int64}}
    get:
      operationId: getBookById
      summary: One book.
      parameters:
        - {name: fields, in: query, schema: {type: array, items: {type: string, enum: [title, price]}}}
        - {name: X-Trace-Id, in: header, schema: {type: string}}
        - {name: Accept, in: header, schema: {type: string}}
        - {name: session, in: cookie, schema: {type: string}}
        - {name: filter, in: query, style: deepObject, schema: {type: object}}
    delete:
      operationId: deleteBook
      summary: Remove a book.
      deprecated: true
  /orders:
    post:
      operationId: createOrder
      tags: [orders]
      summary: Place an order.
      security: [{key: []}]
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Order"}
  /orders/{order_no}/receipt:
    put:
      tags: [orders]
      description: |
        Upload the <b>receipt</b>.

        A second paragraph.
      parameters:
        - {$ref: "#/components/parameters/OrderNo"}
      requestBody:
        content:
          multipart/form-data:
            schema:
              type: object
              properties:
                note: {type: string}
                picture: {type: string, format: binary}
  /login:
    post:
      operationId: login
      security: []
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, required: [user], properties: {user: {type: string}, phone: {type: string}}}
components:
  parameters:
    OrderNo: {name: order_no, in: path, required: true, description: The number., schema: {type: string, pattern: "^O-[0-9]+$"}}
  securitySchemes:
    token: {type: http, scheme: bearer}
    key: {type: apiKey, in: header, name: X-Api-Key}
  schemas:
    Base:
      type: object
      required: [customerEmail]
      properties:
        id: {type: integer, readOnly: true}
        customerEmail: {type: string, format: email}
    Order:
      allOf:
        - $ref: "#/components/schemas/Base"
        - type: object
          required: [lines]
          properties:
            lines: {type: array, minItems: 1, items: {$ref: "#/components/schemas/Line"}}
            gift: {type: boolean, nullable: true}
            pay: {oneOf: [{$ref: "#/components/schemas/Cash"}, {type: string, enum: [later]}]}
            code: {type: string, pattern: "[^"}
    Line:
      type: object
      required: [bookId, count]
      properties:
        bookId: {type: integer}
        count: {type: integer, minimum: 0, exclusiveMinimum: true}
        parent: {$ref: "#/components/schemas/Line"}
    Cash: {type: object, properties: {amount: {type: number}}}
"""


def imported(document: str, **options: Any) -> Imported:
    return import_openapi(read_document(document, "doc.yaml"), **options)


def declarations(found: Imported) -> dict[str, dict[str, Any]]:
    entries = YAML(typ="safe").load(found.text)["actions"]
    TypeAdapter(ActionList).validate_python(entries)
    return {entry["name"]: entry for entry in entries}


def test_a_read_becomes_a_declaration_with_its_parameters_and_auth() -> None:
    found = imported(BOOKS)
    action = declarations(found)["get_book_by_id"]
    assert action == {
        "name": "get_book_by_id",
        "description": "One book.",
        "parameters": {
            "book_id": {"type": "integer", "format": "int64", "from": "conversation"},
            "fields": {"type": "array", "items": {"type": "string", "enum": ["title", "price"]}, "optional": True},
            "x_trace_id": {"type": "string", "from": "conversation", "optional": True},
        },
        "request": {
            "method": "GET",
            "url": "https://api.buku.example/v1/books/{book_id}",
            "query": {"fields": "{fields}"},
            "headers": {"X-Trace-Id": "{x_trace_id}"},
            "auth": {"bearer": "${TOKO_BUKU_TOKEN}"},
        },
    }


def test_a_body_is_taken_apart_through_references_and_all_of() -> None:
    action = declarations(imported(BOOKS))["create_order"]
    parameters = action["parameters"]
    assert list(parameters) == ["customer_email", "lines", "gift", "pay", "code"]
    assert parameters["customer_email"] == {"type": "string", "format": "email", "from": "contact.email"}
    line = parameters["lines"]["items"]
    assert line["properties"]["count"] == {"type": "integer", "exclusiveMinimum": 0}
    assert line["required"] == ["bookId", "count"]
    assert len(parameters["pay"]["anyOf"]) == 2
    assert action["effect"] is True
    assert action["request"]["json"]["customerEmail"] == "{customer_email}"
    assert action["request"]["auth"] == {"api_key": {"name": "X-Api-Key", "in": "header", "value": "${TOKO_BUKU_KEY}"}}


def test_forms_and_files_and_operations_without_an_id() -> None:
    found = declarations(imported(BOOKS))
    receipt = found["put_orders_order_no_receipt"]
    assert receipt["description"] == "Upload the receipt."
    assert receipt["parameters"]["order_no"]["pattern"] == "^O-[0-9]+$"
    assert receipt["parameters"]["order_no"]["description"] == "The number."
    assert receipt["request"]["multipart"] == {"note": "{note}"}
    assert found["login"]["request"]["form"] == {"user": "{user}", "phone": "{phone}"}
    assert found["login"]["parameters"]["phone"] == {"type": "string", "from": "contact.phone", "optional": True}
    assert "auth" not in found["login"]["request"]


def test_what_cannot_be_carried_over_is_said() -> None:
    found = imported(BOOKS)
    told = "\n".join(found.left_out)
    for part in (
        "DELETE /books/{bookId}: deprecated",
        "get_book_by_id: cookie parameter session",
        "get_book_by_id: query parameter filter",
        "put_orders_order_no_receipt: the file picture",
        "create_order: body.code: the pattern",
        "nested too deeply",
    ):
        assert part in told
    assert "# Left out: DELETE /books/{bookId}: deprecated" in found.text
    assert "# get_book_by_id, left out: cookie parameter session" in found.text


@pytest.mark.parametrize(
    ("only", "names"),
    [
        (["get_book_by_id"], ["get_book_by_id"]),
        (["getBookById"], ["get_book_by_id"]),
        (["orders"], ["create_order", "put_orders_order_no_receipt"]),
        (["/orders*"], ["create_order", "put_orders_order_no_receipt"]),
        (["delete*"], ["delete_book"]),
    ],
)
def test_only_what_is_asked_for_is_imported(only: list[str], names: list[str]) -> None:
    assert list(imported(BOOKS, only=only).names) == names


def test_asking_for_nothing_that_is_there_is_an_error() -> None:
    with pytest.raises(OpenApiError, match=r"no operation of doc\.yaml matches nope"):
        imported(BOOKS, only=["nope"])


def test_a_document_of_3_1_with_its_own_words() -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "T"},
        "servers": [{"url": "/api"}],
        "paths": {
            "/a/{x-id}": {
                "post": {
                    "parameters": [{"name": "x-id", "in": "path", "schema": {"type": ["string", "null"]}}],
                    "requestBody": {
                        "content": {
                            "application/vnd.a+json; charset=utf-8": {
                                "schema": {
                                    "properties": {
                                        "kind": {"oneOf": [{"const": 1, "title": "A"}, {"const": 2, "title": "B"}]},
                                        "state": {"const": "on"},
                                        "n": {"anyOf": [{"type": "null"}, {"type": "number", "exclusiveMaximum": 9}]},
                                        "if": {"type": "string"},
                                        "free": {"not": {"type": "string"}},
                                    }
                                }
                            }
                        }
                    },
                }
            }
        },
    }
    found = imported(json.dumps(document), server="https://t.example")
    action = declarations(found)["post_a_x_id"]
    assert action["request"]["url"] == "https://t.example/a/{x_id}"
    assert action["parameters"]["kind"] == {"type": "integer", "enum": [1, 2], "optional": True}
    assert action["parameters"]["state"] == {"enum": ["on"], "optional": True}
    assert action["parameters"]["n"] == {"type": "number", "exclusiveMaximum": 9, "optional": True}
    assert "body.free: not" in "\n".join(found.left_out)
    with pytest.raises(OpenApiError, match="--server"):
        imported(json.dumps(document))
    relative = import_openapi(read_document(json.dumps(document), "https://t.example/docs/openapi.json"))
    assert declarations(relative)["post_a_x_id"]["request"]["url"] == "https://t.example/api/a/{x_id}"


def test_references_in_circles_and_out_of_the_document_end() -> None:
    document = {
        "openapi": "3.0.0",
        "info": {"title": "T"},
        "servers": [{"url": "https://t.example"}],
        "paths": {
            "/a": {
                "post": {
                    "operationId": "a",
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}},
                },
                "get": {"operationId": "b", "parameters": [{"$ref": "other.yaml#/x"}, {"$ref": "#/nowhere"}]},
            }
        },
        "components": {
            "schemas": {
                "Node": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}},
                "Loop": {"$ref": "#/components/schemas/Loop"},
            }
        },
    }
    assert set(declarations(imported(json.dumps(document)))) == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("swagger: '1.2'", "Swagger 2.0 can be imported"),
        ("openapi: 4.0.0", "3.0 and 3.1 and Swagger 2.0 can be imported"),
        ("[1, 2]", "not a mapping"),
        ("a: [", "neither JSON nor YAML"),
        ("", "not a mapping"),
    ],
)
def test_what_is_no_openapi_document_is_an_error_that_says_so(text: str, message: str) -> None:
    with pytest.raises(OpenApiError, match=message):
        read_document(text, "doc.yaml")


def test_a_document_without_operations_gives_an_empty_list() -> None:
    assert declarations(imported("openapi: 3.1.0\ninfo: {title: T}\nwebhooks: {}")) == {}


def test_what_changes_something_asks_first_and_a_missing_binding_is_proposed() -> None:
    found = imported(BOOKS)
    actions = declarations(found)
    effects = {name: action for name, action in actions.items() if action.get("effect")}
    assert effects
    assert all(action["confirm"].endswith("?") for action in effects.values())
    assert all("confirm" not in action for action in actions.values() if not action.get("effect"))
    assert any("no binding" in note for note in found.left_out)
    assert not any(note.startswith("create_order: no binding") for note in found.left_out), (
        "its e-mail address is bound"
    )


def spec(**parts: Any) -> dict[str, Any]:
    operation = {"operationId": "ping", "responses": {}}
    return {"openapi": "3.0.3", "info": {"title": "T"}, "servers": [{"url": "https://a.example/v1"}]} | {
        "paths": {"/ping": {"get": operation}}
    } | parts  # fmt: skip


def test_no_text_of_a_document_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default of `${AELYST_TOKEN}` survived the import and was filled in."""
    monkeypatch.setenv("AELYST_TOKEN", "sk-secret")
    theft = "${AELYST_TOKEN}"
    schema = {"type": "string", "default": theft, "title": f"x {theft}", "description": f"$${theft}", "pattern": "a"}
    body = {"type": "object", "properties": {"note": schema, "kind": {"type": "string", "enum": [theft, "b"]}}}
    operation = {
        "operationId": "ping", "summary": f"Send {theft}.", "security": [{"o": [theft]}],
        "requestBody": {"content": {"application/json": {"schema": body}}},
    }  # fmt: skip
    flow = {"clientCredentials": {"tokenUrl": "https://a.example/token", "scopes": {}}}
    document = spec(
        paths={"/ping": {"post": operation}}, components={"securitySchemes": {"o": {"type": "oauth2", "flows": flow}}}
    )
    text = imported(json.dumps(document)).text
    expanded = expand(text, {"AELYST_TOKEN": "sk-secret", "T_CLIENT_ID": "me", "T_CLIENT_SECRET": "mine"})
    assert "sk-secret" not in expanded.text
    assert expanded.text.count(theft) >= 4
    assert "client_id: me" in expanded.text


def test_servers_are_those_of_the_operation_then_of_its_path_then_of_the_document() -> None:
    get = {"operationId": "b"}
    document = spec(
        paths={
            "/a": {"get": {"operationId": "a"}},
            "/b": {"servers": [{"url": "https://b.example"}], "get": get},
            "/c": {
                "servers": [{"url": "https://b.example"}],
                "get": {"operationId": "c", "servers": [{"url": "https://c.example"}]},
            },
            "/d": {"servers": [{"url": "/v2"}], "get": {"operationId": "d"}},
        }
    )
    urls = {name: each["request"]["url"] for name, each in declarations(imported(json.dumps(document))).items()}
    assert urls == {
        "a": "https://a.example/v1/a", "b": "https://b.example/b", "c": "https://c.example/c", "d": "https://a.example/v2/d",
    }  # fmt: skip


def test_a_relative_token_url_is_one_of_the_server() -> None:
    flow = {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {}}}
    document = spec(security=[{"o": []}], components={"securitySchemes": {"o": {"type": "oauth2", "flows": flow}}})
    auth = declarations(imported(json.dumps(document)))["ping"]["request"]["auth"]
    assert auth["oauth2"]["token_url"] == "https://a.example/oauth/token"


def test_an_all_of_that_contains_itself_is_named() -> None:
    loop = {
        "allOf": [{"$ref": "#/components/schemas/Loop"}, {"type": "object", "properties": {"n": {"type": "integer"}}}]
    }
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Loop"}}}}
    document = spec(
        paths={"/ping": {"post": {"operationId": "ping", "requestBody": body}}}, components={"schemas": {"Loop": loop}}
    )
    found = imported(json.dumps(document))
    assert "n" in declarations(found)["ping"]["parameters"]
    assert any("contains itself" in note for note in found.left_out)


def test_local_files_are_followed_and_what_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "secret.yaml").write_text("type: string")
    folder = tmp_path / "api"
    (folder / "schemas").mkdir(parents=True)
    (folder / "schemas" / "order.yaml").write_text(
        "type: object\nproperties:\n  sku: {type: string}\n  line: {$ref: 'line.json#/definitions/Line'}\n"
        "  back: {$ref: '../openapi.yaml#/components/schemas/Note'}\n  own: {$ref: '#/properties/sku'}\n"
    )
    (folder / "schemas" / "line.json").write_text('{"definitions": {"Line": {"type": "integer"}}}')
    (folder / "orders.yaml").write_text(
        "post:\n  operationId: order\n  requestBody:\n    content:\n      application/json:\n"
        "        schema: {$ref: schemas/order.yaml}\n"
    )
    document = spec(
        paths={"/orders": {"$ref": "orders.yaml"}, "/gone": {"$ref": "gone.yaml"}, "/out": {"$ref": "../secret.yaml"},
               "/web": {"$ref": "https://evil.example/a.yaml"}},
        components={"schemas": {"Note": {"type": "boolean"}}},
    )  # fmt: skip
    found = import_openapi(read_document(json.dumps(document), str(folder / "openapi.yaml")))
    parameters = declarations(found)["order"]["parameters"]
    assert {name: each["type"] for name, each in parameters.items()} == {
        "sku": "string", "line": "integer", "back": "boolean", "own": "string",
    }  # fmt: skip
    for place in ("gone.yaml", "../secret.yaml", "https://evil.example/a.yaml"):
        assert any(place in note for note in found.left_out)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_a_document_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(OpenApiError):
        read_document(text, "doc.json")


def places(value: object, above: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Every place in a document below its version."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        if key not in ("openapi", "swagger"):
            yield (*above, key)
            yield from places(member, (*above, key))


@pytest.mark.parametrize("other", [5, "x", [1], {"a": 1}, None, True], ids=repr)
def test_a_document_with_anything_anywhere_is_imported_or_refused(other: object) -> None:
    scheme = {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/t", "scopes": {"a": "b"}}}}
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "enum": [1], "minimum": 1}}}
    schema["allOf"] = [{"oneOf": [{"type": "string"}, {"type": "null"}]}]
    operation = {
        "operationId": "a", "tags": ["t"], "security": [{"s": ["a"]}], "servers": [{"url": "/v", "variables": {"x": {"default": "y"}}}],
        "parameters": [{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
    }  # fmt: skip
    older = {
        "operationId": "a",
        "consumes": ["application/json"],
        "parameters": [{"name": "q", "in": "query", "type": "string"}],
    }
    swagger = {
        "swagger": "2.0", "info": {"title": "T"}, "host": "a.example", "paths": {"/a": {"post": older}}, "definitions": {"A": schema},
        "securityDefinitions": {"s": {"type": "basic"}},
    }  # fmt: skip
    document = spec(paths={"/a": {"post": operation}}, components={"securitySchemes": {"s": scheme}})
    for root, place in [(one, place) for one in (document, swagger) for place in places(one)]:
        changed = copy.deepcopy(root)
        within: Any = changed
        for key in place[:-1]:
            within = within[key]
        within[place[-1]] = other
        with suppress(OpenApiError):
            import_openapi(read_document(json.dumps(changed), "doc.json"))


@pytest.mark.parametrize(
    ("title", "scheme", "variable"),
    [
        ("Aelyst", {"type": "http", "scheme": "bearer"}, "AELYST_TOKEN"),
        ("OpenAI API", {"type": "apiKey", "in": "query", "name": "k"}, "OPENAI_API_KEY"),
        ("aws secret-access", {"type": "apiKey", "in": "header", "name": "k"}, "AWS_SECRET_ACCESS_KEY"),
        ("shop", {"type": "http", "scheme": "basic"}, "SHOP_PASSWORD"),
    ],
)
def test_a_document_is_not_sent_what_is_in_use_under_its_title(
    title: str, scheme: dict[str, str], variable: str
) -> None:
    """An API that called itself `OpenAI API` was sent the key of OpenAI."""
    document = spec(info={"title": title}, security=[{"s": []}], components={"securitySchemes": {"s": scheme}})
    read = read_document(json.dumps(document), "doc.json")
    assert f"${{{variable}}}" in import_openapi(read).text
    found = import_openapi(read, taken={variable, f"IMPORTED_{variable}"})
    assert f"${{{variable}}}" not in found.text
    assert f"${{IMPORTED_IMPORTED_{variable}}}" in found.text
    assert any(variable in note for note in found.left_out)
