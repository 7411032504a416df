"""A corpus of conversations: nothing is refused that was said or found, nothing passes that only the model said."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from actions.parameters import Parameter
from actions.provenance import OFFERED, unsupported
from tests.actions.conftest import context

JAKARTA = ZoneInfo("Asia/Jakarta")


def corpus() -> list[tuple[str, Any, dict[str, Any], bool]]:
    groups = YAML(typ="safe").load((Path(__file__).parent / "data" / "provenance.yaml").read_text(encoding="utf-8"))
    return [
        (case["said"], value, case.get("found", {}), verdict == "ok")
        for cases in groups.values()
        for case in cases
        for verdict in ("ok", "no")
        for value in case[verdict]
    ]


def has_source(said: str, value: Any, found: dict[str, Any]) -> bool:
    names = ["conversation", *(name for name, result in found.items() if OFFERED not in result)]
    parameter = Parameter.model_validate({"from": names})
    told = context(said=[said], results={name: [result] for name, result in found.items()})
    return unsupported(value, parameter, parameter.source, told, JAKARTA) is None


def test_the_corpus_is_large_enough() -> None:
    assert len(corpus()) >= 200


def test_every_value_of_the_corpus_is_judged_rightly() -> None:
    assert not [case for case in corpus() if has_source(*case[:3]) != case[3]]


MONTHS = "January February March April May June July August September October November December".split()
FORMS = [
    "{y}-{m:02d}-{d:02d}", "{d}/{m}/{y}", "{d}.{m}.{y}", "{y}/{m}/{d}", "{name} {d}, {y}", "{name} {d}{th}, {y}", "{d} {name} {y}",
    "{d}{th} of {name} {y}", "{d}-{short}-{y}", "the {d}{th} of {name}, {y}", "{name} {d}{th} {y}",
]  # fmt: skip


def written(form: str, y: int, m: int, d: int) -> str:
    th = "th" if 10 < d % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(d % 10, "th")
    return form.format(y=y, m=m, d=d, th=th, name=MONTHS[m - 1], short=MONTHS[m - 1][:3])


DATES = st.tuples(st.integers(1950, 2040), st.integers(1, 12), st.integers(1, 28))


@given(DATES, st.sampled_from(FORMS))
def test_a_date_is_the_same_in_every_written_form(day: tuple[int, int, int], form: str) -> None:
    y, m, d = day
    assert has_source(f"it was on {written(form, *day)} I think", f"{y}-{m:02d}-{d:02d}", {})
    other = f"{y}-{m:02d}-{d % 28 + 1:02d}"
    swapped = f"{y}-{d:02d}-{m:02d}"  # `4/12` is two days
    assert other == swapped or not has_source(f"it was on {written(form, *day)} I think", other, {})


@given(DATES, st.sampled_from(FORMS), st.sampled_from(FORMS[:1] + FORMS[4:]))
def test_a_date_of_a_result_may_be_written_in_another_form(day: tuple[int, int, int], form: str, mine: str) -> None:
    found = {"get_booking": {"date": written(form, *day)}}
    assert has_source("same day", written(mine, *day), found)


def test_a_member_and_an_item_may_have_sources_of_their_own() -> None:
    parameter = Parameter.model_validate(
        {
            "type": "array",
            "from": "conversation",
            "items": {
                "type": "object",
                "properties": {
                    "item_id": {"from": "get_order"},
                    "note": {"from": "model"},
                    "count": {"type": "integer"},
                },
            },
        }
    )
    told = context(said=["dua yang KS-1111"], results={"get_order": [{"items": [{"id": "IT-2222"}]}]})

    def lacks(value: Any) -> Any:
        return unsupported(value, parameter, parameter.source, told, JAKARTA)

    assert lacks([{"item_id": "IT-2222", "note": "gift wrap", "count": 2}]) is None
    assert lacks([{"item_id": "KS-1111", "note": "", "count": 2}]) == "KS-1111", "said, but only the result counts"
    assert lacks([{"item_id": "IT-2222", "count": 3}]) == 3
    assert "from" not in str(parameter.json_schema()), "the model does not see where a value must come from"


def test_a_member_that_is_called_from_stays_in_the_schema() -> None:
    parameter = Parameter.model_validate(
        {"type": "object", "properties": {"from": {"type": "string", "from": "conversation"}}}
    )
    assert parameter.json_schema() == {"type": "object", "properties": {"from": {"type": "string"}}}


def test_sources_of_members_hold_where_the_whole_needs_none() -> None:
    parameter = Parameter.model_validate({"type": "object", "properties": {"id": {"from": "get_order"}, "why": {}}})
    told = context(said=["KS-1"], results={"get_order": [{"id": "IT-2"}]})
    assert unsupported({"id": "IT-2", "why": "anything"}, parameter, parameter.source, told, JAKARTA) is None
    assert unsupported({"id": "KS-1", "why": "anything"}, parameter, parameter.source, told, JAKARTA) == "KS-1"


def test_a_bound_source_of_a_member_is_an_error() -> None:
    with pytest.raises(ValueError, match="whole parameters only"):
        Parameter.model_validate({"type": "object", "properties": {"phone": {"from": "contact.phone"}}})
