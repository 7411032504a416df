"""Fixed texts that the agent sends, in one language or in several."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from actions.parameters import CONTACT_FACTS
from actions.template import plain
from messaging.types import Contact
from settings import Settings

_LANGUAGE = r"^[a-z]{2,3}(-[A-Z]{2})?$"


@dataclass(frozen=True, slots=True)
class Text:
    """A text for customers: written once for all languages, or as a mapping such as `{id: …, en: …}`.

    `by_language` has ISO 639-1 codes; a text without a language stands under `""`.
    """

    by_language: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str = "", **by_language: str) -> "Text":
        return cls(by_language or {"": text})

    def in_language(self, language: str | None) -> str:
        """The text in `language`; else the one for all languages, the English one, or the first that was written."""
        texts = self.by_language
        if language is not None:
            for code in (language, language.partition("-")[0]):
                if code in texts:
                    return texts[code]
        return texts.get("") or texts.get("en") or next(iter(texts.values()), "")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        words = core_schema.str_schema(min_length=1, strip_whitespace=True)
        texts = core_schema.dict_schema(core_schema.str_schema(pattern=_LANGUAGE), words, min_length=1)
        return core_schema.no_info_before_validator_function(
            _kind,
            core_schema.tagged_union_schema(
                {
                    "(made)": core_schema.is_instance_schema(cls),
                    "(text)": core_schema.no_info_after_validator_function(lambda text: cls({"": text}), words),
                    "(by language)": core_schema.no_info_after_validator_function(cls, texts),
                },
                _tag,
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(_written),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"pattern": _LANGUAGE},
                    "additionalProperties": {"type": "string", "minLength": 1},
                },
            ],
            "examples": ["Sebentar ya.", {"id": "Sebentar ya.", "en": "One moment."}],
        }


def _kind(value: Any) -> Any:
    if isinstance(value, str | Mapping | Text):
        return value
    raise PydanticCustomError("text_by_language_type", "must be a text, or one for each language")


def _tag(value: Any) -> str:
    if isinstance(value, Text):
        return "(made)"
    return "(text)" if isinstance(value, str) else "(by language)"


def _written(text: Text) -> str | dict[str, str]:
    return text.by_language[""] if set(text.by_language) == {""} else dict(text.by_language)


_BRACES = re.compile(r"(?P<space>(?<!\s)\s++|)\{(?P<name>[^{}|]*)(?:\|(?P<instead>[^{}]*))?\}")

_GONE = "\N{ZERO WIDTH NO-BREAK SPACE}"
_AROUND = re.compile(rf" ?(?:\*{_GONE}\*|_{_GONE}_|~{_GONE}~|\"{_GONE}\"|“{_GONE}”|\({_GONE}\))")
_COMMA = re.compile(rf",(?={_GONE}(?:\s*[,.:;!?]| [-–—] |\s*$))", re.MULTILINE)
_LEFT_OVER = re.compile(rf"^{_GONE}[\s,.:;!]*(\w?)", re.MULTILINE)

FACTS = (*CONTACT_FACTS, "lifecycle")
"""What a contact has beside its custom fields, which are `contact.custom.<name>`."""


def check_facts(text: str) -> str:
    """The text itself. Raises `ValueError` for braces that hold no fact of a contact."""
    for name in _names(text):
        if not _is_fact(name):
            known = ", ".join(f"contact.{each}" for each in FACTS)
            raise ValueError(f"{{{name}}} cannot be filled in; there are {known} and contact.custom.<name>")
    return text


def check_all_facts(text: Text) -> Text:
    """The same for a text in several languages."""
    for words in text.by_language.values():
        check_facts(words)
    return text


FactText = Annotated[Text, AfterValidator(check_all_facts)]
"""A text for customers in which facts of the contact may stand."""


def check_mentioned_facts(text: str) -> str:
    """The text itself, in which braces may also be just braces. Raises `ValueError` for a `{contact.…}` that is no fact."""
    check_facts("".join(match[0] for match in _BRACES.finditer(text) if match["name"].strip().startswith("contact.")))
    return text


def fill(text: str, contact: Contact, written: Callable[[str], str] = str) -> str:
    """The text with the contact's facts, each as `written` writes it.

    One that is not known leaves `{…|what stands after the bar}`, or nothing, not even the space before it, marks and brackets
    around it, or the comma that set it off. Braces that hold no fact stay as they are.
    """

    def write(match: re.Match[str]) -> str:
        name = match["name"].strip()
        if not _is_fact(name):
            return match[0]
        value = _fact(name.removeprefix("contact."), contact) or (match["instead"] or "").strip()
        if value:
            return match["space"] + written(value)
        return "\n" * match["space"].count("\n") + _GONE

    filled = _COMMA.sub("", _AROUND.sub(_GONE, _BRACES.sub(write, text)))
    return _LEFT_OVER.sub(lambda match: match[1].upper(), filled).replace(_GONE, "").strip()


def _names(text: str) -> Iterator[str]:
    for match in _BRACES.finditer(text):
        yield match["name"].strip()


def _is_fact(name: str) -> bool:
    fact = name.removeprefix("contact.")
    return fact != name and (fact in FACTS or re.fullmatch(r"custom\..+", fact) is not None)


def _fact(name: str, contact: Contact) -> str:
    if name.startswith("custom."):
        value = contact.custom_fields.get(name.removeprefix("custom."))
    elif name == "id":
        value = contact.key.id
    else:
        value = getattr(contact, name)
    return " ".join(plain(value).split())


class TemplateSettings(Settings):
    """A message template of the platform; needed where free text is not allowed any more."""

    name: str = Field(min_length=1, description="Name of the template on the platform.")
    language: str = Field(default="id", description="Its language code.")
    parameters: tuple[Annotated[str, AfterValidator(check_facts)], ...] = Field(
        default=(),
        description="The texts for its placeholders, in order; `{contact.first_name}` and the like are filled in, "
        "`{contact.first_name|Kak}` says what stands there when it is not known.",
    )


def _from_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


NamedTemplate = Annotated[TemplateSettings, BeforeValidator(_from_name)]
"""A template, or only its name."""
