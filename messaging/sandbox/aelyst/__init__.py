"""Aelyst and respond.io as the sandbox plays them. The rest of the sandbox knows nothing of their wire format."""

from messaging.sandbox.aelyst.face import AelystFace

__all__ = ["AelystFace"]
