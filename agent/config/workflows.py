"""Workflows: what happens by itself when something has happened, and the events that are told to other systems."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, SecretStr, field_validator, model_validator

from actions.template import texts_in
from agent.config.audience import AudienceSettings
from agent.config.texts import Text, check_facts
from messaging.types import MessageTag
from settings import Duration, Rate, Settings
from settings.matching import JsonPath, known_regex

EventName = Literal[
    "message.received",
    "message.sent",
    "turn.done",
    "handover",
    "conversation.opened",
    "conversation.closed",
    "contact.created",
    "contact.updated",
    "tag.added",
    "lifecycle.changed",
    "action.done",
    "payment.paid",
    "payment.expired",
    "broadcast.done",
    "workflow.done",
    "workflow.failed",
]
"""What can be told to other systems, and begin workflows."""

NAME = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
_EVENT = re.compile(r"(?P<space> ?)\{\s*event\.(?P<path>[^{}|]+?)\s*(?:\|(?P<instead>[^{}]*))?\}")


def fill_event(text: str, data: Mapping[str, Any], written: Callable[[str], str] = str) -> str:
    """Fill in `{event.…}`; a path that leads nowhere leaves what stands after the bar, or nothing, not even the space before it.

    Braces inside a value stay what they are, and are not taken for facts of the contact.
    """

    def write(match: re.Match[str]) -> str:
        found = find_in(data, match["path"])
        value = ("" if found is None else " ".join(_plain(found).split())) or (match["instead"] or "").strip()
        return match["space"] + written(value).replace("{", "(").replace("}", ")") if value else ""

    return _EVENT.sub(write, text)


def find_in(data: Any, path: str) -> Any:
    """Follow a path such as `billing.phone` or `items.0.name` into JSON; `None` where it leads nowhere."""
    if isinstance(data, Mapping) and path in data:
        return data[path]
    for key in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(key)
        elif isinstance(data, list) and key.isdecimal() and int(key) < len(data):
            data = data[int(key)]
        else:
            return None
    return data


def only_event(text: str) -> str | None:
    """Tell the path of a text that is one `{event.…}` and nothing else: its value is taken as it is."""
    match = _EVENT.fullmatch(text.strip())
    return match["path"] if match and match["instead"] is None else None


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(_plain(each) for each in value)
    return str(value)


def check_places(text: str) -> str:
    """The text itself; braces may hold values of the event and facts of the contact. Raises `ValueError`."""
    check_facts(_EVENT.sub("", text))
    return text


def _checked_text(text: Text) -> Text:
    for words in text.by_language.values():
        check_places(words)
    return text


def _checked_values(value: JsonValue) -> JsonValue:
    for text in texts_in(value):
        check_places(text)
    return value


def next_time(cron: str, after: Any) -> Any:
    """The next time of a cron expression after one, in that one's time zone.

    Raises:
        ValueError: it has no further time.
    """
    from croniter import CroniterError, croniter

    try:
        return croniter(cron, after).get_next(type(after))
    except CroniterError as error:
        raise ValueError(f"{cron!r} never comes: {error}") from None


def _known_cron(value: str) -> str:
    from croniter import croniter

    if len(value.split()) != 5 or not croniter.is_valid(value):
        raise ValueError(
            f'{value!r} is not a cron expression; write minute, hour, day, month and weekday, e.g. "0 9 * * mon-fri"'
        )
    return value


class MessageCondition(Settings):
    """Which messages."""

    matches: Annotated[str, Field(min_length=1), AfterValidator(known_regex)] | None = Field(
        default=None,
        description="A regular expression that is found in the message's text; upper and lower case are alike.",
        examples=["^promo"],
    )


class NoCondition(Settings):
    """Nothing more is asked."""


class Trigger(Settings):
    """What begins a workflow: one of these, as a word where nothing more is said."""

    message_received: MessageCondition | None = Field(
        default=None, alias="message.received", description="The customer wrote.", examples=[{"matches": "^promo"}]
    )
    conversation_opened: NoCondition | None = Field(
        default=None, alias="conversation.opened", description="A conversation was opened on the platform."
    )
    conversation_closed: NoCondition | None = Field(
        default=None, alias="conversation.closed", description="A conversation was closed on the platform."
    )
    contact_created: NoCondition | None = Field(
        default=None, alias="contact.created", description="A customer is new: created on the platform, or wrote first."
    )
    contact_updated: NoCondition | None = Field(
        default=None, alias="contact.updated", description="Facts of a contact have changed."
    )
    tag_added: str | None = Field(default=None, alias="tag.added", description="A contact got this tag.")
    lifecycle_changed: str | None = Field(
        default=None, alias="lifecycle.changed", description="A contact came to this lifecycle stage."
    )
    payment_paid: NoCondition | None = Field(default=None, alias="payment.paid", description="A payment has arrived.")
    payment_expired: NoCondition | None = Field(
        default=None, alias="payment.expired", description="A payment was not made in time."
    )
    handover: NoCondition | None = Field(default=None, description="A human answers from now on.")
    action_done: str | None = Field(
        default=None, alias="action.done", description="This action was done in a conversation.", examples=["get_order"]
    )
    broadcast_done: NoCondition | None = Field(
        default=None, alias="broadcast.done", description="A broadcast has ended."
    )
    schedule: Annotated[str, AfterValidator(_known_cron)] | None = Field(
        default=None,
        description="At these times, in the business's time zone: minute, hour, day, month, weekday. `for` says for whom.",
        examples=["0 9 * * mon-fri"],
    )
    webhook: NoCondition | None = Field(
        default=None, description="Another system calls `POST /api/v1/hooks/{name}` with the workflow's `token`."
    )

    @property
    def event(self) -> str:
        """The name of the event."""
        name = next(iter(self.model_fields_set))
        return type(self).model_fields[name].alias or name

    @property
    def value(self) -> Any:
        """What must hold of the event."""
        return getattr(self, next(iter(self.model_fields_set)))

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        if isinstance(value, str):
            if value not in known:
                raise ValueError(f"there is no event {value!r}; there are {', '.join(known)}")
            if value == "schedule":
                raise ValueError('schedule needs its times, e.g. {schedule: "0 9 * * mon-fri"}')
            return {value: None}
        if isinstance(value, dict):
            if len(value) != 1:
                raise ValueError("one workflow begins with one event: a word, or a mapping with one key")
            ((name, condition),) = value.items()
            if condition == {} and name not in ("message.received", "schedule"):
                return {name: None}
        return value


class Condition(Settings):
    """What must hold of the contact when the workflow begins: all of these."""

    tag: str | None = Field(default=None, description="The contact has this tag.", examples=["vip"])
    not_tag: str | None = Field(default=None, description="The contact does not have this tag.")
    lifecycle: str | None = Field(default=None, description="The contact is at this lifecycle stage.")
    language: str | None = Field(default=None, description="The contact writes in this language.", examples=["id"])
    field: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Facts and custom fields, with the value each has.",
        examples=[{"city": "Bandung"}],
    )
    channel: str | None = Field(
        default=None,
        description="The contact last wrote on this kind of channel, or on this platform of `messaging`.",
        examples=["whatsapp"],
    )
    hours: Literal["open", "closed"] | None = Field(
        default=None, description="Whether the business is open, by `conversation.hours`."
    )

    @property
    def of_contact(self) -> list[str]:
        """The keys that ask something of a contact."""
        return [name for name in type(self).model_fields if name != "hours" and getattr(self, name)]


class WorkflowTemplate(Settings):
    """A message template of the platform."""

    name: str = Field(min_length=1, description="Name of the template on the platform.")
    language: str = Field(default="id", description="Its language code.")
    parameters: tuple[Annotated[str, AfterValidator(check_places)], ...] = Field(
        description="The texts for its placeholders, in order; `[]` for a template without any.",
        examples=[["{contact.first_name|Kak}", "{event.number}"]],
    )


class SendStep(Settings):
    """A message to the customer."""

    text: Annotated[Text, AfterValidator(_checked_text)] | None = Field(
        default=None,
        description="What is sent where free text is allowed; `{contact.first_name|Kak}` and `{event.number}` are filled in.",
    )
    template: WorkflowTemplate | None = Field(
        default=None, description="What is sent on WhatsApp outside the 24-hour window; null: nothing is sent then."
    )
    tag: MessageTag | None = Field(
        default=None, description="On Facebook and Instagram the text goes out with it outside the 24-hour window."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_something(self) -> "SendStep":
        if self.text is None and self.template is None:
            raise ValueError("nothing to send; write a text, a template, or both")
        return self


class TagStep(Settings):
    """Tags of the contact."""

    add: tuple[str, ...] = Field(default=(), description="Tags to set.")
    remove: tuple[str, ...] = Field(default=(), description="Tags to remove.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"add": [value]}
        if isinstance(value, dict):
            return {name: [each] if isinstance(each, str) else each for name, each in value.items()}
        return value

    @model_validator(mode="after")
    def _does_something(self) -> "TagStep":
        if not self.add and not self.remove:
            raise ValueError("name tags to `add` or to `remove`")
        return self


class PostStep(Settings):
    """A request to another system: signed, and retried for a day until it is answered with 2xx."""

    url: Annotated[str, Field(pattern="^https?://"), AfterValidator(check_places)] = Field(
        description="Where to; placeholders are filled in, percent-encoded.", examples=["https://crm.example.com/leads"]
    )
    body: Annotated[JsonValue, AfterValidator(_checked_values)] = Field(
        default=None, alias="json", description="The body as JSON; null: the event as it is told to `webhooks`."
    )
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Further headers.")
    secret: SecretStr | None = Field(
        default=None, description="Signs the body: `X-Balas-Signature: sha256=<hex HMAC-SHA256>`."
    )


def _one_action(value: Any) -> Any:
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict):
        return {name: {} if arguments is None else arguments for name, arguments in value.items()}
    return value


class Step(Settings):
    """One thing that a workflow does: one of these keys, with `until` beside `wait`."""

    send: SendStep | None = Field(default=None, description="A message to the customer; a text alone is enough.")
    action: Annotated[
        dict[str, Annotated[dict[str, JsonValue], AfterValidator(_checked_values)]] | None, BeforeValidator(_one_action)
    ] = Field(
        default=None,
        description="An action of this agent with its arguments, under the guards of any other call.",
        examples=[{"create_ticket": {"subject": "{event.text}"}}],
    )
    tag: TagStep | None = Field(default=None, description="Sets and removes tags.")
    lifecycle: str | None = Field(default=None, min_length=1, description="Moves the contact to this lifecycle stage.")
    assign: str | None = Field(
        default=None, min_length=1, description="Assigns the conversation to a colleague, by id or e-mail."
    )
    note: Annotated[str, Field(min_length=1), AfterValidator(check_places)] | None = Field(
        default=None, description="A note for colleagues."
    )
    wait: Duration | None = Field(default=None, description="Waits, also across restarts.", examples=["2h"])
    until: Literal["replied"] | None = Field(
        default=None, description="Beside `wait`: the workflow ends when the customer writes before that."
    )
    agent: Annotated[str, Field(min_length=1), AfterValidator(check_places)] | None = Field(
        default=None,
        description="The agent writes the message itself, by this instruction and with all its guards; silent while a human answers.",
    )
    post: PostStep | None = Field(default=None, description="Tells another system.")

    @property
    def kind(self) -> str:
        """Which of the keys it is."""
        return next(name for name in type(self).model_fields if name != "until" and getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_thing(self) -> "Step":
        kinds = [name for name in type(self).model_fields if name != "until"]
        given = [name for name in kinds if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"a step does one thing, one of {', '.join(kinds)}; found {found}")
        if self.until is not None and self.wait is None:
            raise ValueError("`until` stands beside `wait`")
        if self.action is not None and len(self.action) != 1:
            raise ValueError("one step calls one action, e.g. {create_ticket: {subject: …}}")
        if self.wait is not None and self.wait <= timedelta():
            raise ValueError("wait: must be longer than nothing; write e.g. 2h")
        return self


class HookContact(Settings):
    """Where in the body of a hook the contact stands, each by JSONPath."""

    id: JsonPath | None = Field(default=None, description="Id on the platform, or `platform:id`.")
    phone: JsonPath | None = Field(default=None, description="Phone number.", examples=["$.billing.phone"])
    email: JsonPath | None = Field(default=None, description="E-mail address.", examples=["$.billing.email"])
    first_name: JsonPath | None = Field(default=None, description="For a contact who is new.")
    last_name: JsonPath | None = Field(default=None, description="For a contact who is new.")
    language: JsonPath | None = Field(default=None, description="For a contact who is new; an ISO 639-1 code.")

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"id": value} if isinstance(value, str) else value


class Workflow(Settings):
    """What is done, step by step, each time its event happens."""

    name: str = Field(pattern=NAME, description="What it is called in lists, logs and paths.", examples=["welcome"])
    on: Trigger = Field(
        description="What begins it: a word such as `contact.created`, or a mapping with one key.",
        examples=["contact.created", {"tag.added": "vip"}, {"schedule": "0 9 * * mon-fri"}],
    )
    condition: Condition = Field(
        default_factory=Condition,
        alias="if",
        description="What must hold when it begins.",
        examples=[{"tag": "vip", "not_tag": "blocked", "hours": "open"}],
    )
    once: Literal["contact", "day", "event"] = Field(
        default="event",
        description="How often it runs: once for each `event`, at most once a `day` for a contact, or once for a `contact` at all.",
    )
    do: tuple[Step, ...] = Field(min_length=1, description="The steps, in order.")
    audience: AudienceSettings | None = Field(
        default=None,
        alias="for",
        description="With `schedule`: for whom, as in a broadcast. Null: once, for no contact; its steps are `wait`, `post`, `action`.",
    )
    rate: Rate = Field(
        default=Rate(60, timedelta(minutes=1)), description="How fast the contacts of `for` begin, one after the other."
    )
    token: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="With `webhook`: the bearer token of its callers, and the secret of WooCommerce's signature.",
    )
    contact: HookContact | None = Field(
        default=None,
        description="With `webhook`: where the contact stands in the body. Null: in `contact`, `phone` or `email`.",
        examples=[{"phone": "$.billing.phone"}],
    )
    fields: dict[str, JsonPath] = Field(
        default_factory=dict,
        description="With `webhook`: further values of the body by name, as `{event.name}`.",
        examples=[{"city": "$.shipping.city"}],
    )
    country: str = Field(
        default="ID",
        pattern="^[A-Z]{2}$",
        description="With `webhook`: the country of phone numbers that are written without one.",
    )

    @property
    def alone(self) -> bool:
        """Whether its event is never about a contact."""
        return self.on.event == "broadcast.done" or (self.on.event == "schedule" and self.audience is None)

    @model_validator(mode="after")
    def _fitting(self) -> "Workflow":
        event = self.on.event
        if event == "webhook" and self.token is None:
            raise ValueError("a webhook needs a `token` of its own, so that nobody else can call it")
        for key, given, wanted in (
            ("token", self.token is not None, "webhook"),
            ("contact", self.contact is not None, "webhook"),
            ("fields", bool(self.fields), "webhook"),
            ("for", self.audience is not None, "schedule"),
        ):
            if given and event != wanted:
                raise ValueError(f"`{key}` belongs to `on: {wanted}`, and this begins with {event}")
        return self


class WebhookSettings(Settings):
    """A system that is told what happens."""

    url: str = Field(
        pattern="^https?://", description="Where events are posted.", examples=["https://crm.example.com/balas"]
    )
    events: tuple[EventName, ...] = Field(
        default=get_args(EventName),
        description="Which ones; all when left out.",
        examples=[["payment.paid", "handover"]],
    )
    secret: SecretStr | None = Field(
        default=None, min_length=8, description="Signs the body: `X-Balas-Signature: sha256=<hex HMAC-SHA256>`."
    )

    @field_validator("events")
    @classmethod
    def _some(cls, events: tuple[EventName, ...]) -> tuple[EventName, ...]:
        if not events:
            raise ValueError("names no event; leave the key out for all of them")
        return events
