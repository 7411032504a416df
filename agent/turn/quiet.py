"""The quiet window: how long to listen before answering. A finished question is answered at once."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from agent.ledger.inbound import Waiting


class Window(Protocol):
    """How long to wait after a finished and an unfinished message, and after the first one in all."""

    @property
    def finished(self) -> timedelta: ...

    @property
    def unfinished(self) -> timedelta: ...

    @property
    def longest(self) -> timedelta: ...


_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

_OPENERS = frozenset(
    "halo hallo hello helo hai hi hey hei p ping permisi misi punten salam assalamualaikum "
    "assalamu'alaikum asalamualaikum selamat pagi siang sore malam good morning afternoon evening kak "
    "kakak min admin gan sis bang mas mba mbak pak bu bapak ibu sir madam dear there".split()
)
_ANNOUNCING = re.compile(
    r"(?:(?:saya|aku|gue|gw|i|sy)\s+)?"
    r"(?:mau|mo|ingin|pengen|boleh|bisa|numpang|izin|ijin|want to|would like to|may i|can i|could i)?\s*"
    r"(?:tanya|nanya|bertanya|tanya[ -]tanya|nanya[ -]nanya|ask|pesan|order|beli|(?:i )?have a question|ada pertanyaan)"
    r"(?:\s+(?:dong|donk|dulu|ya|nih|sesuatu|sedikit|bentar|something|please))*"
)
_QUESTION = frozenset(
    "apa apakah berapa brp kapan kpn dimana mana kemana gimana gmn bagaimana kenapa knp mengapa siapa "
    "adakah bisakah bolehkah what when where how why who which whose is are do does did can could will "
    "would".split()
)
_COMPLETE = frozenset(
    "ya iya y yes yep yup ok oke okay okey sip siap baik boleh tidak gak ga nggak enggak ngga no nope "
    "nggk jangan batal cancel stop berhenti unsubscribe makasih terimakasih thanks thx tks lanjut jadi "
    "setuju deal gas done selesai".split()
)
_THANKS = re.compile(r"\b(?:terima\s*kasih|makasih|thank\s*you|thanks)\b")
_HANGING = frozenset(
    "dan atau serta yang yg untuk utk buat dengan dgn sama kalau kalo klo jika karena krn tapi tp tetapi "
    "terus trus lalu dari dr ke di pada kepada soalnya soal tentang mengenai about jadi mau adalah itu and or but because so if the a "
    "an of to for with from at in on my your is are i that which".split()
)


def finished(text: str | None) -> bool:
    """Whether a message reads as if nothing more is coming. Indonesian and English, as people type them."""
    stripped = (text or "").strip()
    if not stripped:
        return False
    if stripped.endswith(("...", "…", ",", ":", "-")):
        return False
    lowered = stripped.lower()
    words = _WORD.findall(lowered)
    content = [word for word in words if word not in _OPENERS]
    if not content:
        return False
    if _ANNOUNCING.fullmatch(" ".join(content)):
        return False
    if stripped.endswith(("?", "!", ".", "？", "。", "🙏")):
        return True
    if len(content) <= 2 and all(word in _COMPLETE for word in content):
        return True
    if content[-1] in _HANGING:
        return False
    if _THANKS.search(lowered) or any(character.isdigit() for character in lowered):
        return True
    if len(content) >= 2 and any(word in _QUESTION for word in content):
        return True
    return len(content) >= 4


def due(waiting: Sequence[Waiting], window: Window) -> datetime:
    """When to answer the messages that wait: a quiet time after the last, at most `longest` after the first.

    A burst is finished when its last text is; an attachment alone waits for its words.
    """
    first, last = waiting[0], waiting[-1]
    quiet = window.finished if finished(last.text) else window.unfinished
    return min(last.received_at + quiet, first.received_at + window.longest)
