"""However agent.yaml is damaged, the answer is a configuration or errors with places, never a traceback."""

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import Examination, examine_text

EXAMPLE = (Path(__file__).parents[1] / "data" / "config" / "agent.example.yaml").read_text()
LINES = EXAMPLE.splitlines(keepends=True)
NAMES = ("OPENAI_API_KEY", "AELYST_TOKEN", "AELYST_WEBHOOK_SECRET", "SHOP_TOKEN", "QRIS_STATIC", "BALAS_API_TOKEN")
ENVIRONMENT = dict.fromkeys(NAMES, "value")
JARGON = re.compile(
    r"Input should|pydantic|function-|Value error|NoneType|model_type|valid (string|integer|dictionary)"
)
VALUES = [
    "null", "~", "", "true", "-1", "0", "1e400", ".nan", "[]", "{}", "[[1]]", "{a: {b: c}}", "''", '"\\u0000"', "2026-01-01",
    "12:30", "!!int x", "!x y", "&a b", "*a", "<<", "|", "> x", "${", "${X}", "${OPENAI_API_KEY}", "${X:-}", "$${a}", "0x1F",
    "99999999999999999999999", "5m", "5/s", "\t", "- a", "? b", "@", "`", "%", "#", ": :", "\u2028", "😀", "a: b", "offline",
    "{from: conversation}", "{text: x}", "auto", "\x85", "'", '"', "---", "...", "=", "1_000", "+.inf", "0o7", "${A:-${B:-c}}",
]  # fmt: skip


def assert_sane(text: str | bytes) -> Examination:
    examination = examine_text(text, environment=ENVIRONMENT)
    count = (text.decode("utf-8", "replace") if isinstance(text, bytes) else text).count("\n") + 2
    assert (examination.config is None) == bool(examination.errors)
    for error in (*examination.errors, *examination.warnings):
        assert error.message
        assert error.message.isprintable()
        assert not JARGON.search(error.message), error.message
        assert 1 <= error.mark.line <= count
        assert error.mark.column >= 1
    return examination


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """The example with a few lines removed, repeated, moved, indented otherwise, or given another value or key."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        match draw(st.sampled_from(["value", "key", "drop", "repeat", "move", "indent", "cut", "insert"])):
            case "value" if ":" in line:
                lines[at] = f"{line.partition(':')[0]}: {draw(st.sampled_from(VALUES))}\n"
            case "key" if ":" in line:
                head, _, rest = line.partition(":")
                lines[at] = f"{head[: len(head) - len(head.lstrip())]}{draw(st.sampled_from(VALUES))}:{rest}"
            case "drop":
                del lines[at]
            case "repeat":
                lines.insert(draw(st.integers(0, len(lines))), line)
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
            case "indent":
                lines[at] = " " * draw(st.integers(0, 6)) + line.lstrip()
            case "cut":
                lines[at] = line[: draw(st.integers(0, len(line)))]
            case _:
                place = draw(st.integers(0, len(line)))
                lines[at] = line[:place] + draw(st.sampled_from(VALUES)) + line[place:]
        if not lines:
            return ""
    return "".join(lines)


@settings(max_examples=25, deadline=None)
@given(damaged())
def test_a_damaged_example_gives_a_configuration_or_errors_with_places(text: str) -> None:
    assert_sane(text)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, len(EXAMPLE) - 1), st.binary(min_size=1, max_size=4))
def test_any_bytes_anywhere_are_answered_with_places(at: int, inserted: bytes) -> None:
    data = EXAMPLE.encode()
    assert_sane(data[:at] + inserted + data[at:])


@settings(max_examples=8, deadline=None)
@given(st.integers(0, len(EXAMPLE)))
def test_a_file_that_ends_early_is_answered_with_places(end: int) -> None:
    assert_sane(EXAMPLE[:end])


Yaml = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["name", "model", "actions", "knowledge", "conversation", "voice", "payments"]), Yaml
    )
)
def test_any_values_at_the_top_are_answered_with_places(values: dict[str, object]) -> None:
    import json

    assert_sane(json.dumps(values, allow_nan=True))
