"""docs/extending.md: its examples are installed as a package would be, and used."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
MODULES = {
    match[2]: match[1] for match in re.finditer(r'^```python\n("""(\w+)\.py.*?)^```', PAGE, re.DOTALL | re.MULTILINE)
}
_ENTRY = re.compile(r'^\[project\.entry-points\."([\w.]+)"\]\n(\w+) = "([\w.:]+)"', re.MULTILINE)
ENTRIES = "".join(f"[{group}]\n{name} = {place}\n" for group, name, place in _ENTRY.findall(PAGE))
AGENT = """\
name: Melati
instructions: Jawab singkat.
model: {name: offline}
voice: {model: none}
messaging: {platform: pigeon, token: t, webhook_secret: s}
knowledge: {sources: [{path: film.srt}]}
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder on the path as an installer would leave it."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    info = tmp_path / "pigeon-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    return tmp_path


async def run(folder: Path, *command: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


def test_no_example_has_more_than_a_hundred_lines() -> None:
    assert MODULES.keys() == {"pigeon", "pigeon_kit", "subtitles", "stall"}
    assert all(text.count("\n") < 100 for text in MODULES.values())


async def test_the_platform_conforms(installed: Path) -> None:
    command = (
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--pyargs",
        "messaging.conformance",
        "-o",
        "asyncio_mode=auto",
    )
    code, out = await run(installed, *command, BALAS_KIT="pigeon_kit:KIT")
    assert code == 0, out
    assert "skipped" not in out


async def test_the_platform_and_the_loader_are_used_by_agent_yaml(installed: Path) -> None:
    (installed / "agent.yaml").write_text(AGENT)
    (installed / "film.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nKopi susu harganya 25.000.\n")
    code, out = await run(installed, "-m", "agent", "check")
    assert code == 0, out
    assert "pigeon" in out
    code, out = await run(installed, "-m", "agent", "knowledge", "sync")
    assert code == 0, out
    code, out = await run(installed, "-m", "agent", "knowledge", "search", "harga kopi susu", "--json")
    assert code == 0, out
    assert "25.000" in out
    assert "-->" not in out


async def test_a_platform_that_is_not_installed_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT.replace("knowledge: {sources: [{path: film.srt}]}\n", ""))
    code, out = await run(tmp_path, "-m", "agent", "check")
    assert code == 1
    assert "agent.yaml:5:23: messaging.platform: there is no platform 'pigeon'" in out


GATEWAY = """
import asyncio, json
from datetime import UTC, datetime
import httpx
from pydantic import TypeAdapter
from actions.qris.errors import NotificationForged, NotificationUnreadable
from actions.qris.gateways import GatewaySettings, connect

def answer(request):
    assert request.headers["x-stall-key"] == "k"
    return httpx.Response(200, json={"id": "c1", "payload": "000201"})

async def main():
    fields = {"name": "stall", "options": {"base_url": "https://stall.example", "key": "k"}}
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        stall = connect(TypeAdapter(GatewaySettings).validate_python(fields), client, lambda: datetime.now(UTC), None)
        charge = await stall.create("o1", 50000, datetime.now(UTC), "Kopi")
        assert (charge.provider_id, charge.payload, charge.amount) == ("c1", "000201", 50000)
    paid = json.dumps({"order": "o1", "id": "c1", "state": "paid", "amount": 50000}).encode()
    assert stall.verify({"x-stall-key": "k"}, paid, "/payments/stall").what == "paid"
    for headers, body, error in (({}, paid, NotificationForged), ({"x-stall-key": "k"}, b"{}", NotificationUnreadable)):
        try:
            stall.verify(headers, body, "/payments/stall")
        except error:
            continue
        raise SystemExit(f"{error} was not raised")

asyncio.run(main())
"""


async def test_the_gateway_issues_codes_and_refuses_forgeries(installed: Path) -> None:
    code, out = await run(installed, "-c", GATEWAY)
    assert code == 0, out
