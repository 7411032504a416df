"""Actions of every kind in scenarios: functions, imported APIs, tools of MCP servers. None is called that the scenario does not call."""

import asyncio
import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from agent.cli.frame import run as balas
from tests.acceptance.stub_model import Asked as Question
from tests.actions.mcp import warehouse
from tests.scenarios.test_cassette import serving, with_model
from tests.scenarios.test_run import run

Write = Callable[..., Path]

STOCK = "turns:\n  - customer: stok kopi masih ada?\n    expect: [{called: {EXPECT}}, {reply: tinggal}]\n"


def asks(name: str, **arguments: object) -> Callable[[Question], object]:
    """A model that calls one action, and then says what it answered."""

    def answer(asked: Question) -> object:
        if asked.results:
            left = next(
                iter(re.findall(r"\d+", asked.results[-1])), "entah berapa"
            )  # JSON in a text may be read as a call
            return f"Stok kopi tinggal {left} ya Kak."
        return {"call": name, "arguments": arguments}

    return answer


def add_action(shop: Path, entry: str) -> None:
    agent = shop / "agent.yaml"
    agent.write_text(agent.read_text().replace("actions:\n", f"actions:\n{entry}", 1))


def test_a_function_is_answered_for_and_never_called(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "toko.py").write_text(
        'from pathlib import Path\n\n\nasync def stok(barang: str) -> dict:\n    """Melihat stok."""\n'
        '    Path(__file__).with_name("called").touch()\n    return {"sisa": 3}\n'
    )
    add_action(
        shop, "  - {python: 'toko.py:stok', parameters: {barang: {from: conversation}}, examples: [stok kopi]}\n"
    )
    answers = "actions: {stok: {when: {barang: kopi}, return: {sisa: 42}}}\n"
    scenario(answers + STOCK.replace("EXPECT", "stok: {barang: kopi}").replace("tinggal", "'42'"), "named")
    scenario(STOCK.replace("EXPECT", "stok: {}"), "unnamed")
    scenario("actions: {stok: {fail: timeout}}\n" + STOCK.replace("EXPECT", "stok: {}"), "away")
    with serving(asks("stok", barang="kopi")) as model:
        with_model(shop, model.url)
        code, out = run(shop, capsys, "--record", "--json")
    results = {each["name"]: each for each in json.loads(out)["scenarios"]}
    assert code == 1
    assert results["named"]["passed"], results["named"]
    assert results["away"]["runs"][0]["turns"][0]["calls"] == [
        {"name": "stok", "arguments": {"barang": "kopi"}, "status": "unknown"}
    ]
    assert "stok(barang='kopi') was not called" in results["unnamed"]["runs"][0]["failed"][0]["found"]
    assert not (shop / "called").exists()


API = {
    "openapi": "3.0.0",
    "info": {"title": "Gudang", "version": "1"},
    "servers": [{"url": "https://gudang.example/v1"}],
    "paths": {
        "/stock/{item}": {
            "get": {
                "operationId": "readStock",
                "summary": "Melihat stok sebuah barang",
                "parameters": [{"name": "item", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "stok",
                        "content": {
                            "application/json": {
                                "schema": {"type": "object", "properties": {"left": {"type": "integer"}}}
                            }
                        },
                    }
                },
            }
        }
    },
}


def test_an_imported_api_is_answered_for_and_never_called(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "api.json").write_text(json.dumps(API))
    assert balas(["actions", "import", str(shop / "api.json")]) == 0
    imported = capsys.readouterr().out
    entries = imported[imported.index("actions:\n") + len("actions:\n") :] if "actions:\n" in imported else imported
    name = entries.split("name: ")[1].split()[0]
    add_action(shop, entries if entries.startswith("  ") else "".join(f"  {x}\n" for x in entries.splitlines()))
    answers = f"actions: {{{name}: {{return: {{left: 42}}}}}}\n"
    scenario(answers + STOCK.replace("EXPECT", f"{name}: {{item: kopi}}").replace("tinggal", "'42'"), "named")
    scenario(STOCK.replace("EXPECT", f"{name}: {{}}"), "unnamed")
    with serving(asks(name, item="kopi")) as model:
        with_model(shop, model.url)
        code, out = run(shop, capsys, "--record", "--json")
    results = {each["name"]: each for each in json.loads(out)["scenarios"]}
    assert code == 1
    assert results["named"]["passed"], results["named"]
    assert (
        "was not called, because the scenario does not name it" in results["unnamed"]["runs"][0]["failed"][0]["found"]
    )


MCP = "  - {{mcp: {server}, prefix: gudang, bind: {{phone: contact.phone}}}}\n"
RESERVED = "actions: {gudang_stock: {when: {item: kopi}, return: {item: kopi, left: 42}}}\n"


def test_the_tools_of_a_program_are_answered_for_and_never_called(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f'{{command: ["{sys.executable}", "{warehouse.__file__}"]}}'
    add_action(shop, MCP.format(server=command))
    scenario(RESERVED + STOCK.replace("EXPECT", "gudang_stock: {item: kopi}").replace("tinggal", "'42'"), "named")
    scenario(STOCK.replace("EXPECT", "gudang_stock: {}"), "unnamed")
    with serving(asks("gudang_stock", item="kopi")) as model:
        with_model(shop, model.url)
        code, out = run(shop, capsys, "--record", "--json")
    results = {each["name"]: each for each in json.loads(out)["scenarios"]}
    assert code == 1
    assert results["named"]["passed"], results["named"]
    assert "gudang_stock(item='kopi') was not called" in results["unnamed"]["runs"][0]["failed"][0]["found"]


@contextmanager
def mcp_server() -> Iterator[str]:
    """The warehouse over HTTP, in a thread of its own; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = uvicorn.Server(uvicorn.Config(warehouse.server().streamable_http_app(), log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(app.serve(sockets=[listener])), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    finally:
        app.should_exit = True
        thread.join(60)


def test_the_tools_of_a_server_are_kept_beside_the_scenarios_and_it_is_not_asked_without_the_network(
    shop: Path, scenario: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario(RESERVED + STOCK.replace("EXPECT", "gudang_stock: {item: kopi}").replace("tinggal", "'42'"))
    with mcp_server() as address, serving(asks("gudang_stock", item="kopi")) as model:
        add_action(shop, MCP.format(server=f'{{url: "{address}"}}'))
        (shop / "agent.yaml").write_text((shop / "agent.yaml").read_text() + "network: {allow_private: [127.0.0.1]}\n")
        with_model(shop, model.url)
        code, out = run(shop, capsys, "--record")
        assert code == 0, out
    assert "How many of an item are left" in (shop / "tests" / "mcp.cassette.yaml").read_text()
    code, out = run(shop, capsys)  # both servers are gone
    assert code == 0, out
    (shop / "tests" / "mcp.cassette.yaml").unlink()
    code, out = run(shop, capsys)
    assert code == 1
    assert "are not known, and it is not asked: --live asks it" in out
