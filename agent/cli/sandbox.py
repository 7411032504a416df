"""`balas sandbox`: the local messaging platform alone, for developing against Aelyst without an account."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from agent.errors import OutsideError


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8099,
    token: Annotated[str, typer.Option(help="The API token that clients must send.")] = "sandbox",
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Where events are sent.")] = None,
    secret: Annotated[str, typer.Option(help="The key that webhooks are signed with.")] = "sandbox-secret",
    samples: Annotated[Path | None, typer.Option(help="A folder of voice notes for the phone page.")] = None,
    keep: Annotated[Path | None, typer.Option(help="A file that keeps the conversations over a restart.")] = None,
) -> None:
    """Run the sandbox until Ctrl-C: Aelyst's API, and a phone page to play the customer."""
    from messaging.sandbox import SandboxOptions, serve

    options = SandboxOptions(
        host=host,
        port=port,
        token=token,
        webhook_url=webhook,
        webhook_secret=secret,
        samples=samples,
        storage=keep,
    )

    def ready(address: str) -> None:
        print(f"Phone page   {address}/")
        print(f"API          {address}/v1   (token: {token})")
        print(f"Webhooks     {webhook or 'nowhere yet; give --webhook URL or add one on the page'}", flush=True)

    try:
        asyncio.run(serve(options, ready))
    except OSError as error:
        raise OutsideError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error
