"""A table of broken files in tests/data/config/broken.txt: `===`, the file (→ stands for a tab), `=>`, its errors."""

from pathlib import Path

import pytest

from agent.config import ConfigErrors, examine_text, load, loads
from agent.errors import InputError

TABLE = Path(__file__).parents[1] / "data" / "config" / "broken.txt"
ENVIRONMENT = {"PORT": "eighty", "SECRET": "hunter2secret"}
MINIMAL = "name: Melati\ninstructions: Jawab singkat.\n"


def rows() -> list[tuple[str, str]]:
    table = []
    for row in TABLE.read_text(encoding="utf-8").split("===\n")[1:]:
        text, expected = row.split("=>\n")
        table.append((text.replace("→", "\t"), expected))
    return table


@pytest.mark.parametrize(("text", "expected"), rows())
def test_every_error_is_reported_at_its_place_in_plain_words(text: str, expected: str) -> None:
    examination = examine_text(text, environment=ENVIRONMENT)

    assert "".join(f"{error}\n" for error in examination.errors) == expected
    assert examination.config is None


def test_the_table_is_long() -> None:
    assert len(rows()) > 100


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"name: Caf\xe9\n", "agent.yaml:1:10: the file is not UTF-8 text (byte 0xe9); save it as UTF-8"),
        ("name: Café\ninstructions: \xff\n".encode("latin-1"), "agent.yaml:1:10: the file is not UTF-8 text"),
        ("a: é\nb: ".encode() + b"\x80", "agent.yaml:2:4: the file is not UTF-8 text (byte 0x80)"),
        ("name: A".encode("utf-16"), "agent.yaml:1:1: the file is UTF-16; save it as UTF-8"),
        (b"name: a\x07b\n", "agent.yaml:1:8: the character U+0007 may not stand in a YAML file; remove it"),
        (b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *c]\n", "agent.yaml:3:9: `*c` repeats a value that is nowhere named"),
        (b"a: &a [*a]\n", "agent.yaml:1:4: an alias stands inside the value that it repeats"),
        (b"a: &a\n  <<: *a\n", "agent.yaml:1:4: an alias stands inside the value that it repeats"),
        (b"a: " + b"[" * 5000, "agent.yaml:1:103: values are nested too deeply"),
        (b'a: "\\UFFFFFFFF"\n', "agent.yaml:1:1: this is not YAML"),
        (b"x" * 3_000_000, "agent.yaml:1:1: the file has 3000000 bytes"),
        (b"a: [" + b"1," * 90_000 + b"]", "agent.yaml:1:4: the file holds more than 20000 values"),
        (b"- 1\n" * 90_000, "agent.yaml:1:1: the file holds more than 20000 values"),
    ],
)
def test_what_is_no_text_or_no_yaml_is_refused_with_its_place(data: bytes, expected: str) -> None:
    (error,) = examine_text(data, environment={}).errors

    assert str(error).startswith(expected)


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("[x, x, x, x, x, x, x, x, x, x]", "[{}]"),
        ("{{a: 1}}", "{{<<: [{}], b: 1}}"),  # sources of sources that are all the same
        ("[{{a: 1}}]", "[{{<<: [{}]}}]"),
    ],
)
def test_aliases_that_multiply_are_stopped(first: str, later: str) -> None:
    lines = [f"a0: &a0 {first}".replace("{{", "{").replace("}}", "}")]
    lines += [f"a{n}: &a{n} {later.format(', '.join([f'*a{n - 1}'] * 10))}" for n in range(1, 9)]

    (error,) = examine_text("\n".join(lines), environment={}).errors

    assert "more than 20000 values" in error.message


def test_a_byte_order_mark_is_harmless() -> None:
    assert loads(b"\xef\xbb\xbf" + MINIMAL.encode(), environment={}).name == "Melati"


def test_errors_name_the_file_as_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "shop" / "agent.yaml"
    file.parent.mkdir()
    file.write_text("name: A\n")

    with pytest.raises(ConfigErrors) as caught:
        load(file, environment={})

    assert str(caught.value).startswith(f"{file}:1:1: the key `instructions` is missing")
    assert [error.file for error in caught.value.errors] == [str(file)]


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"agent\.yaml does not exist; name your file with -c, or write a new agent"):
        load(tmp_path)


def test_a_folder_stands_for_the_file_in_it(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(MINIMAL)

    assert load(tmp_path, environment={}).folder == tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "server:\n  port: '${SECRET}'\n",
        "model: {timeout: '${SECRET}'}\n",
        "model: {name: [1], base_url: '${SECRET}'}\n",
        "voice: {model: '${SECRET}'}\n",
        "storage: '${SECRET}://x'\n",
        "timezone: '${SECRET}'\n",
        "messaging: {rate: 'x${SECRET}y', token: [a], platform: '${SECRET}'}\n",
        "network: {allow_private: ['${SECRET} ${SECRET}']}\n",
        "payments: {qris: {payload: '${SECRET}'}}\n",
        "actions:\n  - name: a\n    description: d\n    request: {url: 'https://x.example/{${SECRET}}'}\n",
        "conversation:\n  hours: {mon: '${SECRET}'}\n",
        "knowledge:\n  sources:\n    - {path: a, expires: '${SECRET}'}\n",
    ],
)
def test_no_error_shows_a_value_from_the_environment(text: str) -> None:
    examination = examine_text(MINIMAL + text, environment={"SECRET": "s3cr3t'va\"lue"})

    assert examination.errors
    for error in (*examination.errors, *examination.warnings):
        assert "s3cr3t" not in str(error)
        assert "lue" not in str(error).replace("value", "")


def test_no_error_shows_a_secret_that_is_written_out() -> None:
    examination = examine_text(MINIMAL + "messaging: {token: 1234567}\nserver: {api_token: 7654321}\n", environment={})

    assert len(examination.errors) == 2
    assert not any("1234567" in str(error) or "7654321" in str(error) for error in examination.errors)


def test_the_chained_exceptions_hold_no_values_either() -> None:
    with pytest.raises(ConfigErrors) as caught:
        loads(MINIMAL + "model: {timeout: '${SECRET}'}\n", environment={"SECRET": "hunter2secret"})

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_more_mistakes_than_can_be_corrected_end_the_reading() -> None:
    text = "".join(f"k{number}: ${{NOWHERE_{number}}}\n" for number in range(9_000))
    *_, last = examine_text(text, environment={}).errors
    assert "values before this one are wrong; correct them first" in last.message


@pytest.mark.parametrize("unit", ["${A", "${A}", "${A:-", "$${", "${}"])
def test_a_value_of_too_many_references_is_refused(unit: str) -> None:
    errors = examine_text(f"{MINIMAL}model: {{name: '{unit * 50_000}'}}\n", environment={}).errors
    assert "this value holds more than 200 references" in errors[0].message
