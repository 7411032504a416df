"""An OpenAI-compatible transcription server."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.voice.conftest import NOISE, SPOKEN
from tests.voice.servers import Reply, Request, Server, serve
from voice import Endpoint, Transcriber, VoiceSettings, open_transcriber
from voice.errors import EndpointFailed, LowConfidence, Silent, TooLong, Unreadable
from voice.limits import open_workers
from voice.pool import Workers
from voice.remote import RemoteTranscriber

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTE = SPOKEN[0]
SEGMENT = {"start": 0.4, "end": 1.9, "text": " Halo, selamat pagi.", "avg_logprob": -0.2, "no_speech_prob": 0.01}
VERBOSE = {"text": "Halo, selamat pagi.", "language": "indonesian", "duration": 2.0, "segments": [SEGMENT]}


def answers(*values: object) -> Callable[[Request], Reply]:
    """The given JSON values one after the other, the last one for good; a `Reply` as it is."""
    left = list(values)

    def answer(_: Request) -> Reply:
        value = left.pop(0) if len(left) > 1 else left[0]
        return value if isinstance(value, Reply) else Reply(body=json.dumps(value).encode())

    return answer


def form(request: Request) -> dict[str, bytes]:
    """The fields of a multipart form."""
    whole = message_from_bytes(f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode() + request.body)
    fields: dict[str, bytes] = {}
    for part in whole.get_payload():  # type: ignore[union-attr]
        name = part.get_param("name", header="Content-Disposition")  # type: ignore[union-attr]
        fields[str(name)] = part.get_payload(decode=True)  # type: ignore[union-attr,assignment]
    return fields


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inspectors() -> AsyncIterator[Workers]:
    """The processes that open recordings before they are uploaded: the same for all tests here."""
    workers = open_workers(VoiceSettings(), None)
    yield workers
    await workers.aclose()


@asynccontextmanager
async def remote(
    workers: Workers, *values: object, path: str = "/v1", **changes: Any
) -> AsyncIterator[tuple[Transcriber, Server]]:
    with serve(answers(*values)) as server:
        settings = VoiceSettings.model_validate(
            {"model": {"url": server.url + path, "model": "whisper-1", "api_key": "sk-secret"}} | changes
        )
        assert isinstance(settings.model, Endpoint)
        async with httpx.AsyncClient() as client:
            yield RemoteTranscriber(settings, settings.model, client, ["id", "en"], workers), server


async def test_a_note_is_heard_by_the_server(inspectors: Workers) -> None:
    async with remote(inspectors, VERBOSE) as (transcriber, server):
        transcript = await transcriber.transcribe(NOTE.audio)

    assert (transcript.text, transcript.language) == ("Halo, selamat pagi.", "id")
    assert transcript.segments[0].end.total_seconds() == 1.9
    assert transcript.confidence == pytest.approx(0.82, abs=0.01)
    assert transcriber.stats.done == 1
    (request,) = server.requests
    assert request.path == "/v1/audio/transcriptions"
    assert request.headers["Authorization"] == "Bearer sk-secret"
    fields = form(request)
    assert fields["file"] == NOTE.audio
    assert fields["model"] == b"whisper-1"
    assert fields["response_format"] == b"verbose_json"
    assert "language" not in fields


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/audio/transcriptions"])
async def test_the_address_may_be_written_with_or_without_its_path(inspectors: Workers, path: str) -> None:
    async with remote(inspectors, VERBOSE, path=path, language="id") as (transcriber, server):
        await transcriber.transcribe(NOTE.audio)

    assert server.requests[0].path == "/v1/audio/transcriptions"
    assert form(server.requests[0])["language"] == b"id"


async def test_words_translated_into_a_foreign_language_are_asked_for_again_in_ours(inspectors: Workers) -> None:
    malay = VERBOSE | {"language": "malay", "text": "Helo, selamat pagi."}
    async with remote(inspectors, malay, VERBOSE) as (transcriber, server):
        transcript = await transcriber.transcribe(NOTE.audio)

    assert (transcript.text, transcript.language) == ("Halo, selamat pagi.", "id")
    assert form(server.requests[1])["language"] == b"id"


async def test_a_server_that_knows_only_plain_json_is_asked_for_that(inspectors: Workers) -> None:
    refusal = Reply(400, body=b'{"error": {"message": "response_format \'verbose_json\' is not compatible"}}')
    async with remote(inspectors, refusal, {"text": "halo"}) as (transcriber, server):
        assert (await transcriber.transcribe(NOTE.audio)).text == "halo"
        assert (await transcriber.transcribe(NOTE.audio)).text == "halo"

    formats = [form(request)["response_format"] for request in server.requests]
    assert formats == [b"verbose_json", b"json", b"json"]


async def test_silence_is_not_uploaded(inspectors: Workers) -> None:
    async with remote(inspectors, VERBOSE) as (transcriber, server):
        with pytest.raises(Silent):
            await transcriber.transcribe(NOISE[0].audio)

    assert server.requests == []


async def test_what_cannot_be_decoded_is_not_uploaded(inspectors: Workers) -> None:
    async with remote(inspectors, VERBOSE) as (transcriber, server):
        with pytest.raises(Unreadable):
            await transcriber.transcribe(NOTE.audio[:60] + b"v=0\r\n" * 40)

    assert server.requests == []


async def test_words_the_server_doubts_are_a_guess(inspectors: Workers) -> None:
    doubtful = VERBOSE | {"segments": [SEGMENT | {"avg_logprob": -1.5}]}
    async with remote(inspectors, doubtful) as (transcriber, _):
        with pytest.raises(LowConfidence):
            await transcriber.transcribe(NOTE.audio)


async def test_a_busy_server_is_asked_once_more(inspectors: Workers) -> None:
    async with remote(inspectors, Reply(429, {"Retry-After": "0"}), VERBOSE) as (transcriber, server):
        assert (await transcriber.transcribe(NOTE.audio)).text == "Halo, selamat pagi."

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Reply(401, body=b'{"error": "bad key"}'), "401"),
        (Reply(500), "500"),
        (Reply(body=b"<html>"), "no JSON"),
        (Reply(body=b"[]"), "no JSON object"),
        ({"segments": [{"text": "x"}]}, "not as OpenAI's"),
        ({}, "not as OpenAI's"),
    ],
)
async def test_a_server_in_trouble_is_named_without_its_key(inspectors: Workers, answer: object, message: str) -> None:
    async with remote(inspectors, answer) as (transcriber, _):
        with pytest.raises(EndpointFailed, match=message) as caught:
            await transcriber.transcribe(NOTE.audio)
        assert transcriber.stats.failed == 1

    assert "sk-secret" not in str(caught.value)


async def test_a_server_that_is_not_there_is_named() -> None:
    model = {"url": "http://127.0.0.1:1/v1", "model": "whisper-1"}
    settings = VoiceSettings.model_validate({"model": model, "longest": "3s"})
    async with httpx.AsyncClient() as client:
        transcriber = open_transcriber(settings, client=client, languages=["id"], base=Path())
        assert transcriber is not None
        try:
            with pytest.raises(EndpointFailed, match="cannot be reached"):
                await transcriber.transcribe(NOTE.audio)
            with pytest.raises(TooLong, match="longer than 3 s"):
                await transcriber.transcribe(SPOKEN[5].audio)
        finally:
            await transcriber.aclose()
