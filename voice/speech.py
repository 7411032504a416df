"""Answers by voice: texts spoken by a server with the OpenAI-compatible `POST /audio/speech`.

What is no speech is left out (addresses, formatting), and what would be too long to listen to is not spoken at all: the text is
always sent beside the note. https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from voice.audio import sniff
from voice.errors import EndpointFailed, Unreadable
from voice.settings import SpeechSettings

if TYPE_CHECKING:
    import httpx

_PATH = "/audio/speech"
_LARGEST = 16 * 2**20
"""Bytes of a spoken answer; WhatsApp takes no more."""

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")
_FORMATTING = re.compile(r"[*_~`#>|]+")
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Format:
    """A form of sound: the server's name for it, its MIME type and the ending of a file."""

    name: str
    type: str
    ending: str


NOTE = Format("opus", "audio/ogg", "ogg")
"""What WhatsApp and Telegram play as a voice note."""
MP3 = Format("mp3", "audio/mpeg", "mp3")


class Speaker(Protocol):
    """Speaks texts."""

    @property
    def settings(self) -> SpeechSettings:
        """The `voice.reply:` part of agent.yaml."""

    async def speak(self, text: str, format_: Format) -> bytes:
        """Speak a text.

        Args:
            text: as `spoken` made it.
            format_: of the sound.

        Raises:
            EndpointFailed: there is no sound.
        """


class RemoteSpeaker:
    """Implements `Speaker` with an OpenAI-compatible server; makes one attempt."""

    def __init__(self, settings: SpeechSettings, client: "httpx.AsyncClient") -> None:
        """Speak with a server.

        Args:
            settings: where it is.
            client: makes the requests; not closed.
        """
        self.settings = settings
        self._client = client
        url = str(settings.base_url).rstrip("/")
        self._url = url if url.endswith(_PATH) else url + _PATH

    async def speak(self, text: str, format_: Format) -> bytes:
        import httpx

        key = self.settings.api_key
        body = {
            "model": self.settings.model,
            "input": text,
            "voice": self.settings.speaker,
            "response_format": format_.name,
        }
        try:
            response = await self._client.post(
                self._url,
                headers={} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"},
                json=body,
                timeout=self.settings.timeout.total_seconds(),
            )
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise EndpointFailed(f"the speech server {self._url} cannot be reached: {reason}") from error
        if response.status_code != 200:
            raise EndpointFailed(
                f"the speech server {self._url} answered {response.status_code}: {response.text[:200]}"
            )
        try:
            found = sniff(response.content)
        except Unreadable as error:
            raise EndpointFailed(f"the speech server {self._url} sent no sound: {error}") from error
        if len(response.content) > _LARGEST or (found.name == "ogg") is not (format_ is NOTE):
            raise EndpointFailed(f"the speech server {self._url} sent {len(response.content):,} bytes of {found.name}")
        return response.content


def spoken(text: str, longest: int) -> str | None:
    """Make of an answer what can be said aloud; `None` where that is nothing, or too long to listen to.

    Args:
        text: as it is written to the customer.
        longest: characters.
    """
    said = " ".join(_FORMATTING.sub("", _ADDRESS.sub("", text)).split())
    return said if _WORD.search(said) and len(said) <= longest else None
