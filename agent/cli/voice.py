"""`balas voice`: fetch a Whisper model, try a recording."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.errors import InputError, UsageError

if TYPE_CHECKING:
    from voice import Transcript, VoiceSettings

app = typer.Typer(help="Voice notes: fetch a Whisper model, try a recording.", no_args_is_help=True)

_DEFAULT = Path("agent.yaml")
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The agent's file; agent.yaml when there is one.")
]


@app.command()
def pull(
    model: Annotated[
        str | None, typer.Argument(help="tiny, base, small, medium, large-v2, large-v3, large-v3-turbo.")
    ] = None,
    config: ConfigOption = None,
    revision: Annotated[
        str | None, typer.Option(help="Another commit, tag or branch of the model's repository.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Where to keep it; by default voice.cache.")] = None,
) -> None:
    """Download a Whisper model once, at a pinned commit. Serving never downloads anything."""
    from voice.models import RELEASES, cache_folder, release
    from voice.models import pull as download

    settings, _, folder = _settings(config)
    size = model or settings.model
    if not isinstance(size, str) or size not in RELEASES:
        raise InputError(f"{size!r} is no Whisper size that can be fetched; choose one of {', '.join(RELEASES)}")
    wanted = release(size, revision or settings.revision)
    typer.echo(f"Fetching {wanted.repository} at {wanted.revision} …", err=True)
    path = download(wanted, cache or cache_folder(settings, folder))
    typer.echo(path)
    if path.name != release(size, settings.revision).revision:
        typer.echo(f"To serve with this commit, write `voice: {{revision: {path.name}}}` in agent.yaml.", err=True)
    if model is not None and settings.model != model:
        typer.echo(f"To serve with it, write `voice: {{model: {model}}}` in agent.yaml.", err=True)


@app.command()
def transcribe(
    file: Annotated[Path, typer.Argument(help="A recording: ogg, mp3, m4a, aac, amr, wav or webm.")],
    config: ConfigOption = None,
    model: Annotated[str | None, typer.Option(help="Instead of voice.model: a size or a folder.")] = None,
    language: Annotated[str | None, typer.Option(help="Instead of voice.language: auto, id, en …")] = None,
    allow_toy: Annotated[bool, typer.Option("--allow-toy", help="Use the tiny test model all the same.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Segments, confidence and timing as JSON.")] = False,
) -> None:
    """Say what a recording says, through everything a customer's voice note goes through."""
    from pydantic import ValidationError

    from voice import VoiceSettings

    settings, languages, folder = _settings(config)
    changes: dict[str, Any] = {"language": language, "allow_toy": allow_toy or None}
    if model is not None:
        changes["model"] = str(Path(model).absolute()) if Path(model).is_dir() else model
    try:
        settings = VoiceSettings.model_validate(
            dict(settings) | {name: value for name, value in changes.items() if value is not None}
        )
    except ValidationError as error:
        raise UsageError("; ".join(str(detail["msg"]) for detail in error.errors())) from error
    try:
        audio = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    transcript, seconds = asyncio.run(_transcribe(audio, settings, languages, folder))
    if as_json:
        typer.echo(json.dumps(transcript.as_json() | {"seconds": round(seconds, 3)}, ensure_ascii=False))
    else:
        typer.echo(transcript.text)


async def _transcribe(
    audio: bytes, settings: "VoiceSettings", languages: Sequence[str], folder: Path
) -> "tuple[Transcript, float]":
    """The transcript, and the seconds it took once the model was loaded."""
    import time

    import httpx

    from voice import open_transcriber

    async with httpx.AsyncClient() as client:
        transcriber = open_transcriber(settings, client=client, languages=languages, base=folder)
        if transcriber is None:
            raise InputError("voice.model is `none`: voice notes are switched off; name one with --model")
        try:
            await transcriber.warm()
            started = time.monotonic()
            return await transcriber.transcribe(audio), time.monotonic() - started
        finally:
            await transcriber.aclose()


def _settings(config: Path | None) -> "tuple[VoiceSettings, Sequence[str], Path]":
    """Of the agent's file: `voice`, the languages spoken, its folder; the defaults where there is no file."""
    from voice import VoiceSettings
    from voice.languages import spoken_by

    if config is None and not _DEFAULT.exists():
        return VoiceSettings(), spoken_by("auto"), Path.cwd()
    from agent.config import load

    loaded = load(config or _DEFAULT)
    return loaded.voice, spoken_by(loaded.language), loaded.folder
