"""pydantic's error types in plain words."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_args

from pydantic import BaseModel, ByteSize, ValidationError
from pydantic_core.core_schema import ErrorType

from agent.config.document import Document, Path, Problem
from agent.config.schema import field_at, is_secret, keys_of, model_for
from agent.config.syntax import CURLY, Mark, lost_text, odd_character
from settings import Rate, format_duration

_LONGEST = 60
_CODE = 6  # digits
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


_MOST_KEYS = 20
_KEY = "[key]"  # pydantic's label for an error of a mapping's key
_SECTIONS = {"model_type", "model_attributes_type", "dict_type", "mapping_type", "list_type", "tuple_type"}


def empty_sections(error: ValidationError, document: Document) -> list[Path]:
    """The keys that have nothing behind them where a part or a list is expected: they count as not written."""
    return [
        path
        for each in error.errors(include_url=False)
        if each["type"] in _SECTIONS and each["input"] is None and (path := _locate(each, document.value).path)
    ]


def problems_of(error: ValidationError, document: Document, root: type[BaseModel]) -> list[Problem]:
    """One problem for each thing that is wrong, none for what the document itself has reported."""
    tree = _Branch()
    for each in error.errors(include_url=False):
        place = _locate(each, document.value)
        tree.add(place.steps, _Found(place.path, place.key_is_meant, each))
    sentences = _Sentences(document, root)
    problems = [sentences.problem(group) for group in _groups(tree) if not _reported(group[0].path, document)]
    return list(dict.fromkeys(problems))


def _reported(path: Path, document: Document) -> bool:
    return any(path[: len(wrong)] == wrong for wrong in document.wrong)


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    steps: tuple[tuple[str, str | int], ...]
    key_is_meant: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """One error of pydantic, with its path in the document."""

    path: Path
    key_is_meant: bool
    error: Mapping[str, Any]

    @property
    def type(self) -> str:
        return str(self.error["type"])


def _locate(error: Mapping[str, Any], value: Any) -> _Place:
    """The path that an error's location means; `steps` also has the labels of union branches (`as`)."""
    location: Sequence[str | int] = error["loc"]
    path: list[str | int] = []
    steps: list[tuple[str, str | int]] = []
    key_is_meant = False
    for number, token in enumerate(location):
        if isinstance(value, dict) and str(token) in value:
            path.append(str(token))
            value = value[str(token)]
        elif isinstance(value, list) and isinstance(token, int) and token < len(value):
            path.append(token)
            value = value[token]
        elif token == _KEY:
            key_is_meant = True
            continue
        elif number == len(location) - 1 and error["type"] == "missing":
            path.append(str(token))
        else:
            steps.append(("as", token))
            continue
        steps.append(("in", path[-1]))
    return _Place(tuple(path), tuple(steps), key_is_meant)


@dataclass(slots=True)
class _Branch:
    """A node of the tree of steps, with the errors that end here."""

    here: list[_Found] = field(default_factory=list)
    into: dict[tuple[str, str | int], "_Branch"] = field(default_factory=dict)

    def add(self, steps: Sequence[tuple[str, str | int]], found: _Found) -> None:
        node = self
        for step in steps:
            node = node.into.setdefault(step, _Branch())
        node.here.append(found)

    def count(self) -> int:
        return len(self.here) + sum(branch.count() for branch in self.into.values())


def _groups(node: _Branch) -> Iterable[list[_Found]]:
    """The errors to report, those of alternatives for one value together."""
    for found_here in node.here:
        yield [found_here]
    choices = [branch for (kind, _), branch in node.into.items() if kind == "as"]
    for (kind, _), branch in node.into.items():
        if kind == "in":
            yield from _groups(branch)
    if not choices:
        return
    # A branch whose errors lie inside the value accepted its kind: it is the one that was meant.
    entered = [branch for branch in choices if not branch.here]
    if entered:
        yield from _groups(min(entered, key=_Branch.count))
    elif len(choices) == 1:
        yield from _groups(choices[0])
    else:
        yield [each for branch in choices for each in branch.here]


class _Sentences:
    def __init__(self, document: Document, root: type[BaseModel]) -> None:
        self._document = document
        self._root = root

    def problem(self, group: list[_Found]) -> Problem:
        mark, message = self._alternatives(group) if len(group) > 1 else self._single(group[0])
        return Problem(mark, message)

    def _sentence(self, each: _Found) -> str:
        """What a validator of ours says; it may repeat the value, which may come from the environment."""
        raised = (each.error.get("ctx") or {}).get("error")
        sentence = " ".join(str(raised if raised is not None else each.error["msg"]).split())
        return mask(sentence, self._document.secrets)

    def _single(self, each: _Found) -> tuple[Mark, str]:
        path, error = each.path, each.error
        if each.type == "missing":
            return self._missing(path)
        if each.type == "extra_forbidden":
            return self._document.key(path), self._unknown(path)
        if each.key_is_meant:
            return self._document.key(path), f"{dotted(path[:-1])}: the key `{path[-1]}` {self._wrong_key(each)}"
        context = error.get("ctx") or {}
        if each.type.startswith("union_tag") and (*path, name := _discriminator(context)) in self._document.marks:
            return self._document.mark((*path, name)), f"{dotted((*path, name))}: {self._wrong(each)}"
        where = f"{dotted(path)}: " if path else ""
        return self._document.mark(path), f"{where}{self._wrong(each)}"

    def _wrong_key(self, each: _Found) -> str:
        if is_worded(each.error):
            return f"is wrong: {self._sentence(each)}"
        return (
            f"must be {expected}"
            if (expected := expectation(each.error))
            else violation(each.error, "it").removesuffix(", found it")
        )

    def _wrong(self, each: _Found) -> str:
        expected = expectation(each.error)
        if each.error["input"] is None:
            described = field_at(self._root, each.path)
            remedy = "" if described is None or described.is_required() else ", or remove the line"
            return f"is empty; expected {expected or 'a value'}{self._example(each.path)}{remedy}"
        shown = self._found(each)
        if expected:
            long = len(str(each.error["input"])) >= _CODE  # a phone number or a code rather than a slip
            hint = (
                self._hint(each)
                or (self._quotes(each) if long else "")
                or self._example(each.path)
                or self._quotes(each)
            )
            return f"must be {expected}, found {shown}{hint}"
        if is_worded(each.error):
            return f"{self._sentence(each)}{self._empty_inside(each.path)}"
        return f"{violation(each.error, shown)}{self._hint(each)}"

    def _alternatives(self, group: list[_Found]) -> tuple[Mark, str]:
        """A value that fits none of several kinds."""
        path = group[0].path
        own = list(dict.fromkeys(self._sentence(each) for each in group if is_worded(each.error)))
        phrases = list(dict.fromkeys(phrase for each in group if (phrase := expectation(each.error))))
        shown = self._found(group[0])
        if own:
            message = "; ".join(own) + (f"; or {' or '.join(phrases)}" if phrases else "")
        elif phrases:
            hints = [hint for each in group if (hint := self._hint(each))]
            message = f"must be {' or '.join(phrases)}, found {shown}{hints[0] if hints else ''}"
        else:
            message = violation(group[0].error, shown)
        return self._document.mark(path), f"{dotted(path)}: {message}"

    def _missing(self, path: Path) -> tuple[Mark, str]:
        if path in self._document.emptied:
            text, mark = self._document.emptied[path]
            what = f"{text} comes out empty" if text else "is empty"
            return mark, f"{dotted(path)}: {what}, and a value is needed here"
        described = field_at(self._root, path)
        about = f" ({_first_sentence(described.description)})" if described and described.description else ""
        parent = f"{dotted(path[:-1])}: " if path[:-1] else ""
        return self._document.key(path[:-1]), f"{parent}the key `{path[-1]}` is missing{about}{self._example(path)}"

    def _unknown(self, path: Path) -> str:
        *parent, key = path
        where = f" in {dotted(tuple(parent))}" if parent else ""
        line = self._document.key(path).line
        if odd := odd_character(str(key)):
            return f"unknown key `{key}`{where}: {odd[1]}"
        if str(key)[:1] in CURLY or str(key)[-1:] in CURLY:
            return f"unknown key `{key}`{where}: curly quotes are part of the key; write `{str(key).strip(CURLY)}`"
        if not re.fullmatch("[a-z_]+", str(key)) and (lost := lost_text(self._document.lines, line)):
            return f"unknown key `{key}`{where}; {lost.remedy}"
        model = model_for(self._root, tuple(parent), self._value(tuple(parent)))
        known = list(keys_of(model)) if model else []
        if near := nearest(str(key), known):
            return f"unknown key `{key}`{where}; did you mean `{near}`?"
        if elsewhere := self._elsewhere(str(key)):
            return f"unknown key `{key}`{where}; there is `{elsewhere}`"
        listed = known if len(known) <= _MOST_KEYS else [*known[:_MOST_KEYS], "…"]
        return f"unknown key `{key}`{where}" + (f"; known are {', '.join(listed)}" if listed else "")

    def _elsewhere(self, key: str) -> str | None:
        """The part of agent.yaml that has the key, when it was written beside it."""
        for name in keys_of(self._root):
            for model in (model_for(self._root, (name,), None),):
                if model is not None and key in keys_of(model):
                    return f"{name}.{key}"
        return None

    def _empty_inside(self, path: Path) -> str:
        """The keys of a part that were left out because they came out empty."""
        emptied = [(each[-1], text) for each, (text, _) in self._document.emptied.items() if text and each[:-1] == path]
        return "".join(f"; `{key}` counts as left out: {text} comes out empty" for key, text in emptied)

    def _hint(self, each: _Found) -> str:
        word = (each.error.get("ctx") or {}).get("tag", each.error["input"])
        near = nearest(word, known_words(each.error)) if isinstance(word, str) else None
        return f"; did you mean {near}?" if near else ""

    def _quotes(self, each: _Found) -> str:
        """How to keep as text what YAML reads as a number, and a list whose entries begin with another sign."""
        value, scalar = each.error["input"], self._document.scalars.get(each.path)
        if each.type in {"string_type", "text_by_language_type"} and isinstance(value, int | float) and scalar:
            shown = "" if is_secret(self._root, each.path) else f': "{scalar.text}"'
            return f"; to have it as text, put it in quotes{shown}"
        if each.type in {"list_type", "tuple_type"} and isinstance(value, str) and (odd := odd_character(value)):
            return f"; {odd[1]}"
        return ""

    def _found(self, each: _Found) -> str:
        if each.path in self._document.written:
            return f"the value of {self._document.written[each.path]}"
        if is_secret(self._root, each.path) and isinstance(each.error["input"], str | int | float):
            return "a value that is not shown"
        return found(each.error["input"])

    def _example(self, path: Path) -> str:
        described = field_at(self._root, path)
        if described is None or not path:
            return ""
        example = described.examples[0] if described.examples else described.default
        if isinstance(example, timedelta):
            example = format_duration(example)
        if isinstance(example, Rate):
            example = str(example)
        if isinstance(example, bool | ByteSize) or not isinstance(example, str | int | float) or "\n" in str(example):
            return ""
        return f"; e.g. {path[-1]}: {example}"

    def _value(self, path: Path) -> Any:
        value: Any = self._document.value
        for key in path:
            value = value[key]
        return value


def dotted(path: Path) -> str:
    """`("actions", 0, "request", "url")` → `actions[0].request.url`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant."""
    from rapidfuzz import fuzz, process

    found = process.extractOne(word.lower(), list(known), scorer=fuzz.ratio, score_cutoff=66)
    return found[0] if found else None


def mask(message: str, secrets: Mapping[str, str]) -> str:
    """Put `${NAME}` in place of the values of variables: whole ones anywhere, and parts of them that stand in quotes."""
    for value in sorted(secrets, key=len, reverse=True):
        name = f"${{{secrets[value]}}}"
        for form in {value, value.strip(), repr(value)[1:-1]}:
            if len(form) > 3:
                message = message.replace(form, name)

    def unquoted(match: re.Match[str]) -> str:
        inside = match[1] or match[2]
        name = next((secrets[value] for value in secrets if inside in value or inside in repr(value)), None)
        return match[0] if name is None else f"${{{name}}}"

    return re.sub(r"'([^']+)'|\"([^\"]+)\"", unquoted, message) if secrets else message


def _first_sentence(text: str) -> str:
    first = re.split(r"(?<!e\.g)\. ", text.replace("\n", " "))[0].rstrip(".")
    return first[0].lower() + first[1:] if first[:2].isalpha() and first[1].islower() else first


def _discriminator(context: Mapping[str, Any]) -> str:
    return str(context.get("discriminator", "")).strip("'")
