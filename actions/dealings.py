"""What a reply tells of the customer's own dealings: how they stand, and what the agent is about to do with them.

    state("KS-10234 lagi dipacking di gudang")            # "lagi dipacking"
    state("Pesanan dikirim setiap hari kerja")            # None: so it is done for everyone
    promise("Saya batalkan sekarang ya kak")              # "Saya batalkan": a turn that has ended does nothing more

A clause is read word by word. A state needs a subject that is this customer's (an id, `paket Kakak`, `langganannya`, `your refund`) and a
predicate behind it that tells how it stands; any predicate counts but those of `GENERAL`, which say what holds for everyone. Whether
what is told is true is decided in `actions/claims.py`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from actions.claim_words import IDS
from actions.deeds import deeds_of_verb
from actions.sentences import Clause

_WORD: Final = re.compile(r"(?:\brp|\brm|[$€£]) ?\d[\d.,]*|#?\w[\w'./:-]*\w|#?\w")
_ID: Final = re.compile(rf"{IDS}|#[\w-]+")
YEAR: Final = re.compile(r"(?:19|20)\d\d")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_DEALINGS: Final = _set(
    """
    pesanan order orderan paket parcel pengiriman transaksi pembayaran transferan dana uang duit refund retur retor return
    langganan keanggotaan membership roaming sim esim simcard nomor kartu kuota pulsa saldo tagihan invoice invois denda kupon voucher
    tiket kursi bagasi penerbangan flight jadwal reservasi booking bookingan kamar meja bilik janji temu appointment antrean antrian
    pendaftaran hasil resep rujukan akun akaun komplain keluhan laporan klaim pengajuan pinjaman servis perbaikan cucian laundry
    teknisi kurir driver penjemputan perubahan pembatalan permintaan permohonan upgrade pelan temujanji tempahan bungkusan penghantaran
    kunjungan pengambilan penghantaran penginapan sewa sewaan treatment sesi kontrol pemindahan pemulangan penutupan penggantian pembelian
    bayaran dp bonus poin barang nombor bil talian catatan reschedule rawat pesawat registrasi check-in reminder obat resi aktivasi
    penukaran pengembalian perpanjangan pemesanan pemasangan instalasi lamaran polis
    package shipment delivery item replacement exchange payment money funds transfer deposit subscription plan trial renewal
    auto-renewal auto-renew line card account address name seat bag baggage luggage ticket reservation room table spot slot visit
    registration lesson result prescription bill fee charge fine points coupon discount balance top-up claim complaint pass
    case request application loan repair technician courier pickup pick-up cancellation cancelation change passport policy
    """
)
"""What a business holds or does for one customer, in Indonesian, Malay and English."""

OWNERS: Final = _set("kakak anda kamu ibu bapak puan tuan encik cik mas mbak tersebut tadi")
VOCATIVES: Final = _set(
    "ya yah kak kakak bu ibu pak bapak mas mbak gan bang sis min bos dong deh nih kok sih lho encik puan tuan cik juga jg pun lah"
)
_OPENERS: Final = VOCATIVES | _set(
    "baik oke ok okay siap sip beres done great sure noted alhamdulillah iya the new all dan and yes yay perfect"
)
AGENT: Final = _set("saya aku gue gw gua i i've ku")
DONE: Final = _set(
    "sudah telah udah udh sdh uda dah tlh wis wes sampun barusan berhasil berjaya sukses kini sekarang resmi"
)
ONGOING: Final = _set("sedang lagi lg masih tengah otw")
_BE: Final = _set("is are was were has have got gets it's that's")
PASSED_OVER: Final = (
    DONE
    | ONGOING
    | _BE
    | _set(
        "kami kita tim langsung otomatis sepenuhnya kembali tadi baru saja aja adalah juga pun kak kakak ya now already just also fully "
        "officially successfully currently still being been finally get"
    )
)
GENERAL: Final = _set(
    """
    ada punya memiliki bisa dapat boleh mau ingin perlu harus tahu tau coba pernah termasuk tersedia mahal murah tidak tak bukan belum
    gak ga nggak paham jelas didukung dilengkapi dikenakan benar betul sesuai cukup apa mana berapa banyak lama sering gratis sama siap
    ditentukan disebutkan tertulis tertera tercantum cek dicek dibahas ditanyakan dicoba dibaca dilihat rangka hal hari waktu terlambat
    required needed subject eligible valid important welcome safe private free included covered called one a an not no our available
    worth only up priority what where how when per due better best great good fine sure happy different enough missing able about there
    usually normally typically always never kept held protected encrypted unclear that why wrong right late delayed lost damaged
    yours something to in for as of gangguan diperbaiki maintenance error offline tutup refundable changeable transferable non-refundable
    """
)
"""Predicates that tell of no state: what holds for everyone, what the customer knows best, what is asked."""

OF_EVERYONE: Final = _set(
    "kami our jam pukul tipe seri model harga biaya tarif syarat kode kupon voucher promo jenis code total number details summary "
    "reference price amount history"
)
"""Words beside a dealing that make something else of it: `harga paket`, `your order total`."""

_BARE: Final = _set(
    "delay delayed confirmed ready fix aktif hangus batal lunas aman beres naik tiba sampai nyampe pindah off tinggal nyangkut "
    "tertahan pending "
    "berangkat berakhir berhenti berubah bermasalah"
)
"""Predicates that need no mark."""

_ARRIVED: Final = _set(
    "masuk cair terbit nyampe sampai balik aktif nyala keluar terima diterima off jadi beres aman siap-diambil"
)
_UNDERWAY: Final = re.compile(
    r"\bdalam (?:perjalanan|penghantaran)\b(?! (?:bisnis|dinas))|\b(?:(?:sudah|udah|dah|sedang|lagi|masih) (?:otw|di jalan|di kurir|"
    r"(?:di)?dalam (?:perjalanan|pengiriman|penghantaran|proses|antrean))|"
    r"(?:is|are|'s) (?:now |already |currently )?(?:on (?:the|its|his|her|their) way|out for delivery|with the courier|in transit)|"
    r"^it (?:has |just |already )*(?:left|arrived|shipped|landed|cleared))\b",
    re.IGNORECASE,
)
_NUMBERED: Final = re.compile(
    rf"\b(?i:(?:(?:kode|nomor|nombor|no|number|code|reference|ref)(?: [a-z]{{2,14}}){{0,2}}|resi|pnr|antrean|antrian|"
    rf"giliran|queue|your case|ticket)(?:nya)?)\b"
    rf"(?i: (?:kakak|ibu|bapak|anda|puan|tuan|encik|kamu|is|adalah|ialah|yaitu)){{0,3}} (?P<id>{IDS})"
)
_YOURS: Final = re.compile(
    r"\byour (?!area|street|city|region|neighbou?rhood|country|privacy)(?:[\w-]+ ){1,3}?(?P<v>(?:has|have) (?:now |just |already "
    r")*(?:been )?\w+(?:ed|en|gone|come|begun|left)|"
    r"(?:is|are) (?:now|back|being|already|currently|no longer)\b|no longer \w+|stands\b)|"
    r"\b(?P<v2>you have (?:\d[\d.,]*|no) [\w ]{1,20}\b(?:left|remaining))|"
    r"\b(?:seat|room|table|spot|slot|bay) \w{1,4} (?P<v5>is yours)\b|\b(?P<v7>(?:is|are) back (?:in|on) your)\b|"
    r"\b(?P<v8>you(?:'re| are) (?:\w+ )?\w+ (?:on|in) the (?:waiting list|waitlist|queue))|\b(?P<v6>(?:is|are) now \w+ (?:on|in) "
    r"(?:the|your) \w+)|"
    r"^(?:the|our) (?:\w+ ){1,2}?(?P<v3>(?:has |have |just )*(?:approved|accepted|confirmed|rejected|declined|released|changed|moved|"
    r"signed off) "
    r"(?:on )?your)\b|"
    r"\b(?P<v4>(?:kakak|anda|kamu|ibu|bapak) (?:sudah|udah) (?:tidak|nggak|gak) (?:ber|ter|di)\w+ lagi)\b",
    re.IGNORECASE,
)
_PARTICIPLE: Final = re.compile(r"\w+ed|sent|paid|kept|held|made|put|done")
_ENDED: Final = _set("berhasil sukses set through process")
_DECIDED: Final = _set("disetujui disahkan ditolak approved accepted rejected completed")
_HAPPENS: Final = re.compile(
    r"ends?|ended|starts?|started|arrives?|arrived|left|ships?|shipped|went|came|departs?|expires?|expired|renewed|begins?|stopped|"
    r"landed|"
    r"cleared|succeeded"
)
_FUTURE: Final = _set("akan bakal")
OPEN_BEFORE: Final = _FUTURE | _set(
    "tidak tak belum blm bukan gak ga nggak ngga enggak jangan tiada not never cannot can't couldn't wasn't isn't hasn't haven't weren't "
    "won't didn't doesn't don't no bisa dapat boleh can could may might should would must will perlu harus mau ingin mungkin need needs "
    "none gagal failed biar untuk agar supaya yang yg which apakah adakah sudahkah seharusnya harusnya shall"
)
CONDITION: Final = re.compile(
    r"\b(?:biasa\w*|umumnya|rata-rata|maksimal|paling|setiap|tiap|selalu|jika|kalau|kalo|klo|bila|apabila|asal\w*|setelah|sesudah|"
    r"selepas|"
    r"sebelum|begitu|usually|normally|typically|always|every|each|if|once|when|whenever|after|before|unless|until|as soon as|provided|"
    r"within|dalam (?:\d|waktu)|in \d+ (?:day|working|business|hour|minute)|\d+ ?(?:-|–|sampai|to) ?\d+ (?:hari|jam|day|working|"
    r"business|hour))",
    re.IGNORECASE,
)
TOLD: Final = re.compile(
    r"\b(?:maaf\w*|sorry|apologi\w+|paham|mengerti|memahami|understand|syukurlah|senang|turut|glad|happy to|thanks?|terima kasih|makasih|"
    r"semoga|hope|katanya|bilang|menurut|sayang sekali|pastikan|make sure|apakah|adakah|ditemukan|menemukan|jumpa|found|find|said|told|"
    r"mention\w*|seperti|misalnya|contoh\w*|for example|whether|according|please|silakan|silahkan|mohon|tolong)\b",
    re.IGNORECASE,
)
"""What the customer told, what was not found, and what is only asked for."""

_DAY: Final = re.compile(
    r"\b(?:besok|esok|lusa|hari ini|hari (?:senin|selasa|rabu|kamis|jumat|sabtu|minggu|isnin|khamis|ahad)|(?:pagi|siang|sore|malam) ini|"
    r"tanggal \d+|(?:jam|pukul) \d+|tomorrow|today|tonight|(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:at|by|the) \d+\w*)\b",
    re.IGNORECASE,
)
_SOON: Final = re.compile(r"(?:besok|esok|lusa|(?:hari|pagi|siang|sore|malam) ini|tadi|tomorrow|today|tonight)\b")
_COMING: Final = re.compile(
    r"\b(?:akan|will)\s+(?:be\s+)?(?:tiba|sampai|datang|diantar|dihantar|dijemput|diambil|cair|masuk|arrive|delivered|collected|"
    r"pick(?:ed)? up|come|land|reach)\b",
    re.IGNORECASE,
)
_UNPAID: Final = re.compile(
    r"\b(?:belum (?:di)?(?:bayar|lunas|kirim|proses|ambil)|unpaid|(?:awaiting|pending) \w+)\b", re.IGNORECASE
)


_FURTHEST: Final = 100
"""Words behind a subject that are read: a clause that goes on for longer is no sentence."""


def state(clause: Clause) -> str | None:
    """Find what a clause tells of how something of this customer's stands.

    Args:
        clause: in plain letters.

    Returns:
        The words that tell it; None when it tells nothing of the kind.
    """
    if (
        clause.asks
        or re.search(r"(?i)\b(?:untuk|to)\b", clause.before)
        or CONDITION.search(clause.before + clause.text)
        or TOLD.search(unparted(clause))
    ):
        return None
    written = _WORD.findall(clause.text)
    words = [word.lower() for word in written]
    for pattern in (_UNDERWAY, _YOURS):
        if (match := pattern.search(clause.text)) is not None:
            start = max(match.start(), *(match.start(group) for group in range(1, pattern.groups + 1)), 0)
            before = _WORD.findall(clause.before + clause.text[:start])
            if OPEN_BEFORE.isdisjoint(word.lower() for word in before):
                return " ".join(clause.text[start:].split()[:6])
    opens = next((at for at, word in enumerate(words) if word in OPEN_BEFORE), len(words))
    unpaid, coming = _UNPAID.search(clause.text), _COMING.search(clause.text) if _DAY.search(clause.text) else None
    for end, by_id, owned in _subjects(written, words):
        if end <= opens and (told := _predicate(words[end : end + _FURTHEST], owned=owned, by_id=by_id)):
            if told == "delay" and "your" in words[:end]:
                continue  # a noun in English: "news of your flight delay"
            return told
        if by_id and unpaid:
            return unpaid[0]
        if owned and coming:
            return coming[0]
    return _headline(written, words) or None


_HEADING: Final = re.compile(
    r"(?:(?<=^)|(?<=[.!?\n])) ?(?P<head>[^\W\d][\w-]*)(?P<more>(?: [\w-]+){0,2}) ?: (?=[^\W\d_]|\d+ ?x|\d+ (?:orang|pax|people))"
)
_HEADINGS: Final = _set(
    "pembekuan berkas status pengaduan penggantian pengantaran pendaftaran perubahan update freeze repair"
)


def joined(text: str) -> str:
    """Make one clause of a dealing and what is written behind its colon: `Pembekuan: efektif 1 Maret`.

    Args:
        text: as `actions.sentences.plain` writes it.
    """

    def write(match: re.Match[str]) -> str:
        head = match["head"].lower()
        named = (is_dealing(head) or head in _HEADINGS) and head not in OF_EVERYONE
        return match[0].rstrip(": ") + " adalah " if named else match[0]

    return _HEADING.sub(write, text)


def unparted(clause: Clause) -> str:
    """The clause with what no comma parts from it."""
    return re.split(r"[,;:.!?\n–—]", clause.before)[-1] + " " + clause.text


def is_dealing(word: str) -> bool:
    """Tell whether a word names what a customer and a business do with each other, also with the endings -nya, - and -s."""
    return any(stem in _DEALINGS for stem in (word, word.removesuffix("nya").removesuffix("-"), word.removesuffix("s")))


def _subjects(written: Sequence[str], words: Sequence[str]) -> Iterator[tuple[int, bool, bool]]:
    """Where the words end that name a dealing, whether an id names it, and whether it is this customer's."""
    ids = [
        bool(_ID.fullmatch(word)) and not word.isdigit() and not (at and words[at - 1] in OF_EVERYONE)
        for at, word in enumerate(written)
    ]
    mine = not OWNERS.isdisjoint(words) or any(ids)
    for at, word in enumerate(words):
        if (at and words[at - 1] in OF_EVERYONE) or (at + 1 < len(words) and words[at + 1] in OF_EVERYONE):
            continue
        if ids[at] or (written[at].isdigit() and len(word) > 3 and not YEAR.fullmatch(word)):
            yield at + 1, ids[at], True
        elif is_dealing(word):
            owned = mine or (word.endswith("nya") and len(word) > 6) or "your" in words[max(0, at - 4) : at]
            yield at + 1, False, owned


def _predicate(rest: Sequence[str], *, owned: bool, by_id: bool) -> str:
    """The words behind a subject that tell how it stands; of one that is not known to be the customer's only what is done once."""
    said = [word for word in rest if word not in VOCATIVES | OWNERS]
    if owned and said and (said[0] in _BARE or (_is_passive(said[0]) and (by_id or _DAY.search(" ".join(said))))):
        return said[0]
    if owned and said and _is_passive(said[-1]) and OPEN_BEFORE.isdisjoint(said):
        return said[-1]
    if owned and len(rest) > 1 and rest[0] == "adalah" and rest[1] not in GENERAL | OPEN_BEFORE:
        return rest[1]
    for at, word in enumerate(rest[:9]):
        if word in OPEN_BEFORE:
            return ""
        if owned and _HAPPENS.fullmatch(word) and (not word.endswith("s") or by_id or _DAY.search(" ".join(rest))):
            return word
        if word not in DONE | ONGOING | _BE and word not in ("status", "statusnya"):
            continue
        after = at + 1
        while after < len(rest) and rest[after] in PASSED_OVER:
            after += 1
        if after >= len(rest) or rest[after] in GENERAL | OPEN_BEFORE | VOCATIVES:
            return ""
        then = rest[after]
        now = not {"now", "being", "just", "already"}.isdisjoint(rest)
        if word in ("is", "are") and _PARTICIPLE.fullmatch(then) and not (now or by_id) and len(rest) > after + 1:
            return ""  # "your card is charged on the day you sign up"
        once = (word in DONE and then in _ARRIVED) or (word in _BE and now)
        once |= word in ONGOING and _is_passive(then)
        once |= word in DONE and bool(deeds_of_verb(then)) and not then.startswith("me")
        return " ".join(rest[at : after + 1]) if owned or once else ""
    return ""


def _is_passive(word: str) -> bool:
    return re.fullmatch(r"(?:di|ter)\w{4,}", word) is not None and word not in GENERAL


def given_number(clause: Clause) -> str | None:
    """Find the number of a booking, parcel or place in a queue that a clause gives to the customer."""
    match = None if clause.asks or TOLD.search(unparted(clause)) else _NUMBERED.search(clause.text)
    if match is None or not OPEN_BEFORE.isdisjoint(word.lower() for word in _WORD.findall(clause.text)):
        return None
    return match["id"]


def _is_settled(word: str) -> bool:
    return bool(deeds_of_verb(word)) or re.search("proses|konfirmasi|terima|sah|setuju", word) is not None


def _headline(written: Sequence[str], words: Sequence[str]) -> str:
    """The predicate of a clause that only names a dealing and what became of it: `Refund diproses ya kak`, `Case logged`."""
    at = 0
    while at < len(words) and words[at] in _OPENERS:
        at += 1
    if at >= len(words) or not is_dealing(words[at]) or words[at] in OF_EVERYONE:
        return ""
    for place in range(at + 1, min(at + 8, len(words))):
        word = words[place]
        if word in _ARRIVED | _BARE | _ENDED or (_is_passive(word) and _is_settled(word)) or word.endswith("ed"):
            tail = [other for other in words[place + 1 :] if other not in VOCATIVES]
            rest = " ".join(written[place + 1 :])
            ended = (
                not tail
                or word in _DECIDED
                or _SOON.match(" ".join(tail))
                or re.match(r"successfully|for you|to (?:your|[A-Z\d])|jadi ", rest)
            )
            return word if ended and word not in GENERAL else ""
        named = (
            is_dealing(word)
            or word in DONE
            or written[place][0].isupper()
            or written[place][0].isdigit()
            or word[0] in "#$"
            or word in ("hari", "malam", "pagi", "sore", "siang", "ini", "besok")
        )
        if not named and word not in (
            "dengan",
            "dr",
            "drg",
            "on",
            "the",
            "ke",
            "untuk",
            "for",
            "of",
            "at",
            "baru",
            "lama",
            "pada",
            "request",
        ):
            return ""
    return ""


# Promises

_PROMISE: Final = re.compile(
    r"\b(?:akan|bakal|segera)\s(?:(?:segera|langsung)\s){0,2}(?:saya|kami|kita|aku)\s(?:(?:bantu|segera)\s){0,2}(?P<verb4>[a-z-]{4,})|"
    r"\b(?:kami|kita)\s(?=(?:(?:akan|bakal|coba|bantu)\s){0,2}(?:segera|langsung)\b|(?:akan|bakal)\b.{0,40}\bsegera\b)"
    r"(?:(?:akan|bakal|segera|langsung|coba|bantu)\s){1,3}(?P<verb5>[a-z-]{4,})|"
    r"\b(?:saya|aku|gue|gw|kami(?=.{0,60}\bsekarang\b))\s+(?:(?:akan|bantu|langsung|segera|coba|sekarang|juga|ya|kak)\s+){0,3}"
    r"(?P<verb>[a-z-]{4,})|"
    r"^(?:(?:ok(?:ay)?|sure|alright|great|got it|right|sip|done)\W+)?(?P<verb3>\w{3,}ing (?:your|you|the|it|that|this))\b(?=.*\bnow\b)|"
    r"\b(?:I'll|I will|I'm going to|I am going to|let me|I'm|I am|we're|we are|we'll|we will)\s+(?:(?:now|just|also|quickly|go ahead "
    r"and|get|have) ){0,3}"
    r"(?P<verb2>(?:take care of|put you|you|your \w+|that|it) \w+|\w{3,} you\b|\w{3,})",
    re.IGNORECASE,
)
_ACT: Final = re.compile(
    r"\b(?:pesan|book|daftar|jadwal|reserv|regist|order(?!an)|enrol|schedul|proses|process|eksekusi|urus|atur|arrang|handl|take care|"
    r"sort|"
    r"put you|tambah|rebook|mov\w+ you|switch\w* you)",
    re.IGNORECASE,
)
_NO_ACT: Final = re.compile(
    r"\b(?:updat|edit)\w{0,6} you\b|\b(?:sorted|processed|ordered|started|stopped)$|booked you|^starting|^stop",
    re.IGNORECASE,
)
_FORTHWITH: Final = re.compile(r"\b(?:akan|segera|langsung)\b", re.IGNORECASE)
_ASKS_FIRST: Final = re.compile(
    r"\b(?:boleh (?:minta|tahu|tau|saya)|minta|sila|beri|siapa|berapa|kapan|bila-bila|what|which|who|mohon (?!tunggu|ditunggu|maaf|"
    r"bersabar|menunggu)|silakan|silahkan|tolong|kirim(?:kan)? (?:\w+ )?\w+nya|sebutkan|provide|share|butuh|"
    r"please (?!wait|hold|note|bear|allow)|let me know|send me|give me|tell me|may i|could you|can you|can i have|reply|balas|ketik|"
    r"just say)\b",
    re.IGNORECASE,
)
_ASKS_FOR: Final = re.compile(
    r"\b(?:boleh (?:minta|tahu|tau)|minta|sebutkan|provide|share|butuh|perlu|need|require|let me know|tell me|send me|give me|"
    r"(?:kirim|beri|isi)(?:kan)? (?:\w+ )?\w+nya)\b",
    re.IGNORECASE,
)
_QUESTION: Final = re.compile(r"(?<![^.!?\n])[^.!?\n]{1,400}\?")
_CLOSING: Final = re.compile(
    r"ada (?:lagi|yang lain)|ada yang (?:bisa|ingin|mau)|anything else|something else", re.IGNORECASE
)


def asks_first(reply: str) -> bool:
    """Tell whether a reply asks the customer for something: what it promises waits for that."""
    return (
        any(not _CLOSING.search(asked) for asked in _QUESTION.findall(reply)) or _ASKS_FIRST.search(reply) is not None
    )


def asks_for_something(reply: str) -> bool:
    """Tell whether a reply asks the customer for what is needed first, and does not only tell them what they may do: `silakan diambil`."""
    return any(not _CLOSING.search(asked) for asked in _QUESTION.findall(reply)) or _ASKS_FOR.search(reply) is not None


def promise(clause: Clause) -> str | None:
    """Find the act that the agent says it is about to do.

    Args:
        clause: in plain letters, of a reply that asks for nothing first.

    Returns:
        The words of the promise; None where it is conditional, asked about, or no act (`saya cek dulu`).
    """
    sentence = clause.before + clause.text + clause.after
    if CONDITION.search(sentence) or TOLD.search(clause.text):
        return None
    for match in _PROMISE.finditer(clause.text):
        verb = next(filter(None, match.groups())).lower()
        before = {word.lower() for word in _WORD.findall(clause.text[: match.start()])}
        if verb.startswith("me") and not _FORTHWITH.search(match[0]):
            continue  # "kami memproses pesanan setiap hari"
        whose = clause.text[match.end() :].split()[:1]
        if _acts(verb) and whose != ["our"] and before.isdisjoint(OPEN_BEFORE - _FUTURE | DONE):
            return match[0]
    return None


def is_policy(promised: str, business: Sequence[str]) -> bool:
    """Tell whether the business promises the same of itself: `kami akan segera mengganti barang yang rusak`."""
    deeds = deeds_of_verb(promised)
    told = (match for each in business for match in _PROMISE.finditer(each))
    return any(deeds & deeds_of_verb(next(filter(None, match.groups()))) for match in told)


def _acts(verb: str) -> bool:
    if _NO_ACT.search(verb):
        return False
    return bool(deeds_of_verb(verb) - {"send", "create"}) or _ACT.search(verb) is not None
