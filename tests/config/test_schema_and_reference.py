import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from agent.config import AgentConfig
from agent.config.reference import page
from agent.config.schema import alternatives, is_model, json_schema

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "data" / "config" / "agent.example.yaml"
FILE = ROOT / "docs" / "agent.schema.json"
PAGE = ROOT / "docs" / "reference" / "agent-yaml.md"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
MINIMAL: dict[str, Any] = {"name": "A", "instructions": "B"}


def is_valid(**parts: Any) -> bool:
    return VALIDATOR.is_valid(MINIMAL | parts)


def test_the_schema_that_editors_read_is_the_one_of_the_settings() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == json_schema(), (
        f"settings have changed; run: balas check --schema > {FILE.relative_to(ROOT)}"
    )


def test_the_reference_page_is_the_one_of_the_settings() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        f"settings have changed; run: balas check --reference > {PAGE.relative_to(ROOT)}"
    )


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "file", [EXAMPLE, ROOT / "agent.yaml", ROOT / "agent" / "cli" / "starter" / "id" / "agent.yaml"]
)
def test_editors_find_nothing_wrong_with_our_own_files(file: Path) -> None:
    value = json.loads(json.dumps(YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))))

    problems = [f"{list(error.path)}: {error.message[:200]}" for error in _errors(value)]

    assert problems == []


def _errors(value: Any) -> list[jsonschema.ValidationError]:
    return list(VALIDATOR.iter_errors(value))


def test_editors_find_what_balas_check_finds() -> None:
    assert is_valid()
    assert not is_valid(modle={})
    assert not is_valid(model={"temperature": "hot"})
    assert not is_valid(model={"timeout": 60})
    assert not is_valid(messaging={"timeout": 60})
    assert not is_valid(messaging=[{"dialect": "both"}])
    assert is_valid(messaging=[{"platform": "aelyst"}, {"platform": "aelyst", "name": "sales"}])
    assert not is_valid(conversation={"hours": {"mon-fri": 8}})
    assert not is_valid(conversation={"hours": {"weekend": "08:00-12:00"}})
    assert not is_valid(actions=[{"builtin": "unheard_of"}])


def test_editors_accept_what_balas_check_accepts() -> None:
    assert is_valid(model={"temperature": "${HEAT:-0.2}", "timeout": "${LIMIT}", "fallbacks": ["a", {"name": "b"}]})
    assert is_valid(knowledge=None, actions=None)
    assert is_valid(knowledge={"sources": ["docs/*.md", {"url": "https://a.example"}]})
    assert is_valid(
        conversation={"hours": {"mon-fri": "08:00-21:00", "sat, sun": ["09:00-12:00"], "outside": {"id": "x"}}}
    )


def test_defaults_in_the_schema_are_written_as_people_write_them() -> None:
    text = json.dumps(json_schema())

    assert '"PT' not in text, "an ISO 8601 duration"
    assert "**********" not in text


def test_every_key_of_agent_yaml_is_described() -> None:
    assert [place for place, description in _fields(AgentConfig) if not description] == []


def test_every_link_of_the_reference_page_leads_to_a_heading() -> None:
    text = page()
    anchors = {_anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}

    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= anchors


def test_the_reference_page_names_every_key() -> None:
    text = page()

    for place, _ in _fields(AgentConfig):
        if not place.startswith("UnknownBuiltin"):
            assert f"| `{place.partition('.')[2]}` |" in text, place


def _anchor(heading: str) -> str:
    kept = [letter for letter in heading.lower().replace(" ", "-") if letter.isalnum() or letter in "-_"]
    return "".join(kept)


def _fields(root: type[BaseModel]) -> list[tuple[str, str | None]]:
    """Every field of every settings model below `root`, with its description."""
    from typing import get_args

    found: list[tuple[str, str | None]] = []
    waiting: list[Any] = [root]
    seen: set[Any] = set()
    while waiting:
        for each in alternatives(waiting.pop()):
            if is_model(each) and each not in seen:
                seen.add(each)
                for name, field in each.model_fields.items():
                    found.append((f"{each.__name__}.{field.alias or name}", field.description))
                    waiting.append(field.annotation)
            elif not is_model(each):
                waiting.extend(get_args(each))
    return found
