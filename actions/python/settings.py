"""The `{python: …}` entries of `actions:`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from actions.parameters import Parameters, Pattern
from actions.wording import ActionName, Confirm, to_confirm
from settings import Duration, Settings


def _reference(text: str) -> str:
    if not re.fullmatch(r"(?:[\w./-]+\.py|\w+(?:\.\w+)*):[A-Za-z_]\w*", text):
        raise ValueError(f"{text!r} names no function; write e.g. shop.py:reserve or my.module:reserve")
    return text


class PythonAction(Settings):
    """A Python function that the model may ask for: its type hints are the schema, its docstring the description."""

    python: Annotated[str, AfterValidator(_reference)] = Field(
        description="the function: shop.py:reserve beside agent.yaml, or my.module:reserve"
    )
    name: ActionName | None = Field(None, description="the name by which the model knows it, when not the function's")
    description: str | None = Field(
        None, description="what it does and when to use it, when the docstring does not fit"
    )
    examples: list[str] = Field(default_factory=list, description="what customers say when they want it")
    parameters: Parameters = Field(
        default_factory=dict, description="where its parameters come from, and what the type hints do not say"
    )
    effect: bool = Field(True, description="whether it changes something: at most once a turn, with a receipt")
    idempotent: bool = Field(False, description="whether calling it again with the same context.key is harmless")
    identity: list[str] | None = Field(
        None,
        min_length=1,
        description="the parameters that tell one effect from another; by default all but optional notes",
    )
    per_turn: int = Field(1, ge=1, le=100, description="how many different effects of it one turn may have")
    confirm: Annotated[Confirm | None, BeforeValidator(to_confirm)] = Field(
        None, description="the question that the customer must say yes to first, or {text: …, expires: 15m}"
    )
    claims: list[Pattern] = Field(
        default_factory=list, description="regular expressions of what may only be said with a receipt of this action"
    )
    timeout: Duration = Field(timedelta(seconds=30), description="for one call")

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.python.rpartition(":")[2]

    @property
    def label(self) -> str:
        """How an overview of agent.yaml calls this entry."""
        return self.name or self.function
