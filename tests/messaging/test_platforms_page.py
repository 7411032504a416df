"""docs/platforms.md tells the truth."""

import asyncio
import os
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML

from messaging import capabilities_of
from messaging.formatting import for_channel
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.settings import BASE_URLS, MessagingSettings
from messaging.splitting import Limit, limit_of

PAGE = (Path(__file__).parents[2] / "docs" / "platforms.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def test_the_settings_it_shows_are_valid() -> None:
    read = [YAML(typ="safe").load(block)["messaging"] for block in blocks("yaml")]
    entries = [entry for part in read for entry in (part if isinstance(part, list) else [part])]
    shown = [MessagingSettings.model_validate(entry) for entry in entries]
    assert {entry.effective_platform for entry in shown} == BASE_URLS.keys() - {"sandbox"}
    assert "https://api.respond.io/v2" in {entry.effective_base_url for entry in shown}
    for entry in shown:
        assert capabilities_of(entry).media in ("link", "upload")
        assert entry.required_base_url


@pytest.mark.parametrize("name", sorted(BASE_URLS.keys() - {"sandbox", "aelyst"}))
def test_the_table_says_what_a_platform_can_do(name: str) -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    head = next(row for row in rows if row[0] == "can")
    told = {row[0]: row[head.index(f"`{name}`")] for row in rows if row[0] and len(row) == len(head)}
    entry = MessagingSettings(platform=name, token=SecretStr("t"))
    can = capabilities_of(entry)
    assert (
        told["templates listed, for `check --online` and broadcasts"].startswith(("yes", "`dialect: help`"))
        == can.lists_templates
    )
    assert told["contact fields written"].startswith(("all", "name")) == (can.contact_fields != "none")
    assert (told["written to who never wrote"] != "no") == bool(can.finds)
    assert (told["tags, notes for colleagues"] == "yes") == can.tags == can.comments
    assert (told["assignment, closing, lifecycle"] == "yes") == can.assignment == can.conversations == can.lifecycle
    assert told["contacts found by telephone number"].startswith("yes") == ("phone" in can.finds)
    assert (told["templates outside the 24-hour window"] != "no window") == can.templates
    assert (told["choices to tap"] != "as numbered lines") == can.quick_replies


def test_it_names_the_limits() -> None:
    assert limit_of("whatsapp_cloud") == Limit(4096)
    assert limit_of("facebook") == Limit(2000)
    assert limit_of("instagram") == Limit(1000, "bytes")
    assert for_channel("[text](https://a.example)", None) == "text (https://a.example)"


async def test_its_program_runs(tmp_path: Path) -> None:
    (program,) = blocks("python")
    file = tmp_path / "program.py"
    file.write_text(program, encoding="utf-8")
    options = SandboxOptions(port=0, sent_after=timedelta(), delivered_after=timedelta())
    async with RunningSandbox(options) as sandbox:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(file),
            env={**os.environ, "AELYST_URL": sandbox.api_url, "AELYST_TOKEN": sandbox.token},
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        sari = sandbox.phone("+6281234567801")
        (sent,) = sandbox.sent(sari)
        assert "Halo Sari!" in str(sent.content)
    assert f"aelyst:{sari.id} Sari" in out.decode()
