"""The stage of `balas demo`: shop, sandbox and agent in one process, and a scripted conversation with what its answers must hold."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from agent.app import Agent
from agent.cli.insight import AgentInsight
from agent.cli.serve import running
from agent.config import AgentConfig, load
from agent.errors import UsageError
from agent.web.listening import listening
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.sandbox.face import Face
from messaging.settings import MessagingSettings

if TYPE_CHECKING:
    from agent.scenarios.format import Scenario, Turn


@dataclass(frozen=True, slots=True)
class Scene:
    """What the customer says in one go, and what must come back.

    Each entry of `expect` is fulfilled by any of its texts; `payment` is rupiah; `replies` is the number of messages.
    """

    texts: tuple[str, ...]
    voice: Path | None
    expect: tuple[tuple[str, ...], ...]
    payment: int | None
    replies: int

    def shown(self) -> str:
        return " / ".join(self.texts) if self.texts else f"🎤 {self.voice.name if self.voice else ''}"


def load_script(path: Path) -> list[Scene]:
    """Read a scenario as the script of a demo: what the customer writes, and what each answer holds.

    Raises:
        ConfigErrors: it is none.
        InputError: it cannot be read.
    """
    from agent.scenarios.format import load as load_scenario

    scenario = load_scenario(path)
    return [_scene(turn, scenario) for turn in scenario.settings.turns or () if turn.messages]


def _scene(turn: "Turn", scenario: "Scenario") -> Scene:
    from agent.scenarios.expected import PaymentExpectation, ReplyExpectation, words

    voice = next((said.voice for said in turn.messages if said.voice is not None), None)
    expected = turn.expect or ()
    held: list[tuple[str, ...]] = []
    for reply in (each.reply for each in expected if each.reply is not None):
        contains = reply.contains if isinstance(reply, ReplyExpectation) else reply
        held += [words(each) for each in ((contains,) if isinstance(contains, str) else contains or ())]
    payment = next((each.payment for each in expected if isinstance(each.payment, PaymentExpectation)), None)
    return Scene(
        texts=tuple(said.text for said in turn.messages if said.text is not None and said.voice is None),
        voice=scenario.resolve(voice) if voice is not None else None,
        expect=tuple(held),
        payment=payment.amount if payment is not None else None,
        replies=next((each.replies for each in expected if each.replies is not None), 1),
    )


def shortcomings(scene: Scene, texts: Sequence[str], amounts: Sequence[int]) -> list[str]:
    """What is wrong with an answer: `texts` of its messages, `amounts` of the payment codes that its pictures hold."""
    found = []
    if len(texts) != scene.replies:
        found.append(f"{len(texts)} messages instead of {scene.replies}")
    whole = _folded("\n".join(texts))
    found += [
        f"nothing of {' | '.join(wanted)}"
        for wanted in scene.expect
        if not any(_folded(text) in whole for text in wanted)
    ]
    if scene.payment is not None and scene.payment not in amounts:
        found.append(f"no payment code over {scene.payment} (found: {', '.join(map(str, amounts)) or 'none'})")
    return found


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).casefold()


SAMPLE = Path(__file__).parents[2] / "agent.yaml"
"""The sample agent, whose shop has a name of its own."""

SECRET = "demo-secret"  # noqa: S105 - between two servers of one process on loopback


CONSOLE_TOKEN = "balas-demo"  # noqa: S105 - of a demo that only this machine reaches
"""Opens the console of the demo, where agent.yaml has no token."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs; `url` is the phone page, `console` the console."""

    sandbox: RunningSandbox
    agent: Agent
    url: str
    console: str
    insight: AgentInsight


def face_of(platform: str) -> Face:
    """The face with which the sandbox plays a platform. Raises `UsageError` for one that it does not know."""
    from messaging.sandbox.faces import FACES

    if platform not in FACES:
        raise UsageError(f"the sandbox cannot play {platform!r}; it plays {', '.join(FACES)}")
    return FACES[platform]()


_VOICE_TURN = re.compile(r"^  - customer: \{voice:.*\n(?:    .*\n)*", re.MULTILINE)
"""A turn of the sample's script whose recording, like the toy model that hears it, is only in the checkout."""


def sample_in(folder: Path) -> Path:
    """Write the sample agent, which comes with the package, into a folder; its agent.yaml."""
    with as_file(files("examples.kopi_senja")) as sample:
        shop = folder / "examples" / "kopi_senja"  # as in the checkout, where agent.yaml names its files so
        shutil.copytree(sample / "documents", shop / "documents", dirs_exist_ok=True)
        shutil.copy(sample / "menu.csv", shop)
        shutil.copy(sample / "agent.yaml", folder)
        script = (sample / "script.yaml").read_text(encoding="utf-8")
        (folder / "script.yaml").write_text(_VOICE_TURN.sub("", script), encoding="utf-8")
    if not Path("tests/data/voice/tiny-whisper").is_dir():
        os.environ.setdefault("BALAS_VOICE_MODEL", "none")  # the toy model is only in the checkout
    return folder / "agent.yaml"


@asynccontextmanager
async def stage(
    config: Path, *, port: int, samples: Path | None, data: Path, platform: str = "aelyst"
) -> AsyncIterator[Stage]:
    """Start the shop, the sandbox and the agent.

    Args:
        config: the agent's file.
        port: of the phone page; 0 for a free one.
        samples: a folder of voice notes for the phone page.
        data: an absolute folder that keeps their memory.
        platform: which one the sandbox plays.

    Raises:
        UsageError: the sandbox cannot play this platform.
    """
    from examples.kopi_senja.orders import create_app

    face = face_of(platform)

    async with listening(create_app(), "127.0.0.1", 0) as shop:
        os.environ["SHOP_URL"] = shop  # agent.yaml refers to it, as a real one refers to the real shop
        os.environ["BALAS_STORAGE"] = f"sqlite:///{data / 'balas.db'}"
        agent_config, insight = load(config), AgentInsight()
        options = SandboxOptions(
            port=port,
            webhook_secret=SECRET,
            samples=samples,
            business=_business(config, agent_config),
            insight=insight,
            storage=data / "sandbox.db",
        )
        async with RunningSandbox(options, face) as sandbox:
            overlay = partial(_on_stage, sandbox, platform)
            staged = overlay(agent_config)
            async with running(staged, host="127.0.0.1", port=0, overlay=overlay) as (agent, address):
                name = staged.platforms[0].effective_name
                sandbox.send_webhooks_to(f"{address}/webhooks/{name}", SECRET)
                insight.agent = agent
                yield Stage(sandbox, agent, sandbox.url, f"{address}/console/", insight)


def _business(file: Path, config: AgentConfig) -> str:
    return "Kopi Senja" if file.resolve() == SAMPLE else config.name


def _on_stage(sandbox: RunningSandbox, platform: str, config: AgentConfig) -> AgentConfig:
    """The configuration with the sandbox for its platform, and a token for the console."""
    messaging = MessagingSettings(
        platform="sandbox" if platform == "aelyst" else platform.partition("-")[0],
        dialect="docs" if platform.endswith("-docs") else "help",
        account="sandbox",
        base_url=sandbox.api_url,
        token=SecretStr(sandbox.token),
        webhook_secret=SecretStr(SECRET),
    )
    token = config.server.api_token or SecretStr(CONSOLE_TOKEN)
    changes = {
        "messaging": messaging,
        "voice": config.voice.model_copy(update={"allow_toy": True}),
        "server": config.server.model_copy(update={"public_url": None, "api_token": token}),
    }
    return config.model_copy(update=changes)
