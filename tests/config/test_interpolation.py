import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import loads
from agent.config.environment import expand, has_references

ENVIRONMENT = {"A": "one", "EMPTY": "", "BRACE": "${A}", "PORT": "9000"}
MINIMAL = "name: Melati\ninstructions: Jawab singkat.\n"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("${A}", "one"),
        ("x${A}y${A}z", "xoneyonez"),
        ("${A:-two}", "one"),
        ("${B:-two}", "two"),
        ("${B:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-two}", "two"),
        ("${B:-${A}}", "one"),
        ("${B:-a${C:-b}c}", "abc"),
        ("${A:-${UNSET}}", "one"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$${", "${"),
        ("${B:-$${x}", "${x"),
        ("${BRACE}", "${A}"),
        ("$A {A} $ {A} $.status", "$A {A} $ {A} $.status"),
        ("${B:-http://127.0.0.1:80/x?a=b-c}", "http://127.0.0.1:80/x?a=b-c"),
        ("${B:-a:-b}", "a:-b"),
    ],
)
def test_references_are_replaced(text: str, expanded: str) -> None:
    expansion = expand(text, ENVIRONMENT)

    assert expansion.text == expanded
    assert expansion.unresolved == ()


@pytest.mark.parametrize(
    "text", ["${B}", "${", "${}", "${1}", "${A", "${A-x}", "${A:x}", "${A:-x", "${B:-${C}}", "${ A }"]
)
def test_a_reference_that_cannot_be_resolved_is_told(text: str) -> None:
    (problem,) = expand(text, ENVIRONMENT).unresolved

    assert problem.message


def test_every_unresolved_reference_is_told_with_its_occurrence() -> None:
    expansion = expand("$${x} ${B} ${A} ${C}", ENVIRONMENT)

    assert [problem.occurrence for problem in expansion.unresolved] == [1, 3]


@given(st.text(alphabet="${}A:-xB \n", max_size=30))
def test_any_text_is_expanded_or_told_why_not(text: str) -> None:
    expansion = expand(text, ENVIRONMENT)

    if not has_references(text):
        assert expansion.text == text
    for problem in expansion.unresolved:
        assert 0 <= problem.occurrence < text.count("${")


def test_a_number_may_come_from_the_environment() -> None:
    config = loads(MINIMAL + "server:\n  port: ${PORT}\nworkers: ${W:-false}\n", environment=ENVIRONMENT)

    assert config.server.port == 9000
    assert config.workers is False


def test_digits_from_the_environment_stay_text_where_text_is_meant() -> None:
    config = loads(MINIMAL + "messaging:\n  token: ${PORT}\n", environment=ENVIRONMENT)

    assert config.platforms[0].token.get_secret_value() == "9000"


def test_an_unquoted_reference_that_comes_out_empty_counts_as_not_written() -> None:
    config = loads(MINIMAL + "model:\n  base_url: ${B:-}\n  name: ${EMPTY}\n", environment=ENVIRONMENT)

    assert config.model.base_url is None
    assert config.model.name == "gpt-5-mini"


def test_an_unquoted_reference_may_come_out_as_null() -> None:
    config = loads(MINIMAL + "conversation:\n  handover:\n    resume_after: ${B:-null}\n", environment=ENVIRONMENT)

    assert config.conversation.handover.resume_after is None


def test_the_value_of_a_variable_is_not_read_as_yaml_or_expanded_again() -> None:
    config = loads("name: ${N}\ninstructions: ${I}\n", environment={"N": "a: [b", "I": "${N} # no comment"})

    assert config.name == "a: [b"
    assert config.instructions == "${N} # no comment"
