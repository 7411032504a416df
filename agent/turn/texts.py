"""What the agent says in its own words, whatever the model: by language, Indonesian where a language is not known."""

from typing import Final

_VOICE_UNCLEAR: Final = {
    "id": "Maaf, pesan suaranya belum bisa kami pahami. Boleh ditulis saja pesannya? 🙏",
    "en": "Sorry, we could not make out your voice note. Could you write it instead? 🙏",
    "ms": "Maaf, mesej suara itu kurang jelas. Boleh tuliskan sahaja? 🙏",
}
_VOICE_OFF: Final = {
    "id": "Maaf, kami belum bisa mendengarkan pesan suara. Boleh ditulis saja pesannya? 🙏",
    "en": "Sorry, we cannot listen to voice notes yet. Could you write it instead? 🙏",
    "ms": "Maaf, kami belum boleh mendengar mesej suara. Boleh tuliskan sahaja? 🙏",
}


def voice_unclear(language: str) -> str:
    """A polite request to write, for a note that was not understood."""
    return _VOICE_UNCLEAR.get(language, _VOICE_UNCLEAR["id"])


def voice_off(language: str) -> str:
    """A polite request to write, where no note can be heard."""
    return _VOICE_OFF.get(language, _VOICE_OFF["id"])
