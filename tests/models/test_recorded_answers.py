"""What small models really answered (Qwen2.5-Coder 0.5B and 1.5B over llama.cpp), and what the judge makes of it.

`answers/recorded.jsonl` holds a line an answer: its content, finish reason and tools as the server sent them, and one of `calls` (names and
arguments), `text` (as the customer may read it) or `rejected` (why the model is asked again).
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from agent.models.judge import Good, Repairable, judge

RECORDED = [
    json.loads(line) for line in (Path(__file__).parent / "answers" / "recorded.jsonl").read_text("utf-8").splitlines()
]
_RAW = re.compile(r"[{}<>\[\]]|\bobj\b|arguments|\btools?\b|\w_\w", re.IGNORECASE)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["answer"][:40] or "empty")
def test_an_answer_of_a_small_model_is_read_as_it_was_meant(recorded: dict[str, Any]) -> None:
    message = AIMessage(recorded["answer"], response_metadata={"finish_reason": recorded["finish_reason"]})
    match judge(message, recorded["tools"], "turn/1"):
        case Good(answer) if answer.tool_calls:
            assert [[call["name"], call["args"]] for call in answer.tool_calls] == recorded.get("calls")
        case Good(answer):
            assert answer.text == recorded.get("text")
        case Repairable(reason):
            assert reason == recorded.get("rejected")
        case verdict:
            pytest.fail(f"{verdict} would give up at once")


def test_no_text_of_a_small_model_holds_anything_raw() -> None:
    shown = [recorded["text"] for recorded in RECORDED if "text" in recorded]
    raw = [text for text in shown if _RAW.search(text)]
    assert shown
    assert raw == []
