import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_openai.chat_models import _client_utils

from agent.cli.frame import run as balas
from tests.scenarios.test_format import CONTRACT

Write = Callable[..., Path]

WITHOUT_MODEL = CONTRACT.replace("model: recorded ", "model: offline ").replace(
    ', {judge: "friendly, at most three sentences"}', ""
)
WITHOUT_MODEL = WITHOUT_MODEL.replace(r'"KS-\\d{5}"', r'"[A-Z]{3}\\."')
"""The example of the contract without what needs a language model."""


def run(shop: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """`balas test`: exit code and standard output. The client of models is kept for one event loop, and each command has its own."""
    _client_utils._cached_async_httpx_client.cache_clear()
    code = balas(["test", "-c", str(shop / "agent.yaml"), *words])
    return code, capsys.readouterr().out


def test_the_example_of_the_contract_is_as_expected(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(WITHOUT_MODEL)
    code, out = run(shop, capsys)
    assert code == 0, out
    assert "1 of 1 scenarios as expected" in out


QUESTION = "turns:\n  - customer: jam berapa toko buka?\n    expect: [{EXPECT}]\n"
ORDER = (
    "actions: {get_order: {return: {id: KS-10234, status: dikirim, courier: JNE}}}\n"
    "turns:\n  - customer: pesanan KS-10234 sudah sampai mana?\n    expect: [{EXPECT}]\n"
)


@pytest.mark.parametrize(
    ("text", "right", "wrong", "key", "found"),
    [
        (QUESTION, "reply: '07.00'", "reply: '09.00'", "reply.contains", "07.00"),
        (QUESTION, "reply: {contains: [[pukul, jam]]}", "reply: {contains: [[tutup, libur]]}", "reply.contains", "07.00"),
        (QUESTION, "reply: {not_contains: maaf}", "reply: {not_contains: JAM}", "reply.not_contains", "jam"),
        (QUESTION, "reply: {matches: '\\d\\d\\.00'}", "reply: {matches: '\\d{5}'}", "reply.matches", "07.00"),
        (QUESTION, "replies: 1", "replies: 2", "replies", "1"),
        (QUESTION, "silent: false", "silent: true", "silent", "07.00"),
        (QUESTION, "passage: jam.md", "passage: menu.csv", "passage", "jam.md"),
        (QUESTION, "not_passage: menu.csv", "not_passage: jam.md", "not_passage", "jam.md"),
        (QUESTION, "payment: false", "payment: true", "payment", "no payment code"),
        (QUESTION, "handover: false", "handover: true", "handover", "no handover"),
        (QUESTION, "language: id", "language: en", "language", "id"),
        (QUESTION, "followup: kode", "followup: lain", "followup", "kode after 1h30m"),
        (QUESTION, "followup: {rule: kode, after: 90m}", "followup: {after: 3h}", "followup", "1h30m"),
        (QUESTION, "not_tag: vip", "tag: vip", "tag", "no tags"),
        (ORDER, "called: get_order", "called: cancel_order", "called", "get_order"),
        (ORDER, "called: {get_order: {order_id: KS-10234}}", "called: {get_order: {order_id: KS-1}}", "called", "KS-10234"),
        (ORDER, "called: {get_order: {phone: '+6281234567890'}}", "called: {get_order: {phone: '+62'}}", "called", "+6281234567890"),
        (ORDER, "not_called: [cancel_order]", "not_called: [get_order]", "not_called", "get_order"),
        (ORDER, "not_called: {get_order: {order_id: KS-1}}", "not_called: {get_order: {order_id: KS-10234}}", "not_called", "get_order"),
    ],
)  # fmt: skip
def test_a_wrong_expectation_names_file_turn_expectation_and_difference(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str], text: str, right: str, wrong: str, key: str, found: str
) -> None:  # fmt: skip
    scenario(text.replace("EXPECT", right), "right")
    path = scenario(text.replace("EXPECT", wrong), "wrong")
    code, out = run(shop, capsys, "--json")
    results = {each["name"]: each for each in json.loads(out)["scenarios"]}
    assert results["right"]["passed"], results["right"]
    assert code == 1
    failed = results["wrong"]["runs"][0]["failed"]
    assert [(each["turn"], each["expectation"]) for each in failed] == [(1, key)]
    assert failed[0]["line"] == 1 + path.read_text().splitlines().index(
        next(x for x in path.read_text().splitlines() if "expect" in x)
    )
    assert found in failed[0]["found"]


def test_a_failure_shows_the_conversation_the_expectation_what_came_and_the_steps(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario(ORDER.replace("EXPECT", "reply: TIKI"))
    code, out = run(shop, capsys)
    assert code == 1
    for shown in (
        "👤 pesanan KS-10234 sudah sampai mana?", f"{path}:4: turn 1, reply.contains", "'TIKI'", "JNE",
        "action get_order(order_id='KS-10234') → done", "0 of 1 scenarios",
    ):  # fmt: skip
        assert shown in out


def test_an_action_without_an_answer_fails_the_scenario(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario("turns:\n  - customer: pesanan KS-10234 sudah sampai mana?\n")
    code, out = run(shop, capsys)
    assert code == 1
    assert "get_order(order_id='KS-10234'" in out
    assert "does not name it" in out


def test_an_action_that_waits_for_a_yes_is_not_called_and_then_is(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(
        "actions: {cancel_order: {return: {status: dibatalkan}}}\n"
        "turns:\n"
        "  - {customer: batalkan pesanan KS-10234, expect: [{not_called: cancel_order}, {reply: 'Batalkan pesanan KS-10234?'}]}\n"
        "  - {customer: ya, expect: [{called: {cancel_order: {order_id: KS-10234}}}]}\n"
    )
    assert run(shop, capsys)[0] == 0


@pytest.mark.parametrize(
    ("fault", "replies"),
    [
        ("429, retry_after: 1s", 1),
        ("500", 1),
        ("503, times: 3", 1),
        ("449", 1),
        ("timeout", 1),
        ("lost", 1),
        ("400", 0),
    ],
)
def test_what_the_platform_does_to_a_send_never_doubles_it(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str], fault: str, replies: int
) -> None:
    scenario(
        f"turns:\n  - platform: {{fail: {fault}}}\n  - customer: jam berapa toko buka?\n    expect: [{{replies: {replies}}}]\n"
        "  - {wait: 30m, expect: {silent: true}}\n"
    )
    code, out = run(shop, capsys)
    assert code == 0, out


def test_waiting_moves_hours_windows_and_expiries(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = shop / "agent.yaml"
    hours = 'conversation:\n  hours: {mon-sun: "08:00-20:00", outside: Kami sedang tutup.}\n'
    agent.write_text(agent.read_text().replace("conversation:\n", hours))
    scenario(
        "now: 2026-11-30T18:00:00\n"
        "turns:\n"
        "  - {customer: bayar 50rb, expect: [{payment: {amount: 50000, state: open}}]}\n"
        "  - {wait: 16m, expect: [{reply: kedaluwarsa}, {payment: {state: expired}}]}\n"
        "  - {wait: 3h, expect: [{reply: kode bayar}]}\n"
        "  - {customer: jam berapa toko buka?, expect: [{reply: sedang tutup}]}\n"
    )
    code, out = run(shop, capsys)
    assert code == 0, out


def test_a_voice_note_says_what_the_scenario_gives_it(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(
        "turns:\n  - customer: {voice: notes/harga.ogg, text: jam berapa toko buka?}\n    expect: [{reply: '07.00'}]\n"
    )
    code, out = run(shop, capsys)
    assert code == 0, out


def test_a_runaway_expression_is_an_error_and_no_hang(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(QUESTION.replace("EXPECT", "reply: {matches: '^(([\\w .,:]+)+)+\\x00$'}"))
    code, out = run(shop, capsys)
    assert code == 1
    assert "reply.matches" in out


def test_a_scenario_that_takes_too_long_is_stopped_and_the_others_run(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = shop / "agent.yaml"
    slow = "  - python: slow.py:sleep_well\n    examples: [tidur dulu]\n"
    (shop / "slow.py").write_text(
        'import asyncio\n\n\nasync def sleep_well() -> str:\n    """Tidur."""\n    await asyncio.sleep(3600)\n    return "ya"\n'
    )
    agent.write_text(agent.read_text().replace("  - builtin: hand_over\n", slow + "  - builtin: hand_over\n"))
    scenario("actions: live\nturns:\n  - customer: tidur dulu\n", "hangs")
    scenario(QUESTION.replace("EXPECT", "replies: 1"), "fine")
    code, out = run(shop, capsys, "--timeout", "30", "--json")
    results = {each["name"]: each for each in json.loads(out)["scenarios"]}
    assert code == 1
    assert "longer than 30 s" in results["hangs"]["runs"][0]["error"]
    assert results["fine"]["passed"]


def test_a_broken_file_is_reported_with_its_line_beside_the_others(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario("turns:\n  - custmer: hi\n", "broken")
    scenario(QUESTION.replace("EXPECT", "replies: 1"), "fine")
    code, out = run(shop, capsys)
    assert code == 1
    assert f"{path}:2:5: unknown key `custmer`" in out
    assert "1 of 2 scenarios as expected" in out


def test_reports_are_written_for_machines_and_people(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    path = scenario(QUESTION.replace("EXPECT", "reply: '<b>&'"), "wrong")
    scenario(QUESTION.replace("EXPECT", "replies: 1"), "fine")
    code, out = run(shop, capsys, "--junit", str(shop / "out/j.xml"), "--html", str(shop / "out/h.html"), "--github")
    assert code == 1
    cases = {case.get("name"): case for case in ET.parse(shop / "out/j.xml").getroot().iter("testcase")}  # noqa: S314
    assert cases["fine"].find("failure") is None
    failure = cases["wrong"].find("failure")
    assert failure is not None
    assert "<b>&" in str(failure.get("message"))
    page = (shop / "out/h.html").read_text()
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    assert f"::error file={path},line=3,title=wrong::reply.contains" in out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "::error" in run(shop, capsys)[1]


def test_exit_codes_and_choosing(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    fine = scenario(QUESTION.replace("EXPECT", "replies: 1"), "fine")
    scenario("name: Kopi\n" + QUESTION.replace("EXPECT", "replies: 9"), "wrong")
    assert run(shop, capsys, str(fine))[0] == 0
    assert run(shop, capsys, "-k", "FINE")[0] == 0
    assert run(shop, capsys, "-k", "kopi")[0] == 1
    assert run(shop, capsys, "-k", "nothing like it")[0] == 1
    assert run(shop, capsys, str(shop / "gone.yaml"))[0] == 2
    assert run(shop, capsys, "--nonsense")[0] == 2


def test_runs_are_counted_and_a_share_may_suffice(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario("runs: 3\n" + QUESTION.replace("EXPECT", "replies: 1"))
    code, out = run(shop, capsys, "--json")
    assert code == 0
    assert len(json.loads(out)["scenarios"][0]["runs"]) == 3


def test_two_files_may_have_one_name(shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        scenario("name: Sama\n" + QUESTION.replace("EXPECT", "replies: 1"), name)
    code, out = run(shop, capsys)
    assert code == 0
    assert "tests/a.yaml" in out
    assert "tests/b.yaml" in out


def test_a_hundred_scenarios_take_less_than_a_minute(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(100):
        scenario(QUESTION.replace("EXPECT", "reply: '07.00'") + "  - wait: 2h\n", f"s{number:03}")
    before = os.times()
    code, out = run(shop, capsys)
    after = os.times()
    assert code == 0, out
    used = sum(after[:4]) - sum(
        before[:4]
    )  # CPU seconds, also of processes that have ended: what others use does not count
    assert used < 60


def test_results_are_told_in_the_order_of_the_files(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = "  - customer: jam berapa toko buka?\n"
    for number, turns in enumerate((12, 1, 6, 1, 3, 1)):
        scenario("turns:\n" + turn * turns, f"s{number}")
    scenario("turns: 3\n", "s9")
    code, out = run(shop, capsys, "-n", "7")
    assert code == 1
    told = [line.split()[2] for line in out.splitlines() if line[:1] in "✓✗"]
    assert told == ["s0", "s1", "s2", "s3", "s4", "s5", "s9"]
