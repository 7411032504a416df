"""The `followups:` part of agent.yaml: messages that are sent later, when their conditions still hold."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from agent.config.texts import FactText, NamedTemplate
from messaging.types import MessageTag
from settings import Duration, Settings


class FollowUpConditions(Settings):
    """What must hold when a follow-up is due; it is checked then, not before."""

    no_reply: bool | None = Field(default=None, description="The customer has not written since.")
    payment: Literal["open", "expired"] | None = Field(
        default=None, description="The customer's last payment is still in this state."
    )
    unanswered: bool | None = Field(default=None, description="The customer's last question got no answer.")


class FollowUpRule(Settings):
    """One kind of follow-up."""

    name: str = Field(min_length=1, description="What the rule is called in lists and logs.")
    after: Duration = Field(description="How long after the agent's last message it is due.", examples=["2h"])
    when: FollowUpConditions = Field(
        default_factory=FollowUpConditions, description="What must hold when it is due.", examples=[{"no_reply": True}]
    )
    text: FactText = Field(
        description="What is sent; `{contact.first_name}` and other facts are filled in. `{contact.first_name|Kak}` says what "
        "stands there when it is not known."
    )
    template: NamedTemplate | None = Field(
        default=None,
        description="Sent instead of the text on WhatsApp outside the 24-hour window; null: nothing is sent then.",
    )
    tag: MessageTag | None = Field(
        default=None,
        description="On Facebook and Instagram the text goes out with it outside the 24-hour window; null: nothing is sent then. "
        "Their rules say which updates deserve which tag.",
    )

    @field_validator("after")
    @classmethod
    def _later(cls, value: timedelta) -> timedelta:
        if value <= timedelta():
            raise ValueError("a follow-up comes later; write e.g. 2h")
        return value


class FollowUpSettings(Settings):
    """Messages that are sent later."""

    limit: int = Field(
        default=2,
        ge=0,
        description="At most this many by rules per contact and day; reminders that a customer asked for do not count.",
    )
    rules: tuple[FollowUpRule, ...] = Field(default=(), description="What is sent by itself, and when.")
    reminders: bool = Field(default=True, description="Customers may ask to be written to again at a certain time.")
    reminder_template: NamedTemplate | None = Field(
        default=None,
        description="Sent on WhatsApp for a reminder outside the 24-hour window; its last placeholder gets the reminder's words "
        "by itself. Null: one so far ahead is not promised there.",
    )

    @model_validator(mode="after")
    def _distinct_names(self) -> "FollowUpSettings":
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rules are called {name!r}; give each a name of its own")
        return self
