"""What customers are told about reminders, in their language."""

from typing import Final

_PHRASES: Final = {
    "id": {
        "past": "Waktu itu ({when}) sudah lewat. Mau diingatkan kapan?",
        "unclear": "Mau diingatkan kapan? Sebutkan hari dan jamnya ya, misalnya besok jam 9.",
        "unclear_many": "Pengingat hanya bisa sekali, belum bisa berulang. Untuk yang pertama, mau diingatkan kapan? Misalnya besok jam 9.",
        "reminder_of_nothing": "Halo! Sesuai permintaan, ini pengingat dari kami.",
        "too_far": "Paling jauh kami bisa mengingatkan {days} hari ke depan. Mau diingatkan kapan?",
        "closed": "Di kanal ini kami hanya bisa mengirim pesan sampai {when}. Mau diingatkan sebelum itu?",
        "reminder": "Halo! Sesuai permintaan, ini pengingatnya: “{text}”",
        "none": "Tidak ada pengingat yang terjadwal.",
        "which": "Ada beberapa pengingat:\n{list}\nYang mana yang mau dibatalkan?",
        "list": "Pengingat yang terjadwal:\n{list}",
        "cancelled": "Pengingat dibatalkan: {when}.",
    },
    "en": {
        "past": "That time ({when}) has passed. When shall we remind you?",
        "unclear": "When shall we remind you? Please name the day and the hour, for example tomorrow at 9.",
        "unclear_many": "A reminder comes once; it cannot repeat. When shall the first one come? For example tomorrow at 9.",
        "reminder_of_nothing": "Hello! As you asked, here is your reminder.",
        "too_far": "We can remind you at most {days} days ahead. When shall we remind you?",
        "closed": "On this channel we can only write to you until {when}. Shall we remind you before that?",
        "reminder": "Hello! As you asked, here is your reminder: “{text}”",
        "none": "No reminder is scheduled.",
        "which": "There are several reminders:\n{list}\nWhich one shall be cancelled?",
        "list": "Scheduled reminders:\n{list}",
        "cancelled": "Reminder cancelled: {when}.",
    },
    "ms": {
        "past": "Waktu itu ({when}) sudah berlalu. Bila mahu diingatkan?",
        "unclear": "Bila mahu diingatkan? Sebutkan hari dan jamnya, contohnya esok pukul 9.",
        "unclear_many": "Peringatan hanya sekali, tidak boleh berulang. Untuk yang pertama, bila mahu diingatkan? Contohnya esok pukul 9.",
        "reminder_of_nothing": "Helo! Seperti yang diminta, ini peringatan daripada kami.",
        "too_far": "Paling jauh kami boleh mengingatkan {days} hari ke depan. Bila mahu diingatkan?",
        "closed": "Di saluran ini kami hanya boleh menghantar mesej sehingga {when}. Mahu diingatkan sebelum itu?",
        "reminder": "Helo! Seperti yang diminta, ini peringatannya: “{text}”",
        "none": "Tiada peringatan yang dijadualkan.",
        "which": "Ada beberapa peringatan:\n{list}\nYang mana mahu dibatalkan?",
        "list": "Peringatan yang dijadualkan:\n{list}",
        "cancelled": "Peringatan dibatalkan: {when}.",
    },
}


def say(name: str, language: str, **values: object) -> str:
    """A phrase in the customer's language, English where it is none of ours."""
    return _PHRASES.get(language, _PHRASES["en"])[name].format(**values)
