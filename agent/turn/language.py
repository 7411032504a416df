"""Which language a customer writes: Indonesian, English or Malay, told by the small words that only one of them uses.

Nothing is learned and nothing is loaded: chat messages are too short for statistics, but "nggak", "the" and "macam mana" decide
on their own. A text that does not decide keeps the language of the conversation.
"""

import re
import unicodedata

DEFAULT = "id"

NAMES = {"id": "Indonesian", "en": "English", "ms": "Malay"}
"""How each language is called in English, as the prompt names it."""

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

# Words shared by Indonesian and Malay count for both; the words below those decide between them.
_MALAYIC = frozenset(
    """
    ada adakah adalah akan aku anda apa apakah atau bagaimana bahwa baik banyak barang baru bayar beli belum berapa
    bila bisa boleh buka bukan cara cepat dalam dan dari dengan di dia harga hari harus ini itu jadi jam jangan jika
    juga kalau kami kamu karena kasih ke kecil ketika kirim kita kopi lagi lain lama langsung lebih makan malam mana
    masih mau melakukan membeli mereka minggu minta minum mulai nama nomor oleh orang pada pagi pakai paket perlu
    pesan pesanan saja sama sampai saya sebelum sekarang selamat semua sendiri siang siapa sore sudah suka tanya tapi
    telah terima tersedia tidak toko tolong tunggu tutup untuk warna ya yang
    """.split()
)
_INDONESIAN = frozenset(
    """
    aja apakah aplikasi bagaimana bang banget barangnya batalkan belum bgt bisa bisakah bro brp bu buat bukunya butuh
    cuma dapet deh dibatalkan doang dong dulu emang enggak ga gaes gak gan gimana gitu gmn gratis halo ingin iya jumat
    juta kagak kak kakak kalo kamis kantor kapan karena kayak kemarin kembalikan kenapa kirimkan kok koq krn lewat lho
    loh mas masuk mba mbak membatalkan min minta mobil nanti ngga nggak nih nomor oke ongkir ongkos pak pengen
    pengiriman pesen plis pulsa rabu rb resi ribu rusak sabtu selasa senin siang sih sore sudah tanggal tarif tau tdk
    terlambat terus tidak toko trims tunai uang udah udh utk yaa yah yg yuk
    """.split()
)
_MALAY = frozenset(
    """
    ahad awak baki bayaran belum berbaloi bilakah boleh bolehkah bungkus cakap camna camne cik dah duit encik esok
    hantar hantarkan hendak isnin jom jumaat kat kedai kenapakah kerana khabar khamis korang kot kredit lah macam mahu
    makanan mcm nak nanti nombor pejabat penghantaran percuma petang puan rabu resit ringgit rm sabtu sahaja saiz
    sebab sekejap selasa semalam sikit sila sini tak takde telefon tempah tempahan tengok tiada tolonglah tu tuan
    tukar ubah wang xde xnak
    """.split()
)
_ENGLISH = frozenset(
    """
    a about address after again all already also am an and any anyone anything are as at available be beans been
    before but buy by can can't cancel cannot cash coffee cost could day days deliver delivery did didn't do does
    doesn't don't else evening for free friday from get give goodbye got had has have haven't hello help her here hey
    him his hours how i i'd i'll i'm i've if in is isn't it it's its just know like location long many may me milk
    monday money more morning much my myself need never new night no not now of off on one open opening or order our
    out outside over paid pay payment people please policy possible price prices question refund return returns right
    sale saturday see sell send shall she ship shipping shop should size so some someone something speak still store
    sunday talk tea tell than thank thanks that the their them then there these they thing this those thursday time to
    today tomorrow too tracking tuesday until up us use want was we wednesday week well were what what's when where
    which while who why will with without won't work would yes yesterday yet you your yours
    """.split()
)
_MALAY_PHRASES = ("macam mana", "boleh tak", "nak tanya", "ada tak", "apa khabar", "terima kasih ya", "pukul berapa")
# Said in every language here: they keep the language of a conversation, though they may begin one.
_COURTESY = re.compile(
    r"\b(?:thank(?:s| you|u)?(?: (?:so|very) much| a lot)?|thx|tq|ty|sorry|please|pls|plis|ok(?:ay|e)?|sip|hi|hai|hey|hello|halo|bye)\b"
)
# Whoever uses one of these speaks Indonesian or Malay, however many English words stand around it.
_PARTICLES = frozenset(
    "kak kaka bang mas mbak min gan sis dong donk deh sih kok koq nya ya yah yuk nih tuh lah pun je kan".split()
)
_LOAN = frozenset(
    "order delivery refund cancel cash size payment sale tracking open in on me a to so no us up all one".split()
)


def detect(text: str, previous: str | None = None) -> str:
    """`"id"`, `"en"` or `"ms"`: what `text` is written in, given the language of the conversation so far.

    A text that does not decide (a number, a name, "ok") keeps `previous`; changing the language needs more than one loan word.
    """
    words = _words(text, keeping=previous is None)
    scores = _scores(words)
    best = max(scores.values())
    if best == 0:
        return previous or DEFAULT
    if previous is None:
        leaders = [language for language in ("id", "ms", "en") if scores[language] == best]
        return leaders[0]
    lead = best - scores.get(previous, 0)
    if lead < _needed(words, previous, scores):
        return previous
    return next(language for language in ("id", "ms", "en") if scores[language] == best)


def _words(text: str, *, keeping: bool) -> list[str]:
    """The words of a text, `keeping` those of courtesy or not."""
    folded = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return _WORD.findall(folded if keeping else _COURTESY.sub(" ", folded))


def _scores(words: list[str]) -> dict[str, float]:
    lowered = " ".join(words)
    malayic = sum(1.0 for word in words if word in _MALAYIC)
    indonesian = malayic + sum(2.0 for word in words if word in _INDONESIAN and word not in _MALAY)
    malay = malayic + sum(2.0 for word in words if word in _MALAY and word not in _INDONESIAN)
    malay += sum(3.0 for phrase in _MALAY_PHRASES if phrase in lowered)
    english = sum(0.5 if word in _LOAN else 1.5 for word in words if word in _ENGLISH)
    return {"id": indonesian, "ms": malay, "en": english}


def _needed(words: list[str], previous: str, scores: dict[str, float]) -> float:
    """How far another language must lead before a conversation changes over: less for a text long enough to be sure of."""
    between_siblings = previous != "en" and scores["en"] < max(scores["id"], scores["ms"])
    if between_siblings:
        return 3.0 if len(words) < 6 else 2.0
    mixed = 3.0 if previous != "en" and _PARTICLES.intersection(words) else 0.0
    return mixed + (2.0 if len(words) < 4 else 1.0)
