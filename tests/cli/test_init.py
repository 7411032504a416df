import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.frame import run
from agent.config import examine

PROMISED = ["agent.yaml", ".env.example", ".gitignore", "agent.schema.json", "documents/faq.md", "tests/jam_buka.yaml"]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "AELYST_TOKEN", "AELYST_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)


def test_the_written_agent_is_valid_and_nothing_in_it_is_doubtful(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path / "toko")]) == 0

    examination = examine(tmp_path / "toko")
    assert examination.errors == examination.warnings == ()
    assert examination.config is not None
    assert examination.config.actions
    for name in PROMISED:
        assert (tmp_path / "toko" / name).is_file()


def test_the_written_agent_answers_in_the_chat_with_no_account_and_no_network(tmp_path: Path) -> None:
    run(["init", str(tmp_path)])
    root = str(Path(__file__).parents[2])

    ended = subprocess.run(
        [sys.executable, "-m", "agent", "chat"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        input="jam berapa toko buka?\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stderr
    assert "08.00 sampai 20.00" in ended.stdout


def test_it_tells_what_it_wrote_and_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["init", str(tmp_path / "toko")])

    shown = capsys.readouterr().out
    assert all(f"  {name}\n" in shown for name in PROMISED)
    assert "balas chat" in shown


def test_an_empty_folder_may_exist_already(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path)]) == 0


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agent.yaml").write_text("mine")

    assert run(["init", str(tmp_path)]) == 1

    assert (tmp_path / "agent.yaml").read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["agent.yaml"]
    assert "has agent.yaml already; nothing was written" in capsys.readouterr().err


def test_a_file_in_the_way_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "toko").write_text("a file")

    assert run(["init", str(tmp_path / "toko")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_secrets_of_the_new_agent_stay_out_of_git(tmp_path: Path) -> None:
    run(["init", str(tmp_path)])

    assert ".env\n" in (tmp_path / ".gitignore").read_text()
    assert "=\n" in (tmp_path / ".env.example").read_text()
