from hypothesis import given
from hypothesis import strategies as st

from agent.models.toolcard import describe, read


@given(st.text(), st.lists(st.text(), min_size=1))
def test_description_and_examples_are_read_back(description: str, examples: list[str]) -> None:
    assert read(describe(description, examples)) == (description, tuple(examples))


def test_a_description_without_examples_stays_as_it_is() -> None:
    assert describe("Status of an order.") == "Status of an order."
    assert read("Status of an order.") == ("Status of an order.", ())


def test_a_model_reads_the_examples_as_plain_lines() -> None:
    shown = describe("Status of an order.", ["where is my order?"])
    assert shown.splitlines()[-1] == '- "where is my order?"'


def test_a_description_that_happens_to_hold_the_heading_is_not_mistaken() -> None:
    text = describe("One.", ["a"]) + "\nand no example"
    assert read(text) == (text, ())
