"""The `voice` part of agent.yaml."""

import difflib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ByteSize, Discriminator, Field, HttpUrl, SecretStr, Tag

from settings import Duration, Settings
from voice.languages import known

NONE = "none"
SIZES = ("tiny", "base", "small", "medium", "large-v2", "large-v3", "large-v3-turbo")


def _known_model(value: str) -> str:
    if value in {NONE, *SIZES} or is_folder(value):
        return value
    near = difflib.get_close_matches(value, SIZES, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; for a folder write ./{value}"
    raise ValueError(f"{value!r} is no Whisper size ({', '.join(SIZES)}), no folder and not `none`{hint}")


def is_folder(model: str) -> bool:
    """Tell whether a `voice.model` is written as a path: it holds a slash, or begins with `.` or `~`."""
    return "/" in model or model.startswith((".", "~"))


def _known_language(value: str) -> str:
    if value == "auto" or known([value]):
        return value
    raise ValueError(
        f"{value!r} is no language that Whisper knows; write auto or an ISO 639-1 code such as id, en or ms"
    )


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than zero")
    return value


PositiveDuration = Annotated[Duration, AfterValidator(_positive)]


class Endpoint(Settings):
    """An OpenAI-compatible transcription server, e.g. OpenAI, Groq, vLLM, Speaches or whisper.cpp."""

    url: HttpUrl = Field(description="Base URL, e.g. https://api.openai.com/v1; /audio/transcriptions is added to it")
    model: str = Field(min_length=1, description="The server's name of the model, e.g. whisper-1")
    api_key: SecretStr | None = Field(
        default=None, description="Sent as a bearer token; none when the server needs none"
    )
    timeout: PositiveDuration = Field(default=timedelta(seconds=60), description="For one request")


class SpeechSettings(Settings):
    """Answers by voice, spoken by a server with the OpenAI-compatible `/audio/speech`; the text is sent beside the note."""

    model: str = Field(min_length=1, description="The server's name of the model, e.g. gpt-4o-mini-tts or tts-1")
    base_url: HttpUrl = Field(description="Base URL, e.g. https://api.openai.com/v1; /audio/speech is added to it")
    api_key: SecretStr | None = Field(
        default=None, description="Sent as a bearer token; none when the server needs none"
    )
    speaker: str = Field(default="alloy", min_length=1, description="The voice, as the server names it")
    when: Literal["voice", "always"] = Field(
        default="voice", description="`voice`: a voice note is answered by one; `always`: every message is"
    )
    longest: int = Field(default=600, ge=1, description="A longer answer, in characters, is only written")
    timeout: PositiveDuration = Field(
        default=timedelta(seconds=20), description="A note that takes longer is left out; the text goes out alone"
    )


def _kind(model: object) -> str:
    """The tag of the union member that was meant, so that only its errors are reported."""
    return "endpoint" if isinstance(model, (dict, Endpoint)) else "name"


class VoiceSettings(Settings):
    """How voice notes are transcribed."""

    model: Annotated[
        Annotated[str, AfterValidator(_known_model), Tag("name")] | Annotated[Endpoint, Tag("endpoint")],
        Discriminator(_kind),
    ] = Field(
        default="small",
        description="A Whisper size (fetch it once with `balas voice pull`), a folder with a CTranslate2 Whisper model, "
        "`none` to leave voice notes to humans, or {url, model, api_key} of a transcription server",
    )
    language: Annotated[str, AfterValidator(_known_language)] = Field(
        default="auto",
        description="The language spoken in voice notes; auto chooses among the languages the agent speaks",
    )
    reply: SpeechSettings | None = Field(
        default=None, description="Answers by voice: {model, base_url, when}; null: answers are written"
    )
    longest: PositiveDuration = Field(
        default=timedelta(minutes=5), description="A longer note is not transcribed; the customer is asked to write"
    )
    largest: ByteSize = Field(
        default=ByteSize(16 * 2**20), gt=0, description="The largest recording that is downloaded"
    )
    confidence: float = Field(
        default=0.3, ge=0, le=1, description="Words heard with less confidence than this are not used"
    )
    beam: int = Field(default=5, ge=1, le=10, description="Beam size; 1 is faster and a little less accurate")
    workers: int = Field(default=1, ge=1, le=32, description="Worker processes; each holds its own copy of the model")
    threads: int | None = Field(
        default=None, ge=1, le=64, description="Threads of one worker; by default the spare cores, at most 4"
    )
    deadline: PositiveDuration = Field(
        default=timedelta(minutes=2), description="A worker that takes longer over one note is killed"
    )
    memory: ByteSize | None = Field(
        default=None,
        ge=256 * 2**20,
        description="Address space of one worker (Linux); by default what the model and the longest note need",
    )
    recycle: int = Field(default=200, ge=1, description="A worker is replaced after so many notes")
    cache: Path | None = Field(
        default=None, description="Where pulled models are kept; by default the Hugging Face cache"
    )
    revision: str | None = Field(
        default=None, min_length=7, description="Commit of the model's repository; by default the one balas has tested"
    )
    allow_toy: bool = Field(
        default=False, description="Allow the tiny test model, which knows about a hundred phrases, outside the demo"
    )
