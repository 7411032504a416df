"""deploy/: its files are of the form that Docker, Compose, systemd and Caddy take, and name commands and files that exist."""

import configparser
import fnmatch
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from agent.app import GRACE
from agent.cli.commands import find

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def compose() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    return found


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return parser


def understood(words: list[str]) -> None:
    """Parse a call of balas as the command line does."""
    name, *rest = words
    command = find(name)
    assert command is not None, name
    module, _, attribute = command.target.partition(":")
    app = typer.Typer(add_completion=False)
    app.command(name=name)(getattr(import_module(module), attribute))
    typer.main.get_command(app).make_context(name, rest)


@pytest.mark.parametrize("service", ["web", "worker"])
def test_compose_calls_commands_that_there_are(service: str) -> None:
    understood(shlex.split(compose()["services"][service]["command"]))


@pytest.mark.parametrize(
    "line",
    [
        line.partition("=")[2]
        for name in ("balas.service", "balas-backup.service")
        for line in (DEPLOY / name).read_text(encoding="utf-8").splitlines()
        if line.startswith(("ExecStart=", "ExecStartPre="))
    ],
)
def test_the_units_call_commands_that_there_are(line: str) -> None:
    found = re.search(r"bin/balas ([^'$]*)", line)
    assert found is not None
    understood(found[1].split())


def test_one_process_accepts_and_two_work_beside_postgresql_and_chroma() -> None:
    found = compose()
    services = found["services"]
    assert services.keys() == {"db", "chroma", "web", "worker", "proxy"}
    assert "--accept-only" in services["web"]["command"]
    assert services["web"].get("deploy", {}).get("replicas", 1) == 1
    assert services["worker"]["deploy"]["replicas"] == 2
    assert services["worker"]["healthcheck"] == {"disable": True}, "it has no port to ask"
    for one in services.values():
        assert set(one.get("depends_on", ())) <= services.keys()
        named = {volume.partition(":")[0] for volume in one.get("volumes", ())}
        assert {volume for volume in named if volume[0] not in "./$"} <= found["volumes"].keys()
    for name in ("web", "worker"):
        assert float(services[name]["stop_grace_period"].rstrip("s")) > GRACE.total_seconds()
        build = services[name]["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == (DEPLOY / "Dockerfile").resolve()
    port = shlex.split(services["web"]["command"])[-1]
    assert services["proxy"]["environment"]["UPSTREAM"] == f"web:{port}"


def test_no_password_stands_in_the_compose_file() -> None:
    for name, value in compose()["services"]["db"]["environment"].items():
        assert "PASSWORD" not in name or value.startswith("${")


def test_the_image_has_no_root_the_locked_dependencies_only_and_a_health_check() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert len(stages) == 2
    assert all(re.match(r"python:3\.\d+-slim\b", stage) for stage in stages)
    final = stages[1]
    assert re.search(r"^USER (?!root|0)\w+$", final, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*\n? .*/healthz", final, re.MULTILINE)
    assert "COPY . " not in final, "only what was installed goes into the image"
    assert "--require-hashes -r /src/requirements-runtime.lock" in stages[0]
    assert "requirements.lock" not in DOCKERFILE
    understood(re.findall(r'"([^"]*)"', re.search(r"^CMD \[(.*)\]$", final, re.MULTILINE)[1]))  # type: ignore[index]


def goes_into_the_image(path: str) -> bool:
    """What .dockerignore decides: the last pattern that matches a path, or a folder above it, counts."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        inverted = pattern.startswith("!")
        pattern = pattern.lstrip("!")
        parts = path.split("/")
        above = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        names = parts if pattern.startswith("**/") else above
        if any(fnmatch.fnmatch(name, pattern.removeprefix("**/")) for name in names):
            kept = inverted
    return kept


@pytest.mark.parametrize(
    "path",
    ".env shop/.env .env.local .venv/bin/python .git/config .balas/balas.db agent/.balas/balas.db-wal balas.db tests/conftest.py "
    "shop/agent.yaml backup.tar.gz agent/__pycache__/app.cpython-311.pyc".split(),
)
def test_keys_environments_and_ledgers_stay_out_of_the_image(path: str) -> None:
    assert not goes_into_the_image(path)


def test_everything_that_the_wheel_is_built_from_goes_into_the_image() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = [pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]]
    files = [f"{package}/__init__.py" for package in packages]
    files += [
        "agent/cli/starter/.env.example",
        "pyproject.toml",
        "MANIFEST.in",
        "README.md",
        "LICENSE",
        "requirements-runtime.lock",
    ]
    assert [file for file in files if not goes_into_the_image(file)] == []


def test_the_unit_may_finish_its_turns_and_is_nobody_elses_folder() -> None:
    service = unit("balas.service")["Service"]
    assert float(service["TimeoutStopSec"]) > GRACE.total_seconds()
    assert service["User"] == "balas"
    assert service["WorkingDirectory"].startswith(service["ReadWritePaths"])


def test_the_timer_starts_the_backup() -> None:
    assert unit("balas-backup.timer")["Timer"]["OnCalendar"]
    assert "balas backup" in unit("balas-backup.service")["Service"]["ExecStart"]


def test_caddy_lets_through_what_platforms_fetch_and_not_the_figures() -> None:
    caddy = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert caddy.count("{") == caddy.count("}")
    (public,) = re.findall(r"@public path (.*)", caddy)
    assert {"/webhooks/*", "/media/*", "/payments/*"} <= set(public.split())
    assert "/metrics" not in caddy
