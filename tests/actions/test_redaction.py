"""Secrets in texts and structures."""

from hypothesis import given
from hypothesis import strategies as st

from actions.redaction import Redactor


def test_a_secret_is_masked_wherever_it_stands() -> None:
    redactor = Redactor(["tok-123456", "a b/c&d"])
    value = {"tok-123456": ["x tok-123456 y", ("a%20b%2Fc%26d", 5, None)], "n": True}
    assert redactor(value) == {"•••": ["x ••• y", ("•••", 5, None)], "n": True}


def test_the_longer_of_two_secrets_is_masked_whole_and_short_ones_are_left() -> None:
    assert Redactor(["tok-1", "tok-123"]).text("tok-123 tok-1 abc") == "••• ••• abc"
    assert Redactor(["abc", ""]).text("abc") == "abc"


def test_a_redactor_learns_further_secrets() -> None:
    known = Redactor(["first-one"])
    assert known.also(["second-one"]).text("first-one second-one") == "••• •••"
    assert known.text("second-one") == "second-one"


@given(st.lists(st.text(min_size=4, max_size=12), min_size=1, max_size=4), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives(secrets: list[str], before: str, after: str) -> None:
    masked = Redactor(secrets).text(before + secrets[0] + after)
    assert secrets[0] not in masked or secrets[0] in "•••"
