import re
import textwrap
from pathlib import Path

import pytest

from agent.config import examine_text

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"^ *```yaml\n(.*?)^ *```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_examples_of_the_page_are_valid(block: str) -> None:
    text = block if re.search("^name:", block, re.MULTILINE) else f"name: A\ninstructions: B\n{block}"

    assert examine_text(text, environment={}).errors == ()


def test_the_page_has_examples() -> None:
    assert len(BLOCKS) >= 2
