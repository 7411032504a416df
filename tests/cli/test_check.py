import asyncio
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from agent.cli.frame import run
from messaging.sandbox import RunningSandbox, SandboxOptions

MINIMAL = "name: Melati\ninstructions: Jawab singkat.\nvoice: {model: none}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "AELYST_TOKEN", "AELYST_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_every_error_goes_to_stderr_and_the_command_ends_with_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "agent.yaml").write_text("name: Melati\ninstructions: B\nmodle: {}\nlimits: {seconds: -1}\n")

    assert run(["check"]) == 1

    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "agent.yaml:3:1: unknown key `modle`; did you mean `model`?",
        "agent.yaml:4:19: limits.seconds: must be more than 0, found -1",
        "2 errors",
    ]
    assert shown.out == ""


def test_a_valid_file_is_summed_up_with_what_stands_in_for_what_is_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "agent.yaml").write_text(MINIMAL)

    assert run(["check"]) == 0

    shown = capsys.readouterr().out
    assert "Melati: agent.yaml is fine" in shown
    assert "offline: answers without a language model, because gpt-5-mini has no api_key and no base_url" in shown
    assert "because messaging.token is empty; aelyst is not used" in shown


def test_warnings_are_told_and_do_not_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "shop.yaml").write_text(MINIMAL + "model: {fallbacks: [ofline]}\n")

    assert run(["check", "-c", "shop.yaml"]) == 0

    shown = capsys.readouterr()
    assert "shop.yaml:4:21: warning: model.fallbacks[0]: 'ofline'" in shown.err
    assert "agent.yaml is fine" in shown.out


def test_no_secret_is_in_the_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "agent.yaml").write_text(
        MINIMAL
        + "storage: postgresql://balas:hunter2@db/balas\nmodel: {api_key: sk-secret}\nmessaging: {token: tok-secret}\n"
    )

    assert run(["check"]) == 0

    shown = capsys.readouterr()
    assert "postgresql://balas:***@db/balas" in shown.out
    for secret in ("hunter2", "sk-secret", "tok-secret"):
        assert secret not in shown.out + shown.err


def test_the_schema_and_the_reference_are_printed_without_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "agent.yaml"
    assert run(["check", "--reference"]) == 0
    assert "# agent.yaml" in capsys.readouterr().out


class _Server(BaseHTTPRequestHandler):
    """An OpenAI-compatible server that knows one model and one key, and a platform with two channels."""

    def do_GET(self) -> None:
        body: object = {"data": [{"id": "known-model"}]}
        status = 200
        if self.path.startswith("/v1/models") and self.headers["Authorization"] != "Bearer right":
            status = 401
        if self.path.startswith("/v1/space/channel"):
            body = {"items": [], "pagination": {}}
        self._answer(status, json.dumps(body).encode())

    def do_HEAD(self) -> None:
        self._answer(404, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name of the base class
        return


@pytest.fixture
def server() -> Iterator[str]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()
    thread.join()


def online(
    folder: Path, server: str, *, model: str = "known-model", key: str = "right", allow: str = "127.0.0.1"
) -> int:
    (folder / "agent.yaml").write_text(
        MINIMAL + f"model: {{name: {model}, base_url: '{server}/v1', api_key: {key}}}\n"
        f"messaging: {{token: t, webhook_secret: s, base_url: '{server}/v1'}}\n"
        f"network: {{allow_private: ['{allow}']}}\n"
        "actions:\n  - name: a\n    description: d\n"
        f"    request: {{url: '{server}/orders'}}\n"
    )
    return run(["check", "--online"])


def test_online_asks_the_model_the_platform_and_action_hosts(
    folder: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert online(folder, server) == 0

    asked = [line.split() for line in capsys.readouterr().out.splitlines() if " answers in " in line]
    assert [line[0] for line in asked] == ["model", "messaging", server.removeprefix("http://")]


def test_online_ends_with_3_when_the_key_is_refused_and_does_not_show_it(
    folder: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert online(folder, server, key="wrong-key-9f3") == 3

    shown = capsys.readouterr()
    assert "FAILED" in shown.err
    assert "refuses the key (401)" in shown.err
    assert "wrong-key-9f3" not in shown.err + shown.out


def test_online_tells_when_the_server_does_not_know_the_model(
    folder: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert online(folder, server, model="other-model") == 0
    assert "but does not list other-model" in capsys.readouterr().out


def test_online_probes_actions_through_the_guard(folder: Path, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert online(folder, server, allow="10.9.9.9") == 3
    assert "FAILED: ForbiddenTarget" in capsys.readouterr().err


def test_online_does_not_miss_the_sandbox_that_is_not_running(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "agent.yaml").write_text(MINIMAL + "messaging: {platform: sandbox, base_url: 'http://127.0.0.1:9'}\n")

    assert run(["check", "--online"]) == 0
    assert "messaging  is not there:" in capsys.readouterr().out


async def test_online_says_which_templates_the_platform_lacks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def check(*templates: str) -> tuple[int, str]:
        rules = "".join(
            f"    - {{name: r{n}, after: 1h, text: Hai, template: {one}}}\n" for n, one in enumerate(templates)
        )
        (folder / "agent.yaml").write_text(
            MINIMAL + "model: {name: offline}\nmessaging: {platform: sandbox, token: sandbox, webhook_secret: s, "
            f"base_url: '{sandbox.api_url}'}}\nfollowups:\n  rules:\n{rules}"
        )
        code = run(["check", "--online"])
        shown = capsys.readouterr()
        return code, next(line for line in (shown.out + shown.err).splitlines() if line.startswith("  templates"))

    async with RunningSandbox(SandboxOptions(port=0, rate=None)) as sandbox:
        good = "{name: sapaan, parameters: ['{contact.first_name}']}"
        code, line = await asyncio.to_thread(check, good)
        assert (code, "answers in" in line, ", 1 declared" in line) == (0, True, True)
        code, line = await asyncio.to_thread(check, good, "sapan", "{name: sapaan, language: en}", "sapaan")
        assert code == 3
        assert "the platform has no template 'sapan' in 'id'; " in line
        assert "the platform has no template 'sapaan' in 'en'; it is there in id; " in line
        assert "template 'sapaan' has more placeholders than values" in line


def test_online_tells_the_line_of_a_bind_that_no_tool_has(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = Path(__file__).parents[1] / "actions" / "mcp" / "warehouse.py"
    (folder / "agent.yaml").write_text(
        MINIMAL + f"actions:\n  - mcp: {{command: [{sys.executable}, {program}]}}\n    bind:\n"
        "      phone: contact.phone\n      telephone: contact.phone\n"
    )
    assert run(["check", "--online"]) == 3
    line = (folder / "agent.yaml").read_text().splitlines().index("      telephone: contact.phone") + 1
    error = capfd.readouterr().err
    assert f"agent.yaml:{line}:" in error
    assert "no tool of the MCP server" in error


def test_a_question_before_a_tool_that_is_not_offered_is_an_error_at_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "agent.yaml").write_text(
        MINIMAL + "actions:\n  - mcp: {command: [x]}\n    tools: [find]\n    confirm: {buy: 'Beli?'}\n"
    )

    assert run(["check"]) == 1

    assert "asks before buy, which tools leaves out" in capsys.readouterr().err


def test_what_a_plain_check_cannot_know_of_an_mcp_server_is_left_to_online(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "agent.yaml").write_text(
        MINIMAL + "actions:\n  - mcp: {command: [x]}\n    bind: {phone: contact.phone}\n    confirm: {buy: 'Beli?'}\n"
    )

    assert run(["check"]) == 0

    assert "compared with its tools by --online" in capsys.readouterr().out
