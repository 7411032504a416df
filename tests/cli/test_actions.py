"""`balas actions`, as a process sees it."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.frame import run
from tests.actions.conftest import Reply, Shop
from tests.actions.openapi.test_importing import BOOKS


@pytest.fixture
def served() -> Iterator[Shop]:
    """A shop in a thread of its own: the command runs its own event loop."""
    shop = Shop()
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(shop.serve, "127.0.0.1", 0))
    shop.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield shop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    for task in asyncio.all_tasks(loop):
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()


@pytest.fixture
def agent(tmp_path: Path, served: Shop, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "agent.yaml").write_text(
        f"""
name: Melati
instructions: Jawab singkat.
model: {{name: offline}}
messaging: {{platform: sandbox}}
actions:
  - name: get_order
    description: Status pesanan.
    parameters:
      order_id: {{type: string, pattern: "^KS-[0-9]{{5}}$", from: conversation}}
      phone: {{from: contact.phone}}
    request: {{url: "{served.url("/orders/{order_id}")}", query: {{phone: "{{phone}}"}}}}
  - name: cancel_order
    description: Batalkan pesanan.
    confirm: Batalkan {{order_id}}?
    parameters: {{order_id: {{from: conversation}}}}
    request: {{method: POST, url: "{served.url("/cancel/{order_id}")}"}}
network: {{allow_private: [127.0.0.1]}}
"""
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_list_shows_what_the_model_is_offered(agent: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["actions", "list"]) == 0
    out = capsys.readouterr().out
    assert "get_order(order_id)\n    Status pesanan." in out
    assert "cancel_order(order_id)  [effect, asks first]" in out
    assert run(["actions", "list", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["name"] for line in lines} >= {"get_order", "cancel_order"}


def test_call_does_what_the_agent_would(agent: Path, served: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    served.on("/orders/KS-10345", Reply(body={"status": "dikirim"}))
    assert run(["actions", "call", "get_order", "order_id=KS-10345", "--as", "+62811"]) == 0
    assert capsys.readouterr().out == 'done: {"status": "dikirim"}\n'
    assert served.requests[0].query == {"phone": "+62811"}
    assert run(["actions", "call", "get_order", "order_id=5", "--as", "+62811"]) == 1
    assert run(["actions", "call", "get_order", "order_id=KS-10345"]) == 3, "no phone is known"
    assert run(["actions", "call", "get_order", "order_id=KS-99999", "--as", "+62811"]) == 3, (
        "the shop does not know it"
    )
    capsys.readouterr()
    assert run(["actions", "call", "get_ordr"]) == 1
    assert "did you mean get_order?" in capsys.readouterr().err
    assert run(["actions", "call", "get_order", "order_id"]) == 1
    assert "not KEY=VALUE" in capsys.readouterr().err


def test_import_from_a_file_and_from_an_address(agent: Path, served: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    (agent / "api.yaml").write_text(BOOKS)
    assert run(["actions", "import", "api.yaml", "--only", "orders"]) == 0
    captured = capsys.readouterr()
    assert "  - name: create_order" in captured.out
    assert captured.err.startswith("2 actions;")
    served.on("/api.yaml", Reply(body=BOOKS.encode(), content_type="application/yaml"))
    assert run(["actions", "import", served.url("/api.yaml"), "-o", "found.yaml"]) == 0
    assert "get_book_by_id" in (agent / "found.yaml").read_text()
    assert run(["actions", "import", "api.yaml", "-o", "found.yaml"]) == 1, "a file is not overwritten"
    assert run(["actions", "import", "nope.yaml"]) == 1
    assert run(["actions", "import", served.url("/nope")]) == 3
    assert run(["actions", "import", "agent.yaml"]) == 1
    assert "openapi" in capsys.readouterr().err
