"""The base class of every settings model."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A part of agent.yaml: immutable, and an unknown key is an error.

    Every field carries `Field(description=...)`: the reference page of agent.yaml is generated from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


@dataclass(frozen=True, slots=True)
class Planned:
    """Marks a field that is validated but does nothing yet: `Annotated[X, Planned("what is missing")]`.

    `balas check` reports a planned key that a user has set as "not active yet".
    """

    missing: str
