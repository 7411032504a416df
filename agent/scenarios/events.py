"""What happens beside the talk: on the platform, or to a payment; as the file of a scenario says it, and as the platform would."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from messaging.types import (
    AssigneeChanged,
    Contact,
    ContactChanged,
    ConversationClosed,
    ConversationOpened,
    Event,
    Person,
)
from settings import Settings

NonEmpty = Annotated[str, Field(min_length=1)]


class Part(Settings):
    """A part of a scenario: true and false are no numbers in it."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth(cls, value: Any, info: ValidationInfo) -> Any:
        annotation: Any = cls.model_fields[info.field_name or ""].annotation
        wanted = _kinds(annotation)
        if {int, float} & wanted and not {bool, Any} & wanted:
            given = value if isinstance(value, list | tuple) else [value]
            if wrong := [str(each).lower() for each in given if isinstance(each, bool)]:
                raise ValueError(f"must be a number, found {wrong[0]}")
        return value


@cache
def _kinds(annotation: Any) -> frozenset[Any]:
    """The types that an annotation is made of."""
    inside = get_args(annotation)
    return frozenset({annotation}).union(*map(_kinds, inside)) if inside else frozenset({annotation})


class ChangedFacts(Part):
    """Facts of the customer that change on the platform."""

    first_name: str | None = Field(default=None, description="First name.", examples=["Budi"])
    last_name: str | None = Field(default=None, description="Last name.")
    email: str | None = Field(default=None, description="E-mail address.")
    language: str | None = Field(default=None, description="Language that the platform has noted.")
    country: str | None = Field(default=None, description="Country, ISO 3166-1 alpha-2.")
    custom_fields: dict[str, str | int | float | bool | None] = Field(
        default_factory=dict, description="Custom fields by name."
    )

    @model_validator(mode="after")
    def _changes_something(self) -> "ChangedFacts":
        if not self.model_fields_set:
            raise ValueError("say what changes, e.g. `first_name: Budi`")
        return self


class Closing(Part):
    """How a conversation was closed."""

    category: str | None = Field(default=None, description="Its category on the platform.")
    summary: str | None = Field(default=None, description="Its summary.")


class NamedPayment(Part):
    """Which of the customer's payments is meant."""

    number: int | None = Field(
        default=None, ge=1, description="Counted from 1 in the order in which their codes were sent.", examples=[1]
    )
    amount: int | None = Field(default=None, ge=1, description="Whole rupiah; of several the newest.", examples=[50000])

    @model_validator(mode="after")
    def _names_one(self) -> "NamedPayment":
        if (self.number is None) == (self.amount is None):
            raise ValueError("name the payment by `number:` or by `amount:`")
        return self


class PlatformEvent(Part):
    """What happens beside the talk, and begins workflows: one of these."""

    contact_created: None = Field(default=None, alias="contact.created", description="The customer is new.")
    contact_updated: ChangedFacts | None = Field(
        default=None, alias="contact.updated", description="Facts of the customer change on the platform."
    )
    tag_added: NonEmpty | None = Field(
        default=None, alias="tag.added", description="The customer gets this tag.", examples=["vip"]
    )
    tag_removed: NonEmpty | None = Field(default=None, alias="tag.removed", description="The customer loses this tag.")
    lifecycle_changed: NonEmpty | None = Field(
        default=None, alias="lifecycle.changed", description="The customer comes to this stage.", examples=["Customer"]
    )
    conversation_opened: None = Field(
        default=None, alias="conversation.opened", description="A conversation is opened on the platform."
    )
    conversation_closed: Closing | None = Field(
        default=None, alias="conversation.closed", description="A colleague closes the conversation on the platform."
    )
    assigned: NonEmpty | None = Field(
        default=None, description="The conversation is assigned to this colleague.", examples=["budi@example.com"]
    )
    unassigned: None = Field(default=None, description="It is assigned to no colleague any more.")
    payment_paid: NamedPayment | None = Field(
        default=None,
        alias="payment.paid",
        description="The customer's newest open payment is paid, or the one that is named, even when it has expired.",
        examples=[{"number": 1}],
    )
    payment_expired: NamedPayment | None = Field(
        default=None,
        alias="payment.expired",
        description="Time passes until the customer's newest open payment expires, or the one that is named.",
    )

    @property
    def name(self) -> str:
        """The name of the event."""
        name = next(iter(self.model_fields_set))
        return type(self).model_fields[name].alias or name

    @property
    def value(self) -> Any:
        """What more is said of it."""
        return getattr(self, next(iter(self.model_fields_set)))


_TELLS_MORE = ("contact.updated", "tag.added", "tag.removed", "lifecycle.changed", "assigned")
"""Events of which more must be said than their name."""


def _from_word(value: Any) -> Any:
    """An event of which nothing more is said may be a word."""
    known = [field.alias or name for name, field in PlatformEvent.model_fields.items()]
    if isinstance(value, str):
        if value not in known:
            raise ValueError(f"there is no event {value!r}; there are {', '.join(known)}")
        if value in _TELLS_MORE:
            raise ValueError(f"say more of it: `{value}: …`")
        return {value: None}
    if isinstance(value, Mapping):
        if len(value) != 1:
            raise ValueError("one turn is one event: a word, or a mapping with one key")
        ((name, told),) = value.items()
        if name in _TELLS_MORE and told is None:
            raise ValueError("it is empty; say what the event tells")
    return value


_Word = Literal[
    "contact.created", "conversation.opened", "conversation.closed", "unassigned", "payment.paid", "payment.expired"
]

WrittenEvent: TypeAlias = Annotated[
    PlatformEvent, BeforeValidator(_from_word, json_schema_input_type=_Word | PlatformEvent)
]
"""An event as a scenario writes it: a word, or a mapping with one key."""


def shown(event: PlatformEvent) -> str:
    """An event on one line."""
    value = event.value
    if isinstance(value, Settings):
        value = ", ".join(f"{name}: {value}" for name, value in value.model_dump(exclude_unset=True).items())
    return event.name if value is None else f"{event.name}: {value}"


def changed(event: PlatformEvent, contact: Contact) -> Contact:
    """The customer after an event, as the platform has it."""
    value = event.value
    match event.name:
        case "contact.updated":
            facts = value.model_dump(exclude_unset=True)
            custom = {**contact.custom_fields, **facts.pop("custom_fields", {})}
            return replace(contact, **facts, custom_fields=custom)
        case "tag.added":
            return replace(contact, tags=tuple(dict.fromkeys((*contact.tags, value))))
        case "tag.removed":
            return replace(contact, tags=tuple(tag for tag in contact.tags if tag != value))
        case "lifecycle.changed":
            return replace(contact, lifecycle=value)
        case "assigned":
            return replace(contact, assignee=Person(value, value))
        case "unassigned":
            return replace(contact, assignee=None)
        case _:
            return contact


def told(event: PlatformEvent, contact: Contact) -> Event | None:
    """What the webhook of the platform says of an event; `None` for one that is no platform's.

    Args:
        event: what happens.
        contact: the customer after it.
    """
    match event.name:
        case "contact.created":
            return ContactChanged(contact, "created")
        case "contact.updated":
            return ContactChanged(contact, "updated")
        case "tag.added":
            return ContactChanged(contact, "tag", tag=event.value, action="add")
        case "tag.removed":
            return ContactChanged(contact, "tag", tag=event.value, action="remove")
        case "lifecycle.changed":
            return ContactChanged(contact, "lifecycle", action="updated")
        case "conversation.opened":
            return ConversationOpened(contact, "user")
        case "conversation.closed":
            closing = event.value or Closing()
            return ConversationClosed(
                contact, Person("colleague", "Colleague"), "user", closing.summary, closing.category
            )
        case "assigned" | "unassigned":
            return AssigneeChanged(contact)
        case _:
            return None
