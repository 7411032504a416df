"""What reminders say, what a customer wants to be reminded of, and the time zone that a customer means."""

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from language.dates import without_times
from settings.phone import time_zones


def zone_of(phone: str | None, business: tzinfo, now: datetime) -> tzinfo:
    """The zone of a telephone number, where its country has one time; else the business's own.

    Indonesian numbers do not tell which of the country's three times is meant, British ones do.
    """
    names = time_zones(phone) if phone else ()
    found = [ZoneInfo(name) for name in names]
    times = {
        tuple((now + timedelta(days=days)).astimezone(zone).utcoffset() for days in (0, 91, 182, 273)) for zone in found
    }
    return found[-1] if len(times) == 1 else business


_DAYS = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days"  # several of them: `on Mondays`
_AGAIN_AND_AGAIN = re.compile(
    r"\b(?:(?:se)?tiap|saban|tiap[- ]tiap|tiap2|every|each)\b"
    r"|\b(?:harian|mingguan|bulanan|tahunan|rutin|berulang(?:[- ]ulang)?|berkala)\b"
    r"|\b(?:daily|weekly|monthly|yearly|hourly|nightly|recurring|repeat(?:ing|edly)|regularly)\b"
    r"|\b(?:se|satu |dua |tiga |\d+ ?)(?:kali|x) (?:se|per ?|dalam se)(?:hari|minggu|pekan|bulan|tahun)\b"
    r"|\b(?:sehari|seminggu|sepekan|sebulan|setahun) (?:sekali|(?:satu|dua|tiga|\d+) ?(?:kali|x))\b"
    r"|\b(?:once|twice|\w+ times) (?:a|an|per|every) (?:hour|day|week|month|year)\b"
    rf"|\b(?:{_DAYS}|weekdays|weekends|mornings|evenings)\b",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    r"\b(?:(?:se)?tiap|saban|tiap[- ]tiap|every|each)\b"
    r"|\b(?:pengingat|peringatan) (?:\w+ )?(?:harian|mingguan|bulanan|tahunan|rutin|berulang|berkala)\b"
    r"|\b(?:daily|weekly|monthly|yearly|hourly|recurring|repeating) reminders?\b"
    rf"|\bremind\b.{{0,60}}\b(?:daily|weekly|monthly|hourly|regularly|on {_DAYS})\b"
    r"|\bingatkan\b.{0,60}\b(?:rutin|berkala|berulang(?:[- ]ulang)?)\b",
    re.IGNORECASE,
)
_REMINDING = re.compile(
    r"\b(?:(?:di)?ingatkan|mengingatkan|peringatkan|pengingat|peringatan|remind\w*)\b", re.IGNORECASE
)
_ONCE = re.compile(r"\b(?:hanya|cuma|just|only|berikutnya|terdekat|the next|pertama|first)\b", re.IGNORECASE)


def asks_for_many(text: str) -> bool:
    """Whether a customer wants more than one: `setiap Senin`, `every day at 9`, `seminggu sekali`."""
    return _AGAIN_AND_AGAIN.search(text) is not None


def promise_of_many(clause: str) -> str | None:
    """The words of a reply that promise more than one reminder: `saya ingatkan setiap Senin`."""
    if not _REMINDING.search(clause) or _ONCE.search(clause):
        return None
    promised = _PROMISE.search(clause)
    return clause.strip() if promised else None


_TIMELY = re.compile(
    r"\b(?:nanti|ntar|sebentar|later|soon|sebelum\w*|before|setelah|sesudah|after|when|once|kalau|kalo|begitu|saat|hari|pekan|minggu|bulan|"
    r"tahun|jam|menit|pagi|siang|sore|malam|subuh|day|week|month|year|hour|minute|morning|noon|afternoon|evening|night|tonight)\b",
    re.IGNORECASE,
)


def names_a_time(text: str) -> bool:
    """Tell whether a text says when: `besok jam 9`, `the day before`, `2 jam lagi`."""
    return _TIMELY.search(text) is not None or without_times(text) != " ".join(text.split())


def asks_to_be_reminded(text: str) -> bool:
    """Tell whether a text speaks of reminding or of writing again: `ingetin dong`, `kabari saya lagi`, `remind me`."""
    return _ASKING.search(text) is not None


_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n")
_ASKING = re.compile(
    r"\b(?:(?:di)?ing[ae]t(?:kan|in|i)|ng?[ie]ng[ae]t(?:kan|in)|(?:di)?peringatkan|kabar(?:i|in|kan)|hubungi|remind|alert|notify|"
    r"(?:(?:kasih|beri|buat(?:kan)?|pasang|set|bikin)\s+|(?:set|make|create)(?:\s+up)?\s+(?:me\s+)?(?:a\s+)?)?"
    r"(?:pengingat|peringatan|reminders?))\b"
    r"(?:\s+(?:saya|aku|sy|gue|gw|kami|kita|me|us|lagi|again)\b)*",
    re.IGNORECASE,
)
_POLITE = (
    "kak kakak min admin gan sis sist bang bro mas mbak mba pak bu bapak ibu om tante dear sir madam guys team "
    "ya yah yaa yg yang dong donk deh nih sih lah kok please pls plz tolong tlg mohon minta makasih trims thx thanks "
    "halo hallo hai hi hey hello ok oke okay baik again lagi aja saja kalau kalo boleh bisa"
).split()
_BEFORE = frozenset(
    (
        *_POLITE,
        *"untuk utk buat supaya agar soal tentang bahwa biar dan tapi saya aku sy gue gw kami kita mau harus perlu".split(),
        *"bisakah bolehkah can could would will you we i to about that of and also have need want like must should for".split(),
        *"daily weekly monthly rutin".split(),
    )
)
_AFTER = frozenset(
    (*_POLITE, *"pada di ke untuk dan on at by in to and the for sebelum before sekitar around nanti".split())
)
_THANKS = re.compile(r"\b(?:terima ?kasih|thank you|selamat|jangan lupa|don't forget(?: to)?)\b", re.IGNORECASE)
_EDGE = re.compile(r"^\W+|[^\w)]+$")


def subject(said: str) -> str:
    """What is left of a request when its time, its verb, and what is only polite are taken out; empty when nothing is."""
    sentences = [sentence for sentence in _SENTENCES.split(said) if sentence.strip()]
    asking = [sentence for sentence in sentences if _ASKING.search(sentence)]
    return next((words for sentence in asking or sentences if (words := _subject(sentence))), "")


def _subject(sentence: str) -> str:
    rest = _ASKING.sub(" ", _THANKS.sub(" ", without_times(sentence)))
    words = [word for word in re.sub(r"(?<!\s)\s++([,;.!?])", r"\1", rest).split() if re.search(r"\w", word)]
    while words and _bare(words[0]) in _BEFORE:
        del words[0]
    while words and _bare(words[-1]) in _AFTER:
        del words[-1]
    return _EDGE.sub("", " ".join(words))


def _bare(word: str) -> str:
    return _EDGE.sub("", word).casefold()


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
