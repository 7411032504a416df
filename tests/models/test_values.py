"""The values of a turn reach a model beside its messages, and a model that does not ask for them is not troubled."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import Field

from agent.models.values import Passage, TurnValues, configured, describe, described, values_of

VALUES = TurnValues("en", datetime(2026, 11, 21, 10, tzinfo=UTC), (Passage("a.md", "A", "text"),), ("image",))


class _Asking(GenericFakeChatModel):
    """Keeps what it was told beside the messages."""

    told: list[TurnValues | None] = Field(default_factory=list)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> AIMessage:  # noqa: A002
        self.told.append(values_of(config))
        return await super().ainvoke(input, config, **kwargs)


async def test_a_model_with_bound_arguments_finds_the_values_of_its_call() -> None:
    model = _Asking(messages=iter([AIMessage("hi"), AIMessage("hi")]))
    await model.bind(stop=["x"]).ainvoke([HumanMessage("halo")], configured(VALUES))
    await model.bind(stop=["x"]).ainvoke([HumanMessage("halo")])
    assert model.told == [VALUES, None]


async def test_a_model_that_does_not_ask_for_them_answers_as_ever() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("hi")]))
    answer = await model.ainvoke([HumanMessage("halo")], configured(VALUES))
    assert answer.content == "hi"


def test_the_values_are_read_from_the_configuration_of_a_call() -> None:
    assert values_of(configured(VALUES)) == VALUES
    assert values_of() is None


@given(st.text(), st.lists(st.text(), min_size=1))
def test_description_and_examples_are_read_back(description: str, examples: list[str]) -> None:
    assert described(describe(description, examples)) == (description, tuple(examples))


def test_a_description_without_examples_stays_as_it_is() -> None:
    assert describe("Status of an order.") == "Status of an order."
    assert described("Status of an order.") == ("Status of an order.", ())


def test_a_model_reads_the_examples_as_plain_lines() -> None:
    shown = describe("Status of an order.", ["where is my order?"])
    assert shown.splitlines()[-1] == '- "where is my order?"'


def test_a_description_that_happens_to_hold_the_heading_is_not_mistaken() -> None:
    text = describe("One.", ["a"]) + "\nand no example"
    assert described(text) == (text, ())
