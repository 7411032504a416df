"""What a scenario names and the agent does not have is an error with file, line and column."""

import asyncio
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from agent.config import ConfigErrors
from agent.config import load as load_agent
from agent.scenarios.format import loads
from agent.scenarios.play import play
from agent.scenarios.save import dumped
from agent.scenarios.stage import Stage, open_stage
from tests.scenarios.conftest import make_shop
from tests.scenarios.test_events import WORKFLOWS
from tests.scenarios.test_run import run

HI = "turns:\n  - customer: halo\n"
EXPECT = HI + "    expect: {EXPECT}\n"
UNKNOWN = {
    "platform": (
        "contact: {first_name: Budi, platform: nix}\n" + HI,
        "1:29",
        "contact.platform: there is no nix in messaging; there are ",
    ),
    "hook": (
        HI + "  - hook: {ordr: {id: 1}}\n",
        "3:12",
        "turns[1].hook.ordr: no workflow ordr with a hook; there are order",
    ),
    "workflow without a hook": (HI + "  - hook:\n      new: {id: 1}\n", "4:7", "no workflow new with a hook"),
    "answer": (
        "actions:\n  get_order: {return: {}}\n  get_ordr: {return: {}}\n" + HI,
        "3:3",
        "actions.get_ordr: there is no action get_ordr",
    ),
    "called": (
        EXPECT.replace("EXPECT", "called: cancel_ordr"),
        "3:14",
        "turns[0].expect.called: there is no action cancel_ordr",
    ),
    "called in a list": (
        HI + "    expect:\n      - replies: 1\n      - called: [get_order, cancel_ordr]\n",
        "5:9",
        "expect[1].called: there is no action",
    ),
    "called with arguments": (
        EXPECT.replace("EXPECT", "called: {get_ordr: {id: 1}}"),
        "3:23",
        "there is no action get_ordr",
    ),
    "not called": (EXPECT.replace("EXPECT", "not_called: cancel_ordr"), "3:14", "there is no action cancel_ordr"),
    "at the end": (
        HI + "expect:\n  - not_called: {cancel_ordr: {}}\n",
        "4:18",
        "expect[0].not_called.cancel_ordr: there is no action",
    ),
    "argument": (
        EXPECT.replace("EXPECT", "not_called: {get_order: {order: KS-10234}}"),
        "3:39",
        "no parameter order; there are order_id, phone",
    ),
    "argument of an answer": (
        "actions:\n  get_order:\n    - {fail: 404, when: {ordr_id: KS-1}}\n" + HI,
        "3:26",
        "[0].when.ordr_id: get_order has no parameter",
    ),
    "argument of one answer": (
        "actions:\n  get_order: {fail: 404, when: {ordr_id: KS-1}}\n" + HI,
        "2:33",
        "has no parameter ordr_id",
    ),
    "rule": (EXPECT.replace("EXPECT", "followup: {rule: kodee}"), "3:25", "there is no rule kodee; there are kode"),
    "document": (
        EXPECT.replace("EXPECT", "passage: [jam.md, menuu.csv]"),
        "3:14",
        "no document menuu.csv; there are jam.md, menu.csv",
    ),
    "document that is not to be found": (
        EXPECT.replace("EXPECT", "not_passage: menuu.csv"),
        "3:14",
        "there is no document menuu.csv",
    ),
    "time": (HI + "  - wait: 366d\n" * 11, "13:5", "more than 3660 days pass"),
}


def test_every_name_that_the_agent_does_not_have_is_told_at_its_place(
    shop: Path, scenario: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text() + WORKFLOWS)
    paths = {name: scenario(text, name.replace(" ", "_")) for name, (text, _, _) in UNKNOWN.items()}
    fine = "{get_order: {order_id: KS-10234, phone: '+6281234567890'}}"
    fine = f"[{{not_called: {fine}, followup: {{rule: kode}}}}, {{not_passage: https://a.example/}}]"
    scenario(EXPECT.replace("EXPECT", fine).replace("{[", "[").replace("]}", "]"), "fine")
    code, out = run(shop, capsys)
    assert code == 1
    for name, (_, place, message) in UNKNOWN.items():
        found = [line for line in out.splitlines() if line.startswith(f"{paths[name]}:")]
        assert len(found) == 1, (name, found)
        assert found[0].startswith(f"{paths[name]}:{place}: "), found
        assert message in found[0]
    assert f"1 of {len(UNKNOWN) + 1} scenarios as expected" in out
    code, out = run(shop, capsys, "--json", "-k", "rule")
    errors = json.loads(out)["scenarios"][0]["errors"]
    assert [(each["line"], each["column"]) for each in errors] == [(3, 25)]


WHOLE = r"""
name: Everything
contact: {phone: "+6281234567801", email: budi@example.com, first_name: Budi, language: id, tags: [vip], custom_fields: {city: Bandung}}
now: "2026-11-30T10:00:00+07:00"
model: offline
actions: {get_order: [{when: {order_id: KS-10234}, return: {status: dikirim}, times: 1}, {fail: 404}], cancel_order: {return: {}}}
turns:
- customer: "pesanan KS-10234?"
  expect: [{reply: {contains: [dikirim, [a, b]], not_contains: maaf, matches: "x+"}, called: {get_order: {order_id: KS-10234}}}]
- {customer: [halo, {voice: notes/harga.ogg, text: harga americano?}], expect: {replies: 1, passage: menu.csv, language: id}}
- {customer: {location: [-6.2, 106.8]}}
- {platform: {fail: 429, retry_after: 1s, times: 2}}
- {receivers: {fail: timeout}}
- {colleague: saya bantu}
- {wait: 2h, expect: [{followup: {rule: kode, after: 90m}, silent: false}]}
- {event: {tag.added: vip}, expect: {tag: vip, not_tag: x, note: a, posted: {"https://crm.example/": {a: 1}}}}
- {event: payment.paid}
- {customer: bayar 50rb, expect: [{payment: {amount: 50000, state: open}, handover: false, judge: friendly}]}
expect: {not_called: [cancel_order], lifecycle: Lead}
runs: 1
min_pass_rate: 0.5
"""
_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 3, 10**30, 1.5, float("nan"), float("inf"), "", " ", "x", "😀", "\ud800", "\x00", "KS-10234", "2h", "99999d", "-1s",
     "{a", "(", "2026-02-30", "timeout", "live", [], {}, [[]], [None], {"a": 1}, {"": ""}, {1: 2}, ["x", ["y"]], {"fail": 500}]
)  # fmt: skip


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(each for key, item in below for each in _places(item, (*place, key)))]


_BEGINS: dict[str, Any] = YAML(typ="safe").load(WHOLE)
_PLACES = [place for place in _places(_BEGINS) if place]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A scenario of which some values are others, some keys gone, misspelled or moved to where they do not belong."""
    whole = copy.deepcopy(_BEGINS)
    for place in draw(st.lists(st.sampled_from(_PLACES), min_size=1, max_size=3)):
        parent: Any = whole
        try:
            for part in place[:-1]:
                parent = parent[part]
            value = parent[place[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has removed it
        match draw(st.sampled_from(["value", "gone", "renamed", "moved"])):
            case "value":
                parent[place[-1]] = draw(_VALUES)
            case "gone":
                del parent[place[-1]]
            case "renamed" if isinstance(parent, dict):
                parent[f"{place[-1]}x"] = parent.pop(place[-1])
            case _:
                whole[draw(st.sampled_from(["name", "contact", "actions", "turns", "expect", "simulate"]))] = value
    return whole


@pytest.fixture(scope="module")
def unchanging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop"))


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(mutated(), min_size=8, max_size=8))
@example([_BEGINS])
def test_whatever_is_changed_in_a_scenario_is_told_with_its_place_or_played(
    unchanging: Path, changed: list[dict[str, Any]]
) -> None:
    async def try_all() -> None:
        async with open_stage(load_agent(unchanging), live=False) as stage:
            for each in changed:
                text = dumped(each).encode("utf-8", "surrogatepass")
                assert all(
                    line >= 1 and column >= 1 for line, column in await _places_of_errors(text, unchanging, stage)
                )

    asyncio.run(try_all())


async def _places_of_errors(text: bytes, shop: Path, stage: Stage) -> list[tuple[int, int]]:
    """Where the errors of a scenario stand; none when it was played."""
    try:
        found = loads(text, shop / "tests" / "any.yaml", environment={})
        await play(found, stage, lambda _: stage.offline())
    except ConfigErrors as error:
        return [(each.mark.line, each.mark.column) for each in error.errors]
    return []
