"""pydantic's error types in plain words."""

import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic_core.core_schema import ErrorType

_LONGEST = 60
_PYDANTIC = set(get_args(ErrorType))

_EXPECTED = {
    "string": "text",
    "text_by_language": "text, or a text for each language such as {id: …, en: …}",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping of keys and values",
    "mapping": "a mapping of keys and values",
    "model": "a mapping of keys and values",
    "dataclass": "a mapping of keys and values",
    "date": "a date such as 2026-12-31",
    "datetime": "a date and time such as 2026-12-31T08:00:00",
    "time": "a time such as 08:00",
    "byte_size": "a size such as 16MB",
    "path": "a path",
    "url": "a web address such as https://example.com",
    "none_required": "null",
    "uuid": "a UUID",
    "regex": "a regular expression",
}
_ENDINGS = re.compile(
    r"^(?P<kind>[a-z_]+?)_(type|parsing|from_float|attributes_type|exact_type|from_datetime_parsing|from_datetime_inexact"
    r"|scheme|syntax_violation|unit)$"
)


def expectation(error: Mapping[str, Any]) -> str | None:
    """What would have been right, for errors of the kind of value: `a whole number`. `None` for other errors."""
    kind = str(error["type"])
    if kind in {"literal_error", "enum"}:
        return _one_of(known_words(error))
    if kind == "url_scheme":
        return f"a web address that begins with {_one_of([f'{s}://' for s in _quoted(error, 'expected_schemes')], bare=True)}"
    if found := _ENDINGS.match(kind):
        kind = found["kind"]
    return _EXPECTED.get(kind)


def is_worded(error: Mapping[str, Any]) -> bool:
    """Whether a validator of ours raised it: then its message is complete as it is."""
    kind = str(error["type"])
    return kind == "value_error" or (kind not in _PYDANTIC and expectation(error) is None)


def known_words(error: Mapping[str, Any]) -> list[str]:
    """The words that a choice allows."""
    return _quoted(error, "expected") if error["type"] in {"literal_error", "enum"} else _quoted(error, "expected_tags")


def violation(error: Mapping[str, Any], shown: str) -> str:
    """What is wrong with a value of the right kind."""
    context = error.get("ctx") or {}
    kind = str(error["type"])
    match kind:
        case "greater_than_equal":
            return f"must be at least {_number(context['ge'])}, found {shown}"
        case "greater_than":
            return f"must be more than {_number(context['gt'])}, found {shown}"
        case "less_than_equal":
            return f"must be at most {_number(context['le'])}, found {shown}"
        case "less_than":
            return f"must be less than {_number(context['lt'])}, found {shown}"
        case "multiple_of":
            return f"must be a multiple of {_number(context['multiple_of'])}, found {shown}"
        case "finite_number":
            return f"must be a finite number, found {shown}"
        case "string_too_short":
            least = context["min_length"]
            return "must not be empty" if least == 1 else f"must have at least {least} characters, found {shown}"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters, found {len(str(error['input']))}"
        case "too_short":
            least = context["min_length"]
            return (
                "must not be empty"
                if least == 1
                else f"needs at least {least} entries, found {context['actual_length']}"
            )
        case "too_long":
            return f"may have at most {context['max_length']} entries, found {context['actual_length']}"
        case "string_pattern_mismatch":
            return f"must be {_form(str(context['pattern']))}, found {shown}"
        case "union_tag_invalid":
            return f"must be {_one_of(known_words(error))}, found {shown_tag(context)}"
        case "union_tag_not_found":
            return f"needs the key {context.get('discriminator', '')}"
        case _:
            return f"{_lower(str(error['msg']))}; found {shown}"


def found(value: object) -> str:
    """A value as the reader of the file would name it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, Mapping):
        return "a mapping of keys and values" if value else "an empty mapping"
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…")
    return str(value)


def shown_tag(context: Mapping[str, Any]) -> str:
    return repr(context.get("tag", ""))


def _quoted(error: Mapping[str, Any], name: str) -> list[str]:
    return re.findall(r"'([^']*)'", str((error.get("ctx") or {}).get(name, "")))


def _one_of(words: list[str], *, bare: bool = False) -> str:
    if len(words) < 2 or bare:
        return " or ".join(words)
    return f"one of {', '.join(words[:-1])} or {words[-1]}"


_FORMS = {
    "^https?://": "a web address that begins with http:// or https://",
    "^(auto|[a-z]{2,3}(-[A-Z]{2})?)$": "auto or a language code such as id, en or ms",
    "^[a-z]{2,3}(-[A-Z]{2})?$": "a language code such as id, en or ms",
    "^[A-Za-z_][A-Za-z0-9_-]{0,63}$": "a name of letters, digits, _ and - (at most 64, no digit first)",
}


def _form(pattern: str) -> str:
    return _FORMS.get(pattern, f"of the form {pattern}")


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
