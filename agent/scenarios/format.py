"""The file of a scenario: what a customer writes and what must come of it, as models with a place in the file for every error.

    scenario = load(Path("tests/order_status.yaml"), zone=config.zone)
    scenario.settings.turns[0].customer

`python -m agent.scenarios.format` writes the JSON Schema, as `balas test --schema` does.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from agent.config.document import ConfigErrors, Document, Problem, read
from agent.config.document import Path as Place
from agent.config.environment import environment_of
from agent.config.load import listed, validate
from agent.config.schema import json_schema
from agent.errors import InputError
from agent.scenarios.events import NonEmpty, Part, WrittenEvent
from agent.scenarios.expected import Expectations, as_list
from agent.scenarios.media import inline
from messaging.types import AttachmentKind
from settings import Duration
from settings.phone import InvalidPhone, to_e164

CASSETTE = ".cassette.yaml"
"""How the name of a cassette ends; it stands beside its scenario."""

CUSTOMER = "+6281234567890"
"""The phone number of a customer whose scenario names none."""

T = TypeVar("T")


def _not_empty(value: tuple[T, ...]) -> tuple[T, ...]:
    if not value:  # a least length in the schema is reported beside every error of an entry, so it is checked here
        raise ValueError("the list is empty; write an entry, or remove the key")
    return value


def _e164(text: str) -> str:
    try:
        return to_e164(text, "ID")
    except InvalidPhone as error:
        raise ValueError(f"{error}; write it with its country, e.g. {CUSTOMER}") from error


def _near(moment: datetime) -> datetime:
    if not 1990 <= moment.year <= 2100:
        raise ValueError(f"{moment.isoformat()} is no time of a conversation; write one from 1990 to 2100")
    return moment


def _exactly_one(*names: str) -> ConfigDict:
    """Say in the schema that exactly one of these keys is given."""
    given: list[JsonValue] = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]
    return ConfigDict(json_schema_extra={"oneOf": given})


class ContactFacts(Part):
    """Who writes: what the platform knows of the customer before the first message."""

    phone: Annotated[str, AfterValidator(_e164)] = Field(
        default=CUSTOMER, description="Phone number with its country.", examples=["+6281234567801"]
    )
    email: str | None = Field(default=None, description="E-mail address.")
    first_name: str | None = Field(default=None, description="First name.", examples=["Budi"])
    last_name: str | None = Field(default=None, description="Last name.")
    language: str | None = Field(
        default=None, pattern="^[a-z]{2,3}(-[A-Z]{2})?$", description="Language that the platform has noted."
    )
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$", description="Country, ISO 3166-1 alpha-2.")
    lifecycle: str | None = Field(default=None, description="Stage on the platform.")
    tags: tuple[NonEmpty, ...] = Field(default=(), description="Tags on the platform.", examples=[["vip"]])
    custom_fields: dict[str, str | int | float | bool | None] = Field(
        default_factory=dict, description="Custom fields by name."
    )
    platform: str | None = Field(
        default=None, description="Name of the entry of `messaging:` where they write; null: the first."
    )
    channel: str = Field(
        default="whatsapp",
        description="Kind of channel, as the platform names it: whatsapp, instagram, telegram … Windows and formatting go by it.",
    )


class GivenOutcome(Part):
    """What the agent makes of an answer: how a call ended, what the model reads, and what later actions may take from it."""

    status: Literal["done", "failed", "unknown"] = Field(default="done", description="How it ended.")
    content: str | None = Field(default=None, description="What the model reads; null: the data.")
    data: JsonValue = Field(default=None, description="After `response.pick`.")


class Answer(Part):
    """What an action answers here."""

    when: dict[str, JsonValue] = Field(
        default_factory=dict, description="Only for calls with these arguments; empty: for every call."
    )
    returns: JsonValue = Field(
        default=None, alias="return", description="The JSON body of the API's answer, before `response.pick`."
    )
    fail: int | Literal["timeout"] | None = Field(
        default=None, description="The HTTP status that the API answers instead, or timeout.", examples=[404]
    )
    outcome: GivenOutcome | None = Field(
        default=None,
        description="Instead of the API's answer, what the agent made of it: in scenarios that were saved.",
    )
    times: int | None = Field(default=None, ge=1, description="How many calls it answers; null: all of them.")

    @model_validator(mode="after")
    def _answers_one_thing(self) -> "Answer":
        given = [self.fail is not None, "returns" in self.model_fields_set, self.outcome is not None]
        if sum(given) != 1:
            raise ValueError("an answer is either `return: …` or `fail: 404`")
        if isinstance(self.fail, int) and not 400 <= self.fail <= 599:
            raise ValueError("`fail` is an HTTP status from 400 to 599, or timeout")
        return self


def _answers(value: object) -> object:
    return [value] if isinstance(value, Mapping) else value


Answers: TypeAlias = (
    Literal["live"]
    | Annotated[
        tuple[Answer, ...],
        BeforeValidator(_answers, json_schema_input_type=tuple[Answer, ...] | Answer),
        AfterValidator(_not_empty),
    ]
)


class Said(Part):
    """One message of the customer: text, a file, or both. A file is a path from this folder, or a `data:` address that holds it."""

    text: NonEmpty | None = Field(
        default=None,
        description="What is written; beside `voice`, what is said in it: then no speech model is needed.",
    )
    voice: NonEmpty | None = Field(default=None, description="A voice note.", examples=["notes/harga.ogg"])
    image: NonEmpty | None = Field(default=None, description="A picture.")
    file: NonEmpty | None = Field(
        default=None, description="Any other file.", examples=["data:text/plain,tiga gelas kopi susu"]
    )
    location: tuple[float, float] | None = Field(default=None, description="A position: latitude, longitude.")

    @model_validator(mode="after")
    def _says_something(self) -> "Said":
        files = [name for name in ("voice", "image", "file", "location") if getattr(self, name) is not None]
        if not files and self.text is None:
            raise ValueError("the message is empty; give a text, voice, image, file or location")
        if len(files) > 1:
            raise ValueError(f"one message holds one of {' and '.join(files)}; write a list for several messages")
        if self.location is not None and not (-90 <= self.location[0] <= 90 and -180 <= self.location[1] <= 180):
            raise ValueError("a location is [latitude, longitude] in degrees")
        if self.attachment is not None:
            kind, address = self.attachment
            inline(address, kind)
        return self

    @property
    def attachment(self) -> tuple[AttachmentKind, str] | None:
        """The kind of the file and its address, where there is one."""
        kinds: tuple[tuple[AttachmentKind, str | None], ...] = (
            ("audio", self.voice),
            ("image", self.image),
            ("file", self.file),
        )
        return next(((kind, path) for kind, path in kinds if path is not None), None)


class PlatformFault(Part):
    """What the platform does to the next messages that are sent to it."""

    fail: int | Literal["timeout", "lost"] = Field(
        description="A status it answers with; `timeout`: it is not taken and no answer comes; `lost`: it is taken, the answer never "
        "arrives.",
        examples=[429],
    )
    retry_after: Duration | None = Field(default=None, description="What a 429 asks to wait.", examples=["1s"])
    times: int = Field(default=1, ge=1, le=1000, description="How many sends.")

    @model_validator(mode="after")
    def _is_a_failure(self) -> "PlatformFault":
        if isinstance(self.fail, int) and not 400 <= self.fail <= 599:
            raise ValueError("`fail` is a status from 400 to 599, timeout or lost")
        return self


class Remembered(Part):
    """A line of the history: who said it, and what."""

    model_config = _exactly_one("customer", "agent", "colleague")

    customer: NonEmpty | None = Field(default=None, description="The customer wrote it, and it is answered already.")
    agent: NonEmpty | None = Field(
        default=None, description="The agent, a broadcast, a workflow or another program has sent it."
    )
    colleague: NonEmpty | None = Field(
        default=None, description="A human colleague wrote it; the agent goes on answering."
    )

    @model_validator(mode="after")
    def _is_one_line(self) -> "Remembered":
        if len([each for each in (self.customer, self.agent, self.colleague) if each is not None]) != 1:
            raise ValueError("a line of the history is one of customer, agent and colleague")
        return self

    @property
    def author(self) -> Literal["customer", "agent", "colleague"]:
        """Who said it."""
        return "customer" if self.customer is not None else "agent" if self.agent is not None else "colleague"

    @property
    def text(self) -> str:
        """What was said."""
        return self.customer or self.agent or self.colleague or ""


def _one_hook(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(value) != 1:
        raise ValueError("one turn calls one hook: `{name of the workflow: {…its body…}}`")
    return value


def _not_left_open(model: "Turn | ScenarioSettings") -> None:
    """Refuse `expect:` with nothing behind it."""
    if model.expect is None and "expect" in model.model_fields_set:
        raise ValueError("`expect` is empty, so it could never fail; write an expectation, or remove the key")


Messages: TypeAlias = Annotated[
    tuple[NonEmpty | Said, ...],
    BeforeValidator(as_list, json_schema_input_type=tuple[NonEmpty | Said, ...] | NonEmpty | Said),
    AfterValidator(_not_empty),
]


History: TypeAlias = Annotated[
    tuple[Remembered, ...],
    BeforeValidator(as_list, json_schema_input_type=tuple[Remembered, ...] | Remembered),
    AfterValidator(_not_empty),
]


_TURNS = ("customer", "colleague", "platform", "event", "hook", "broadcast", "receivers", "wait", "history")


class Turn(Part):
    """One thing that happens: the customer writes, a colleague does, the platform fails, time passes, or something beside the talk."""

    model_config = _exactly_one(*_TURNS)

    customer: Messages | None = Field(
        default=None, description="What the customer writes; a list is written in one go and gets one reply."
    )
    colleague: NonEmpty | None = Field(default=None, description="A human colleague writes in the conversation.")
    platform: PlatformFault | None = Field(default=None, description="What the platform does to the next sends.")
    event: WrittenEvent | None = Field(
        default=None,
        description="Something happens on the platform, or to a payment: workflows begin with it.",
        examples=[{"tag.added": "vip"}],
    )
    hook: Annotated[dict[str, JsonValue], AfterValidator(_one_hook)] | None = Field(
        default=None,
        description="Another system calls the hook of a workflow: its name, and the body.",
        examples=[{"order_created": {"id": 7, "phone": "+6281234567890"}}],
    )
    broadcast: NonEmpty | None = Field(
        default=None, description="A broadcast begins: its file.", examples=["promo.yaml"]
    )
    receivers: PlatformFault | None = Field(
        default=None, description="What other systems do to the next requests that tell them something."
    )
    wait: Duration | None = Field(
        default=None, description="Time passes, with all that falls due in it.", examples=["2h"]
    )
    history: History | None = Field(
        default=None,
        description="What was said before, or meanwhile, without this scenario: the agent knows it, and nobody answers it.",
        examples=[[{"customer": "ada promo?"}, {"agent": "Ada, diskon 20% sampai Minggu."}]],
    )
    expect: Expectations | None = Field(default=None, description="What must have come of it.")

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Turn":
        given = [name for name in _TURNS if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"; found {' and '.join(given)}" if given else ""
            raise ValueError(f"a turn is one of {', '.join(_TURNS)}{found}")
        if self.wait is not None and not timedelta() < self.wait <= timedelta(days=366):
            raise ValueError("`wait` is longer than 0s and at most 366d")
        _not_left_open(self)
        if (self.platform or self.receivers) is not None and self.expect is not None:
            raise ValueError("a fault strikes at the next turn; expect what comes of it there")
        if self.history is not None and self.expect is not None:
            raise ValueError("nothing comes of what was said before; expect what comes of it at the next turn")
        return self

    @property
    def messages(self) -> tuple[Said, ...]:
        """What the customer writes, in order."""
        return tuple(Said(text=each) if isinstance(each, str) else each for each in self.customer or ())


class Simulation(Part):
    """A customer whom the model plays."""

    persona: NonEmpty = Field(description="Who they are and how they write.", examples=["impatient, writes in slang"])
    goal: NonEmpty = Field(description="What they want to reach.", examples=["find out when the order arrives"])
    turns: int = Field(default=10, ge=1, le=50, description="Messages that they write at most.")


class ScenarioSettings(Part):
    """A conversation as a test."""

    model_config = _exactly_one("turns", "simulate")

    name: NonEmpty | None = Field(default=None, description="What it is called; null: the file's name.")
    contact: ContactFacts = Field(default_factory=ContactFacts, description="Who writes.")
    now: Annotated[datetime, AfterValidator(_near)] | None = Field(
        default=None,
        description="When it begins, in the business's time zone unless it names another; null: now.",
        examples=["2026-11-30T10:00:00+07:00"],
    )
    model: Literal["recorded", "live", "offline"] | None = Field(
        default=None,
        description="Who answers: a cassette beside the file, the model of agent.yaml, or the offline model. Null: the cassette where "
        "there is one, else what agent.yaml says.",
    )
    actions: Literal["live"] | dict[str, Answers] = Field(
        default_factory=dict,
        description="What actions answer, by name; the first answer that fits. One that is not named is never really called: it fails the "
        "test. `live` calls them.",
    )
    turns: Annotated[tuple[Turn, ...], AfterValidator(_not_empty)] | None = Field(
        default=None, description="What happens, in order."
    )
    simulate: Simulation | None = Field(default=None, description="Instead of `turns`: the model plays the customer.")
    expect: Expectations | None = Field(
        default=None, description="What must have come of the whole conversation, judged at its end."
    )
    runs: int = Field(default=1, ge=1, le=100, description="How often it is run: a model's answers vary.")
    min_pass_rate: float = Field(
        default=1.0, gt=0, le=1, description="The share of its runs that must pass.", examples=[0.8]
    )

    @model_validator(mode="after")
    def _has_a_conversation(self) -> "ScenarioSettings":
        _not_left_open(self)
        if self.turns is not None and self.simulate is not None:
            raise ValueError(
                "`turns:` and `simulate:` are mutually exclusive: the customer is written, or played by the model"
            )
        if self.turns is None and self.simulate is None:
            raise ValueError("a scenario needs `turns:`, or `simulate:` instead")
        if self.simulate is not None and self.expect is None:
            raise ValueError("a simulated conversation needs `expect:` beside `simulate:`, else it could never fail")
        return self


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario as its file says it. Paths in it are relative to the file's folder."""

    path: Path
    settings: ScenarioSettings
    document: Document

    @property
    def name(self) -> str:
        """What people call it."""
        return self.settings.name or self.path.stem.replace("_", " ")

    @property
    def cassette(self) -> Path:
        """Where its recording stands."""
        return self.path.with_name(self.path.stem + CASSETTE)

    def line(self, place: Place) -> int:
        """The line of the file that people look at for a place."""
        return self.document.key(self.written(place)).line

    def written(self, place: Place) -> Place:
        """A place as the file has it, where one entry may stand without a list around it."""
        found: Place = ()
        for part in place:
            if isinstance(part, str) or (*found, part) in self.document.marks:
                found = (*found, part)
        return found

    def resolve(self, file: str) -> Path:
        """A path that the scenario names."""
        return self.path.parent / Path(file).expanduser()


def load(path: Path, *, environment: Mapping[str, str] | None = None) -> Scenario:
    """Read a scenario.

    Args:
        environment: stands for the process's variables and `.env`, which are used when it is None.

    Raises:
        ConfigErrors: with every error, its line and its column.
        InputError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    return loads(data, path, environment=environment)


def loads(data: bytes, path: Path, *, environment: Mapping[str, str] | None = None) -> Scenario:
    """Read the text of a scenario that stands at `path`, or would. Raises as `load`."""
    variables = environment_of(path.parent) if environment is None else environment
    document = read(data, variables, needs="a scenario needs at least `turns:`")
    settings, problems = validate(document, ScenarioSettings)
    problems += document.problems
    if settings is not None and not problems:
        problems += _missing_files(settings, document, path.parent)
    if problems or settings is None:
        raise ConfigErrors(listed(problems, path))
    return Scenario(path, settings, document)


def _missing_files(settings: ScenarioSettings, document: Document, folder: Path) -> Iterator[Problem]:
    for number, turn in enumerate(settings.turns or ()):
        for said in turn.messages:
            if said.attachment is None or said.attachment[1].startswith("data:"):
                continue
            if not (folder / Path(said.attachment[1]).expanduser()).is_file():
                place: Place = ("turns", number, "customer")
                yield Problem(document.key(place), f"turns[{number}].customer: {said.attachment[1]} is not there")
        if turn.broadcast is not None and not (folder / Path(turn.broadcast).expanduser()).is_file():
            place = ("turns", number, "broadcast")
            yield Problem(document.key(place), f"turns[{number}].broadcast: {turn.broadcast} is not there")


def begins(settings: ScenarioSettings, zone: ZoneInfo) -> datetime | None:
    """When the conversation begins, aware; `None` where the file leaves it open."""
    if settings.now is None:
        return None
    return settings.now if settings.now.tzinfo is not None else settings.now.replace(tzinfo=zone)


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario, for editors."""
    return json_schema(ScenarioSettings, "balas scenario")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
