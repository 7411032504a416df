"""Questions without an answer: put together by what they ask for, and written down only when the owner accepts them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from knowledge.documents.passage import Passage
from knowledge.errors import NoPlace
from knowledge.gaps import clustered, with_aliases, without_private
from knowledge.store import Gap
from tests.knowledge.conftest import OpenKnowledge
from tests.knowledge.memory import MemoryStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def gaps(*questions: str | tuple[str, int]) -> list[Gap]:
    pairs = [one if isinstance(one, tuple) else (one, 1) for one in questions]
    return [Gap(n, question, 0.1, times, NOW, NOW) for n, (question, times) in enumerate(pairs, start=1)]


@pytest.mark.parametrize(
    "questions",
    [
        ["ada wifi gratis ga kak?", "wifi gratis ada?", "wifinya gratis ga"],
        ["bisa cod ga kak", "bisa COD?", "apakah bisa cod"],
        ["do you ship to Malaysia?", "can you ship to malaysia", "ship malaysia?"],
        ["boleh tempah meja untuk 10 orang?", "nak tempah meja 10 orang"],
    ],
)
def test_questions_for_the_same_are_one_cluster(questions: list[str]) -> None:
    [cluster] = clustered(gaps(*questions))
    assert (cluster.question, cluster.others, cluster.times) == (questions[0], tuple(questions[1:]), len(questions))


def test_questions_for_other_things_stay_apart_and_the_most_asked_comes_first() -> None:
    found = clustered(gaps("ada wifi gratis?", ("bisa bayar pakai ovo?", 4), "boleh bawa anjing?"))
    assert [cluster.question for cluster in found] == [
        "bisa bayar pakai ovo?",
        "ada wifi gratis?",
        "boleh bawa anjing?",
    ]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("hubungi 0812-3456-7890 atau a@b.co", "hubungi … atau …"),
        ("+62 812 3456 7890 ini nomor saya", "… ini nomor saya"),
        ("meja untuk 10 orang jam 19.30", "meja untuk 10 orang jam 19.30"),
    ],
)
def test_numbers_and_addresses_of_people_are_left_out(said: str, kept: str) -> None:
    assert without_private(said) == kept


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(gaps("ada wifi gratis ga kak?", "wifinya gratis ga", "udah open blm"))


async def test_an_accepted_answer_is_an_entry_that_answers_every_phrasing(
    tmp_path: Path, open_knowledge: OpenKnowledge
) -> None:
    (tmp_path / "a.md").write_text("# Toko\n\n## Jam buka?\n\nPukul delapan.\n")
    knowledge = await open_knowledge("a.md")
    await knowledge.sync()
    wifi, _ = await knowledge.gaps()
    file = await knowledge.accept_as_entry(wifi.id, "Ada, gratis untuk tamu.")
    assert file == tmp_path / "knowledge/learned.md"
    assert [cluster.question for cluster in await knowledge.gaps()] == ["udah open blm"]
    assert (await knowledge.search(["wifinya gratis ga"])).off_topic, "nothing changes before the next sync"
    await knowledge.sync()
    for question in (wifi.question, *wifi.others):
        hit = (await knowledge.search([question])).hits[0]
        assert (hit.source, hit.answer) == ("knowledge/learned.md", "Ada, gratis untuk tamu.")


async def test_an_accepted_phrasing_stands_in_the_front_matter_of_its_entry(
    tmp_path: Path, open_knowledge: OpenKnowledge, store: MemoryStore
) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: Toko # nama\n---\n## Jam buka?\n\nPukul delapan.\n")
    knowledge = await open_knowledge("a.md")
    await knowledge.sync()
    await knowledge.accept_as_alias(3, "a.md#1")
    text = (tmp_path / "a.md").read_text()
    assert "title: Toko # nama" in text
    assert text.endswith("## Jam buka?\n\nPukul delapan.\n")
    await knowledge.sync()
    assert [one.aliases for one in await store.passages()] == [("udah open blm",)]
    assert (await knowledge.search(["udah open blm"])).hits[0].answer == "Pukul delapan."


async def test_a_rejected_question_is_closed_and_nothing_is_written(
    tmp_path: Path, open_knowledge: OpenKnowledge
) -> None:
    knowledge = await open_knowledge()
    await knowledge.reject(1)
    assert [cluster.id for cluster in await knowledge.gaps()] == [3]
    assert not (tmp_path / "knowledge").exists()


async def test_a_phrasing_cannot_be_added_where_there_is_no_place_for_it(
    tmp_path: Path, open_knowledge: OpenKnowledge
) -> None:
    (tmp_path / "harga.csv").write_text("nama,harga\nkopi,18000\n")
    (tmp_path / "tanpa.txt").write_text("Tanpa judul sama sekali.\n")
    knowledge = await open_knowledge("harga.csv", "tanpa.txt")
    await knowledge.sync()
    for passage, said in (
        ("harga.csv#1", "entry of its own"),
        ("tanpa.txt#1", "entry of its own"),
        ("x#1", "no passage"),
    ):
        with pytest.raises(NoPlace, match=said):
            await knowledge.accept_as_alias(3, passage)
    assert len(await knowledge.gaps()) == 2, "what could not be written stays open"


def test_phrasings_that_are_a_list_for_the_whole_document_are_not_overwritten() -> None:
    with pytest.raises(NoPlace, match="make it `heading"):
        with_aliases("---\naliases: [buka]\n---\n# A\n", "A", ["open?"])


def test_an_alias_is_taken_for_the_passage_it_was_given_to() -> None:
    assert Passage("a#1", "a", "x", 0, 1, aliases=("y",)).hash != Passage("a#1", "a", "x", 0, 1).hash
