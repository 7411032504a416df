"""`embeddings: auto` is what is there: a model that was pulled, OpenAI's where there is a key for it, else none."""

from pathlib import Path

import pytest

from agent.config import load
from agent.config.summary import with_embeddings
from knowledge.settings import AUTO, EndpointSettings

HEAD = "name: A\ninstructions: B\n"


@pytest.mark.parametrize(
    ("model", "openai"),
    [
        ("{api_key: sk-1}", True),
        ("{}", False),
        ("{name: offline, api_key: sk-1}", False),
        ("{api_key: sk-1, base_url: 'http://127.0.0.1:1/v1'}", False),
    ],
)
def test_a_key_for_openai_brings_its_embeddings(tmp_path: Path, model: str, openai: bool) -> None:
    (tmp_path / "agent.yaml").write_text(f"{HEAD}model: {model}\n")
    config = load(tmp_path)
    chosen = with_embeddings(config).embeddings
    assert isinstance(chosen, EndpointSettings) is openai
    if isinstance(chosen, EndpointSettings):
        assert (chosen.model, chosen.api_key) == ("text-embedding-3-small", config.model.api_key)


def test_what_was_pulled_or_written_comes_first(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(f"{HEAD}model: {{api_key: sk-1}}\n")
    (tmp_path / AUTO).mkdir(parents=True)
    assert with_embeddings(load(tmp_path)).embeddings == "auto"
    (tmp_path / AUTO).rmdir()
    (tmp_path / "agent.yaml").write_text(f"{HEAD}model: {{api_key: sk-1}}\nknowledge: {{embeddings: none}}\n")
    assert with_embeddings(load(tmp_path)).embeddings == "none"
