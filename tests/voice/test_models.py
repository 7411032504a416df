"""Whisper models: found on this machine, pulled once, never fetched while serving."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.voice.conftest import MODEL, SPOKEN
from tests.voice.servers import Reply, Request, Server, serve
from voice import VoiceSettings
from voice.errors import ModelBroken, ModelMissing, ToyModel
from voice.models import RELEASES, find, release

TINY = RELEASES["tiny"]


def hub(request: Request) -> Reply:
    """A Hugging Face Hub that has one model, at the commit we pin and on its branch main."""
    path = request.path.partition("?")[0]
    if path.startswith(f"/api/models/{TINY.repository}/tree/{TINY.revision}"):
        tree = [
            {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": _git_id(file.read_bytes())}
            for file in MODEL.iterdir()
        ]
        return Reply(headers={"Content-Type": "application/json"}, body=json.dumps(tree).encode())
    if path == f"/api/models/{TINY.repository}/revision/main":
        return Reply(body=json.dumps({"id": TINY.repository, "sha": TINY.revision, "siblings": []}).encode())
    prefix = f"/{TINY.repository}/resolve/{TINY.revision}/"
    if path.startswith(prefix) and (file := MODEL / path.removeprefix(prefix)).is_file():
        content = file.read_bytes()
        return Reply(headers={"ETag": f'"{_git_id(content)}"', "X-Repo-Commit": TINY.revision}, body=content)
    return Reply(404, {"X-Error-Code": "RepoNotFound"})


def _git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def balas_voice(*arguments: object, hub_url: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """`balas voice …` in a process of its own, where `HF_ENDPOINT` counts."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    script = "import sys; from agent.cli.voice import app; app(standalone_mode=False)"
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=kept | {"HOME": str(home), "HF_ENDPOINT": hub_url, "HF_HUB_DISABLE_XET": "1"},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def asked(server: Server) -> list[str]:
    return [request.path for request in server.requests]


def test_a_model_is_pulled_once_at_its_pinned_commit_and_then_transcribes_offline(tmp_path: Path) -> None:
    with serve(hub) as server:
        pulled = balas_voice("pull", "tiny", hub_url=server.url, home=tmp_path)
        assert pulled.returncode == 0, pulled.stderr
        folder = Path(pulled.stdout.strip())
        assert folder.name == TINY.revision
        assert {file.name for file in folder.iterdir()} == {file.name for file in MODEL.iterdir()} - {"TOY.md"}
        assert "%" in pulled.stderr  # the progress bar

        server.requests.clear()
        again = balas_voice("pull", "tiny", hub_url=server.url, home=tmp_path)
        assert again.returncode == 0, again.stderr
        assert not [path for path in asked(server) if "/resolve/" in path]

        server.requests.clear()
        heard = balas_voice("transcribe", SPOKEN[0].path, "--model", "tiny", hub_url=server.url, home=tmp_path)
        assert heard.stdout == f"{SPOKEN[0].text}\n", heard.stderr
        assert asked(server) == []


def test_a_branch_is_pinned_to_the_commit_it_stands_for(tmp_path: Path) -> None:
    with serve(hub) as server:
        pulled = balas_voice("pull", "tiny", "--revision", "main", hub_url=server.url, home=tmp_path)

    assert Path(pulled.stdout.strip()).name == TINY.revision


def test_a_hub_without_the_model_is_said_to_lack_it(tmp_path: Path) -> None:
    with serve(hub) as server:
        refused = balas_voice("pull", "base", hub_url=server.url, home=tmp_path)

    assert refused.returncode != 0
    assert "PullFailed" in refused.stderr
    assert RELEASES["base"].repository in refused.stderr


def test_a_model_that_is_missing_while_serving_is_not_fetched(tmp_path: Path) -> None:
    with serve(hub) as server:
        refused = balas_voice("transcribe", SPOKEN[0].path, "--model", "tiny", hub_url=server.url, home=tmp_path)

        assert "balas voice pull tiny" in refused.stderr
        assert asked(server) == []


def test_a_missing_model_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="balas voice pull small"):
        find(VoiceSettings(model="small", cache=tmp_path), tmp_path)


def test_a_folder_counts_from_the_agents_own(tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "whisper", ignore=shutil.ignore_patterns("TOY.md"))

    assert find(VoiceSettings(model="./whisper"), tmp_path) == tmp_path / "whisper"
    with pytest.raises(ModelMissing, match="nowhere"):
        find(VoiceSettings(model="./nowhere"), tmp_path)


def test_a_folder_without_a_tokenizer_is_refused_for_it_would_be_downloaded(tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "whisper", ignore=shutil.ignore_patterns("tokenizer.json"))

    with pytest.raises(ModelBroken, match=r"tokenizer\.json missing"):
        find(VoiceSettings(model="./whisper", allow_toy=True), tmp_path)


def test_the_toy_model_serves_no_customers_unless_forced() -> None:
    settings = VoiceSettings(model=str(MODEL))

    with pytest.raises(ToyModel, match="a hundred phrases"):
        find(settings, MODEL)
    assert find(settings.model_copy(update={"allow_toy": True}), MODEL) == MODEL


def test_every_size_is_pinned_to_a_commit() -> None:
    assert all(len(known.revision) == 40 for known in RELEASES.values())
    assert release("small", "main").revision == "main"
