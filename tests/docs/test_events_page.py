"""The page on events: its way of checking a signature is right, in both languages."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.config import examine_text
from agent.workflows.sender import signature

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "events.md").read_text(encoding="utf-8")
BODY = b'{"event":"payment.paid","data":{"note":"kopi \xe2\x98\x95"}}'
RIGHT = signature("rahasia", BODY)


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(one for one in blocks if containing in one)


def test_the_python_example_takes_the_right_signature_and_no_other() -> None:
    names: dict[str, object] = {}
    exec(block("python", "is_genuine"), names)  # noqa: S102 - the page's own example
    is_genuine = names["is_genuine"]
    assert callable(is_genuine)
    assert is_genuine("rahasia", BODY, RIGHT)
    assert not is_genuine("rahasia", BODY + b" ", RIGHT)
    assert not is_genuine("lain", BODY, RIGHT)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_javascript_example_takes_the_right_signature_and_no_other(tmp_path: Path) -> None:
    script = tmp_path / "check.js"
    body = f"Buffer.from('{BODY.hex()}', 'hex')"
    calls = [f"isGenuine('rahasia', {body}, '{RIGHT}')", f"isGenuine('lain', {body}, '{RIGHT}')"]
    script.write_text(block("js", "isGenuine") + f"\nconsole.log({', '.join(calls)})\n", encoding="utf-8")
    answer = subprocess.run(["node", str(script)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "true false"


@pytest.mark.parametrize("page", ["events.md", "workflows.md"])
def test_the_examples_of_agent_yaml_are_right(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert found
    environment = {"SHIPPED_TOKEN": "a-long-token", "CRM_SECRET": "a-long-secret"}
    for example in found:
        looked = examine_text(f"name: Melati\ninstructions: Halo.\n{example}", environment=environment)
        assert [str(error) for error in looked.errors] == []
