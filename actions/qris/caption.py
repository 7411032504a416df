"""The text that goes with a payment card: everything on it again, for who cannot see it, and how to pay on the same phone."""

from datetime import tzinfo

from actions.action import SendPayment
from actions.qris.amounts import format_rupiah
from actions.qris.card import Card, Language, local_time, render
from actions.qris.payload import parse

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
        "check": "Pastikan nama penerima sesuai. Tidak ada biaya tambahan.",
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
        "check": "Make sure the payee's name matches. There is no extra fee.",
    },
}


def language_of(code: str | None) -> Language:
    """Indonesian for Indonesian and Malay, English for everybody else."""
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
    return "\n".join([*lines, "", texts["steps"], "", texts["check"]])[:LONGEST]


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
