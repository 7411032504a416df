"""Whether a question stayed without an answer, so that the owner hears of it (`balas knowledge gaps`)."""

import re
from dataclasses import dataclass

from agent.asking import wants_human
from agent.turn.retrieval import LIKELY, Retrieved

WORDS = 3
"""Fewer words than this are a greeting or a thank-you, not a question that the documents should answer."""

# How people, and models told to, say in Indonesian, Malay and English that they do not have an answer.
_NOT = r"(?:tidak|tdk|tak|nggak|ngga|enggak|gak|ga|belum|blm|kurang|x)"
_DONT_KNOW = re.compile(
    rf"\b{_NOT} (?:\w+ )?(?:tahu|tau|mengetahui|yakin|pasti|mempunyai informasi|punya (?:\w+ )?(?:informasi|info|data|maklumat)"
    r"|memiliki (?:\w+ )?(?:informasi|data)|ada (?:\w+ )?(?:informasi|info|maklumat)|menemukan|menjumpai|jumpa|tersedia informasi)\b"
    r"|\b(?:informasi|info|maklumat)(?:nya)? (?:\w+ ){0,8}?(?:tidak|belum|tiada|tak) (?:ada|tersedia|dijumpai|ditemukan)\b"
    r"|\btiada (?:maklumat|informasi)\b"
    r"|\bdi luar (?:pengetahuan|informasi)\b"
    r"|\b(?:i|we) (?:\w+ )?(?:do not|don[’']?t|did not|didn[’']?t|cannot|can[’']?t|am not|are not|[’']?m not)"
    r" (?:\w+ )?(?:know|have (?:\w+ )?(?:information|details|data)|find|sure|certain|say for sure)\b"
    r"|\b(?:i[’']?m|we[’']?re) not (?:\w+ )?(?:sure|certain)\b"
    r"|\b(?:no|not any) information (?:about|on|regarding)\b"
    r"|\b(?:i|we) have no (?:\w+ )?(?:information|details|idea)\b",
    re.IGNORECASE,
)
_COURTESIES = frozenset(
    "selamat good morning afternoon evening night day nice baik siap sip betul benar kabar hari help helpful much lot sekali sangat "
    "ditunggu tunggu sebentar bentar dulu wait moment great perfect mantap bagus noted udah infonya bantuannya admin punten mbok "
    "wr wb waalaikumsalam alhamdulillah".split()
)
_NOTE = re.compile(r"\[(?:image|video|audio|file|sticker|location|a voice note|voice note)[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question for the owner, without the addresses and numbers of people. `nearest` is the id of the best passage there was."""

    question: str
    confidence: float
    nearest: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """How a turn ended. `text` is what the model wrote; `acted` says that an action answered or asked back."""

    text: str
    acted: bool
    handed_over: bool


def says_dont_know(text: str) -> bool:
    """Whether a reply admits, in Indonesian, Malay or English, that it does not have the answer."""
    return bool(_DONT_KNOW.search(text))


def unanswered(said: str, retrieved: Retrieved, reply: Reply) -> Unanswered | None:
    """What the owner should hear of a turn, if anything."""
    from knowledge.gaps import without_private

    asked = without_private(_NOTE.sub(" ", said))
    return Unanswered(asked, retrieved.confidence, retrieved.nearest) if is_gap(asked, retrieved, reply) else None


def is_gap(asked: str, retrieved: Retrieved, reply: Reply) -> bool:
    """Whether the documents should have answered and did not.

    It is one when no passage fits (plainly foreign, or less likely than `LIKELY`), when the reply says that it does not know, or when the
    model passed the customer on. It is none when the message is short or mere courtesy, when an action took care of it, when the
    customer asked for a person, or when the answer is known but its copy too old.
    """
    if not _asks(asked) or reply.acted or retrieved.needs_human or wants_human(asked):
        return False
    if reply.handed_over or retrieved.foreign or retrieved.confidence < LIKELY:
        return True
    return says_dont_know(reply.text)


def _asks(text: str) -> bool:
    """Whether a message is long enough to ask something, and says more than a greeting or a thank-you."""
    from knowledge.documents.splitter import count_words
    from language.lexicon import STOPWORDS
    from language.tokens import words

    return count_words(text) >= WORDS and any(word not in STOPWORDS and word not in _COURTESIES for word in words(text))
