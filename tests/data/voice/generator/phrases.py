"""What is said: the closed vocabulary of a shop's customers."""

from typing import Literal

import numpy as np

SEED = 20250101

Kind = Literal["phrase", "digits", "order"]

PHRASES = {
    "id": (
        "halo selamat pagi|selamat siang|selamat sore|selamat malam|halo apa kabar|permisi mau tanya|jam berapa toko buka|"
        "jam berapa toko tutup|apakah hari minggu buka|toko ada di mana|alamat toko di mana|berapa harganya|ada diskon tidak|"
        "ada promo hari ini|apakah barang ini masih ada|stok masih ada tidak|saya mau pesan|saya mau bayar|"
        "saya mau batalkan pesanan|saya mau bicara dengan admin|saya mau komplain|pesanan saya belum sampai|"
        "kapan pesanan saya dikirim|kapan pesanan saya sampai|barang saya rusak|barangnya salah kirim|saya mau tukar barang|"
        "saya mau minta uang kembali|berapa ongkos kirimnya|bisa kirim hari ini|bisa bayar di tempat|bisa transfer bank|"
        "nomor rekening berapa|saya sudah transfer|saya sudah bayar|tolong cek pesanan saya|tolong kirim foto barang|"
        "tolong hubungi saya|terima kasih banyak|terima kasih|baik terima kasih|sama sama|iya betul|tidak jadi|oke setuju|"
        "mohon tunggu sebentar|warna merah ada tidak|warna hitam ada tidak|warna putih ada tidak|ukuran besar ada tidak|"
        "ukuran kecil ada tidak|saya mau reservasi meja|untuk dua orang besok malam|untuk empat orang malam ini|"
        "saya mau lihat menu|menu hari ini apa|apakah makanan ini pedas|jangan terlalu pedas|tanpa gula ya|garansi berapa lama"
    ).split("|"),
    "en": (
        "hello good morning|good afternoon|good evening|hi how are you|i have a question|what time do you open|"
        "what time do you close|are you open on sunday|where is your store|how much is it|is there a discount|"
        "is this still available|do you have this in black|do you have this in white|do you have this in red|"
        "where is my order|my order has not arrived|when will my order arrive|i want to cancel my order|"
        "i want to return this item|i want a refund|the item is broken|you sent the wrong item|can i pay on delivery|"
        "can i pay by card|i already paid|how much is shipping|can you deliver today|please call me back|"
        "please check my order|can i talk to a human|i want to book a table|a table for two tomorrow|what is on the menu|"
        "not too spicy please|thank you very much|thank you|yes that is right|no thank you|please wait a moment|i need help|"
        "see you tomorrow"
    ).split("|"),
}
DIGITS = {
    "id": "nol satu dua tiga empat lima enam tujuh delapan sembilan".split(),
    "en": "zero one two three four five six seven eight nine".split(),
}
ITEMS = {
    "id": ["nasi goreng", "mie goreng", "ayam bakar", "es teh", "kopi susu", "baju merah", "sepatu hitam"],
    "en": ["fried rice", "fried noodles", "grilled chicken", "iced tea", "coffee", "red shirts", "black shoes"],
}
CODES = {
    "id": ["nomor pesanan {}", "nomor pesanan saya {}", "kode saya {}", "{}"],
    "en": ["order number {}", "my order number is {}", "my code is {}", "{}"],
}


def text(dice: np.random.Generator, language: str, kind: Kind) -> str:
    """Something a customer says: a fixed phrase, digits one by one, or an order or amount."""
    if kind == "phrase":
        return _one(dice, PHRASES[language])
    if kind == "digits":
        template = _one(dice, CODES[language])
        return template.format(" ".join(_one(dice, DIGITS[language]) for _ in range(int(dice.integers(2, 7)))))
    if language == "id" and dice.random() < 0.5:
        return _one(dice, ["saya mau bayar {}", "harganya {}", "totalnya {}"]).format(_amount(dice))
    template = "saya mau pesan {} {}" if language == "id" else "i want {} {}"
    return template.format(DIGITS[language][int(dice.integers(1, 10))], _one(dice, ITEMS[language]))


def is_held_out(said: str) -> bool:
    """A fifth of all digit sequences of three and more is never trained on, chosen by a hash, to be tested with."""
    every = DIGITS["id"] + DIGITS["en"]
    digits = [word for word in said.split() if word in every]
    if len(digits) < 3:
        return False
    number = 0
    for word in digits:
        number = (number * 31 + every.index(word) + 1) % 1_000_003
    return number % 5 == 0


def _amount(dice: np.random.Generator) -> str:
    tens, units = DIGITS["id"][int(dice.integers(2, 10))], DIGITS["id"][int(dice.integers(1, 10))]
    amounts = ["sepuluh ribu", "seratus ribu", f"{tens} ribu", f"{tens} puluh ribu", f"{tens} puluh {units} ribu"]
    amounts += [f"{tens} ratus ribu", "satu juta", f"{tens} belas ribu"]
    return _one(dice, amounts)


def _one(dice: np.random.Generator, choices: list[str]) -> str:
    return choices[int(dice.integers(len(choices)))]
