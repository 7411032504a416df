"""Claims of a reply that something was done, and the receipts that prove them: plain functions over text.

Models say "sudah saya batalkan" without having called anything. A receipt, the outcome `done` of an action, is what makes such a
sentence true; without one it is not sent. `unproven` finds the claims; which receipt proves which kind is in `_proves`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from actions.action import Action, Json
from actions.reminders.wording import promise_of_many

Kind = Literal["declared", "act", "report", "payment", "handover", "recurring"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement without a receipt.

    - `declared`: a `claims` pattern of agent.yaml; `action` is the one whose receipt is missing
    - `act`: the agent says that it did something itself
    - `report`: something of the customer's is said to be done, and nothing was even looked up
    - `payment`: money is said to have arrived
    - `handover`: a colleague is said to be coming
    - `recurring`: reminders are promised that come again and again, which no built-in action can do
    """

    text: str
    kind: Kind
    action: str | None = None


# Roots of the verbs that change something, as they follow "saya" and "di-"; their active forms after "saya sudah".
_ROOTS = (
    r"batal(?:kan|in)|ubah|ganti(?:kan)?|perbarui|update|buat(?:kan|in)?|pesan(?:kan)?|booking(?:kan)?|jadwal(?:kan|in)|"
    r"kirim(?:kan|in)?|proses|kembalikan|refund|daftar(?:kan|in)|tambah(?:kan|in)?|hapus|simpan|aktifkan|ajukan|"
    r"laporkan|reservasi(?:kan)?|konfirmasi(?:kan)?|hantar|tempah|tukar|kemas ?kini"
)
_ACTIVE = (
    r"membatalkan|mengubah|mengganti(?:kan)?|memperbarui|mengupdate|membuat(?:kan)?|memesan(?:kan)?|membooking|menjadwalkan|"
    r"mengirim(?:kan)?|memproses|mengembalikan|merefund|mendaftarkan|menambah(?:kan)?|menghapus|menyimpan|mengaktifkan|"
    r"mengajukan|melaporkan|mengonfirmasi|mengkonfirmasi|menghantar|menempah|menukar"
)
_DONE = (
    r"cancell?ed|updated|changed|booked|scheduled|rescheduled|refunded|sent|placed|created|added|removed|deleted|processed|"
    r"submitted|registered|reserved|ordered|saved|issued|arranged|confirmed|activated|reported|shipped|filed"
)
_DONE_ALREADY = r"(?:sudah|telah|udah|udh|dah|berhasil)"
_THINGS = (
    r"pesanan|order(?:an)?|paket|transaksi|alamat|jadwal|reservasi|booking|tempahan|akun|data|refund|dana|langganan|keluhan|komplain|"
    r"laporan|permintaan|invoice|tagihan|janji|barang|orders?|package|parcel|address|appointment|reservation|account|"
    r"subscription|complaint|request|shipment|bayaran"
)

_ACT = (
    rf"{_DONE_ALREADY}\s+(?:saya|aku|gue)\s+(?:{_ROOTS})\b",
    rf"\b(?:saya|aku)\s+{_DONE_ALREADY}\s+(?:{_ACTIVE}|{_ROOTS})\b",
    rf"\b{_DONE_ALREADY}\s+(?:saya|aku)?\s*catat\w*\b.{{0,20}}\b(?:{_THINGS})|\b(?:{_THINGS})\w*\b.{{0,30}}{_DONE_ALREADY}\s+(?:saya|aku)\s+catat",
    rf"\bI(?:'ve| have)?(?: already| just| now| also| successfully)*\s+(?:{_DONE})\b",
)
_REPORT = (
    rf"\b(?:{_THINGS})\w*\b.{{0,40}}\b{_DONE_ALREADY}\s+(?:di|kami )(?:{_ROOTS})\b",
    rf"\b{_DONE_ALREADY}\s+(?:di|kami )(?:{_ROOTS})\b.{{0,20}}\b(?:{_THINGS})",
    rf"\bkami\s+{_DONE_ALREADY}\s+(?:{_ACTIVE})\b",
    rf"\b(?:{_THINGS})\b.{{0,40}}\b(?:has|have) (?:now |already |successfully |just )*been (?:successfully )?(?:{_DONE})\b",
    rf"\b(?:{_THINGS})\b.{{0,30}}\b(?:is|are|was|were) (?:now |already |successfully )+(?:{_DONE})\b",
    rf"\bwe(?:'ve| have)(?: already| just| now| also| successfully)*\s+(?:{_DONE})\b",
)
_PAYMENT = (
    rf"\b(?:pembayaran|transfer|uang|dana|bayaran)\w*\b.{{0,30}}\b{_DONE_ALREADY}\s+(?:kami |saya )?(?:di)?(?:terima|masuk|lunas)\b",
    rf"\b{_DONE_ALREADY}\s+(?:kami |saya )?(?:di)?terima\b.{{0,20}}\b(?:pembayaran|transfer|uang|bayaran)",
    rf"\b(?:pesanan|tagihan|invoice|order)\w*\b.{{0,20}}\b{_DONE_ALREADY} (?:lunas|dibayar)\b",
    r"\b(?:payment|transfer|money)\b.{0,30}\b(?:has been|was|is|we(?:'ve| have))\s*(?:now |already |successfully )*"
    r"(?:received|confirmed|paid)\b",
    r"\b(?:we|I)(?:'ve| have)? (?:already |just )?received (?:your|the) (?:payment|transfer|money)\b",
)
_MONEY = re.compile(r"\b(?:pembayaran|bayaran|transfer|uang|payment|money)", re.IGNORECASE)
_COLLEAGUES = (
    r"(?:tim|team|cs|admin|agen|agent|staf|staff|rekan|petugas|customer service|manusia|human|manajer|manager|colleague|"
    r"support|specialist|representative|supervisor|operator|pegawai)"
)
_HANDOVER = (
    rf"\b(?:sambungkan|hubungkan|teruskan|alihkan|oper|serahkan|eskalasi(?:kan)?|sampaikan|sambungin|hubungin)\b.{{0,40}}\b{_COLLEAGUES}\b",
    rf"\b{_COLLEAGUES}\b.{{0,25}}\b(?:akan|segera)\s+(?:segera\s+)?(?:menghubungi|membalas|membantu|menindaklanjuti|hubungi)\b",
    rf"\b(?:I'll|I will|I'm|I am|I have|I've|let me|we'll|we will)\b.{{0,20}}\b(?:connect|connecting|transfer|transferring|transferred|"
    rf"hand|handing|handed|pass|passing|passed|forward|forwarding|forwarded|escalat(?:e|ed|ing)|refer|referred)\b.{{0,40}}\b{_COLLEAGUES}\b",
    rf"\b{_COLLEAGUES}\b.{{0,20}}\bwill\s+(?:shortly |soon )?"
    r"(?:contact|reply|get back|reach out|follow up|be with you|call|take over|assist)\b",
)


def _compiled(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_GENERAL: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("handover", _compiled(_HANDOVER)),
    ("payment", _compiled(_PAYMENT)),
    ("act", _compiled(_ACT)),
    ("report", _compiled(_REPORT)),
)

_SAID_HANDOVER = _compiled(_HANDOVER)
_PASSED_ON = re.compile(r"\b(?:teruskan|sampaikan|pass|forward|refer)|\b(?:will|akan|segera)\b", re.IGNORECASE)

_MYSELF = re.compile(r"\b(?:saya|aku|gue|kami|kita|I|we|I've|we've|my|me)\b", re.IGNORECASE)
# The word of the reply and the word of the API for one state; both are looked for as parts of words.
_SAME_STATE = (
    ("batal", "cancel"),
    ("kirim", "ship", "sent", "hantar"),
    ("proses", "process"),
    ("refund", "kembali", "return"),
    ("terima", "deliver", "receive", "sampai"),
    ("selesai", "complet", "finish"),
)
_PAID = ("bayar", "paid", "lunas", "settle")
_NOT_YET = re.compile(
    r"(?:^|[\W_])(?:(?:not|non|belum|tidak|never|pending|awaiting|waiting|menunggu|will|can)(?=[\W_]|$)|un(?!tuk|it)|incomplete)",
    re.IGNORECASE,
)

# A clause with one of these says what is not, may be, or would be.
_OPEN = re.compile(
    r"\b(?:belum|tidak|tdk|nggak|ngga|enggak|gak|ga|tak|bukan|bisa|dapat|boleh|mau|ingin|perlu|apakah|apa|jika|kalau|kalo|bila|"
    r"apabila|setelah|sesudah|sebelum|sampai|selama|saat|ketika|begitu|agar|supaya|yang (?:sudah|telah)|"
    r"not|n't|never|cannot|can|could|may|might|should|would|if|once|when|after|before|until|unless|whether|"
    r"(?:that|which) (?:has|have|was|were|is|are))\b|n't\b",
    re.IGNORECASE,
)
_CLAUSES = re.compile(r"(?:[^,;.!?\n:()–—]|(?<=\d)[.,:](?=\d))+[,;.!?\n:()–—]*")  # `pukul 08.00` does not end one
_AND = re.compile(r"\s+(?:jadi|tapi|tetapi|namun|karena|sehingga|but|so|because|however)\s+", re.IGNORECASE)


def unproven(
    text: str, actions: Iterable[Action], receipts: Collection[str], results: Mapping[str, Sequence[Json]] | None = None
) -> list[Claim]:
    """Find the claims of a reply that no receipt proves, in the order of the text.

    Args:
        text: the reply as the customer would read it.
        actions: all actions of the agent.
        receipts: names of the actions that ended as `done` in this conversation; those of earlier turns count.
        results: what they returned, by name: a status that was looked up may be told without an act.
    """
    known = list(actions)
    done = [action for action in known if action.name in receipts]
    states = list(_states(results or {}))
    found: list[Claim] = []
    for clause in _clauses(text):
        if _OPEN.search(clause) or clause.rstrip().endswith("?"):
            continue
        claim = _declared(clause, known, receipts) or _general(clause, known, done, states)
        if claim is not None and claim.kind == "declared" and _is_told(claim.text, clause, states):
            continue
        if claim is not None:
            found.append(claim)
    return found


def says_handover(text: str) -> bool:
    """Tell whether a reply announces a colleague, as opposed to offering one."""
    return any(
        _SAID_HANDOVER.search(clause) and not _OPEN.search(clause) and not clause.rstrip().endswith("?")
        for clause in _clauses(text)
    )


def _clauses(text: str) -> Iterable[str]:
    for match in _CLAUSES.finditer(text.replace("*", "").replace("_", " ")):
        yield from _AND.split(match[0])


def _declared(clause: str, actions: Iterable[Action], receipts: Collection[str]) -> Claim | None:
    missing: Claim | None = None
    for action in actions:
        for pattern in action.claims:
            if match := re.search(pattern, clause, re.IGNORECASE):
                if action.name in receipts:
                    return None  # several actions may be declared with one claim; any of them proves it
                missing = missing or Claim(match[0], "declared", action.name)
    return missing


def _is_told(claim: str, clause: str, states: Sequence[str]) -> bool:
    """Whether the clause passes on a state that a result names, without claiming to have caused it."""
    if _MYSELF.search(clause) or _MONEY.search(clause):
        return False
    lowered = claim.lower()
    return any(any(stem in lowered for stem in stems) and _names(states, stems) for stems in _SAME_STATE)


def _names(states: Sequence[str], stems: Sequence[str]) -> bool:
    return any(stem in state for state in states for stem in stems)


def _states(value: Json | Mapping[str, Sequence[Json]] | Sequence[Json]) -> Iterator[str]:
    """The texts of a result that say what is, in lower case; those that say what is not (yet) are left out."""
    if isinstance(value, str):
        if not _NOT_YET.search(value):
            yield value.lower()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _states(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _states(item)


def _general(clause: str, actions: Iterable[Action], done: Iterable[Action], states: Sequence[str]) -> Claim | None:
    if any(re.search(pattern, clause, re.IGNORECASE) for action in done for pattern in action.claims):
        return None
    if (promised := promise_of_many(clause)) is not None:
        return None if any(map(_acts_outside, done)) else Claim(promised, "recurring")
    for kind, pattern in _GENERAL:
        if match := pattern.search(clause):
            proven = (
                _is_paid(actions, done, states)
                if kind == "payment"
                else any(_proves(kind, action, match[0]) for action in done)
            )
            return None if proven else Claim(match[0].strip(), kind)
    return None


def _acts_outside(action: Action) -> bool:
    """Whether an action changes something in a system of the business, which may do what no built-in action can."""
    return action.builtin is None and not action.reads


def _is_paid(actions: Iterable[Action], done: Iterable[Action], states: Sequence[str]) -> bool:
    """Where payments can be checked, only that proves one; elsewhere a result that says so. Sending a code does neither."""
    if any(action.builtin == "check_payment" for action in done):
        return True
    return _names(states, _PAID) and all(action.builtin != "check_payment" for action in actions)


def _proves(kind: Kind, action: Action, said: str) -> bool:
    """Whether a receipt proves a claim. A note for colleagues passes something on, but hands nothing over."""
    if kind == "handover":
        passed_on = action.builtin == "comment" and _PASSED_ON.search(said) is not None
        return action.builtin == "hand_over" or passed_on
    return kind == "report" or not action.reads
