"""An evaluation asks questions whose relevant passages are known, and counts at which rank they were found."""

import json
from pathlib import Path

import pytest

from knowledge.errors import EvaluationError
from tests.knowledge.conftest import OpenKnowledge


async def test_an_evaluation_counts_ranks_and_names_the_misses(tmp_path: Path, open_knowledge: OpenKnowledge) -> None:
    (tmp_path / "a.md").write_text("# Jam buka\n\nPukul delapan.\n")
    (tmp_path / "b.md").write_text("# Retur\n\nTujuh hari.\n")
    knowledge = await open_knowledge("*.md")
    await knowledge.sync()
    lines = [
        {"query": "jam buka", "relevant": ["a.md#1"]},
        {"query": "retur", "relevant": ["b.md"]},
        {"query": "jam buka toko", "relevant": ["b.md"]},
    ]
    file = tmp_path / "q.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    result = await knowledge.evaluate(file)
    assert (result.questions, round(result.recall_at_1, 2)) == (3, 0.67)
    assert [miss.query for miss in result.misses] == ["jam buka toko"]
    file.write_text('{"query": "x", "relevant": ["a"]}\n{"query": "x"}\n')
    with pytest.raises(EvaluationError, match=r'q\.jsonl:2: "relevant" must be a list'):
        await knowledge.evaluate(file)
