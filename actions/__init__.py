"""What the agent can do: HTTP calls declared in agent.yaml, built-in actions and MCP tools, behind one guarded network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from actions.action import Action, Context, Outcome

if TYPE_CHECKING:
    from actions.catalogue import Actions, open_actions
    from actions.guard import guarded_client
    from actions.redaction import Redactor
    from actions.settings import ActionList, NetworkSettings

__all__ = [
    "Action",
    "ActionList",
    "Actions",
    "Context",
    "NetworkSettings",
    "Outcome",
    "Redactor",
    "guarded_client",
    "open_actions",
]

_LAZY = {
    "ActionList": "settings",
    "Actions": "catalogue",
    "NetworkSettings": "settings",
    "Redactor": "redaction",
    "guarded_client": "guard.transport",
    "open_actions": "catalogue",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"actions.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
