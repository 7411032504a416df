"""The `{builtin: NAME, …}` entries of `actions:`."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from actions.parameters import Pattern
from actions.scope import fact_key, list_scope, suggest
from actions.wording import ActionName, Confirm, to_confirm
from settings import Duration, Settings


class BuiltinSettings(Settings):
    """What every built-in action has."""

    builtin: str = Field(description="which built-in action")
    name: ActionName | None = Field(None, description="the name by which the model knows it, when not its own")
    description: str | None = Field(None, description="what it does and when to use it, when its own text does not fit")
    examples: list[str] = Field(default_factory=list, description="what customers say when they want it")
    confirm: Annotated[Confirm | None, BeforeValidator(to_confirm)] = Field(
        None, description="the question that the customer must say yes to first"
    )
    claims: list[Pattern] = Field(
        default_factory=list, description="regular expressions of what may only be said with a receipt of this action"
    )

    @property
    def label(self) -> str:
        """How an overview of agent.yaml calls this entry."""
        return self.name or self.builtin


class HandOverAction(BuiltinSettings):
    """Give the conversation to a human."""

    builtin: Literal["hand_over"] = Field(description="hand_over")


def _binds_nothing(field: str) -> str:
    scope = list_scope()
    if fact_key(field) == "id":
        raise ValueError("the id of a contact cannot be changed")
    if scope is not None and fact_key(field) in scope.binding_facts:
        raise ValueError(
            f"{field} binds a parameter of another action (from: contact.{field}); whoever may change it could act as "
            "somebody else"
        )
    return field


class UpdateContactAction(BuiltinSettings):
    """Write a fact about the customer into the platform's contact."""

    builtin: Literal["update_contact"] = Field(description="update_contact")
    fields: list[Annotated[str, AfterValidator(_binds_nothing)]] = Field(
        min_length=1, description="the fields that may be set: first_name, email …, or custom fields by name"
    )


class CreateContactAction(BuiltinSettings):
    """Write down somebody else whom the customer names, as a contact of the platform."""

    builtin: Literal["create_contact"] = Field(description="create_contact")
    fields: list[Annotated[str, AfterValidator(_binds_nothing)]] = Field(
        default_factory=list,
        description="what may be written beside name, number and e-mail: last_name, custom fields by name",
    )
    country: str = Field("ID", pattern="^[A-Z]{2}$", description="of phone numbers that are written without one")


class RememberAction(BuiltinSettings):
    """Remember what the customer tells about themselves."""

    builtin: Literal["remember"] = Field(description="remember")
    facts: list[str] = Field(
        default_factory=lambda: ["name", "email", "address", "birthday", "preferences"],
        min_length=1,
        description="what may be remembered, by name; the names tell the model what belongs there",
    )


class TagsAction(BuiltinSettings):
    """Add tags to the contact or remove them."""

    builtin: Literal["tags"] = Field(description="tags")
    tags: list[str] = Field(min_length=1, description="the tags that may be added and removed")


class LifecycleAction(BuiltinSettings):
    """Move the contact to another stage."""

    builtin: Literal["lifecycle"] = Field(description="lifecycle")
    stages: list[str] = Field(min_length=1, description="the stages that may be set")


class CommentAction(BuiltinSettings):
    """Leave a note that colleagues see and the customer does not."""

    builtin: Literal["comment"] = Field(description="comment")


class CloseConversationAction(BuiltinSettings):
    """Close the conversation on the platform."""

    builtin: Literal["close_conversation"] = Field(description="close_conversation")
    categories: list[str] = Field(default_factory=list, description="the categories to choose from, if any")


class FollowUpAction(BuiltinSettings):
    """Write again at a time that the customer asked for."""

    builtin: Literal["follow_up"] = Field(description="follow_up")
    longest: Duration = Field(timedelta(days=30), description="how far ahead at most")


class SendFileAction(BuiltinSettings):
    """Send a file of the knowledge folder."""

    builtin: Literal["send_file"] = Field(description="send_file")
    files: list[str] = Field(
        default_factory=lambda: ["**/*.pdf", "**/*.jpg", "**/*.jpeg", "**/*.png", "**/*.webp"],
        min_length=1,
        description="glob patterns of the files that may be sent, within the folder of agent.yaml",
    )


class QuickRepliesAction(BuiltinSettings):
    """Offer the customer a few answers to tap."""

    builtin: Literal["quick_replies"] = Field(description="quick_replies")


class SendQrisAction(BuiltinSettings):
    """Send a QRIS payment code; needs `payments.qris`."""

    builtin: Literal["send_qris"] = Field(description="send_qris")


BUILTINS = (
    "hand_over",
    "update_contact",
    "create_contact",
    "remember",
    "tags",
    "lifecycle",
    "comment",
    "close_conversation",
    "follow_up",
    "send_file",
    "quick_replies",
    "send_qris",
)


def _no_such_builtin(value: object) -> object:
    raise ValueError(f"{value!r} is not a built-in action{suggest(str(value), BUILTINS)}")


class UnknownBuiltin(Settings):
    """Where an entry ends whose `builtin` is none: it always fails, at that word."""

    model_config = ConfigDict(extra="ignore")

    builtin: Annotated[Any, WithJsonSchema({"enum": list(BUILTINS)}), AfterValidator(_no_such_builtin)] = Field(
        description=", ".join(BUILTINS)
    )

    @property
    def label(self) -> str:
        return str(self.builtin)
