"""What can go wrong in `actions`, as a tree.

    ActionsError                     something of agent.yaml or of the operator's world; the message says what to do
    ├── MissingAction                a built-in action whose feature is off in agent.yaml
    ├── NameTaken                    two actions of one name
    ├── OpenApiError                 a document that cannot be imported
    ├── McpError                     an MCP server that does not do what is asked of it
    │   ├── McpUnreachable           an MCP server that cannot be reached or does not speak MCP
    │   └── UnmatchedBind            `bind` names a parameter that no tool has
    ├── FunctionError                a Python function that cannot be an action
    ├── FieldRefused                 a contact field cannot hold such a value
    ├── FieldUnknown                 a contact field that the platform does not have
    └── qris.errors.QrisError        what can go wrong with payments: a tree of its own

    httpx.TransportError
    └── GuardError                   the guard refused or cut off a request; nothing of the response was used
        ├── ForbiddenTarget          the URL, the host or its address may not be reached
        ├── ForbiddenHeader          a header would have changed the request around it
        ├── ResponseTooLarge         more bytes than allowed, counted after decompression
        ├── ResponseTooSlow          the whole exchange took longer than allowed (also an httpx.TimeoutException)
        └── WrongContentType         an answer of another kind than was asked for

A call that goes wrong is no exception but an `actions.action.Outcome`.
"""

import httpx


class ActionsError(Exception):
    """Something of agent.yaml or of the operator's world; the message names it and the remedy."""


class MissingAction(ActionsError):
    """A built-in action whose feature is off in agent.yaml."""


class NameTaken(ActionsError):
    """Two actions of one name."""


class OpenApiError(ActionsError):
    """A document that cannot be imported."""


class McpError(ActionsError):
    """An MCP server that does not do what is asked of it."""


class McpUnreachable(McpError):
    """An MCP server that cannot be reached or does not speak MCP."""


class UnmatchedBind(McpError):
    """`bind` names a parameter that no tool of the server has: what it should bind would be left to the model.

    `name` is the one that is not there.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class FunctionError(ActionsError):
    """A Python function that cannot be an action. `parameter` is the entry of `parameters:` that is wrong, if one is."""

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class FieldRefused(ActionsError):
    """A contact field cannot hold such a value; the message shows one that it can."""


class FieldUnknown(ActionsError):
    """agent.yaml names a contact field that the platform does not have."""


class GuardError(httpx.TransportError):
    """The guard refused or cut off a request."""


class ForbiddenTarget(GuardError):
    """The URL, the host or its address may not be reached."""


class ForbiddenHeader(GuardError):
    """A header would have changed the request around it."""


class ResponseTooLarge(GuardError):
    """More bytes than allowed, counted after decompression."""


class ResponseTooSlow(GuardError, httpx.TimeoutException):
    """The whole exchange took longer than allowed."""


class WrongContentType(GuardError):
    """An answer of another kind than was asked for."""
