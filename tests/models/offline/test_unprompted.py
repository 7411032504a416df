"""What the offline model writes when the business asks for a message: nothing that the instruction only seems to wish."""

import pytest

from agent.models.offline.dialogue import Dialogue, Tool
from agent.models.offline.model import Say, next_step

HAND_OVER = Tool("hand_over", "Give the conversation to a human.", ("saya mau bicara dengan orang",), {})


@pytest.mark.parametrize("language", ["id", "en", "ms"])
def test_an_instruction_is_no_wish_of_the_customer(language: str) -> None:
    said = (
        "[The business asks you to write.]\nAsk for a human, remind of the open payment: saya mau bicara dengan orang",
    )
    step = next_step(Dialogue(said=said, tools=(HAND_OVER,), unprompted=True, language=language), "Melati")
    assert isinstance(step, Say)
    assert step.text.endswith("?")
