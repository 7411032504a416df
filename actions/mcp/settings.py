"""The `{mcp: …}` entries of `actions:`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from actions.http.settings import FreeHeaderName, Url
from actions.parameters import Source, Sources
from actions.wording import Confirm, to_confirm
from settings import Duration, Settings


def _one_way(value: Any) -> Any:
    if isinstance(value, Mapping) and ("url" in value) == ("command" in value):
        raise ValueError("an MCP server has either a url or a command")
    return value


def _words(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _not_a_value(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    if sources[0].kind in ("secret", "const"):
        raise ValueError(
            "a tool's parameter comes from the contact, the conversation or an action; found a fixed value"
        )
    return sources


class McpServer(Settings):
    """An MCP server: by address (Streamable HTTP), or a program that is started and spoken to over standard input."""

    url: Url | None = Field(None, description="the address of a server that speaks Streamable HTTP")
    headers: dict[FreeHeaderName, SecretStr] = Field(
        default_factory=dict, description="headers for it, e.g. Authorization"
    )
    command: Annotated[list[str] | None, BeforeValidator(_words)] = Field(
        None, min_length=1, description="a program and its arguments: [uvx, my-server]"
    )
    env: dict[str, SecretStr] = Field(default_factory=dict, description="environment variables for the program")


class McpAction(Settings):
    """The tools of an MCP server."""

    mcp: Annotated[McpServer, BeforeValidator(_one_way)] = Field(description="the server: {url: …} or {command: […]}")
    tools: list[str] | None = Field(None, description="the tools to offer; all when left out")
    prefix: Annotated[str, AfterValidator(str.strip)] = Field(
        "", pattern=r"^[A-Za-z0-9_-]{0,32}$", description="a prefix of the tools' names, where they would clash"
    )
    bind: dict[str, Annotated[Sources, AfterValidator(_not_a_value)]] = Field(
        default_factory=dict,
        description="where parameters come from, by name, in every tool that has them: {phone: contact.phone}",
    )
    confirm: dict[str, Annotated[Confirm, BeforeValidator(to_confirm)]] = Field(
        default_factory=dict,
        description="the question that the customer must say yes to before a tool runs, by tool: {reserve: Pesan {item}?}",
    )
    effect: bool | None = Field(
        None,
        description="whether its tools change something; by default every tool that does not say that it only reads",
    )
    per_turn: int = Field(
        1, ge=1, le=100, description="how many different calls of one tool that changes something a turn may make"
    )
    timeout: Duration = Field(timedelta(seconds=30), description="for starting, listing and each call")

    @field_validator("confirm")
    @classmethod
    def _of_offered_tools(cls, confirm: dict[str, Confirm], info: ValidationInfo) -> dict[str, Confirm]:
        offered = info.data.get("tools")
        if offered is not None and (left_out := sorted(confirm.keys() - set(offered))):
            raise ValueError(
                f"asks before {' and '.join(left_out)}, which tools leaves out; name it in tools too, or take the question away"
            )
        return confirm

    @property
    def label(self) -> str:
        """How an overview of agent.yaml calls this entry."""
        return "MCP server"
