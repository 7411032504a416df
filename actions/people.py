"""People whom a reply names and nobody has named before.

    unknown_people(introduced("Dokter giginya adalah Rani Kani"), ["Kamu Rani, resepsionis klinik"])   # ["Rani Kani"]

A weak model answers "who is the doctor?" with a name of its own. A name is looked for where a person is introduced: behind a title
(`drg. Siti`), behind a word for what they do (`mekanik kami adalah Joko`, `the manager, Mr. Tan`), or as a name (`bernama Rina`).
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from language.lexicon import KNOWN, content, vocabulary
from language.tokens import normal

_RUN: Final = r"[A-Z][^\W\d_]+(?:['’-][^\W\d_]+)?\b(?: +(?:(?:bin|binti|van|de|da|al) +)?[A-Z][^\W\d_]*(?:['’-][^\W\d_]+)?\b\.?){0,4}"
_SOFT: Final = r"(?i:pak|bapak|bu|ibu|mas|mbak|kak|bang|cik|encik|puan|ko|ce)"
_STRICT: Final = (
    r"(?:(?i:(?:drg?|prof|mrs?|ms|ust)\.|(?:dokter|doktor|doctor|miss|suster|bidan|ustadz?)\b)|(?:Mrs?|Ms|Drg?)\b)"
)
_ROLE: Final = (
    r"(?:dokter|doctor|dentist|perawat|nurse|suster|bidan|terapis|therapist|mekanik|mechanic|montir|teknisi|technician|manajer|manager|"
    r"pemilik|owner|kepala|head|pimpinan|direktur|director|ceo|founder|pendiri|chef|koki|barista|stylist|kapster|barber|guru|pelatih|coach|"
    r"instruktur|instructor|teacher|guide|pemandu|admin|resepsionis|receptionist|florist|host)"
    r"(?:nya|s)?"
)
_IS: Final = r"(?:adalah|ialah|yaitu|yakni|bernama|namanya|is|are|named|called|:|,)"
_BY: Final = r"(?:dengan|oleh|hubungi|temui|menemui|bersama|with|by|contact|ask for|see)"
_NAMED: Final = r"(?i:bernama|(?<!merek )(?<!merk )namanya(?: adalah)?|named|name is|names are)"
_INTRODUCED: Final = re.compile(
    rf"(?:\b(?:{_STRICT}) ?(?:{_SOFT} )?|\b{_BY} {_SOFT} |\b{_NAMED} (?:{_SOFT} )?"
    rf"|\b(?i:{_ROLE})(?:(?: [a-z]+){{0,4}} ?{_IS} (?:(?:{_STRICT}|{_SOFT})\.? ?)?| {_SOFT} ))(?P<name>{_RUN})"
)
_OWN_ROLE: Final = re.compile(rf"\b(?!admin|host){_ROLE}\b", re.IGNORECASE)
_BREAK: Final = re.compile(r"[.!?\n]")
_ABBREVIATED: Final = re.compile(r"\b(drg?|prof|mrs?|ms)\.", re.IGNORECASE)
_AS: Final = re.compile(r"\b([^\W\d_]{1,40}) (?:is|adalah|selaku|as|yang jadi)\b", re.IGNORECASE)
_BESIDE: Final = 50
"""Characters around a role in which the name of who has it stands."""
_NOT: Final = re.compile(r"\b(?:bukan|tidak|not|isn't)\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_TITLES: Final = frozenset(
    "dr drg prof mr mrs ms miss pak bapak bu ibu mas mbak kak bang dokter doctor doktor suster bidan sp spesialis specialist gigi umum "
    "anak bedah kulit mata hewan jaga kandungan dental general senior kepala utama".split()
)


def introduced(text: str) -> list[str]:
    """Find the people whom a text introduces, as they are written there.

    Args:
        text: a reply as the customer would read it.
    """
    return [match["name"] for match in _INTRODUCED.finditer(text) if not match["name"].isupper()]


def unknown_people(names: Sequence[str], sources: Iterable[str]) -> list[str]:
    """Find the people whom no source names.

    Args:
        names: as `introduced` finds them.
        sources: what the business, its systems, colleagues and the customer have said, with the names that are known of them.
    """
    if not names:
        return []
    known = {word for source in sources for word in _WORD.findall(normal(source))} | _TITLES
    return [name for name in names if any(map(_is_name, set(_WORD.findall(normal(name))) - known))]


def _is_name(word: str) -> bool:
    """Whether a word written with a capital can be a name: it is none of the language's own."""
    return word not in KNOWN and content(word) != []


def borrowed(text: str, name: str, instructions: str) -> list[str]:
    """Find the roles in which a text introduces the agent itself, although its instructions give it none of the kind.

    Args:
        text: a reply as the customer would read it.
        name: the agent's own.
        instructions: what the owner tells it of itself.

    Returns:
        Each introduction as it is written: `The owner of Kebun Rangkai is Melati`.
    """
    own, told, found = normal(name).partition(" ")[0], vocabulary(instructions), []
    text = _ABBREVIATED.sub(r"\1", text)
    for match in _OWN_ROLE.finditer(text):
        before = _BREAK.split(text[max(0, match.start() - _BESIDE) : match.start()])[-1]
        after = _BREAK.split(text[match.end() : match.end() + _BESIDE])[0]
        named = own in _WORD.findall(normal(after)) or any(normal(each) == own for each in _AS.findall(before))
        if named and not _NOT.search(before + after) and not told.has(normal(match[0]).removesuffix("nya")):
            found.append(f"{before}{match[0]}{after}".strip())
    return found
