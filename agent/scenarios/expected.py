"""What a scenario expects of a turn, or of the whole conversation, as its file says it; one that could never fail is an error."""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

import regex
from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from actions.qris.states import PaymentState
from agent.scenarios.events import NonEmpty, Part
from settings import Duration, Settings

_SEARCH_SECONDS = 1.0
"""How long a regular expression of a scenario may take on a reply; a runaway one is an error, not a hanging test."""


def as_list(value: object) -> object:
    """One entry may be written without a list around it."""
    return [value] if isinstance(value, Mapping | str | int | float) else value


def _compilable(pattern: str) -> str:
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    if regex.fullmatch(pattern, "", timeout=_SEARCH_SECONDS) and regex.search(pattern, "\x00", timeout=_SEARCH_SECONDS):
        raise ValueError(f"{pattern!r} matches every text, so it can never fail; write what must stand there")
    return pattern


def found_by(pattern: str, text: str) -> bool:
    """Search with a regular expression of a scenario.

    Raises:
        TimeoutError: it takes longer than a second, whatever the text is.
    """
    return regex.search(pattern, text, timeout=_SEARCH_SECONDS) is not None


Pattern = Annotated[str, Field(min_length=1, json_schema_extra={"format": "regex"}), AfterValidator(_compilable)]


class ReplyExpectation(Part):
    """What the reply holds, all its messages together. Case and white space do not matter, except for `matches`."""

    contains: NonEmpty | tuple[NonEmpty | tuple[NonEmpty, ...], ...] | None = Field(
        default=None,
        description="Texts that must stand in it; of a list inside the list, one must.",
        examples=[["dikirim", "JNE"]],
    )
    not_contains: NonEmpty | tuple[NonEmpty, ...] | None = Field(
        default=None, description="Texts that must not stand in it.", examples=["maaf"]
    )
    matches: Pattern | tuple[Pattern, ...] | None = Field(
        default=None, description="Regular expressions that must match somewhere in it.", examples=["KS-\\d{5}"]
    )

    @model_validator(mode="after")
    def _expects_something(self) -> "ReplyExpectation":
        _something(self, "contains, not_contains or matches")
        for name in ("contains", "not_contains"):
            value = getattr(self, name)
            for text in [value] if isinstance(value, str) else value or ():
                for each in [text] if isinstance(text, str) else text:
                    if not each.strip():
                        raise ValueError(f"{name}: a text of white space stands in every reply")
        return self


class PaymentExpectation(Part):
    """A payment code that was sent, as a payer's app reads it from the picture."""

    amount: int | None = Field(default=None, ge=1, description="Whole rupiah.", examples=[50000])
    merchant: NonEmpty | None = Field(default=None, description="The name in the code.")
    reference: NonEmpty | None = Field(default=None, description="The reference of the payment.")
    state: PaymentState | None = Field(
        default=None, description="The payment's state: of one that was sent before, as well."
    )

    @model_validator(mode="after")
    def _expects_something(self) -> "PaymentExpectation":
        _something(self, "amount, merchant, reference or state")
        return self


class FollowUpExpectation(Part):
    """A message for later: scheduled in this turn, or sent in it."""

    rule: NonEmpty | None = Field(default=None, description="Name of the rule of agent.yaml.")
    contains: NonEmpty | None = Field(default=None, description="A text that it holds.")
    after: Duration | None = Field(default=None, description="How long after this turn it is due, to the minute.")

    @model_validator(mode="after")
    def _expects_something(self) -> "FollowUpExpectation":
        _something(self, "rule, contains or after")
        return self


Arguments = dict[str, JsonValue] | None


class Expectation(Part):
    """The expected outcome of a turn. Of several keys, all must hold."""

    reply: NonEmpty | ReplyExpectation | None = Field(
        default=None, description="What the reply holds; a text alone must stand in it."
    )
    replies: int | None = Field(default=None, ge=0, description="How many messages the customer gets.")
    called: bool | NonEmpty | tuple[NonEmpty, ...] | dict[str, Arguments] | None = Field(
        default=None,
        description="Actions that ran, with at least these arguments; false: none did.",
        examples=[{"get_order": {"order_id": "KS-10234"}}],
    )
    not_called: NonEmpty | tuple[NonEmpty, ...] | dict[str, Arguments] | None = Field(
        default=None,
        description="Actions that did not run; one that only waits for a yes has not.",
        examples=["cancel_order"],
    )
    passage: bool | NonEmpty | tuple[NonEmpty, ...] | None = Field(
        default=None,
        description="Documents of which a passage was found; false: nothing was found.",
        examples=["menu.csv"],
    )
    not_passage: NonEmpty | tuple[NonEmpty, ...] | None = Field(
        default=None, description="Documents of which no passage was found."
    )
    payment: bool | PaymentExpectation | None = Field(default=None, description="A payment code was sent, or none was.")
    handover: bool | NonEmpty | None = Field(
        default=None,
        description="The conversation was handed to a human in this turn; a text must stand in the reason.",
    )
    followup: bool | NonEmpty | FollowUpExpectation | None = Field(
        default=None,
        description="A message for later was scheduled or sent; a text is the name of its rule, or stands in it.",
    )
    language: str | None = Field(
        default=None, pattern="^[a-z]{2,3}$", description="Language of the reply.", examples=["id"]
    )
    tag: NonEmpty | tuple[NonEmpty, ...] | None = Field(default=None, description="Tags that the contact has now.")
    not_tag: NonEmpty | tuple[NonEmpty, ...] | None = Field(default=None, description="Tags that it has not.")
    lifecycle: NonEmpty | None = Field(default=None, description="The stage that the contact is at now.")
    note: bool | NonEmpty | tuple[NonEmpty, ...] | None = Field(
        default=None,
        description="Texts in what colleagues see on the platform: comments, assignments, tags, stages; false: they see nothing.",
        examples=["assigned to budi@example.com"],
    )
    posted: bool | NonEmpty | tuple[NonEmpty, ...] | dict[str, Arguments] | None = Field(
        default=None,
        description="Addresses that a workflow's `post` or `webhooks:` told something, and took it; with at least these fields in the "
        "body. False: none was told anything.",
        examples=[{"https://crm.example/hook": {"event": "payment.paid"}}],
    )
    silent: bool | None = Field(default=None, description="true: the customer gets no message.")
    judge: NonEmpty | None = Field(
        default=None,
        description="What the configured model is asked of the reply; recorded like any call of a model.",
        examples=["friendly, at most three sentences"],
    )

    @model_validator(mode="after")
    def _expects_something(self) -> "Expectation":
        _something(self, "e.g. `reply: {contains: …}`")
        return self


def _something(model: Settings, remedy: str) -> None:
    """Refuse an expectation that nothing could fail."""
    values = {name: getattr(model, name) for name in model.model_fields_set}
    for name, value in values.items():
        if value is None or value in ((), {}):
            raise ValueError(f"`{name}` is empty, so it could never fail")
    if not values:
        raise ValueError(f"nothing is expected here, so it could never fail; write {remedy}")


def _expects(value: tuple[Expectation, ...]) -> tuple[Expectation, ...]:
    if not value:
        raise ValueError("nothing is expected here, so it could never fail; write an expectation, or remove the key")
    return value


Expectations: TypeAlias = Annotated[
    tuple[Expectation, ...],
    BeforeValidator(as_list, json_schema_input_type=tuple[Expectation, ...] | Expectation),
    AfterValidator(_expects),
]


def words(value: bool | str | Sequence[str] | None) -> tuple[str, ...]:
    """One text or several, as several; of true and false none."""
    if value is None or isinstance(value, bool):
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
