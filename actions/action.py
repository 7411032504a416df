"""What an action is to the agent: something the model may ask for, run by code that decides what may be sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias

EMPTY = "Done; the answer is empty."
"""What the model reads of a call that was done and has nothing to tell."""

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Context:
    """What an action may know of the conversation it runs in. The runtime fills it; the model cannot.

    `contact` holds the facts by their name in agent.yaml: `id`, `phone`, `email`, `first_name`, `last_name`,
    `language`, `country`, and `custom` (a mapping). `said` is what the customer wrote or said, oldest first (never what
    the agent said). `results` are the outputs of earlier actions in this conversation, by action name, oldest first.
    `key` is the idempotency key of this step: the same again after a crash.
    """

    contact: Mapping[str, Any]
    said: Sequence[str]
    results: Mapping[str, Sequence[Json]]
    key: str
    now: datetime
    language: str = "id"


# What an action asks the runtime to do when the turn is committed, in the same transaction as the reply.
# A turn that is abandoned does none of it.


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give the conversation to a human. `summary` is for colleagues."""

    reason: str
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateContact:
    """Set fields of the contact on the platform, by name; `None` clears one."""

    fields: Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class CreateContact:
    """Somebody else whom the customer names becomes a contact of the platform, unless they are one: then nothing of theirs changes."""

    by: Literal["phone", "email"]
    address: str  # E.164, or an e-mail address
    fields: Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class Remember:
    """What the customer told about themselves, by name (`address`), in their own words."""

    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChangeTags:
    """Put tags on the contact, and take others off."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetLifecycle:
    """Move the contact to the stage of this name; `None` removes its stage."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Comment:
    """Leave a note that colleagues see and the customer does not."""

    text: str


@dataclass(frozen=True, slots=True)
class CloseConversation:
    """Close the conversation; `category` is the name of a closing note of the workspace."""

    category: str | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleFollowUp:
    """A message at a time the customer asked for; `due` is aware UTC."""

    due: datetime
    text: str


@dataclass(frozen=True, slots=True)
class CancelFollowUp:
    """Call off a message that was promised; `id` is the ledger's."""

    id: str


@dataclass(frozen=True, slots=True)
class SendPayment:
    """A QRIS code that the customer is to pay: the payload to render and the facts of the caption. Amount in rupiah."""

    payload: str
    amount: int
    reference: str
    merchant: str
    nmid: str | None
    expires: datetime | None
    provider: str  # "static" or the gateway's name
    provider_id: str | None = None
    order: str | None = None  # our id of it at the gateway, where that is not `reference`
    asked: int | None = None  # the amount before a unique suffix was added, where one was
    resend: bool = False  # a live code is sent again: no new payment row


@dataclass(frozen=True, slots=True)
class SendFile:
    """A file of the knowledge folder, as an attachment."""

    path: str
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class SendQuickReplies:
    """A question with answers to choose from."""

    title: str
    replies: tuple[str, ...]


Request: TypeAlias = (
    HandOver
    | UpdateContact
    | CreateContact
    | Remember
    | ChangeTags
    | SetLifecycle
    | Comment
    | CloseConversation
    | ScheduleFollowUp
    | CancelFollowUp
    | SendPayment
    | SendFile
    | SendQuickReplies
)

Status = Literal["done", "failed", "refused", "unknown", "confirm"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended.

    - `done`: it happened; with `effect` this is the receipt that a claim needs
    - `failed`: it did not happen, and the model is told why
    - `refused`: nothing was called: an argument was invalid or had no provenance; the model is told to ask the customer
    - `unknown`: it may have happened (time-out after sending, a crash); never called again without an idempotency key
    - `confirm`: nothing was called yet; `content` is the question that the customer must answer with yes first

    `content` is what the model reads, `data` what later actions may take arguments from (`from: get_order`).
    """

    status: Status
    content: str
    data: Json = None
    requests: tuple[Request, ...] = ()


CONFIRM_EXPIRES = timedelta(minutes=15)
"""How long a yes is waited for, unless agent.yaml says otherwise."""


class Action(Protocol):
    """An action as the agent sees it. `parameters` is the JSON Schema of what the model may set, and nothing else."""

    @property
    def name(self) -> str: ...

    @property
    def builtin(self) -> str | None:
        """Which built-in action it is, under whatever name; `None` when it reaches a system of the business."""

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Json]: ...

    @property
    def effect(self) -> bool:
        """Whether it changes something outside: each effect at most once a turn (see `actions.identity`)."""

    @property
    def reads(self) -> bool:
        """Whether it only looks something up: it may be repeated, and its receipt proves no change."""

    @property
    def idempotent(self) -> bool:
        """Whether calling again with the same `Context.key` is harmless."""

    @property
    def identity(self) -> Sequence[str]:
        """The parameters that tell one effect of it from another: a repeated one is not run again."""

    @property
    def per_turn(self) -> int | None:
        """How many different effects of it one turn may have; `None` for as many as are asked for."""

    @property
    def hints(self) -> Sequence[str]:
        """What a server says that it does, beside `effect`: a customer's yes is to this, too."""

    @property
    def confirm(self) -> str | None:
        """The question a customer must say yes to before it runs; braces hold parameters."""

    @property
    def confirm_expires(self) -> timedelta:
        """How long the answer to `confirm` is waited for."""

    @property
    def examples(self) -> Sequence[str]: ...

    @property
    def claims(self) -> Sequence[str]:
        """Regular expressions of what may only be said with a receipt of this action."""

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        """The values that a call would run with and that `confirm` may name: bound ones too, secrets never."""

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        """The refusal, or `None` when the arguments are valid and have their provenance. Calls nothing."""

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        """Check, then act. Never raises for what the outside world does: that is an `Outcome`."""


class WrappedAction:
    """An action that is another one in all that a subclass does not say otherwise."""

    def __init__(self, action: Action) -> None:
        self._action = action

    @property
    def name(self) -> str:
        return self._action.name

    @property
    def builtin(self) -> str | None:
        return self._action.builtin

    @property
    def description(self) -> str:
        return self._action.description

    @property
    def parameters(self) -> Mapping[str, Json]:
        return self._action.parameters

    @property
    def effect(self) -> bool:
        return self._action.effect

    @property
    def reads(self) -> bool:
        return self._action.reads

    @property
    def idempotent(self) -> bool:
        return self._action.idempotent

    @property
    def identity(self) -> Sequence[str]:
        return self._action.identity

    @property
    def per_turn(self) -> int | None:
        return self._action.per_turn

    @property
    def hints(self) -> Sequence[str]:
        return self._action.hints

    @property
    def confirm(self) -> str | None:
        return self._action.confirm

    @property
    def confirm_expires(self) -> timedelta:
        return self._action.confirm_expires

    @property
    def examples(self) -> Sequence[str]:
        return self._action.examples

    @property
    def claims(self) -> Sequence[str]:
        return self._action.claims

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        return self._action.visible(arguments, context)

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        return await self._action.check(arguments, context)

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        return await self._action.run(arguments, context)
