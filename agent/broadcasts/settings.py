"""The file of a broadcast: text, recipients, times and rate."""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from agent.config.audience import AudienceSettings
from agent.config.document import ConfigErrors, Document, Problem, read
from agent.config.document import Path as Place
from agent.config.environment import environment_of
from agent.config.hours import DAYS, Hours, Ranges, parse_ranges
from agent.config.load import listed, validate
from agent.config.reference import Subject, page
from agent.config.texts import Text, check_facts
from agent.errors import InputError
from settings import Rate, Settings

_ROW = re.compile(r"\{\s*row\.(?P<column>[^{}|]+?)\s*(?:\|(?P<instead>[^{}]*))?\}")


def _checked(text: str) -> str:
    """The text itself; braces may hold columns of the CSV file and facts of the contact."""
    check_facts(_ROW.sub("", text))
    return text


def _checked_text(text: Text) -> Text:
    for words in text.by_language.values():
        _checked(words)
    return text


def columns_in(text: str) -> Iterator[str]:
    """The columns of the CSV file that a text uses: `{row.code}` → `code`."""
    for match in _ROW.finditer(text):
        yield match["column"]


def fill_row(text: str, row: Mapping[str, str]) -> str:
    """The text with the columns of a row; an empty one leaves `{row.code|what stands after the bar}`.

    Braces inside a value stay what they are, and are not taken for facts of the contact.
    """

    def write(match: re.Match[str]) -> str:
        value = row.get(match["column"], "").strip() or (match["instead"] or "").strip()
        return value.replace("{", "(").replace("}", ")")

    return _ROW.sub(write, text)


def _local_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"{value!r} is not a date and time; write e.g. 2026-12-01 09:00") from None


def _in_reach(at: datetime) -> datetime:
    if not 1970 <= at.year <= 9000:  # an hour more, or another time zone, may be no time at all
        raise ValueError(f"{at.isoformat()!r} is too far away; write e.g. 2026-12-01 09:00")
    return at


StartTime = Annotated[
    datetime,
    BeforeValidator(_local_time),
    AfterValidator(_in_reach),
    PlainSerializer(lambda at: at.isoformat()),
    WithJsonSchema({"type": "string", "examples": ["2026-12-01 09:00"]}),
]


def _some_hours(value: object) -> object:
    ranges = parse_ranges(value)
    if not ranges:
        raise ValueError('closed all day, nothing would ever be sent; write e.g. "08:00-20:00"')
    return ranges


class BroadcastTemplate(Settings):
    """A message template of the platform, for everybody whose 24-hour window is closed."""

    name: str = Field(min_length=1, description="Name of the template on the platform.")
    language: str = Field(default="id", description="Its language code.")
    parameters: tuple[Annotated[str, AfterValidator(_checked)], ...] = Field(
        default=(),
        description="The texts for its placeholders, in order. `{contact.first_name}` and `{row.column}` are filled in, "
        "`{contact.first_name|Kak}` says what stands there when it is not known.",
    )


class PriceSettings(Settings):
    """What a message costs, in rupiah, for the estimate before it is sent. Ask your platform: prices change."""

    text: int = Field(default=0, ge=0, description="A text inside the 24-hour window.")
    template: int = Field(default=0, ge=0, description="A template message.", examples=[600])
    countries: dict[Annotated[str, Field(pattern="^[A-Z]{2}$")], Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict,
        description="A template message to phone numbers of these countries, where it differs.",
        examples=[{"MY": 1400, "SG": 1100}],
    )


class BroadcastSettings(Settings):
    """One message to many. `name` is its identity: the same name again goes on, and never sends twice."""

    name: str = Field(
        pattern="^[A-Za-z_][A-Za-z0-9_-]{0,63}$",
        description="What it is called. The same name is the same broadcast: no contact gets it twice.",
        examples=["promo-desember"],
    )
    audience: AudienceSettings = Field(description="To whom it goes.")
    text: Annotated[Text, AfterValidator(_checked_text)] | None = Field(
        default=None,
        description="What is said where free text is allowed; `{contact.first_name}` and `{row.column}` are filled in. Without a "
        "text the template is sent to everybody.",
    )
    template: BroadcastTemplate | None = Field(
        default=None, description="What is sent where free text is not allowed; null: those contacts are skipped."
    )
    channel: str | None = Field(
        default=None,
        description="The channel to send on: its id, name or kind on the platform. Null: the one each contact last wrote on, or "
        "the only one there is.",
        examples=["whatsapp_cloud"],
    )
    at: StartTime | None = Field(
        default=None,
        description="When it begins, in the business's time zone; null: at once.",
        examples=["2026-12-01 09:00"],
    )
    between: Annotated[Ranges, BeforeValidator(_some_hours)] = Field(
        default=parse_ranges("08:00-20:00"),
        description="The hours of the day in which it is sent, in the business's time zone; it rests in between. "
        '"00:00-24:00": at any time.',
        examples=["09:00-12:00, 13:00-17:00"],
    )
    rate: Rate = Field(
        default=Rate(60, timedelta(minutes=1)),
        description="How fast: so many messages in a span of time. Answers to customers never wait for it.",
        examples=["60/min"],
    )
    price: PriceSettings = Field(default_factory=PriceSettings, description="What a message costs.")

    @model_validator(mode="after")
    def _says_something(self) -> "BroadcastSettings":
        if self.text is None and self.template is None:
            raise ValueError("nothing to send; write a text, a template, or both")
        return self

    def hours(self) -> Hours:
        """`between` for every day of the week."""
        return Hours(**dict.fromkeys(DAYS, self.between))

    def begins(self, zone: ZoneInfo) -> datetime | None:
        """When the owner wants it to begin, in UTC; `None`: at once."""
        if self.at is None:
            return None
        return (self.at if self.at.tzinfo is not None else self.at.replace(tzinfo=zone)).astimezone(UTC)

    def columns(self) -> set[str]:
        """The columns of the CSV file that its texts use."""
        texts = [*self.text.by_language.values()] if self.text else []
        texts += self.template.parameters if self.template else ()
        return {column for text in texts for column in columns_in(text)}

    def content(self) -> dict[str, Any]:
        """What is said, as JSON: one broadcast cannot say two things."""
        return self.model_dump(mode="json", include={"text", "template"})


@dataclass(frozen=True, slots=True)
class BroadcastFile:
    """A broadcast as its file says it. Paths in it are relative to the file's folder."""

    path: Path
    settings: BroadcastSettings
    document: Document

    def wrong(self, place: Place, message: str) -> ConfigErrors:
        """The error that something in the file does not fit the world, with its line and column."""
        return ConfigErrors(listed([Problem(self.document.mark(place), message)], self.path))


def load(path: Path, *, environment: Mapping[str, str] | None = None) -> BroadcastFile:
    """Read the file. `environment` stands for the process's variables and `.env`, which are used when it is None.

    Raises:
        ConfigErrors: with every error, its line and its column.
        InputError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    variables = environment_of(path.parent) if environment is None else environment
    document = read(data, variables, needs="a broadcast needs at least `name`, `audience` and `text`")
    settings, problems = validate(document, BroadcastSettings)
    problems += document.problems
    if problems or settings is None:
        raise ConfigErrors(listed(problems, path))
    return BroadcastFile(path, settings, document)


REFERENCE = Subject(
    BroadcastSettings,
    "broadcast.yaml",
    "python -m agent.broadcasts.settings",
    "[broadcasts](../broadcasts.md)",
)
"""What the reference page of a broadcast's file is made from."""

if __name__ == "__main__":
    sys.stdout.write(page(REFERENCE))
