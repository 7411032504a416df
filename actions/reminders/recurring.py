"""Whether somebody speaks of a reminder that comes again and again. There is none: every reminder comes once."""

import re

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
