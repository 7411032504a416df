"""What the customer is asked when an amount is missing, unclear, unknown or too large."""

from actions.qris.card import Language

_PHRASES: dict[str, dict[Language, str]] = {
    "how_much": {
        "id": "Berapa nominal yang mau dibayar? Tulis misalnya 50.000 atau 50rb.",
        "en": "How much would you like to pay? Write for example 50,000 or 50k.",
    },
    "unknown": {
        "id": "{amount} belum pernah disebut. Tanyakan dulu kepada pelanggan: berapa nominal yang mau dibayar?",
        "en": "Nobody has mentioned {amount}. Ask the customer first: how much would you like to pay?",
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
}


def say(name: str, language: Language, **values: str) -> str:
    """A phrase with its values filled in."""
    return _PHRASES[name][language].format(**values)
