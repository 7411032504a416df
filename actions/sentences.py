"""The sentences of a reply as claims are looked for in them: normalised, in clauses, and with the words that take a verb back.

A deed is open where the words before its verb say that it is not, may be, would be or is asked about. Only these count, not any such
word in the sentence: "sudah kami batalkan dan dana dapat kembali" says that it is done, although "dapat" stands in it.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

# Letters of other scripts that look like Latin ones (Unicode TR 39, those of Indonesian and English words).
_LOOKALIKES = str.maketrans("аеорсухіѕԁѡкмтвнԛɡıοαυνκ", "aeopcyxisdwkmtbhqgioauvk")
_APOSTROPHES = str.maketrans("’‘ʼ`´＇", "''''''")


class _Letters(dict[int, str]):
    """What becomes of each character; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        category = unicodedata.category(letter)
        if letter == "\n" or category in ("Zl", "Zp"):
            kept = "\n"
        elif category in ("Cf", "Mn", "Me", "Cc") and letter != "\t":
            kept = ""
        elif letter in "✅✔☑":
            kept = ". "
        elif category.startswith("Z") or category in ("So", "Sk", "Cn", "Co") or letter in "\t_*~":
            kept = " "
        else:
            kept = letter.translate(_LOOKALIKES)
        self[code] = kept
        return kept


_LETTERS = _Letters()


@lru_cache(64)  # several checks look at one reply
def plain(text: str) -> str:
    """Write a reply in plain letters: without invisible characters, accents, lookalikes, emoji and markup, with simple spaces."""
    text = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    text = re.sub(r" +", " ", text.translate(_LETTERS))
    text = re.sub(r"(?<=[\w,]) ?\n ?(?=[a-z])", " ", text)  # a line that goes on
    text = re.sub(r"\([^()\n]{1,60}\) ?", "", text)
    text = re.sub(r"\b(drg?|bpk|jl|jln|no|mrs?|ms|st)\. ?(?=\w)", r"\1 ", text, flags=re.IGNORECASE)
    text = re.sub(r"(\bstatus\b[^:.\n]{0,40}?) ?[:=] ?", r"\1 adalah ", text, flags=re.IGNORECASE)
    # "Pesanan KS-1, atas nama Budi, sudah dibatalkan" is one clause.
    between = r"(?=(?:sudah|telah|udah|dah|berhasil|berjaya|has|have|is|was|were)\b)"
    text = re.sub(rf"(?<=\w) ?[,–—-] ([^,.!?\n–—]{{1,40}})[,–—-] ?{between}", r" \1 ", text, flags=re.IGNORECASE)
    return re.sub(rf"(?<=\d) ?[,–—] ?{between}", " ", text, flags=re.IGNORECASE)


_CLAUSES = re.compile(r"(?:[^,;.!?\n:–—]|(?<=\w)[.,:](?=\w))+[,;.!?\n:–—]*")  # `pukul 08.00` does not end one
_AND = re.compile(
    r"(?<!\s)\s++(?:tapi|tetapi|namun|karena|sebab|sehingga|jadi|maka|lalu|kemudian|but|so|because|however|therefore|and then)\s+",
    re.IGNORECASE,
)


_SENTENCES = re.compile(r"(?:[^.!?\n]|(?<=\w)\.(?=\w))+[.!?\n]*")


_NEAR = 300
"""Characters of its sentence that are kept before and after a clause."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause with what stands near it in its sentence."""

    text: str
    before: str = ""
    after: str = ""

    @property
    def asks(self) -> bool:
        """Whether it ends as a question."""
        return self.text.rstrip().endswith("?")


def clauses(text: str) -> Iterator[Clause]:
    """Split a text, as `plain` makes it, into its clauses."""
    for sentence in _SENTENCES.finditer(text):
        at = 0
        for match in _CLAUSES.finditer(sentence[0]):
            for part in _AND.split(match[0]):
                if part.strip():
                    at = sentence[0].index(part, at)
                    end = at + len(part)
                    yield Clause(part.strip(), sentence[0][max(0, at - _NEAR) : at], sentence[0][end : end + _NEAR])
                    at = end


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(text.split())})", re.IGNORECASE)


_NOT = _words(
    r"gagal|failed|fails|belum|blm|tidak|tdk|nggak|ngga|enggak|engga|gak|ga|gk|tak|tiada|bukan|bkn|jangan|never|not|\w*n't|cannot|hardly|neither|nor|"
    r"without|tanpa"
)
_MAYBE = _words(
    r"mungkin|barangkali|seharusnya|semestinya|harusnya|sepatutnya|biasanya|akan|dianggap|bakal|might|may|should|would|could|will|must|"
    r"won't"
)
_FUTURE = _words(r"akan|bakal|will|let|segera|bantu")
_MODAL = _words(
    r"bisa|dapat|boleh|mau|ingin|perlu|harus|hendak|bantu|silakan|silahkan|mohon|tolong|please|can|could|cannot|to|able|want|need|like|"
    r"untuk|agar|supaya|biar|nanti|let|gets?|being"
)
# What may stand between such a word and the verb.
_FILLER = _words(
    r"saya|aku|gue|gw|kami|kita|tim|kak|kakak|juga|pun|pernah|yang|ya|lagi|dulu|langsung|segera|benar-benar|sepenuhnya|berhasil|berjaya|"
    r"sudah|telah|bisa|dapat|boleh|sempat|pastikan|memastikan|katakan|mengatakan|konfirmasi|mengonfirmasi|bilang|janji|jamin|"
    r"be|been|have|has|had|is|are|was|were|yet|already|actually|really|fully|just|then|also|it|you|your|I|we|get|now"
)
_RELATIVE = _words(r"yang|yg|that|which|whose|who")
_WORD = re.compile(r"[\w'-]+")

_CONDITION = re.compile(
    r"\b(?:apakah|(?<!-)apa(?!-)|jika|kalau|kalo|klo|bila|apabila|bilamana|jikalau|andai|seandainya|sekiranya|asalkan|kecuali|if|unless|"
    r"whether|in case|"
    r"provided|assuming|suppose|supaya|agar|so that|seolah|seakan|as if|menunggu|tunggu|wait(?:ing)? for)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:setelah|sesudah|selepas|sebelum|sehingga|sampai(?! (?:saat|sekarang|hari|jumpa))|hingga|selama(?! ini)|saat(?! (?:ini|itu))|"
    r"ketika|"
    r"apabila|begitu(?! (?:juga|pula))|sejak|once|when|whenever|after|before|until|till|while|as soon as|by the time|semenjak)\b",
    re.IGNORECASE,
)
_LOOKED = re.compile(
    r"\b(?:setelah|sesudah|after)\s+(?:(?:saya|kami|kita|I|we)\s+)?(?:di)?(?:\s?cek|periksa|lihat|semak|telusuri|check\w*|"
    r"look\w*)\b\s*(?:data\w*|lagi|kembali|sistem|ulang)?",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"\b(?:no (?:\w+ )?(?:orders?|payments?|changes?|bookings?|reservations?|refunds?|appointments?|requests?|action|one)|no (?!problem|"
    r"worr|need|doubt|issue|rush|trouble)\w+ (?:has|have|was|were|is|are)|none|nothing|nobody|(?:tidak|tdk|belum|nggak|gak|ga|tak) ada|"
    r"tiada)\b",
    re.IGNORECASE,
)
_INSTRUCTED = re.compile(
    r"(?<!saya )(?<!kami )\b(?:pastikan|make sure|ensure|verify|cek(?: dulu)?|lihat|see if|check (?:if|that|whether)|confirm (?:if|"
    r"whether))\b",
    re.IGNORECASE,
)
_THEY_SAID = re.compile(
    r"\b(?:kakak|kak|anda|kamu|you|bapak|ibu|pak|bu)\s+(?:tadi |sebelumnya |just |have |had |already )?(?:bilang|sebut\w*|menyebut\w*|"
    r"tulis|"
    r"menulis|katakan|mengatakan|sampaikan|menyampaikan|informasikan|said|say|saying|mention\w*|told|tell|wrote|report\w*|claim\w*)\b",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"\b(?:tadi|sebelumnya|salah|keliru|earlier|mistaken\w*|wrong\w*|incorrect\w*)\b.{0,30}\b(?:bilang|katakan|mengatakan|sampaikan|"
    r"menyampaikan|tulis|menulis|said|told|wrote)\b"
    r"|\b(?:saya|aku|kami|I|we)\s+(?:bilang|katakan|sampaikan|tulis|said|told you|wrote)\s+(?:tadi|sebelumnya|earlier|before)\b"
    r"|\b(?:according to|from what|menurut)\s+(?:what\s+)?(?:you|kakak|anda)\b",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    r"\b(?:not|\w*n't|cannot|tidak|tak|gak|belum)\s+(?:\w+\s+){0,2}(?:see|find|think|believe|confirm|say|know|sure|guarantee|promise|"
    r"melihat|menemukan|yakin|"
    r"memastikan|pastikan|tahu|tau|bilang|mengatakan|katakan|menjamin)\b",
    re.IGNORECASE,
)
_QUESTION_AFTER = re.compile(
    r"\b(?:ada (?:lagi|yang)|apakah|apa(?:kah)?|mau|perlu|bisa|butuh|anything|is there|would you|do you|can I|what|how|any)\b",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    r"^\W*(?:within|daily|every|automatically|otomatis)\b|^\W*(?:\w+\W+){0,2}(?:if|unless|when|once|jika|kalau|kalo|bila|apabila|setelah)\b",
    re.IGNORECASE,
)

_EACH_TIME = re.compile(r"\b(?:as soon as|once|whenever|setiap kali|begitu)\b", re.IGNORECASE)


def is_open(clause: Clause, start: int, verb: int, end: int, *, marked: bool, own: bool, promise: bool) -> bool:
    """Tell whether a deed in a clause is not, may be, would be, or is asked about.

    Args:
        clause: the clause.
        start: where the words of the deed begin.
        verb: where its verb, or the word that says "done", begins.
        end: where the words of the deed end.
        marked: a word says that it is done (`sudah`, `has been`); without one "bisa dibatalkan" and "is cancelled if …" are open too.
        own: the agent says that it did it itself, which it never asks.
        promise: the future counts as said ("akan", "will").
    """
    text = _LOOKED.sub(lambda match: " " * len(match[0]), clause.text)
    before = text[:verb]
    if any(_negated(words, marked=marked, own=own, promise=promise) for words in (before, text[:start])):
        return True
    reach = 4 if own else 6
    if any(
        _count(text[match.end() : verb]) <= limit
        for pattern, limit in ((_CONDITION, 8), (_TIME, reach), (_NONE, 5), (_UNSURE, 8), (_INSTRUCTED, 6))
        for match in pattern.finditer(before)
    ):
        return True
    if _THEY_SAID.search(before) or _TAKEN_BACK.search(text):
        return True
    if not marked and (_TRAILING.match(text[end:]) or _EACH_TIME.search(text[end:])):
        return True
    if clause.asks:
        rest = text[end:]
        return not own and not (_QUESTION_AFTER.search(rest) and _count(rest) >= 2)
    return False


def is_offered(clause: Clause, often: re.Match[str] | None) -> bool:
    """Tell whether a promise of many reminders is only asked about, offered or denied, in any words before `often`."""
    words = _WORD.findall(clause.text[: often.start()] if often else clause.text)
    taken_back = any(_NOT.fullmatch(word) or _MODAL.fullmatch(word) or _CONDITION.fullmatch(word) for word in words)
    return clause.asks or taken_back


def _count(text: str) -> int:
    return len(_WORD.findall(text))


def _negated(before: str, *, marked: bool, own: bool, promise: bool) -> bool:
    """Whether the words just before a verb take it back; fillers are passed over."""
    words = _WORD.findall(before)
    for distance, word in enumerate(reversed(words)):
        if promise and _FUTURE.fullmatch(word):
            continue
        if _NOT.fullmatch(word) or _MAYBE.fullmatch(word):
            return True
        if not marked and _MODAL.fullmatch(word):
            return True
        if _RELATIVE.fullmatch(word):
            return not own and _is_restrictive(words[: len(words) - distance - 1])
        if not _FILLER.fullmatch(word):
            return False
    return False


def _is_restrictive(head: list[str]) -> bool:
    """Whether a relative clause tells which ones are meant (`pesanan yang sudah dikirim`) instead of what happened to this one."""
    return bool(head) and not (
        head[-1].lower().endswith("nya")
        or head[-1].lower()
        in ("kakak", "anda", "kamu", "tersebut", "ini", "itu", "tadi", "confirm", "bahwa", "say", "see", "informed")
        or any(letter.isdigit() for letter in head[-1])
        or "your" in [word.lower() for word in head[-3:]]
    )
