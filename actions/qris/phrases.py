"""What the customer is told about amounts that are missing, unclear or too large, and about payments looked up."""

from actions.qris.card import Language

_PHRASES: dict[str, dict[Language, str]] = {
    "how_much": {
        "id": "Berapa nominal yang mau dibayar? Tulis misalnya 50.000 atau 50rb.",
        "en": "How much would you like to pay? Write for example 50,000 or 50k.",
    },
    "unknown": {
        "id": "{amount} belum disebut dalam percakapan ini. Berapa nominal yang mau dibayar?",
        "en": "{amount} has not been mentioned in this conversation. How much would you like to pay?",
    },
    "which": {
        "id": "Maksudnya {choices}? Tolong tulis nominalnya lengkap, misalnya 50.000.",
        "en": "Do you mean {choices}? Please write the amount in full, for example 50.000.",
    },
    "unclear": {
        "id": "Nominalnya kurang jelas. Maksudnya {reading}? Tolong tulis lengkap, misalnya 50.000.",
        "en": "The amount is not clear. Do you mean {reading}? Please write it in full, for example 50.000.",
    },
    "sure": {
        "id": "Nominalnya {amount}, betul?",
        "en": "That is {amount}, right?",
    },
    "small": {
        "id": "Nominalnya {amount}, betul? Kalau maksudnya {more}, tulis lengkap ya.",
        "en": "That is {amount}, right? If you mean {more}, please write it in full.",
    },
    "limit": {
        "id": "{amount} melebihi batas QRIS {limit} per transaksi. Bisa dibayar dalam beberapa kali, atau tanyakan cara lain.",
        "en": "{amount} is above the QRIS limit of {limit} a payment. It can be paid in several parts, or ask for another way.",
    },
    "no_payment": {
        "id": "Belum ada kode pembayaran yang kami kirim di percakapan ini.",
        "en": "We have not sent a payment code in this conversation yet.",
    },
    "arrived": {
        "id": "Pembayaran {amount} untuk {reference} sudah kami terima.",
        "en": "We have received the payment of {amount} for {reference}.",
    },
    "partly": {
        "id": "Yang masuk baru {paid} dari {amount} untuk {reference}. Tim kami sedang memeriksanya.",
        "en": "Only {paid} of {amount} for {reference} has arrived. Our team is looking into it.",
    },
    "by_hand": {
        "id": "Pembayaran {amount} untuk {reference} dicek manual; kami kabari begitu terlihat. Bukti transfer tidak diperlukan.",
        "en": "The payment of {amount} for {reference} is checked by hand; we will write as soon as it is seen. No proof is needed.",
    },
    "not_yet": {
        "id": "Pembayaran {amount} untuk {reference} belum masuk. Konfirmasinya terkirim otomatis begitu masuk.",
        "en": "The payment of {amount} for {reference} has not arrived. A confirmation comes by itself when it does.",
    },
}


def say(name: str, language: Language, **values: str) -> str:
    """A phrase with its values filled in."""
    return _PHRASES[name][language].format(**values)
