"""Imported actions are called at a server: what arrives is what the document demands, in every style of writing documents."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from actions.errors import OpenApiError
from actions.http.action import HttpAction
from actions.openapi import import_openapi, read_document
from actions.parameters import left_to_the_model
from actions.redaction import Redactor
from actions.settings import ActionList, DeclaredAction
from agent.config.environment import expand
from tests.actions.conftest import NOW, Received, Reply, Shop, context

LAUNDRY = """
openapi: 3.0.2
info: {title: Laundry, version: "3"}
paths:
  /outlets/{outlet-id}/pickups:
    parameters:
      - {$ref: "#/components/parameters/Outlet"}
    post:
      operationId: bookPickup
      summary: Book a pickup.
      parameters:
        - {name: X-Request-Source, in: header, required: true, schema: {type: string, enum: [chat, web]}}
        - {name: dryRun, in: query, schema: {type: boolean}}
      requestBody:
        required: true
        content:
          application/json:
            schema:
              allOf:
                - {$ref: "#/components/schemas/Slot"}
                - type: object
                  required: [items]
                  properties:
                    items:
                      type: array
                      items:
                        allOf: [{$ref: "#/components/schemas/Item"}, {required: [kg]}]
                    id: {type: string, readOnly: true}
    get:
      operationId: listPickups
      summary: List pickups.
      parameters:
        - {name: status, in: query, style: form, explode: false, schema: {type: array, items: {type: string, enum: [open, done]}}}
        - {name: tag, in: query, schema: {type: array, items: {type: string}}}
        - {name: X-Zones, in: header, schema: {type: array, items: {type: string}}}
components:
  parameters:
    Outlet: {name: outlet-id, in: path, required: true, schema: {type: integer, minimum: 1}}
  schemas:
    Slot:
      type: object
      required: [date]
      properties: {date: {type: string, format: date}, window: {$ref: "#/components/schemas/Window"}}
    Window: {type: string, enum: [pagi, sore], default: pagi}
    Item:
      type: object
      properties: {kind: {type: string, enum: [kiloan, satuan]}, kg: {type: number, exclusiveMinimum: true, minimum: 0}}
"""
CLINIC = """
openapi: 3.1.0
info: {title: Clinic, version: "1"}
paths:
  /v2/patients/{patient.id}/visits/{visit}:
    patch:
      operationId: patients.visits.update
      summary: Change a visit.
      parameters:
        - {name: patient.id, in: path, required: true, schema: {type: string, format: uuid}}
        - {name: visit, in: path, required: true, schema: {type: integer}}
      requestBody:
        content:
          application/merge-patch+json; charset=utf-8:
            schema:
              type: object
              properties:
                reason: {type: [string, "null"]}
                urgency: {oneOf: [{const: low, title: Low}, {const: high, title: High}]}
                payment:
                  oneOf:
                    - {type: object, required: [cash], properties: {cash: {const: true}}}
                    - {type: object, required: [card], properties: {card: {$ref: "#/$defs/Card"}}}
$defs:
  Card: {type: object, required: [last4], properties: {last4: {type: string, pattern: "^[0-9]{4}$"}}}
"""
TICKETS = """
swagger: "2.0"
info: {title: Tickets, version: "1"}
host: tickets.example
basePath: /api
schemes: [https]
consumes: [application/json]
securityDefinitions: {key: {type: apiKey, in: header, name: X-Key}}
security: [{key: []}]
parameters:
  Show: {name: show_id, in: path, required: true, type: string, pattern: "^S[0-9]+$"}
paths:
  /shows/{show_id}/seats:
    parameters: [{$ref: "#/parameters/Show"}]
    get:
      operationId: findSeats
      summary: Find seats.
      parameters:
        - {name: rows, in: query, type: array, items: {type: string}, collectionFormat: csv, required: true}
        - {name: class, in: query, type: array, items: {type: string, enum: [vip, festival]}, collectionFormat: multi}
        - {name: limit, in: query, type: integer, default: 10}
    post:
      operationId: holdSeats
      summary: Hold seats.
      parameters:
        - {name: order, in: body, required: true, schema: {$ref: "#/definitions/Hold"}}
  /shows/{show_id}/waitlist:
    post:
      operationId: joinWaitlist
      summary: Join the waiting list.
      consumes: [application/x-www-form-urlencoded]
      parameters:
        - {$ref: "#/parameters/Show"}
        - {name: note, in: formData, type: string}
        - {name: count, in: formData, type: integer, required: true}
definitions:
  Base: {type: object, required: [seats], properties: {seats: {type: array, items: {type: string}}}}
  Hold: {allOf: [{$ref: "#/definitions/Base"}, {type: object, properties: {minutes: {type: integer, maximum: 30}}}]}
"""
PARCELS = json.dumps(
    {
        "openapi": "3.0.1",
        "info": {"title": "Parcels"},
        "paths": {
            "/track/{codes}": {
                "get": {
                    "operationId": "Track_Many",
                    "summary": "Track parcels.",
                    "parameters": [
                        {
                            "name": "codes",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "array", "items": {"type": "string"}},
                        },
                        {"name": "fields[]", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                        {
                            "name": "page",
                            "in": "query",
                            "style": "pipeDelimited",
                            "schema": {"type": "array", "items": {"type": "string"}},
                        },
                    ],
                }
            },
            "/labels": {
                "post": {
                    "operationId": "Labels_Create",
                    "summary": "Make labels.",
                    "requestBody": {
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/L"}}
                            }
                        }
                    },
                }
            },
        },
        "components": {
            "schemas": {"L": {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}}}
        },
    }
)
MEMBERS = """
openapi: 3.1.1
info: {title: Members, version: "1"}
paths:
  /members:
    put:
      summary: Save a member.
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              required: [level]
              properties:
                level: {$ref: "#/components/schemas/Level"}
                since: {type: string, format: date}
                points: {anyOf: [{type: integer}, {type: "null"}]}
                photo: {type: string, format: binary}
  /members/search:
    get:
      summary: Search.
      parameters:
        - {name: q, in: query, required: true, allowEmptyValue: false, schema: {type: string, minLength: 2}}
        - {name: sort, in: query, schema: {enum: [name, -since]}}
        - {name: active, in: query, schema: {type: boolean}}
components: {schemas: {Level: {type: integer, enum: [1, 2, 3]}}}
"""
HOTEL = """
openapi: 3.0.3
info: {title: Hotel, version: "2"}
paths:
  /bookings:
    post:
      operationId: createBooking
      summary: Create a booking.
      requestBody:
        required: true
        content:
          application/json:
            schema:
              allOf:
                - type: object
                  required: [room_id, guest]
                  properties: {room_id: {type: integer}, guest: {$ref: "#/components/schemas/Guest"}}
                - type: object
                  required: [from]
                  properties:
                    from: {type: string, format: date}
                    extras: {type: array, items: {type: object, required: [sku], properties: {sku: {type: string}}}}
                    companions: {type: array, items: {$ref: "#/components/schemas/Guest"}}
components:
  schemas:
    Guest: {type: object, required: [name, phone], properties: {name: {type: string}, phone: {type: string}, vip: {type: boolean}}}
"""
FLORIST = """
openapi: 3.0.3
info: {title: Florist, version: "1"}
security: [{session: [], app: []}]
paths:
  /bouquets:
    parameters: [{name: shop, in: cookie, required: true, schema: {type: string}}]
    get:
      operationId: findBouquets
      summary: Find bouquets.
      parameters:
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {colour: {type: string}, max: {type: integer}}}}
        - {name: page, in: query, schema: {type: object, properties: {limit: {type: integer}, offset: {type: integer}}}}
        - {name: sizes, in: query, style: pipeDelimited, explode: false, schema: {type: array, items: {enum: [S, M, L]}}}
        - {name: near, in: query, content: {application/json: {schema: {$ref: "#/components/schemas/Place"}}}}
    post:
      operationId: orderBouquet
      summary: Order a bouquet.
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [card, stems, to, ribbon]
              properties:
                card: {type: string, nullable: true, maxLength: 80}
                ribbon: {type: string, nullable: true, enum: [red, white]}
                note: {type: string, nullable: true}
                stems: {type: array, minItems: 1, items: {$ref: "#/components/schemas/Stem"}}
                to: {oneOf: [{$ref: "#/components/schemas/Door"}, {$ref: "#/components/schemas/Pick"}], discriminator: {propertyName: kind}}
components:
  securitySchemes:
    session: {type: apiKey, in: cookie, name: sid}
    app: {type: apiKey, in: header, name: X-App}
  schemas:
    Place: {type: object, properties: {lat: {type: number}, lng: {type: number}}}
    Stem: {type: object, required: [flower, colour], properties: {flower: {type: string}, colour: {type: string, nullable: true}}}
    Door: {type: object, required: [kind, street], properties: {kind: {type: string, enum: [door]}, street: {type: string}}}
    Pick: {type: object, required: [kind], properties: {kind: {type: string, enum: [pick]}}}
"""
UPLOADS = """
openapi: 3.1.0
info: {title: Uploads, version: "1"}
paths:
  /claims/{no}/files:
    post:
      operationId: addFile
      summary: Add a file to a claim.
      security: [{}]
      parameters: [{name: no, in: path, required: true, schema: {type: string}}]
      requestBody:
        content:
          multipart/form-data:
            schema:
              type: object
              required: [title, tags]
              properties:
                title: {type: string}
                tags: {type: array, items: {type: string}}
                pages: {type: array, items: {type: integer}}
                place: {type: object, properties: {city: {type: string}}}
                scan: {type: string, format: binary}
            encoding: {pages: {style: form, explode: false}}
  /claims/{no}/people:
    put:
      operationId: setPeople
      summary: Set the people of a claim.
      parameters: [{name: no, in: path, required: true, schema: {type: string}}]
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [lawyer, limit]
              properties:
                lawyer: {anyOf: [{type: object, required: [firm], properties: {firm: {type: string}}}, {type: "null"}]}
                limit: {type: [integer, "null"]}
"""
VETS = """
swagger: "2.0"
info: {title: Vets, version: "1"}
basePath: /v1
consumes: [multipart/form-data]
paths:
  /pets/{pet}/notes:
    post:
      operationId: addNote
      summary: Add a note.
      parameters:
        - {name: pet, in: path, type: integer, required: true}
        - {name: kinds, in: formData, type: array, items: {type: string, enum: [diet, shots]}, required: true}
        - {name: days, in: formData, type: array, items: {type: integer}, collectionFormat: multi}
        - {name: photo, in: formData, type: file, required: true}
        - {name: weight, in: formData, type: number, format: double, default: 1.5}
    get:
      operationId: getNotes
      summary: Get the notes.
      parameters:
        - {name: pet, in: path, type: integer, required: true}
        - {name: by, in: query, type: array, items: {type: string}, collectionFormat: pipes}
        - {name: of, in: query, type: array, items: {type: string}, collectionFormat: ssv}
"""


@dataclass(frozen=True)
class Wanted:
    """A call of the model, and the request that the document demands for it."""

    document: str
    action: str
    arguments: dict[str, Any]
    target: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


FLORIST_KEYS = {"x-app": "k3y", "cookie": "shop=depok; sid=k3y"}
UUID = "7f3c9c1e-8d0e-4a55-9a55-3b1c0d8f1234"
CALLS = [
    Wanted(
        LAUNDRY,
        "book_pickup",
        {"outlet_id": 7, "x_request_source": "chat", "dry_run": False, "date": "2026-12-01", "items": [{"kind": "kiloan", "kg": 2.5}]},
        "POST /outlets/7/pickups",
        [("dryRun", "false")],
        {"x-request-source": "chat"},
        {"date": "2026-12-01", "window": "pagi", "items": [{"kind": "kiloan", "kg": 2.5}]},
    ),
    Wanted(
        LAUNDRY,
        "list_pickups",
        {"outlet_id": 7, "status": ["open", "done"], "tag": ["a", "b"], "x_zones": ["utara", "timur"]},
        "GET /outlets/7/pickups",
        [("status", "open,done"), ("tag", "a"), ("tag", "b")],
        {"x-zones": "utara,timur"},
    ),
    Wanted(LAUNDRY, "list_pickups", {"outlet_id": 7}, "GET /outlets/7/pickups"),
    Wanted(
        CLINIC,
        "patients_visits_update",
        {"patient_id": UUID, "visit": 12, "urgency": "high", "payment": {"card": {"last4": "1234"}}},
        f"PATCH /v2/patients/{UUID}/visits/12",
        body={"urgency": "high", "payment": {"card": {"last4": "1234"}}},
        headers={"content-type": "application/merge-patch+json; charset=utf-8"},
    ),
    Wanted(
        TICKETS,
        "find_seats",
        {"show_id": "S12", "rows": ["A", "B"], "class": ["vip", "festival"]},
        "GET /api/shows/S12/seats",
        [("rows", "A,B"), ("class", "vip"), ("class", "festival"), ("limit", "10")],
        {"x-key": "k3y"},
    ),
    Wanted(
        TICKETS,
        "hold_seats",
        {"show_id": "S12", "seats": ["A1", "A2"], "minutes": 15},
        "POST /api/shows/S12/seats",
        headers={"content-type": "application/json"},
        body={"seats": ["A1", "A2"], "minutes": 15},
    ),
    Wanted(TICKETS, "join_waitlist", {"show_id": "S12", "count": 2}, "POST /api/shows/S12/waitlist", body=b"count=2"),
    Wanted(PARCELS, "track_many", {"codes": ["P1", "P2"], "fields": ["eta", "by"], "page": "1|2"}, "GET /track/P1,P2",
        [("fields[]", "eta"), ("fields[]", "by"), ("page", "1|2")]),
    Wanted(PARCELS, "labels_create", {"body": [{"to": "Jl. Mawar 1"}]}, "POST /labels", body=[{"to": "Jl. Mawar 1"}]),
    Wanted(MEMBERS, "put_members", {"level": 2, "since": "2026-01-31"}, "PUT /members", body=[("level", "2"), ("since", "2026-01-31")]),
    Wanted(
        HOTEL,
        "create_booking",
        {"room_id": 12, "guest_name": "Ani", "from": "2026-12-01", "extras": [{"sku": "B-1"}]},
        "POST /bookings",
        body={"room_id": 12, "guest": {"name": "Ani", "phone": "+6281234567890"}, "from": "2026-12-01", "extras": [{"sku": "B-1"}]},
    ),
    Wanted(
        MEMBERS, "get_members_search", {"q": "budi & ani", "sort": "-since", "active": True}, "GET /members/search",
        [("q", "budi & ani"), ("sort", "-since"), ("active", "true")],
    ),
    Wanted(
        FLORIST, "find_bouquets",
        {"shop": "depok", "filter_colour": "red", "filter_max": 90, "page_limit": 5, "sizes": "S|L", "near": {"lat": -6.2, "lng": 106.8}},
        "GET /bouquets",
        [("near", '{"lat": -6.2, "lng": 106.8}'), ("filter[colour]", "red"), ("filter[max]", "90"), ("limit", "5"), ("sizes", "S|L")],
        FLORIST_KEYS,
    ),
    Wanted(
        FLORIST, "order_bouquet",
        {"shop": "depok", "card": None, "ribbon": None, "to": {"kind": "pick"}, "stems": [{"flower": "rose", "colour": None}]},
        "POST /bouquets",
        headers=FLORIST_KEYS,
        body={"card": None, "ribbon": None, "to": {"kind": "pick"}, "stems": [{"flower": "rose", "colour": None}]},
    ),
    Wanted(
        UPLOADS, "add_file", {"no": "C-1", "title": "Foto", "tags": ["a,b", "c"], "pages": "1,2", "place": {"city": "Depok"}},
        "POST /claims/C-1/files",
        body=[("title", "Foto"), ("tags", "a,b"), ("tags", "c"), ("pages", "1,2"), ("place", '{"city": "Depok"}')],
    ),
    Wanted(UPLOADS, "set_people", {"no": "C-1", "lawyer": None, "limit": None}, "PUT /claims/C-1/people",
        body={"lawyer": None, "limit": None}),
    Wanted(VETS, "add_note", {"pet": 7, "kinds": "diet,shots", "days": [1, 2]}, "POST /pets/7/notes",
        body=[("kinds", "diet,shots"), ("days", "1"), ("days", "2"), ("weight", "1.5")]),
    Wanted(VETS, "get_notes", {"pet": 7, "by": "ann|bob", "of": "x y"}, "GET /pets/7/notes", [("by", "ann|bob"), ("of", "x y")]),
]  # fmt: skip


def actions_of(text: str, shop: Shop, client: httpx.AsyncClient) -> dict[str, HttpAction]:
    base = "/api" if "basePath: /api" in text else ""
    found = import_openapi(read_document(text, "doc.yaml"), server=shop.url(base))
    written = expand(found.text, {"TICKETS_KEY": "k3y", "FLORIST_KEY": "k3y", "FLORIST_KEY_2": "k3y"}).text
    entries = TypeAdapter(ActionList).validate_python(YAML(typ="safe").load(written)["actions"])
    declared = [entry for entry in entries if isinstance(entry, DeclaredAction)]
    return {each.name: HttpAction(each, client, Redactor(()), lambda: NOW) for each in declared}


def sent(request: Received) -> Any:
    kind = request.headers.get("content-type", "")
    if "json" in kind:
        return request.json
    if kind.startswith("multipart/form-data"):
        import email

        whole = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + request.body)
        return [(p.get_param("name", header="content-disposition"), p.get_payload()) for p in whole.get_payload()]  # type: ignore[union-attr]
    return request.body or None


@pytest.mark.parametrize("wanted", CALLS, ids=lambda each: each.action)
async def test_an_imported_action_sends_what_its_document_demands(
    wanted: Wanted, shop: Shop, client: httpx.AsyncClient
) -> None:
    action = actions_of(wanted.document, shop, client)[wanted.action]
    method, path = wanted.target.split(" ")
    requests: list[Received] = []

    def take(request: Received) -> Reply:
        requests.append(request)
        return Reply(200, {"ok": True})

    for written in (path, path.replace(",", "%2C")):
        shop.on(written, take)
    said = [json.dumps(wanted.arguments, ensure_ascii=False)]
    outcome = await action.run(wanted.arguments, context(said=said))
    assert outcome.status == "done", outcome.content
    (request,) = requests
    assert request.method == method
    assert parse_qsl(urlsplit(request.target).query, keep_blank_values=True) == wanted.query
    assert {name: request.headers.get(name) for name in wanted.headers} == wanted.headers
    assert sent(request) == wanted.body


def test_what_an_imported_action_cannot_send_is_named() -> None:
    found = import_openapi(read_document(MEMBERS, "doc.yaml"), server="https://m.example")
    assert any("photo" in note for note in found.left_out)
    found = import_openapi(read_document(VETS, "doc.yaml"), server="https://v.example")
    assert any("photo (required!)" in note for note in found.left_out)
    with pytest.raises(OpenApiError, match="does not say where its server is"):
        import_openapi(read_document(VETS, "doc.yaml"))


async def test_a_cookie_of_the_model_is_one_cookie(shop: Shop, client: httpx.AsyncClient) -> None:
    action = actions_of(FLORIST, shop, client)["find_bouquets"]
    assert (await action.check({"shop": "depok; sid=1"}, context(said=["depok; sid=1"]))) is not None


def test_the_server_of_a_swagger_document_is_its_scheme_host_and_base_path() -> None:
    assert "url: https://tickets.example/api/shows/" in import_openapi(read_document(TICKETS, "doc.yaml")).text


async def test_members_that_identify_are_bound_or_named_and_those_that_refer_must_have_been_said(
    shop: Shop, client: httpx.AsyncClient
) -> None:
    action = actions_of(HOTEL, shop, client)["create_booking"]
    told = context(said=["kamar 12 untuk Ani, B-1"])
    call = {"room_id": 12, "guest_name": "Ani", "from": "2026-12-01"}
    assert (await action.check({**call, "guest_phone": "+62899"}, told)) is not None
    assert (await action.check({**call, "extras": [{"sku": "B-1"}]}, told)) is None
    refused = await action.check({**call, "extras": [{"sku": "B-2"}]}, told)
    assert refused is not None
    assert "'B-2'" in refused.content
    notes = import_openapi(read_document(HOTEL, "doc.yaml"), server="https://h.example").left_out
    assert [note for note in notes if "companions[].phone is the model's to set" in note]
    entries = yaml_of(HOTEL)
    declared = TypeAdapter(ActionList).validate_python(entries)[0]
    assert isinstance(declared, DeclaredAction)
    assert left_to_the_model(declared.parameters) == ["companions[].phone"]


def yaml_of(document: str) -> Any:
    found = import_openapi(read_document(document, "doc.yaml"), server="https://h.example")
    return YAML(typ="safe").load(found.text)["actions"]
