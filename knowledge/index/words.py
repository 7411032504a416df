"""Words that say little about what a question is about: how much they count beside a content word."""

import re
import unicodedata
from functools import lru_cache

FUNCTION = 0.6  # they do matter where entries are questions themselves ("how" against "when")
PARTICLE = 0.1  # greetings and forms of address

_FUNCTION_WORDS = """
ada adakah adalah akan anda apa apabila apakah atas atau bagaimana bagaimanakah bahwa banyak belum berapa berapakah bila bilakah bisa
bisakah boleh bolehkah buat dalam dan dapat dapatkah dari daripada dengan di dia dimana dimanakah hanya harus hingga ialah ini itu jadi
jika juga kah kalau kami kamu kapan kapankah karena ke kenapa kepada ketika kita lagi lebih maka mana manakah masih mau mengapa mereka
mesti mungkin nya oleh pada para per perlu pernah pun saat saja sama sampai saya sebagai sebuah secara sedang sejak selain selama semua
seorang sering serta setelah siapa siapakah suatu sudah supaya tapi telah tentang terhadap tersebut tetapi tidak tidakkah untuk yaitu
yakni yang mahu nak dah belum macam macamana camne mengenai sila ingin hendak aku
a about also am an and any are as at be been being but by can could did do does doing for from get had has have having he her here his how
i if in into is it its just may me might more most my no not of on or our out shall she should so some such than that the their them then
there these they this those to too us very want was we were what when where whether which while who whom whose why will with would you your
"""

_PARTICLES = """
halo hai hallo hei hey hi hello permisi pagi siang sore malam assalamualaikum salam met min admin kak kakak bang mas mbak bu pak gan sis
bro sir madam ya yah iya dong deh sih nih tuh kok lah loh lho nah oh eh hmm yuk ayo kan please pls tolong mohon maaf sorry terima kasih
makasih thanks thank thx tq tanya nanya bertanya question abang cik encik puan boss bos om tante guys dear oke ok okay
"""

STOPWORDS = dict.fromkeys(_FUNCTION_WORDS.split(), FUNCTION) | dict.fromkeys(_PARTICLES.split(), PARTICLE)
"""Word → weight; every other word counts 1."""


# Scripts written without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han (Hangul has spaces but short words).
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
# Vowel signs of Indic scripts are not \\w, yet belong to their word.
_TOKEN = re.compile(r"[\w\u0900-\u0dff]+")
_MIXED = re.compile(rf"[{_SPACELESS}]+|(?:(?![{_SPACELESS}])[\w\u0900-\u0dff])+")
_RUN = re.compile(rf"[{_SPACELESS}]")
_DIGIT = re.compile("[0-9]")
_ACCENT = re.compile("[\u0300-\u036f]")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:[.,]\d{3})+)(?![\d])(?:,00?(?!\d))?")
_MULTIPLE = re.compile(r"(?<![\w.,])(?:rp\.?\s?)?(\d{1,4})(?:[.,](\d))?\s?(rb|ribu|k|jt|juta)(?!\w)")
_MONEY = re.compile(r"\b(?:rp|idr|rm|myr)\.?\s?(?=\d)")
# The same in a form that scans fast, for most texts hold neither.
_SUFFIXED = re.compile(r"[0-9]\s?(?:rb|ribu|k|jt|juta)(?!\w)")
_PRICED = re.compile(r"[pmr]\.?\s?[0-9]")
_TIMES = {"rb": 1_000, "ribu": 1_000, "k": 1_000, "jt": 1_000_000, "juta": 1_000_000}
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)")

GRAM = 4


def normal(text: str) -> str:
    """Lower case without accents; `25.000`, `Rp25rb` and `25k` all become `25000`."""
    if text.isascii():
        text = text.lower()
    else:
        text = unicodedata.normalize("NFKC", text).casefold()
        text = unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", text)))
    if "'" in text or "’" in text:
        text = _APOSTROPHE.sub("", text)
    if _DIGIT.search(text):
        if "." in text or "," in text:
            text = _THOUSANDS.sub(_joined, text)
        if _SUFFIXED.search(text):
            text = _MULTIPLE.sub(_multiplied, text)
        if _PRICED.search(text):
            text = _MONEY.sub("", text)
    return text


def _joined(match: re.Match[str]) -> str:
    return match[1] + match[2].replace(".", "").replace(",", "")


def _multiplied(match: re.Match[str]) -> str:
    times = _TIMES[match[3]]
    return str(int(match[1]) * times + int(match[2] or 0) * times // 10)


def words(text: str) -> list[str]:
    """Words in order; a run of a script without spaces is one long word."""
    return tokens(normal(text))


def tokens(text: str) -> list[str]:
    """The words of a text that is normal already."""
    return (_MIXED if _RUN.search(text) else _TOKEN).findall(text)


@lru_cache(maxsize=200_000)
def grams(word: str) -> tuple[str, ...]:
    """The character 4-grams of `" word "`; the bigrams of a script without spaces, where words have no visible beginning."""
    if is_spaceless(word):
        return tuple(word[at : at + 2] for at in range(len(word) - 1)) or (word,)
    padded = f" {word} "
    if len(padded) <= GRAM:
        return (padded,)
    return tuple([padded[at : at + GRAM] for at in range(len(padded) - GRAM + 1)])


def is_spaceless(word: str) -> bool:
    return bool(_RUN.match(word))
