"""The `voice` part of agent.yaml."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from voice import Endpoint, VoiceSettings


def test_everything_has_a_default() -> None:
    settings = VoiceSettings()

    assert settings.model == "small"
    assert settings.language == "auto"
    assert settings.longest == timedelta(minutes=5)
    assert settings.largest == 16 * 2**20
    assert settings.allow_toy is False


@pytest.mark.parametrize("model", ["small", "large-v3-turbo", "none", "./whisper", "/models/whisper", "~/whisper"])
def test_a_model_is_a_size_a_folder_or_none(model: str) -> None:
    assert VoiceSettings(model=model).model == model


def test_a_model_may_be_a_server() -> None:
    settings = VoiceSettings.model_validate(
        {"model": {"url": "https://api.openai.com/v1", "model": "whisper-1", "api_key": "sk-secret"}}
    )

    assert isinstance(settings.model, Endpoint)
    assert "sk-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"model": "smal"}, "did you mean small?"),
        ({"model": "whisper"}, "for a folder write ./whisper"),
        ({"language": "bahasa"}, "no language that Whisper knows"),
        ({"longest": "0s"}, "longer than zero"),
        ({"longest": 300}, "300 is not a duration"),
        ({"workers": 0}, "greater than or equal to 1"),
        ({"confidence": 2}, "less than or equal to 1"),
        ({"modell": "small"}, "Extra inputs"),
        ({"model": {"url": "https://x.example/v1"}}, "Field required"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(value: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        VoiceSettings.model_validate(value)
    assert message in str(caught.value)


def test_the_package_is_imported_in_no_time() -> None:
    import subprocess
    import sys

    heavy = "{'faster_whisper', 'numpy', 'av', 'onnxruntime', 'huggingface_hub', 'httpx'}"
    script = f"import sys, voice; print(sorted({heavy} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

    assert loaded == "[]\n"
