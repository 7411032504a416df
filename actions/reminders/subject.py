"""What a customer wants to be reminded of, in their own words: `ingatkan saya besok jam 9 bayar pesanan ya kak` → `bayar pesanan`."""

import re

from actions.dates import without_times

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
    words = [word for word in re.sub(r"\s+([,;.!?])", r"\1", rest).split() if re.search(r"\w", word)]
    while words and _bare(words[0]) in _BEFORE:
        del words[0]
    while words and _bare(words[-1]) in _AFTER:
        del words[-1]
    return _EDGE.sub("", " ".join(words))


def _bare(word: str) -> str:
    return _EDGE.sub("", word).casefold()
