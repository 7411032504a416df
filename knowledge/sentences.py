"""Where sentences end, and how many words a text has, in any script."""

import re
from collections.abc import Iterator

# A full stop after these does not end a sentence: titles, units and addresses of Indonesian, Malay and English.
_SHORT = frozenset(
    "a.n al bpk cf co d.a dll dr drs dsb dst e.g etc gd hj hlm i.e inc ir jl jln jr kab kec kel km kpt ltd m min mr mrs ms no nr "
    "pt rp s.d sdr sh st tgl tlp telp u.p v vol vs yth".split()
)
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？｡؟]+[”’」』）]*|\n\s*\n")
_LAST_WORD = re.compile(r"([^\s(\[\"'“‘]+)$")
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_WORD = re.compile(r"\w+(?:[.,'’-]\w+)*")


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Spans of the sentences in `text[start:end]`, without the white space around them; together they cover every word."""
    stop = len(text) if end is None else end
    begin = start
    for match in _END.finditer(text, start, stop):
        if match[0].startswith(".") and _continues(text, begin, match):
            continue
        yield from _trimmed(text, begin, match.end())
        begin = match.end()
    yield from _trimmed(text, begin, stop)


def _continues(text: str, begin: int, full_stop: re.Match[str]) -> bool:
    """An abbreviation, an initial or a list number stands before the stop, or a small letter after it."""
    word = _LAST_WORD.search(text, begin, full_stop.start())
    if word and (word[1].lower() in _SHORT or (len(word[1]) == 1 and word[1].isalpha())):
        return True
    if word and word[1].isdigit() and not text[begin : word.start()].strip():
        return True  # "1. Buka aplikasi": the number belongs to what follows
    rest = text[full_stop.end() : full_stop.end() + 20].lstrip()
    return len(full_stop[0]) == 1 and bool(rest) and rest[0].islower()


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end


def count_words(text: str) -> int:
    """Words as a reader would count them; scripts without spaces by their usual word length."""
    if text.isascii():
        return len(_WORD.findall(text))
    han = len(_HAN.findall(text))
    spaceless = len(_SPACELESS.findall(text))
    if han or spaceless:
        text = _SPACELESS.sub(" ", _HAN.sub(" ", text))
    return len(_WORD.findall(text)) + (han + 1) // 2 + (spaceless + 3) // 4
