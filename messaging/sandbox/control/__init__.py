"""The control API under `/sandbox`: what a customer, a colleague and the weather do. For the phone page and for scripts."""

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from messaging.sandbox.control import people, settings, stream
from messaging.sandbox.control.access import OwnSite
from messaging.sandbox.state import Sandbox


def control_routes(sandbox: Sandbox) -> list[BaseRoute]:
    routes = [
        Route("/state", stream.state, methods=["GET"]),
        Route("/stream", stream.stream, methods=["GET"]),
        Route("/messages", stream.messages, methods=["GET"]),
        Route("/contacts", people.contacts, methods=["GET"]),
        Route("/contacts", people.create, methods=["POST"]),
        Route("/contacts/{contact}", people.delete, methods=["DELETE"]),
        Route("/contacts/{contact}/messages", people.say, methods=["POST"]),
        Route("/contacts/{contact}/files", people.upload, methods=["POST"]),
        Route("/contacts/{contact}/samples/{name}", people.send_sample, methods=["POST"]),
        Route("/contacts/{contact}/read", people.read, methods=["POST"]),
        Route("/contacts/{contact}/age", people.age, methods=["POST"]),
        Route("/contacts/{contact}/reply", people.reply, methods=["POST"]),
        Route("/contacts/{contact}/assign", people.assign, methods=["POST"]),
        Route("/contacts/{contact}/unassign", people.unassign, methods=["POST"]),
        Route("/contacts/{contact}/close", people.close, methods=["POST"]),
        Route("/contacts/{contact}/reopen", people.reopen, methods=["POST"]),
        Route("/contacts/{contact}/block", people.block, methods=["POST"]),
        Route("/contacts/{contact}/unblock", people.unblock, methods=["POST"]),
        Route("/contacts/{contact}/comment", people.comment, methods=["POST"]),
        Route("/contacts/{contact}/call", people.end_call, methods=["POST"]),
        Route("/faults", settings.faults, methods=["GET"]),
        Route("/faults", settings.switch_all_off, methods=["DELETE"]),
        Route("/faults/{name}", settings.switch_on, methods=["PUT"]),
        Route("/faults/{name}", settings.switch_off, methods=["DELETE"]),
        Route("/webhooks", settings.webhooks, methods=["GET"]),
        Route("/webhooks", settings.add_webhook, methods=["POST"]),
        Route("/webhooks/{number:int}", settings.remove_webhook, methods=["DELETE"]),
        Route("/deliveries", settings.deliveries, methods=["GET"]),
        Route("/deliveries/{number:int}", settings.delivery, methods=["GET"]),
        Route("/deliveries/{number:int}/redeliver", settings.redeliver, methods=["POST"]),
        Route("/templates", settings.add_template, methods=["POST"]),
        Route("/samples", stream.samples, methods=["GET"]),
        Route("/samples/{name}", stream.sample, methods=["GET"]),
        Route("/reset", settings.reset, methods=["POST"]),
    ]
    return [
        Route("/sandbox/media/{token}/{name}", stream.media, methods=["GET"]),
        Mount("/sandbox", routes=routes, middleware=[Middleware(OwnSite, allowed=sandbox.options.allowed_hosts)]),
    ]
