"""docs/platforms.md tells the truth."""

import asyncio
import os
import re
import sys
from datetime import timedelta
from pathlib import Path

from ruamel.yaml import YAML

from messaging.formatting import for_channel
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.settings import MessagingSettings
from messaging.splitting import Limit, limit_of

PAGE = (Path(__file__).parents[2] / "docs" / "platforms.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def test_the_settings_it_shows_are_valid() -> None:
    shown = blocks("yaml")
    assert len(shown) == 2
    for block in shown:
        settings = MessagingSettings.model_validate(YAML(typ="safe").load(block)["messaging"])
        assert settings.effective_platform == "aelyst"
    assert settings.effective_base_url == "https://api.respond.io/v2"


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
