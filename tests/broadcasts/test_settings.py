from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from agent.broadcasts.settings import REFERENCE, BroadcastSettings, fill_row, load
from agent.config.document import ConfigErrors
from agent.config.reference import page
from agent.config.schema import alternatives, is_model
from agent.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "broadcast-yaml.md"


def wrong(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "b.yaml"
    file.write_text(text)
    with pytest.raises(ConfigErrors) as caught:
        load(file, environment={})
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


def test_every_error_is_told_with_its_line_and_column(tmp_path: Path) -> None:
    text = """\
name: promo desember
audience: {csv: a.csv, filter: {}}
text: Halo {contact.nama}, {row.kode}
at: besok
between: closed
rate: 5
prize: {text: 1}
"""
    assert wrong(tmp_path, text) == [
        "b.yaml:1:7: name: must be a name of letters, digits, _ and - (at most 64, no digit first), found 'promo desember'",
        "b.yaml:2:11: audience: name either a csv file or a filter",
        "b.yaml:3:7: text: {contact.nama} cannot be filled in; there are contact.id, contact.phone, contact.email, "
        "contact.first_name, contact.last_name, contact.language, contact.country, contact.lifecycle and contact.custom.<name>",
        "b.yaml:4:5: at: 'besok' is not a date and time; write e.g. 2026-12-01 09:00",
        'b.yaml:5:10: between: closed all day, nothing would ever be sent; write e.g. "08:00-20:00"',
        "b.yaml:6:7: rate: 5 is not a rate; write a count and a span, e.g. 5/s, 100/min or 30/10s",
        "b.yaml:7:1: unknown key `prize`; did you mean `price`?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty; a broadcast needs at least `name`, `audience` and `text`"),
        ("name: a\naudience: {csv: a.csv}\n", "nothing to send; write a text, a template, or both"),
        (
            "name: a\naudience: {filter: {of: ledger, any_tag: [vip]}}\ntext: Halo\n",
            "any_tag: only the platform knows that; write of: platform",
        ),
    ],
)
def test_what_cannot_be_a_broadcast_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (line,) = wrong(tmp_path, text)
    assert message in line


def test_a_file_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"b\.yaml cannot be read: No such file"):
        load(tmp_path / "b.yaml")


def test_settings_survive_the_ledger(tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    file.write_text(
        "name: a\naudience: {filter: {silent_for: 30d}}\ntext: {id: Halo, en: Hi}\nat: 2026-12-01 09:00\nrate: 5/s\n"
        "between: 09:00-12:00, 13:00-17:00\nprice: {template: 600, countries: {MY: 1400}}\n"
    )
    settings = load(file).settings
    assert BroadcastSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_columns_of_a_row_are_filled_in_and_cannot_smuggle_facts_in() -> None:
    assert fill_row("Kode {row.kode}, {row.kota|Jakarta}.", {"kode": "A1", "kota": ""}) == "Kode A1, Jakarta."
    assert (
        fill_row("Hai {row.nama} {contact.first_name}", {"nama": "{contact.phone}"})
        == "Hai (contact.phone) {contact.first_name}"
    )


def test_the_reference_page_is_the_one_of_the_settings() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(REFERENCE), (
        "settings have changed; run: python -m agent.broadcasts.settings > docs/reference/broadcast-yaml.md"
    )


def test_every_key_is_described() -> None:
    assert [place for place, description in _fields(BroadcastSettings) if not description] == []


def _fields(root: type[BaseModel]) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    waiting: list[Any] = [root]
    while waiting:
        for each in alternatives(waiting.pop()):
            if is_model(each):
                for name, field in each.model_fields.items():
                    found.append((f"{each.__name__}.{name}", field.description))
                    waiting.append(field.annotation)
            else:
                waiting.extend(get_args(each))
    return found
