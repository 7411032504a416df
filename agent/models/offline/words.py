"""Words as the offline model compares them: folded, stemmed, and joined across Indonesian, Malay and English.

Two words are the same when one of their forms is: `membatalkan`, `dibatalkan`, `batal` and `cancelled` share the form `batal`.
"""

import re
import unicodedata
from collections.abc import Set
from functools import lru_cache

from rapidfuzz.distance import OSA

_WORD = re.compile(r"[^\W_]+")
_STARTS = re.compile(r"(?:^|[.!?\n])\W*$")
_JOINED = re.compile(r"\b(wi|check|cek)[ -](fi|in|out)\b")

_SLANG = {
    "brp": "berapa", "brapa": "berapa", "gmn": "bagaimana", "gimana": "bagaimana", "gmana": "bagaimana", "hrg": "harga",
    "hrga": "harga", "byr": "bayar", "psn": "pesan", "pesen": "pesan", "psnan": "pesanan", "pesenan": "pesanan", "krm": "kirim",
    "tf": "transfer", "jm": "jam", "pkl": "jam", "almt": "alamat", "dmn": "dimana", "kpn": "kapan", "org": "orang", "bln": "bulan",
    "hr": "hari", "mgg": "minggu", "sbt": "sabtu", "jmt": "jumat", "dlm": "dalam", "luarkota": "luar", "info": "informasi",
    "batalin": "batal", "cancelin": "batal", "bayarin": "bayar", "ongkir": "ongkir", "sy": "saya", "blm": "belum", "sdh": "sudah",
}  # fmt: skip

_STOP = frozenset(
    """
    a about ada adakah adalah agar ah aja akan aku am an anda any apa apakah are as at atau awak ayo bagaimana bagi bahwa bang banget be
    been beri biar bila bisa bisakah boleh bolehkah boss bro bu bukan buat but by can could cuma dah dalam dan dapat dari dear deh
    dengan di did dia do does dok dong dulu eh eng engga enggak even for from ga gak gan get give gitu guys had hai halo has have
    hello her hey hi him his hmm how i if im in ingin ini is it itu iya ya jadi jangan jika juga just ka kah kak kakak kalau kalo kalian
    kami kamu karena kasih kat kayak ke kita know kok ku la lagi lah let like lo loh maaf macam mahu mas mau mba mbak me mesti mohon
    much my nah nak nanti nggak ngga nih no not nya of ok oke okay on onto or our pada pak please pls po pun punya please saja sama
    sampai saya sbb secara sedang sekali semua seperti sih sila so some sorry sudah sure supaya tahu tak tanya tapi tau
    telah tell tentang terus than thanks that the their them then there these they thing this those tidak to tolong tsb tuh tu
    tersebut udah ulang untuk up us very want was we well were what whats which will with would yah yaitu yang yes yg you your
    butuh perlu need help bantu minta cek check lihat see bilang sebut berikan misalnya sebuah suatu para oleh hendak
    dimana mana where berapa kapan when siapa who kenapa mengapa why many
    """.split()
)
"""Words that say nothing about the subject, question words included: see `hints`."""

_WEAK = frozenset(
    """
    jual toko produk barang layanan beli cari pakai hari orang harga jenis macam nama tempat info informasi nomor
    jadwal warung policy usaha customer pelanggan item thing people day nomer tanggal sekarang now masih still
    pertama utama jumlah fungsi arti pengertian maksud dimaksud terletak letak disebut kepanjangan first main name called mean meaning type
    kind number
    """.split()
)
"""Words that many passages hold: on their own they do not make one relevant."""

_COMMON = frozenset("kirim bayar pesan pesanan jam ongkos uang".split())
"""Words of every shop's business: they need another one beside them."""

_GROUPS = """
    buka open opening
    tutup close closing closed
    jam pukul hour hours time waktu schedule jadwal
    harga price prices pricing cost costs tarif biaya mahal murah cheap expensive rate fee
    ongkir ongkos shippingfee
    kirim antar hantar deliver delivery ship shipping pengiriman penghantaran ekspedisi kurir courier
    retur tukar return exchange refund pengembalian kembali balik
    bayar pay payment pembayaran
    batal cancel cancellation pembatalan
    pesanan order orderan orders tempahan parcel paket package
    pesan order orders memesan booking book reserve reservation tempah reservasi
    alamat lokasi address location located letak
    diskon discount promo promosi diskaun potongan sale voucher
    gratis free percuma
    kopi coffee
    teh tea
    susu milk
    biji bean beans
    gula sugar
    dingin cold iced es
    panas hot
    parkir parking park
    kedai kafe cafe toko shop store outlet gerai warung
    acara event rapat meeting pesta party
    kelas class workshop kursus course
    hewan pet pets anjing kucing dog cat peliharaan
    lowongan loker vacancy hiring job career karier
    langganan berlangganan subscribe subscription
    grosir wholesale bulk reseller
    anggota member membership kartu
    poin point points loyalty
    sandi password kode code
    wifi internet
    colokan socket plug charger
    resi tracking track lacak awb
    garansi warranty guarantee jaminan
    rusak broken damaged defective cacat
    negeri abroad overseas international internasional mancanegara
    ahad sunday minggu
    minggu week weekly mingguan ahad
    senin isnin monday
    selasa tuesday
    rabu wednesday
    kamis khamis thursday
    jumat jumaat friday
    sabtu saturday
    libur holiday cuti
    pagi morning
    sore petang afternoon evening
    malam night evening
    besok tomorrow esok
    manusia human admin agent cs operator staf staff petugas seseorang representative
    uang money wang
    ukuran size saiz
    warna color colour
    stok stock tersedia sedia ketersediaan available availability free ready
    nama name
    telepon phone telefon telp whatsapp wa
    pendiri didirikan founder founded owner pemilik dirikan
    makanan food meal
    kepala head chief leader ketua pimpinan
    operasional operating operation buka
    policy kebijakan aturan rule
    minuman drink drinks beverage
    roti bread toast
    roastery sangrai roast roasting roaster penyangrai
    ulasan review
    jaga stay
    kirimkan send
    barang goods item items
    beli buy purchase membeli pembelian
    jual sell selling menjual
    sewa rent rental
    ruang room ruangan kamar
    tanggal date
    hilang lost missing kehilangan
    simpan keep kept store stored
    kolam pool
    renang swim swimming
    sarapan breakfast
    siang lunch noon
    tamu guest visitor
    lantai floor
    anak child children kid kids
    bayi baby
    dokter doctor
    obat medicine
    servis service repair perbaikan reparasi
    cicil cicilan installment instalment angsuran
    asuransi insurance
    mobil car
    motor motorcycle
    sepeda bicycle bike
    tiket ticket
    bandara airport
    jemput shuttle pickup
    handuk towel
    sepatu shoe shoes
    baju shirt clothes pakaian
    kulit leather
    kayu wood wooden
    dewasa adult
    dapur kitchen
    mesin machine
    cuci wash washing laundry
    buku book
    guru teacher
    sekolah school
    cabang branch
    pusat center centre
    juara champion winner
    hadiah gift prize
    surat letter
    izin permit license licence
    pajak tax
    manajer manager
    direktur director
    pegawai karyawan employee
    panjang length
    lebar width
    tinggi height
    berat weight
    luas area large
    besar big
    kecil small
    suhu temperature
    merek brand
    lokal local
    kerja work job
    status progress
    saldo balance
    kode code
    tunai cash
    kartu card
    luar outside
    kota city town
    baru new
    kunjungan visit berkunjung datang
    jauh far
    dekat near nearby
    halal
    tanpa without
    kafein caffeine decaf
    umur age usia
    tahun year
    bulan month
    hari day days
    bicara ngobrol talk speak chat bercakap cakap
    sambung connect
    ubah change ganti edit
    pindah move
    ingat ingetin ingatin ngingetin remind
    daftar register signup
    keluhan complaint komplain complain
    syarat terms requirement condition ketentuan
    bahan ingredient ingredients material
    alergi allergy allergen
    durasi duration lama long
    maksimal maximum max
    minimal minimum min
"""


def _canonical() -> dict[str, frozenset[str]]:
    joined: dict[str, set[str]] = {}
    for line in _GROUPS.strip().splitlines():
        head, *rest = line.split()
        for word in (head, *rest):
            joined.setdefault(word, set()).add(head)
    return {word: frozenset(heads) for word, heads in joined.items()}


_CANONICAL = _canonical()
_HINTS = {
    "berapa": "harga", "kapan": "jam", "when": "jam", "where": "alamat", "dimana": "alamat", "mana": "alamat",
}  # fmt: skip

_SUFFIXES = ("nya", "lah", "kah", "ku", "mu")
_ENDINGS = ("kan", "an", "i")
_PREFIXES = (
    "memper",
    "diper",
    "meny",
    "meng",
    "mem",
    "men",
    "me",
    "di",
    "ber",
    "ter",
    "peng",
    "pem",
    "pen",
    "per",
    "pe",
    "ke",
    "se",
)
_DROPPED = {"meny": "s", "meng": "k", "mem": "p", "men": "t", "peng": "k", "pem": "p", "pen": "t"}
_WHOLE = frozenset(
    "pesanan minuman makanan selasa senin menu berapa kelas beras terima mereka semua seperti pengalaman".split()
)
"""Words that lose their meaning when they are cut."""


def fold(text: str) -> str:
    """Lower case, without accents, compatibility forms made plain."""
    if not text.isascii():
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return _JOINED.sub(_join, text.casefold())


def _join(match: re.Match[str]) -> str:
    return ("check" if match[1] == "cek" else match[1]) + match[2]


def words(text: str) -> list[str]:
    """Every word of a text, folded, slang written out."""
    return [_SLANG.get(word, word) for word in _WORD.findall(fold(text))]


@lru_cache(maxsize=20_000)
def forms(word: str) -> frozenset[str]:
    """What a folded word may stand for: itself, its stems, and what these are called in the other languages."""
    stems = {word}
    if word not in _WHOLE and not word.isdigit():
        stems |= _indonesian(word) | _english(word)
    found = set(stems)
    for stem in stems:
        found |= _CANONICAL.get(stem, frozenset())
    return frozenset(found)


def _indonesian(word: str) -> set[str]:
    stems = {word}
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            stems.add(word[: -len(suffix)])
    for stem in list(stems):
        if stem in _WHOLE:
            continue
        stems |= {stem[: -len(end)] for end in _ENDINGS if stem.endswith(end) and len(stem) - len(end) >= 4}
    for stem in list(stems):
        if stem in _WHOLE:
            continue
        for prefix in _PREFIXES:
            rest = stem.removeprefix(prefix)
            if rest == stem or len(rest) < 3:
                continue
            if len(rest) >= 4:
                stems.add(rest)
            if prefix in _DROPPED and rest[0] in "aeiou":
                stems.add(_DROPPED[prefix] + rest)
    return stems


def _english(word: str) -> set[str]:
    stems: set[str] = set()
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        stems.add(word[:-1])
    if len(word) > 4 and word.endswith("ies"):
        stems.add(word[:-3] + "y")
    for end in ("ing", "ed", "led", "ling", "er"):
        if word.endswith(end) and len(word) - len(end) >= 4:
            stems |= {word[: -len(end)], word[: -len(end)] + "e"}
    return stems


def content(text: str) -> list[str]:
    """The words that say what a text is about, in order, each once."""
    kept = [word for word in words(text) if word not in _STOP and (len(word) > 1 or word.isdigit())]
    return list(dict.fromkeys(kept))


def names(text: str) -> set[str]:
    """Folded words that are written with a capital inside a sentence: `Cape`, `Town`. None in a text that shouts."""
    if text.isupper():
        return set()
    inside = [match[0] for match in _WORD.finditer(text) if not _STARTS.search(text[: match.start()])]
    return {word for part in inside if part[0].isupper() for word in words(part)}


def hints(text: str) -> set[str]:
    """What the question words of a text ask for: `where` → `alamat`."""
    return {_HINTS[word] for word in words(text) if word in _HINTS}


def weight(word: str) -> float:
    """How much a word of a question tells about its subject, from 0.35 to 1."""
    if word.isdigit():
        return 0.4
    if forms(word) & _WEAK:
        return 0.35
    return 0.6 if forms(word) & _COMMON else 1.0


class Vocabulary:
    """The words of a text, to look others up in, spelling mistakes forgiven."""

    def __init__(self, text: str) -> None:
        self._words = set(words(text))
        self.forms: Set[str] = frozenset().union(*(forms(word) for word in self._words)) if self._words else frozenset()

    def has(self, word: str) -> bool:
        return not forms(word).isdisjoint(self.forms) or self._nearly(word)

    def _nearly(self, word: str) -> bool:
        if len(word) < 5 or not word.isalpha():
            return False
        allowed = 2 if len(word) >= 8 else 1
        return any(
            other[0] == word[0] and abs(len(other) - len(word)) <= allowed and len(other) >= 4
            and OSA.distance(word, other, score_cutoff=allowed) <= allowed
            for other in self._words
        )  # fmt: skip


@lru_cache(maxsize=4_000)
def vocabulary(text: str) -> Vocabulary:
    """The vocabulary of a text; passages come again and again."""
    return Vocabulary(text)
