"""Reading a tool's arguments off what a customer wrote: by the type, pattern, format and enumeration of each parameter.

Nothing is guessed. What cannot be read is missing, and is asked for.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from actions.qris import Ambiguous, Amount, find_amount
from language import lexicon
from language.dates import day_named, exact_moment, moment_named, time_named
from language.numbers import as_digits, digits, every_vocabulary
from language.values import pieces
from settings.matching import TooCostly, bounded, fullmatch, matches_in, search

Value: TypeAlias = str | int | float | bool | list[Any]
Schema: TypeAlias = Mapping[str, Any]

_MONEY = frozenset("amount rupiah nominal price harga total idr uang bayar pembayaran payment biaya".split())
_FREE = frozenset(
    "reason alasan summary ringkasan message pesan note catatan text teks question pertanyaan topic topik query keluhan complaint comment "
    "komentar description keterangan details detail request permintaan subject perihal".split()
)
_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_LITERAL_HEAD = re.compile(r"^\^?([A-Za-z]{1,10}[-_/ ]?)(?=[\[\\(])")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")
_URL = re.compile(r"https?://[^\s<>\"]+")
_PHONE = re.compile(r"(?<![\w-])\+?\d[\d\s().-]{7,16}\d(?![\w-])")
_QUOTED = re.compile(r"[\"“”'‘’«]([^\"“”'‘’«»]{1,200})[\"“”'‘’»]")
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:[.,]\d+)?(?![\w-])")
_NUMBERED = re.compile(r"\b(?:id|number|nomor|kode|code|reference|invoice|resi)\b", re.IGNORECASE)
_CODE = re.compile(r"(?<![\w-])[A-Z]{1,8}[-/]?(?:[A-Z0-9]+[-/])*\d{3,}(?![\w-])")
_DIGITS = re.compile(r"\\d|0-9")
_SEPARATORS = ("", "-", "_", "/", " ", ".")


@cache
def numerals() -> frozenset[str]:
    """List the words of numbers: they are values, not subjects."""
    return every_vocabulary().numerals | {"rupiah"}


def values_named(name: str, schema: Schema, text: str, now: datetime | None = None) -> list[Value]:
    """Read everything in a text that a parameter could be, in the order it stands there; `[]` when nothing is.

    Args:
        name: of the parameter; it tells an amount of money from a count.
        schema: its JSON Schema.
        now: the customer's local time, for "besok"; without it relative dates are not read.
    """
    kind = _kind(schema)
    if "enum" in schema:
        return _enumerated(schema["enum"], text)
    if kind in ("integer", "number"):
        found = _amounts(text) if is_money(name, schema) else _numbers(text, kind)
        return [value for value in found if _in_range(value, schema)]
    if kind == "array":
        items = values_named(name, schema.get("items") or {}, text, now)
        return [items] if items else []
    if kind == "boolean":
        return []
    if kind == "string":
        return [value for value in _strings(name, schema, text, now) if _fits(value, schema)]
    return []


def is_money(name: str, schema: Schema) -> bool:
    """Tell whether a number is an amount of rupiah, by its name and description."""
    spoken = f"{name.replace('_', ' ')} {schema.get('description', '')}"
    return not _MONEY.isdisjoint(lexicon.words(spoken))


def is_free(name: str, schema: Schema) -> bool:
    """Tell whether the customer's message itself is the value: a reason, a note, a question."""
    if _kind(schema) != "string" or schema.get("pattern") or schema.get("enum") or schema.get("format"):
        return False
    return not _FREE.isdisjoint(lexicon.words(name.replace("_", " ")))


def is_plain(schema: Schema) -> bool:
    """Tell whether any text would do, so that only an answer to the question for it can be taken."""
    return _kind(schema) == "string" and not (schema.get("pattern") or schema.get("enum") or schema.get("format"))


def is_ambiguous(name: str, schema: Schema, text: str) -> bool:
    """Tell whether an amount can be read in several ways, or is likely meant otherwise ("bayar 50")."""
    if _kind(schema) not in ("integer", "number") or not is_money(name, schema):
        return False
    amount = find_amount(text)
    return isinstance(amount, Ambiguous) or (isinstance(amount, Amount) and amount.confirm)


def _kind(schema: Schema) -> str:
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        return next((each for each in kind if each != "null"), "string")
    if "anyOf" in schema:
        return next((_kind(each) for each in schema["anyOf"] if each.get("type") != "null"), "string")
    return str(kind)


def _in_range(value: Value, schema: Schema) -> bool:
    number = float(value)  # type: ignore[arg-type]
    return bool(schema.get("minimum", number) <= number <= schema.get("maximum", number))


def _fits(value: str, schema: Schema) -> bool:
    pattern = schema.get("pattern")
    if pattern and not search(pattern, value):
        return False
    return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))


def _enumerated(options: Sequence[Any], text: str) -> list[Value]:
    """Options that are named in full; of options that contain each other the longest."""
    said = f" {' '.join(lexicon.words(text))} "
    vocabulary = lexicon.vocabulary(text)
    named = []
    for option in options:
        spelled = " ".join(lexicon.words(_as_named(str(option))))
        if spelled and (f" {spelled} " in said or _all_named(spelled, vocabulary)):
            named.append((option, spelled))
    return [option for option, spelled in named if not any(spelled != other and spelled in other for _, other in named)]


def _as_named(option: str) -> str:
    """How a customer would name an option: a file without its folder and suffix."""
    name = PurePosixPath(option).stem.replace("-", " ") if "/" in option else option
    return name.replace("_", " ")


def _all_named(spelled: str, vocabulary: lexicon.Vocabulary) -> bool:
    subject = [word for word in spelled.split() if word in lexicon.content(word)]
    return bool(subject) and all(vocabulary.has(word) for word in subject)


def _amounts(text: str) -> list[Value]:
    amount = find_amount(text)
    return [int(amount)] if isinstance(amount, Amount) and not amount.confirm else []


def _numbers(text: str, kind: str) -> list[Value]:
    found: list[Value] = []
    for match in _NUMBER.findall(text):
        number = float(match.replace(",", "."))
        if kind == "integer" and number.is_integer():
            found.append(int(number))
        elif kind == "number":
            found.append(number)
    return found or [digits()[word] for word in lexicon.words(text) if word in digits() and word != "oh"]


def _strings(name: str, schema: Schema, text: str, now: datetime | None) -> Iterable[str]:
    form = schema.get("format")
    if form in ("date", "date-time", "time"):
        return _moments(form, text, now)
    if name == "when":  # told in the customer's own words
        said = now is not None and moment_named(text, now.replace(tzinfo=UTC), UTC) is not None
        return [" ".join(text.split())[-schema.get("maxLength", 200) :]] if said else []
    if form == "email" or (form is None and "email" in name):
        return _EMAIL.findall(text)
    if form in ("uri", "url"):
        return _URL.findall(text)
    if schema.get("pattern"):
        return _patterned(schema["pattern"], text)
    if re.search(r"phone|telepon|nomor_hp|\bhp\b|whatsapp", name):
        return [re.sub(r"[^\d+]", "", match) for match in _PHONE.findall(text)]
    if _NUMBERED.search(f"{name.replace('_', ' ')} {schema.get('description', '')}"):
        return _CODE.findall(unicodedata.normalize("NFKC", text))
    return _labelled(name, schema, text) or _QUOTED.findall(text)


@lru_cache(maxsize=1_000)
def _patterned(pattern: str, text: str) -> tuple[str, ...]:
    """Values that match, written exactly, in other case or spacing, or spoken digit by digit."""
    plain = unicodedata.normalize("NFKC", text)
    core = pattern.removeprefix("^").removesuffix("$")
    try:
        with bounded():
            alone = rf"(?<![A-Za-z0-9])(?:{core})(?![A-Za-z0-9])"
            if exact := [match[0] for match in matches_in(alone, plain) if match[0]]:
                return tuple(dict.fromkeys(exact))
            said = as_digits(pieces(plain))
            if _DIGITS.search(pattern) and not any(token.isdigit() for token in said):
                return ()
            return tuple(dict.fromkeys(_joined(pattern, said)))
    except TooCostly:
        return ()


def bare(schema: Schema, text: str) -> str | None:
    """Complete a number that was written without its letters: `10234` is `KS-10234`.

    Only in answer to a question, or beside its verb; `None` when the text holds no such number or several.
    """
    pattern = str(schema.get("pattern", ""))
    head = _LITERAL_HEAD.match(pattern)
    if head is None or find_amount(text) is not None:
        return None
    said = as_digits(pieces(text))
    numbers = [token for token in said if token.isdigit()]
    whole = "".join(numbers)
    candidates = [*numbers, whole] if len(numbers) == len(said) else numbers
    fitting = [head[1] + number for number in candidates if search(pattern, head[1] + number)]
    return fitting[0] if len(set(fitting)) == 1 else None


def _joined(pattern: str, said: Sequence[str]) -> list[str]:
    """Runs of tokens that make a match when they are written together: `["ks", "10", "234"]` → `KS-10234`."""
    found: list[str] = []
    start = 0
    while start < len(said):
        for end in range(min(len(said), start + 12), start, -1):
            match = _spelling(pattern, said[start:end])
            if match is not None:
                found.append(match)
                start = end
                break
        else:
            start += 1
    return found


def _spelling(pattern: str, run: Sequence[str]) -> str | None:
    parts: list[str] = []
    for token in run:  # letters with letters, digits with digits
        if parts and parts[-1].isdigit() == token.isdigit():
            parts[-1] += token
        else:
            parts.append(token)
    for separator in _SEPARATORS if len(parts) > 1 else ("",):
        joined = separator.join(parts)
        for spelling in (joined, joined.upper()):
            if fullmatch(pattern, spelling):
                return spelling
    return None


def _labelled(name: str, schema: Schema, text: str) -> list[str]:
    """`nama saya Rina` → `Rina`, for a parameter that is called or described by `nama`."""
    labels = [*lexicon.words(name.replace("_", " ")), *lexicon.content(schema.get("description") or "")]
    known = sorted({label for word in labels for label in lexicon.forms(word) if len(label) >= 4})
    if not known:
        return []
    label = "|".join(map(re.escape, known))
    match = re.search(
        rf"\b(?:{label})(?:\s+(?:saya|aku|ku|nya|my|adalah|is|ialah|penerima|lengkap)|nya|\s*[:=])+\s*[:=]?\s*(?P<value>[^\n,.;!?]+)",
        text,
        re.IGNORECASE,
    )
    return [match["value"].strip()] if match else []


def _moments(form: str, text: str, now: datetime | None) -> list[str]:
    """A day, a time or both as ISO 8601; what depends on today is read only where `now` is known."""
    if form == "time":
        clock = time_named(text)
        return [clock.strftime("%H:%M")] if clock else []
    if now is None:
        written = _ISO.search(text)
        return [written[0]] if written and form == "date" else []
    if form == "date":
        day = day_named(text, now.date())
        return [day.isoformat()] if day else []
    moment = exact_moment(text, now.replace(tzinfo=UTC), UTC)
    return [moment.strftime("%Y-%m-%dT%H:%M")] if moment else []
