import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from agent.app import Agent
from agent.cli.frame import run
from agent.cli.serve import running
from agent.config import examine, load
from agent.ledger import overview
from knowledge.sync.files import find, inspect
from messaging.sandbox import RunningSandbox, SandboxOptions
from tests.processes import program

PROMISED = [
    "agent.yaml",
    ".env.example",
    ".gitignore",
    "agent.schema.json",
    "docs/faq.md",
    "toko.py",
    "tests/jam_buka.yaml",
]


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
    assert "08.00 sampai 20.00" in chat(tmp_path, "jam berapa toko buka?\n")[0]


def chat(folder: Path, said: str) -> list[str]:
    """The replies of `balas chat` in a folder, a line each."""
    ended = subprocess.run(
        [*program(), "chat"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_every_readable_file_of_its_folder_is_read_and_what_is_not_is_named(tmp_path: Path) -> None:
    run(["init", str(tmp_path)])
    docs = tmp_path / "docs"
    (docs / "promo.txt").write_text("Promo akhir tahun berlaku untuk kertas.\n")
    (docs / "cabang").mkdir()
    (docs / "cabang" / "daftar.csv").write_text("kota,alamat\nCimahi,Jalan Raya 5\n")
    (docs / "halaman.html").write_text("<h1>Garansi</h1><p>Garansi printer dua tahun.</p>")
    (docs / "lama.doc").write_bytes(b"x")

    config = examine(tmp_path).config
    assert config is not None
    assert [found.message for found in inspect(config.knowledge, tmp_path)] == [
        "passed over, of a kind that cannot be read (save as DOCX, XLSX or PDF): docs/lama.doc"
    ]
    read = {ref.id for source in config.knowledge.sources for ref in find(source.path or "", tmp_path)}
    assert read == {
        f"docs/{name}" for name in ("faq.md", "harga.csv", "promo.txt", "cabang/daftar.csv", "halaman.html")
    }


def test_its_own_action_answers_the_customer_whose_order_it_is_and_nobody_else(tmp_path: Path) -> None:
    run(["init", str(tmp_path)])

    answers = chat(
        tmp_path, "pesanan TC-1234 sudah sampai mana?\n/as +6281999999999\npesanan TC-1234 sudah sampai mana?\n"
    )

    assert "JNE0012345" in answers[0]
    assert "JNE0012345" not in answers[1]
    assert "tidak ditemukan" in answers[1]


async def test_a_webhook_that_the_sandbox_signs_is_accepted_by_a_fresh_agent(tmp_path: Path) -> None:
    run(["init", str(tmp_path)])
    config = load(tmp_path)
    async with running(config, host="127.0.0.1", port=0) as (agent, address):
        name = config.platforms[0].effective_name
        options = SandboxOptions(port=0, webhook_url=f"{address}/webhooks/{name}")
        async with RunningSandbox(options) as sandbox:
            customer = sandbox.phone("+6281234567890")
            said = sandbox.say(customer, "halo")
            await asyncio.wait_for(accepted(agent), 30)
            assert said is not None


async def accepted(agent: Agent) -> None:
    while not (await agent.database.read(overview.counts)).tables["inbound"]:
        await asyncio.sleep(0.05)


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


def test_the_sample_is_written_in_english_too(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path), "--language", "en"]) == 0

    examination = examine(tmp_path)
    assert examination.errors == examination.warnings == ()
    greeting, hours, order = chat(tmp_path, "hi\nwhen are you open?\nwhere is my order TC-1234?\n")
    assert greeting.startswith("Hello")
    assert "08:00 to 20:00" in hours
    assert "JNE0012345" in order
    assert run(["test", "-c", str(tmp_path)]) == 0


def test_documents_that_are_there_already_are_what_it_answers_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "faq.md").write_text("# Blue Door\n\n## When are you open?\n\nEvery day, 7 am to 3 pm.\n")
    (tmp_path / "prices.csv").write_text("item,price\nCroissant,Rp4.000\n")
    (tmp_path / "README.md").write_text("# Notes of ours\n")
    (tmp_path / ".gitignore").write_text("mine\n")

    assert run(["init", str(tmp_path), "--language", "en"]) == 0

    shown = capsys.readouterr().out
    assert "It answers from what docs/ held already (1 documents)." in shown
    assert "Not read, since only docs/ is: prices.csv. Move into docs/" in shown
    assert "Blue Door" in (tmp_path / "docs" / "faq.md").read_text()
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert not (tmp_path / "shop.py").exists()
    examination = examine(tmp_path)
    assert examination.errors == examination.warnings == ()
    assert "7 am to 3 pm" in chat(tmp_path, "when are you open?\n")[0]


def test_a_file_in_the_way_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "toko").write_text("a file")

    assert run(["init", str(tmp_path / "toko")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_secrets_of_the_new_agent_stay_out_of_git(tmp_path: Path) -> None:
    run(["init", str(tmp_path)])

    assert ".env\n" in (tmp_path / ".gitignore").read_text()
    assert "=\n" in (tmp_path / ".env.example").read_text()
