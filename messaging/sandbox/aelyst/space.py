"""The endpoints of the workspace: users, custom fields, closing notes, channels, templates, tags."""

from typing import Annotated, cast

from pydantic import Field
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox.aelyst import wire
from messaging.sandbox.records import ClosingNote, DataType, Json
from messaging.sandbox.requests import Body, Words, body_of, read_body, sandbox_of
from messaging.sandbox.workspace import TagFields


class CustomFieldBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=50)]
    slug: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$", max_length=50)] | None = None
    description: Annotated[str, Field(max_length=255)] | None = None
    data_type: DataType
    allowed_values: tuple[Words, ...] | None = None


class TagBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=255)]
    description: str | None = None
    color_code: str | None = None
    emoji: str | None = None


class TagChange(Body):
    current_name: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    description: str | None = None
    color_code: str | None = None
    emoji: str | None = None

    def changes(self) -> TagFields:
        """Return what the sandbox is to write."""
        given = self.model_dump(exclude_unset=True, exclude={"current_name"})
        if "color_code" in given:
            given["color"] = given.pop("color_code")
        return cast("TagFields", given)


class TagName(Body):
    name: Words


async def users(request: Request) -> JSONResponse:
    return wire.page(request, sandbox_of(request).workspace.users, wire.user, lambda user: user.id)


async def user(request: Request) -> JSONResponse:
    return JSONResponse(wire.user(sandbox_of(request).workspace.user(request.path_params["id"])))


class CustomFields(HTTPEndpoint):
    async def get(self, request: Request) -> JSONResponse:
        fields = sandbox_of(request).workspace.custom_fields
        return wire.page(request, fields, wire.custom_field, lambda field: field.id)

    async def post(self, request: Request) -> JSONResponse:
        body = read_body(CustomFieldBody, await body_of(request))
        field = sandbox_of(request).workspace.add_field(
            body.name, body.data_type, body.slug, body.description, body.allowed_values or ()
        )
        return JSONResponse(wire.custom_field(field))


async def custom_field(request: Request) -> JSONResponse:
    return JSONResponse(wire.custom_field(sandbox_of(request).workspace.custom_field(request.path_params["id"])))


async def closing_notes(request: Request) -> JSONResponse:
    numbered = list(enumerate(sandbox_of(request).workspace.closing_notes, 1))

    def spell(item: tuple[int, ClosingNote]) -> Json:
        return {"category": item[1].category, "description": item[1].description}

    return wire.page(request, numbered, spell, lambda item: item[0])


async def channels(request: Request) -> JSONResponse:
    return wire.page(request, sandbox_of(request).workspace.channels, wire.channel, lambda channel: channel.id)


async def templates(request: Request) -> JSONResponse:
    workspace = sandbox_of(request).workspace
    channel = workspace.channel(request.path_params["id"])
    found = [template for template in workspace.templates if template.channel_id == channel.id]
    return wire.page(request, found, wire.template, lambda template: template.id)


class Tags(HTTPEndpoint):
    async def post(self, request: Request) -> JSONResponse:
        body = read_body(TagBody, await body_of(request))
        tag = sandbox_of(request).workspace.add_tag(body.name, body.description, body.color_code, body.emoji)
        return JSONResponse({"code": 200, "message": wire.tag(tag)})

    async def put(self, request: Request) -> JSONResponse:
        body = read_body(TagChange, await body_of(request))
        tag = sandbox_of(request).workspace.change_tag(body.current_name, **body.changes())
        return JSONResponse({"code": 200, "message": wire.tag(tag)})

    async def delete(self, request: Request) -> JSONResponse:
        tag = sandbox_of(request).workspace.remove_tag(read_body(TagName, await body_of(request)).name)
        return JSONResponse({"code": 200, "message": wire.tag(tag)})
