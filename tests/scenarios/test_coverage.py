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


def test_the_sample_and_the_demo_come_with_scenarios_that_pass(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "AELYST_TOKEN", "QRIS_STATIC", "BALAS_MODEL", "SHOP_URL", "BALAS_VOICE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(ROOT)
    code, out = run(ROOT, capsys, "tests/scenarios", "examples/kopi_senja/script.yaml", "--timeout", "300")
    assert code == 0, out
    assert "4 of 4 scenarios as expected" in out
