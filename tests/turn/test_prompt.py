"""The prompt as a text: what is written here is what a language model reads."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.turn.prompt import _quoted
from agent.turn.retrieval import Retrieved
from bench.prompt import record, shares
from tests.ledger.messages import message
from tests.turn.harness import Desk, says

GOLDEN = Path(__file__).with_name("prompt.txt")


async def test_the_prompt_is_the_one_of_the_golden_file(desk: Desk) -> None:
    """To accept a new wording, read it and write it into `tests/turn/prompt.txt`."""
    desk.model.replies = [says("Jam 8.")]
    await desk.receive(message(1, "buka jam berapa?"))
    await desk.answer()
    asked = "\n\n".join(f"== {each.type} ==\n{each.text}" for each in desk.model.asked[0])
    assert f"{asked}\n" == GOLDEN.read_text()


async def test_what_changes_stands_in_the_last_message_only(desk: Desk) -> None:
    desk.model.replies = [says("Jam 8."), says("Ya.")]
    await desk.receive(message(1, "buka jam berapa?"))
    await desk.answer()
    await desk.receive(message(2, "hari minggu juga?"))
    await desk.answer()
    first, second = desk.model.asked
    assert first[0].text == second[0].text
    assert [each.text for each in second[1:-1]] == ["buka jam berapa?", "Jam 8."]
    assert "Now:" not in "".join(each.text for each in second[:-1])


async def test_that_no_passage_fits_is_said_only_where_there_is_a_knowledge_base(desk: Desk) -> None:
    class Empty:
        size = 0

        async def search(self, *args: object, **kwargs: object) -> Retrieved:
            raise AssertionError("an empty knowledge base is not searched")

    for knowledge, expected in ((None, False), (Empty(), True)):
        desk.knowledge = knowledge  # type: ignore[assignment]
        desk.model.replies = [says("Halo.")]
        await desk.receive(message(1 + expected, "halo"))
        await desk.answer()
        assert ("No passage" in desk.model.asked[-1][-1].text) is expected


@pytest.mark.parametrize("mark", ["[refused]", "[failed]", "[unknown]", "[confirm]"])
def test_each_outcome_is_explained_once(mark: str) -> None:
    assert GOLDEN.read_text().count(mark) == 1


@given(st.text())
def test_a_name_is_one_quoted_short_line_whatever_it_says(name: str) -> None:
    shown = _quoted(name)
    assert shown[0] == shown[-1] == '"'
    assert not shown[1:-1].replace('\\"', "").replace("\\\\", "").count('"')
    assert len(shown.splitlines()) <= 1
    assert "<" not in shown


async def test_most_of_a_prompt_repeats_the_one_before_it_over_a_recorded_conversation() -> None:
    found = shares(await record())
    assert len(found.tokens) == 12
    assert found.within >= 0.9
    assert found.between >= 0.8
