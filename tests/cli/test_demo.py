"""`balas demo --once` plays the same conversation whichever platform the sandbox plays."""

import os

import pytest

from messaging.sandbox.faces import FACES
from tests.processes import ROOT, forked


@pytest.mark.parametrize("platform", sorted(FACES))
async def test_the_scripted_conversation_goes_as_expected_on_every_platform(platform: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("OPENAI_API_KEY", "AELYST_TOKEN")}
    command = ("demo", "--once", "--platform", platform, "-c", str(ROOT / "agent.yaml"))
    process = await forked(command, environment)
    assert process.stdout is not None
    printed = (await process.stdout.read()).decode(errors="replace")
    assert await process.wait() == 0, printed
    assert "10 of 10 answers as expected" in printed
