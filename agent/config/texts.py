"""Fixed texts that the agent sends, in one language or in several."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

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
