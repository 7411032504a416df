"""Whether a customer asks for a human, in plain words of Indonesian, English or Malay, slang included.

Only what leaves no doubt counts: a handover that nobody asked for silences the agent for hours. What is said around a corner is
left to the model, which has an action for it.
"""

import re
from collections.abc import Iterable

_WORK = (
    r"admin(?:nya)?|cs(?:nya)?|c\.s\.?|customer service|cust(?:omer)? ?care|operator|human(?: being)?|manusia(?:nya)?"
)
_STAFF = (
    rf"{_WORK}|staf\w*|staff|petugas\w*|pegawai|karyawan\w*|tim(?: kalian)?|team|agen|agent|representative|rep|manager|manajer|"
    r"supervisor|atasan\w*|pengurus|pemilik\w*|owner\w*|bos(?:nya)?|kakitangan|colleague"
)
_END = (
    r"(?=\W*(?:$|[,.!?/;]|(?:dong|donk|aja|saja|sahaja|je|ya|yah|asli|beneran|betulan|betul|langsung|kak|min|sih|lah|please|pls|"
    r"plis|tolong|bukan|bkn|atau|or|di (?:toko|kantor|sana|kedai|outlet)|toko\w*|kantor\w*|real|sebenar|untuk|buat)\b))"
)
_PERSON = rf"orang(?:nya)?(?: (?:asli|beneran|betulan|sebenar|langsung))?{_END}"
_SOMEONE = r"someone|somebody|(?:a |an )?(?:real |actual |live )?(?:person|people)(?! (?:who|that)\b)"
_ANYBODY = rf"(?:{_STAFF}|{_PERSON}|{_SOMEONE})"
_SURELY = rf"(?:{_WORK}|orang (?:asli|beneran|betulan|sebenar)|(?:real|actual|live) (?:person|human|agent|people))"

_MODIFIER = r"(?:(?:salah satu|seorang|seseorang|langsung|a|an|the|your|one of your|real|actual|live|another)\s+)*"
_WITH = r"(?:sama|sm|ama|dengan|dgn|dg|ke|kpd|kepada|with|to)"
_TALK = (
    r"(?:bicara|berbicara|ngomong|ngobrol|mengobrol|chat|chatting|curhat|komplain|cakap|bercakap|berbual|berhubung|terhubung|"
    r"disambung\w*|dihubung\w*|talk|speak|chat|complain)"
)
_CONNECT = (
    r"(?:(?:tolong |bisa |boleh )?(?:sambung|hubung|oper|alih)(?:kan|in)|sambung|connect me|transfer me|put me through|hand me over|"
    r"pass me)"
)
_WISH = (
    r"(?:mau|mo|ingin|pengen|pingin|pgn|bisa|bs|boleh|tolong|minta|butuh|perlu|nak|hendak|can|could|may|want|wanna|need|"
    r"let me|like to|please|pls|plis|dong|donk|aja|saja|sahaja|je)"
)
_FILLER = (
    r"(?:(?:sama|sm|ama|ke|dengan|dgn|dg|oleh|bantuan|chat|dilayani|dibalas|dijawab|dibantu|jumpa|ketemu|langsung|a|an|the|to|with|"
    r"your|some|actual|real|saya|me|dong|tolong)\s+){0,3}"
)

_ASKS = re.compile(
    rf"(?P<talk>\b{_TALK}\s+(?:\w+\s+)?{_WITH}\s+{_MODIFIER}{_ANYBODY}\b)"
    rf"|\b{_CONNECT}\s+(?:(?:saya|aku|gue|gw|kami|kita|dong|langsung|me|aja|please)\s+){{0,2}}(?:{_WITH}\s+)?{_MODIFIER}{_ANYBODY}\b"
    rf"|\b(?:mau|mo|minta|nak|pengen|pingin|ingin|butuh|perlu|panggil(?:kan|in)?|panggilin|carikan|want|need|get me|give me)\s+"
    rf"{_FILLER}{_SURELY}{_END}"
    rf"|^\W*(?:{_WORK}|agent|agen|(?:a )?real person){_END}\W*(?:\w+\W*)?$"
    rf"|\b(?:bisa|boleh|can i|could i)\s+(?:hubungi|menghubungi|reach|contact)\s+{_MODIFIER}{_SURELY}{_END}",
    re.IGNORECASE,
)
_WISHED = re.compile(rf"\b{_WISH}\b", re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:tidak|tdk|gak|ga|gk|nggak|ngga|enggak|engga|ndak|tak|jangan|jgn|bukan|belum|never|not|no need|without|tanpa|daripada)\b|n't\b",
    re.IGNORECASE,
)
_CLAUSES = re.compile(r"[,.;!?\n]+(?=\s|$)|\b(?:tapi|tetapi|but)\b", re.IGNORECASE)


def wants_human(text: str) -> bool:
    """Whether the text asks to be connected with a person: `mau ngomong sama admin dong`, `can I talk to someone?`."""
    return any(_asks(clause) for clause in _clauses(text))


def _clauses(text: str) -> Iterable[str]:
    return (clause.strip() for clause in _CLAUSES.split(text) if clause.strip())


def _asks(clause: str) -> bool:
    found = _ASKS.search(clause)
    if found is None or _NOT.search(clause, 0, found.start()):
        return False
    return found["talk"] is None or _WISHED.search(clause) is not None
