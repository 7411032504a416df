"""Who a message that the business starts goes to: the rows of a CSV file, or the contacts that a filter finds."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from settings import Duration, Settings


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_Names = Annotated[tuple[str, ...], BeforeValidator(_several)]

_PLATFORM_ONLY = ("any_tag", "all_tags", "no_tag", "lifecycle", "fields")


class AudienceFilter(Settings):
    """Who gets it: contacts for whom all of these hold. Without any condition: everybody."""

    of: Literal["platform", "ledger"] = Field(
        default="platform",
        description="Whose contacts: all that the `platform` has, or those of the `ledger`, who have written to this agent.",
    )
    any_tag: _Names = Field(default=(), description="They have one of these tags.", examples=[["vip", "reseller"]])
    all_tags: _Names = Field(default=(), description="They have all of these tags.")
    no_tag: _Names = Field(default=(), description="They have none of these tags.")
    lifecycle: _Names = Field(default=(), description="They are at one of these lifecycle stages.")
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Custom fields, with the value each must have.",
        examples=[{"city": "Bandung"}],
    )
    language: _Names = Field(default=(), description="Their language is one of these.", examples=[["id", "ms"]])
    country: _Names = Field(default=(), description="Their country (two letters) is one of these.")
    channel: _Names = Field(
        default=(),
        description="They last wrote to this agent on one of these kinds of channel.",
        examples=[["whatsapp_cloud"]],
    )
    wrote_within: Duration | None = Field(
        default=None, description="They wrote to this agent within this time.", examples=["30d"]
    )
    workflow: _Names = Field(
        default=(),
        description="One of these workflows of agent.yaml has run to its end for them.",
        examples=[["welcome"]],
    )
    silent_for: Duration | None = Field(
        default=None, description="They have not written to this agent for this long, or never.", examples=["60d"]
    )

    @model_validator(mode="after")
    def _known_to_the_ledger(self) -> "AudienceFilter":
        wrong = [name for name in _PLATFORM_ONLY if getattr(self, name)]
        if self.of == "ledger" and wrong:
            raise ValueError(f"{', '.join(wrong)}: only the platform knows that; write of: platform")
        return self


class AudienceSettings(Settings):
    """To whom it goes: the rows of a CSV file, or the contacts that a filter finds."""

    csv: str | None = Field(
        default=None,
        description="A CSV file with a column `phone`, `email` or `id` (of the contact on the platform). `first_name`, "
        "`last_name` and `language` are used for contacts that are new; all columns can be used as `{row.column}`.",
        examples=["pelanggan.csv"],
    )
    country: str = Field(
        default="ID", pattern="^[A-Z]{2}$", description="The country of phone numbers that are written without one."
    )
    filter: AudienceFilter | None = Field(default=None, description="Which contacts, instead of a file.")

    @model_validator(mode="after")
    def _one_source(self) -> "AudienceSettings":
        if (self.csv is None) == (self.filter is None):
            raise ValueError("name either a csv file or a filter")
        return self
