"""Where the values of a call come from: bound by the runtime, said by the customer, or found by an earlier action.

An order number that the model made up looks like any other; only its absence from the conversation tells them apart.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import islice
from typing import Any

from pydantic import SecretStr

from actions.action import Context, Json
from actions.parameters import Parameter, Schema, Source
from actions.template import texts_in
from language.dates import days_in, moments_in, time_named, without_times
from language.numbers import numbers
from language.regions import is_code, names_region
from language.values import as_phone, contains, phones, squash


def bound_values(parameters: Mapping[str, Parameter], context: Context) -> tuple[dict[str, Json], list[str]]:
    """Look up the values that the runtime sets.

    Returns:
        The values by name, and the names of needed parameters for which the contact holds nothing.
    """
    values: dict[str, Json] = {}
    missing: list[str] = []
    for name, parameter in parameters.items():
        if not parameter.bound:
            continue
        value = next(
            (found for source in parameter.source if (found := _bound(source, parameter, context)) is not None), None
        )
        if value is not None:
            values[name] = value
        elif parameter.needed:
            missing.append(name)
        elif "default" in parameter.model_fields_set:
            values[name] = parameter.default
    return values, missing


def _bound(source: Source, parameter: Parameter, context: Context) -> Any:
    if source.kind == "contact":
        fact, _, custom = source.name.partition(".")
        value = (context.contact.get("custom") or {}).get(custom) if custom else context.contact.get(fact)
        return value if value != "" else None
    value = parameter.value
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def unsupported(
    value: Json, schema: Schema, sources: Sequence[Source], context: Context, timezone: tzinfo = UTC
) -> str | int | float | None:
    """Find the first part of `value` that none of its sources produced; `None` when all of it has its provenance.

    Members and items may have sources of their own. Enumerations, constants and booleans need none: the model can only choose among
    what agent.yaml lists.

    Args:
        sources: those of the whole value, for parts without their own.
        timezone: of the business, in which customers mean dates and times.
    """
    lacking = without_source(value, schema, sources, context, timezone)
    return None if lacking is None else lacking.value


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text or number within a value.

    Attributes:
        value: the text or number.
        schema: its schema, where it has one.
        sources: where it may come from.
        path: the members that lead to it, `.name` each; items add nothing.
    """

    value: str | int | float
    schema: Schema | None
    sources: tuple[Source, ...]
    path: str = ""


def without_source(
    value: Json, schema: Schema, sources: Sequence[Source], context: Context, timezone: tzinfo = UTC
) -> Leaf | None:
    """Find the first leaf of `value` that none of its sources produced. As `unsupported`, with its path and sources."""
    for leaf in _leaves(value, schema, tuple(sources)):
        if not any(source.kind == "model" for source in leaf.sources) and not _supported(leaf, context, timezone):
            return leaf
    return None


def _leaves(value: Json, schema: Schema | None, sources: tuple[Source, ...], path: str = "") -> Iterator[Leaf]:
    if schema is not None:
        if schema.enum is not None or "const" in schema.model_fields_set:
            return
        if not isinstance(schema, Parameter) and schema.source is not None:
            sources = schema.source
        for one in (*(schema.any_of or ()), *(schema.one_of or ())):
            if isinstance(value, str) and (value in (one.enum or ()) or one.const == value):
                return
    if isinstance(value, bool) or value is None or value == "":
        return
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item, _items(schema), sources, path)
    elif isinstance(value, dict):
        properties = _properties(schema)
        for key, item in value.items():
            yield from _leaves(item, properties.get(key), sources, f"{path}.{key}")
            if key not in properties:
                yield Leaf(key, None, sources, path)  # a name that agent.yaml does not list is the model's own word
    else:
        yield Leaf(value, schema, sources, path)


def _alternatives(schema: Schema | None) -> Iterator[Schema]:
    if schema is not None:
        yield schema
        for one in (*(schema.any_of or ()), *(schema.one_of or ())):
            yield from _alternatives(one)


def _items(schema: Schema | None) -> Schema | None:
    return next((one.items for one in _alternatives(schema) if one.items is not None), None)


def _properties(schema: Schema | None) -> dict[str, Schema]:
    return {name: member for one in _alternatives(schema) for name, member in (one.properties or {}).items()}


def _supported(leaf: Leaf, context: Context, timezone: tzinfo) -> bool:
    if any(_supports(source, leaf.value, leaf.schema, context, timezone) for source in leaf.sources):
        return True
    if not isinstance(leaf.value, str):
        return False
    if any(source.kind == "conversation" for source in leaf.sources) and _is_counted(leaf.value, context, timezone):
        return True
    return _is_composed(
        leaf.value, lambda part: any(_supports(source, part, None, context, timezone) for source in leaf.sources)
    )


def _supports(
    source: Source, leaf: str | int | float, schema: Schema | None, context: Context, timezone: tzinfo
) -> bool:
    if source.kind == "conversation":
        return said(leaf, context, schema, timezone)
    if source.kind == "action":
        return any(found(leaf, result) for result in context.results.get(source.name, ()))
    return False


_MOST_PARTS = 3
_LONGEST_DATED = 200
"""Letters of a text that may be a date."""

_MOST_DATES = 200
"""How many dated texts of results are read as dates: each takes a tenth of a millisecond."""
_DATED = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{2}|\b\d{1,2}(?:st|nd|rd|th)?,? \w{3}|\b\w{3,}+ \d{1,2}\b"
)


def _is_composed(leaf: str, supported: Callable[[str], bool]) -> bool:
    """Whether a text is put together from at most three parts, each of which has a source: "445" and "Maple Drive".

    One of the parts must be several words long: single words stand in any conversation, in any order.
    """
    words = leaf.split()
    if len(words) < 3 or len(words) > 30:
        return False
    start, parts, longest = 0, 0, 0
    while start < len(words):
        end = next((end for end in range(len(words), start, -1) if supported(" ".join(words[start:end]))), None)
        if end is None:
            return False
        start, parts, longest = end, parts + 1, max(longest, end - start)
    return parts <= _MOST_PARTS and longest >= 2


_SOME_LATER = re.compile(
    r"(?P<count>(?<!\d)\d++|\b\w++)\s++(?P<unit>hari|malam|minggu|pekan|days?|nights?|weeks?)\b", re.IGNORECASE
)
_ONE_LATER = re.compile(
    r"\b(?:keesokan(?:nya)?|besoknya|esoknya|lusanya|hari berikutnya|next day|day after|day before|day earlier|day later|sehari|semalam|"
    r"seminggu|sepekan|a day|a night|a week|overnight|following day|previous day|week later|week earlier)\b",
    re.IGNORECASE,
)


def _is_counted(leaf: str, context: Context, timezone: tzinfo) -> bool:
    """Whether a date is one that was said or found, and as many days from it as the customer said: "two nights from the 3rd"."""
    days = _whole_days(leaf, context, timezone)
    if not days:
        return False
    offsets = {offset for text in own_words(context) for offset in _offsets(text)}
    if not offsets:
        return False
    found_texts = (text for text in texts_in(context.results) if len(text) <= _LONGEST_DATED and _DATED.search(text))
    texts = [*own_words(context), *islice(found_texts, _MOST_DATES)]
    known = {day for text in texts for day in _days(text, context.now, timezone)}
    return any(day - base in offsets or base - day in offsets for day in days for base in known)


def _offsets(text: str) -> Iterator[timedelta]:
    for match in _ONE_LATER.finditer(text):
        week = re.search("week|minggu|pekan", match[0], re.IGNORECASE)
        yield timedelta(days=7 if week else 2 if "lusa" in match[0].lower() else 1)
    for match in _SOME_LATER.finditer(text):
        weeks = match["unit"].lower().startswith(("week", "minggu", "pekan"))
        yield from (timedelta(days=int(n) * (7 if weeks else 1)) for n in numbers(match["count"]) if 0 < n <= 366)


_REST_IS_QUOTED = re.compile(
    r"^\s*(?:On\b.{5,160}\bwrote:|Pada\b.{5,160}\b(?:menulis|wrote):|-{2,} ?(?:original|forwarded|pesan asli|pesan diteruskan).*|_{8,}\s*$|"
    r"(?:from|dari)\s*:\s.+@.*)",
    re.IGNORECASE,
)
_CAPTION = re.compile(r"^\[(?:image|video|audio|file|document|sticker|location|contact)\b.*\]$")


def own_words(context: Context) -> tuple[str, ...]:
    """The customer's own new words: what they typed or spoke, and what they tapped from a list that a result filled.

    Not theirs are lines that an e-mail or a reply quotes, names of files, and taps on choices that the model made.
    """
    offered = {squash(reply) for text in _offered(context) for reply in text}
    return tuple(
        words
        for text in context.said
        if (words := without_quotes(text)) and (squash(words) not in offered or _in_a_list(words, context))
    )


def without_quotes(text: str) -> str:
    """Leave out what a message quotes, and the captions that stand for its attachments."""
    kept: list[str] = []
    for line in text.split("\n"):
        if _REST_IS_QUOTED.match(line):
            break
        if not line.lstrip().startswith((">", "|>")) and not _CAPTION.match(line.strip()):
            kept.append(line)
    return "\n".join(kept).strip()


OFFERED = "offered_replies"
"""The member of an outcome's data under which an action names the choices that the model offered."""


def _offered(context: Context) -> Iterator[list[str]]:
    for results in context.results.values():
        for result in results:
            if isinstance(result, dict) and isinstance(replies := result.get(OFFERED), list):
                yield [reply for reply in replies if isinstance(reply, str)]


def _in_a_list(words: str, context: Context) -> bool:
    """Whether a result other than the offer itself holds what was tapped."""
    return any(
        found(words, result)
        for results in context.results.values()
        for result in results
        if not (isinstance(result, dict) and OFFERED in result)
    )


def said(leaf: str | int | float, context: Context, schema: Schema | None = None, timezone: tzinfo = UTC) -> bool:
    """Tell whether the customer wrote or said a value, in one message or across neighbouring ones.

    Args:
        schema: of the value; its format and pattern say as what it is looked for.
        timezone: of the business, in which customers mean dates and times.
    """
    texts = own_words(context)
    if isinstance(leaf, int | float):
        return any(Decimal(str(leaf)) in numbers(text) for text in texts)
    joined = "\n".join(texts)
    if is_code(leaf):
        return names_region(joined, leaf)
    rest = _without_prefix(leaf, schema.pattern) if schema is not None and schema.pattern else None
    if contains(joined, leaf) or (rest is not None and contains(joined, rest)):
        return True
    kind = schema.format if schema is not None and schema.format else _shape(leaf)
    if kind in ("date", "date-time", "time"):
        return _names_the_time(leaf, kind, texts, context, timezone)
    if (days := _whole_days(leaf, context, timezone)) and any(
        days & _days(text, context.now, timezone) for text in texts
    ):
        return True
    if (number := as_phone(leaf, _region(context))) is not None and number in phones(joined, _region(context)):
        return True
    if names_region(joined, leaf):
        return True
    return _is_number(leaf, texts)


def _is_number(leaf: str, texts: Sequence[str]) -> bool:
    """Whether a text that is nothing but a number was named: `75.000` and `75rb` are one."""
    if not re.fullmatch(r"\d+([.,]\d+)*", leaf):
        return False
    values = {Decimal(leaf.replace(",", "."))} if leaf.count(".") + leaf.count(",") <= 1 else set()
    values |= set(numbers(leaf)) if re.fullmatch(r"\d{1,3}([.,]\d{3})+", leaf) else set()
    return any(values & set(numbers(text)) for text in texts)


_SPELLINGS = (
    (re.compile(r"\b(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}\S*"), r"\1"),
    (re.compile(r"\b(\d{4})[/.](\d{1,2})[/.](\d{1,2})\b"), r"\1-\2-\3"),
    (re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b"), r"\1/\2/\3"),
    (re.compile(r"(?<=\d)-(?=[A-Za-z]{3})|(?<=[A-Za-z]{3})-(?=\d{4}\b)"), " "),
)
_MONTH_FIRST = re.compile(r"\b(\d{1,2})[/-](\d{1,2})[/-](\d{4})\b")


@lru_cache(maxsize=2048)
def _days(text: str, now: datetime, timezone: tzinfo) -> frozenset[date]:
    """Every day that a text may mean, in any written form; `04/12/2001` is the fourth of December and the twelfth of April."""
    for pattern, plain in _SPELLINGS:
        text = pattern.sub(plain, text)
    found = days_in(text, now, timezone)
    for match in _MONTH_FIRST.finditer(text):
        with contextlib.suppress(ValueError):
            found.add(date(int(match[3]), int(match[1]), int(match[2])))
    return frozenset(found)


def _whole_days(leaf: str, context: Context, timezone: tzinfo) -> frozenset[date]:
    """The day that a text means which is nothing but a date with its day and month: `April 12th, 2001`, `2026-05-26`."""
    if not _is_a_date(leaf):
        return frozenset()
    return _days(leaf, context.now, timezone)


def _shape(leaf: str) -> str | None:
    """A day or an hour in the spelling of ISO 8601: a custom field of that type takes no other, and customers write none."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", leaf):
        return "date"
    return "time" if re.fullmatch(r"\d{2}:\d{2}", leaf) else None


def _names_the_time(leaf: str, kind: str, texts: Sequence[str], context: Context, timezone: tzinfo) -> bool:
    """Whether a phrase such as "besok jam 9" means the time that the model wrote as ISO 8601."""
    try:
        if kind == "date":
            day = date.fromisoformat(leaf)
            return any(day in _days(text, context.now, timezone) for text in texts)
        moments = {moment for text in texts for moment in moments_in(text, context.now, timezone)}
        if kind == "time":
            at = time.fromisoformat(leaf).replace(tzinfo=None)
            return any(moment.astimezone(timezone).time() == at for moment in moments)
        wanted = datetime.fromisoformat(leaf)
    except ValueError:
        return False
    return (wanted if wanted.tzinfo else wanted.replace(tzinfo=timezone)) in moments


def _region(context: Context) -> str:
    """The country whose numbers are written without its code."""
    country = context.contact.get("country")
    return str(country).upper() if country else {"ms": "MY"}.get(context.language, "ID")


def _without_prefix(value: str, pattern: str) -> str | None:
    """`KS-10345` without the letters that its pattern fixes (`^KS-[0-9]{5}$`): customers leave them out."""
    match = re.match(r"\^((?:[A-Za-z0-9 /_:#-]|\\[-./])+)(?=[\[\\(])", pattern)
    if not match:
        return None
    prefix = match[1].replace("\\", "")
    rest = value[len(prefix) :]
    return rest if value.startswith(prefix) and len(squash(rest)) >= 3 else None


def found(leaf: str | int | float, result: Json) -> bool:
    """Tell whether a value stands in the result of an action: as a value, as words within a text, or as a key of a map.

    Dates, numbers, countries and states count in any spelling. Of the keys only those count that name a record, not its fields.
    """
    if isinstance(result, dict):
        return any(found(leaf, item) for item in result.values()) or _is_key(leaf, result)
    if isinstance(result, list):
        return any(found(leaf, item) for item in result)
    if isinstance(result, bool) or result is None:
        return False
    if isinstance(result, int | float):
        return _same_number(leaf, result)
    if isinstance(leaf, bool):
        return False
    if isinstance(leaf, int | float):
        return _names_number(result, leaf)
    if is_code(leaf):
        return names_region(result, leaf)
    return contains(result, leaf) or _same_day(leaf, result) or names_region(result, leaf)


def _names_number(text: str, value: int | float) -> bool:
    """Whether a number stands in a text by itself: 75 is not in `75.000`."""
    alone = rf"(?<![\w.,])0*{re.escape(f'{value:g}' if isinstance(value, float) else str(value))}(?:[.,]0{{1,2}})?(?![\w]|[.,]\d)"
    if re.search(alone, text) is not None:
        return True
    grouped = re.search(rf"(?<!\d){value}[.,]000(?!\d)", text) is not None
    return len(text) <= 60 and not grouped and Decimal(str(value)) in numbers(text)


def _is_key(leaf: str | int | float, result: Mapping[str, Json]) -> bool:
    members = [frozenset(item) if isinstance(item, dict) else None for item in result.values()]
    records = len(members) > 1 and None not in members and len(set(members)) == 1
    return any(squash(key) == squash(str(leaf)) for key in result if records or any(letter.isdigit() for letter in key))


def _same_number(leaf: str | int | float, result: int | float) -> bool:
    if str(leaf) == str(result):
        return True
    try:
        return Decimal(str(leaf)) == Decimal(str(result))
    except InvalidOperation:
        return False


def _is_a_date(text: str) -> bool:
    """Whether a text is nothing but a date: no time of day, and nothing beside it."""
    if (
        len(text) > 40
        or not re.search(r"\d.{0,40}[A-Za-z]{3}|[A-Za-z]{3}.{0,40}\d|\d{4}|\d[/-]\d", text)
        or time_named(text) is not None
    ):
        return False
    for pattern, plain in _SPELLINGS:
        text = pattern.sub(plain, text)
    rest = without_times(_MONTH_FIRST.sub(" ", text))
    return not re.search(r"\w", re.sub(r"\b(?:the|of|on|tanggal|tgl|pada)\b", "", rest, flags=re.IGNORECASE))


def _same_day(leaf: str, result: str) -> bool:
    """Whether both are dates with their year, of the same day."""
    if len(result) > 200 or not re.search(r"\b\d{4}\b", leaf) or not _is_a_date(leaf):
        return False
    then = datetime(2000, 1, 1, tzinfo=UTC)
    mine = {day for day in _days(leaf, then, UTC) if str(day.year) in result}
    return bool(mine & _days(result, then, UTC)) if mine else False
