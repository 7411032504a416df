"""A broadcast beside the agent of a world: its file, its CSV, and the command that sends it."""

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML

from tests.acceptance.world import World


@dataclass
class Campaign:
    """`broadcast.yaml` in the world's folder; `settings` may be changed before `write`."""

    here: World
    settings: dict[str, Any] = field(default_factory=dict)

    def write(self, phones: Sequence[str], **changes: Any) -> None:
        """A broadcast of the template `sapaan` to these numbers, at any time of the day, fast."""
        lines = ["phone,first_name", *(f"{phone},Orang{number}" for number, phone in enumerate(phones))]
        self.csv("\n".join(lines) + "\n")
        self.settings = {
            "name": "promo",
            "audience": {"csv": "orang.csv"},
            "template": {"name": "sapaan", "language": "id", "parameters": ["{contact.first_name|Kak}"]},
            "channel": "1",
            "between": "00:00-24:00",
            "rate": "20/s",
            **changes,
        }
        self.save()

    def csv(self, text: str) -> None:
        (self.here.folder / "orang.csv").write_text(text)

    def save(self) -> None:
        with (self.here.folder / "broadcast.yaml").open("w") as file:
            YAML().dump(self.settings, file)

    async def run(self, *words: str, file: str = "broadcast.yaml") -> tuple[int, str]:
        """`balas broadcast FILE …`: its exit code and what it printed."""
        folder = self.here.folder
        self.here.write()
        command = ("broadcast", str(folder / file), *words, "-c", str(folder / "agent.yaml"))
        process = await self.here.begin(command, dict(os.environ))
        assert process.stdout is not None
        output = (await process.stdout.read()).decode()
        return await process.wait(), output

    async def send(self) -> str:
        code, output = await self.run("--yes")
        assert code == 0, output
        return output

    async def report(self) -> dict[str, Any]:
        code, output = await self.run("--report", "--json")
        assert code == 0, output
        found: dict[str, Any] = json.loads(output)
        return found

    async def finished(self, within: float = 90) -> dict[str, Any]:
        """Wait until everybody has got it or will not; the report."""
        try:
            async with asyncio.timeout(within):
                while True:
                    report = await self.report()
                    counts = report["counts"]
                    if report["state"] == "done" and not counts["waiting"] + counts["sending"]:
                        return report
                    await asyncio.sleep(2)  # each look is a command
        except TimeoutError:
            raise AssertionError(f"{report['counts']}\n" + "\n".join(self.here.log[-30:])) from None


def numbers(count: int, begin: int = 0) -> list[str]:
    """Phone numbers that somebody may have."""
    return [f"+6281234{n:06d}" for n in range(begin, begin + count)]
