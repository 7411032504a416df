import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from agent.config import ConfigErrors
from agent.errors import InputError
from agent.scenarios.format import load, loads, schema

Write = Callable[..., Path]

CONTRACT = r"""
name: Order status                     # default: the file's name
contact: {phone: "+6281234567801", first_name: Budi, language: id, tags: [vip]}
now: 2026-11-30T10:00:00+07:00         # the conversation's clock; default: now
model: recorded                        # recorded (a cassette beside the file) · live · offline
actions:                               # what actions answer here
  get_order:
    - {when: {order_id: KS-10234}, return: {status: dikirim, courier: JNE}}      # as the API's JSON body, before `response.pick`
    - {fail: 404}
turns:
  - customer: pesanan KS-10234 sudah sampai mana?
    expect:
      - reply: {contains: [dikirim, JNE], not_contains: maaf, matches: "KS-\\d{5}"}
      - called: {get_order: {order_id: KS-10234}}
      - not_called: cancel_order
  - customer: [halo, mau tanya, harga kopi susu?]        # a burst: one reply
    expect: [{replies: 1}, {passage: menu.csv}]
  - customer: {voice: notes/harga.ogg}                   # also {image: …}, {file: …}, {location: [lat, lon]}; with `text:` beside it
  - platform: {fail: 429, retry_after: 1s, times: 2}     # what the platform does to the next sends: a status, `timeout`, or `lost`
  - colleague: saya bantu ya                             # a human writes
  - wait: 2h                                             # moves the clock; follow-ups and expiries happen
    expect: [{reply: {contains: kode bayar}}]
  - customer: bayar 50rb
    expect: [{payment: {amount: 50000}}, {handover: false}, {language: id}, {judge: "friendly, at most three sentences"}]
"""


def errors(path: Path) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(path)
    return [str(error).removeprefix(f"{path}:") for error in caught.value.errors]


def test_the_example_of_the_contract_is_a_scenario(scenario: Write) -> None:
    found = load(scenario(CONTRACT))
    assert found.name == "Order status"
    assert [message.text for message in found.settings.turns[1].messages] == ["halo", "mau tanya", "harga kopi susu?"]  # type: ignore[index]
    assert found.cassette.name == "order_status.cassette.yaml"


def test_the_schema_takes_the_example_and_refuses_a_wrong_key() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(json.dumps(schema())))
    document = YAML(typ="safe").load(CONTRACT.replace("2026-11-30T10:00:00+07:00", "'2026-11-30T10:00:00+07:00'"))
    assert list(validator.iter_errors(document)) == []
    document["turns"][0]["expct"] = []
    assert list(validator.iter_errors(document))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("turns:\n  - custmer: hi\n", "2:5", "did you mean `customer`"),
        ("turns:\n  - {customer: hi, expect: []}\n", "2:28", "could never fail"),
        ("turns:\n  - {customer: hi, expect: [{}]}\n", "2:29", "could never fail"),
        ("turns:\n  - {customer: hi, expect: [{reply: {}}]}\n", "2:37", "could never fail"),
        ("turns:\n  - {customer: hi, expect: [{reply: {contains: []}}]}\n", "2:37", "could never fail"),
        ("turns:\n  - {customer: hi, expect: [{reply: {contains: ' '}}]}\n", "2:37", "white space"),
        ("turns:\n  - {customer: hi, expect: [{called: {}}]}\n", "2:29", "could never fail"),
        ("turns:\n  - {customer: hi, expect: [{tag: }]}\n", "2:29", "could never fail"),
        ("turns:\n  - customer: hi\n    expect: [{reply: {matches: 'a(b'}}]\n", "3:32", "not a regular expression"),
        ("turns:\n  - customer: hi\n    expect: [{reply: {matches: '.*'}}]\n", "3:32", "can never fail"),
        ("turns:\n  - customer: hi\n    expect: [{replies: two}]\n", "3:24", "whole number"),
        ("turns:\n  - customer: {voice: nope.ogg}\n", "2:5", "nope.ogg is not there"),
        ("turns:\n  - customer: {voice: a.ogg, image: b.png}\n", "2:15", "one of voice and image"),
        ("turns:\n  - customer: ''\n", "2:15", ""),
        ("turns:\n  - {customer: hi, wait: 2h}\n", "2:5", "customer and wait"),
        ("turns:\n  - {wait: 2}\n", "2:12", "not a duration"),
        ("turns:\n  - {wait: 0s}\n", "2:5", "longer than 0s"),
        ("turns:\n  - platform: {fail: 200}\n", "2:15", "400 to 599"),
        ("turns:\n  - platform: {fail: gone}\n", "2:22", "timeout"),
        ("turns:\n\t- customer: hi\n", "2:1", "tab"),
        ("turns: []\n", "1:8", "empty"),
        ("name: x\n", "1:1", "needs `turns:`"),
        ("", "1:1", "empty"),
        ("[1, 2]", "1:1", "list"),
        ("turns:\n  - customer: hi\nactions: {a: [{when: {}, return: 1, fail: 404}]}\n", "3:15", "either"),
        ("turns:\n  - customer: hi\nactions: {a: [{when: {}}]}\n", "3:15", "either"),
        ("contact: {phone: abc}\nturns:\n  - customer: hi\n", "1:18", "abc"),
        ("simulate: {persona: a, goal: b}\n", "1:1", "expect"),
        ("turns:\n  - customer: hi\nsimulate: {persona: a, goal: b}\n", "1:1", "mutually exclusive"),
        ("turns:\n  - customer: &a [*a]\n", "2:15", "alias"),
        ("turns:\n  - customer: hi\nmin_pass_rate: 0\n", "3:16", "more than 0"),
        ("turns:\n  - customer: hi\nnow: soon\n", "3:6", "soon"),
        ("turns:\n  - customer: hi\nnow: 2026-13-45T10:00\n", "3:6", "month"),
        ("turns:\n  - customer: hi\nnow: 9999-12-31T23:00\n", "3:6", "from 1990 to 2100"),
        ("turns:\n  - customer: hi\nnow: 0001-01-01T00:00:00+14:00\n", "3:6", "from 1990 to 2100"),
        ("turns:\n  - customer: hi\nnow: 2026-02-30T10:00\n", "3:6", "day"),
        ("turns:\n  - customer: hi\nnow: 2026-11-30T25:00\n", "3:6", "2026-11-30T25:00"),
        ("turns:\n  - {customer: hi, expect: }\n", "2:5", "`expect` is empty"),
        ("turns:\n  - customer: hi\nexpect:\n", "1:1", "`expect` is empty"),
        ("turns:\n  - customer: 42\n", "2:15", "must be text"),
        ("turns:\n  - customer: [hi, 42]\n", "2:20", "must be text"),
        ("turns:\n  - customer: hi\nturns: []\n", "3:1", "given twice"),
        ("turns:\n  - event: nope\n", "2:12", "there is no event 'nope'; there are contact.created"),
        ("turns:\n  - event: tag.added\n", "2:12", "say more of it"),
        ("turns:\n  - event: {tag.added: }\n", "2:12", "is empty"),
        ("turns:\n  - event: {contact.created: 4}\n", "2:30", "must be null"),
        ("turns:\n  - event: {contact.updated: {nme: x}}\n", "2:31", "unknown key `nme`"),
        ("turns:\n  - event: {tag.added: a, tag.removed: b}\n", "2:12", "one key"),
        ("turns:\n  - hook: {a: 1, b: 2}\n", "2:11", "one hook"),
        ("turns:\n  - broadcast: gone.yaml\n", "2:5", "gone.yaml is not there"),
        ("turns:\n  - {receivers: {fail: 500}, expect: {replies: 0}}\n", "2:5", "strikes at the next turn"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_column(scenario: Write, text: str, line: str, message: str) -> None:
    found = errors(scenario(text))
    assert any(each.startswith(f"{line}: ") and message in each for each in found), found


def test_a_large_file_is_read_and_a_huge_one_refused(scenario: Write) -> None:
    load(scenario("turns:\n" + "  - customer: halo\n" * 5_000))
    assert "surely not" in errors(scenario("turns:\n  - customer: " + "a" * 3_000_000))[0]


def test_anchors_may_be_used_for_what_repeats(scenario: Write) -> None:
    text = "turns:\n  - {customer: hi, expect: &fine [{replies: 1}]}\n  - {customer: hi again, expect: *fine}\n"
    turns = load(scenario(text)).settings.turns or ()
    assert turns[0].expect == turns[1].expect


def test_a_file_that_is_not_there_is_an_input_error(shop: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(shop / "tests" / "gone.yaml")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(b"turns:\n  - customer: \xf0\x9f\x92\xa9\n")
@example(b"turns: {a: &x {<<: *x}}")
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: f"turns:\n  - customer: {text}\n".encode("utf-8", "surrogatepass"))
)
def test_whatever_stands_in_a_file_is_a_scenario_or_has_errors_with_a_place(data: bytes) -> None:
    assert all(line >= 1 and column >= 1 for line, column in _places(data))


def _places(data: bytes) -> list[tuple[int, int]]:
    """Where the errors stand; none for a scenario."""
    try:
        loads(data, Path("tests/any.yaml"), environment={})
    except ConfigErrors as error:
        return [(each.mark.line, each.mark.column) for each in error.errors]
    return []
