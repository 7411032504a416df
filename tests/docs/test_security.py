"""docs/security.md: each promise names a test that exists, each bound is the code's, and no door is left out."""

import importlib
import re
from datetime import timedelta
from pathlib import Path

from messaging.registry import BUILT_IN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
DOORS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.split("## Every door and its bound")[1].split("\n## ")[0].splitlines()
    if line.startswith("| ") and "what comes in" not in line
]
_UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20}


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) >= 15
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not re.search(rf"^(?:async )?def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert not missing


def test_each_bound_of_the_page_is_the_codes() -> None:
    assert len(DOORS) > 20
    for door, bound, where, held_by in DOORS:
        assert re.search(r"`tests/[\w/]+\.py::\w+`", held_by), f"{door}: no test holds it"
        said = {
            int(number.replace(",", "")) * _UNITS[unit] for number, unit in re.findall(r"(\d[\d,]*) ?(KiB|MiB|)", bound)
        }
        for file, name in re.findall(r"`([\w/]+)\.py::(\w+)`", where):
            value = getattr(importlib.import_module(file.replace("/", ".")), name)
            real = value.total_seconds() if isinstance(value, timedelta) else value
            assert real in said, f"{door}: {name} is {real}"


def test_every_path_and_every_platform_is_a_door_of_the_page() -> None:
    doors = " ".join(door for door, *_ in DOORS)
    served = "".join(
        (ROOT / "agent" / "web" / name).read_text(encoding="utf-8")
        for name in ("server.py", "console.py", "listening.py")
    )
    paths = re.findall(r'(?:Route|mount)\(\s*"(/[^"]+)"', served)
    assert len(paths) >= 9
    for path in paths:
        assert path.replace(":path", "") in doors, path
    for name in BUILT_IN:
        assert re.search(rf"\b{name}\b", doors), name
