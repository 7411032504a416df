"""A local platform that serves the API of Aelyst (and respond.io), with a phone page to play the customer.

app = create_app(SandboxOptions(webhook_url="http://127.0.0.1:8080/webhooks/sandbox"))
"""

from messaging.sandbox.options import SandboxOptions, SeedContact
from messaging.sandbox.server import RunningSandbox, create_app, serve
from messaging.sandbox.state import Sandbox

__all__ = ["RunningSandbox", "Sandbox", "SandboxOptions", "SeedContact", "create_app", "serve"]
