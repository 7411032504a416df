"""Transcribe on a server with the OpenAI-compatible `POST /audio/transcriptions`.

The recording is decoded here first, in a worker process: silence, an hour in a megabyte or a picture are neither uploaded
nor paid for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from settings.backoff import requested_wait
from settings.clock import now
from settings.text import from_json
from voice.audio import sniff
from voice.errors import EndpointFailed, Silent
from voice.judge import judge
from voice.languages import by_name, choose
from voice.limits import check_bytes, spoken
from voice.pool import Workers
from voice.settings import Endpoint, VoiceSettings
from voice.transcriber import Counts, RawSegment, RawTranscript, Stats, Transcript

if TYPE_CHECKING:
    import httpx

_PATH = "/audio/transcriptions"
_LEAST_SPEECH = 0.2  # seconds
_BUSY = {429, 502, 503, 504}
_PAUSE = timedelta(seconds=1)  # before asking a busy server again, when it does not say
_LONGEST_PAUSE = timedelta(seconds=10)


class RemoteTranscriber:
    """Implements `Transcriber` with an OpenAI-compatible server. A busy server is asked once more, any other failure raises.

    Args:
        settings: the `voice:` part of agent.yaml.
        endpoint: the server.
        client: makes the requests; not closed.
        languages: codes of the languages the agent speaks.
        inspectors: workers without a model, which measure each note before it is uploaded; closed with `aclose`.
    """

    def __init__(
        self,
        settings: VoiceSettings,
        endpoint: Endpoint,
        client: "httpx.AsyncClient",
        languages: Sequence[str],
        inspectors: Workers,
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._client = client
        url = str(endpoint.url).rstrip("/")
        self._url = url if url.endswith(_PATH) else url + _PATH
        self._languages = languages
        self._inspectors = inspectors
        self._counts = Counts()
        self._format = "verbose_json"  # "json" once the server has refused it, as gpt-4o-transcribe does

    @property
    def stats(self) -> Stats:
        return self._counts.stats(self._inspectors.load)

    async def transcribe(self, audio: bytes, languages: Sequence[str] | None = None) -> Transcript:
        with self._counts.note():
            check_bytes(audio, self._settings)
            choices = spoken(self._settings, self._languages if languages is None else languages)
            seconds = await self._inspect(audio)
            raw = await self._ask(audio, choices, seconds)
            self._counts.heard += raw.duration
            return judge(raw, self._settings.confidence)

    async def warm(self) -> None:
        await self._inspectors.warm()

    async def aclose(self) -> None:
        await self._inspectors.aclose()

    async def _inspect(self, audio: bytes) -> float:
        """Seconds of decoded sound. Raises `Silent` when there is no speech, and what the decoder raises."""
        answer = await self._inspectors.run((), audio)
        if answer["speech"] < _LEAST_SPEECH:
            raise Silent(f"no speech was heard in {answer['seconds']:.1f} s of sound")
        return float(answer["seconds"])

    async def _ask(self, audio: bytes, choices: Sequence[str], seconds: float) -> RawTranscript:
        answer = await self._post(audio, choices[0] if len(choices) == 1 else None)
        language = by_name(str(answer.get("language") or ""))
        if choices and language is not None and language not in choices:
            # the words were translated into a language we did not ask for: ask again, naming ours
            language = choose([(language, 1.0)], choices)[0]
            answer = await self._post(audio, language)
        return parse(answer, language or (choices[0] if choices else "und"), seconds)

    async def _post(self, audio: bytes, language: str | None) -> Mapping[str, Any]:
        response = await self._request(audio, language)
        if response.status_code == 400 and self._format == "verbose_json" and "response_format" in response.text:
            self._format = "json"
            response = await self._request(audio, language)
        elif response.status_code in _BUSY:
            await asyncio.sleep(_pause(response))
            response = await self._request(audio, language)
        return _body(response, self._url)

    async def _request(self, audio: bytes, language: str | None) -> "httpx.Response":
        import httpx

        container = sniff(audio)
        key = self._endpoint.api_key
        form = {"model": self._endpoint.model, "response_format": self._format, "temperature": "0"}
        try:
            return await self._client.post(
                self._url,
                headers={} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"},
                data=form if language is None else form | {"language": language},
                files={"file": (f"note.{container.name}", audio, container.mime_type)},
                timeout=self._endpoint.timeout.total_seconds(),
            )
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise EndpointFailed(f"the transcription server {self._url} cannot be reached: {reason}") from error


def parse(answer: Mapping[str, Any], language: str, seconds: float) -> RawTranscript:
    """Read a server's answer. Text without probabilities is taken as certain.

    Args:
        answer: the JSON object, `verbose_json` or `json`.
        language: the code of the language that was asked for or reported.
        seconds: the length of the note, as decoded here.

    Raises:
        EndpointFailed: there is no text in it.
    """
    try:
        segments = [
            RawSegment(
                start=float(segment["start"]),
                end=float(segment["end"]),
                text=str(segment["text"]),
                no_speech=float(segment.get("no_speech_prob") or 0.0),
                log_probability=float(segment.get("avg_logprob") or 0.0),
                compression_ratio=float(segment.get("compression_ratio") or 0.0),
            )
            for segment in answer.get("segments") or []
        ]
        if not segments:
            segments = [RawSegment(0.0, seconds, str(answer["text"]), 0.0, 0.0, 0.0)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EndpointFailed(
            f"the transcription server's answer is not as OpenAI's: {error!r} in {str(answer)[:200]}"
        ) from error
    return RawTranscript(language, tuple(segments), timedelta(seconds=seconds), voiced=True)


def _pause(response: "httpx.Response") -> float:
    """Seconds to wait, as the server asks for."""
    wait = requested_wait(response.headers, now())
    return (_PAUSE if wait is None else min(wait, _LONGEST_PAUSE)).total_seconds()


def _body(response: "httpx.Response", url: str) -> Mapping[str, Any]:
    if response.status_code != 200:
        raise EndpointFailed(f"the transcription server {url} answered {response.status_code}: {response.text[:200]}")
    try:
        answer = from_json(response.content)
    except ValueError as error:
        raise EndpointFailed(f"the transcription server {url} answered no JSON: {response.text[:200]}") from error
    if not isinstance(answer, dict):
        raise EndpointFailed(f"the transcription server {url} answered no JSON object: {response.text[:200]}")
    return answer
