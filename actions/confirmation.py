"""The question before an action, and what the customer's answer means: plain functions.

The agent's ledger keeps the open question and its deadline; a yes is only looked for while one is open.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

from actions.action import Action, Context, Json
from actions.template import fill, plain

Answer = Literal["yes", "no"]


def question(action: Action, arguments: Mapping[str, Json], context: Context) -> str:
    """Fill the question of an action with the values that it would run with."""
    values = action.visible(arguments, context)
    return fill(action.confirm or "", lambda name: plain(values.get(name)))


def _word(text: str) -> str:
    """`iyaaa` and `iya`, `nggak` and `ngak` are one word: people hold letters down."""
    return re.sub(r"(.)\1+", r"\1", text)


def _words(text: str) -> frozenset[str]:
    return frozenset(map(_word, text.split()))


_YES = _words(
    "ya iya iye y ye yes yep yup yap yeah yea yoi yess yas iyo oke ok okay okey okeh oki okie k kk sip siip siap sipp "
    "gas gaskeun gaspol gaskan lanjut lanjutkan lanjutin boleh bole jadi betul benar bener setuju deal mau silakan "
    "silahkan ayo yuk hayuk cus cuss mantap tentu pasti acc fix hooh heeh nggih inggih muhun sok baik baiklah sure fine "
    "confirm confirmed correct right agreed agree absolutely definitely proceed certainly konfirmasi konfirm jom teruskan "
    "alright affirmative bungkus yakin"
)
_NO = _words(
    "tidak tdk tak nggak ngga enggak engga gak ga gk kagak kaga ndak nda ora emoh jangan jgn batal no nope nah n not "
    "never dont don't stop belum urung cancel ogah"
)
# Words that take the side of what stands beside them, or none.
_NEUTRAL = _words(
    "eh oh ah hmm kak kaka kakak min admin mas mba mbak bang gan sis pak bu om tante bro dong donk deh sih yah aja saja please pls tolong "
    "makasih thanks thank you terima kasih tks thx nih lah kok ini itu pesanan pesananku orderan order sekarang segera "
    "now it that this the my do go ahead proses prosesin of course semua semuanya sudah udah udh dah i saya aku jd "
    "want to would like perlu usah payah nak mau nanti dulu lagi then just me for with ke untuk dan and benar sama juga"
)
_UNDO = _words(
    "batalkan batalin dibatalkan dibatalin dihapus cancel cancelkan hapus hapuskan batal"
)  # an order, or the answer to a question about one
_CONDITIONS = _words(
    "tapi tp tetapi but kecuali except asal asalkan unless instead ganti ubah tukar change kalau kalo if"
)
_SIGNS = {
    "👍": "ya",
    "👌": "ya",
    "✅": "ya",
    "🙆": "ya",
    "🆗": "ok",
    "👎": "tidak",
    "❌": "tidak",
    "🙅": "tidak",
    "🚫": "tidak",
}

_NOT_NOW = re.compile(r"\b(nanti|ntar|entar|lain kali|later|not now|not yet)\b")
_NO_PROBLEM = re.compile(
    r"\b((tidak|tak|ga|gak|ngak|tdk|no) (masalah|problem|worries|apa|papa)( apa)?|gapapa|gpp|gapap)\b"
)
_NOT_GOING_ON = re.compile(
    r"\b(tidak|tdk|tak|ga|gak|ngak|nga|engak|kagak|g) (jadi|jd|usah|perlu|payah|mau|nak|boleh|setuju|lanjut)\b"
)
_GO_AHEAD = re.compile(r"\b(go ahead|do it|of course|sounds good|please do)\b")
_NO_REFUSAL = re.compile(r"\b(jangan|jgn|dont|don't) (lupa|forget|khawatir|wory)\b")


def answer(text: str, asked: str = "") -> Answer | None:
    """What a message answers to a yes-no question: `None` when it is something else, has a condition, or both.

    Only a plain yes is one. `"ya tapi alamatnya ganti"` is not, and neither is a yes with a new value in it.

    Args:
        text: what the customer wrote or said, in Indonesian, Malay, English or slang.
        asked: the question, where it is known. Its own words in the answer say nothing new, and `batalkan` is a yes to
            "Batalkan pesanan?" but no answer to "Bayar Rp50.000?".
    """
    lowered = unicodedata.normalize("NFKC", text).casefold()
    for sign, meaning in _SIGNS.items():
        lowered = lowered.replace(sign, f" {meaning} ")
    if "?" in lowered:
        return None
    clauses = [_tokens(part) for part in re.split(r"[,.;!\n]+", lowered)]
    words = [word for clause in clauses for word in clause]
    phrase = " ".join(words)
    if not words or _NO_REFUSAL.search(phrase):
        return None
    about_undoing = bool(set(_tokens(asked.casefold())) & _UNDO)
    phrase = _GO_AHEAD.sub("ya", _NO_PROBLEM.sub(" ", phrase))
    if _NOT_GOING_ON.search(phrase) or _NOT_NOW.search(phrase):
        return "no"
    words = phrase.split()
    verdicts = [verdict for word in words if (verdict := _verdict(word, words, about_undoing)) is not None]
    if "no" in verdicts:
        return "no" if _plain(clauses[0], asked) or _plain(words, asked) else None
    return "yes" if "yes" in verdicts and _plain(words, asked) and not set(words) & _CONDITIONS else None


def _tokens(text: str) -> list[str]:
    return [_word(word) for word in re.findall(r"[\w'-]+", text)]


def _verdict(word: str, words: list[str], about_undoing: bool) -> Answer | None:
    if word in _UNDO and (about_undoing or word not in _NO):
        if word == "batal":
            return None  # "batal" to "Batalkan pesanan?": the order, or the wish?
        return "yes" if about_undoing or set(words) & _YES else None
    return "no" if word in _NO else "yes" if word in _YES else None


def _plain(words: list[str], asked: str) -> bool:
    """Whether nothing is said beyond yes, no, courtesies and what the question said itself."""
    known = _YES | _NO | _NEUTRAL | _UNDO | frozenset(_tokens(asked.casefold()))
    return all(word in known for word in words)
