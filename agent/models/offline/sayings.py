"""What the offline model says in its own words, in Indonesian (also for Malay) and English."""

from collections.abc import Mapping
from typing import Final

_SAYINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "greeting": "Halo! Saya {name}. Ada yang bisa saya bantu?",
        "thanks": "Sama-sama! Kalau ada yang lain, tulis saja ya.",
        "goodbye": "Sampai jumpa, terima kasih sudah menghubungi kami!",
        "identity": "Saya {name}, asisten otomatis di sini. Saya menjawab dari informasi yang kami punya dan bisa menyambungkan Anda "
        "ke tim kami.",
        "ability": "Saya bisa menjawab pertanyaan tentang toko kami. Silakan tulis saja.",
        "hello": "Halo!",
        "scheduled": "Baik, saya ingatkan {when}.",
        "scheduled_once": "Baik, saya ingatkan {when}. Pengingatnya hanya sekali, belum bisa berulang; sesudah itu minta lagi saja ya.",
        "wellbeing": "Baik, terima kasih! Ada yang bisa saya bantu?",
        "unknown": "Maaf, saya belum tahu soal itu.",
        "offer": "Mau saya sambungkan ke tim kami?",
        "unknown_part": "Soal “{question}” saya belum tahu.",
        "source": "Sumber: {source}",
        "source_dated": "Sumber: {source}, per {date}",
        "other_language": "Catatan kami: {text}",
        "ask": "Boleh sebutkan {what}?",
        "ask_amount": "Maksudnya berapa rupiah? Mohon tulis lengkap, misalnya Rp50.000.",
        "ask_when": "Kapan tepatnya? Sebutkan hari dan jamnya ya, misalnya besok jam 9.",
        "and": " dan ",
        "agreed": "Baik. Ada lagi yang bisa saya bantu?",
        "declined": "Baik, tidak jadi ya. Ada lagi yang bisa saya bantu?",
        "done": "Berhasil.",
        "failed": "Maaf, itu belum berhasil.",
        "not_found": "Maaf, {what} tidak ditemukan. Mohon periksa lagi ya.",
        "uncertain": "Maaf, hasilnya belum pasti. Tim kami akan memeriksanya.",
        "empty": "Tidak ada data untuk itu.",
        "attachment": "Terima kasih, kirimannya sudah kami terima. Saya belum bisa melihat isinya, boleh dijelaskan lewat tulisan?",
        "nothing": "Maaf, bagaimana saya bisa membantu?",
        "rejected": "Maaf, itu belum dilakukan.",
        "yes": "ya",
        "no": "tidak",
    },
    "en": {
        "greeting": "Hello! I'm {name}. How can I help you?",
        "thanks": "You're welcome! Just write if there is anything else.",
        "goodbye": "Goodbye, and thank you for contacting us!",
        "identity": "I'm {name}, the automatic assistant here. I answer from the information we have and can connect you with our team.",
        "ability": "I can answer questions about our shop. Just write.",
        "hello": "Hello!",
        "scheduled": "All right, I will remind you on {when}.",
        "scheduled_once": "All right, I will remind you on {when}. Only once, as reminders do not repeat; just ask again after it.",
        "wellbeing": "I'm well, thank you! How can I help you?",
        "unknown": "Sorry, I don't know that yet.",
        "offer": "Shall I connect you with our team?",
        "unknown_part": "About “{question}” I don't know yet.",
        "source": "Source: {source}",
        "source_dated": "Source: {source}, as of {date}",
        "other_language": "Our notes say: {text}",
        "ask": "Could you tell me: {what}?",
        "ask_amount": "How many rupiah do you mean? Please write it in full, for example Rp50.000.",
        "ask_when": "When exactly? Please name the day and the hour, for example tomorrow at 9.",
        "and": " and ",
        "agreed": "All right. Anything else I can help you with?",
        "declined": "All right, we'll leave it. Anything else I can help you with?",
        "done": "Done.",
        "failed": "Sorry, that did not work.",
        "not_found": "Sorry, {what} was not found. Please check it again.",
        "uncertain": "Sorry, the outcome is not certain yet. Our team will look into it.",
        "empty": "There is no data for that.",
        "attachment": "Thank you, we have received it. I cannot look inside yet; could you describe it in words?",
        "nothing": "Sorry, how can I help you?",
        "rejected": "Sorry, that has not been done.",
        "yes": "yes",
        "no": "no",
    },
}


def say(key: str, language: str, **values: str) -> str:
    """Word a saying in the customer's language.

    Args:
        key: of the saying.
        language: code; whatever is not English is answered in Indonesian.
        values: what the saying has room for.
    """
    return _SAYINGS["en" if language == "en" else "id"][key].format(**values)


def in_every_language(key: str) -> list[str]:
    """List a saying without values in every language, to find it among earlier replies."""
    return [sayings[key] for sayings in _SAYINGS.values()]
