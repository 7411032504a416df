"""`balas knowledge`: what it prints, where, and how it ends."""

import asyncio
import json
import os
import pty
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.assembly import open_ledger
from agent.cli.frame import run
from agent.config import load
from agent.ledger.knowledge import note_gap
from settings.clock import now
from tests.knowledge.samples import pdf
from tests.processes import program

FAQ = "# Toko\n\n## Jam buka?\n\nPukul 08.17 sampai 21.00.\n\n## Ongkir?\n\nLima belas ribu ke Bandung.\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/faq.md").write_text(FAQ)
    (tmp_path / "docs/pindai.pdf").write_bytes(pdf(b""))
    (tmp_path / "harga.csv").write_text("produk,harga\nKopi Susu,25000\n")
    write(tmp_path, "docs/*", "{path: harga.csv, volatile: true}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, *sources: str) -> None:
    (folder / "agent.yaml").write_text(
        f"name: Melati\ninstructions: B\nvoice: {{model: none}}\nknowledge: {{sources: [{', '.join(sources)}]}}\n"
    )


def balas(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["knowledge", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code, out, _ = balas(capsys, *words, "--json")
    assert code == 0
    return json.loads(out)


def test_a_sync_tells_what_changed_and_what_could_not_be_read(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = balas(capsys, "sync")
    assert (code, out.splitlines()) == (
        0,
        ["harga.csv: 1 added, 0 changed, 0 unchanged, 0 removed", "docs/*: 2 added, 0 changed, 0 unchanged, 0 removed"],
    )
    assert "docs/pindai.pdf: the PDF holds no text, only pictures of pages; run it through OCR first" in err
    (shop / "harga.csv").write_text("produk,harga\nKopi Susu,26000\n")
    report = told(capsys, "sync", "harga.csv")
    [source] = report["sources"]
    assert (source["source"], source["changed"], source["error"]) == ("harga.csv", 1, None)


def test_a_source_that_fails_ends_a_sync_with_3_and_an_unknown_one_with_1(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "harga.csv").unlink()
    code, _, err = balas(capsys, "sync")
    assert code == 3
    assert "failing since" in err
    assert "there is no file" in err
    code, _, err = balas(capsys, "sync", "hargaa.csv")
    assert (code, err.count("\n")) == (1, 1)
    assert "hargaa.csv is not a source; the sources are: docs/*, harga.csv" in err


def test_without_sources_there_is_nothing_to_sync_and_that_is_fine(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop)
    assert balas(capsys, "sync")[0] == 0


def test_a_search_shows_what_the_model_would_get(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    balas(capsys, "sync")
    code, out, err = balas(capsys, "search", "jam brp bukanya kak")
    assert code == 0
    assert "docs/faq.md#1  Toko > Jam buka?" in out
    assert "      Pukul 08.17 sampai 21.00." in out
    assert "confidence" in err
    found = told(capsys, "search", "harga kopi susu", "--limit", "1")
    [hit] = found["hits"]
    assert (hit["source"], hit["volatile"], hit["stale"]) == ("harga.csv", True, False)
    assert "about something else" in balas(capsys, "search", "siapa presiden prancis")[2]
    assert balas(capsys, "search")[0] == 2


def test_a_search_before_the_first_sync_says_so(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = balas(capsys, "search", "jam buka")
    assert code == 1
    assert "run `balas knowledge sync` first" in err


def test_the_list_shows_each_source_and_names_what_could_not_be_read(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert "never" in balas(capsys, "list")[1]
    balas(capsys, "sync")
    code, out, err = balas(capsys, "list")
    assert code == 0
    assert "harga.csv (volatile)" in out
    assert "good, 1 unread" in out
    assert "docs/pindai.pdf: the PDF holds no text" in err
    assert [(one["id"], one["passages"]) for one in told(capsys, "list")] == [("docs/*", 2), ("harga.csv", 1)]


def test_an_evaluation_prints_shares_and_misses(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    balas(capsys, "sync")
    lines = [
        {"query": "jam buka", "relevant": ["docs/faq.md#1"]},
        {"query": "harga kopi susu", "relevant": ["harga.csv"]},
        {"query": "ongkir bandung jam brp", "relevant": ["docs/faq.md#1"]},
        {"query": "buka jam brp", "relevant": ["docs/faq.md"]},
    ]
    (shop / "q.jsonl").write_text("\n".join(map(json.dumps, lines)))
    code, out, _ = balas(capsys, "eval", "q.jsonl", "--misses")
    assert code == 0
    assert "questions 4, keywords" in out
    assert "R@1    75.0 %" in out
    assert "ongkir bandung jam brp\n      rank 2; first was docs/faq.md#2" in out
    result = told(capsys, "eval", "q.jsonl")
    assert (result["recall_at_1"], result["recall_at_5"], len(result["misses"])) == (0.75, 1.0, 1)
    assert {"mrr", "latency_p50", "latency_p99"} <= result.keys()


@pytest.mark.parametrize(
    ("line", "said"), [("{", "q.jsonl:1"), ('{"query": "a"}', '"relevant" must be a list'), ("", "no question")]
)
def test_a_wrong_evaluation_file_is_the_user_s_mistake(
    shop: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    (shop / "q.jsonl").write_text(line)
    code, _, err = balas(capsys, "eval", "q.jsonl")
    assert (code, err.count("\n")) == (1, 1)
    assert said in err


def test_a_missing_evaluation_file_is_the_user_s_mistake(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = balas(capsys, "eval", "ada.jsonl")
    assert (code, "ada.jsonl" in err) == (1, True)


async def note(folder: Path, *questions: str) -> None:
    async with open_ledger(load(folder)) as database:
        for question in questions:
            await database.write(lambda connection, asked=question: note_gap(connection, asked, 0.1, None, now()))


def test_open_questions_are_listed_accepted_and_rejected(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert balas(capsys, "gaps") == (0, "", "No open questions.\n")
    asyncio.run(
        note(shop, "ada wifi gratis?", "wifi gratis ada ga", "udah open blm", "asdf qwer zxcv", "asdf qwer zxcv")
    )
    balas(capsys, "sync")
    assert [(one["question"], one["times"]) for one in told(capsys, "gaps")] == [
        ("ada wifi gratis?", 2),
        ("asdf qwer zxcv", 2),
        ("udah open blm", 1),
    ]
    wifi, noise, opening = (str(one["id"]) for one in told(capsys, "gaps"))
    assert balas(capsys, "gaps", "accept", wifi)[0] == 1, "neither an answer nor an entry"
    assert balas(capsys, "gaps", "accept", "99", "--answer", "x")[0] == 1
    code, _, err = balas(capsys, "gaps", "accept", wifi, "--alias-of", "docs/tidak.md#1")
    assert (code, "there is no passage docs/tidak.md#1" in err) == (1, True)
    assert not (shop / "knowledge").exists()
    code, out, _ = balas(capsys, "gaps", "accept", wifi, "--answer", "Ada, gratis.")
    assert (code, "learned.md" in out) == (0, True)
    assert balas(capsys, "gaps", "reject", noise)[0] == 0
    assert balas(capsys, "gaps", "accept", opening, "--alias-of", "docs/faq.md#1")[0] == 0
    assert "udah open blm" in (shop / "docs/faq.md").read_text()
    assert told(capsys, "gaps") == []
    balas(capsys, "sync")
    assert told(capsys, "search", "wifi gratis ada ga")["hits"][0]["answer"] == "Ada, gratis."
    assert told(capsys, "search", "udah open blm")["hits"][0]["id"] == "docs/faq.md#1"


def test_a_sync_at_a_terminal_shows_how_far_it_is(shop: Path) -> None:
    for n in range(150):
        (shop / f"docs/{n}.md").write_text(f"# Bab {n}\n\nisi nomor {n}\n")
    master, slave = pty.openpty()
    command = [*program(), "knowledge", "sync"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, stdout=slave, stderr=slave, stdin=slave, env=environment, cwd=shop)
    os.close(slave)
    shown = b""
    while process.poll() is None or select.select([master], [], [], 0)[0]:
        if select.select([master], [], [], 0.2)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
    os.close(master)
    assert process.wait() == 0
    assert "━" in shown.decode()
    assert "152/152" in shown.decode()
