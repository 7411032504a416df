"""`balas check --online` asks every configured platform, and names each."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from agent.cli.frame import run
from tests.acceptance.test_platforms import BY_NAME, KITS, Kit, entry
from tests.messaging.servers import running

BASE = {"name": "Melati", "instructions": "Jawab singkat.", "model": {"name": "offline"}, "voice": {"model": "none"}}


def write(folder: Path, messaging: object) -> None:
    with (folder / "agent.yaml").open("w") as file:
        YAML().dump(BASE | {"messaging": messaging}, file)


@pytest.mark.parametrize("kit", KITS, ids=lambda kit: kit.name)
def test_each_platform_is_asked_with_its_token(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with running(kit.make()) as server:
        write(tmp_path, entry(kit, server))
        assert run(["check", "--online"]) == 0
        assert "answers in" in capsys.readouterr().out
        write(tmp_path, entry(kit, server, token="wrong"))
        assert run(["check", "--online"]) == 3
        assert "messaging  FAILED" in capsys.readouterr().err


def test_several_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    unipile, zernio = BY_NAME["unipile"], BY_NAME["zernio"]
    with running(unipile.make()) as first, running(zernio.make()) as second:
        write(tmp_path, [entry(unipile, first), entry(zernio, second, name="sales")])
        assert run(["check", "--online"]) == 0
        shown = capsys.readouterr().out
        assert "messaging unipile" in shown
        assert "messaging sales" in shown


def test_a_workflow_for_numbers_is_told_where_no_platform_finds_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orang.csv").write_text("phone\n+6281234567802\n")
    flow = {"name": "pagi", "on": {"schedule": "0 9 * * *"}, "for": {"csv": "orang.csv"}, "do": [{"send": "Halo"}]}
    for platform, told in (("telegram", True), ("unipile", False)):
        facts = {
            "platform": platform,
            "token": "t",
            "webhook_secret": "s",
            "base_url": "https://x.example",
            "account": "a",
        }
        with (tmp_path / "agent.yaml").open("w") as file:
            YAML().dump(BASE | {"messaging": facts, "workflows": [flow]}, file)
        assert run(["check"]) == 0
        printed = capsys.readouterr()
        assert ("no configured platform finds contacts by number" in printed.out + printed.err) == told
