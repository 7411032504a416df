"""Whether a clause says that something was done, is being done or stands in some way for this customer, in whatever words it says so.

    asserted(Clause("Helm kedua sudah ditambahkan tanpa biaya"))      # "sudah ditambahkan"
    asserted(Clause("Semua unit sudah diasuransikan"))                # None: so it is for everyone

The patterns of `actions/claim_words.py` list wordings, and wordings never end. Here any predicate counts that stands behind a sign of
completion (`sudah`, `has been`, `I ...ed`, `ter-`, `lagi di-`, `you're ... for`), unless the clause leaves it open, or what it tells is
only talk (`sudah saya jelaskan`). How likely such a clause is about this customer and not about the business is estimated from the
sentences written for balas (`tests/actions/data/`); the less of the customer's stands in it, the likelier it has to be. The weights in
`data/assertions.bin` are learnt by

    python -m actions.assertions tests/actions/data/claims*.tsv
"""

import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from actions.claim_words import ABOUT_SHOP, IDS, SAID
from actions.dealings import (
    AGENT,
    CONDITION,
    DONE,
    GENERAL,
    OF_EVERYONE,
    ONGOING,
    OPEN_BEFORE,
    OWNERS,
    PASSED_OVER,
    TOLD,
    VOCATIVES,
    YEAR,
    is_dealing,
    joined,
    unparted,
)
from actions.deeds import deeds_of_verb
from actions.sentences import Clause, clauses, plain
from language import regression

_FILE: Final = Path(__file__).parent / "data" / "assertions.bin"
_LONGEST: Final = 40
"""Words of a clause that are looked at."""

_TOKEN: Final = re.compile(r"#?[A-Za-z]{1,6}-?\d[\w-]*|#\w[\w-]*|\d[\d.,:/]*|[^\W\d_][\w'-]*|[^\w\s]")
_ID: Final = re.compile(rf"{IDS}|#[\w-]+")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_MARKS: Final = DONE | _set("already suda sudh")
_ADVERBS: Final = (
    (PASSED_OVER - _set("got gets get has have is are was were it's that's"))
    | VOCATIVES
    | AGENT
    | _set("gone went ahead and all both then since indeed duly bantu ta' otomatis secara pun lah sistem admin pihak")
)
_HAVE: Final = _set("has have had i've we've you've they've it's that's he's she's")
_BE: Final = _set("is are was were i'm it's that's you're he's she's they're name's")
_PAST_BE: Final = _set("was were")
_NOW: Final = _set("now already just being currently officially successfully")
_STANDING: Final = _set(
    "on in off out set ready live yours open booked reserved confirmed cancelled canceled refunded registered enrolled scheduled "
    "rescheduled secured approved arranged held active fixed done complete completed sorted updated extended blocked good down "
    "waiting expecting heading coming packed"
)
_AGENTS: Final = _set("i we")
_OF_THEIRS: Final = _set("it that them you your")
"""How the object begins of what "we" did for this customer, and not for everyone: `we swapped the filling`."""
_IRREGULAR: Final = _set(
    "put made got set sent took told let gave frozen held kept reset cut shut taken given gotten brought paid written left gone "
    "come begun done had"
)
_BARE: Final = _set("put set cut shut let reset")
"""Those that are an order, too."""
_TIME: Final = _set("minute minutes hour hours day days week weeks month months until till time")
_PASSED_ON: Final = re.compile(
    r"(?:di)?(?:sampaikan|infokan|informasikan|kabarkan|kabari|catatkan|teruskan|titipkan|mintakan|tulis(?:kan)?|"
    r"beritahukan) (?:ke|kepada|pada|di|kalau|bahwa)\b"
    r"(?! (?:kakak|anda|kamu|ibu|bapak|atas)\b)|(?:told|informed|notified|alerted|asked) (?:that|about|to|of)\b"
)
"""Talk to others, which is a deed: `telah kami sampaikan ke housekeeping`."""
_OWNED: Final = _set("punya milik yours")
_PLACES: Final = _set("in on off out down good ready")
_HEADS: Final = _set(
    "beres done fix kelar deal approved booked confirmed rescheduled cancelled rampung scheduled sorted disetujui terkonfirmasi extended "
    "placed issued created raised blocked updated noted complete completed renewed approved activated"
)
_DETERMINERS: Final = _set("the an a these those my our its")
_RESULT: Final = re.compile(
    r"(?:ter-?|ke-?)(?:daftar|catat|konfirmasi|booking|jadwal|kirim|pasang|input|kunci|blokir|update|cancel|pesan|rekod|buka|"
    r"amankan|reservasi|kredit)\w*"
)
_MINE: Final = re.compile(r"(?:ku-?|tak-?|ta')(?P<verb>\w{4,})")
_VERB: Final = re.compile(r"(?:di|me|ng|ny|ter|ber)\w{3,}|dalam|otw|menuju|on|in|jalan|\w+in|\w+kan|\w+ing")
_PARTICIPLE: Final = re.compile(r"\w{2,}ed")
_SHOP: Final = re.compile(
    rf"\W*(?:{ABOUT_SHOP}|(?:our|semua|setiap|seluruh|all|every|each|para)\b|\w+ (?:kami|kita)\b)", re.IGNORECASE
)
_FOR_ONE: Final = re.compile(
    r"\b(?:[Uu]ntuk|[Bb]uat|[Aa]tas nama|for|under the name(?: of)?|to) "
    r"(?i:kak|bu|ibu|pak|bapak|mas|mbak|encik|puan|tuan|mrs?|ms|miss)\b(?! [a-z])"
)
"""`untuk Bu Ani`: what is done for one person, and not for everyone."""
_FAILED: Final = _set("gagal fails failed nothing none say")
_DEPENDS: Final = re.compile(
    CONDITION.pattern
    + r"(?<!\buntil)(?<!\bsampai)(?<!\bbefore)(?<!\bafter)(?<!\bsebelum)(?<!\bsetelah)(?<!\bonce)"
    + r"|\b(?:until|before|after|sebelum|setelah|sesudah|selepas|once)\b(?! (?:the )?(?:\d|jam\b|pukul|tanggal|tgl|noon|"
    r"midnight|one|two|three|four|"
    r"five|six|seven|eight|nine|ten|(?:mon|tues|wednes|thurs|fri|satur|sun)day|senin|selasa|rabu|kamis|jumat|sabtu|minggu|akhir|the end|"
    r"your \w+\W*$))",
    re.IGNORECASE,
)
"""As `CONDITION`, but for times: `extended until the 30th` waits for nothing."""
_RECALLED: Final = re.compile(r"^\W*(?:you (?:said|told|wrote)|kata (?:kakak|anda))\b", re.IGNORECASE)
_ABOUT_SPEECH: Final = re.compile(SAID, re.IGNORECASE)

_NO_MORE: Final = _set("tidak tak gak ga nggak")
_ENDED: Final = 0.7
"""How likely `sudah tidak aktif` must be."""
_CONFIRMS: Final = _set("konfirmasikan sahkan nyatakan confirm")
_STAFF: Final = _set("kurir sopir driver teknisi juruteknik dokter housekeeping runner supir")
_ALL: Final = _set("everything everything's semuanya it it's it'll")
_READY: Final = _set("siap selesai")
"""Before a passive it only says that it is over: `sudah siap ditempah`."""
_OF_BUSINESS: Final = _set(
    "released redesigned renovated launched introduced discontinued improved opened sold closed roasted tayang disangrai rilis diluncurkan"
)
"""What a business does for everyone, unless the clause names this customer."""
_PASSIVE: Final = re.compile(r"(?:di|ter|ke)\w{4,}")
_YOURS: Final = OWNERS | _set("your you you're you've kakaknya")
_CERTAIN: Final = 0.85
_STANDS: Final = 0.6
_NEVER: Final = 2.0
_NEEDED: Final = {"owned": 0.2, "named": 0.3, "dealing": 0.7, "bare": 0.6, "other": 0.9, "shop": 0.97}
"""How likely a clause must be, by what it shows of this customer."""

_PRESUMED: Final = {"owned": 0.75, "named": 0.75, "dealing": 0.8, "bare": 0.8, "other": 0.9, "shop": 0.97}
"""The same where nothing was done or looked up in the conversation, for a clause without any sign of completion."""
_SAYS_NOTHING: Final = VOCATIVES | _set("hi hello halo hai there dear baik oke ok okay siap sip sure")
_NO_SENTENCE: Final = re.compile(
    r"\W*(?:to|untuk|for|as|such|along|since|because|karena|based|with|dengan|including|seperti|agar|supaya|looking|that|which|or|atau|"
    r"how|what|where|when)\b",
    re.IGNORECASE,
)
"""How what is no main clause begins: a purpose, a reason, a part of a list."""
_NOD: Final = re.compile(
    r"\W*(?:(?:all ?right|alright|got it|you got it|of course|no worries|fair enough|sounds good|good to hear(?: that)?|very well|"
    r"nah gitu|oh begitu|begitu ya|nggak apa-apa|tidak apa-apa|tak apa)\W*)+",
    re.IGNORECASE,
)
"""A clause that only agrees, and tells nothing."""
_IMPERATIVE: Final = re.compile(
    r"\W*(?:(?:so|then|just|and|now|lalu|kemudian|terus|dan) )?(?:coba|cek|buka|klik|pilih|ketik|isi|scan|tekan|restart|matikan|nyalakan|"
    r"gunakan|pakai|bawa|simpan|tunggu|lihat|hubungi|kunjungi|jangan|ingat|try|check|open|click|tap|choose|select|type|fill|press|turn|"
    r"use|bring|keep|wait|look|see|call|contact|visit|enjoy|feel|let|remember|note|go|make|take|head|show|ask|tell|reply|give|avoid|"
    r"leave|add|put|mix|serve|talk|catch|have|stay)\b",
    re.IGNORECASE,
)
_NO_DEALING: Final = re.compile(
    r"\b(?:full|fully booked|sold out|available|penuh|habis|kosong|tersedia|on leave|cuti|our website|I'll|we'll|I'd|unable|let's|let|"
    r"you wish|you want|you'd|you would|you'll(?!.{0,200}\b(?:today|tonight|tomorrow)\b)|is possible|dibantu|talk to you)\b",
    re.IGNORECASE,
)
"""What is in stock or off duty, offered, promised or not possible."""
_HABIT: Final = re.compile(
    r"\b(?:is|are|gets?) (?:\w+ly )?\w+(?:ed|en|id)\b|\b(?:for|selama) (?:\d+|\w+) (?:years?|tahun)\b|"
    r"\b(?:lasts?|includes?|contains?|comes? (?:to|with)|costs?|takes?|starts? with|qualif\w+|depends?|works?|lebih|saat|ketika|while|"
    r"in your area|berlangsung|termasuk|tergantung|otomatis|automatically|gratis|free|monthly|aman|valid|berlaku)\b|"
    r"\bdi\w{4,} (?:dengan|dari|pakai|menggunakan|oleh|di)\b|"
    r"^\W*(?:there (?:is|are)|(?!\w*[aiuos]s )\w{3,}s (?!(?:has|have|is|was)\b)\w+ )",
    re.IGNORECASE,
)
"""What holds for everyone, unless the clause tells when (`_THIS_TIME`)."""
_THIS_TIME: Final = re.compile(
    r"#?[A-Z]{1,5}-?\d{2,}|\b(?i:now|just|already|today|tonight|tomorrow|this (?:morning|afternoon|evening)|sekarang|tadi|barusan|besok|"
    r"esok|lusa|nanti|(?:pagi|siang|sore|malam|hari) ini|sudah|udah|dah|telah|lagi|sedang|mulai|resmi)\b"
)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a clause says was done.

    Args:
        text: the words from the sign of completion to the predicate.
        predicate: the last of them.
        rest: what follows.
        owned: the clause names this customer, an id, or the agent as the one who did it.
    """

    text: str
    predicate: str
    rest: str
    owned: bool


def asserted(clause: Clause) -> Assertion | None:
    """Find what a clause says was done, is being done or stands for this customer.

    Args:
        clause: in plain letters.

    Returns:
        None where it says nothing of the kind, or leaves it open.
    """
    if (
        clause.asks
        or _RECALLED.search(clause.after)
        or _DEPENDS.search(clause.before + clause.text)
        or TOLD.search(unparted(clause))
    ):
        return None
    written = _TOKEN.findall(clause.text)[:_LONGEST]
    words = [word.lower() for word in written]
    signs = list(_signs(words))
    likely = likelihood(clause) if signs else 0.0
    for start, at in signs:
        predicate = words[at]
        if not (OPEN_BEFORE | _FAILED).isdisjoint(words[:start]):
            return None
        ended = predicate in _NO_MORE and words[start] in _MARKS and start < at
        if (
            ended
            and at + 1 < len(words)
            and likely >= _ENDED
            and _shown(clause, written, words, "") in ("owned", "named")
        ):
            return Assertion(" ".join(written[start : at + 2]), words[at + 1], "", owned=True)
        if predicate in OPEN_BEFORE or (predicate in GENERAL and predicate not in _STANDING | _OWNED):
            continue
        shown = _shown(clause, written, words, predicate)
        talks = _ABOUT_SPEECH.match(predicate) and not _PASSED_ON.match(" ".join(words[at : at + 5]))
        if talks and predicate not in _OWNED and (likely < _CERTAIN or not _PASSIVE.fullmatch(predicate)):
            continue
        if shown != "owned" and predicate in _OF_BUSINESS:
            continue
        if predicate in _PLACES and words[at + 1 : at + 2] == ["our"]:
            continue  # "you're on our website"
        if predicate in _MARKS and clause.after.rstrip().endswith("?"):
            continue
        if likely >= _needed(shown, predicate):
            told = written[start : at + 1] if at > start else written[start : start + 4]
            return Assertion(" ".join(told), predicate, " " + " ".join(written[at + 1 :]), shown == "owned")
        return None
    return None


def presumed(clause: Clause) -> str | None:
    """Find what a clause tells of this customer where nothing was done or looked up, so that nothing of the kind can be known.

    No sign of completion is needed (`Rider's five minutes away`); how likely the clause has to be depends on what it shows of the customer.

    Args:
        clause: in plain letters.

    Returns:
        The clause; None where it leaves open what it says, tells the customer what to do, or is likelier to hold for everyone.
    """
    written = _TOKEN.findall(clause.text)[:_LONGEST]
    words = [word.lower() for word in written]
    if (
        clause.asks
        or sum(word.isalpha() and word not in _SAYS_NOTHING for word in words) < 2
        or not OPEN_BEFORE.isdisjoint(words)
        or not _OF_BUSINESS.isdisjoint(words)
        or any(words[at] in GENERAL - _STANDING - _OWNED - {"ada"} for _, at in _signs(words))
        or _NO_SENTENCE.match(clause.text)
        or _NOD.fullmatch(clause.text)
        or _IMPERATIVE.match(clause.text)
        or _NO_DEALING.search(clause.text)
        or (_HABIT.search(clause.text) and not _THIS_TIME.search(clause.text))
        or _RECALLED.search(clause.after)
        or _DEPENDS.search(clause.before + clause.text)
        or TOLD.search(unparted(clause))
    ):
        return None
    return clause.text if likelihood(clause) >= _PRESUMED[_shown(clause, written, words, "")] else None


def _needed(shown: str, predicate: str) -> float:
    if predicate in _PLACES:
        return max(_NEEDED[shown], _STANDS) if shown != "other" else _NEVER
    return _NEEDED[shown]


def _signs(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where a sign of completion stands in a clause, and where the predicate behind it."""
    for at, word in enumerate(words):
        then = _behind(words, at)
        if _is_done(word) or (word in _HEADS and at < 4 and _DETERMINERS.isdisjoint(words[max(0, at - 1) : at])):
            yield at, at
        elif then >= len(words) or words[then] in ".,!":
            if (_PARTICIPLE.fullmatch(word) and at < 5) or word in _MARKS:
                yield at, at
        elif (predicate := _said_of(words, at, then)) is not None:
            yield at, predicate


def _behind(words: Sequence[str], at: int) -> int:
    """Where the first word behind a sign stands that is no adverb."""
    then = at + 1
    while then < len(words) and (
        words[then] in _ADVERBS or (words[then] in _READY and _PASSIVE.fullmatch(" ".join(words[then + 1 : then + 2])))
    ):
        then += 1
    return then


def _is_done(word: str) -> bool:
    """Whether a word says by itself that something was done: `terdaftar`, `kuganti`."""
    mine = _MINE.fullmatch(word)
    return _RESULT.fullmatch(word) is not None or (mine is not None and bool(deeds_of_verb(mine["verb"])))


def _said_of(words: Sequence[str], at: int, then: int) -> int | None:
    """Where the predicate stands of a sign that has one behind it; `then` is the first word that is no adverb."""
    word, after = words[at], words[at + 1]
    perfect = word in _HAVE or (word.endswith("'s") and after == "been")
    if word in _MARKS or ((perfect or word in _AGENTS) and _is_participle(words[then])):
        return then
    if word in ONGOING and _VERB.fullmatch(after) and (word != "masih" or after.startswith("di")):
        return at + 1
    if word in _BE or word.endswith("'s") or (word == "you" and after == "are"):
        then += words[then] == "are"
        if then >= len(words):
            return None
        stands = words[then] in _STANDING or (word in _PAST_BE and words[at - 1] not in AGENT)
        return then if stands or not _NOW.isdisjoint(words[at:then]) else None
    if word in ("able", "managed") and after == "to" and at + 2 < len(words) and words[at - 1] not in OPEN_BEFORE:
        return at + 2
    if (
        word == "you"
        and after == "have"
        and "following" not in words[at + 2 : at + 4]
        and any(map(is_dealing, words[at + 2 : at + 6]))
    ):
        return at + 1 if _TIME.isdisjoint(words[at + 2 : at + 5]) else None  # "you have 7 days to return it"
    confirms = word in _CONFIRMS and at and words[at - 1] in AGENT | {"kami", "we"}
    told = word in _BARE and after != "you"  # "put it in the fridge" is said to the customer
    moved = at == 0 and _is_participle(word) and after in _OF_THEIRS and not told  # "put you down for Tuesday"
    heads = _PARTICIPLE.fullmatch(word) and at < 5 and after in ":!."
    return at if confirms or moved or heads else None


def _is_participle(word: str) -> bool:
    return word in _IRREGULAR or word == "been" or _PARTICIPLE.fullmatch(word) is not None


def _shown(clause: Clause, written: Sequence[str], words: Sequence[str], predicate: str) -> str:
    """What a clause shows of this customer."""
    owners = not _YOURS.isdisjoint(words)
    if _FOR_ONE.search(clause.text):
        return "owned"
    if words[0] in _STAFF and "kami" in words[:2] and not owners:
        return "other"
    if _SHOP.match(clause.text) or (words and words[0] in OF_EVERYONE and not owners):
        return "owned" if not _YOURS.isdisjoint(words[2:]) else "shop"
    numbered = any(
        _ID.fullmatch(word)
        and not (at and words[at - 1] in OF_EVERYONE | _set("rp rm $ tahun"))
        and not YEAR.fullmatch(word)
        for at, word in enumerate(written)
    )
    agent = not AGENT.isdisjoint(words)
    goes_on = words[0] in _MARKS | ONGOING and not _YOURS.isdisjoint(
        word.lower() for word in _TOKEN.findall(clause.before[-80:])
    )
    if owners or numbered or agent or goes_on:
        return "owned"
    if any(word.endswith("nya") and len(word) > 5 for word in words):
        return "named"
    for at, word in enumerate(words):
        if word in ("we", "we've", "kami"):
            rest = words[at + 1 :]
            return "dealing" if word != "kami" and not _OF_THEIRS.isdisjoint(rest) else "other"
    if any(map(is_dealing, words)):
        return "dealing"
    if "atas nama" in clause.text.lower():
        return "bare"
    if words[0] in _MARKS | ONGOING | _ALL or not _HEADS.isdisjoint(words[:5]) or len(words) < 4:
        return "bare" if deeds_of_verb(predicate) or _PASSIVE.fullmatch(predicate) or predicate in _HEADS else "other"
    return "other"


# Likelihood


def likelihood(clause: Clause) -> float:
    """Estimate how likely a clause tells of a deed or a state for this customer."""
    return regression.estimate(_weights(), _features(clause))


@cache
def _weights() -> Sequence[int]:
    return regression.read_weights(_FILE)


def _kind(word: str, written: str) -> str:
    """What a word is, apart from which one."""
    for kind, words in _KINDS:
        if word in words:
            return kind
    if _ID.fullmatch(written) and not written.isdigit():
        return "=id"
    if word[0].isdigit():
        return "=number"
    if _ABOUT_SPEECH.match(word):
        return "=said"
    if is_dealing(word):
        return "=dealing-nya" if word.endswith("nya") else "=dealing"
    for kind, form in _FORMS:
        if form.fullmatch(word):
            return kind
    if written[0].isupper():
        return "=name"
    return word if len(word) < 4 else "=word"


_KINDS: Final = (
    ("=mark", _MARKS | _set("now just")),
    ("=ongoing", ONGOING | _set("being currently")),
    ("=owner", OWNERS | _set("your you yours")),
    ("=vocative", VOCATIVES | _set("say beb bro")),
    ("=agent", AGENT | _set("we he she they kami kita we've tim")),
    ("=be", _BE | _HAVE | _set("been")),
    (
        "=open",
        OPEN_BEFORE | _set("biasanya usually setiap tiap every each all semua"),
    ),
)
_FORMS: Final = tuple(
    (kind, re.compile(form))
    for kind, form in (
        ("=di", r"di\w{4,}"),
        ("=ter", r"ter\w{4,}|ke(?:cancel|booking|batal|simpan|kirim)\w*"),
        ("=me", r"me\w{4,}|ng\w{4,}"),
        ("=ku", r"ku-?\w{4,}"),
        ("=ed", r"\w{2,}ed|sent|put|made|set|got"),
        ("=ing", r"\w+ing"),
        ("=nya", r"\w+nya"),
        ("=kan", r"\w{4,}(?:kan|in)"),
    )
)


def _features(clause: Clause) -> list[int]:
    """The buckets of a clause: of its words, of their kinds in a row, of both together, of the parts of its words and of what is near."""
    written = _TOKEN.findall(clause.text)[:_LONGEST]
    words = ["=number" if word[0].isdigit() else word.lower() for word in written]
    kinds = ["<", *(_kind(word.lower(), word) for word in written), ">"]
    rows = ["<", *words, ">"]
    grams = {"bias", *(f"has {kind}" for kind in kinds)}
    grams |= {" ".join(kinds[at : at + size]) for size in (1, 2, 3, 4) for at in range(len(kinds) - size + 1)}
    grams |= {"'" + " ".join(rows[at : at + size]) for size in (1, 2) for at in range(len(rows) - size + 1)}
    grams |= {f"{kinds[at]}|{rows[at + 1]}" for at in range(len(rows) - 1)}
    grams |= {f"|{rows[at]} {kinds[at + 1]}" for at in range(len(rows) - 1)}
    named = sorted({kind for kind in kinds if kind[0] == "=" and kind != "=word"})
    grams |= {f"{one}&{other}" for at, one in enumerate(named) for other in named[at + 1 :]}
    for word in words:
        if word[0].isalpha():
            parted = f" {word} "
            grams |= {f"#{parted[at : at + size]}" for size in (4, 5) for at in range(len(parted) - size + 1)}
    grams |= {f"<{word.lower()}" for word in _TOKEN.findall(clause.before[-60:])[-3:]} if clause.before else {"first"}
    for side, near in (("B", _TOKEN.findall(clause.before[-80:])), ("A", _TOKEN.findall(clause.after[:60])[:5])):
        grams |= {f"{side}{word.lower()}" for word in near} | {f"{side}{_kind(word.lower(), word)}" for word in near}
    return regression.buckets(grams | {f"end{clause.text[-1:]}"})


# Learning


def examples(lines: Iterable[str]) -> Iterator[tuple[bool, list[Clause]]]:
    """Read replies as they are stored, `claim` or `true`, what was done before, and the reply: those that tell of something, and those
    that tell of nothing although nothing was done before."""
    for line in lines:
        if not line.startswith(("claim\t", "true\t")):
            continue
        verdict, before, reply = line.split("\t", 2)
        found = list(clauses(joined(plain(reply))))
        if found and (verdict == "claim" or not before.rpartition(":")[2]):
            yield verdict == "claim", found


def learn(replies: Iterable[tuple[bool, Sequence[Clause]]]) -> "array[int]":
    """Learn the weights from replies. Which clause of a reply is the claim is learnt, too: the likeliest one."""
    stored = [(told, [_features(clause) for clause in parts]) for told, parts in replies]
    rows: list[tuple[Sequence[int], bool]] = [(part, told) for told, parts in stored for part in parts]
    weights: Sequence[int] = ()
    for _ in range(3):
        weights = regression.learn(rows, rounds=20)
        rows = [row for told, parts in stored for row in _judged(told, parts, weights)]
    return regression.learn(rows, rounds=20)


def _judged(told: bool, parts: Sequence[Sequence[int]], weights: Sequence[int]) -> Iterator[tuple[Sequence[int], bool]]:
    likely = [regression.estimate(weights, part) for part in parts]
    for part, chance in zip(parts, likely, strict=True):
        if not told or chance < 0.3 or chance == max(likely) or chance > 0.7:  # the rest is left open
            yield part, told and (chance == max(likely) or chance > 0.7)


if __name__ == "__main__":
    replies = [one for name in sorted(sys.argv[1:]) for one in examples(Path(name).read_text("utf-8").splitlines())]
    _FILE.write_bytes(learn(replies).tobytes())
    sys.stdout.write(f"{_FILE.name}: learnt from {len(replies)} replies\n")
