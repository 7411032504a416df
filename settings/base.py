"""The base class of every settings model."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A part of agent.yaml: immutable, and an unknown key is an error.

    Every field carries `Field(description=...)`: the reference page of agent.yaml is generated from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
