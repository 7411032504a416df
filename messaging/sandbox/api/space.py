"""The workspace: users, custom fields, closing notes, channels, templates, tags."""

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox import wire
from messaging.sandbox.api.gate import body_of, page, sandbox_of
from messaging.sandbox.content import Body, Words, read_body
from messaging.sandbox.fields import CustomFieldBody
from messaging.sandbox.records import ClosingNote
from messaging.sandbox.workspace import TagBody, TagChange


class TagName(Body):
    name: Words


async def users(request: Request) -> JSONResponse:
    return page(request, sandbox_of(request).workspace.users, wire.user, lambda user: user.id)


async def user(request: Request) -> JSONResponse:
    return JSONResponse(wire.user(sandbox_of(request).workspace.user(request.path_params["id"])))


class CustomFields(HTTPEndpoint):
    async def get(self, request: Request) -> JSONResponse:
        fields = sandbox_of(request).workspace.custom_fields
        return page(request, fields, wire.custom_field, lambda field: field.id)

    async def post(self, request: Request) -> JSONResponse:
        body = read_body(CustomFieldBody, await body_of(request))
        return JSONResponse(wire.custom_field(sandbox_of(request).workspace.add_field(body)))


async def custom_field(request: Request) -> JSONResponse:
    return JSONResponse(wire.custom_field(sandbox_of(request).workspace.custom_field(request.path_params["id"])))


async def closing_notes(request: Request) -> JSONResponse:
    numbered = list(enumerate(sandbox_of(request).workspace.closing_notes, 1))

    def spell(item: tuple[int, ClosingNote]) -> wire.Json:
        return {"category": item[1].category, "description": item[1].description}

    return page(request, numbered, spell, lambda item: item[0])


async def channels(request: Request) -> JSONResponse:
    return page(request, sandbox_of(request).workspace.channels, wire.channel, lambda channel: channel.id)


async def templates(request: Request) -> JSONResponse:
    workspace = sandbox_of(request).workspace
    channel = workspace.channel(request.path_params["id"])
    found = [template for template in workspace.templates if template.channel_id == channel.id]
    return page(request, found, wire.template, lambda template: template.id)


class Tags(HTTPEndpoint):
    async def post(self, request: Request) -> JSONResponse:
        tag = sandbox_of(request).workspace.add_tag(read_body(TagBody, await body_of(request)))
        return JSONResponse({"code": 200, "message": wire.tag(tag)})

    async def put(self, request: Request) -> JSONResponse:
        tag = sandbox_of(request).workspace.change_tag(read_body(TagChange, await body_of(request)))
        return JSONResponse({"code": 200, "message": wire.tag(tag)})

    async def delete(self, request: Request) -> JSONResponse:
        tag = sandbox_of(request).workspace.remove_tag(read_body(TagName, await body_of(request)).name)
        return JSONResponse({"code": 200, "message": wire.tag(tag)})
