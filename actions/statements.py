"""What a reply says of the customer's things that nobody looked up, and what it promises that nothing does: plain functions over text.

`actions.claims` holds "sudah saya batalkan" against receipts. These two kinds need no receipt to be wrong: a weak model tells the state
of an order that it never looked up (`untold_states`), and promises to cancel it "right away" while the turn ends (`empty_promises`).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from actions.action import Action, Json
from actions.deeds import deeds_of_action, deeds_of_verb
from actions.sentences import Clause, clauses, is_open, plain
from language.values import contains

_ID: Final = re.compile(r"(?:#[\w-]*\d[\w-]*|\b[A-Z]{1,5}-?\d{3,}[\w-]*\b)")
_STATES: Final[Mapping[str, str]] = {
    "arrived": r"sampai|tiba|arrived?|diterima|received",
    "delivered": r"delivered|terkirim|diantar(?:kan)?",
    "sent": r"dikirim(?:kan)?|shipped|dispatched|sent out|diserahkan",
    "under way": r"dalam (?:perjalanan|pengiriman)|di jalan|on (?:its|the) way|in transit|out for delivery|menuju",
    "in work": r"di-?proses|dikemas|disiapkan|dibuat|being (?:processed|prepared|packed|made)|processing|in process|dalam proses",
    "ready": r"siap (?:diambil|dikirim|diantar)|ready(?: (?:for|to) \w+)?",
    "finished": r"selesai|completed?",
    "late": r"terlambat|tertunda|delayed|late|hilang|lost",
    "waiting": r"menunggu (?:pembayaran|konfirmasi)|pending|awaiting \w+",
}
_MARKED: Final = (
    r"(?:sudah|telah|udah|udh|dah|sedang|lagi|masih|kini|sekarang|baru saja|status\w*(?: [\w#-]+){0,3} adalah|"
    r"is|are|was|were|has(?: been)?|have been|'s|now|"
    r"currently|already|just|just been)"
)
_OF_CUSTOMER: Final = re.compile(
    r"\b(?:pesanan|paket|kiriman|barang|order|booking|reservasi|sewa|tiket)"
    r"(?:nya\b| (?:kak|kakak|anda|kamu|bapak|ibu|ini|tersebut|itu)\b)"
    r"|\b(?:your|the|this|that) (?:order|package|parcel|shipment|booking|reservation|delivery|item|ticket|rental)\b",
    re.IGNORECASE,
)
_ASKED: Final = re.compile(
    r"\?|\b(?:mana|kapan|apa|apakah|gimana|bagaimana|gmn|status|cek|lacak|where|when|what|how|track|check|belum|blm|kok|yet)\b"
    r"|^\W*(?:has|have|is|are|did|was)\b",
    re.IGNORECASE,
)
_STATED: Final = {
    state: re.compile(rf"(?P<v>\b{_MARKED}(?: [\w-]+){{0,3}}?) (?P<state>{words})\b", re.IGNORECASE)
    for state, words in _STATES.items()
}
_WORDS_OF: Final = {state: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for state, words in _STATES.items()}

_PROMISED: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:saya|kami|kita|aku)\s(?:akan|bakal|segera|langsung)\s(?:(?:segera|langsung|coba|bantu|akan|untuk)\s){0,3}(?P<verb>[\w-]{4,})",
        r"\b(?:akan|bakal|segera)\s(?:(?:segera|langsung)\s){0,2}(?:saya|kami|kita|aku)\s(?:(?:bantu|segera)\s){0,2}(?P<verb>[\w-]{4,})",
        r"\b(?:I'll|I will|I'm going to|I am going to|we'll|we will|we are going to|let me)\s"
        r"(?:(?:now|go|ahead|and|right|away|immediately|just|also|proceed|to|then|help|you)\s){0,4}(?P<verb>[a-z]{4,})",
    )
)
_SPECIFIC: Final = re.compile(
    r"\b(?:segera|sekarang|langsung|secepatnya|right away|now|immediately|for you|untuk (?:kakak|kak|anda|kamu)|your|it|that|nya|"
    r"kakak|anda|kamu|tersebut|ini)\b|nya\b",
    re.IGNORECASE,
)
_ASKS: Final = re.compile(
    r"\?|\b(?:mohon|silakan|silahkan|tolong|kirimkan|sebutkan|boleh|bisa(?:kah)?|butuh|perlu|konfirmasi\w*|please|provide|share|"
    r"let me know|need|confirm\w*|could you|tell me|reply|balas|pilih|choose|jika|kalau|kalo|bila|apabila|setelah|sesudah|begitu|"
    r"once|if|after|when|"
    r"unless|before|sebelum|until|sampai)\b",
    re.IGNORECASE,
)
_BOOKING: Final = re.compile(r"book|reserv|pesankan|order|daftar|regist", re.IGNORECASE)


def untold_states(
    text: str, results: Mapping[str, Sequence[Json]], said: Sequence[str] = (), known: Sequence[str] = ()
) -> list[str]:
    """Find the states of the customer's things that a reply tells and that nothing in the conversation holds.

    A thing that the reply names by its id must be in a result; without an id anything that was looked up may be meant.

    Args:
        text: the reply as the customer would read it.
        results: what actions returned in this conversation, by name.
        said: the customer's own messages: what they tell of a state may be repeated.
        known: what else is known of it: instructions, messages of colleagues and of workflows, passages.
    """
    found = list(_texts(results))
    told = [line for each in said for line in re.split(r"[.!\n]", each) if not _ASKED.search(line)]
    return [stated for clause in clauses(plain(text)) if (stated := _untold(clause, found, told, known)) is not None]


def _untold(clause: Clause, found: Sequence[str], told: Sequence[str], known: Sequence[str]) -> str | None:
    ids = _ID.findall(clause.text)
    if not ids and (found or not _OF_CUSTOMER.search(clause.text)):
        return None
    if ids and all(any(contains(one, each) for one in found) for each in ids):
        return None
    for state, pattern in _STATED.items():
        match = pattern.search(clause.text)
        if match is None or is_open(
            clause, match.start(), match.start("state"), match.end(), marked=False, own=False, promise=False
        ):
            continue
        sources = (*told, *(each for each in known if all(contains(each, one) for one in ids)))
        if not any(_WORDS_OF[state].search(each) for each in sources):
            return match[0].strip()
    return None


def empty_promises(
    text: str, actions: Iterable[Action], receipts: Collection[str], known: Sequence[str] = ()
) -> list[str]:
    """Find the deeds that a reply promises to do at once although the turn ends with it, and that no receipt covers.

    A reply that asks for something first, or makes it depend on something, promises nothing yet; nor does one that repeats what the
    business says of itself ("kami akan mengganti barang yang rusak").

    Args:
        text: the reply as the customer would read it.
        actions: all actions of the agent.
        receipts: names of the actions that ended as `done` in this conversation.
        known: what the business says: instructions and passages.
    """
    if _ASKS.search(text):
        return []
    done = frozenset(
        deed
        for action in actions
        if action.name in receipts and not action.reads
        for deed in deeds_of_action(action) or {"any"}
    )
    policy = frozenset(deed for each in known for deed, _ in _promises(each))
    return [said for deed, said in _promises(text) if deed not in done and "any" not in done and deed not in policy]


def _promises(text: str) -> Iterable[tuple[str, str]]:
    for clause in clauses(plain(text)):
        for pattern in _PROMISED:
            for match in pattern.finditer(clause.text):
                deeds = deeds_of_verb(match["verb"]) & {"cancel", "refund", "change"}
                if not deeds and _BOOKING.search(match["verb"]):
                    deeds = frozenset(("create",))
                if deeds and _SPECIFIC.search(clause.text[match.end("verb") :] + " " + match[0]):
                    yield sorted(deeds)[0], match[0]


def _texts(value: object) -> Iterable[str]:
    match value:
        case str() | int():
            yield str(value)
        case Mapping():
            for key, each in value.items():
                yield str(key)
                yield from _texts(each)
        case Sequence():
            for each in value:
                yield from _texts(each)
