"""Files that no passage can come from are named before anything is started."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.cli.frame import run
from knowledge.errors import Unreadable
from knowledge.settings import KnowledgeSettings
from knowledge.sync.files import FileRef, find, inspect, read, unread_neighbours
from tests.knowledge.samples import line, locked, pdf


def found(folder: Path, *sources: Any, **settings: Any) -> list[tuple[int, str]]:
    parsed = KnowledgeSettings.model_validate({"sources": sources, **settings})
    return [(finding.source, finding.message) for finding in inspect(parsed, folder)]


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "baik.md").write_text("# Jam buka\n\nPukul delapan.\n")
    (folder / "kunci.pdf").write_bytes(locked(pdf(line("Rahasia perusahaan yang panjang."))))
    (folder / "pindai.pdf").write_bytes(pdf(b"", b""))
    (folder / "rusak.docx").write_bytes(b"bukan zip")
    (folder / "sebagian.pdf").write_bytes(pdf(line("Halaman ini memuat teks yang cukup panjang."), b""))
    (folder / "lama.doc").write_bytes(b"x")
    (folder / "foto.png").write_bytes(b"x")
    return tmp_path


def test_scans_broken_files_passwords_and_kinds_without_a_loader_are_named(documents: Path) -> None:
    messages = [message for _, message in found(documents, "docs/**/*")]
    assert [message.split(":")[0] for message in messages] == [
        "docs/kunci.pdf",
        "docs/pindai.pdf",
        "docs/rusak.docx",
        "docs/sebagian.pdf",
        "passed over, of a kind that cannot be read (save as DOCX, XLSX or PDF)",
    ]
    assert "password" in messages[0]
    assert "OCR" in messages[1]
    assert "not a readable DOCX" in messages[2]
    assert "pages without text (scanned?): 2" in messages[3]
    assert messages[4].endswith(": docs/lama.doc"), "a picture beside the documents is no mistake"


def test_good_files_and_addresses_are_no_finding(documents: Path) -> None:
    assert found(documents, "docs/*.md", "https://nirgendwo.invalid/faq") == []


def test_a_source_that_matches_nothing_readable_says_why(documents: Path) -> None:
    assert [message for _, message in found(documents, "docs/*.doc", "faq/*.md", "docs")] == [
        "docs/*.doc matches only files of kinds that cannot be read, e.g. docs/lama.doc; save them as DOCX, XLSX or PDF",
        "no file matches faq/*.md, seen from the folder of agent.yaml",
        "docs is a folder; write docs/**/* for every file in it that can be read",
    ]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("docs/**", "docs/** matches folders only; write docs/**/*"),
        ("docs/**.md", "docs/**.md is no pattern: ** stands for whole folders; write docs/**/*.md"),
        ("docs/a**.md", "write docs/a*/**/*.md"),
        ("docs/*.json", "docs/*.json matches only feeds, which are read when they are named: write docs/menu.json"),
        (f"docs/{'x' * 5_000}.md", "cannot be looked for: File name too long"),
        ("docs/pipa.md", "there is no file docs/pipa.md"),
        ("docs/nol.md", "there is no file docs/nol.md"),
        ("docs/lingkar.md", "there is no file docs/lingkar.md"),
        ("docs/lingkar.md/*.md", "no file matches"),
        ("docs/\0.md", "there is no file"),
    ],
)
def test_a_source_that_can_match_nothing_says_what_to_write(documents: Path, pattern: str, said: str) -> None:
    folder = documents / "docs"
    (folder / "menu.json").write_text("[]")
    os.mkfifo(folder / "pipa.md")
    (folder / "nol.md").symlink_to("/dev/zero")
    (folder / "lingkar.md").symlink_to("lingkar.md")
    [(_, message)] = found(documents, pattern)
    assert said in message
    assert beside(documents, "docs/*.md", pattern)


def test_a_glob_takes_no_hidden_files_and_names_the_feeds_that_it_skips(tmp_path: Path) -> None:
    folder = tmp_path / ".agent" / "docs"
    (folder / ".git").mkdir(parents=True)
    for name in ("a.md", ".b.md", "._c.md", "~$d.md", ".git/e.md", "menu.json", "harga.jsonl"):
        (folder / name).write_text('[{"nama": "Teh"}]')
    for pattern in ("docs/**/*", f"{folder}/**/*"):
        assert [Path(ref.id).name for ref in find(pattern, folder.parent)] == ["a.md"]
    assert [Path(ref.id).name for ref in find("docs/.b*", folder.parent)] == [".b.md"]
    assert [message for _, message in found(folder.parent, "docs/*", "docs/menu.json")] == [
        "passed over, since feeds are read only when they are named (name each as a source): docs/harga.jsonl"
    ]


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take no such names")
def test_a_name_in_another_charset_is_shown_with_its_bytes(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_text("# Kopi\n\nLima ribu.\n")
    (ref,) = find("*.md", tmp_path)
    assert ref.id == r"caf\xe9.md"


def test_a_file_that_grows_while_it_is_read_is_read_no_further_than_allowed(tmp_path: Path) -> None:
    endless = FileRef("nol.md", Path("/dev/zero"), "", 0)
    with pytest.raises(Unreadable, match=r"knowledge\.largest"):
        read(endless, 1000)


def test_a_file_that_is_missing_does_not_say_where_the_agent_lives(documents: Path) -> None:
    elsewhere = str(documents / "faq.md")
    assert [message for _, message in found(documents, "faq.md", elsewhere)] == [
        "there is no file faq.md, seen from the folder of agent.yaml",
        f"there is no file {elsewhere}",
    ]


def test_a_file_larger_than_allowed_is_named(documents: Path) -> None:
    [(_, message)] = found(documents, "docs/*.md", largest="10B")
    assert message.startswith("docs/baik.md: ")
    assert "`knowledge.largest`" in message


def test_check_tells_each_at_the_line_of_its_source_and_ends_well(
    documents: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(documents)
    (documents / "agent.yaml").write_text(
        "name: Melati\ninstructions: B\nvoice: {model: none}\n"
        "knowledge:\n  sources:\n    - docs/*.md\n    - path: docs/pindai.pdf\n    - docs/*.docx\n    - faq/*.md\n"
    )
    assert run(["check"]) == 0, "the agent runs with the rest"
    said = capsys.readouterr().err.splitlines()
    assert [told.split(": docs")[0].split(": no file")[0].split(": beside")[0] for told in said] == [
        "agent.yaml:6:7: warning: knowledge.sources[0]",
        "agent.yaml:7:13: warning: knowledge.sources[1].path",
        "agent.yaml:8:7: warning: knowledge.sources[2]",
        "agent.yaml:9:7: warning: knowledge.sources[3]",
    ]


def beside(base: Path, *patterns: str) -> list[tuple[int, str]]:
    settings = KnowledgeSettings.model_validate({"sources": list(patterns)})
    return [(found.source, found.message) for found in unread_neighbours(settings, base)]


def test_documents_beside_those_that_a_glob_matches_are_named(tmp_path: Path) -> None:
    (tmp_path / "docs" / "lama").mkdir(parents=True)
    for name in ("a.md", "b.txt", "lama/c.pdf", "d.doc", "foto.png", ".e.md"):
        (tmp_path / "docs" / name).write_text("x")
    (tmp_path / "README.md").write_text("x")

    reads_all = "docs/**/* reads every file of that folder"
    assert beside(tmp_path, "docs/*.md") == [
        (0, f"beside these, no source reads docs/b.txt, docs/d.doc, docs/lama/c.pdf; {reads_all}")
    ]
    assert beside(tmp_path, "docs/b.txt", "docs/**/*.md", "docs/**/*.pdf") == [
        (1, f"beside these, no source reads docs/d.doc; {reads_all}")
    ]
    assert beside(tmp_path, "docs/**/*") == [], "what cannot be read is named by `inspect`"
    assert beside(tmp_path, "*.txt", "docs/a.md") == []


def test_a_link_that_leads_out_of_the_folder_is_not_read_and_named(tmp_path: Path) -> None:
    outside, folder = tmp_path / "rahasia.txt", tmp_path / "agent" / "docs"
    folder.mkdir(parents=True)
    outside.write_text("Modal kami sepuluh juta rupiah.")
    (folder / "baik.md").write_text("# Jam buka\n\nPukul delapan.\n")
    (folder / "keluar.txt").symlink_to(outside)
    (folder / "lingkar").symlink_to(folder, target_is_directory=True)
    assert [ref.id for ref in find("docs/**/*", folder.parent)] == ["docs/baik.md"]
    (message,) = [message for _, message in found(folder.parent, "docs/**/*")]
    assert message.startswith("passed over, since they are links that lead out of the folder")
    assert message.endswith(": docs/keluar.txt")
    settings = KnowledgeSettings.model_validate({"sources": ["docs/**/*"]})
    assert unread_neighbours(settings, folder.parent) == []
