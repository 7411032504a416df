"""What a judge says is read in the wordings that models choose; anything else is no verdict."""

import pytest

from agent.scenarios.actors import _verdict as verdict


@pytest.mark.parametrize(
    ("text", "passed", "reason"),
    [
        ("PASS: it is kind", True, "it is kind"),
        ("FAIL: no price is named", False, "no price is named"),
        ("PASS", True, "no reason given"),
        ("fail.", False, "no reason given"),
        ("**PASS**", True, "no reason given"),
        ("**FAIL**: it is *long*", False, "it is *long"),
        ("Verdict: PASS - it greets", True, "it greets"),
        ("**Final verdict:** FAIL, it is rude", False, "it is rude"),
        ("It greets.\nPASS \u2014 short and kind", True, "short and kind"),
        ("PASS: would be wrong, so:\nFAIL: it is rude", False, "it is rude"),
    ],
)
def test_a_verdict_is_read(text: str, passed: bool, reason: str) -> None:
    read = verdict("friendly", text)
    assert (read.passed, read.reason) == (passed, reason)


@pytest.mark.parametrize("text", ["", "It is fine.", "Passable: yes", "PASSING: yes", "The reply does not FAIL: good"])
def test_what_is_no_verdict_passes_nothing(text: str) -> None:
    read = verdict("friendly", text)
    assert not read.passed
    assert "cannot be read" in read.reason
