"""The JSON Schema, the reader and the runner agree: what the schema takes is played or refused at its place, and the other way round."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.config import ConfigErrors, load
from agent.scenarios.format import Scenario, loads, schema
from agent.scenarios.run import Options, Result, run
from tests.scenarios.conftest import make_shop
from tests.scenarios.written import accepted, changed

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
TURNS: list[Any] = [
    {"customer": "halo", "expect": [{"reply": {"contains": ["a", ["b"]], "not_contains": "x", "matches": "KS"}}]},
    {"customer": "halo", "expect": [{"called": {"get_order": {"order_id": "x"}}, "not_called": ["cancel_order"]}]},
    {"customer": ["halo", {"text": "a", "location": [-6.2, 106.8]}], "expect": {"replies": 1, "passage": "menu.csv"}},
    {"customer": {"file": "data:text/plain,tiga"}, "expect": [{"payment": {"amount": 5, "state": "open"}}]},
    {"platform": {"fail": 429, "retry_after": "1s", "times": 2}},
    {"receivers": {"fail": "timeout"}},
    {"colleague": "saya"},
    {"event": {"tag.added": "vip"}, "expect": [{"tag": "vip", "not_tag": ["x"], "lifecycle": "Lead", "note": ["a"]}]},
    {"event": "payment.paid", "expect": [{"posted": {"https://x.example": None}}, {"note": False, "called": False}]},
    {"event": {"payment.paid": {"number": 1}}},
    {"event": {"contact.updated": {"first_name": "A", "custom_fields": {"a": True}}}},
    {"event": {"conversation.closed": {"category": "c", "summary": "s"}}},
    {"hook": {"order": {"id": 7}}},
    {"history": [{"customer": "a"}, {"agent": "b"}]},
    {"wait": "2h", "expect": [{"followup": {"rule": "kode", "after": "1h"}}, {"silent": True, "handover": False}]},
]
WHOLE: list[Any] = [
    {"contact": {"phone": "+6281234567801", "first_name": "Budi", "language": "id", "tags": ["vip"], "custom_fields": {"n": 1}},
     "turns": [turn], "runs": 2, "min_pass_rate": 0.5}
    for turn in TURNS
] + [
    {"now": "2026-11-30T10:00:00+07:00", "model": "offline", "turns": TURNS[:1],
     "actions": {"get_order": [{"when": {"order_id": "x"}, "return": {"status": "y"}, "times": 1}, {"fail": 404}],
                 "cancel_order": {"outcome": {"status": "done", "content": "ok", "data": 1}}}},
    {"simulate": {"persona": "a", "goal": "b", "turns": 3}, "expect": [{"reply": "x"}]},
]  # fmt: skip


def understood(document: Any) -> Scenario | None:
    """The scenario; `None` where it is refused, each error at a place of the file."""
    text = json.dumps(document, indent=1)
    lines = text.splitlines()
    try:
        return loads(text.encode(), Path("tests/any.yaml"), environment={"NUMBER": "3"})
    except ConfigErrors as error:
        places = [(each.mark.line, each.mark.column) for each in error.errors]
    assert places, "it is refused without a reason"
    assert all(1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1 for line, column in places)
    return None


def without_empty(document: Any) -> Any:
    """The document without keys that have nothing behind them, which count as not written."""
    if isinstance(document, dict):
        return {key: without_empty(value) for key, value in document.items() if value is not None}
    return [without_empty(each) for each in document] if isinstance(document, list) else document


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@example({"turns": [{"customer": "hi", "expect": [{"replies": True}]}]})
@example({"turns": [{"customer": {"location": [True, 1]}}]})
@example({"turns": [{"customer": "hi"}], "runs": True})
@given(changed(st.sampled_from(WHOLE)))
def test_what_the_reader_takes_the_schema_takes(document: Any) -> None:
    if understood(document) is not None:
        VALIDATOR.validate(without_empty(document))


def test_a_number_in_quotes_counts_as_one_as_the_value_of_a_reference_does() -> None:
    for times in ('"3"', '"${NUMBER}"', "3"):
        text = f"turns:\n  - platform: {{fail: 429, times: {times}}}\n"
        scenario = loads(text.encode(), Path("tests/any.yaml"), environment={"NUMBER": "3"})
        fault = (scenario.settings.turns or ())[0].platform
        assert fault is not None
        assert fault.times == 3


TAKEN = accepted(SCHEMA, SCHEMA)


def test_what_the_schema_takes_is_played_or_refused_at_its_place(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    config, found = load(shop), list[Any]()

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @example({"turns": [{"event": {"payment.paid": {"number": 7}}}]})
    @example({"turns": [{"history": {"agent": " "}}, {"customer": "halo"}]})
    @given(TAKEN | st.sampled_from(WHOLE))
    def take(document: Any) -> None:
        VALIDATOR.validate(document)
        if understood(document) is not None:
            found.append(document)

    take()
    files = []
    for number, document in enumerate(found[:40]):
        files.append(shop / "tests" / f"taken{number}.yaml")
        files[-1].write_text(json.dumps({**document, "runs": 1}, indent=1).replace("${NUMBER}", "3"))
    assert len(files) > 15, "too few of them are read for this to say anything"
    began = time.monotonic()
    results = asyncio.run(run(config, files, Options()))
    assert 0 < results.seconds <= time.monotonic() - began, (
        "several are played at the same time, and it is said how long all took"
    )
    wrong = [(each.path.read_text(), crash) for each in results.results if (crash := _crash(each))]
    assert wrong == []


def _crash(result: Result) -> str | None:
    """What is no outcome of a scenario: an exception that nobody expected, or an error without a place."""
    if result.errors:
        placed = all(each.mark.line >= 1 and each.mark.column >= 1 for each in result.errors)
        return None if placed else str(result.errors)
    errors = [played.error for played in result.runs if played.error]
    return next((error for error in errors if error.split(":")[0].endswith(("Error", "Exception", "ErrorGroup"))), None)
