"""What customers read about payments: the caption under a payment card, and the phrases of the payment actions.

The caption repeats everything on the card, for readers who cannot see it, and says how to pay on the same phone.
"""

from datetime import tzinfo

from actions.action import SendPayment
from actions.qris.code import parse
from actions.qris.money import format_rupiah
from actions.qris.picture import Card, Language, local_time, render, surcharge

LONGEST = 1024
"""Characters of a WhatsApp caption."""

_TEXTS: dict[Language, dict[str, str]] = {
    "id": {
        "head": "Pembayaran {amount}",
        "unique": "(nominal sudah termasuk kode unik; mohon bayar persis sejumlah ini)",
        "reference": "Referensi: {reference}",
        "merchant": "Penerima: {merchant}",
        "expires": "Berlaku sampai {time}",
        "steps": (
            "Cara bayar dari HP ini:\n1. Simpan gambar QRIS di atas.\n2. Buka aplikasi bank atau e-wallet, pilih QRIS.\n"
            "3. Ambil gambar dari galeri, lalu bayar."
        ),
        "check": "Pastikan nama penerima sesuai.",
        "free": "Tidak ada biaya tambahan.",
    },
    "en": {
        "head": "Payment of {amount}",
        "unique": "(the last digits tell your order apart; please pay exactly this amount)",
        "reference": "Reference: {reference}",
        "merchant": "Payee: {merchant}",
        "expires": "Valid until {time}",
        "steps": (
            "How to pay on this phone:\n1. Save the QRIS picture above.\n2. Open your bank or e-wallet app and choose QRIS.\n"
            "3. Pick the picture from your gallery and pay."
        ),
        "check": "Make sure the payee's name matches.",
        "free": "There is no extra fee.",
    },
}


def language_of(code: str | None) -> Language:
    """Choose the language of a text: Indonesian for Indonesian, Malay, Javanese and Sundanese, else English."""
    return "id" if code is None or code[:2] in ("id", "ms", "jv", "su") else "en"


def caption(payment: SendPayment, zone: tzinfo, language: str | None = "id") -> str:
    """What is written under the card; times in `zone`."""
    texts = _TEXTS[language_of(language)]
    lines = [texts["head"].format(amount=format_rupiah(payment.amount))]
    if payment.asked not in (None, payment.amount):
        lines.append(texts["unique"])
    lines.append(texts["reference"].format(reference=payment.reference))
    merchant = f"{payment.merchant} (NMID {payment.nmid})" if payment.nmid else payment.merchant
    lines.append(texts["merchant"].format(merchant=merchant))
    if payment.expires is not None:
        time = local_time(payment.expires.astimezone(zone), language_of(language))
        lines.append(texts["expires"].format(time=time))
    added = surcharge(payment.payload, language_of(language))
    if added is not None:
        lines.insert(1, f"({added})")
    check = texts["check"] if added is not None else f"{texts['check']} {texts['free']}"
    return "\n".join([*lines, "", texts["steps"], "", check])[:LONGEST]


def picture(payment: SendPayment, zone: tzinfo, language: str | None = "id") -> bytes:
    """The card of a payment as a PNG; CPU work of about 0.3 s, for a worker thread.

    Raises:
        ImageError: the drawn code does not read back as the payload.
        PayloadError: the payload is no code.
    """
    merchant = parse(payment.payload).merchant
    return render(
        Card(
            payload=payment.payload,
            amount=payment.amount,
            merchant=payment.merchant,
            reference=payment.reference,
            nmid=payment.nmid,
            city=merchant.city,
            expires=None if payment.expires is None else payment.expires.astimezone(zone),
            language=language_of(language),
        )
    )


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
