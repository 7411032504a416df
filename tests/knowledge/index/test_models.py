"""`balas knowledge pull` fetches a model once, from a hub on loopback."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge.errors import EmbeddingError
from knowledge.index.embeddings import Prefixes, read_prefixes
from knowledge.index.models import DEFAULT, RELEASES, release
from tests.processes import program
from tests.voice.servers import Reply, Request, serve

E5 = RELEASES[DEFAULT]
HELD = {
    "onnx/model.onnx": b"onnx",
    "tokenizer.json": b"{}",
    "config.json": b"{}",
    "pytorch_model.bin": b"large",
    "README.md": b"#",
}


def _git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def hub(request: Request) -> Reply:
    """A Hugging Face Hub that has one model, at the commit we pin."""
    path = request.path.partition("?")[0]
    if path.startswith(f"/api/models/{E5.repository}/tree/{E5.revision}"):
        tree = [{"type": "file", "path": name, "size": len(data), "oid": _git_id(data)} for name, data in HELD.items()]
        return Reply(headers={"Content-Type": "application/json"}, body=json.dumps(tree).encode())
    prefix = f"/{E5.repository}/resolve/{E5.revision}/"
    if path.startswith(prefix) and (data := HELD.get(path.removeprefix(prefix))) is not None:
        return Reply(headers={"ETag": f'"{_git_id(data)}"', "X-Repo-Commit": E5.revision}, body=data)
    return Reply(404, {"X-Error-Code": "RepoNotFound"})


def pull(*arguments: str, hub_url: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """`balas knowledge pull` in a process of its own, where `HF_ENDPOINT` counts."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [*program(), "knowledge", "pull", *arguments],
        env=kept
        | {"HOME": str(home), "HF_ENDPOINT": hub_url, "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(Path.cwd())},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_model_is_pulled_once_to_where_auto_looks(tmp_path: Path) -> None:
    with serve(hub) as server:
        pulled = pull(hub_url=server.url, home=tmp_path)
        assert pulled.returncode == 0, pulled.stderr
        folder = tmp_path / pulled.stdout.strip()
        assert folder == tmp_path / ".balas/embeddings"
        assert (folder / "onnx/model.onnx").read_bytes() == b"onnx"
        assert not (folder / "pytorch_model.bin").exists()
        assert read_prefixes(folder) == Prefixes("query: ", "passage: ")
        server.requests.clear()
        assert pull(hub_url=server.url, home=tmp_path).returncode == 0
        assert not [request for request in server.requests if "/resolve/" in request.path and request.method == "GET"]


def test_a_hub_without_the_model_is_said_to_lack_it(tmp_path: Path) -> None:
    with serve(hub) as server:
        refused = pull("owner/none", hub_url=server.url, home=tmp_path)
    assert refused.returncode == 3
    assert "owner/none" in refused.stderr


def damaged(reply: Reply) -> Callable[[Request], Reply]:
    """The same hub, which gives this for the model itself."""
    return lambda request: (
        reply if request.method == "GET" and request.path.endswith("/onnx/model.onnx") else hub(request)
    )


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(403, {"X-Error-Code": "GatedRepo"}), "HF_TOKEN"),
        (Reply(500), "500"),
        (Reply(headers={"X-Repo-Commit": E5.revision}, body=b"on"), "should be of size 4"),
        (Reply(headers={"X-Repo-Commit": E5.revision}, body=b"evil"), "is not what the Hub lists"),
    ],
    ids=["gated", "an error", "cut off", "another file"],
)
def test_what_did_not_come_as_listed_is_said_and_the_next_pull_fetches_it(
    tmp_path: Path, reply: Reply, said: str
) -> None:
    with serve(damaged(reply)) as server:
        failed = pull(hub_url=server.url, home=tmp_path)
    assert (failed.returncode, said in failed.stderr) == (3, True), failed.stderr
    model = tmp_path / ".balas/embeddings/onnx/model.onnx"
    assert not model.exists()
    with serve(hub) as server:
        assert pull(hub_url=server.url, home=tmp_path).returncode == 0
    assert model.read_bytes() == b"onnx"


def test_a_name_that_is_no_model_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="multilingual-e5-small"):
        release("small")
