"""Answers by voice: what is said aloud, and what a speech server may answer."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.voice.conftest import SPOKEN
from tests.voice.servers import Reply, Request, serve
from voice.errors import EndpointFailed
from voice.settings import SpeechSettings
from voice.speech import MP3, NOTE, RemoteSpeaker, spoken

OPUS = SPOKEN[0].audio


def settings(url: str) -> SpeechSettings:
    return SpeechSettings.model_validate({"model": "tts-1", "base_url": f"{url}/v1", "api_key": SecretStr("k")})


async def test_a_server_is_asked_as_openai_describes_it() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply(200, {"Content-Type": "audio/ogg"}, OPUS)

    with serve(answer) as server:
        async with httpx.AsyncClient() as client:
            assert await RemoteSpeaker(settings(server.url), client).speak("Halo kak.", NOTE) == OPUS
    (request,) = asked
    assert (request.path, request.headers["Authorization"]) == ("/v1/audio/speech", "Bearer k")
    assert json.loads(request.body) == {
        "model": "tts-1", "input": "Halo kak.", "voice": "alloy", "response_format": "opus"
    }  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, {}, b"broken"),
        Reply(200, {"Content-Type": "application/json"}, b'{"error": "x"}'),
        Reply(200, {"Content-Type": "audio/ogg"}, b""),
    ],
)
async def test_what_is_no_sound_is_no_note(reply: Reply) -> None:
    with serve(lambda _: reply) as server:
        async with httpx.AsyncClient() as client:
            with pytest.raises(EndpointFailed):
                await RemoteSpeaker(settings(server.url), client).speak("Halo", NOTE)


async def test_another_format_than_the_channel_plays_is_no_note() -> None:
    with serve(lambda _: Reply(200, {}, OPUS)) as server:
        async with httpx.AsyncClient() as client:
            with pytest.raises(EndpointFailed, match="ogg"):
                await RemoteSpeaker(settings(server.url), client).speak("Halo", MP3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("*Buka* jam 8.", "Buka jam 8."),
        ("Lihat https://kopi.example/menu?a=1 ya", "Lihat ya"),
        ("https://kopi.example", None),
        ("👍", None),
        ("", None),
        ("kata " * 200, None),
    ],
)
def test_only_what_can_be_listened_to_is_spoken(text: str, said: str | None) -> None:
    assert spoken(text, 600) == said


@given(st.text(max_size=300))
def test_what_is_spoken_is_one_line_without_addresses(text: str) -> None:
    said = spoken(text, 100)
    assert said is None or ("://" not in said or ("http" not in said and len(said) <= 100))
