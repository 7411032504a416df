import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.cli.commands import GROUPS, available, find
from agent.cli.frame import explain, help_text, run
from agent.errors import BalasError, InputError, OutsideError, UsageError

BALAS = (sys.executable, "-m", "agent")
PROMISED = {
    "init", "check", "chat", "serve", "worker", "sandbox", "demo", "test", "replay", "knowledge", "actions", "voice",
    "qris", "ledger",
}  # fmt: skip


def balas(*words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"BALAS_LOG", "BALAS_DEBUG"}}
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [*BALAS, *words],
        cwd=cwd or root,
        env=kept | {"PYTHONPATH": root} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_promised_command_has_its_place() -> None:
    assert {command.name for commands in GROUPS.values() for command in commands} >= PROMISED


def test_help_lists_what_exists_with_a_line_each_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0

    shown = capsys.readouterr().out
    for group, commands in available().items():
        assert f"\n{group}\n" in shown
        for command in commands:
            assert f"  {command.name} " in shown
            assert command.help in shown


def test_a_command_whose_module_is_missing_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.cli.commands import Command

    monkeypatch.setitem(GROUPS, "Begin", (*GROUPS["Begin"], Command("later", "agent.cli.later:later", "Not there.")))

    assert find("later") is None
    assert "Not there." not in help_text()


def test_help_fits_a_terminal() -> None:
    assert max(map(len, help_text().splitlines())) <= 80


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom agent.cli.frame import run\nrun(['--help'])\nrun(['nonsense'])\nrun(['--version'])\n"
        "heavy = {'typer', 'click', 'rich', 'pydantic', 'httpx', 'structlog', 'ruamel', 'sqlalchemy', 'langchain', 'asyncio'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert shown.endswith("heavy: []\n")


def test_commands_that_only_look_into_the_ledger_load_no_model() -> None:
    code = (
        "import sys\nimport agent.app\nimport agent.assembly\nimport agent.cli.ledger\nimport agent.cli.broadcast\n"
        "print('heavy:', sorted({'langchain', 'langchain_core', 'openai', 'chromadb', 'onnxruntime'} & set(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert shown == "heavy: []\n"


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["--debug", "--help"], ["--help", "--log-level", "debug"]])
def test_help_is_given_however_it_is_asked_for(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    assert "Usage: balas" in capsys.readouterr().out


def test_without_a_command_the_help_is_shown_as_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage: balas" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("balas 0.")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["chekc"], "balas: no such command: chekc; did you mean check? (`balas --help` shows how)\n"),
        (["xyzzy"], "balas: no such command: xyzzy (`balas --help` shows how)\n"),
        (["--verbose"], "balas: no such option: --verbose (`balas --help` shows how)\n"),
        (["--log-level"], "balas: --log-level needs a level: debug, info, warning, error (`balas --help` shows how)\n"),
        (
            ["check", "--log-level=loud"],
            "balas: 'loud' is not a log level; use debug, info, warning, error (`balas --help` shows how)\n",
        ),
        (["check", "--nope"], "balas check: No such option: --nope (`balas check --help` shows how)\n"),
        (["init"], "balas init: Missing argument 'DIR'. (`balas init --help` shows how)\n"),
    ],
)
def test_wrong_usage_is_one_line_and_ends_with_2(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2

    shown = capsys.readouterr()
    assert shown.err == expected
    assert shown.out == ""


def test_a_commands_own_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--help"]) == 0

    shown = capsys.readouterr().out
    assert "Usage: balas check [OPTIONS]" in shown
    assert "--online" in shown


def test_an_error_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    ended = balas("check", "-c", "nowhere.yaml", cwd=tmp_path)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("nowhere.yaml does not exist")


def test_debug_shows_where_an_error_comes_from(tmp_path: Path) -> None:
    ended = balas("check", "-c", "nowhere.yaml", "--debug", cwd=tmp_path)

    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert "nowhere.yaml does not exist" in ended.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [*BALAS, "check", "--reference"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    os.close(writing)

    assert ended.stderr == ""


def test_control_c_ends_quietly(tmp_path: Path) -> None:
    """A command that waits is interrupted: exit code 130 and not a word."""
    program = tmp_path / "waiting.py"
    program.write_text(
        "import signal, sys, time\nimport agent.cli.check\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "def wait(**options):\n    print('waiting', flush=True)\n    time.sleep(60)\n"
        "agent.cli.check.examine = lambda path: wait()\n"
        "from agent.cli.frame import run\nsys.exit(run(['check']))\n"
    )
    process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert said == ""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("the file is wrong"), 1, "the file is wrong"),
        (UsageError("not like that"), 2, "not like that"),
        (OutsideError("the network is down"), 3, "the network is down"),
        (BalasError("something"), 3, "something"),
        (FileNotFoundError(2, "No such file or directory", "x.ogg"), 1, "x.ogg: No such file or directory"),
        (ConnectionRefusedError(111, "Connection refused"), 3, "Connection refused"),
        (OSError(28, "No space left on device"), 3, "No space left on device"),
        (KeyError("x"), 3, "unexpected KeyError: 'x' (--debug shows where)"),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: int, line: str) -> None:
    assert explain(error) == (line, code)


def test_errors_of_the_wings_have_their_exit_codes() -> None:
    import httpx

    from actions.errors import McpError, OpenApiError
    from actions.qris.errors import GatewayError, PayloadError
    from agent.ledger.errors import LedgerUnavailable
    from knowledge.errors import EvaluationError, IndexLocked
    from messaging.errors import PayloadError as WebhookError
    from messaging.errors import Unauthorized
    from voice.errors import EndpointFailed, ModelMissing, TooLong

    outside = (
        McpError("x"),
        GatewayError("x"),
        LedgerUnavailable("x"),
        IndexLocked("x"),
        Unauthorized("x"),
        EndpointFailed("x"),
    )
    inside = (
        OpenApiError("x"),
        PayloadError("x"),
        EvaluationError("x"),
        WebhookError("x"),
        ModelMissing("x"),
        TooLong("x"),
    )
    assert [explain(error)[1] for error in outside] == [3] * len(outside)
    assert [explain(error)[1] for error in inside] == [1] * len(inside)
    assert explain(httpx.ConnectError("all attempts failed")) == ("ConnectError: all attempts failed", 3)


def test_only_the_first_line_of_a_foreign_error_is_shown() -> None:
    assert explain(RuntimeError("one\ntwo")) == ("unexpected RuntimeError: one (--debug shows where)", 3)


EVIL = "\x1b]0;pwn\x07\x1b[2J\x9b31m\u202e\u2066[/red]"
STEERING = ("\x1b", "\x9b", "\x07", "\u202e", "\u2066", "\r")


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An agent whose documents have names that steer a terminal; one cannot be read, one has bytes that are no text."""
    (tmp_path / "docs").mkdir()
    (tmp_path / f"docs/{EVIL.replace('/', '')}.md").write_text(f"# Harga {EVIL}\n\nTeh tarik 9000.\n")
    (tmp_path / f"docs/{EVIL.replace('/', '')}.xlsx").write_text("no workbook")
    (tmp_path / "docs" / os.fsdecode(b"caf\xe9.md")).write_text("# Kopi\n\nKopi tubruk 7000.\n")
    (tmp_path / "agent.yaml").write_text(
        "name: A\ninstructions: B\nvoice: {model: none}\nknowledge: {sources: [docs/*]}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("knowledge", "sync"),
        ("check", "-c", f"{EVIL}.yaml"),
        ("check", f"--{EVIL}"),
        (EVIL,),
        ("test", f"{EVIL}.yaml"),
        ("actions", "import", f"{EVIL}.json"),
        ("voice", "transcribe", f"{EVIL}.ogg"),
        ("broadcast", f"{EVIL}.yaml"),
        ("restore", f"{EVIL}.tar", "to"),
        ("ledger", "show", EVIL),
        ("qris", "read", EVIL),
    ],
)
def test_names_of_files_and_words_of_others_steer_no_terminal(
    hostile: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    run(words)
    if words == ("knowledge", "sync"):
        run(["knowledge", "list"])
        run(["knowledge", "search", "harga teh tarik dan kopi tubruk"])
    said = capsys.readouterr()
    told = said.out + said.err
    assert told
    assert not [each for each in STEERING if each in told], repr(told)
    assert "Traceback" not in told
