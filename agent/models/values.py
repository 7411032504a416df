"""What a turn knows beside the messages that it sends to a chat model, as values instead of prose.

A language model reads the prompt. A model that is a program need not parse that prompt: the same facts travel in the
configuration of the call, which LangChain hands through to every model and which any model may ignore.

    reply = await model.ainvoke(messages, configured(values))
    values_of(config)  # inside the model; `None` where the caller gave none

The description of a tool carries the examples of what customers say when they want it. `describe` and `described` are inverse,
so that a model that is a program finds the examples again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

_KEY = "turn_values"
ASKED_FIRST = " The customer is asked for a yes before it is done: call it without asking yourself."
"""Stands after the description of an action that needs the customer's yes."""

_EXAMPLES = "\n\nCustomers ask for it in words like:\n"


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage as the model sees it. `text` is the answer when there is a `question`; `date` is `YYYY-MM-DD` or empty."""

    source: str
    title: str
    text: str
    date: str = ""
    volatile: bool = False
    question: str = ""


@dataclass(frozen=True, slots=True)
class TurnValues:
    """The facts of a turn that its last message tells a language model.

    Attributes:
        language: code of the language to answer in (`id`, `en`, `ms`).
        now: when the turn began, in the business's time zone.
        passages: what the knowledge base holds on the customer's words, best first.
        attachments: kinds (`image`, `audio` …) of the files of this turn's messages whose content the text does not give.
        rejected: whether the model's draft was rejected, because it claims something that no action did.
        cite: whether the customer is told from which documents an answer comes.
        unprompted: whether the business asks for the message, and the customer has said nothing.
        said: what the customer says now, without what the last message holds beside it; `None`: that is the last message.
    """

    language: str
    now: datetime
    passages: tuple[Passage, ...] = ()
    attachments: tuple[str, ...] = ()
    rejected: bool = False
    said: str | None = None
    cite: bool = False
    unprompted: bool = False


def configured(values: TurnValues) -> "RunnableConfig":
    """Configure a call of a model, or of a graph with models in it, with the values of a turn."""
    return {"configurable": {_KEY: values}}


def values_of(config: "RunnableConfig | None" = None) -> TurnValues | None:
    """Read the values of the turn that calls a model.

    Args:
        config: that of the call.

    Returns:
        `None` where nothing but messages was given.
    """
    values: TurnValues | None = (config or {}).get("configurable", {}).get(_KEY)
    return values


def describe(description: str, examples: Sequence[str] = ()) -> str:
    """Write the description of a tool as a model reads it.

    Args:
        description: what the tool does.
        examples: what customers say when they want it.
    """
    if not examples:
        return description
    return description + _EXAMPLES + "\n".join(f"- {json.dumps(text, ensure_ascii=False)}" for text in examples)


def described(text: str) -> tuple[str, tuple[str, ...]]:
    """Read the description and the examples that `describe` joined; any other text is a description without examples.

    That the customer is asked first is no part of what an action does, and left out.
    """
    head, heading, tail = text.rpartition(_EXAMPLES)
    examples = [_example(line) for line in tail.split("\n")] if heading else []
    found = tuple(example for example in examples if example is not None)
    if not examples or len(found) < len(examples):
        head, found = text, ()
    return head.removesuffix(ASKED_FIRST), found


def _example(line: str) -> str | None:
    try:
        text = json.loads(line.removeprefix("- ")) if line.startswith("- ") else None
    except ValueError:
        return None
    return text if isinstance(text, str) else None
