import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.test_run import run

ROOT = Path(__file__).parents[2]


def test_coverage_lists_what_no_scenario_reached(
    shop: Path, scenario: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    agent = shop / "agent.yaml"
    text = "  on_failure: {id: Aduh rusak.}\n  handover: {text: {id: 'Sebentar {contact.first_name|Kak}, ya.'}, when"
    agent.write_text(agent.read_text().replace("  handover: {when", text))
    scenario(
        "actions: {get_order: {return: {status: dikirim}}}\n"
        "turns:\n"
        "  - {customer: pesanan KS-10234 sudah sampai mana?, expect: [{called: get_order}]}\n"
        "  - {customer: jam berapa toko buka?, expect: [{passage: jam.md}]}\n"
        "  - {wait: 2h, expect: [{followup: kode}]}\n"
        "  - {customer: saya mau bicara dengan admin, expect: [{handover: true}]}\n"
    )
    code, out = run(shop, capsys, "--json", "--coverage")
    assert code == 0, out
    found = json.loads(out)["coverage"]
    assert "cancel_order" in found["actions"]["missing"]
    assert "get_order" not in found["actions"]["missing"]
    assert found["sources"] == {"all": ["jam.md", "menu.csv"], "missing": ["menu.csv"]}
    assert found["rules"] == {"all": ["kode"], "missing": []}
    assert found["fixed texts"]["missing"] == ["conversation.on_failure"]
    assert "  not reached: menu.csv" in run(shop, capsys, "--coverage")[1]


def test_coverage_names_each_kind_of_what_is_missing(
    shop: Path, scenario: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    agent = shop / "agent.yaml"
    flow = "workflows:\n  - {name: vip, on: {tag.added: vip}, do: [{note: a}, {tag: {add: [b]}}]}\n"
    text = agent.read_text().replace("  handover: {when", "  on_failure: {id: Aduh rusak.}\n  handover: {when")
    agent.write_text(text + flow)
    scenario("turns:\n  - {customer: terima kasih}\n")
    code, out = run(shop, capsys, "--coverage", "--json")
    assert code == 0, out
    missing = {kind: found["missing"] for kind, found in json.loads(out)["coverage"].items()}
    assert missing["sources"] == ["jam.md", "menu.csv"]
    assert missing["rules"] == ["kode"]
    assert missing["fixed texts"] == ["conversation.on_failure"]
    assert missing["workflow steps"] == ["vip/1", "vip/2"]
    assert {"get_order", "cancel_order", "hand_over", "send_qris"} <= set(missing["actions"])
    shown = run(shop, capsys, "--coverage")[1]
    for name in ("get_order", "jam.md", "kode", "conversation.on_failure", "vip/2"):
        assert f"  not reached: {name}\n" in shown


def test_the_sample_and_the_demo_come_with_scenarios_that_pass(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "AELYST_TOKEN", "QRIS_STATIC", "BALAS_MODEL", "SHOP_URL", "BALAS_VOICE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(ROOT)
    code, out = run(ROOT, capsys, "tests/scenarios", "examples/kopi_senja/script.yaml", "--timeout", "300")
    assert code == 0, out
    assert "4 of 4 scenarios as expected" in out
