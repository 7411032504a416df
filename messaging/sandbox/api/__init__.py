"""The REST API: a module per noun, and the gate that every request passes."""

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from messaging.sandbox.api import contacts, space
from messaging.sandbox.api.gate import Gate
from messaging.sandbox.state import Sandbox


def api_routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The API under `/v1` (Aelyst) and under `/v2` (respond.io)."""
    routes = [
        Route("/contact/list", contacts.find, methods=["POST"]),
        Route("/contact/merge", contacts.merge, methods=["POST"]),
        Route("/contact/create_or_update/{identifier}", contacts.create_or_update, methods=["POST"]),
        Route("/contact/{identifier}/tag", contacts.add_tags, methods=["POST"]),
        Route("/contact/{identifier}/tag", contacts.remove_tags, methods=["DELETE"]),
        Route("/contact/{identifier}/channels", contacts.channels, methods=["GET"]),
        Route("/contact/{identifier}/lifecycle/update", contacts.set_lifecycle, methods=["POST"]),
        Route("/contact/{identifier}/conversation/assignee", contacts.assign, methods=["POST"]),
        Route("/contact/{identifier}/conversation/status", contacts.set_status, methods=["POST"]),
        Route("/contact/{identifier}/comment", contacts.comment, methods=["POST"]),
        Route("/contact/{identifier}/message", contacts.send, methods=["POST"]),
        Route("/contact/{identifier}/message/list", contacts.recent, methods=["GET"]),
        Route("/contact/{identifier}/message/{message_id:int}", contacts.show, methods=["GET"]),
        Route("/contact/{identifier}", contacts.Contact),
        Route("/space/user", space.users, methods=["GET"]),
        Route("/space/user/{id:int}", space.user, methods=["GET"]),
        Route("/space/custom_field", space.CustomFields),
        Route("/space/custom_field/{id:int}", space.custom_field, methods=["GET"]),
        Route("/space/closing_notes", space.closing_notes, methods=["GET"]),
        Route("/space/channel", space.channels, methods=["GET"]),
        Route("/space/channel/{id:int}/template", space.templates, methods=["GET"]),
        Route("/space/tag", space.Tags),
    ]
    gate = [Middleware(Gate, sandbox=sandbox)]
    return [Mount("/v1", routes=routes, middleware=gate), Mount("/v2", routes=routes, middleware=gate)]
