"""What the documentation shows is taken by agent.yaml."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from actions.settings import ActionList

PAGE = Path(__file__).parents[2] / "docs" / "actions.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_documentation_is_valid(example: str) -> None:
    assert TypeAdapter(ActionList).validate_python(YAML(typ="safe").load(example)["actions"])


def test_the_documentation_has_examples() -> None:
    assert len(EXAMPLES) >= 3
