"""The types of `actions:` and `network:` in agent.yaml: declared actions, built-in ones and MCP servers in one list.

Each entry is validated within the scope of its list (`actions.scope`), so that an error points at the field that is wrong.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    Tag,
    ValidationInfo,
    WrapValidator,
    field_validator,
    model_validator,
)

from actions.builtin.settings import (
    BUILTINS,
    BuiltinSettings,
    CloseConversationAction,
    CommentAction,
    CreateContactAction,
    FollowUpAction,
    HandOverAction,
    LifecycleAction,
    QuickRepliesAction,
    RememberAction,
    SendFileAction,
    SendQrisAction,
    TagsAction,
    UnknownBuiltin,
    UpdateContactAction,
)
from actions.guard.addresses import parse_entry
from actions.http.settings import Request, Response
from actions.identity import identifying
from actions.mcp.settings import McpAction
from actions.parameters import Parameters, Pattern, model_schema
from actions.python.settings import PythonAction
from actions.scope import ActionScope, ListScope, fact_key, suggest, within_action, within_list
from actions.template import placeholders, texts_in
from actions.wording import ActionName, Confirm, to_confirm
from settings import Settings


class DeclaredAction(Settings):
    """An HTTP call that the model may ask for."""

    name: ActionName = Field(description="the name by which the model and other actions know it")
    description: str = Field(min_length=1, description="what it does and when to use it, for the model")
    examples: list[str] = Field(default_factory=list, description="what customers say when they want it")
    parameters: Parameters = Field(default_factory=dict, description="its parameters: JSON Schema, and from")
    effect: bool | None = Field(
        None,
        description="whether it changes something: at most once a turn, with a receipt; by default as the method says",
    )
    identity: list[str] | None = Field(
        None,
        min_length=1,
        description="the parameters that tell one effect from another; by default all but optional notes. A repeated effect is "
        "not run again",
    )
    per_turn: int = Field(
        1,
        ge=1,
        le=100,
        description="how many different effects of it one turn may have, for actions on several targets",
    )
    confirm: Annotated[Confirm | None, BeforeValidator(to_confirm)] = Field(
        None, description="the question that the customer must say yes to first, or {text: …, expires: 15m}"
    )
    request: Request = Field(description="the HTTP call")
    response: Response = Field(default_factory=Response, description="what is made of the answer")
    claims: list[Pattern] = Field(
        default_factory=list, description="regular expressions of what may only be said with a receipt of this action"
    )

    @model_validator(mode="wrap")
    @classmethod
    def _know_the_parameters(cls, raw: Any, handler: ModelWrapValidatorHandler["DeclaredAction"]) -> "DeclaredAction":
        if not isinstance(raw, Mapping):
            return handler(raw)
        parameters = raw.get("parameters")
        used = _used(raw.get("request"))
        with within_action(ActionScope(parameters if isinstance(parameters, Mapping) else {}, used)):
            return handler(raw)

    @field_validator("response")
    @classmethod
    def _only_reads_are_cached(cls, value: Response, info: ValidationInfo) -> Response:
        request: Request | None = info.data.get("request")
        if value.cache is not None and (info.data.get("effect") or (request is not None and not request.safe)):
            raise ValueError("only a safe call (GET without effect) can have a cache")
        return value

    @field_validator("identity")
    @classmethod
    def _identity_is_declared(cls, value: list[str] | None, info: ValidationInfo) -> list[str] | None:
        parameters: Parameters = info.data.get("parameters") or {}
        for name in value or ():
            if name not in parameters or parameters[name].bound:
                free = [known for known, parameter in parameters.items() if not parameter.bound]
                raise ValueError(f"{name!r} is not a parameter that the model sets{suggest(name, free)}")
        return value

    @property
    def identifying(self) -> tuple[str, ...]:
        """The parameters that tell one effect of it from another."""
        if self.identity is not None:
            return tuple(self.identity)
        notes = {name: parameter.note for name, parameter in self.parameters.items() if parameter.note is not None}
        notes |= {
            name: False
            for name, parameter in self.parameters.items()
            if name not in notes and any(source.kind == "action" for source in parameter.source)
        }
        return identifying(model_schema(self.parameters), notes)

    @property
    def label(self) -> str:
        """How an overview of agent.yaml calls this entry."""
        return self.name

    @property
    def has_effect(self) -> bool:
        return not self.request.safe if self.effect is None else self.effect


def _used(request: Any) -> frozenset[str]:
    """The parameters that a request names anywhere; braces that are wrong are reported where they stand."""
    found: set[str] = set()
    for text in texts_in(request):
        try:
            found.update(placeholders(text))
        except ValueError:
            continue
    return frozenset(found)


def _kind(value: Any) -> str:
    """The tag of an entry. Tags show in error locations; parentheses keep them apart from keys."""
    if isinstance(value, Mapping):
        if "mcp" in value:
            return "(mcp)"
        if "python" in value:
            return "(python)"
        if "builtin" in value:
            name = value["builtin"]
            return f"({name})" if isinstance(name, str) and name in BUILTINS else "(builtin)"
    elif isinstance(value, McpAction):
        return "(mcp)"
    elif isinstance(value, PythonAction):
        return "(python)"
    elif isinstance(value, BuiltinSettings):
        return f"({value.builtin})"
    return "(action)"


ActionSettings: TypeAlias = Annotated[
    Annotated[DeclaredAction, Tag("(action)")]
    | Annotated[HandOverAction, Tag("(hand_over)")]
    | Annotated[UpdateContactAction, Tag("(update_contact)")]
    | Annotated[CreateContactAction, Tag("(create_contact)")]
    | Annotated[RememberAction, Tag("(remember)")]
    | Annotated[TagsAction, Tag("(tags)")]
    | Annotated[LifecycleAction, Tag("(lifecycle)")]
    | Annotated[CommentAction, Tag("(comment)")]
    | Annotated[CloseConversationAction, Tag("(close_conversation)")]
    | Annotated[FollowUpAction, Tag("(follow_up)")]
    | Annotated[SendFileAction, Tag("(send_file)")]
    | Annotated[QuickRepliesAction, Tag("(quick_replies)")]
    | Annotated[SendQrisAction, Tag("(send_qris)")]
    | Annotated[UnknownBuiltin, Tag("(builtin)")]
    | Annotated[McpAction, Tag("(mcp)")]
    | Annotated[PythonAction, Tag("(python)")],
    Discriminator(_kind),
]


def _function_name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("python") or "").rpartition(":")[2]


def _written_sources(entry: Mapping[str, Any]) -> Iterator[str]:
    """Every source that an entry names, under whatever key its kind of action has them: `parameters` or `bind`."""
    bind, parameters = entry.get("bind"), entry.get("parameters")
    if isinstance(bind, Mapping):
        yield from texts_in(list(bind.values()))
    if isinstance(parameters, Mapping):
        for parameter in parameters.values():
            if isinstance(parameter, Mapping):
                yield from texts_in(parameter.get("from"))


def _know_the_list(value: Any, handler: Any) -> Any:
    entries = [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list | tuple) else []
    names = Counter(
        name for entry in entries if (name := str(entry.get("name") or entry.get("builtin") or _function_name(entry)))
    )
    facts = frozenset(
        fact_key(source)
        for entry in entries
        for source in _written_sources(entry)
        if source.strip().startswith("contact.")
    )
    with within_list(ListScope(names, any("mcp" in entry for entry in entries), facts)):
        return handler(value)


ActionList: TypeAlias = Annotated[list[ActionSettings], WrapValidator(_know_the_list)]
"""The type of `actions:`."""


def _private_host(text: str) -> str:
    parse_entry(text)
    return text


class NetworkSettings(Settings):
    """`network:`"""

    allow_private: list[Annotated[str, BeforeValidator(lambda value: _private_host(str(value)))]] = Field(
        default_factory=list,
        description="private or loopback hosts that actions, knowledge and media may reach: "
        "a host, host:port, address or network",
    )
