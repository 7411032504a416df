"""A message template of the platform, as a part of agent.yaml or of a broadcast names it."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from agent.config.facts import check_facts
from settings import Settings


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
