"""The control API under `/sandbox`, for the phone page and for scripts: what customers, colleagues and faults do."""

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from messaging.sandbox.control import actions, feed
from messaging.sandbox.control.access import OwnSite
from messaging.sandbox.state import Sandbox


def control_routes(sandbox: Sandbox) -> list[BaseRoute]:
    """List the routes of the control API, and of the files that messages carry."""
    routes = [
        Route("/state", feed.state, methods=["GET"]),
        Route("/stream", feed.stream, methods=["GET"]),
        Route("/messages", feed.messages, methods=["GET"]),
        Route("/messages/{number:int}/why", feed.why, methods=["GET"]),
        Route("/contacts", actions.contacts, methods=["GET"]),
        Route("/contacts", actions.create, methods=["POST"]),
        Route("/contacts/{contact}", actions.delete, methods=["DELETE"]),
        Route("/contacts/{contact}/messages", actions.say, methods=["POST"]),
        Route("/contacts/{contact}/files", actions.upload, methods=["POST"]),
        Route("/contacts/{contact}/samples/{name}", actions.send_sample, methods=["POST"]),
        Route("/contacts/{contact}/read", actions.read, methods=["POST"]),
        Route("/contacts/{contact}/age", actions.age, methods=["POST"]),
        Route("/contacts/{contact}/reply", actions.reply, methods=["POST"]),
        Route("/contacts/{contact}/assign", actions.assign, methods=["POST"]),
        Route("/contacts/{contact}/unassign", actions.unassign, methods=["POST"]),
        Route("/contacts/{contact}/close", actions.close, methods=["POST"]),
        Route("/contacts/{contact}/reopen", actions.reopen, methods=["POST"]),
        Route("/contacts/{contact}/block", actions.block, methods=["POST"]),
        Route("/contacts/{contact}/unblock", actions.unblock, methods=["POST"]),
        Route("/contacts/{contact}/comment", actions.comment, methods=["POST"]),
        Route("/contacts/{contact}/call", actions.end_call, methods=["POST"]),
        Route("/faults", actions.faults, methods=["GET"]),
        Route("/faults", actions.switch_all_off, methods=["DELETE"]),
        Route("/faults/{name}", actions.switch_on, methods=["PUT"]),
        Route("/faults/{name}", actions.switch_off, methods=["DELETE"]),
        Route("/webhooks", actions.webhooks, methods=["GET"]),
        Route("/webhooks", actions.add_webhook, methods=["POST"]),
        Route("/webhooks/{number:int}", actions.remove_webhook, methods=["DELETE"]),
        Route("/deliveries", actions.deliveries, methods=["GET"]),
        Route("/deliveries/{number:int}", actions.delivery, methods=["GET"]),
        Route("/deliveries/{number:int}/redeliver", actions.redeliver, methods=["POST"]),
        Route("/templates", actions.add_template, methods=["POST"]),
        Route("/samples", feed.samples, methods=["GET"]),
        Route("/samples/{name}", feed.sample, methods=["GET"]),
        Route("/reset", actions.reset, methods=["POST"]),
    ]
    return [
        Route("/sandbox/media/{token}/{name}", feed.media, methods=["GET"]),
        Mount("/sandbox", routes=routes, middleware=[Middleware(OwnSite, allowed=sandbox.options.allowed_hosts)]),
    ]
