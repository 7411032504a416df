import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from agent.config import loads
from agent.config.environment import secret_values
from agent.logging import configure, hide


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_off_a_terminal_each_line_is_a_json_object() -> None:
    out = io.StringIO()
    configure("info", out)

    structlog.get_logger().info("accepted", contact="aelyst:1", milliseconds=3)
    structlog.get_logger().debug("unseen")

    (line,) = lines(out)
    assert line["event"] == "accepted"
    assert line["contact"] == "aelyst:1"
    assert line["level"] == "info"
    assert str(line["timestamp"]).endswith("Z")


def test_on_a_terminal_lines_are_for_people() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    configure("info", out)

    structlog.get_logger().info("accepted", contact="aelyst:1")

    assert "accepted" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_what_customers_write_is_never_in_a_line_above_debug() -> None:
    out = io.StringIO()
    configure("debug", out)

    structlog.get_logger().info("inbound", text="rahasia saya", arguments={"a": 1})
    structlog.get_logger().debug("inbound", text="rahasia saya")

    first, second = lines(out)
    assert first["text"] == "(12 characters)"
    assert first["arguments"] == "(1)"
    assert second["text"] == "rahasia saya"


def test_secrets_are_masked_everywhere_in_a_line() -> None:
    out = io.StringIO()
    config = loads(
        "name: A\ninstructions: B\nmodel: {api_key: sk-very-secret}\nstorage: postgresql://u:pass-word-9@db/x\n",
        environment={},
    )
    configure("debug", out)
    hide(secret_values(config))

    structlog.get_logger().error(
        "failed with sk-very-secret", url="postgresql://u:pass-word-9@db/x", deep=[{"k": "sk-very-secret"}]
    )
    try:
        raise ValueError("sk-very-secret")
    except ValueError:
        structlog.get_logger().exception("broken")
    logging.getLogger("library").warning("said %s", "sk-very-secret")

    assert len(lines(out)) == 3
    assert "sk-very-secret" not in out.getvalue()
    assert "pass-word-9" not in out.getvalue()
    assert "postgresql://u:" in out.getvalue()


def test_libraries_log_in_the_same_form() -> None:
    out = io.StringIO()
    configure("info", out)

    logging.getLogger("library").warning("said %s", "so")
    logging.getLogger("httpx").info("GET https://example.com/?key=1")

    (line,) = lines(out)
    assert line["event"] == "said so"
    assert line["level"] == "warning"


@pytest.mark.parametrize("terminal", [True, False])
def test_no_line_steers_a_terminal_or_looks_like_two(terminal: bool) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    out = Terminal()
    configure("info", out)
    evil = "\x1b]0;pwn\x07\x1b[2J\x9b31m\u202e\u2066\n2026-01-01 [info] approved"
    structlog.get_logger().info("refused", path=evil, deep={"name": evil.replace("\u2066", "")})
    logging.getLogger("library").warning("said %s", evil)
    told = out.getvalue()
    assert len(told.splitlines()) == 2
    assert not [each for each in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e", "\u2066") if each in told], repr(told)
