"""Slips that newcomers make: each is told with its line, its column and the remedy, and no secret is repeated."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.config import ConfigError, examine, examine_text

HEAD = "voice: {model: none}\nname: Sari\n"
KEY = "sk-proj-4fGh7Kl2Qw9Er5Ty"


def told(text: str, **environment: str) -> list[str]:
    found = examine_text(HEAD + text, environment=environment)
    return [str(each).removeprefix("agent.yaml:") for each in (*found.errors, *found.warnings)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("instructions: |\nKamu Sari.\nJawab singkat.\n", "4:1: expected `key: value`, found 'Kamu Sari.'; "),
        ("instructions: |\n  Kamu Sari.\nJawab singkat.\n", "5:1: expected `key: value`, found 'Jawab singkat.'; "),
        ("instructions: |\n  Kamu Sari.\nJam buka: 08.00\n", "5:1: unknown key `Jam buka`; "),
        ("instructions: |\n  Aturan:\n- Sopan.\n- Singkat.\n", "5:1: a list's `-` does not line up"),
        ("instructions: |\n    Kamu Sari.\n  Jawab singkat.\n", "5:3: 'Jawab singkat.' does not belong"),
        ("instructions: |\n  Kamu Sari.\n# Gaya\n  Jawab singkat.\n", "5:1: 'Jawab singkat.' does not belong"),
        ("instructions: Kamu Sari.\nJawab singkat.\n", "4:1: expected `key: value`, found 'Jawab singkat.'; "),
        ("instructions:\nKamu Sari.\nJawab singkat.\n", "4:1: expected `key: value`, found 'Kamu Sari.'; "),
    ],
)
def test_a_text_that_lost_its_indentation_is_told_with_the_key_that_it_belongs_to(text: str, expected: str) -> None:
    (found,) = told(text)
    assert found.startswith(expected)
    assert "if it belongs to the text of `instructions` (line 3), " in found
    assert "indent" in found.partition("(line 3)")[2]


def test_a_text_in_a_part_names_its_own_key() -> None:
    (found,) = told("instructions: x\nconversation:\n  on_failure: |\n  Maaf ya.\n")
    assert found.startswith("6:3: ")
    assert "`on_failure` (line 5), indent it by 4 spaces" in found


def test_a_forgotten_colon_is_still_a_forgotten_colon() -> None:
    assert told("instructions: x\nmodel\n") == ["4:1: expected `key: value`, found 'model'; is the ':' missing?"]


@pytest.mark.parametrize(
    "written",
    "$OPENAI_API_KEY '%OPENAI_API_KEY%' $(OPENAI_API_KEY) '{{OPENAI_API_KEY}}' OPENAI_API_KEY os.environ['OPENAI_API_KEY'] "
    "process.env.OPENAI_API_KEY $env:OPENAI_API_KEY $${OPENAI_API_KEY}".split(),
)
def test_a_reference_in_another_programs_form_is_taken_for_the_key_and_told(written: str) -> None:
    (found,) = told(f"instructions: x\nmodel:\n  api_key: {written}\n")
    assert found.startswith("5:12: model.api_key: ")
    assert found.endswith("a reference is written ${OPENAI_API_KEY}")


def test_a_reference_inside_an_address_is_told() -> None:
    (found,) = told("instructions: x\nstorage: postgresql://balas:$DB_PASSWORD@db/balas\n")
    assert found == "4:10: storage: $DB_PASSWORD is taken as it is written; a reference is written ${DB_PASSWORD}"


def test_dollars_in_patterns_paths_of_answers_and_texts_are_none() -> None:
    action = (
        "actions:\n  - name: get\n    description: Harga $A_B\n    parameters: {id: {type: string, pattern: '^A$|^B$', "
        "description: x, from: conversation}}\n    request: {url: 'https://a.example/{id}'}\n"
        "    response: {pick: {status: $.status}}\n"
    )
    assert told(f"instructions: |\n  Bayar $USD_10 atau $5.\n{action}") == []


def test_curly_quotes_around_a_value_are_told_and_those_in_a_text_are_not() -> None:
    found = told("instructions: |\n  Katakan “halo”.\nlanguage: id\nmodel: {name: ‘gpt-5-mini’}\n")
    assert [each.partition(": ")[0] for each in found] == ["6:15"]
    assert "curly quotes mean nothing to YAML" in found[0]


def test_a_key_in_curly_quotes_is_told() -> None:
    found = examine_text("“name”: Sari\ninstructions: x\n", environment={}).errors
    assert str(found[-1]) == "agent.yaml:1:1: unknown key `“name”`: curly quotes are part of the key; write `name`"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"model: {{name: gpt-5-mini, api_key: {KEY}}}\n", "4:36: model.api_key"),
        (f"messaging:\n  platform: aelyst\n  token: {KEY}\n  webhook_secret: ${{HOOK}}\n", "6:10: messaging.token"),
        (f"server:\n  api_token: {KEY}\n", "5:14: server.api_token"),
        ("storage: postgresql://balas:rahasia123@db/balas\n", "4:10: storage"),
        (
            "actions:\n  - name: a\n    description: x\n    parameters: {}\n"
            f"    request: {{url: 'https://a.example', auth: {{bearer: {KEY}}}}}\n",
            "8:56: actions[0].request.auth.bearer",
        ),
    ],
)
def test_a_key_in_the_file_itself_is_told_and_not_repeated(text: str, place: str) -> None:
    found = [each for each in told(f"instructions: x\n{text}", HOOK="abcdefghij") if "in the file itself" in each]
    assert [each.partition(": the key")[0] for each in found] == [place]
    assert KEY not in "".join(found)
    assert "rahasia" not in "".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "model: {name: qwen3, base_url: 'http://127.0.0.1:11434/v1', api_key: anything-at-all}\n",
        "messaging: {platform: sandbox, token: sandbox-token, webhook_secret: sandbox-secret}\n",
        "model: {name: gpt-5-mini, api_key: '${KEY}'}\n",
        "model: {name: gpt-5-mini, api_key: '${NO_KEY:-}'}\n",
        "storage: sqlite:///.balas/balas.db\n",
    ],
)
def test_a_key_of_this_machine_and_one_from_the_environment_are_fine(text: str) -> None:
    assert told(f"instructions: x\n{text}", KEY=KEY) == []


@pytest.mark.parametrize("written", ["<your key>", "your-api-key-here", "sk-...", "xxxxxxxx", "CHANGE_ME"])
def test_a_placeholder_is_told(written: str) -> None:
    found = told(f"instructions: x\nmodel:\n  api_key: {written}\n")
    assert len(found) == 1
    assert found[0].startswith("5:12: model.api_key: ")


def test_a_key_with_a_curly_quote_or_a_space_from_the_environment_is_told_and_not_shown() -> None:
    for value in (f"“{KEY}”", f"{KEY} ", f"{KEY}\n"):
        (found,) = told("instructions: x\nmodel:\n  api_key: ${KEY}\n", KEY=value)
        assert found.startswith("5:12: model.api_key: the value of ${KEY} holds a ")
        assert KEY not in found


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("knowledge:\n  sources:\n    – docs/a.md\n", "6:5"),
        ("\u00a0\u00a0model: {name: x}\n", "4:1"),
        ("model：\n  name: x\n", "4:6"),
        ("model:\n\tname: x\n", "5:1"),
        ("name: Budi\n", "4:1"),
        ("workers: ya\n", "4:10"),
        ("model: {api_key: '${KEY'}\n", "4:19"),
        ("conversation: {handover: {assign_to: +6281234567890}}\n", "4:38"),
    ],
)
def test_other_slips_are_errors_at_their_place(line: str, place: str) -> None:
    (found,) = told(f"instructions: x\n{line}")
    assert found.startswith(f"{place}: ")


def test_a_phone_number_that_is_read_as_a_number_is_told_how_to_be_written() -> None:
    (found,) = told("instructions: x\nconversation: {handover: {assign_to: +6281234567890}}\n")
    assert found.endswith('to have it as text, put it in quotes: "+6281234567890"')
    (found,) = told("instructions: x\nmodel: {options: {user: 081234567890}}\n")
    assert found.startswith("4:25: model.options.user: 081234567890 is read as a number, without its first sign")


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    text = f"{HEAD}instructions: |\n  Kamu Sari.\n  Singkat.\nworkers: no\n"
    plain, windows = (
        examine_text(each, environment={}).config for each in (text, "\ufeff" + text.replace("\n", "\r\n"))
    )
    assert plain is not None
    assert windows is not None
    assert plain.model_dump() == windows.model_dump()


def env_warnings(folder: Path, env: str, name: str = ".env") -> list[ConfigError]:
    (folder / "agent.yaml").write_text(f"{HEAD}instructions: x\nmodel: {{name: m, api_key: '${{OPENAI_API_KEY:-}}'}}\n")
    (folder / name).write_text(env, encoding="utf-8")
    examination = examine(folder)
    assert examination.errors == ()
    return [each for each in examination.warnings if not each.file.endswith("agent.yaml")]


@pytest.mark.parametrize(
    ("env", "line", "part"),
    [
        (f"# keys\n\nOPENAI_API_KEY: {KEY}\n", 3, "sets nothing; write OPENAI_API_KEY=…"),
        (f"OPENAI_API_KEY {KEY}\n", 1, "sets nothing; write OPENAI_API_KEY=…"),
        (f'A=1\n$env:OPENAI_API_KEY "{KEY}"\n', 2, "sets nothing; write OPENAI_API_KEY=…"),
        (f'OPENAI_API_KEY="{KEY}\n', 1, "sets nothing"),
        (f"OPENAI-API-KEY={KEY}\n", 1, "cannot be referred to; a name has letters, digits and _, e.g. OPENAI_API_KEY"),
        (f"openai_api_key={KEY}\n", 1, "did you mean OPENAI_API_KEY?"),
        (f"OPENAI_API_KYE={KEY}\n", 1, "did you mean OPENAI_API_KEY?"),
        (f"OPENAI_API_KEY=“{KEY}”\n", 1, "begins with a curly quote"),
        (f"OPENAI_API_KEY={KEY}\nB=2\nOPENAI_API_KEY={KEY}\n", 3, "is set in line 1 already"),
    ],
)
def test_a_slip_in_the_env_file_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: str, line: int, part: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (found,) = env_warnings(tmp_path, env)
    assert (found.file, found.mark.line, found.mark.column) == (str(tmp_path / ".env"), line, 1)
    assert part in found.message
    assert KEY not in found.message


def test_a_misnamed_env_file_is_told(tmp_path: Path) -> None:
    (found,) = env_warnings(tmp_path, f"OPENAI_API_KEY={KEY}\n", ".env.txt")
    assert str(found) == f"{tmp_path}/.env.txt:1:1: only .env is read, and there is none; rename this file to .env"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "line", ["{name}={key}", "export {name}={key}", "{name} = {key}", '{name}="{key}"', "{name}='{key}'  # mine"]
)
def test_the_forms_of_the_shell_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, end: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    env = "\ufeff# keys" + end + line.format(name="OPENAI_API_KEY", key=KEY) + end
    assert env_warnings(tmp_path, env) == []
    config = examine(tmp_path).config
    assert config is not None
    assert config.model.key == KEY


@given(st.lists(st.text(alphabet="ab:-#'\"{}[]|> \t$“–：\u00a0=", max_size=12), max_size=6))
@example(["instructions: |", "–"])
@example(["a:", "  b: |", "", "-"])
def test_no_file_is_too_broken_to_be_told_what_is_wrong_with_it(lines: list[str]) -> None:
    found = examine_text("\n".join(lines), environment={})
    assert found.errors
    for each in found.errors:
        assert 1 <= each.mark.line <= len(lines) + 1
