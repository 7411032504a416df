"""`balas demo`: the sample agent with a phone page; with `--once`, a scripted conversation that must go well."""

import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.serve import stop_signal
from agent.cli.stage import CONSOLE_TOKEN, Scene, face_of, load_script, sample_in, shortcomings
from agent.errors import OutsideError
from messaging.sandbox import RunningSandbox
from messaging.sandbox.records import Contact

_SAMPLES = Path("tests/data/voice/samples")
_HERE = Path("agent.yaml")
_SCRIPT = Path("examples/kopi_senja/script.yaml")
_TRIED = 6
"""Messages to try that the terminal names; the phone page offers them all."""


def demo(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="The agent's file; by default agent.yaml here, else the sample."),
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the phone page; 0 takes a free one.")] = 8099,
    once: Annotated[bool, typer.Option("--once", help="Run the scripted conversation and exit.")] = False,
    script: Annotated[Path | None, typer.Option(help="The conversation of --once; by default the sample's.")] = None,
    platform: Annotated[str, typer.Option(help="The platform that the sandbox plays.")] = "aelyst",
) -> None:
    """Run the sample agent with a phone page to chat with it: no account, no key, no network."""
    logging.getLogger().setLevel(logging.WARNING)
    samples = _SAMPLES if _SAMPLES.is_dir() else None
    if once:
        with tempfile.TemporaryDirectory(prefix="balas-demo-") as folder:
            if script is None and config is None and not _SCRIPT.is_file():  # installed: the script is the sample's
                config = sample_in(Path(folder) / "shop")
                script = config.with_name("script.yaml")
            scenes = load_script(script or _SCRIPT)
            asyncio.run(_once(config or _HERE, _playable(scenes), samples, Path(folder), platform))
        return
    if config is None and not _HERE.is_file():
        config = sample_in(Path(".balas/sample").absolute())
    config = config or _HERE
    data = config.resolve().parent / ".balas/demo"
    data.mkdir(parents=True, exist_ok=True)
    asyncio.run(_page(config, port, samples, data, platform))


def _playable(scenes: list[Scene]) -> list[Scene]:
    """The scenes whose voice notes are here; an installed balas brings none."""
    found = [scene for scene in scenes if scene.voice is None or scene.voice.is_file()]
    if left := len(scenes) - len(found):
        print(f"{left} voice notes are left out: they come with the checkout only")
    return found


async def _page(config: Path, port: int, samples: Path | None, data: Path, platform: str) -> None:
    from agent.cli.stage import stage

    stopping = stop_signal()
    begun = time.monotonic()
    try:
        async with stage(config, port=port, samples=samples, data=data, platform=platform) as running:
            while not running.agent.ready:
                await asyncio.sleep(0.05)
            model = running.agent.config.model
            print(f"\n  {running.agent.config.name} is ready after {time.monotonic() - begun:.1f} s.\n")
            print(f"  Open the phone page   {running.url}/")
            token = running.agent.config.server.api_token
            known = token is not None and token.get_secret_value() == CONSOLE_TOKEN
            print(
                f"  Open the console      {running.console}   (token: {CONSOLE_TOKEN if known else 'server.api_token'})"
            )
            print(
                f"  Answers come from     {'the offline model (set OPENAI_API_KEY for a real one)' if model.offline else model.name}"
            )
            for n, prompt in enumerate(running.insight.prompts()[:_TRIED]):
                print(f"  {'' if n else 'Try':<22}{prompt.text}")
            print("  Stop with Ctrl-C\n", flush=True)
            await stopping.wait()
    except OSError as error:
        raise OutsideError(f"cannot listen on port {port}: {error.strerror}; choose another with --port") from error


async def _once(config: Path, scenes: list[Scene], samples: Path | None, data: Path, platform: str) -> None:
    from agent.cli.stage import stage
    from examples.kopi_senja.orders import DEMO_PHONE

    wrong = 0
    async with stage(config, port=0, samples=samples, data=data, platform=platform) as running:
        while not running.agent.ready:
            await asyncio.sleep(0.05)
        customer = running.sandbox.phone(DEMO_PHONE)
        if not running.sandbox.state.face.tells_phone:
            await _share_number(running.sandbox, customer)
        for scene in scenes:
            wrong += not await _play(running.sandbox, customer, scene)
    print(f"\n{len(scenes) - wrong} of {len(scenes)} answers as expected")
    if wrong:
        sys.exit(3)


async def _share_number(sandbox: RunningSandbox, customer: Contact) -> None:
    """Send the customer's own contact card, without which the shop cannot know whose orders these are."""
    card: Any = {"name": {"formatted_name": customer.name}, "phones": [{"phone": customer.phone}]}
    last = sandbox.state.receive(customer, {"type": "contacts", "contacts": [card]})
    print(f"\n👤 [shares the number {customer.phone}]")
    for reply in await sandbox.replies(customer, after=last, within=60):
        print(f"🤖 {reply.content.get('text')}", flush=True)


async def _play(sandbox: RunningSandbox, customer: Contact, scene: Scene) -> bool:
    """Say it, wait for the answer, print both; whether the answer is as expected."""
    begun = time.monotonic()
    last: Any = sandbox.attach(customer, scene.voice.read_bytes(), scene.voice.name) if scene.voice else None
    for position, text in enumerate(scene.texts):
        if position:
            await asyncio.sleep(0.2)
        last = sandbox.say(customer, text)
    print(f"\n👤 {scene.shown()}")
    try:
        await sandbox.replies(customer, after=last, count=scene.replies, within=60)
        await asyncio.sleep(0.2)  # a message too many would come now
        messages = sandbox.sent(customer, after=last)
    except TimeoutError as error:
        messages = sandbox.sent(customer, after=last)
        print(f"   {error}")
    texts = [str(message.content.get("text") or "[image]") for message in messages]
    amounts = await _amounts([message.content for message in messages])
    for text in texts:
        print("🤖 " + text.replace("\n", "\n   "))
    problems = shortcomings(scene, texts, amounts)
    for amount in amounts:
        print(f"   (a QRIS code over Rp{amount:,})".replace(",", "."))
    print(f"   {'✗ ' + '; '.join(problems) if problems else '✓'} {time.monotonic() - begun:.1f} s", flush=True)
    return not problems


async def _amounts(contents: Sequence[Mapping[str, Any]]) -> list[int]:
    """The amounts of the payment codes in the pictures that were sent, read as a payer's app would."""
    import httpx

    from actions.qris import parse
    from actions.qris.picture import read_image

    found = []
    async with httpx.AsyncClient() as client:
        for content in contents:
            if content["type"] != "attachment" or content["attachment"]["type"] != "image":
                continue
            image = await client.get(content["attachment"]["url"])
            for text in await asyncio.to_thread(read_image, image.content):
                amount = parse(text).amount
                if amount is not None:
                    found.append(int(amount))
    return found


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8099,
    token: Annotated[str, typer.Option(help="The API token that clients must send.")] = "sandbox",
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Where events are sent.")] = None,
    secret: Annotated[str, typer.Option(help="The key that webhooks are signed with.")] = "sandbox-secret",
    samples: Annotated[Path | None, typer.Option(help="A folder of voice notes for the phone page.")] = None,
    keep: Annotated[Path | None, typer.Option(help="A file that keeps the conversations over a restart.")] = None,
    platform: Annotated[str, typer.Option(help="The platform that it plays.")] = "aelyst",
) -> None:
    """Run the sandbox until Ctrl-C: a platform's API, and a phone page to play the customer."""
    from messaging.sandbox import SandboxOptions, serve

    face = face_of(platform)

    options = SandboxOptions(
        host=host,
        port=port,
        token=token,
        webhook_url=webhook,
        webhook_secret=secret,
        samples=samples,
        storage=keep,
    )

    if host not in {"127.0.0.1", "::1", "localhost"}:
        typer.echo(
            f"warning: the sandbox listens on {host}, and everybody who reaches it may read and write everything in it",
            err=True,
        )

    def ready(address: str) -> None:
        print(f"Phone page   {address}/")
        print(f"API          {address}{face.prefixes[0]}   (token: {token})")
        print(f"Webhooks     {webhook or 'nowhere yet; give --webhook URL or add one on the page'}", flush=True)

    try:
        asyncio.run(serve(options, ready, face))
    except OSError as error:
        raise OutsideError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error
