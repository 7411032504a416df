"""The examples of docs/scaling.md name processes, commands and options that exist."""

import configparser
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer
from ruamel.yaml import YAML

from agent.app import GRACE
from agent.cli.commands import find
from agent.config import examine_text
from bench.simulation import Costs, Simulation, enough

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[2]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def units() -> dict[str, configparser.ConfigParser]:
    found = {}
    for block in blocks("ini"):
        parser = configparser.ConfigParser(interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(block)
        found[re.match(r"# \S*/([a-z-]+)@?\.service", block)[1]] = parser  # type: ignore[index]
    return found


def commands() -> list[str]:
    return [unit["Service"]["ExecStart"].replace("%i", "8080") for unit in units().values()]


@pytest.mark.parametrize("line", [line for line in commands() if "bin/chroma" not in line])
def test_the_commands_are_understood(line: str) -> None:
    program, name, *words = shlex.split(line)
    assert Path(program).name == "balas"
    command = find(name)
    assert command is not None
    module, _, attribute = command.target.partition(":")
    app = typer.Typer(add_completion=False)
    app.command(name=name)(getattr(import_module(module), attribute))
    typer.main.get_command(app).make_context(name, words)


def test_chroma_has_the_options_that_are_given() -> None:
    line = units()["balas-chroma"]["Service"]["ExecStart"]
    program, *words = shlex.split(line)
    chroma = Path(sys.executable).with_name(Path(program).name)
    shown = subprocess.run([chroma, words[0], "--help"], capture_output=True, text=True, check=True).stdout
    assert all(f"{word} <" in shown for word in words if word.startswith("--"))


def test_the_units_are_web_worker_and_chroma_and_may_finish_their_turns() -> None:
    assert units().keys() == {"balas-web", "balas-worker", "balas-chroma"}
    for name in ("balas-web", "balas-worker"):
        service = units()[name]["Service"]
        assert float(service["TimeoutStopSec"]) > GRACE.total_seconds()
        assert service["WorkingDirectory"] == "/srv/balas"


def test_the_settings_fit_the_services() -> None:
    (block,) = (block for block in blocks("yaml") if block.startswith("storage:"))
    examined = examine_text(f"name: A\ninstructions: B\n{block}", environment={"DB_PASSWORD": "x"})
    assert examined.errors == ()
    assert examined.config is not None
    assert examined.config.workers
    services = YAML(typ="safe").load(ROOT / "deploy" / "compose.yaml")["services"]
    assert examined.config.storage_url.partition("@")[2] == f"db/{services['db']['environment']['POSTGRES_DB']}"
    assert str(examined.config.knowledge.chroma.url).startswith("http://chroma:")


def cost(who: str) -> float:
    """Seconds of CPU a message, as the page tells milliseconds."""
    return float(re.search(rf"CPU of {who} \| ([0-9.]+) ms", PAGE)[1]) / 1000  # type: ignore[index]


def test_the_processes_are_those_that_the_simulation_chooses_for_the_measured_costs() -> None:
    costs = Costs(cost("the web process"), cost("a worker"), cost("PostgreSQL"), calls=2, call=2.5)
    chosen = [enough(costs, rate, cores=16, slots=100) for rate in row("messages a second")]
    assert row("web processes") == [each.web for each in chosen]
    assert row("workers \\(two") == [each.workers for each in chosen]
    assert row("connections") == [13 * (each.web + each.workers) for each in chosen]
    assert f"used up at {16 / costs.postgres:,.0f} messages a second" in PAGE


def test_what_is_told_to_be_busy_is_what_the_simulation_finds() -> None:
    costs = Costs(cost("the web process"), cost("a worker"), cost("PostgreSQL"), calls=2, call=2.5)
    one = Simulation(costs, enough(costs, 100, cores=16, slots=100), 100, 30.0, seed=1)
    one.run()
    told = [int(cell) for cell in re.search(r"PostgreSQL busy \|(.*)\|", PAGE)[1].replace("%", "").split("|")]  # type: ignore[index]
    assert told[2] == pytest.approx(one.load()["postgres"] * 100, abs=1)


def row(name: str) -> list[int]:
    (found,) = re.findall(rf"^\| {name}[^|]*\|(.*)\|$", PAGE, re.MULTILINE)
    return [int(cell.replace(",", "")) for cell in found.split("|")]
