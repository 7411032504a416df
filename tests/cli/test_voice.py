"""`balas voice`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.cli.voice import app
from agent.errors import InputError, UsageError
from tests.voice.conftest import MODEL, NOISE, SPOKEN
from voice.errors import Silent, ToyModel, Unreadable


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_recording_is_said_in_one_line() -> None:
    result = run("transcribe", SPOKEN[2].path, "--model", MODEL, "--allow-toy")

    assert result.output == f"{SPOKEN[2].text}\n"


def test_json_tells_everything() -> None:
    result = run("transcribe", SPOKEN[2].path, "--model", MODEL, "--allow-toy", "--language", "id", "--json")

    said = json.loads(result.stdout)
    assert said["text"] == SPOKEN[2].text
    assert said["normalised"] == "saya mau bayar 50000"
    assert said["language"] == "id"
    assert said["segments"][0]["text"] == SPOKEN[2].text
    assert said["duration"] > 3
    assert said["seconds"] > 0


def test_the_agents_own_settings_count(tmp_path: Path) -> None:
    voice = f"{{model: {MODEL}, allow_toy: true, language: en}}"
    (tmp_path / "agent.yaml").write_text(f"name: Melati\ninstructions: Jawab.\nvoice: {voice}\n")

    result = run("transcribe", SPOKEN[8].path)

    assert result.output == f"{SPOKEN[8].text}\n"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["nothing.ogg", "--model", MODEL, "--allow-toy"], InputError, "nothing.ogg cannot be read"),
        ([SPOKEN[0].path, "--model", MODEL], ToyModel, "tiny test model"),
        ([SPOKEN[0].path, "--model", "none"], InputError, "switched off"),
        ([SPOKEN[0].path, "--model", "smal"], UsageError, "did you mean small"),
        ([NOISE[0].path, "--model", MODEL, "--allow-toy"], Silent, "no speech"),
        ([__file__, "--model", MODEL, "--allow-toy"], Unreadable, "no audio that we know"),
    ],
)
def test_what_goes_wrong_is_named(arguments: list[object], error: type[Exception], message: str) -> None:
    result = run("transcribe", *arguments)

    assert isinstance(result.exception, error)
    assert message in str(result.exception)


def test_only_whisper_sizes_can_be_pulled() -> None:
    result = run("pull", "gigantic")

    assert isinstance(result.exception, InputError)
    assert "large-v3-turbo" in str(result.exception)


def test_the_command_ends_as_its_error_says() -> None:
    script = "from agent.cli import main; main()"
    command = [sys.executable, "-c", script, "voice", "transcribe", str(SPOKEN[0].path), "--model", str(MODEL)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert "tiny test model" in refused.stderr
    assert "Traceback" not in refused.stderr
